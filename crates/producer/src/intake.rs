//! The front door of the producer: callers wait here until their events are durable.
//!
//! One thread owns the [`Writer`]; a queue of commands leads to it, bounded in number and in bytes.
//! While the thread syncs, commands gather, and the next sync serves them all. There is no other
//! buffer: a caller whose command does not find room in time is refused, and nothing of it was taken.

use std::sync::Arc;
use std::time::Duration;

use model::{BatchId, Event};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use trails::TrailSet;

use crate::Now;
use crate::journal::{JournalError, JournalState, Outcome};
use crate::writer::{Caller, Command, Writer};

/// Commands that wait at most; each holds the events of one call.
const QUEUE_COMMANDS: usize = 256;
/// Records that wait at most, in KiB.
const QUEUE_KIB: u32 = 32 << 10;
/// How long a call waits for room, unless it says otherwise.
pub const WAIT_MAX: Duration = Duration::from_secs(2);
/// Commands of one group at most.
const GROUP_COMMANDS: usize = QUEUE_COMMANDS;

/// Sends events to the journal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intake {
    commands: mpsc::Sender<Command>,
    /// One permit for each KiB of records between their call and its answer.
    room: Arc<Semaphore>,
}

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

/// The other end of the queue, which owns the writer. In the daemon a thread serves it; a simulation
/// steps it.
pub struct Desk {
    writer: Writer,
    queue: mpsc::Receiver<Command>,
    group: Vec<Command>,
    publish: watch::Sender<JournalState>,
}

impl Desk {
    /// Waits for commands; false when there will be none.
    fn wait(&mut self) -> bool {
        !self.writer.is_stopped()
            && self.queue.blocking_recv_many(&mut self.group, GROUP_COMMANDS) > 0
    }

    /// Whether commands wait; they are the next group.
    pub fn has_commands(&mut self) -> bool {
        while !self.writer.is_stopped() && self.group.len() < GROUP_COMMANDS {
            let Ok(command) = self.queue.try_recv() else { break };
            self.group.push(command);
        }
        !self.group.is_empty()
    }

    /// Carries out one group, publishes the state, and answers.
    pub fn serve(&mut self, now: Now) {
        self.writer.handle(self.group.drain(..), now);
        if self.queue.is_empty() {
            self.writer.rest();
        }
        // Before the answers: whoever was answered finds a state that knows of it.
        self.publish.send_replace(self.writer.state());
        self.writer.answer();
    }
}

impl Intake {
    /// An intake and its desk. The watch shows the journal's state after each group, and closes when
    /// the desk is gone.
    #[must_use]
    pub fn open(writer: Writer) -> (Intake, Desk, watch::Receiver<JournalState>) {
        let (commands, queue) = mpsc::channel(QUEUE_COMMANDS);
        let (publish, state) = watch::channel(writer.state());
        let room = Arc::new(Semaphore::new(QUEUE_KIB as usize));
        let group = Vec::with_capacity(GROUP_COMMANDS);
        (Intake { commands, room }, Desk { writer, queue, group, publish }, state)
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

    /// Records events: durable when it returns `Ok`, with one outcome for each, in order. Waits at
    /// most [`WAIT_MAX`] for room.
    pub async fn record(&self, events: Vec<Event>) -> Result<Vec<Outcome>, Refusal> {
        self.record_within(events, WAIT_MAX).await
    }

    /// The same, waiting at most `wait_max` for room.
    pub async fn record_within(
        &self,
        events: Vec<Event>,
        wait_max: Duration,
    ) -> Result<Vec<Outcome>, Refusal> {
        let entered = tokio::time::timeout(wait_max, self.enter(&events)).await;
        let (room, place) = entered.map_err(|_| Refusal::Busy)??;
        let (answer, answered) = oneshot::channel();
        place.send(Command::Record(events, Caller::with_room(answer, room)));
        Ok(answered.await.map_err(|_| Refusal::Stopping)??)
    }

    /// Events are recorded under these trails when it returns.
    pub async fn set_trails(&self, trails: Arc<TrailSet>) -> Result<(), Refusal> {
        self.ask(|answer| Command::Trails(trails, answer)).await
    }

    /// Lets a segment go, whose identities are stored.
    pub async fn retire(&self, batch: BatchId) -> Result<(), Refusal> {
        self.ask(|answer| Command::Retire(batch, answer)).await
    }

    /// Seals the open segment, if it holds events.
    pub async fn seal(&self) -> Result<(), Refusal> {
        self.ask(Command::Seal).await
    }

    /// Seals and ends the thread: whoever comes later is told that the daemon is stopping.
    pub async fn stop(&self) -> Result<(), Refusal> {
        self.ask(Command::Stop).await
    }

    /// Lets the writer look at the clock; without room it is looking anyway.
    pub fn tick(&self) {
        let _ = self.commands.try_send(Command::Tick);
    }

    /// How many commands wait, and how many may.
    #[must_use]
    pub fn queue(&self) -> (usize, usize) {
        let max = self.commands.max_capacity();
        (max - self.commands.capacity(), max)
    }

    /// Waits for room: in bytes, held until the answer, and for one command.
    async fn enter(
        &self,
        events: &[Event],
    ) -> Result<(OwnedSemaphorePermit, mpsc::Permit<'_, Command>), Refusal> {
        let bytes: usize = events.iter().map(|event| event.record.len()).sum();
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(QUEUE_KIB).min(QUEUE_KIB);
        let room = Arc::clone(&self.room).acquire_many_owned(kib);
        let room = room.await.map_err(|_| Refusal::Stopping)?;
        let place = self.commands.reserve().await.map_err(|_| Refusal::Stopping)?;
        Ok((room, place))
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), JournalError>>) -> Command,
    ) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| Refusal::Stopping)?;
        Ok(answered.await.map_err(|_| Refusal::Stopping)??)
    }
}
