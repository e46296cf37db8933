//! What is in the event history, compared with what was sent. It is read from the data directory, when
//! no daemon has it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::history::{History, Query, ScopeFilter, Settings};
use disk::RealDisk;
use model::Timestamp;

use super::events::Event;
use super::history::Fate;
use super::verdict::event_of;

/// Each event that was acknowledged is in it once, and any other one at most once. Gives the number of
/// its events.
#[track_caller]
pub fn check(data: &Path, fates: &BTreeMap<Event, Fate>) -> usize {
    let disk = Arc::new(RealDisk::open(data).unwrap());
    let retention = Duration::from_secs(36_500 * 24 * 3600);
    let settings = Settings { retention, ..Settings::default() };
    let history = History::open(disk, settings, &[]).unwrap();
    assert_eq!(history.report().lost, [], "no file was ever damaged");
    let mut found: BTreeMap<Event, usize> = BTreeMap::new();
    let mut query = Query {
        scopes: ScopeFilter::default(),
        attributes: Vec::new(),
        from: Timestamp::from_millis(i64::MIN),
        to: Timestamp::from_millis(i64::MAX),
        after: None,
        limit: 1000,
    };
    loop {
        let page = history.lookup(&query).unwrap();
        for row in &page.rows {
            let record = str::from_utf8(&row.record).unwrap();
            let event = event_of(record).unwrap_or_else(|what| panic!("{what}: {record}"));
            *found.entry(event).or_default() += 1;
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    for (event, times) in &found {
        assert!(fates.contains_key(event), "{event:?} was invented");
        assert_eq!(*times, 1, "{event:?} is in the history {times} times");
    }
    for (event, fate) in fates {
        let is_there = found.contains_key(event) || fate.acknowledged.is_none();
        assert!(is_there, "{event:?} is acknowledged and not in the history");
    }
    found.len()
}
