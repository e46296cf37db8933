//! Tells each trail's topic what arrived.
//!
//! The idea: a log file that lies in its bucket is announced on the trail's SNS topic, at least
//! once. A topic that refuses costs nobody else anything: what it refuses is parked on disk in an
//! [`outbox::Outbox`], one lane for each topic, and goes out when the topic takes it.
//!
//! ```text
//!   Delivered ─ announce ─┬─ the topic takes it ──────────► SNS ─► SQS
//!                         │ it refuses, or older ones wait   ▲
//!                         └► outbox ─ retry_due ─────────────┘
//! ```
//!
//! The message is [`model::Notice`], byte for byte; a parked payload is
//! `{"trail":"arn:…","topic":"arn:aws:sns:…","message":"{\"s3Bucket\":…}"}`.
//!
//! What always holds:
//!
//! 1. When [`Notifier::announce`] answers `Ok` the topic has the message, or the disk has it.
//! 2. A message is published **at least once**: when the answer is lost, or the process ends
//!    between a publish and the removal of the parked item, it is published again. Readers drop
//!    duplicates by object key or eventID, as CloudTrail asks of them.
//! 3. While items of a topic wait, newer ones queue behind. Nothing orders announcements that run
//!    at the same time, and a standard topic orders nothing.
//! 4. Any future may be dropped at any await: what it had in flight is tried again.
//!
//! What fails: see [`NotifierError`]. No clock and no randomness: both are arguments. Parking
//! writes a small file on the calling thread, only while a topic refuses.
//!
//! [`fanout`] sets up topic, queues, policies and subscriptions from configuration.
//! Sources: CloudTrail User Guide, "Configuring Amazon SNS notifications for CloudTrail"; SNS
//! Developer Guide, "Fanout to Amazon SQS queues".

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
pub mod failure;
pub mod fanout;
pub mod logs;
pub mod memory;
mod notifier;
pub mod sns;
mod state;
mod topic;

pub use error::{NotifierError, Remedy};
pub use notifier::{Announced, Notifier};
pub use state::NotifierReport;
pub use topic::{PublishError, Topic};
