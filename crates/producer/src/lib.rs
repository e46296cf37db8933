//! Makes events durable and turns them into log files: intake, journal, seal, route, gzip, retire.
//!
//! **Before the seal, state; after it, functions.** The journal is the only state between an event
//! and S3. What is made of a sealed segment, [`route::Plan`] and the files of it, is a function of
//! the segment: made again after a crash it is the same.
//!
//! The crate may make callers wait or refuse them; it never drops what it took.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod frame;
pub mod intake;
pub mod journal;
pub mod peek;
pub mod recorded;
pub mod render;
pub mod route;
pub mod salvage;
pub mod segment;
#[cfg(test)]
mod testing;
pub mod turns;
pub mod window;
pub mod writer;

use std::time::Duration;

use model::Timestamp;

pub use intake::{Desk, Intake, QueueState, Refusal};
pub use journal::{
    Committed, Journal, JournalError, JournalSettings, JournalState, Listener, Outcome,
};
pub use recorded::{HandedOver, Recorded};
pub use render::render;
pub use route::{Batch, Plan};
pub use segment::{Damage, SealedSegment, SegmentError};
pub use writer::{Command, Writer};

/// The journal's directory, in the data directory.
pub const DIRECTORY: &str = "journal";

/// A reading of both clocks: what time it is, and how much time passed. The first may jump by
/// hours, so that nothing waits by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The time of day, for names and records.
    pub wall: Timestamp,
    /// Time since some fixed moment, which never goes back, for waiting.
    pub uptime: Duration,
}
