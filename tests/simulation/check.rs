//! The verdict on a run, when all faults have ceased and nothing is on its way any more:
//!
//! 1. Each event that a caller was told is recorded is in exactly one object of each trail that
//!    takes it, by the trails in force when it was recorded, and in no other object.
//! 2. Each other event is treated so too, or is nowhere.
//! 3. Records are byte for byte what was sent; nothing is invented.
//! 4. Objects lie in the bucket and under the prefix of their trail.
//! 5. Each object of a trail with a topic was announced there; nothing was announced that is not
//!    in its bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use bytes::Bytes;
use delivery::Put;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use model::{Notice, TrailArn};
use serde::Deserialize;
use serde_json::value::RawValue;
use trails::{Facts, Trail, TrailSet};

use crate::definitions::TOPICS;
use crate::history::Sent;
use crate::world::World;

/// Bucket and key.
type Place = (String, String);

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// Where each event was found, by its number and the object's trail.
type Found = BTreeMap<usize, BTreeMap<TrailArn, Place>>;

pub fn check(world: &mut World) -> Result<(), String> {
    let objects: Vec<Put> = world.outside.store.objects();
    let is_ours = |put: &&Put| !world.foreign.contains(&place(put));
    let objects: Vec<Put> = objects.iter().filter(is_ours).cloned().collect();
    let found = find_all(world, &objects)?;
    let announced = announced(world, &objects)?;
    for (number, sent) in world.history.sent.iter().enumerate() {
        let nowhere = BTreeMap::new();
        let places = found.get(&number).unwrap_or(&nowhere);
        check_event(sent, places, &announced)
            .map_err(|error| format!("event {number}: {error}"))?;
    }
    world.tally.promised = world.history.promised();
    world.tally.objects = objects.len() as u64;
    world.tally.foreign = world.foreign.len() as u64;
    Ok(())
}

fn place(put: &Put) -> Place {
    (put.bucket.to_string(), put.key.clone())
}

fn find_all(world: &World, objects: &[Put]) -> Result<Found, String> {
    let mut found = Found::new();
    for put in objects {
        let content = gunzip(&put.body);
        let parsed: Content<'_> = serde_json::from_slice(&content).map_err(|e| e.to_string())?;
        let records: Vec<&str> = parsed.records.iter().map(|record| record.get()).collect();
        if format!(r#"{{"Records":[{}]}}"#, records.join(",")).as_bytes() != content {
            return Err(format!("{} holds more than its records", put.key));
        }
        for record in records {
            let number = world.history.find(record.as_bytes());
            let number = number.ok_or_else(|| format!("nobody sent {record}"))?;
            let places = found.entry(number).or_default();
            if let Some(first) = places.insert(put.trail.clone(), place(put)) {
                return Err(format!("event {number} is in {first:?} and in {:?}", place(put)));
            }
        }
    }
    Ok(found)
}

/// The objects announced on each topic, all of which must be there.
fn announced(world: &World, objects: &[Put]) -> Result<BTreeSet<(String, Place)>, String> {
    let places: BTreeSet<Place> = objects.iter().map(place).collect();
    let mut announced = BTreeSet::new();
    for topic in TOPICS {
        for message in world.outside.topics.messages(&topic.parse().unwrap()) {
            let notice = Notice::parse(&message).map_err(|error| error.to_string())?;
            for key in notice.keys {
                let place = (notice.bucket.clone(), key);
                if !places.contains(&place) {
                    return Err(format!("{place:?} was announced and is not there"));
                }
                announced.insert((topic.to_owned(), place));
            }
        }
    }
    Ok(announced)
}

fn check_event(
    sent: &Sent,
    places: &BTreeMap<TrailArn, Place>,
    announced: &BTreeSet<(String, Place)>,
) -> Result<(), String> {
    if places.is_empty() && !sent.is_promised {
        return Ok(());
    }
    let verdicts = sent.trails.iter().map(|set| check_under(set, sent, places, announced));
    let errors: Vec<String> = verdicts.filter_map(Result::err).collect();
    if errors.len() < sent.trails.len() {
        return Ok(());
    }
    Err(format!("promised: {}; {errors:?}; found in {places:?}", sent.is_promised))
}

/// Whether an event is where these trails want it, and nowhere else.
fn check_under(
    set: &TrailSet,
    sent: &Sent,
    places: &BTreeMap<TrailArn, Place>,
    announced: &BTreeSet<(String, Place)>,
) -> Result<(), String> {
    let facts = Facts::of(&sent.event);
    let takers: Vec<&Trail> = set.takers(&facts).collect();
    for trail in &takers {
        let place = places.get(&trail.arn).ok_or(format!("{} does not have it", trail.arn))?;
        let root = trail.prefix.as_ref().map_or(String::new(), |prefix| format!("{prefix}/"));
        let organization = set.organization_of(trail).map_or(String::new(), |id| format!("{id}/"));
        let root = format!("{root}AWSLogs/{organization}{}/", sent.event.account);
        if place.0 != trail.bucket.as_str() || !place.1.starts_with(&root) {
            return Err(format!("{} wants it in {}/{root}", trail.arn, trail.bucket));
        }
        let Some(topic) = &trail.topic else { continue };
        if !announced.contains(&(topic.to_string(), place.clone())) {
            return Err(format!("{place:?} was not announced on {topic}"));
        }
    }
    let is_wanted = |arn: &&TrailArn| !takers.iter().any(|trail| trail.arn == **arn);
    match places.keys().find(is_wanted) {
        Some(arn) => Err(format!("{arn} has it and did not take it")),
        None => Ok(()),
    }
}

fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    GzDecoder::new(body).read_to_end(&mut content).unwrap();
    content
}

/// What [`crate::mistakes::Mistake::ChangeRecords`] makes of a file.
pub fn without_spaces(body: &[u8]) -> Bytes {
    let mut content = gunzip(body);
    content.retain(|byte| *byte != b' ');
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&content).unwrap();
    Bytes::from(gzip.finish().unwrap())
}
