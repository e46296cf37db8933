//! Sends the records of delivered log files to their trails' log groups.
//!
//! What is to be sent is a reference, parked on disk before the batch of its file retires; the file
//! itself is read back from its bucket. So there is one way for what is new, what was refused and what
//! a crash left behind; a group that refuses or is slow holds up nobody; and no more is in memory than
//! is being sent. A lane is a trail and the account whose records they are: a stream.
//!
//! What always holds:
//!
//! 1. When [`LogSender::hand_over`] answers `Ok` the disk has the reference, or the file was given up
//!    because its lane is full; its records are in S3 all the same.
//! 2. A record is sent **at least once**, unless it is too large, its file is gone from its bucket, its
//!    trail no longer has a log group, its lane was full, or it was refused for 30 days. Within one
//!    process a batch that the stream took is not sent again; after a crash it may be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{AccountId, OrganizationId, Timestamp, TrailArn};
use outbox::{Due, FirstFailure, ItemId, LaneReport, Outbox, OutboxError, Remedy, Statuses};
use serde::{Deserialize, Serialize};

use super::batch::batches;
use super::{LogSink, LogStream, LogsError};
use crate::NotifierError;

/// The status error of a trail one of whose lanes is full. AWS has none: it keeps no backlog.
const BACKLOG_FULL: &str = "BacklogFull";

/// A log file whose records are to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The trail.
    pub trail: TrailArn,
    /// Of an organization trail: the organization.
    pub organization: Option<OrganizationId>,
    /// The account whose records are inside.
    pub account: AccountId,
    /// Where the file is.
    pub bucket: model::BucketName,
    /// Its key.
    pub key: String,
    /// SHA-256 of its uncompressed bytes, lower-case hex.
    pub sha256: String,
    /// Their number.
    pub uncompressed_bytes: u64,
}

/// How the sender stands, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogsReport {
    /// The trails and accounts for which files wait.
    pub lanes: Vec<LaneReport>,
    /// Records sent since the process began.
    pub sent: u64,
    /// Records that were too large, since the process began.
    pub skipped: u64,
    /// Files given up because their lanes were full, since the process began.
    pub given_up: u64,
    /// Files kept aside on disk, damaged or expired, those of earlier runs included.
    pub set_aside: Vec<String>,
}

/// Sends records. See the module's header.
#[derive(Debug)]
pub struct LogSender {
    sink: Arc<dyn LogSink>,
    statuses: Statuses,
    /// Never locked over an await.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    outbox: Outbox,
    /// Batches of parked files that the stream took already.
    taken: BTreeMap<ItemId, usize>,
    sent: u64,
    skipped: u64,
    given_up: u64,
}

impl LogSender {
    /// Sends to `sink` and parks in `outbox`, which nobody else may use.
    pub fn new(sink: Arc<dyn LogSink>, outbox: Outbox) -> LogSender {
        let state = State { outbox, taken: BTreeMap::new(), sent: 0, skipped: 0, given_up: 0 };
        LogSender { sink, statuses: Statuses::default(), state: Mutex::new(state) }
    }

    /// Takes over a log file that is in its bucket; durable when it answers `Ok`. A file whose lane is
    /// full is given up: to wait for room would hold up the batch, and with it every account's files.
    pub fn hand_over(&self, file: &Reference, now: Timestamp) -> Result<(), NotifierError> {
        let lane = format!("log group of {} for {}", file.trail, file.account);
        let payload = serde_json::to_vec(file).expect("a reference always serializes");
        let mut state = self.state();
        match state.outbox.park(&lane, &payload, now) {
            Err(error @ OutboxError::Full { .. }) => {
                state.given_up += 1;
                self.statuses.refused(&file.trail, BACKLOG_FULL);
                tracing::error!(lane, bucket = %file.bucket, key = file.key, %error, "the records of a log file are not sent to the log group; they are in the bucket");
                Ok(())
            }
            parked => Ok(parked.map(drop)?),
        }
    }

    /// The files whose turn has come, at most one of a lane; each must be released again, by
    /// [`LogSender::send`], [`LogSender::forget`] or [`LogSender::keep`].
    #[must_use]
    pub fn take_due(&self, now: Timestamp) -> Vec<Due> {
        self.state().outbox.take_due(now)
    }

    /// What is due; `None` when it makes no sense or the disk refused, and is taken care of.
    pub fn load(&self, due: &Due, now: Timestamp, random: f64) -> Option<Reference> {
        let read = self.state().outbox.read(due.item);
        let damage = match read {
            Ok(payload) => match serde_json::from_slice(&payload) {
                Ok(reference) => return Some(reference),
                Err(error) => error.to_string(),
            },
            Err(error) if error.remedy() == Remedy::SetAside => error.to_string(),
            Err(error) => {
                self.keep(due, &error.to_string(), now, random);
                return None;
            }
        };
        self.set_aside(due, &damage, now, random);
        None
    }

    /// Sends the records of a file whose content was read back. It is forgotten when all are sent, and
    /// stays parked otherwise. Returns whether all are sent.
    pub async fn send(
        &self,
        due: &Due,
        file: &Reference,
        stream: &LogStream,
        content: &[u8],
        now: Timestamp,
        random: f64,
    ) -> bool {
        let cut = match batches(content) {
            Ok(cut) => cut,
            Err(error) => {
                self.set_aside(due, &error.to_string(), now, random);
                return false;
            }
        };
        let taken = self.state().taken.get(&due.item).copied().unwrap_or_default();
        for batch in cut.batches.iter().skip(taken) {
            if let Err(error) = self.sink.put(stream, batch, now).await {
                if let LogsError::Role(failure) | LogsError::Group(failure) = &error {
                    self.statuses.refused(&file.trail, &failure.code);
                }
                self.keep(due, &error.to_string(), now, random);
                return false;
            }
            self.statuses.succeeded(&file.trail, now);
            let mut state = self.state();
            *state.taken.entry(due.item).or_default() += 1;
            state.sent += batch.len() as u64;
        }
        let is_forgotten = self.forget(due, now, random);
        if is_forgotten {
            self.state().skipped += cut.skipped;
        }
        is_forgotten
    }

    /// Nothing more is to be sent of a file. False when the disk refuses: then it stays.
    pub fn forget(&self, due: &Due, now: Timestamp, random: f64) -> bool {
        let mut state = self.state();
        match state.outbox.remove(due.item) {
            Ok(()) => {
                state.taken.remove(&due.item);
                if state.outbox.succeeded(&due.lane) {
                    tracing::info!(lane = due.lane, "the log group takes records again");
                }
                true
            }
            Err(error) => {
                drop(state);
                self.keep(due, &error.to_string(), now, random);
                false
            }
        }
    }

    /// A file could not be sent, or read back: it stays parked, and its lane pauses.
    pub fn keep(&self, due: &Due, error: &str, now: Timestamp, random: f64) {
        let mut state = self.state();
        if state.outbox.failed(&due.lane, error, now, random) == FirstFailure::Yes {
            tracing::warn!(
                lane = due.lane,
                error,
                "records for the log group wait and are tried again"
            );
        }
        state.outbox.release(due.item);
    }

    /// A file cannot be sent ever: it is gone from its bucket, or is another one. What was parked for
    /// it is kept aside.
    pub fn set_aside(&self, due: &Due, damage: &str, now: Timestamp, random: f64) {
        tracing::error!(lane = due.lane, item = %due.item, damage, "records cannot be sent to the log group; what was parked for them is kept aside");
        let result = self.state().outbox.set_aside_damaged(due.item);
        if let Err(error) = result {
            self.keep(due, &error.to_string(), now, random);
        }
    }

    /// Gives up what has been refused for too long by this date. It is kept on disk.
    pub fn expire(&self, today: Timestamp) -> Result<(), OutboxError> {
        let mut state = self.state();
        for one in state.outbox.expire(today)? {
            state.taken.remove(&one.item);
            tracing::error!(lane = one.lane, item = %one.item, parked_at = %one.parked_at,
                "records were refused for too long; what was parked for them is kept aside");
        }
        Ok(())
    }

    /// How trails fare at their log groups.
    #[must_use]
    pub fn statuses(&self) -> &Statuses {
        &self.statuses
    }

    /// How the sender stands, for metrics. Takes time for every parked file.
    #[must_use]
    pub fn report(&self) -> LogsReport {
        let state = self.state();
        LogsReport {
            lanes: state.outbox.lanes(),
            sent: state.sent,
            skipped: state.skipped,
            given_up: state.given_up,
            set_aside: state.outbox.set_aside().to_vec(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
