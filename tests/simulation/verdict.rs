//! The verdict on a run, when all faults have ceased and nothing is on its way any more:
//!
//! 1. Each event that a caller was told is recorded is in exactly one object of each trail that
//!    takes it, by the trails in force when it was recorded, and in no other object. One that left
//!    the window of identities and was sent again is there once for each time it was recorded.
//! 2. Each other event is treated so too, or is nowhere.
//! 3. Records are byte for byte what was sent; nothing is invented.
//! 4. Objects lie in the bucket and under the prefix of their trail, encrypted with a key of it.
//! 5. Each object of a trail with a topic was announced there; nothing was announced that is not
//!    in its bucket.
//! 6. What somebody else put into a bucket is as it was.
//!
//! Before what is damaged is mended, the same holds but for what is in files that are reported and
//! kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use bytes::Bytes;
use delivery::Put;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use model::{LogFile, Notice, TopicArn, TrailArn};
use serde::Deserialize;
use serde_json::value::RawValue;
use trails::{Facts, Trail, TrailSet};

use crate::definitions::TOPICS;
use crate::history::{Recording, Sent};
use crate::outside::{Place, is_digest};
use crate::rot;
use crate::world::World;

/// Recordings of one event that need not have been, at most: more are not tried in each combination.
const DOUBTS_MAX: usize = 8;

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// What is in the buckets and was said on the topics.
struct Evidence {
    /// Where each event was found, by its number and the object's trail.
    found: BTreeMap<usize, BTreeMap<TrailArn, Vec<Place>>>,
    /// The objects announced on each topic.
    announced: BTreeSet<(String, Place)>,
}

/// The end: everything is where it belongs.
pub fn check(world: &mut World) -> Result<(), String> {
    let evidence = Evidence::gather(world)?;
    evidence.check(world, |_| false)
}

/// The same, but for what lies in files that the daemon reports as damaged or given up.
pub fn check_reports(world: &mut World) -> Result<(), String> {
    let mut evidence = Evidence::gather(world)?;
    evidence.announced.extend(held_back_notices(world)?);
    let excused = held_back(world)?;
    evidence.check(world, |number| excused.contains(&number))
}

/// Trails whose bucket takes files do not wait for one that refuses.
pub fn check_others(world: &mut World, refusing: &str) -> Result<(), String> {
    let evidence = Evidence::gather(world)?;
    let excused = held_back(world)?;
    for (number, sent) in world.history.sent.iter().enumerate() {
        let [Recording { trails, is_sure: true }] = sent.recordings.as_slice() else { continue };
        for trail in trails.takers(&Facts::of(&sent.event)) {
            let found = evidence.found.get(&number).and_then(|places| places.get(&trail.arn));
            let is_missing = found.is_none() && !excused.contains(&number);
            if trail.bucket.as_str() != refusing && is_missing {
                return Err(format!(
                    "event {number} does not reach {}, while {refusing} refuses: {}",
                    trail.arn,
                    world.process().waiting()
                ));
            }
        }
    }
    Ok(())
}

impl Evidence {
    fn gather(world: &World) -> Result<Evidence, String> {
        let mut objects: Vec<Put> = world.outside.store.objects();
        let mut foreign = world.foreign.clone();
        objects.retain(|put| {
            foreign.get(&place(put)) != Some(&put.body) || foreign.remove(&place(put)).is_none()
        });
        if let Some(place) = foreign.keys().next() {
            return Err(format!("the foreign object {place:?} was replaced"));
        }
        check_keys(world, &objects)?;
        objects.retain(|put| !is_digest(&put.key));
        Ok(Evidence { found: find_all(world, &objects)?, announced: announced(world, &objects)? })
    }

    fn check(&self, world: &World, is_excused: impl Fn(usize) -> bool) -> Result<(), String> {
        let nowhere = BTreeMap::new();
        for (number, sent) in world.history.sent.iter().enumerate() {
            let places = self.found.get(&number).unwrap_or(&nowhere);
            if !is_excused(number) {
                self.check_event(sent, places)
                    .map_err(|error| format!("event {number}: {error}"))?;
            }
        }
        Ok(())
    }

    /// Whether some of the doubtful recordings, with all of the sure ones, explain what was found.
    fn check_event(
        &self,
        sent: &Sent,
        places: &BTreeMap<TrailArn, Vec<Place>>,
    ) -> Result<(), String> {
        let (sure, doubtful): (Vec<_>, Vec<_>) = sent.recordings.iter().partition(|it| it.is_sure);
        let doubts = doubtful.len().min(DOUBTS_MAX);
        let mut errors = Vec::new();
        for choice in 0..1_u32 << doubts {
            let chosen = (0..doubts).filter(|place| choice & (1 << place) != 0);
            let chosen = chosen.map(|place| doubtful[place]);
            let recordings: Vec<&Recording> = sure.iter().copied().chain(chosen).collect();
            let is_possible = (!recordings.is_empty() || !sent.is_promised)
                && (recordings.len() <= 1 || sent.may_repeat);
            if !is_possible {
                continue;
            }
            match self.check_under(&recordings, sent, places) {
                Ok(()) => return Ok(()),
                Err(error) => errors.push(error),
            }
        }
        errors.dedup();
        Err(format!("promised: {}; {errors:?}; found in {places:?}", sent.is_promised))
    }

    /// Whether an event is where these recordings want it, and nowhere else.
    fn check_under(
        &self,
        recordings: &[&Recording],
        sent: &Sent,
        places: &BTreeMap<TrailArn, Vec<Place>>,
    ) -> Result<(), String> {
        let facts = Facts::of(&sent.event);
        let mut takers: BTreeMap<&TrailArn, Vec<(&TrailSet, &Trail)>> = BTreeMap::new();
        for recording in recordings {
            for trail in recording.trails.takers(&facts) {
                takers.entry(&trail.arn).or_default().push((&recording.trails, trail));
            }
        }
        for (arn, wanted) in &takers {
            let found = places.get(arn).map_or(&[][..], Vec::as_slice);
            if found.len() != wanted.len() {
                let (found, wanted) = (found.len(), wanted.len());
                return Err(format!("{arn} has it {found} times, not {wanted}"));
            }
            let is_right = |place: &Place| {
                wanted.iter().any(|(set, trail)| self.fits(set, trail, sent, place))
            };
            if let Some(wrong) = found.iter().find(|place| !is_right(place)) {
                return Err(format!(
                    "{arn} does not want it in {wrong:?}, or it was not announced"
                ));
            }
        }
        match places.keys().find(|arn| !takers.contains_key(arn)) {
            Some(arn) => Err(format!("{arn} has it and did not take it")),
            None => Ok(()),
        }
    }

    fn fits(&self, set: &TrailSet, trail: &Trail, sent: &Sent, place: &Place) -> bool {
        let root = trail.prefix.as_ref().map_or(String::new(), |prefix| format!("{prefix}/"));
        let organization = set.organization_of(trail).map_or(String::new(), |id| format!("{id}/"));
        let root = format!("{root}AWSLogs/{organization}{}/", sent.event.account);
        let is_announced =
            |topic: &TopicArn| self.announced.contains(&(topic.to_string(), place.clone()));
        place.0 == trail.bucket.as_str()
            && place.1.starts_with(&root)
            && trail.topic.as_ref().is_none_or(is_announced)
    }
}

pub fn place(put: &Put) -> Place {
    (put.bucket.to_string(), put.key.clone())
}

fn find_all(
    world: &World,
    objects: &[Put],
) -> Result<BTreeMap<usize, BTreeMap<TrailArn, Vec<Place>>>, String> {
    let mut found: BTreeMap<usize, BTreeMap<TrailArn, Vec<Place>>> = BTreeMap::new();
    for put in objects {
        for number in
            events_in(world, &put.body).map_err(|error| format!("{}: {error}", put.key))?
        {
            let places = found.entry(number).or_default();
            places.entry(put.trail.clone()).or_default().push(place(put));
        }
    }
    Ok(found)
}

/// The numbers of the events in a log file.
fn events_in(world: &World, body: &[u8]) -> Result<Vec<usize>, String> {
    let content = gunzip(body);
    let parsed: Content<'_> = serde_json::from_slice(&content).map_err(|e| e.to_string())?;
    let records: Vec<&str> = parsed.records.iter().map(|record| record.get()).collect();
    if format!(r#"{{"Records":[{}]}}"#, records.join(",")).as_bytes() != content {
        return Err("it holds more than its records".into());
    }
    let number = |record: &&str| world.history.find(record.as_bytes());
    records.iter().map(|it| number(it).ok_or_else(|| format!("nobody sent {it}"))).collect()
}

fn check_keys(world: &World, objects: &[Put]) -> Result<(), String> {
    for put in objects {
        let keys = world.registered.keys.get(&put.trail);
        if !keys.is_some_and(|keys| keys.contains(&put.kms_key)) {
            return Err(format!(
                "{} is encrypted with {:?}, which its trail never had",
                put.key, put.kms_key
            ));
        }
    }
    Ok(())
}

/// The objects announced on each topic, all of which must be there.
fn announced(world: &World, objects: &[Put]) -> Result<BTreeSet<(String, Place)>, String> {
    let places: BTreeSet<Place> = objects.iter().map(place).collect();
    let mut announced = BTreeSet::new();
    for topic in TOPICS {
        for message in world.outside.topics.messages(&topic.parse().unwrap()) {
            for place in places_in(&message)? {
                if !places.contains(&place) {
                    return Err(format!("{place:?} was announced and is not there"));
                }
                announced.insert((topic.to_owned(), place));
            }
        }
    }
    Ok(announced)
}

fn places_in(message: &str) -> Result<Vec<Place>, String> {
    let notice = Notice::parse(message).map_err(|error| error.to_string())?;
    let bucket = notice.bucket;
    Ok(notice.keys.into_iter().map(|key| (bucket.clone(), key)).collect())
}

/// The events in files that are reported as damaged or given up, and are there.
fn held_back(world: &World) -> Result<BTreeSet<usize>, String> {
    let mut held_back = BTreeSet::new();
    for file in world.reported() {
        let bytes = world.whole(&file).ok_or(format!("{file} is reported and not kept"))?;
        if file.starts_with("journal/") {
            let identities = rot::identities(&file, &bytes);
            held_back
                .extend(identities.into_iter().filter_map(|it| world.history.find_identity(it)));
        } else {
            let file = LogFile::from_bytes(payload(&bytes)).map_err(|error| error.to_string())?;
            held_back.extend(events_in(world, &file.body)?);
        }
    }
    Ok(held_back)
}

/// What is announced by notices that are reported as damaged or given up, and are there.
fn held_back_notices(world: &World) -> Result<Vec<(String, Place)>, String> {
    #[derive(Deserialize)]
    struct Parked {
        topic: String,
        message: String,
    }
    let mut held_back = Vec::new();
    for file in world.files("notices", |name| name.len() > 16) {
        let bytes = world.whole(&file).expect("it is listed");
        let parked: Parked =
            serde_json::from_slice(payload(&bytes)).map_err(|error| error.to_string())?;
        let places = places_in(&parked.message)?;
        held_back.extend(places.into_iter().map(|place| (parked.topic.clone(), place)));
    }
    Ok(held_back)
}

/// The payload of a parked file.
fn payload(bytes: &[u8]) -> &[u8] {
    let lane = u32::from_le_bytes(bytes[20..24].try_into().unwrap()) as usize;
    &bytes[36 + lane..]
}

pub fn gunzip(body: &[u8]) -> Vec<u8> {
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
