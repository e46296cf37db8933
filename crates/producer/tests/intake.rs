//! The intake under more calls than the journal takes: bounded, in turns by account, and honest. The
//! desk is stepped, so that each statement is exact.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cairn_producer::intake::{QUEUE_CALLS, QUEUE_COST};
use cairn_producer::{Desk, Intake, JournalSettings, Now, Outcome, Refusal, Writer};
use disk::SimulatedDisk;
use futures_util::FutureExt;
use model::{AccountId, Event};
use proptest::prelude::*;
use support::{event, events_of, from_record, open, trails};

const SETTINGS: JournalSettings =
    JournalSettings { segment_bytes: 1 << 20, quota_bytes: 256 << 20, window_events: 1_000_000 };
const WAIT_MAX: Duration = Duration::from_secs(2);
/// The most calls of one account that come before a newcomer's: a turn of the smallest ones, which
/// cost a KiB and their records.
const TURN_CALLS: usize = 64;

type Answer = Result<Vec<Outcome>, Refusal>;
type Calling = Pin<Box<dyn Future<Output = Answer>>>;

type Changing = Pin<Box<dyn Future<Output = Result<(), Refusal>>>>;

/// A desk that is stepped, and calls that wait for it.
struct Door {
    intake: Intake,
    desk: Desk,
    disk: SimulatedDisk,
}

/// A caller, and what it was told.
struct Caller {
    calling: Calling,
    answer: Option<Answer>,
}

impl Caller {
    fn look(&mut self) -> Option<&Answer> {
        if self.answer.is_none() {
            self.answer = self.calling.as_mut().now_or_never();
        }
        self.answer.as_ref()
    }
}

impl Door {
    fn open() -> Door {
        let disk = SimulatedDisk::new();
        let writer = Writer::new(open(&disk, SETTINGS).unwrap(), Duration::from_secs(300));
        let (intake, desk, _) = Intake::open(writer);
        Door { intake, desk, disk }
    }

    /// A call that waits.
    fn call(&self, account: &AccountId, events: Vec<Event>) -> Caller {
        let (intake, account) = (self.intake.clone(), account.clone());
        let calling = async move { intake.record_for(&account, events, WAIT_MAX).await };
        // Without a budget: hundreds are looked at in one go.
        let calling = Box::pin(tokio::task::unconstrained(calling));
        let mut caller = Caller { calling, answer: None };
        caller.look();
        caller
    }

    /// Carries out one group; false when nothing waits.
    fn serve(&mut self) -> bool {
        let has_commands = self.desk.has_commands();
        if has_commands {
            self.desk.serve(Now::default());
        }
        has_commands
    }

    /// The events that are durable, in order.
    fn sealed(mut self) -> Vec<Event> {
        let mut sealing = Box::pin(self.intake.seal());
        assert!(sealing.as_mut().now_or_never().is_none());
        self.desk.has_commands();
        self.desk.serve(Now::default());
        sealing.now_or_never().unwrap().unwrap();
        drop(self.desk);
        let journal = open(&self.disk, SETTINGS).unwrap();
        let batches = journal.state().sealed;
        batches.iter().flat_map(|sealed| events_of(&self.disk, sealed.batch)).collect()
    }
}

fn account(number: u64) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

fn large(number: u64, bytes: usize) -> Event {
    from_record(&format!(r#"{{"eventID":"{number}","padding":"{}"}}"#, "x".repeat(bytes)))
}

#[tokio::test]
async fn a_quiet_account_is_in_the_next_group_however_much_a_greedy_one_has_waiting() {
    let mut door = Door::open();
    let mut greedy: Vec<Caller> =
        (0..2000).map(|number| door.call(&account(1), vec![event(number)])).collect();
    let mut quiet = door.call(&account(2), vec![event(5000)]);
    assert!(door.serve());
    assert!(matches!(quiet.look(), Some(Ok(_))), "{:?}", quiet.answer);
    let served = greedy.iter_mut().filter_map(Caller::look).count();
    assert_eq!(served, 255, "the rest of the group of 256");
    while door.serve() {}
    assert!(greedy.iter_mut().all(|caller| matches!(caller.look(), Some(Ok(_)))));
    let sealed = door.sealed();
    let before_quiet = sealed.iter().position(|sealed| *sealed == event(5000)).unwrap();
    assert!(before_quiet <= TURN_CALLS, "{before_quiet} events of the greedy account came before");
}

#[tokio::test]
async fn of_so_many_other_accounts_at_most_so_many_groups_go_before_a_newcomer() {
    const OTHERS: u64 = 20;
    let mut door = Door::open();
    let mut others = Vec::new();
    for number in 0..OTHERS * 12 {
        others.push(door.call(&account(number % OTHERS), vec![large(number, 250_000)]));
    }
    let mut newcomer = door.call(&account(OTHERS), vec![event(1)]);
    let mut groups = 0;
    while newcomer.look().is_none() {
        assert!(door.serve());
        groups += 1;
    }
    assert!(groups <= OTHERS, "{groups} groups");
    assert!(others.iter_mut().any(|other| other.look().is_none()), "it had to pass some");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_is_up_is_refused_and_nothing_of_it_is_recorded() {
    let mut door = Door::open();
    let begun = tokio::time::Instant::now();
    let refused = door.intake.record_for(&account(1), vec![event(1)], WAIT_MAX).await;
    assert!(matches!(refused, Err(Refusal::Busy)), "{refused:?}");
    assert_eq!(begun.elapsed().as_secs(), WAIT_MAX.as_secs());
    assert_eq!((door.intake.queue().calls, door.intake.queue().bytes), (0, 0));
    assert!(!door.serve());
    let mut kept = door.call(&account(1), vec![event(2)]);
    assert!(door.serve());
    assert!(matches!(kept.look(), Some(Ok(_))));
    assert_eq!(door.sealed(), [event(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_group_has_is_answered_however_long_the_sync_takes() {
    let mut door = Door::open();
    let mut caller = door.call(&account(1), vec![event(1)]);
    assert!(door.desk.has_commands());
    tokio::time::advance(WAIT_MAX * 2).await;
    assert!(caller.look().is_none(), "recorded or not, nobody knows yet");
    door.desk.serve(Now::default());
    assert!(matches!(caller.look(), Some(Ok(_))), "{:?}", caller.answer);
}

#[tokio::test]
async fn callers_that_go_away_give_their_room_back() {
    let mut door = Door::open();
    let mut callers: Vec<Caller> =
        (0..100).map(|number| door.call(&account(number % 3), vec![event(number)])).collect();
    assert_eq!(door.intake.queue().calls, 100);
    callers.truncate(40);
    assert_eq!(door.intake.queue().calls, 40);
    while door.serve() {}
    assert_eq!((door.intake.queue().calls, door.intake.queue().bytes), (0, 0));
    assert!(callers.iter_mut().all(|caller| matches!(caller.look(), Some(Ok(_)))));
    assert_eq!(door.sealed().len(), 40);
}

/// Fills the room with calls of one account; all of them wait.
fn fill(door: &Door, count: usize, bytes: usize) -> Vec<Caller> {
    let number = |number| u64::try_from(number).unwrap();
    let mut greedy: Vec<Caller> =
        (0..count).map(|n| door.call(&account(1), vec![large(number(n), bytes)])).collect();
    assert!(greedy.iter_mut().all(|caller| caller.look().is_none()), "alone it may have all room");
    greedy
}

#[tokio::test]
async fn one_account_may_fill_the_room_alone_and_keeps_nobody_out() {
    for (count, bytes) in [(QUEUE_CALLS, 10), (QUEUE_COST / 251_100, 250_000)] {
        let mut door = Door::open();
        let mut greedy = fill(&door, count, bytes);
        let mut more = door.call(&account(1), vec![large(900_000, 250_000)]);
        assert!(matches!(more.look(), Some(Err(Refusal::Busy))), "{:?}", more.answer);
        let mut quiet: Vec<Caller> =
            (0..5).map(|n| door.call(&account(2 + n), vec![large(800_000 + n, 250_000)])).collect();
        assert!(quiet.iter_mut().all(|caller| caller.look().is_none()), "they wait inside");
        let state = door.intake.queue();
        assert!(state.calls <= state.calls_max && state.bytes <= state.bytes_max, "{state:?}");
        let refused: Vec<usize> = (0..count).filter(|n| greedy[*n].look().is_some()).collect();
        assert!(!refused.is_empty() && refused.len() < count, "{refused:?}");
        assert_eq!(refused, Vec::from_iter(count - refused.len()..count), "the newest");
        while door.serve() {}
        assert!(quiet.iter_mut().all(|caller| matches!(caller.look(), Some(Ok(_)))));
        for (number, caller) in greedy.iter_mut().enumerate() {
            match caller.look() {
                Some(Ok(outcomes)) => assert_eq!(*outcomes, [Outcome::Recorded]),
                Some(Err(Refusal::Busy)) => assert!(refused.contains(&number)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(door.sealed().len(), count - refused.len() + 5, "what was refused is not there");
    }
}

#[tokio::test]
async fn other_trails_hold_for_what_comes_later_whatever_account_it_is_of() {
    let mut door = Door::open();
    let mut callers: Vec<Caller> =
        (0..600).map(|number| door.call(&account(1), vec![event(number)])).collect();
    let intake = door.intake.clone();
    let mut changing = Box::pin(intake.set_trails(trails(2)));
    assert!(changing.as_mut().now_or_never().is_none());
    // Their turn would be before most of the others.
    callers.extend((600..610).map(|number| door.call(&account(number), vec![event(number)])));
    while door.serve() {}
    changing.as_mut().now_or_never().unwrap().unwrap();
    assert!(callers.iter_mut().all(|caller| matches!(caller.look(), Some(Ok(_)))));
    let disk = door.disk.clone();
    drop(door);
    let journal = open(&disk, SETTINGS).unwrap();
    let batches: Vec<(u64, u64)> =
        journal.state().sealed.iter().map(|one| (one.trails.version, one.events)).collect();
    assert_eq!(batches, [(1, 600), (2, 10)]);
}

#[tokio::test]
async fn what_the_daemon_asks_does_not_wait_behind_calls() {
    let mut door = Door::open();
    let intake = door.intake.clone();
    let mut first = door.call(&account(1), vec![event(9_999)]);
    let mut sealing = Box::pin(intake.seal());
    assert!(sealing.as_mut().now_or_never().is_none());
    assert!(door.serve() && first.look().is_some());
    sealing.as_mut().now_or_never().unwrap().unwrap();
    let mut callers: Vec<Caller> =
        (0..3000).map(|number| door.call(&account(1), vec![event(number)])).collect();
    let batch = open(&door.disk, SETTINGS).unwrap().state().sealed[0].batch;
    let mut retiring = Box::pin(intake.retire(batch));
    assert!(retiring.as_mut().now_or_never().is_none());
    door.intake.tick();
    assert!(door.serve());
    assert!(retiring.as_mut().now_or_never().unwrap().is_ok());
    assert!(callers.last_mut().unwrap().look().is_none(), "it went before calls that were there");
}

#[tokio::test]
async fn whoever_waits_when_the_desk_goes_is_told_that_the_daemon_stops() {
    let door = Door::open();
    let mut caller = door.call(&account(1), vec![event(1)]);
    let mut sealing = Box::pin(door.intake.seal());
    assert!(sealing.as_mut().now_or_never().is_none());
    drop(door.desk);
    assert!(matches!(caller.look(), Some(Err(Refusal::Stopping))), "{:?}", caller.answer);
    assert!(matches!(sealing.now_or_never(), Some(Err(Refusal::Stopping))));
    let later = door.intake.record_for(&account(1), vec![event(1)], WAIT_MAX).await;
    assert!(matches!(later, Err(Refusal::Stopping)), "{later:?}");
}

#[derive(Clone, Debug)]
enum Action {
    /// A call of an account with so many new events.
    Call(u64, u64),
    /// The caller of one that was made goes away.
    GoAway(usize),
    Serve,
    Trails,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0..4_u64, 1..4_u64).prop_map(|(account, events)| Action::Call(account, events)),
        2 => any::<usize>().prop_map(Action::GoAway),
        2 => Just(Action::Serve),
        1 => Just(Action::Trails),
    ]
}

/// Every caller that stays is told once that all its events are recorded, and they are, once; of one
/// that goes away all events are, or none.
fn every_call_ends(actions: Vec<Action>) {
    let mut door = Door::open();
    let mut calls: Vec<(Vec<Event>, Option<Caller>)> = Vec::new();
    let mut next = 0;
    let mut version = 1;
    let mut context = Context::from_waker(Waker::noop());
    let intake = door.intake.clone();
    let mut changes: Vec<Changing> = Vec::new();
    for action in actions {
        match action {
            Action::Call(number, count) => {
                let events: Vec<Event> = (next..next + count).map(event).collect();
                next += count;
                let caller = door.call(&account(number), events.clone());
                calls.push((events, Some(caller)));
            }
            Action::GoAway(any) if !calls.is_empty() => {
                let any = any % calls.len();
                calls[any].1 = None;
            }
            Action::GoAway(_) => {}
            Action::Serve => drop(door.serve()),
            Action::Trails => {
                version += 1;
                let (intake, trails) = (intake.clone(), trails(version));
                changes.push(Box::pin(async move { intake.set_trails(trails).await }));
                assert!(changes.last_mut().unwrap().as_mut().poll(&mut context).is_pending());
            }
        }
    }
    while door.serve() {}
    for change in &mut changes {
        assert!(matches!(change.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    }
    assert_eq!(door.intake.queue().calls, 0);
    drop((changes, intake));
    let sealed = door.sealed();
    let durable: BTreeSet<_> = sealed.iter().map(|event| event.identity).collect();
    assert_eq!(durable.len(), sealed.len(), "none twice");
    for (events, caller) in calls {
        let found = events.iter().filter(|event| durable.contains(&event.identity)).count();
        match caller {
            Some(mut caller) => {
                let answer = caller.look().expect("answered").as_ref().unwrap();
                assert_eq!(*answer, vec![Outcome::Recorded; events.len()]);
                assert_eq!(found, events.len());
            }
            None => assert!(found == 0 || found == events.len()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_answered_once_and_says_what_is_true(
        actions in proptest::collection::vec(action(), 1..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { every_call_ends(actions) });
    }
}

#[test]
fn the_thread_ends_when_the_last_intake_is_gone() {
    let disk = SimulatedDisk::new();
    let writer = Writer::new(open(&disk, SETTINGS).unwrap(), Duration::from_secs(300));
    let (intake, mut state) = Intake::start(writer, Now::default).unwrap();
    let other = intake.clone();
    drop(intake);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        other.record_for(&account(1), vec![event(1)], WAIT_MAX).await.unwrap();
        drop(other);
        while state.changed().await.is_ok() {}
    });
    assert!(Arc::new(state).borrow().sealed.is_empty(), "without a seal, as in a crash");
}
