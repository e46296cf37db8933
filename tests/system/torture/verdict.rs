//! What is in S3, compared with what was sent, event by event and byte by byte. S3 is read by its API
//! and never through Cairn.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::events::{Event, Kind};
use super::history::History;
use super::layout::{BUCKETS, Spot};
use crate::support::bucket::{LogFile, keys};
use crate::support::filing::place;
use crate::support::localstack::LocalStack;

const READS_AT_A_TIME: usize = 8;
/// Examples of each mistake that a failure shows.
const EXAMPLES: usize = 3;

/// What was found, in numbers.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Log files.
    pub files: BTreeSet<(String, String)>,
    /// Events in each spot.
    pub events: BTreeMap<Spot, usize>,
    /// Events that are there although nobody was told so.
    pub unpromised: usize,
    mistakes: BTreeMap<&'static str, Vec<String>>,
}

/// The members that tell which event a record is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(rename = "eventID")]
    event_id: &'a str,
    #[serde(borrow)]
    event_data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Activity<'a> {
    #[serde(rename = "UID")]
    uid: &'a str,
}

impl Verdict {
    /// Reads all buckets and compares.
    pub async fn reach(localstack: &LocalStack, buckets: &[String], history: &History) -> Verdict {
        let mut verdict = Verdict::default();
        let mut found: HashMap<Event, Vec<Spot>> = HashMap::new();
        for (number, bucket) in buckets.iter().enumerate() {
            let keys = keys(localstack, bucket).await;
            let keys = keys.into_iter().filter(|key| !key.ends_with('/'));
            let read = stream::iter(keys).map(|key| LogFile::read(localstack, bucket, key));
            let mut files = std::pin::pin!(read.buffer_unordered(READS_AT_A_TIME));
            while let Some(file) = files.next().await {
                verdict.take(number, &file, &mut found);
                verdict.files.insert((bucket.clone(), file.key_text));
            }
        }
        verdict.compare(found, history);
        verdict
    }

    /// Fails, and shows examples, when anything is not as it should be.
    #[track_caller]
    pub fn assert_good(&self) {
        let count = |mistakes: &Vec<String>| mistakes.len();
        let counts: Vec<_> = self.mistakes.iter().map(|(what, all)| (*what, count(all))).collect();
        let examples = self.mistakes.values().flat_map(|all| all.iter().take(EXAMPLES));
        assert!(
            counts.is_empty(),
            "{counts:?}\n{}",
            examples.cloned().collect::<Vec<_>>().join("\n")
        );
    }

    fn take(&mut self, bucket: usize, file: &LogFile, found: &mut HashMap<Event, Vec<Spot>>) {
        let prefix = file.key.prefix.as_deref();
        let known = super::layout::prefixes().into_iter().find(|known| *known == prefix);
        let Some(prefix) = known else {
            return self.mistake("a file under no trail's prefix", file.key_text.clone());
        };
        for record in &file.records {
            if place(record, ("", "")) != file.key.place {
                self.mistake("in a file of another place", format!("{}: {record}", file.key_text));
            }
            match event_of(record) {
                Ok(event) => found.entry(event).or_default().push((bucket, prefix)),
                Err(what) => self.mistake(what, format!("{}: {record}", file.key_text)),
            }
        }
    }

    fn compare(&mut self, mut found: HashMap<Event, Vec<Spot>>, history: &History) {
        let newest = history.newest();
        for (event, fate) in history.fates() {
            let mut spots = found.remove(&event).unwrap_or_default();
            spots.sort_unstable();
            for spot in &spots {
                *self.events.entry(*spot).or_default() += 1;
            }
            self.unpromised += usize::from(fate.acknowledged.is_none() && !spots.is_empty());
            if fate.allows(event, &spots, newest) {
                continue;
            }
            let is_doubled = spots.windows(2).any(|pair| pair[0] == pair[1]);
            let what = match (is_doubled, fate.acknowledged.is_some() && spots.is_empty()) {
                (true, _) => "doubled",
                (_, true) => "lost",
                _ => "lost by a trail, or taken by one that does not select it",
            };
            self.mistake(what, format!("{} {event:?} {fate:?} is in {spots:?}", event.id()));
        }
        for (event, spots) in found {
            self.mistake("invented", format!("{event:?} in {spots:?}"));
        }
    }

    fn mistake(&mut self, what: &'static str, example: String) {
        self.mistakes.entry(what).or_default().push(example);
    }
}

/// Which event a record is; fails when its bytes are not those that were sent.
pub fn event_of(record: &str) -> Result<Event, &'static str> {
    let Ok(read) = serde_json::from_str::<Record<'_>>(record) else {
        return Err("not a record of these senders");
    };
    let (id, sent) = match read.event_data {
        None => (read.event_id.to_owned(), record),
        Some(data) => {
            let activity = serde_json::from_str::<Activity<'_>>(data.get());
            (activity.map_or_else(|_| String::new(), |it| it.uid.to_owned()), data.get())
        }
    };
    let event = Event::parse(&id).ok_or("not an event of these senders")?;
    let is_activity = event.kind() == Kind::Activity;
    let is_same = event.text() == sent && is_activity == read.event_data.is_some();
    if is_same { Ok(event) } else { Err("changed bytes") }
}

/// `first/` and `a/b` of a spot, for people.
pub fn name(spot: &Spot) -> String {
    let (bucket, prefix) = spot;
    format!("{}/{}", BUCKETS[*bucket], prefix.unwrap_or_default())
}
