//! What the tests of the producer share: small segments, events told apart by a number, dice.
#![allow(dead_code, clippy::unwrap_used)]

pub mod world;

use std::sync::Arc;

use bytes::Bytes;
use cairn_producer::segment::Contents;
use cairn_producer::{Journal, JournalError, JournalSettings, Outcome, frame, segment};
use disk::{Disk, SimulatedDisk};
use model::{BatchId, Event, Sender, Timestamp};
use trails::TrailSet;

/// A few events fill a segment.
pub const SETTINGS: JournalSettings =
    JournalSettings { segment_bytes: 2048, quota_bytes: 64 * 2048, window_events: 10_000 };

/// Dice that fall the same way for the same seed (SplitMix64).
pub fn dice(seed: u64) -> impl FnMut(u64) -> u64 + Send {
    let mut state = seed;
    move |bound| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Event number `number`; lengths differ, so that frames end everywhere in a sector.
pub fn event(number: u64) -> Event {
    let padding = "x".repeat(usize::try_from(number * 37 % 211).unwrap());
    let record = format!(
        r#"{{"eventID":"{number}","eventTime":"2026-05-04T03:02:01Z","awsRegion":"eu-west-1","recipientAccountId":"111111111111","padding":"{padding}"}}"#
    );
    from_record(&record)
}

/// The event of a record.
pub fn from_record(record: &str) -> Event {
    let sender =
        Sender { account: "999999999999".parse().unwrap(), region: "us-east-1".parse().unwrap() };
    Event::from_record(Bytes::copy_from_slice(record.as_bytes()), &sender).unwrap().event
}

/// The moment so many milliseconds after the tests begin.
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_777_000_000_000 + millis)
}

/// A set of no trails, told from others by its version.
pub fn trails(version: u64) -> Arc<TrailSet> {
    Arc::new(TrailSet { version, ..TrailSet::default() })
}

/// Opens a journal on the disk.
pub fn open(disk: &SimulatedDisk, settings: JournalSettings) -> Result<Journal, JournalError> {
    open_at(disk, settings, at(0))
}

/// Opens a journal on the disk, at a moment.
pub fn open_at(
    disk: &SimulatedDisk,
    settings: JournalSettings,
    now: Timestamp,
) -> Result<Journal, JournalError> {
    // Numbers that never repeat on one disk, as real ones do not.
    let mut dice = dice(disk.operations());
    let random = Box::new(move || dice(u64::MAX));
    Journal::open(Arc::new(disk.clone()) as Arc<dyn Disk>, settings, trails(1), now, random)
}

/// Stages and commits these events, which must be new.
pub fn record(journal: &mut Journal, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert_eq!(journal.stage(&event(number), at(0)).unwrap(), Outcome::Recorded, "{number}");
    }
    journal.commit().unwrap();
}

/// The events of a batch.
pub fn events_of(disk: &SimulatedDisk, batch: BatchId) -> Vec<Event> {
    let contents = Contents::read(disk, &segment::path(batch)).unwrap();
    contents.payloads().map(|payload| frame::read_event(payload).unwrap().to_event()).collect()
}

/// The events of all sealed batches, in order.
pub fn sealed_events(disk: &SimulatedDisk, journal: &Journal) -> Vec<Event> {
    journal.state().sealed.iter().flat_map(|sealed| events_of(disk, sealed.batch)).collect()
}

/// The names of the files in the journal's directory that end so.
pub fn files(disk: &SimulatedDisk, ending: &str) -> Vec<String> {
    let names = disk.list(cairn_producer::DIRECTORY).unwrap();
    names.into_iter().filter(|name| name.ends_with(ending)).collect()
}
