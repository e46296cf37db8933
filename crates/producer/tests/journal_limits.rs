//! What the journal refuses and why, what it recognises, and what it does with the files it finds.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::ErrorKind;
use std::sync::Arc;

use cairn_producer::{Journal, JournalError, JournalSettings, Outcome, segment, window};
use disk::simulated::{Fault, Operation};
use disk::{Disk, SimulatedDisk};
use model::BatchId;
use support::{
    SETTINGS, at, dice, event, events_of, files, open, open_at, record, sealed_events, trails,
};
use trails::{Trail, TrailSet};

/// Settles the oldest sealed batch as the pipeline does.
fn retire_oldest(disk: &SimulatedDisk, journal: &mut Journal) -> BatchId {
    let batch = journal.state().sealed[0].batch;
    let identities: Vec<_> = events_of(disk, batch).iter().map(|event| event.identity).collect();
    window::store(disk, batch, &identities).unwrap();
    journal.retire(batch).unwrap();
    batch
}

fn is_full(result: &Result<Outcome, JournalError>) -> bool {
    matches!(result, Err(JournalError::Full { .. }))
}

fn is_halted<T>(result: &Result<T, JournalError>) -> bool {
    matches!(result, Err(JournalError::Halted(_)))
}

/// Records events until one is refused; returns its number.
fn fill(journal: &mut Journal, from: u64) -> u64 {
    for number in from..from + 500 {
        match journal.stage(&event(number), at(0)) {
            Ok(_) => journal.commit().unwrap(),
            refused => {
                assert!(is_full(&refused), "event {number}");
                return number;
            }
        }
    }
    panic!("500 events are taken and none is refused")
}

#[test]
fn a_used_quota_refuses_and_a_retired_batch_makes_room() {
    let disk = SimulatedDisk::new();
    let settings = JournalSettings { quota_bytes: 3 * SETTINGS.segment_bytes, ..SETTINGS };
    let mut journal = open(&disk, settings).unwrap();
    let refused = fill(&mut journal, 0);
    let state = journal.state();
    assert_eq!((state.files, state.files_max, state.halted), (3, 3, None));
    assert!(is_full(&journal.stage(&event(refused), at(0))), "still full");
    retire_oldest(&disk, &mut journal);
    record(&mut journal, [refused]);
    let refused = fill(&mut journal, refused + 1);

    let mut journal = open(&disk, settings).unwrap();
    assert!(is_full(&journal.stage(&event(refused), at(0))), "full after a restart as well");
    while !journal.state().sealed.is_empty() {
        retire_oldest(&disk, &mut journal);
    }
    record(&mut journal, [refused]);
    assert!(files(&disk, ".segment").len() + spares(&disk).len() <= 3);
}

fn spares(disk: &SimulatedDisk) -> Vec<String> {
    let names = disk.list("journal").unwrap();
    names.into_iter().filter(|name| name.starts_with("spare-")).collect()
}

#[test]
fn a_full_disk_refuses_and_does_not_halt() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        disk.fail(Fault::once(Operation::Create).with(kind));
        assert!(is_full(&journal.stage(&event(0), at(0))));
    }
    assert_eq!(journal.state().halted, None);
    record(&mut journal, 0..3);
    disk.set_capacity(2 * SETTINGS.segment_bytes);
    let refused = fill(&mut journal, 3);
    disk.set_capacity(1 << 20);
    record(&mut journal, [refused]);
    assert_eq!(sealed_events(&disk, &journal).len() as u64 + 1, refused + 1);
}

#[test]
fn an_event_larger_than_a_segment_is_refused_and_the_others_are_taken() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    let large = format!(r#"{{"eventName":"{}"}}"#, "x".repeat(2048));
    for _ in 0..20 {
        assert!(is_full(&journal.stage(&support::from_record(&large), at(0))));
    }
    record(&mut journal, 0..3);
    assert_eq!(journal.state().files, 1);
}

#[test]
fn after_a_failed_write_or_sync_the_journal_is_halted_until_a_restart() {
    for operation in [Operation::Sync, Operation::Write] {
        for survives in [0, 1] {
            let disk = SimulatedDisk::new();
            let mut journal = open(&disk, SETTINGS).unwrap();
            record(&mut journal, 0..3);
            journal.stage(&event(3), at(0)).unwrap();
            disk.fail(Fault::once(operation));
            assert!(is_halted(&journal.commit()), "{operation:?}");
            // The disk is well again, but what it kept is unknown: no call succeeds.
            assert!(is_halted(&journal.commit()));
            assert!(is_halted(&journal.stage(&event(4), at(0))));
            assert!(is_halted(&journal.seal(at(0))));
            assert!(is_halted(&journal.rest()));
            assert!(is_halted(&journal.set_trails(trails(2), at(0))));
            let state = journal.state();
            assert!(state.halted.is_some());
            assert_eq!(state.open.unwrap().1, 3, "what is durable still waits");

            disk.lose_power(&mut |n| survives % n);
            let mut journal = open(&disk, SETTINGS).unwrap();
            let found = sealed_events(&disk, &journal);
            let all: Vec<_> = (0..4).map(event).collect();
            assert!(found == all[..3] || found == all, "{operation:?} {found:?}");
            record(&mut journal, [4]);
        }
    }
}

/// The page cache still shows what a failed sync has lost.
#[test]
fn what_a_failed_sync_left_behind_is_durable_before_it_counts_as_recorded() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    record(&mut journal, 0..3);
    journal.stage(&event(3), at(0)).unwrap();
    disk.fail(Fault::once(Operation::Sync));
    assert!(is_halted(&journal.commit()));
    disk.crash_process();

    let mut journal = open(&disk, SETTINGS).unwrap();
    let outcome = journal.stage(&event(3), at(0)).unwrap();
    journal.commit().unwrap();
    disk.lose_power(&mut |_| 0);
    let journal = open(&disk, SETTINGS).unwrap();
    assert_eq!(journal.state().damaged, []);
    let found = sealed_events(&disk, &journal);
    assert_eq!(found, (0..4).map(event).collect::<Vec<_>>(), "it was {outcome:?}");
}

#[test]
fn a_batch_whose_retirement_the_disk_refuses_is_retired_or_there_after_a_restart() {
    for operation in [Operation::Rename, Operation::SyncDirectory] {
        let disk = SimulatedDisk::new();
        let mut journal = open(&disk, SETTINGS).unwrap();
        record(&mut journal, 0..3);
        journal.seal(at(0)).unwrap();
        let batch = journal.state().sealed[0].batch;
        disk.fail(Fault::once(operation));
        journal.retire(batch).unwrap_err();
        assert!(journal.state().halted.is_some(), "{operation:?}: it is not tried again");
        let mut journal = open(&disk, SETTINGS).unwrap();
        assert_eq!(journal.state().damaged, [], "{operation:?}");
        let there = journal.state().sealed;
        assert_eq!(there.len(), usize::from(operation == Operation::Rename), "{operation:?}");
        record(&mut journal, 10..12);
    }
}

#[test]
fn a_retry_is_recognised_wherever_the_first_one_is() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    let check = |journal: &mut Journal, whereabouts: &str| {
        let outcome = journal.stage(&event(1), at(0)).unwrap();
        assert_eq!(outcome, Outcome::Again, "{whereabouts}");
        journal.commit().unwrap();
    };
    journal.stage(&event(1), at(0)).unwrap();
    check(&mut journal, "in the same group");
    check(&mut journal, "in the open segment");
    journal.seal(at(0)).unwrap();
    check(&mut journal, "in a sealed segment");
    disk.lose_power(&mut |_| 0);
    let mut journal = open(&disk, SETTINGS).unwrap();
    check(&mut journal, "after a restart");
    retire_oldest(&disk, &mut journal);
    check(&mut journal, "after it was retired");
    disk.lose_power(&mut |_| 0);
    let mut journal = open(&disk, SETTINGS).unwrap();
    assert!(journal.state().sealed.is_empty());
    check(&mut journal, "after it was retired and a restart");
    assert_eq!(journal.state().again, 1);
    assert_eq!(journal.state().open, None, "nothing was recorded");
}

#[test]
fn an_event_that_was_refused_is_no_retry() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    disk.fail(Fault::once(Operation::Create).with(ErrorKind::StorageFull));
    assert!(is_full(&journal.stage(&event(1), at(0))));
    record(&mut journal, [1]);
}

#[test]
fn beyond_the_window_events_are_forgotten_and_their_files_removed() {
    let disk = SimulatedDisk::new();
    let settings = JournalSettings { window_events: 20, ..SETTINGS };
    let mut journal = open(&disk, settings).unwrap();
    for batch in 0..20 {
        record(&mut journal, batch * 4..batch * 4 + 4);
        journal.seal(at(0)).unwrap();
        retire_oldest(&disk, &mut journal);
        // A file is kept as long as its batch may be among the newest 20 events.
        assert!(files(&disk, ".ids").len() <= 6, "{:?}", files(&disk, ".ids"));
    }
    let mut journal = open(&disk, settings).unwrap();
    assert_eq!(journal.stage(&event(79), at(0)).unwrap(), Outcome::Again);
    assert_eq!(journal.stage(&event(70), at(0)).unwrap(), Outcome::Again, "the newest half");
    assert_eq!(journal.stage(&event(50), at(0)).unwrap(), Outcome::Recorded, "forgotten");
}

/// A crash between its identities and its retirement makes a batch retire twice.
#[test]
fn identities_stored_twice_are_forgotten_once() {
    let disk = SimulatedDisk::new();
    let settings = JournalSettings { window_events: 8, ..SETTINGS };
    let mut journal = open(&disk, settings).unwrap();
    record(&mut journal, 0..4);
    journal.seal(at(0)).unwrap();
    let batch = journal.state().sealed[0].batch;
    window::store(&disk, batch, &[event(0).identity]).unwrap();
    disk.crash_process();
    let mut journal = open(&disk, settings).unwrap();
    for round in 0..10 {
        retire_oldest(&disk, &mut journal);
        record(&mut journal, 100 + round * 4..104 + round * 4);
        journal.seal(at(0)).unwrap();
    }
    assert!(files(&disk, ".ids").len() <= 4, "{:?}", files(&disk, ".ids"));
}

#[test]
fn batch_numbers_grow_over_restarts_whatever_the_clock_does() {
    for window_events in [0, 10_000] {
        let settings = JournalSettings { window_events, ..SETTINGS };
        let disk = SimulatedDisk::new();
        let mut last = BatchId(0);
        for (start, hours) in (0..).zip([0, 1, -5, -5, 48, -1, -1]) {
            let now = at(hours * 3_600_000);
            let mut journal = open_at(&disk, settings, now).unwrap();
            for batch in 0..3 {
                journal.stage(&event(start * 10 + batch), now).unwrap();
                journal.seal(now).unwrap();
            }
            // In another order than their own: the last one is not retired last.
            let state = journal.state();
            assert!(
                state.sealed.iter().all(|sealed| sealed.batch > last),
                "{state:?} after {last}"
            );
            last = state.sealed[2].batch;
            for place in [2, 0, 0] {
                let batch = journal.state().sealed[place].batch;
                let identities =
                    events_of(&disk, batch).iter().map(|e| e.identity).collect::<Vec<_>>();
                window::store(&disk, batch, &identities).unwrap();
                journal.retire(batch).unwrap();
            }
        }
    }
}

#[test]
fn a_damaged_segment_is_kept_and_told_and_the_others_go_on() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    for batch in 0..3 {
        record(&mut journal, batch * 3..batch * 3 + 3);
        journal.seal(at(0)).unwrap();
    }
    let damaged = segment::path(journal.state().sealed[1].batch);
    disk.flip_bit(&damaged, 8 * 700).unwrap();
    for _ in 0..2 {
        let mut journal = open(&disk, SETTINGS).unwrap();
        let state = journal.state();
        assert_eq!(state.damaged.len(), 1);
        assert_eq!(state.damaged[0].file, damaged);
        let found = sealed_events(&disk, &journal);
        assert!((0..3).chain(6..9).map(event).all(|event| found.contains(&event)));
        assert!(disk.open(&damaged).is_ok());
        assert_eq!(state.files, state.sealed.len() + 1 + spares(&disk).len());
        let newest = found.len() as u64;
        record(&mut journal, [1000 + newest]);
    }
}

#[test]
fn spares_are_used_again_and_those_of_another_size_removed() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    for batch in 0..10 {
        record(&mut journal, batch * 3..batch * 3 + 3);
        journal.seal(at(0)).unwrap();
        retire_oldest(&disk, &mut journal);
    }
    assert_eq!((spares(&disk).len(), journal.state().files), (1, 1), "one file is enough");
    disk.create("journal/spare-77", 100).unwrap();
    let journal = open(&disk, SETTINGS).unwrap();
    assert_eq!(journal.state().files, 1);
    assert!(!spares(&disk).contains(&"spare-77".to_owned()));
    let larger = JournalSettings { segment_bytes: 4096, ..SETTINGS };
    let mut journal = open(&disk, larger).unwrap();
    assert!(spares(&disk).is_empty());
    record(&mut journal, 100..110);
}

#[test]
fn files_of_others_are_left_alone() {
    let disk = SimulatedDisk::new();
    drop(open(&disk, SETTINGS).unwrap());
    let foreign =
        ["notes.txt", "1.segment", "spare-parts.txt", "+000000000000001.ids", "a.ids.tmp"];
    for name in foreign {
        let file = disk.create(&format!("journal/{name}"), 0).unwrap();
        file.write_all_at(b"mine", 0).unwrap();
    }
    let mut journal = open(&disk, SETTINGS).unwrap();
    record(&mut journal, 0..20);
    assert_eq!(journal.state().damaged, []);
    for name in foreign {
        assert_eq!(disk::read(&disk, &format!("journal/{name}")).unwrap(), b"mine", "{name}");
    }
}

#[test]
fn a_damaged_identity_is_a_clear_error_and_nothing_is_changed() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    record(&mut journal, 0..3);
    let identity = disk::read(&disk, "journal/identity").unwrap();
    // Half of it is a number too, and another journal's.
    for damaged in [&b"not hex"[..], &identity[..8], b"+0123456789abcde", b""] {
        disk::replace(&disk, "journal/identity", damaged).unwrap();
        let before = disk.operations();
        let error = open(&disk, SETTINGS).err().unwrap().to_string();
        assert!(error.contains("journal/identity does not hold 16 hex digits"), "{error}");
        assert_eq!(disk.operations() - before, 1, "the directory is made, nothing else");
    }
    disk::replace(&disk, "journal/identity", &identity).unwrap();
    assert_eq!(sealed_events(&disk, &open(&disk, SETTINGS).unwrap()).len(), 3);
}

#[test]
fn a_file_of_the_highest_number_is_somebody_elses() {
    let disk = SimulatedDisk::new();
    disk.create_directory("journal").unwrap();
    let foreign =
        ["ffffffffffffffff.ids", "ffffffffffffffff.segment", "spare-18446744073709551615"];
    for name in foreign {
        disk::replace(&disk, &format!("journal/{name}"), b"mine").unwrap();
    }
    let mut journal = open(&disk, SETTINGS).unwrap();
    record(&mut journal, 0..3);
    drop(journal);
    assert_eq!(sealed_events(&disk, &open(&disk, SETTINGS).unwrap()).len(), 3);
    for name in foreign {
        assert_eq!(disk::read(&disk, &format!("journal/{name}")).unwrap(), b"mine");
    }
}

#[test]
fn an_empty_segment_of_a_crash_goes_and_its_number_is_not_missed() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    journal.stage(&event(0), at(0)).unwrap();
    disk.lose_power(&mut dice(1));
    let mut journal = open(&disk, SETTINGS).unwrap();
    assert!(journal.state().sealed.is_empty());
    assert!(files(&disk, ".segment").is_empty());
    record(&mut journal, [0]);
}

#[test]
fn a_change_of_trails_seals_and_leaves_no_empty_segment_behind() {
    let disk = SimulatedDisk::new();
    let mut journal = open(&disk, SETTINGS).unwrap();
    record(&mut journal, 0..2);
    journal.set_trails(trails(2), at(0)).unwrap();
    journal.stage(&event(2), at(0)).unwrap();
    journal.set_trails(trails(3), at(0)).unwrap();
    // Opened for an event that turns out to be one sent again: nothing is in it.
    assert_eq!(journal.stage(&event(2), at(0)).unwrap(), Outcome::Again);
    journal.set_trails(trails(3), at(0)).unwrap();
    let sealed = journal.state().sealed;
    let found: Vec<_> = sealed.iter().map(|one| (one.trails.version, one.events)).collect();
    assert_eq!(found, [(1, 2), (2, 1)]);
    assert_eq!(journal.state().open, None);
}

#[test]
fn ten_thousand_changes_of_trails_are_counted_and_keep_no_more_than_the_trails_that_are() {
    const CHANGES: u64 = 10_000;
    let disk = SimulatedDisk::new();
    let settings =
        JournalSettings { segment_bytes: 8192, quota_bytes: 64 * 8192, window_events: 100 };
    let mut journal = open(&disk, settings).unwrap();
    let mut handed_over = 0;
    for version in 1..=CHANGES {
        // One trail is switched on and off; another is replaced each time.
        let switched = Trail { is_logging: version % 2 == 0, ..trail("switched") };
        let trails = vec![switched, trail(&format!("of-{version}"))];
        let set = TrailSet { version, organization: None, trails };
        journal.set_trails(Arc::new(set), at(0)).unwrap();
        record(&mut journal, [version]);
        while journal.backlog() > 0 {
            let batch = journal.state().sealed[0].batch;
            window::store(&disk, batch, &[]).unwrap();
            journal.retire(batch).unwrap();
            let recorded = journal.state().recorded;
            let over = recorded.handed_over().unwrap();
            assert_eq!(over.by, batch);
            handed_over += over.counts.values().sum::<u64>();
        }
        assert!(journal.state().recorded.by_trail().len() <= 2, "change {version}");
    }
    let recorded = journal.state().recorded;
    let expected = [(trail(&format!("of-{CHANGES}")).arn, 1), (trail("switched").arn, CHANGES)];
    assert_eq!(recorded.by_trail(), expected.into());
    assert_eq!((recorded.events(), handed_over), (CHANGES, CHANGES - 1));
}

fn trail(name: &str) -> Trail {
    let arn = format!("arn:aws:cloudtrail:eu-west-1:111111111111:trail/{name}");
    Trail::new(arn.parse().unwrap(), "bucket".parse().unwrap())
}
