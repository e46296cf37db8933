//! What waits for a destination that refuses: durable, bounded, retried for 30 days.
//!
//! The idea: a bucket or a topic that refuses must hold up neither the others nor the journal, and
//! nothing it refuses is ever dropped. Each destination is a lane. What a lane refuses is parked on
//! disk in a [`disk::Spool`]; the lane is then tried again, one item at a time, at pauses that
//! double up to a bound and are drawn at random ("full jitter") so that many lanes do not knock
//! together.
//!
//! ```text
//!              failed()                        take_due()            failed(), release()
//!   flowing ─────────────► pausing ─ in time ─► one item in flight ───────────► pausing
//!      ▲                      ▲                        │ remove(), succeeded()
//!      │                      └ park()                 ▼
//!      └───────────────────────────── the lane is empty, or its next item is due
//! ```
//!
//! The owner asks [`Outbox::is_refusing`] before it tries something new and parks it when the
//! answer is yes; or [`Outbox::has_refused`], when new items may overtake parked ones: else a lane
//! that gets items faster than they go out one by one would never be empty again. Sizes are payload
//! bytes; moments are the owner's clock.
//!
//! What always holds:
//!
//! 1. A parked item leaves only by [`Outbox::remove`], or to a file kept aside (`*.expired` after
//!    `give_up_after`, `*.damaged`), which stays on disk.
//! 2. Never is more than one item of a lane in flight, and it is the oldest.
//! 3. A lane that failed is not due again before its pause is over, and no pause is longer than
//!    `pause_max`, whatever the clock does: a clock set back or forward costs at most one early try.
//! 4. After a restart the pauses are forgotten: each lane is due at once, with one item.
//!
//! Items can be handled twice: a crash between the act and [`Outbox::remove`] repeats the act.
//!
//! What fails: see [`OutboxError`]. No clock and no randomness: both are arguments.
//! Source for full jitter: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod brief;
mod error;
mod outbox;
mod pause;
mod report;
mod status;

pub use brief::brief;
pub use disk::ItemId;
pub use error::{OutboxError, Remedy};
pub use outbox::{Due, FirstFailure, Outbox};
pub use pause::RetrySettings;
pub use report::{Expired, LaneReport};
pub use status::{Status, Statuses};
