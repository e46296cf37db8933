//! Whatever ends a process, at whatever operation of its disk: no row is lost, none is doubled.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // each test file uses what it needs
mod world;

use std::time::Duration;

use cairn_history::{History, HistoryError, Moment};
use disk::SimulatedDisk;
use disk::simulated::{Fault, Operation};
use model::{BatchId, Event};
use world::{DAY, Journal, all, at, dice, event, open, settings, start, tend};

const HOUR: Duration = Duration::from_secs(3600);
const BATCHES: u64 = 16;
/// Not at every operation: they repeat themselves, and a life takes 20 ms.
const STRIDE: u64 = 3;

/// A batch every nine hours: events of its time, a late one, one of far ago, one of a clock that is ahead.
fn batch(number: u64) -> (BatchId, Vec<Event>) {
    let begun = start().plus(HOUR * 9 * u32::try_from(number).unwrap());
    let id = BatchId(u64::try_from(begun.as_millis()).unwrap());
    let first = number * 100;
    let mut events: Vec<Event> = (0..4)
        .map(|index| {
            let category = if index == 3 { "Data" } else { "Management" };
            event(first + index, "111111111111", category, begun.plus(HOUR * 1))
        })
        .collect();
    let late = start().plus(HOUR * u32::try_from(number * 5).unwrap());
    events.push(event(first + 4, "222222222222", "Management", late));
    if number.is_multiple_of(5) {
        events.push(event(first + 5, "111111111111", "Management", begun.plus(700 * DAY)));
        events.push(event(first + 6, "111111111111", "Management", start()));
    }
    if number % 7 == 3 {
        // Nothing of it is kept.
        events = vec![event(first, "111111111111", "Data", begun)];
    }
    (id, events)
}

/// The life of a history: batches arrive, are stored and retired, time passes, files are merged and
/// expire.
fn live(history: &History, journal: &mut Journal, from: u64) -> Result<(), HistoryError> {
    for number in from..BATCHES {
        let (id, events) = batch(number);
        let middle = events.len() / 2;
        history.committed(id, 0, &events[..middle]);
        history.committed(id, middle as u64, &events[middle..]);
        journal.batches.insert(id, (events, false));
        journal.settle(history)?;
        tend(history, at(HOUR * 9 * u32::try_from(number).unwrap()))?;
    }
    Ok(())
}

/// The end of it, and what must be found.
fn finish(history: &History, journal: &mut Journal) {
    let from = journal.batches.len() as u64;
    journal.settle(history).unwrap();
    live(history, journal, from).unwrap();
    let now = at(HOUR * 9 * u32::try_from(BATCHES).unwrap());
    tend(history, now).unwrap();
    // After a start the calendar catches up with the time that it was not there.
    tend(history, Moment { uptime: now.uptime + DAY, ..now }).unwrap();
    let expected = journal.expected(&settings(), now.wall);
    world::check(&all(history).unwrap(), &expected);
    assert!(!expected.is_empty());
}

#[test]
fn a_life_without_accidents_merges_and_expires() {
    let disk = SimulatedDisk::new();
    let mut journal = Journal::default();
    let history = open(&disk, &settings(), &journal).unwrap();
    finish(&history, &mut journal);
    let report = history.report();
    assert!(report.merges > 5 && report.expired_rows > 10, "{report:?}");
    assert!(report.files < 12, "{report:?}");
    assert_eq!(report.recent_rows, 0, "{report:?}");
}

#[test]
fn power_loss_at_any_operation_neither_loses_nor_doubles_a_row() {
    let mut operations = 0;
    loop {
        let disk = SimulatedDisk::new();
        let mut journal = Journal::default();
        disk.stop_after(operations);
        let result =
            open(&disk, &settings(), &journal).and_then(|history| live(&history, &mut journal, 0));
        if operations % 3 == 2 {
            disk.crash_process();
        } else {
            disk.lose_power(&mut dice(operations));
        }
        // The second life ends early too, sometimes in the middle of its start.
        if operations % 2 == 1 {
            disk.stop_after(operations % 31);
            let again = open(&disk, &settings(), &journal);
            let _ = again.and_then(|history| journal.settle(&history));
            disk.lose_power(&mut dice(!operations));
        }
        let history = open(&disk, &settings(), &journal).unwrap();
        finish(&history, &mut journal);
        assert!(history.report().lost.is_empty(), "{:?}", history.report().lost);
        if result.is_ok() {
            break;
        }
        operations += STRIDE;
    }
    assert!(operations > 400, "{operations} operations are few");
}

#[test]
fn a_disk_that_fails_once_at_any_operation_neither_loses_nor_doubles_a_row() {
    for operation in [
        Operation::Create,
        Operation::Write,
        Operation::Sync,
        Operation::Rename,
        Operation::Remove,
        Operation::SyncDirectory,
        Operation::Open,
        Operation::Read,
    ] {
        for after in (0..90).step_by(7) {
            let disk = SimulatedDisk::new();
            let mut journal = Journal::default();
            let history = open(&disk, &settings(), &journal).unwrap();
            disk.fail(Fault::once(operation).after(after));
            let failed = live(&history, &mut journal, 0);
            disk.heal();
            // Half of them go on in the same process.
            if after % 2 == 0 {
                finish(&history, &mut journal);
            }
            drop(history);
            disk.lose_power(&mut dice(after));
            let history = open(&disk, &settings(), &journal).unwrap();
            finish(&history, &mut journal);
            assert!(history.report().lost.is_empty(), "{failed:?} {:?}", history.report().lost);
        }
    }
}
