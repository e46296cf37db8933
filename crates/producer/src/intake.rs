//! The front door of the producer: callers wait here until their events are durable.
//!
//! One thread owns the [`Writer`]; calls wait for it in [`Turns`], by account, bounded in number and
//! in bytes. While the thread syncs, calls gather, and the next sync serves a group of them.
//!
//! - A call of an account that has nothing else waiting is behind one turn of each other account,
//!   however much those have waiting: of `n` other accounts at most `n` groups go before it.
//! - A call whose time is up is taken back, if no group has it yet: nothing of it was recorded.
//! - When there is no room, the newest calls of the account that has most waiting are refused.
//!   So an account may fill the room alone, and cannot keep others out of it.
//!
//! What is asked besides does not wait for a turn. What holds for all events that come later (other
//! trails, a seal, the stop) waits for the calls that came before it, and those behind it wait; the
//! rest goes first.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{AccountId, BatchId, Event};
use tokio::sync::{oneshot, watch};
use trails::TrailSet;

use crate::Now;
use crate::journal::{JournalError, JournalState, Outcome};
use crate::turns::Turns;
use crate::writer::{Command, Recorded, Writer};

/// Calls that wait at most.
pub const QUEUE_CALLS: usize = 4096;
/// Bytes of records that wait at most, with [`CALL_COST`] for each call.
pub const QUEUE_COST: usize = 64 << 20;
/// What a call costs besides the bytes of its records, wherever calls are weighed.
const CALL_COST: usize = 1 << 10;
/// Questions that wait at most; each has its asker, of whom there are few.
const QUEUE_QUESTIONS: usize = 1024;
/// How long a call waits, unless it says otherwise.
pub const WAIT_MAX: Duration = Duration::from_secs(2);
/// The account of callers that have none.
const NOBODY: &str = "000000000000";
/// A group holds no more calls, and none once it costs so much: then it is time for a sync.
const GROUP_CALLS: usize = 256;
const GROUP_COST: usize = 4 << 20;

/// Sends events to the journal. Cheap to clone.
#[derive(Clone)]
pub struct Intake(Arc<Door>);

/// Why events were not recorded. The caller may send them again: what was recorded of them, if
/// anything, is recognised.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Too much waits already.
    #[error("too many calls wait for the journal; send again in a moment")]
    Busy,
    /// The journal refused.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The daemon is stopping.
    #[error("the daemon is stopping; send again when it is back")]
    Stopping,
}

/// What waits for the journal, and how much may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Calls.
    pub calls: usize,
    /// Calls that may wait.
    pub calls_max: usize,
    /// Bytes of their records, with something for each call.
    pub bytes: usize,
    /// Bytes that may wait.
    pub bytes_max: usize,
}

/// The other end of the queue, which owns the writer. In the daemon a thread serves it; a simulation
/// steps it.
pub struct Desk {
    writer: Writer,
    queue: Arc<Queue>,
    group: Vec<Command>,
    publish: watch::Sender<JournalState>,
}

/// The side of the callers: when the last of them is gone, none will come.
struct Door(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Wakes the desk.
    came: Condvar,
}

#[derive(Default)]
struct Waiting {
    calls: Turns<Call>,
    /// What goes before all calls.
    urgent: VecDeque<Command>,
    /// What waits for the calls before it: one for each line drawn in `calls`.
    parting: VecDeque<Command>,
    is_ticked: bool,
    /// Number of the next call.
    next: u64,
    is_desk_idle: bool,
    is_desk_gone: bool,
    are_callers_gone: bool,
}

struct Call {
    events: Vec<Event>,
    answer: oneshot::Sender<Recorded>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what waits, and wakes the desk.
    fn change<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        let mut waiting = self.lock();
        let changed = change(&mut waiting);
        if std::mem::take(&mut waiting.is_desk_idle) {
            self.came.notify_one();
        }
        changed
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.calls.calls() == 0
            && self.urgent.is_empty()
            && self.parting.is_empty()
            && !self.is_ticked
    }

    /// Takes the next group, or what is still missing of it.
    fn take(&mut self, group: &mut Vec<Command>) {
        let mut cost = 0;
        if std::mem::take(&mut self.is_ticked) {
            group.push(Command::Tick);
        }
        group.extend(self.urgent.drain(..));
        while group.len() < GROUP_CALLS && cost < GROUP_COST {
            if let Some((call, call_cost)) = self.calls.pop() {
                cost += call_cost;
                group.push(Command::Record(call.events, call.answer));
            } else if let Some(command) = self.parting.pop_front() {
                self.calls.pass();
                group.push(command);
            } else {
                break;
            }
        }
    }

    /// Lets a call in and gives its number. Makes room for it if need be and fair.
    fn enter(&mut self, account: &AccountId, cost: usize, call: Call) -> Result<u64, Refusal> {
        if self.is_desk_gone {
            return Err(Refusal::Stopping);
        }
        let number = self.next;
        self.next += 1;
        self.calls.push(account, number, cost, call);
        while self.calls.calls() > QUEUE_CALLS || self.calls.cost() > QUEUE_COST {
            let (heaviest, _) = self.calls.heaviest().expect("something waits");
            let heaviest = heaviest.clone();
            // Dropped without an answer: refused.
            let refused = self.calls.pop_newest(&heaviest);
            drop(refused);
        }
        Ok(number)
    }
}

impl Desk {
    /// Waits for commands; false when there will be none.
    fn wait(&mut self) -> bool {
        if self.writer.is_stopped() {
            return false;
        }
        let mut waiting = self.queue.lock();
        while waiting.is_empty() {
            if waiting.are_callers_gone {
                return false;
            }
            waiting.is_desk_idle = true;
            waiting = self.queue.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.take(&mut self.group);
        true
    }

    /// Whether commands wait; they are the next group.
    pub fn has_commands(&mut self) -> bool {
        if self.group.is_empty() && !self.writer.is_stopped() {
            self.queue.lock().take(&mut self.group);
        }
        !self.group.is_empty()
    }

    /// Carries out one group, publishes the state, and answers.
    pub fn serve(&mut self, now: Now) {
        self.writer.handle(self.group.drain(..), now);
        if self.queue.lock().is_empty() {
            self.writer.rest();
        }
        // Before the answers: whoever was answered finds a state that knows of it.
        self.publish.send_replace(self.writer.state());
        self.writer.answer();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let gone = Waiting { is_desk_gone: true, ..Waiting::default() };
        let waiting = std::mem::replace(&mut *self.queue.lock(), gone);
        // Whoever still waits is told by the loss of its answer.
        drop(waiting);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.0.change(|waiting| waiting.are_callers_gone = true);
    }
}

/// A call's place among those that wait; given back when its caller goes away.
struct Place<'a> {
    queue: &'a Queue,
    account: &'a AccountId,
    number: u64,
}

impl Place<'_> {
    /// Takes the call back; false when a group has it.
    fn withdraw(&self) -> bool {
        self.queue.lock().calls.withdraw(self.account, self.number).is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl Intake {
    /// An intake and its desk. The watch shows the journal's state after each group, and closes when
    /// the desk is gone.
    #[must_use]
    pub fn open(writer: Writer) -> (Intake, Desk, watch::Receiver<JournalState>) {
        let queue = Arc::new(Queue::default());
        let (publish, state) = watch::channel(writer.state());
        let group = Vec::with_capacity(GROUP_CALLS);
        let desk = Desk { writer, queue: Arc::clone(&queue), group, publish };
        (Intake(Arc::new(Door(queue))), desk, state)
    }

    /// Starts the writer's thread, which ends when it is told to stop, or when the last `Intake` is
    /// dropped: without a seal then, as in a crash. `clock` reads both clocks.
    pub fn start(
        writer: Writer,
        clock: impl Fn() -> Now + Send + 'static,
    ) -> std::io::Result<(Intake, watch::Receiver<JournalState>)> {
        let (intake, mut desk, state) = Intake::open(writer);
        let run = move || {
            while desk.wait() {
                desk.serve(clock());
            }
        };
        std::thread::Builder::new().name("journal".into()).spawn(run)?;
        Ok((intake, state))
    }

    /// Records events of a caller without an account: durable when it returns `Ok`, with one outcome
    /// for each, in order. Waits at most [`WAIT_MAX`] for its turn.
    pub async fn record(&self, events: Vec<Event>) -> Result<Vec<Outcome>, Refusal> {
        let nobody = NOBODY.parse().expect("12 digits are an account");
        self.record_for(&nobody, events, WAIT_MAX).await
    }

    /// The same in the turn of the account that sends them, waiting at most `wait_max` for it.
    pub async fn record_for(
        &self,
        account: &AccountId,
        events: Vec<Event>,
        wait_max: Duration,
    ) -> Result<Vec<Outcome>, Refusal> {
        let queue = &*self.0.0;
        let bytes: usize = events.iter().map(|event| event.record.len()).sum();
        let (answer, mut answered) = oneshot::channel();
        let call = Call { events, answer };
        let number = queue.change(|waiting| waiting.enter(account, bytes + CALL_COST, call))?;
        let place = Place { queue, account, number };
        let answer = match tokio::time::timeout(wait_max, &mut answered).await {
            Ok(answer) => answer,
            Err(_) if place.withdraw() => return Err(Refusal::Busy),
            Err(_) => answered.await,
        };
        match answer {
            Ok(recorded) => Ok(recorded?),
            Err(_) if queue.lock().is_desk_gone => Err(Refusal::Stopping),
            Err(_) => Err(Refusal::Busy),
        }
    }

    /// Events are recorded under these trails when it returns.
    pub async fn set_trails(&self, trails: Arc<TrailSet>) -> Result<(), Refusal> {
        self.ask(|answer| Command::Trails(trails, answer), Waiting::part).await
    }

    /// Lets a segment go, whose identities are stored.
    pub async fn retire(&self, batch: BatchId) -> Result<(), Refusal> {
        let urgent = |waiting: &mut Waiting, command| waiting.urgent.push_back(command);
        self.ask(|answer| Command::Retire(batch, answer), urgent).await
    }

    /// Seals the open segment, if it holds events.
    pub async fn seal(&self) -> Result<(), Refusal> {
        self.ask(Command::Seal, Waiting::part).await
    }

    /// Seals and ends the thread: whoever comes later is told that the daemon is stopping.
    pub async fn stop(&self) -> Result<(), Refusal> {
        self.ask(Command::Stop, Waiting::part).await
    }

    /// Lets the writer look at the clock.
    pub fn tick(&self) {
        self.0.0.change(|waiting| waiting.is_ticked = true);
    }

    /// How much waits.
    #[must_use]
    pub fn queue(&self) -> QueueState {
        let waiting = self.0.0.lock();
        QueueState {
            calls: waiting.calls.calls(),
            calls_max: QUEUE_CALLS,
            bytes: waiting.calls.cost(),
            bytes_max: QUEUE_COST,
        }
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), JournalError>>) -> Command,
        enqueue: impl FnOnce(&mut Waiting, Command),
    ) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        self.0.0.change(|waiting| {
            if waiting.is_desk_gone {
                return Err(Refusal::Stopping);
            }
            if waiting.urgent.len() + waiting.parting.len() >= QUEUE_QUESTIONS {
                return Err(Refusal::Busy);
            }
            enqueue(waiting, command(answer));
            Ok(())
        })?;
        Ok(answered.await.map_err(|_| Refusal::Stopping)??)
    }
}

impl Waiting {
    /// Enqueues what holds for all calls that come later.
    fn part(&mut self, command: Command) {
        self.parting.push_back(command);
        self.calls.part();
    }
}
