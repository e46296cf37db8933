//! The reference reader of CloudTrail: SQS to S3 to records.
//!
//! For users' own programs, against Cairn or AWS: a queue announces log files, the consumer fetches
//! them, and the caller's [`Sink`] gets their records as the untouched JSON that CloudTrail wrote.
//!
//! ```no_run
//! use cairn_consumer::{Consumer, Jitter, LogFile, Options, S3Objects, SqsQueue};
//!
//! # async fn example(
//! #     sqs: aws_sdk_sqs::Client,
//! #     s3: aws_sdk_s3::Client,
//! #     stop: impl Future<Output = ()> + Send,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let queue = SqsQueue::new(sqs, "https://sqs.eu-west-1.amazonaws.com/111111111111/trail");
//! let objects = S3Objects::new(s3);
//! let mut consumer = Consumer::new(queue, objects, Jitter::random(), Options::default())?;
//! let mut sink = async |file: LogFile| {
//!     for record in &file.records {
//!         store(record.json()).await?;
//!     }
//!     Ok::<(), std::io::Error>(())
//! };
//! # async fn store(_: &str) -> std::io::Result<()> { Ok(()) }
//! consumer.run(&mut sink, stop).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! 1. **At least once.** A message is deleted only after the sink has said `Ok` for every file it
//!    announces. Until then its visibility timeout is extended, however long that takes.
//! 2. **Once, within a window.** A record whose (`recipientAccountId`, `eventID`) the sink accepted
//!    among the last [`Options::window_records`] is not handed over again, whether its file or its
//!    message comes twice. Records without an `eventID` are never suppressed. The window is memory:
//!    it does not outlive the [`Consumer`].
//! 3. **Nothing is dropped silently.** What is not handed over is counted in [`Counts`]; what cannot
//!    be read stays in the queue or goes to a dead-letter queue, as [`Poison`] says.
//! 4. **Bounded memory**: one file at a time, of limited size packed and unpacked; see [`Options`].
//! 5. **No flood.** Failing services are asked again after exponential backoff with full jitter, at
//!    most 30 s; an outage is logged when it begins and when it ends.
//!
//! # What it copes with
//!
//! Bodies: CloudTrail's notice, S3 event notifications, `s3:TestEvent` and `CloudTrail validation
//! message.`, each raw or in an SNS envelope ([`Announcement`]). Objects: log files of all folders,
//! Insight files among them, digests, empty marker objects ([`ObjectKind`]). Files: gzip or already
//! unpacked, `{"Records":[…]}` or bare arrays. A file that is announced and not there is waited for.
//!
//! # Permissions
//!
//! `sqs:ReceiveMessage`, `sqs:DeleteMessage`, `sqs:ChangeMessageVisibility` on the queue,
//! `s3:GetObject` on the bucket, `s3:ListBucket` so that a missing object is told from a forbidden
//! one, `kms:Decrypt` where a key is used, `sqs:SendMessage` on a dead-letter queue if one is named.
//!
//! # What it leaves to others
//!
//! Records are neither ordered nor checked against the digests. Time is tokio's; randomness, queue
//! and store are passed in, so that whole outages can be tested in a moment: see [`Queue`] and
//! [`Objects`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod announcement;
mod backoff;
mod consumer;
mod counters;
mod elements;
mod hand;
mod health;
mod identity;
mod kind;
mod log_file;
mod options;
mod reader;
mod s3;
mod s3_event;
mod sdk_error;
mod service;
mod settle;
mod sink;
mod sqs;
mod stop;
mod unpack;
mod window;
mod worker;

#[cfg(test)]
mod tests;

pub use announcement::{Announced, Announcement, UnreadableMessage};
pub use backoff::Jitter;
pub use consumer::{Consumer, Ended, Gauge};
pub use counters::Counts;
pub use identity::Identity;
pub use kind::ObjectKind;
pub use log_file::{LogFile, Record};
pub use options::{InvalidOptions, Options, Poison};
pub use s3::S3Objects;
pub use s3_event::InvalidS3Event;
pub use service::{GetError, Message, Objects, Queue, Receipt, ServiceError};
pub use sink::Sink;
pub use sqs::{REASON_ATTRIBUTE, SqsQueue};
pub use unpack::{InvalidLogFile, RECORD_BYTES, unpack};
