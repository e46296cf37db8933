//! The writer and the intake: when callers are answered, when a segment is sealed.
#![allow(clippy::unwrap_used)]

mod support;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use cairn_producer::writer::{BACKLOG_MAX, Recorded};
use cairn_producer::{
    Command, Intake, JournalError, JournalSettings, JournalState, Now, Outcome, Refusal, Writer,
};
use disk::SimulatedDisk;
use disk::simulated::{Fault, Operation};
use support::{SETTINGS, at, dice, event, open, sealed_events, trails};
use tokio::sync::oneshot::{self, Receiver};
use tokio::sync::watch;

const INTERVAL: Duration = Duration::from_secs(300);

fn writer(disk: &SimulatedDisk) -> Writer {
    Writer::new(open(disk, SETTINGS).unwrap(), INTERVAL)
}

/// So many seconds after the start; the wall clock goes its own way.
fn now(uptime_seconds: u64, wall_hours: i64) -> Now {
    Now { wall: at(wall_hours * 3_600_000), uptime: Duration::from_secs(uptime_seconds) }
}

fn call(numbers: impl IntoIterator<Item = u64>) -> (Command, Receiver<Recorded>) {
    let (answer, answered) = oneshot::channel();
    (Command::Record(numbers.into_iter().map(event).collect(), answer), answered)
}

fn ask(
    command: impl FnOnce(oneshot::Sender<Result<(), JournalError>>) -> Command,
) -> (Command, Receiver<Result<(), JournalError>>) {
    let (answer, answered) = oneshot::channel();
    (command(answer), answered)
}

fn sealed(writer: &Writer) -> Vec<(u64, u64)> {
    writer.state().sealed.iter().map(|one| (one.trails.version, one.events)).collect()
}

#[test]
fn nobody_is_answered_before_the_sync() {
    let disk = SimulatedDisk::new();
    let mut writer = writer(&disk);
    let (record, mut recorded) = call([1, 2]);
    writer.handle([record], now(0, 0));
    assert!(recorded.try_recv().is_err(), "not yet told");
    disk.lose_power(&mut |_| 0);
    let found = sealed_events(&disk, &open(&disk, SETTINGS).unwrap());
    assert_eq!(found, [event(1), event(2)], "but durable already");
    writer.answer();
    assert_eq!(recorded.try_recv().unwrap().unwrap(), [Outcome::Recorded; 2]);
}

#[test]
fn a_sync_that_fails_answers_every_caller_of_its_group_and_all_later_ones_with_halted() {
    for operation in [Operation::Sync, Operation::Write] {
        let disk = SimulatedDisk::new();
        let mut writer = writer(&disk);
        writer.handle([call([0]).0], now(0, 0));
        let (commands, answers): (Vec<_>, Vec<_>) = (1..5).map(|number| call([number])).unzip();
        disk.fail(Fault::once(operation));
        writer.handle(commands, now(1, 0));
        let (later, told_later) = call([9]);
        writer.handle([later], now(2, 0));
        writer.answer();
        for mut answered in answers.into_iter().chain([told_later]) {
            let error = answered.try_recv().unwrap().unwrap_err();
            let JournalError::Halted(reason) = &error else { panic!("{error}") };
            assert_eq!(error.to_string().matches("halted").count(), 1, "{error} of {reason}");
        }
    }
}

#[test]
fn one_sync_serves_all_callers_that_wait() {
    let operations = |callers: u64| {
        let disk = SimulatedDisk::new();
        let mut writer = writer(&disk);
        writer.handle([call([1000]).0], now(0, 0));
        let before = disk.operations();
        let (commands, answers): (Vec<_>, Vec<_>) = (0..callers).map(|n| call([n])).unzip();
        writer.handle(commands, now(0, 0));
        writer.answer();
        assert!(answers.into_iter().all(|mut answered| answered.try_recv().unwrap().is_ok()));
        disk.operations() - before
    };
    assert_eq!((operations(1), operations(4)), (2, 2), "a write and a sync");
}

#[test]
fn one_caller_without_room_does_not_spoil_the_others() {
    let disk = SimulatedDisk::new();
    let mut writer = writer(&disk);
    let (first, mut told_first) = call([1]);
    let large = support::from_record(&format!(r#"{{"eventName":"{}"}}"#, "x".repeat(4096)));
    let (answer, mut told_large) = oneshot::channel();
    let (last, mut told_last) = call([2]);
    writer.handle([first, Command::Record(vec![large], answer), last], now(0, 0));
    writer.answer();
    assert!(told_first.try_recv().unwrap().is_ok() && told_last.try_recv().unwrap().is_ok());
    assert!(matches!(told_large.try_recv().unwrap(), Err(JournalError::Full { .. })));
}

#[test]
fn a_segment_is_sealed_after_its_interval_of_uptime_whatever_the_wall_clock_does() {
    for hours in [-48, -1, 0, 1, 48] {
        let disk = SimulatedDisk::new();
        let mut writer = writer(&disk);
        writer.handle([Command::Tick], now(0, 0));
        writer.handle([call([1]).0], now(10, 0));
        writer.handle([call([2]).0], now(200, hours));
        writer.handle([Command::Tick], now(309, hours));
        assert!(sealed(&writer).is_empty(), "{hours} h");
        writer.handle([Command::Tick], now(310, -hours));
        assert_eq!(sealed(&writer), [(1, 2)], "{hours} h");
        writer.handle([Command::Tick], now(10_000, hours));
        assert_eq!(sealed(&writer), [(1, 2)], "nothing to seal");
        writer.handle([call([3]).0], now(10_000, hours));
        writer.handle([Command::Tick], now(10_299, hours));
        assert_eq!(sealed(&writer).len(), 1, "the age is that of the new segment");
    }
}

#[test]
fn a_segment_begun_because_one_was_full_has_its_whole_interval() {
    let disk = SimulatedDisk::new();
    let mut writer = writer(&disk);
    writer.handle([call([0]).0], now(0, 0));
    let mut number = 1;
    while sealed(&writer).is_empty() {
        writer.handle([call([number]).0], now(299, 0));
        number += 1;
    }
    writer.handle([Command::Tick], now(300, 0));
    assert_eq!(sealed(&writer).len(), 1, "only the full one");
    writer.handle([Command::Tick], now(599, 0));
    assert_eq!(sealed(&writer).len(), 2);
}

#[test]
fn the_interval_seals_no_more_once_stages_are_late_and_half_of_the_quota_is_used() {
    let disk = SimulatedDisk::new();
    let quota_bytes = SETTINGS.segment_bytes * 2 * (BACKLOG_MAX as u64 - 1);
    let settings = JournalSettings { quota_bytes, ..SETTINGS };
    let mut writer = Writer::new(open(&disk, settings).unwrap(), INTERVAL);
    for round in 0..10 {
        writer.handle([call([round]).0], now(1000 * round, 0));
        writer.handle([Command::Tick], now(1000 * round + 500, 0));
    }
    assert_eq!(sealed(&writer).len(), BACKLOG_MAX);
    let (retire, mut retired) =
        ask(|answer| Command::Retire(writer.state().sealed[0].batch, answer));
    writer.handle([retire], now(10_000, 0));
    writer.answer();
    retired.try_recv().unwrap().unwrap();
    assert_eq!(sealed(&writer), [(1, 1), (1, 1), (1, 1), (1, 6)], "what waited is one batch");
}

#[test]
fn the_interval_goes_on_sealing_behind_late_stages_while_there_is_room() {
    let disk = SimulatedDisk::new();
    let mut writer = writer(&disk);
    for round in 0..10 {
        writer.handle([call([round]).0], now(1000 * round, 0));
        writer.handle([Command::Tick], now(1000 * round + 500, 0));
    }
    assert_eq!(sealed(&writer).len(), 10);
}

#[test]
fn a_change_of_trails_parts_what_came_before_from_what_comes_after() {
    let disk = SimulatedDisk::new();
    let mut writer = writer(&disk);
    let (change, mut changed) = ask(|answer| Command::Trails(trails(2), answer));
    let (stop, mut stopped) = ask(Command::Stop);
    let group = [call([1, 2]).0, call([3]).0, change, call([4]).0, stop];
    writer.handle(group, now(0, 0));
    assert!(changed.try_recv().is_err());
    writer.answer();
    changed.try_recv().unwrap().unwrap();
    stopped.try_recv().unwrap().unwrap();
    assert_eq!(sealed(&writer), [(1, 3), (2, 1)]);
    assert!(writer.is_stopped());
    assert_eq!(sealed_events(&disk, &open(&disk, SETTINGS).unwrap()).len(), 4);
}

fn start(disk: &SimulatedDisk) -> (Intake, watch::Receiver<JournalState>) {
    Intake::start(writer(disk), || now(0, 0)).unwrap()
}

#[tokio::test]
async fn events_are_durable_when_the_intake_answers_and_the_state_knows_of_them() {
    let disk = SimulatedDisk::new();
    let (intake, state) = start(&disk);
    for number in 0..30 {
        let outcomes = intake.record(vec![event(number), event(number)]).await.unwrap();
        assert_eq!(outcomes, [Outcome::Recorded, Outcome::Again]);
        // The state was published before the answer, not after.
        let recorded = state.borrow().recorded.events();
        assert_eq!(recorded, number + 1);
    }
    disk.lose_power(&mut dice(5));
    assert_eq!(sealed_events(&disk, &open(&disk, SETTINGS).unwrap()).len(), 30);
}

/// Looks at the state in the moment in which a caller is told.
struct Onlooker {
    state: watch::Receiver<JournalState>,
    seen: AtomicU64,
}

impl Wake for Onlooker {
    fn wake(self: Arc<Self>) {
        let recorded = self.state.borrow().recorded.events();
        self.seen.store(recorded, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn the_state_is_published_before_the_caller_is_told() {
    let (intake, mut desk, state) = Intake::open(writer(&SimulatedDisk::new()));
    let onlooker = Arc::new(Onlooker { state, seen: AtomicU64::new(0) });
    let waker = Waker::from(Arc::clone(&onlooker));
    let mut recording = pin!(intake.record(vec![event(1), event(2)]));
    assert!(recording.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(desk.has_commands());
    desk.serve(now(0, 0));
    assert_eq!(onlooker.seen.load(Ordering::Relaxed), 2);
    assert!(recording.await.is_ok());
}

#[tokio::test]
async fn a_stopped_intake_has_sealed_and_refuses() {
    let disk = SimulatedDisk::new();
    let (intake, mut state) = start(&disk);
    intake.record(vec![event(1)]).await.unwrap();
    intake.set_trails(trails(2)).await.unwrap();
    intake.record(vec![event(2)]).await.unwrap();
    intake.stop().await.unwrap();
    let refused = intake.record(vec![event(3)]).await;
    assert!(matches!(refused, Err(Refusal::Stopping)), "{refused:?}");
    assert!(matches!(intake.seal().await, Err(Refusal::Stopping)));
    // The watch closes when the thread has ended, with the last state in it.
    while state.changed().await.is_ok() {}
    let sealed = state.borrow().sealed.iter().map(|one| one.trails.version).collect::<Vec<_>>();
    assert_eq!(sealed, [1, 2]);
}

#[tokio::test]
async fn a_halted_journal_refuses_and_the_intake_goes_on_answering() {
    let disk = SimulatedDisk::new();
    let (intake, _state) = start(&disk);
    // The first sync is that of the new segment's header.
    disk.fail(Fault::once(Operation::Sync).after(1));
    for number in 0..3 {
        let refused = intake.record(vec![event(number)]).await;
        let is_halted = matches!(refused, Err(Refusal::Journal(JournalError::Halted(_))));
        assert!(is_halted, "{number}: {refused:?}");
    }
}
