//! What becomes of rows: from memory to a file, merged, damaged, expired, held.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // each test file uses what it needs
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use cairn_history::{Arrival, History, HistoryError, Hold, Moment, Row, Sequence, Settings};
use disk::simulated::{Fault, Operation};
use disk::{Disk, SimulatedDisk};
use model::{BatchId, Event};
use world::{DAY, Journal, all, at, check, event, open, rows, settings, start, tend};

const HOUR: Duration = Duration::from_secs(3600);
const ONE: &str = "111111111111";
const TWO: &str = "222222222222";

/// A batch of events of two accounts, so many hours after the start.
fn batch(journal: &mut Journal, hours: u32) -> BatchId {
    let time = start().plus(HOUR * hours);
    let id = BatchId(u64::try_from(time.as_millis()).unwrap());
    let number = |account| u64::from(hours) * 10 + account;
    let events = vec![
        event(number(1), ONE, "Management", time),
        event(number(2), TWO, "Management", time),
        event(number(3), ONE, "Data", time),
    ];
    journal.batches.insert(id, (events, false));
    id
}

fn events(journal: &Journal, id: BatchId) -> &[Event] {
    &journal.batches[&id].0
}

fn never() -> Result<Vec<Row>, HistoryError> {
    panic!("the rows are in memory")
}

fn files(disk: &SimulatedDisk, ending: &str) -> Vec<String> {
    let mut names = disk.list("history").unwrap();
    names.retain(|name| name.ends_with(ending));
    names
}

#[test]
fn an_event_is_found_from_its_commit_on() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let history = open(&disk, &settings(), &journal).unwrap();
    let id = batch(&mut journal, 0);
    history.committed(id, 0, events(&journal, id));
    let expected = journal.expected(&settings(), start());
    assert_eq!(expected.len(), 2, "data events are not kept");
    check(&all(&history).unwrap(), &expected);
    assert_eq!(history.report().recent_rows, 2);
    history.store(id, 3, never).unwrap();
    check(&all(&history).unwrap(), &expected);
    let report = history.report();
    assert_eq!((report.rows, report.files, report.recent_rows), (2, 1, 0));
    assert!(history.is_stored(id));
}

#[test]
fn a_batch_of_which_memory_has_only_a_part_is_read() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let history = open(&disk, &settings(), &journal).unwrap();
    let id = batch(&mut journal, 0);
    history.committed(id, 1, &events(&journal, id)[1..]);
    let read = || Ok::<_, HistoryError>(rows(id, events(&journal, id)));
    history.store(id, 3, read).unwrap();
    check(&all(&history).unwrap(), &journal.expected(&settings(), start()));
}

#[test]
fn a_batch_is_stored_once_however_often_it_is_asked_for() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let history = open(&disk, &settings(), &journal).unwrap();
    let id = batch(&mut journal, 0);
    history.committed(id, 0, events(&journal, id));
    history.store(id, 3, never).unwrap();
    history.store(id, 3, never).unwrap();
    drop(history);
    let again = open(&disk, &settings(), &journal).unwrap();
    again.store(id, 3, never).unwrap();
    assert_eq!(all(&again).unwrap().len(), 2);
}

#[test]
fn a_batch_without_rows_to_keep_makes_no_file() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let settings = Settings { categories: Vec::new(), ..settings() };
    let history = open(&disk, &settings, &journal).unwrap();
    let id = batch(&mut journal, 0);
    history.committed(id, 0, events(&journal, id));
    history.store(id, 3, never).unwrap();
    assert!(history.is_stored(id));
    assert_eq!(files(&disk, ".parquet"), [""; 0]);
}

#[test]
fn memory_is_bounded_and_what_it_dropped_is_found_again_in_a_file() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let settings = Settings { memory_bytes: 1, ..settings() };
    let history = open(&disk, &settings, &journal).unwrap();
    let ids = [batch(&mut journal, 0), batch(&mut journal, 1)];
    for id in ids {
        history.committed(id, 0, events(&journal, id));
    }
    let report = history.report();
    assert_eq!((report.recent_rows, report.dropped), (2, 1), "the newest batch stays");
    assert_eq!(all(&history).unwrap().len(), 2);
    journal.settle(&history).unwrap();
    check(&all(&history).unwrap(), &journal.expected(&settings, start()));
}

#[test]
fn a_damaged_or_missing_table_is_set_aside_and_the_rest_is_found() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let history = open(&disk, &settings(), &journal).unwrap();
    for hours in 0..3 {
        batch(&mut journal, hours * 30);
        journal.settle(&history).unwrap();
    }
    drop(history);
    let tables = files(&disk, ".parquet");
    let damaged = format!("history/{}", tables[0]);
    disk.flip_bit(&damaged, 8 * (disk.peek(&damaged).unwrap().len() as u64 - 20)).unwrap();
    disk.remove(&format!("history/{}", tables[1])).unwrap();
    for _ in 0..2 {
        let history = open(&disk, &settings(), &journal).unwrap();
        let lost = history.report().lost;
        assert_eq!(lost.len(), 2, "also at the next start");
        assert_eq!(lost[0].path(), format!("{damaged}.damaged"));
        assert!(lost[0].reason.contains("is damaged"), "{}", lost[0].reason);
        assert_eq!(files(&disk, ".damaged").len(), 2, "kept, and a sign for the missing one");
        assert_eq!(all(&history).unwrap().len(), 2, "the third batch");
    }
    let history = open(&disk, &settings(), &journal).unwrap();
    files(&disk, ".damaged")
        .iter()
        .for_each(|name| disk.remove(&format!("history/{name}")).unwrap());
    tend(&history, at(3 * DAY)).unwrap();
    assert_eq!(history.report().lost, [], "somebody took them away");
}

#[test]
fn damage_that_a_lookup_meets_sets_the_file_aside() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let history = open(&disk, &settings(), &journal).unwrap();
    batch(&mut journal, 0);
    journal.settle(&history).unwrap();
    drop(history);
    let table = format!("history/{}", files(&disk, ".parquet")[0]);
    disk.flip_bit(&table, 8 * 40).unwrap();
    let history = open(&disk, &settings(), &journal).unwrap();
    assert!(matches!(all(&history), Err(HistoryError::Damaged { .. })));
    tend(&history, at(DAY)).unwrap();
    assert_eq!(all(&history).unwrap(), []);
    assert_eq!(history.report().lost.len(), 1);
}

#[test]
fn a_file_that_cannot_be_opened_now_is_tried_again() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let history = open(&disk, &settings(), &journal).unwrap();
    batch(&mut journal, 0);
    journal.settle(&history).unwrap();
    drop(history);
    // The manifest, then the table.
    disk.fail(Fault::once(Operation::Open).after(1));
    let history = open(&disk, &settings(), &journal).unwrap();
    let report = history.report();
    assert_eq!((report.unopened.len(), report.lost.len()), (1, 0));
    tend(&history, at(DAY)).unwrap();
    assert_eq!(history.report().unopened, []);
    assert_eq!(all(&history).unwrap().len(), 2);
}

#[test]
fn a_manifest_that_is_damaged_or_missing_ends_the_start_and_removes_nothing() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let history = open(&disk, &settings(), &journal).unwrap();
    batch(&mut journal, 0);
    journal.settle(&history).unwrap();
    drop(history);
    let manifest = cairn_history::manifest::PATH;
    disk.flip_bit(manifest, 8 * 60).unwrap();
    for found in ["its checksum", "missing"] {
        let error = open(&disk, &settings(), &journal).unwrap_err().to_string();
        assert!(error.contains(found) || error.contains("unreadable"), "{error}");
        assert!(
            error.contains("history/manifest.json") && error.contains("cairn import"),
            "{error}"
        );
        assert_eq!(files(&disk, ".parquet").len(), 1);
        let _ = disk.remove(manifest);
    }
}

#[test]
fn a_manifest_that_may_have_been_replaced_loses_no_file() {
    for after in 0..6 {
        let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
        let history = open(&disk, &settings(), &journal).unwrap();
        batch(&mut journal, 0);
        disk.fail(Fault::once(Operation::SyncDirectory).after(after));
        let _ = journal.settle(&history);
        disk.heal();
        drop(history);
        disk.crash_process();
        let history = open(&disk, &settings(), &journal).unwrap();
        journal.settle(&history).unwrap();
        assert_eq!(history.report().lost, [], "after {after}");
        check(&all(&history).unwrap(), &journal.expected(&settings(), start()));
    }
}

fn settled(settings: &Settings) -> (SimulatedDisk, Journal, History) {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let history = open(&disk, settings, &journal).unwrap();
    for hours in 0..72 {
        batch(&mut journal, hours);
        journal.settle(&history).unwrap();
        tend(&history, at(HOUR * hours)).unwrap();
    }
    (disk, journal, history)
}

#[test]
fn rows_past_retention_are_not_found_and_their_files_go() {
    let (disk, journal, history) = settled(&settings());
    for hours in (72..24 * 9).step_by(7) {
        let now = at(HOUR * hours);
        tend(&history, now).unwrap();
        check(&all(&history).unwrap(), &journal.expected(&settings(), now.wall));
    }
    let report = history.report();
    assert_eq!((report.files, report.expired_rows), (0, 144), "{report:?}");
    assert_eq!(files(&disk, ".parquet"), [""; 0]);
}

#[test]
fn what_a_hold_covers_stays_and_is_found() {
    let hold = Hold {
        name: "case".into(),
        accounts: [TWO.parse().unwrap()].into(),
        from: Some(start().plus(HOUR * 10)),
        to: Some(start().plus(HOUR * 40)),
    };
    let held = Settings { holds: vec![hold], ..settings() };
    let (_, journal, history) = settled(&held);
    for hours in (72..24 * 20).step_by(7) {
        tend(&history, at(HOUR * hours)).unwrap();
        check(&all(&history).unwrap(), &journal.expected(&held, start().plus(HOUR * hours)));
    }
    let report = history.report();
    assert_eq!(report.rows, 31, "{report:?}");
    let merges = report.merges;
    tend(&history, at(24 * DAY)).unwrap();
    assert_eq!(history.report().merges, merges, "what is held is not written again and again");
    history.configure(settings());
    tend(&history, at(25 * DAY)).unwrap();
    assert_eq!((all(&history).unwrap().len(), history.report().files), (0, 0), "the hold is over");
}

#[test]
fn a_clock_that_leaps_ahead_removes_nothing() {
    let (disk, journal, history) = settled(&settings());
    let expected = journal.expected(&settings(), start());
    let leap = Moment { wall: start().plus(900 * DAY), uptime: at(HOUR * 73).uptime };
    tend(&history, leap).unwrap();
    check(&all(&history).unwrap(), &expected);
    assert!(history.report().doubts.is_some());
    drop(history);
    let history = open(&disk, &settings(), &journal).unwrap();
    tend(&history, leap).unwrap();
    check(&all(&history).unwrap(), &expected);
    tend(&history, at(HOUR * 73)).unwrap();
    assert!(history.report().doubts.is_none());
}

#[test]
fn rows_from_elsewhere_have_batches_of_their_own() {
    let (disk, journal) = (SimulatedDisk::new(), Journal::default());
    for number in 0..2 {
        let history = open(&disk, &settings(), &journal).unwrap();
        let Row { scope, record, .. } = Row::of(
            &event(number, ONE, "Management", start()),
            Sequence { batch: BatchId(0), index: 0 },
        );
        let arrival = Arrival { time: Some(start()), delivered: start(), scope, record };
        assert_eq!(history.import(vec![arrival]).unwrap().added, 1);
        assert_eq!(history.import(Vec::new()).unwrap().added, 0);
    }
    let history = open(&disk, &settings(), &journal).unwrap();
    let batches: BTreeSet<BatchId> =
        all(&history).unwrap().iter().map(|row| row.position.sequence.batch).collect();
    assert_eq!(batches.len(), 2);
    assert!(batches.iter().all(|batch| *batch >= Sequence::FIRST_IMPORT));
}

#[test]
fn an_event_of_long_ago_that_arrives_now_is_not_kept() {
    let (disk, mut journal) = (SimulatedDisk::new(), Journal::default());
    let history = open(&disk, &settings(), &journal).unwrap();
    tend(&history, at(30 * DAY)).unwrap();
    let id = batch(&mut journal, 0);
    history.committed(id, 0, events(&journal, id));
    assert_eq!(all(&history).unwrap(), []);
    history.store(id, 3, never).unwrap();
    assert_eq!(history.report().files, 0);
}

#[test]
fn an_index_that_rots_while_it_is_open_is_made_again() {
    let (disk, journal, history) = settled(&settings());
    let expected = journal.expected(&settings(), start());
    let indexes = files(&disk, ".index");
    assert!(!indexes.is_empty());
    for index in indexes {
        let path = format!("history/{index}");
        let bytes = disk.peek(&path).unwrap().len() as u64;
        for byte in (0..bytes).step_by(512) {
            disk.flip_bit(&path, 8 * byte).unwrap();
        }
    }
    assert!(all(&history).is_err(), "no wrong answer");
    // Each look meets one of them.
    for _ in 0..20 {
        let _ = (all(&history), tend(&history, at(HOUR * 73)));
    }
    check(&all(&history).unwrap(), &expected);
}

#[test]
fn what_a_crash_left_of_a_file_that_was_being_made_goes_at_the_start() {
    let (disk, journal, history) = settled(&settings());
    drop(history);
    for leftover in ["00000000000000ff.parquet.tmp", "00000000000000fe.index.tmp"] {
        disk::replace(&disk, &format!("history/{leftover}"), b"half").unwrap();
    }
    let history = open(&disk, &settings(), &journal).unwrap();
    assert_eq!(files(&disk, ".tmp"), [""; 0]);
    check(&all(&history).unwrap(), &journal.expected(&settings(), start()));
}
