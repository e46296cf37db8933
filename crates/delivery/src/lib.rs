//! Puts log files into buckets that many accounts share.
//!
//! A file goes out under a name derived from what it holds, by a create-only PUT: a retry meets its
//! own object and moves on. A trail whose bucket refuses does not hold up the others: its files are
//! parked on disk and tried again for 30 days. Nothing is non-retryable for an audit log.
//! What was delivered is listed in digests, signed and chained.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod deliver;
pub mod digests;
pub mod memory;
pub mod place;
pub mod s3;
pub mod store;

pub use deliver::{DIRECTORY, Delivered, Delivery, DeliveryError, Parked, Settled};
pub use digests::{Digests, DigestsReport};
pub use s3::S3Store;
pub use store::{Metadata, Object, ObjectStore, Put, PutOutcome, StoreError};
