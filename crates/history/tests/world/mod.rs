//! A journal that cannot fail, beside a history that can: what the rows are compared with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cairn_history::{
    History, HistoryError, Limits, Moment, Position, Query, Row, ScopeFilter, Sequence, Settings,
};
use disk::{Disk, SimulatedDisk};
use model::{BatchId, Event, Sender, Timestamp};

pub const DAY: Duration = Duration::from_secs(24 * 3600);
/// When the first batch is begun.
pub const START: &str = "2026-03-01T00:00:00Z";

/// Dice that fall the same way for the same seed (SplitMix64).
pub fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |bound| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

pub fn start() -> Timestamp {
    Timestamp::parse(START).unwrap()
}

/// Small, so that a few batches make merges of merges.
pub fn settings() -> Settings {
    let limits = Limits { fan_in_min: 3, fan_in_max: 4, rows_max: 64, day_rows_min: 8 };
    Settings { retention: 5 * DAY, limits, ..Settings::default() }
}

/// An event of an account at a time.
pub fn event(number: u64, account: &str, category: &str, time: Timestamp) -> Event {
    let record = format!(
        r#"{{"eventID":"{number}","eventTime":"{time}","eventCategory":"{category}","recipientAccountId":"{account}"}}"#
    );
    let sender = Sender { account: account.parse().unwrap(), region: "eu-west-1".parse().unwrap() };
    Event::from_record(Bytes::from(record), &sender).unwrap().event
}

/// The rows of a batch, as whoever reads its segment gives them.
pub fn rows(batch: BatchId, events: &[Event]) -> Vec<Row> {
    let row = |(index, event): (u32, &Event)| Row::of(event, Sequence { batch, index });
    (0..).zip(events).map(row).collect()
}

/// A journal: batches that are sealed, and which of them are retired.
#[derive(Clone, Default)]
pub struct Journal {
    pub batches: BTreeMap<BatchId, (Vec<Event>, bool)>,
}

impl Journal {
    pub fn unretired(&self) -> Vec<BatchId> {
        self.batches.iter().filter(|(_, (_, retired))| !retired).map(|(id, _)| *id).collect()
    }

    /// Stores what is not retired, and retires it.
    pub fn settle(&mut self, history: &History) -> Result<(), HistoryError> {
        for (id, (events, is_retired)) in &mut self.batches {
            if !*is_retired {
                let read = || Ok::<_, HistoryError>(rows(*id, events));
                history.store(*id, events.len() as u64, read)?;
                *is_retired = true;
                history.retired(*id);
            }
        }
        Ok(())
    }

    /// All rows that a history of these settings shows at a time.
    pub fn expected(&self, settings: &Settings, now: Timestamp) -> Vec<Row> {
        let kept = settings.retention;
        let all = self.batches.iter().flat_map(|(id, (events, _))| rows(*id, events));
        let is_shown = |row: &Row| {
            let is_held =
                || settings.holds.iter().any(|hold| hold.covers(&row.scope, row.position.time));
            settings.categories.contains(&row.scope.category)
                && (row.position.time.plus(kept) >= now || is_held())
        };
        let mut rows: Vec<Row> = all.filter(is_shown).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.position));
        rows
    }
}

pub fn open(
    disk: &SimulatedDisk,
    settings: &Settings,
    journal: &Journal,
) -> Result<History, HistoryError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.process());
    History::open(disk, settings.clone(), &journal.unretired())
}

/// All rows, page by page.
pub fn all(history: &History) -> Result<Vec<Row>, HistoryError> {
    let mut rows = Vec::new();
    let mut after: Option<Position> = None;
    loop {
        let page = history.lookup(&Query {
            scopes: ScopeFilter::default(),
            attributes: Vec::new(),
            from: Timestamp::from_millis(i64::MIN),
            to: Timestamp::from_millis(i64::MAX),
            after,
            limit: 50,
        })?;
        rows.extend(page.rows.into_iter().map(|found| Row {
            position: found.position,
            scope: found.scope,
            record: found.record,
        }));
        after = page.next;
        if after.is_none() {
            return Ok(rows);
        }
    }
}

/// A moment so long after the start.
pub fn at(after: Duration) -> Moment {
    Moment { wall: start().plus(after), uptime: after }
}

/// Takes all steps that there are; how many.
pub fn tend(history: &History, now: Moment) -> Result<u64, HistoryError> {
    let mut steps = 0;
    while history.tend(now)? {
        steps += 1;
        assert!(steps < 10_000, "tending never ends");
    }
    Ok(steps)
}

/// The same rows in the same order.
#[track_caller]
pub fn check(found: &[Row], expected: &[Row]) {
    let name = |row: &Row| String::from_utf8_lossy(&row.record[11..52]).into_owned();
    let names = |rows: &[Row]| rows.iter().map(name).collect::<Vec<_>>();
    let missing = expected.iter().filter(|row| !found.contains(row)).cloned().collect::<Vec<_>>();
    let odd = found.iter().filter(|row| !expected.contains(row)).cloned().collect::<Vec<_>>();
    assert!(
        missing.is_empty() && odd.is_empty(),
        "{:?} missing, {:?} odd",
        names(&missing),
        names(&odd)
    );
    assert_eq!(names(found), names(expected));
}
