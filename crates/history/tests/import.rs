//! Records that are brought in are there once, whatever was there, however often they come, and whatever
//! ends the process that takes them.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // each test file uses what it needs
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use cairn_history::{
    Arrival, Attribute, History, HistoryError, Hold, Imported, Limits, Query, ScopeFilter, Settings,
};
use disk::SimulatedDisk;
use disk::simulated::{Fault, Operation};
use model::{BatchId, Category, Event, Sender, Timestamp};
use world::{DAY, Journal, all, at, dice, event, open, settings, start, tend};

const ACCOUNT: &str = "111111111111";

/// An event an hour.
fn arrival(number: u64, account: &str) -> Arrival {
    let time = start().plus(Duration::from_secs(3600 * number));
    Arrival::of(event(number, account, "Management", time), time.plus(Duration::from_secs(300)))
}

fn arrivals(numbers: impl IntoIterator<Item = u64>) -> Vec<Arrival> {
    numbers.into_iter().map(|number| arrival(number, ACCOUNT)).collect()
}

fn foreign(record: &str, delivered: &str) -> Arrival {
    let sender = Sender { account: ACCOUNT.parse().unwrap(), region: "eu-west-1".parse().unwrap() };
    let record = Bytes::copy_from_slice(record.as_bytes());
    let event = Event::from_record(record, &sender).unwrap().event;
    Arrival::of(event, Timestamp::parse(delivered).unwrap())
}

fn added(count: u64) -> Imported {
    Imported { added: count, ..Imported::default() }
}

fn duplicates(count: u64) -> Imported {
    Imported { duplicates: count, ..Imported::default() }
}

fn history(disk: &SimulatedDisk) -> History {
    open(disk, &settings(), &Journal::default()).unwrap()
}

/// The records that are found, each as often as it is.
fn records(history: &History) -> Vec<Bytes> {
    let mut records: Vec<Bytes> = all(history).unwrap().into_iter().map(|row| row.record).collect();
    records.sort_unstable();
    records
}

fn records_of(arrivals: &[Arrival]) -> Vec<Bytes> {
    let records: BTreeSet<Bytes> = arrivals.iter().map(|one| one.record.clone()).collect();
    records.into_iter().collect()
}

#[test]
fn what_is_brought_in_twice_is_there_once() {
    let disk = SimulatedDisk::new();
    let history = history(&disk);
    assert_eq!(history.import(arrivals(0..10)).unwrap(), added(10));
    assert_eq!(history.import(arrivals(0..10)).unwrap(), duplicates(10));
    let more = history.import(arrivals(5..12)).unwrap();
    assert_eq!(more, Imported { added: 2, duplicates: 5, ..Imported::default() });
    let twice = history.import(arrivals([20, 21, 20, 20])).unwrap();
    assert_eq!(twice, Imported { added: 2, duplicates: 2, ..Imported::default() });
    assert_eq!(records(&history), records_of(&arrivals((0..12).chain(20..22))));
    drop(history);
    let history = self::history(&disk);
    assert_eq!(history.import(arrivals(0..12)).unwrap(), duplicates(12), "after a start");
}

#[test]
fn what_the_journal_brought_is_known_in_memory_and_in_files() {
    let disk = SimulatedDisk::new();
    let history = history(&disk);
    let batch = BatchId(u64::try_from(start().as_millis()).unwrap());
    let events: Vec<Event> = (0..4)
        .map(|number| {
            let time = start().plus(Duration::from_secs(3600 * number));
            event(number, ACCOUNT, "Management", time)
        })
        .collect();
    history.committed(batch, 0, &events);
    assert_eq!(history.import(arrivals(0..4)).unwrap(), duplicates(4), "in memory");
    let mut journal = Journal::default();
    journal.batches.insert(batch, (events, false));
    journal.settle(&history).unwrap();
    assert_eq!(history.import(arrivals(0..4)).unwrap(), duplicates(4), "in a file");
    for first in (4..80).step_by(10) {
        history.import(arrivals(first..first + 10)).unwrap();
    }
    tend(&history, at(4 * DAY)).unwrap();
    assert!(history.report().merges > 0);
    assert_eq!(history.import(arrivals(0..80)).unwrap(), duplicates(80), "in merged files");
}

#[test]
fn the_same_event_in_another_account_or_with_other_bytes_is_another() {
    let disk = SimulatedDisk::new();
    let history = history(&disk);
    assert_eq!(history.import(arrivals([1])).unwrap(), added(1));
    assert_eq!(history.import(vec![arrival(1, "222222222222")]).unwrap(), added(1));
    let record = String::from_utf8(arrival(1, ACCOUNT).record.to_vec()).unwrap();
    let edited = record.replace("\"eventCategory\"", "\"eventName\":\"x\",\"eventCategory\"");
    assert_eq!(history.import(vec![foreign(&edited, "2026-03-01T02:00:00Z")]).unwrap(), added(1));
    assert_eq!(records(&history).len(), 3);
}

#[test]
fn many_different_records_of_one_event_id_are_each_compared_once() {
    const COUNT: u64 = 300;
    let disk = SimulatedDisk::new();
    // Whatever is read is read from the disk.
    let settings = Settings { cache_bytes: 0, ..settings() };
    let history = open(&disk, &settings, &Journal::default()).unwrap();
    let alike = |numbers: std::ops::Range<u64>, time: &str| -> Vec<Arrival> {
        let record = |number| format!(r#"{{{time}"eventID":"x","eventName":"{number}"}}"#);
        numbers.map(|number| foreign(&record(number), "2026-03-01T06:00:00Z")).collect()
    };
    for time in [r#""eventTime":"2026-03-01T05:00:00Z","#, ""] {
        assert_eq!(history.import(alike(0..COUNT, time)).unwrap(), added(COUNT));
        disk.fail(Fault::once(Operation::Read).after(60 * COUNT));
        let more = history.import(alike(COUNT - 1..2 * COUNT, time)).unwrap();
        assert_eq!(more, Imported { added: COUNT, duplicates: 1, ..Imported::default() });
        disk.heal();
        assert_eq!(history.import(alike(0..2 * COUNT, time)).unwrap(), duplicates(2 * COUNT));
    }
}

#[test]
fn nothing_is_brought_in_that_could_not_be_told() {
    let disk = SimulatedDisk::new();
    let history = history(&disk);
    history.import(arrivals(0..5)).unwrap();
    let expected = Imported { added: 4, duplicates: 2, ..Imported::default() };
    let refused = history.import_once_told(arrivals(3..9), |imported| {
        assert_eq!(*imported, expected);
        assert_eq!(records(&history).len(), 5, "nothing of it is there yet");
        Err(HistoryError::Crowded)
    });
    assert!(refused.is_err());
    assert_eq!(records(&history).len(), 5);
    assert_eq!(history.import(arrivals(3..9)).unwrap(), expected);
}

#[test]
fn records_without_an_id_or_a_time_are_known_by_their_bytes() {
    let disk = SimulatedDisk::new();
    let history = history(&disk);
    let without_id = r#"{"eventTime":"2026-03-01T05:00:00Z","eventName":"a"}"#;
    let without_time = r#"{"eventID":"x","eventName":"b"}"#;
    let without_both = r#"{"eventName":"c"}"#;
    for record in [without_id, without_time, without_both] {
        let first = foreign(record, "2026-03-01T06:00:00Z");
        let again = foreign(record, "2026-03-02T06:00:00Z");
        assert_eq!(history.import(vec![first.clone()]).unwrap(), added(1), "{record}");
        assert_eq!(history.import(vec![again]).unwrap(), duplicates(1), "{record}");
        assert_eq!(history.import(vec![first]).unwrap(), duplicates(1), "{record}");
    }
    let found = all(&history).unwrap();
    let times: Vec<String> = found.iter().map(|row| row.position.time.to_iso_seconds()).collect();
    let delivered = "2026-03-01T06:00:00Z";
    assert_eq!(times, [delivered, delivered, "2026-03-01T05:00:00Z"]);
}

#[test]
fn what_is_too_old_or_of_another_category_is_counted_and_left_out() {
    let disk = SimulatedDisk::new();
    let hold = Hold {
        name: "case 7".into(),
        accounts: ["222222222222".parse().unwrap()].into(),
        ..Hold::default()
    };
    let settings = Settings { holds: vec![hold], ..settings() };
    let history = open(&disk, &settings, &Journal::default()).unwrap();
    tend(&history, at(6 * DAY)).unwrap();
    let young = start().plus(5 * DAY);
    let of =
        |number, account, category, time| Arrival::of(event(number, account, category, time), time);
    let arrivals = vec![
        of(0, ACCOUNT, "Management", young),
        of(1, ACCOUNT, "Data", young),
        of(2, ACCOUNT, "Management", start()),
        of(3, ACCOUNT, "Insight", young),
        of(4, "222222222222", "Management", start()),
    ];
    let expected = Imported { added: 3, expired: 1, not_kept: 1, ..Imported::default() };
    assert_eq!(history.import(arrivals).unwrap(), expected);
    assert_eq!(history.kept_from(), None, "as something is held");
}

#[test]
fn it_is_told_from_when_on_rows_are_kept() {
    let disk = SimulatedDisk::new();
    let history = history(&disk);
    assert_eq!(history.kept_from(), None, "nobody knows the time yet");
    tend(&history, at(6 * DAY)).unwrap();
    assert_eq!(history.kept_from(), Some(start().plus(DAY)));
}

#[test]
fn imported_rows_are_looked_up_like_others() {
    let disk = SimulatedDisk::new();
    let history = history(&disk);
    history.import(arrivals(0..200)).unwrap();
    for (attributes, expected) in [
        (vec![(Attribute::EventId, "17")], 1),
        (vec![(Attribute::EventId, "200")], 0),
        (vec![], 200),
    ] {
        let attributes = attributes.into_iter().map(|(name, value)| (name, value.to_owned()));
        let query = Query {
            scopes: ScopeFilter {
                accounts: Some([ACCOUNT.parse().unwrap()].into()),
                ..Default::default()
            },
            attributes: attributes.collect(),
            from: start(),
            to: start().plus(30 * DAY),
            after: None,
            limit: 1000,
        };
        assert_eq!(history.lookup(&query).unwrap().rows.len(), expected);
    }
}

#[test]
fn imports_wait_while_many_files_wait_to_be_merged() {
    let disk = SimulatedDisk::new();
    let history = history(&disk);
    let mut taken = 0;
    let crowded = loop {
        match history.import(arrivals([taken])) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 1000, "nothing holds it back");
    };
    assert!(matches!(crowded, HistoryError::Crowded), "{crowded}");
    tend(&history, at(DAY * 1)).unwrap();
    assert_eq!(history.import(arrivals([taken])).unwrap(), added(1), "once they are merged");
    assert_eq!(records(&history), records_of(&arrivals(0..=taken)));
}

#[test]
fn imports_wait_while_the_journal_has_what_the_history_has_not() {
    let disk = SimulatedDisk::new();
    let mut journal = Journal::default();
    let batch = BatchId(u64::try_from(start().as_millis()).unwrap());
    journal.batches.insert(batch, (vec![event(0, ACCOUNT, "Management", start())], false));
    let history = open(&disk, &settings(), &journal).unwrap();
    let error = history.import(arrivals([0])).unwrap_err();
    assert!(matches!(error, HistoryError::Behind), "{error}");
    journal.settle(&history).unwrap();
    assert_eq!(history.import(arrivals([0])).unwrap(), duplicates(1));
    // So does a batch that was dropped from memory.
    let small = Settings { memory_bytes: 1, ..settings() };
    history.configure(small);
    for number in 1..3 {
        let batch = BatchId(batch.0 + number);
        history.committed(batch, 0, &[event(number, ACCOUNT, "Management", start())]);
        journal.batches.insert(batch, (vec![event(number, ACCOUNT, "Management", start())], false));
    }
    assert!(matches!(history.import(arrivals([9])).unwrap_err(), HistoryError::Behind));
    journal.settle(&history).unwrap();
    assert_eq!(history.import(arrivals([9])).unwrap(), added(1));
}

#[test]
fn an_import_that_is_cut_off_anywhere_and_repeated_loses_and_doubles_nothing() {
    let parts: Vec<Vec<Arrival>> =
        (0..4).map(|part: u64| arrivals(part * 5..part * 5 + 7)).collect();
    let expected = records_of(&parts.concat());
    let mut operations = 0;
    loop {
        let disk = SimulatedDisk::new();
        disk.stop_after(operations);
        let import = |history: &History| -> Result<(), HistoryError> {
            for part in &parts {
                history.import(part.clone())?;
                tend(history, at(4 * DAY))?;
            }
            Ok(())
        };
        let opened = open(&disk, &settings(), &Journal::default());
        let result = opened.and_then(|history| import(&history));
        match operations % 2 {
            0 => disk.lose_power(&mut dice(operations)),
            _ => disk.crash_process(),
        }
        let history = history(&disk);
        import(&history).unwrap();
        assert_eq!(records(&history), expected, "cut off after {operations} operations");
        if result.is_ok() {
            break;
        }
        operations += 1;
    }
    assert!(operations > 50, "{operations} operations are few");
}

#[test]
fn an_import_that_the_disk_refuses_once_may_be_repeated_at_once() {
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename] {
        for after in 0..20 {
            let disk = SimulatedDisk::new();
            let history = history(&disk);
            history.import(arrivals(0..5)).unwrap();
            disk.fail(Fault::once(operation).after(after));
            let _ = history.import(arrivals(3..9));
            disk.heal();
            history.import(arrivals(0..9)).unwrap();
            assert_eq!(records(&history), records_of(&arrivals(0..9)), "{operation:?} {after}");
            drop(history);
            disk.lose_power(&mut dice(after));
            let history = self::history(&disk);
            assert_eq!(records(&history), records_of(&arrivals(0..9)), "{operation:?} {after}");
        }
    }
}

#[test]
fn categories_that_are_kept_by_configuration_are_taken() {
    let disk = SimulatedDisk::new();
    let categories = vec![Category::Management, Category::Data];
    let settings = Settings { categories, limits: Limits::default(), ..settings() };
    let history = open(&disk, &settings, &Journal::default()).unwrap();
    let data = Arrival::of(event(0, ACCOUNT, "Data", start()), start());
    assert_eq!(history.import(vec![data]).unwrap(), added(1));
}
