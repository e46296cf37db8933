//! An outbox tries lanes at the right moments, one item at a time, and loses nothing.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use cairn_outbox::{
    Due, Expired, FirstFailure, ItemId, Outbox, OutboxError, Remedy, RetrySettings,
};
use disk::SimulatedDisk;
use disk::simulated::{Fault, Operation};
use model::Timestamp;

const BOUND: u64 = 100;
const DAY: i64 = 24 * 3600 * 1000;
const HOUR: i64 = 3600 * 1000;
const PAUSE_MAX: i64 = 300_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

fn open(disk: &SimulatedDisk) -> Outbox {
    Outbox::open(Arc::new(disk.clone()), "outbox", BOUND, RetrySettings::default()).unwrap()
}

fn new() -> Outbox {
    open(&SimulatedDisk::new())
}

fn due_items(outbox: &mut Outbox, now: Timestamp) -> Vec<ItemId> {
    outbox.take_due(now).into_iter().map(|due| due.item).collect()
}

/// Fails the lane `failures` times, each when the last pause is over; returns the end of the last.
fn fail_often(outbox: &mut Outbox, lane: &str, failures: u32, start: Timestamp) -> Timestamp {
    let mut now = start;
    for _ in 0..failures {
        outbox.failed(lane, "AuthorizationError", now, 1.0);
        let lanes = outbox.lanes();
        now = lanes.iter().find(|report| report.lane == lane).unwrap().next_try.unwrap();
    }
    now
}

#[test]
fn what_is_newer_queues_behind_and_goes_out_in_order() {
    let mut outbox = new();
    assert!(!outbox.is_refusing("topic", at(0)));
    outbox.failed("topic", "NotFound", at(0), 1.0);
    assert!(outbox.is_refusing("topic", at(999)), "it pauses, although nothing waits");
    assert!(!outbox.is_refusing("topic", at(1000)));
    let first = outbox.park("topic", b"1", at(0)).unwrap();
    assert!(outbox.is_refusing("topic", at(1000)));
    let second = outbox.park("topic", b"2", at(1)).unwrap();
    assert_eq!(outbox.next_due(at(1)), Some(at(1000)));
    assert_eq!(outbox.take_due(at(999)), []);

    assert_eq!(outbox.take_due(at(1000)), [Due { lane: "topic".into(), item: first }]);
    assert_eq!(outbox.read(first).unwrap(), b"1");
    outbox.remove(first).unwrap();
    assert!(outbox.succeeded("topic"));
    assert!(outbox.is_refusing("topic", at(1000)), "an item waits and must not be overtaken");
    assert_eq!(due_items(&mut outbox, at(1000)), [second]);
    outbox.remove(second).unwrap();
    assert!(!outbox.is_refusing("topic", at(1000)));
    assert_eq!((outbox.next_due(at(1000)), outbox.lanes()), (None, vec![]));
}

#[test]
fn a_lane_has_at_most_one_item_in_flight() {
    let mut outbox = new();
    let first = outbox.park("a", b"1", at(0)).unwrap();
    outbox.park("a", b"2", at(0)).unwrap();
    let other = outbox.park("b", b"3", at(0)).unwrap();
    assert_eq!(due_items(&mut outbox, at(0)), [first, other]);
    assert_eq!(outbox.take_due(at(HOUR)), []);
    assert_eq!(outbox.next_due(at(HOUR)), None, "what is in flight is not due");
    outbox.succeeded("a");
    assert_eq!(outbox.take_due(at(HOUR)), [], "a success of something else lands no item");
    outbox.release(first);
    assert_eq!(due_items(&mut outbox, at(HOUR)), [first]);
}

#[test]
fn a_lane_that_refuses_holds_up_no_other() {
    let mut outbox = new();
    outbox.park("bad", b"1", at(0)).unwrap();
    let good = outbox.park("good", b"2", at(0)).unwrap();
    outbox.failed("bad", "NotFound", at(0), 1.0);
    assert!(!outbox.is_refusing("other", at(0)));
    assert_eq!(due_items(&mut outbox, at(0)), [good]);
}

#[test]
fn a_change_of_state_is_told_once() {
    let mut outbox = new();
    assert!(!outbox.succeeded("topic"));
    assert_eq!(outbox.failed("topic", "NotFound", at(0), 1.0), FirstFailure::Yes);
    assert_eq!(outbox.failed("topic", "NotFound", at(5_000), 1.0), FirstFailure::No);
    assert!(outbox.succeeded("topic"));
    assert!(!outbox.succeeded("topic"));
    assert_eq!(outbox.failed("topic", "NotFound", at(6_000), 1.0), FirstFailure::Yes);
}

#[test]
fn ten_tries_that_fail_together_count_as_one() {
    let mut outbox = new();
    for millis in 0..10 {
        outbox.failed("bucket", "SlowDown", at(millis), 1.0);
    }
    let report = &outbox.lanes()[0];
    assert_eq!((report.failures, report.next_try), (1, Some(at(1000))));
}

#[test]
fn a_report_says_what_waits_and_why() {
    let mut outbox = new();
    outbox.failed("topic", "NotFound", at(10), 0.5);
    outbox.park("topic", b"four", at(20)).unwrap();
    outbox.park("topic", b"two", at(30)).unwrap();
    outbox.failed("topic", "AuthorizationError", at(5_000), 0.5);
    outbox.park("quiet", b"x", at(40)).unwrap();
    let lanes = outbox.lanes();
    assert_eq!(lanes.len(), 2);
    let (quiet, topic) = (&lanes[0], &lanes[1]);
    assert_eq!((quiet.lane.as_str(), quiet.refusing_since, quiet.next_try), ("quiet", None, None));
    assert_eq!((topic.items, topic.bytes, topic.failures), (2, 7, 2));
    assert_eq!((topic.parked_since, topic.refusing_since), (Some(at(20)), Some(at(10))));
    assert_eq!(topic.last_error.as_deref(), Some("AuthorizationError"));
    assert_eq!(topic.next_try, Some(at(6_000)));
}

#[test]
fn a_full_lane_takes_no_more_until_something_leaves() {
    let mut outbox = new();
    let first = outbox.park("topic", &[0; 90], at(0)).unwrap();
    let refused = outbox.park("topic", &[0; 11], at(0)).unwrap_err();
    assert!(matches!(&refused, OutboxError::Full { lane, .. } if lane == "topic"));
    assert_eq!(refused.remedy(), Remedy::Retry);
    outbox.park("other", &[0; 11], at(0)).unwrap();
    outbox.remove(first).unwrap();
    outbox.park("topic", &[0; 11], at(0)).unwrap();
}

#[test]
fn after_a_restart_each_lane_is_due_at_once_with_one_item() {
    let disk = SimulatedDisk::new();
    let mut outbox = open(&disk);
    let first = outbox.park("topic", b"1", at(0)).unwrap();
    let second = outbox.park("topic", b"2", at(0)).unwrap();
    fail_often(&mut outbox, "topic", 5, at(0));
    outbox.failed("without items", "NotFound", at(0), 1.0);
    disk.lose_power(&mut |_| 0);

    let mut outbox = open(&disk);
    assert!(outbox.is_refusing("topic", at(1)), "its items must not be overtaken");
    assert!(!outbox.is_refusing("without items", at(1)));
    assert_eq!(outbox.next_due(at(1)), Some(at(1)));
    assert_eq!(due_items(&mut outbox, at(1)), [first]);
    assert_eq!(outbox.take_due(at(1)), []);
    outbox.failed("topic", "NotFound", at(2), 1.0);
    outbox.release(first);
    assert_eq!(outbox.take_due(at(1001)), []);
    assert_eq!(due_items(&mut outbox, at(1002)), [first]);
    outbox.remove(first).unwrap();
    outbox.succeeded("topic");
    disk.lose_power(&mut |_| 0);
    assert_eq!(due_items(&mut open(&disk), at(0)), [second]);
}

#[test]
fn a_clock_set_back_stalls_no_lane_beyond_the_longest_pause() {
    for back in [1, 1000, PAUSE_MAX - 1, PAUSE_MAX, PAUSE_MAX + 1, HOUR, 400 * DAY] {
        let mut outbox = new();
        outbox.park("topic", b"1", at(0)).unwrap();
        let end = fail_often(&mut outbox, "topic", 12, at(0));
        let set_back = Timestamp::from_millis(end.as_millis() - PAUSE_MAX - back);
        let due = outbox.next_due(set_back).unwrap();
        assert!(due.since(set_back) <= Duration::from_secs(300), "{back}: {due}");
        assert!(due >= set_back);
        assert_eq!(outbox.take_due(due).len(), 1, "{back}");
    }
}

#[test]
fn a_clock_that_jumps_costs_one_early_try_and_no_more() {
    for jump in [-400 * DAY, -HOUR, HOUR, 400 * DAY] {
        let mut outbox = new();
        let item = outbox.park("topic", b"1", at(0)).unwrap();
        fail_often(&mut outbox, "topic", 12, at(0));
        let mut tries = 0;
        for second in 0..300 {
            let now = at(jump + second * 1000);
            if outbox.take_due(now).is_empty() {
                assert!(outbox.is_refusing("topic", now));
                continue;
            }
            tries += 1;
            outbox.failed("topic", "NotFound", now, 1.0);
            outbox.release(item);
        }
        assert_eq!(tries, 1, "{jump}");
    }
}

#[test]
fn what_waited_too_long_is_set_aside_and_stays_on_disk() {
    let disk = SimulatedDisk::new();
    let mut outbox = open(&disk);
    let old = outbox.park("topic", b"old", at(0)).unwrap();
    let young = outbox.park("topic", b"young", at(DAY)).unwrap();
    let last = outbox.park("other", b"other", at(0)).unwrap();
    let late = at(30 * DAY + 1);
    assert_eq!(outbox.expire(late).unwrap(), [], "nothing has refused yet");
    for lane in ["topic", "other"] {
        outbox.failed(lane, "NotFound", late, 0.0);
    }
    assert_eq!(outbox.expire(at(30 * DAY)).unwrap(), []);
    let expired = |lane: &str, item| Expired { lane: lane.into(), item, parked_at: at(0) };
    assert_eq!(outbox.expire(late).unwrap(), [expired("other", last), expired("topic", old)]);
    assert_eq!(outbox.expire(late).unwrap(), [], "each is reported once");
    assert_eq!(due_items(&mut outbox, at(31 * DAY)), [young]);
    let names = [format!("{last}.expired"), format!("{old}.expired")];
    assert_eq!(outbox.set_aside(), names);
    disk.lose_power(&mut |_| 0);

    let mut outbox = open(&disk);
    let mut kept = outbox.set_aside().to_vec();
    kept.sort();
    assert_eq!(kept, [names[1].as_str(), names[0].as_str()]);
    let bytes = disk::read(&disk, &format!("outbox/{old}.expired")).unwrap();
    assert!(bytes.ends_with(b"old"));
    assert!(outbox.park("topic", b"new", late).unwrap() > last, "no id is given twice");
}

#[test]
fn what_is_in_flight_does_not_expire() {
    let mut outbox = new();
    let item = outbox.park("topic", b"old", at(0)).unwrap();
    outbox.take_due(at(0));
    outbox.failed("topic", "NotFound", at(1), 0.0);
    assert_eq!(outbox.expire(at(31 * DAY)).unwrap(), []);
    outbox.release(item);
    assert_eq!(outbox.expire(at(31 * DAY)).unwrap().len(), 1);
}

#[test]
fn an_expiry_that_the_disk_refuses_is_reported_when_it_happens() {
    let disk = SimulatedDisk::new();
    let mut outbox = open(&disk);
    outbox.park("topic", b"1", at(0)).unwrap();
    outbox.park("topic", b"2", at(0)).unwrap();
    outbox.failed("topic", "NotFound", at(0), 0.0);
    disk.fail(Fault::once(Operation::Rename));
    assert!(outbox.expire(at(31 * DAY)).is_err());
    disk.fail(Fault::once(Operation::SyncDirectory));
    disk.fail(Fault::once(Operation::Rename).after(1));
    assert_eq!(outbox.expire(at(31 * DAY)).unwrap().len(), 1);
    assert_eq!(outbox.expire(at(31 * DAY)).unwrap().len(), 1);
    assert_eq!(outbox.set_aside().len(), 2);
}

#[test]
fn a_damaged_item_does_not_stop_its_lane() {
    let disk = SimulatedDisk::new();
    let mut outbox = open(&disk);
    let damaged = outbox.park("topic", b"1", at(0)).unwrap();
    let next = outbox.park("topic", b"2", at(0)).unwrap();
    disk.flip_bit(&format!("outbox/{damaged}"), 41 * 8).unwrap();
    assert_eq!(due_items(&mut outbox, at(0)), [damaged]);
    let error = outbox.read(damaged).unwrap_err();
    assert_eq!(error.remedy(), Remedy::SetAside);
    outbox.set_aside_damaged(damaged).unwrap();
    assert_eq!(due_items(&mut outbox, at(0)), [next]);
    assert_eq!(outbox.set_aside(), [format!("{damaged}.damaged")]);
}

#[test]
fn a_removal_that_the_disk_refuses_leaves_the_item_parked() {
    let disk = SimulatedDisk::new();
    let mut outbox = open(&disk);
    let item = outbox.park("topic", b"1", at(0)).unwrap();
    outbox.take_due(at(0));
    disk.fail(Fault::once(Operation::Remove));
    assert!(outbox.remove(item).is_err());
    assert_eq!(outbox.take_due(at(0)), [], "it is in flight until it is released");
    outbox.release(item);
    assert_eq!(due_items(&mut outbox, at(0)), [item]);
    outbox.remove(item).unwrap();
    assert_eq!(outbox.take_due(at(0)), []);
}
