//! The writer: the one that changes the journal. Takes commands in groups, and answers a group
//! after one sync (group commit).
//!
//! A plain state machine: [`Writer::handle`] is given the commands that wait and the time, and does
//! not wait itself; [`Writer::answer`] tells the callers. [`crate::intake`] runs it on a thread; a
//! simulation steps it.
//!
//! The open segment is sealed when its oldest event has waited for the interval, when it is full
//! (by the journal), when the trails change, and at the stop. While the stages behind are
//! [`BACKLOG_MAX`] segments late and half of the quota is used, the interval does not seal: one
//! destination that refuses must not eat up the journal with small segments.

use std::sync::Arc;
use std::time::Duration;

use model::{BatchId, Event};
use tokio::sync::oneshot;
use trails::TrailSet;

use crate::Now;
use crate::journal::{Journal, JournalError, JournalState, Outcome};

/// Sealed segments that wait before the interval stops sealing more.
pub const BACKLOG_MAX: usize = 4;
/// A group is committed when it holds this much, however much still waits.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// What became of a caller's events, in order; or why none of them may count as recorded.
pub type Recorded = Result<Vec<Outcome>, JournalError>;

/// What the writer is asked.
#[derive(Debug)]
pub enum Command {
    /// Record these events; answered when they are durable.
    Record(Vec<Event>, oneshot::Sender<Recorded>),
    /// From now on events are recorded under these trails; answered when that holds.
    Trails(Arc<TrailSet>, oneshot::Sender<Result<(), JournalError>>),
    /// Let a segment go, whose identities are stored.
    Retire(BatchId, oneshot::Sender<Result<(), JournalError>>),
    /// Seal now, whatever the interval says.
    Seal(oneshot::Sender<Result<(), JournalError>>),
    /// Look at the clock.
    Tick,
    /// Seal and end; answered when that is done. Later commands find the door closed.
    Stop(oneshot::Sender<Result<(), JournalError>>),
}

/// Owns the journal.
pub struct Writer {
    journal: Journal,
    interval: Duration,
    /// The open batch that holds events, and when its oldest one was recorded.
    oldest: Option<(BatchId, Duration)>,
    /// Callers whose events are staged.
    staged: Vec<(oneshot::Sender<Recorded>, Recorded)>,
    /// What callers will be told.
    answers: Vec<Answer>,
    is_stopped: bool,
}

/// An answer that is true already and still to be sent.
#[derive(Debug)]
enum Answer {
    Recorded(oneshot::Sender<Recorded>, Recorded),
    Done(oneshot::Sender<Result<(), JournalError>>, Result<(), JournalError>),
}

impl Writer {
    /// A writer that seals after `interval`.
    #[must_use]
    pub fn new(journal: Journal, interval: Duration) -> Writer {
        Writer {
            journal,
            interval,
            oldest: None,
            staged: Vec::new(),
            answers: Vec::new(),
            is_stopped: false,
        }
    }

    /// Carries out a group of commands. What it did is durable when it returns; the callers hear of
    /// it by [`Writer::answer`].
    pub fn handle(&mut self, commands: impl IntoIterator<Item = Command>, now: Now) {
        for command in commands {
            match command {
                Command::Record(events, caller) => self.record(&events, caller, now),
                Command::Trails(trails, answer) => {
                    self.flush(now);
                    let result = self.journal.set_trails(trails, now.wall);
                    self.answers.push(Answer::Done(answer, result));
                }
                Command::Retire(batch, answer) => {
                    let result = self.journal.retire(batch);
                    self.answers.push(Answer::Done(answer, result));
                }
                Command::Seal(answer) => {
                    let result = self.seal(now);
                    self.answers.push(Answer::Done(answer, result));
                }
                Command::Tick => self.journal.look_for_room(),
                Command::Stop(answer) => {
                    let result = self.seal(now);
                    self.answers.push(Answer::Done(answer, result));
                    self.is_stopped = true;
                }
            }
            if self.journal.staged_bytes() > GROUP_BYTES_MAX {
                self.flush(now);
            }
        }
        self.flush(now);
        self.seal_if_due(now);
    }

    /// Tells the callers. One that has gone away needs no answer; its events are recorded all the
    /// same.
    pub fn answer(&mut self) {
        for answer in self.answers.drain(..) {
            match answer {
                Answer::Recorded(caller, recorded) => drop(caller.send(recorded)),
                Answer::Done(caller, result) => drop(caller.send(result)),
            }
        }
    }

    /// To be called when no command waits.
    pub fn rest(&mut self) {
        // An error halts the journal, which says so to the next caller and in its state.
        let _ = self.journal.rest();
    }

    /// Whether it was told to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// What the journal knows of itself.
    #[must_use]
    pub fn state(&self) -> JournalState {
        self.journal.state()
    }

    fn record(&mut self, events: &[Event], caller: oneshot::Sender<Recorded>, now: Now) {
        let staged = events.iter().map(|event| self.journal.stage(event, now.wall)).collect();
        self.staged.push((caller, staged));
    }

    /// Commits what is staged: nobody hears of an event before its sync.
    fn flush(&mut self, now: Now) {
        let committed = self.journal.commit();
        for (caller, staged) in self.staged.drain(..) {
            let recorded = match &committed {
                Ok(()) => staged,
                Err(JournalError::Halted(reason)) => Err(JournalError::Halted(reason.clone())),
                Err(error) => Err(JournalError::Halted(error.to_string())),
            };
            self.answers.push(Answer::Recorded(caller, recorded));
        }
        // The journal begins another batch by itself when one is full: that one is as old as now.
        self.oldest = self.journal.open_batch().map(|batch| match self.oldest {
            Some((oldest, since)) if oldest == batch => (batch, since),
            _ => (batch, now.uptime),
        });
    }

    fn seal_if_due(&mut self, now: Now) {
        let is_due =
            self.oldest.is_some_and(|(_, since)| now.uptime.saturating_sub(since) >= self.interval);
        if is_due && (self.journal.backlog() < BACKLOG_MAX || self.journal.has_half_its_quota()) {
            // An error halts the journal, which says so to the next caller and in its state.
            let _ = self.seal(now);
        }
    }

    fn seal(&mut self, now: Now) -> Result<(), JournalError> {
        self.flush(now);
        self.journal.seal(now.wall)
    }
}
