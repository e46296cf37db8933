//! The nouns of Cairn and their exact bytes: identifiers, records, events, log files, digests,
//! notices.
//!
//! This crate does no I/O, reads no clock, draws no random numbers and knows nothing of async: what
//! it makes is a function of what it is given. Formats are CloudTrail's, met literally; each module
//! names its source.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod activity;
pub mod base62;
pub mod category;
pub mod depth;
pub mod digest;
pub mod event;
pub mod ids;
pub mod key;
pub mod limits;
pub mod log_file;
pub mod notice;
pub mod record;
pub mod time;

pub use activity::{ActivityChannel, RefusedActivity};
pub use category::{Category, Folder};
pub use digest::{ChainId, Digest, DigestKind, ListedFile};
pub use event::{Event, Identity, Sender};
pub use ids::{
    AccountId, BatchId, BucketName, ChannelName, InvalidId, KeyPrefix, LogGroupArn, LogGroupName,
    OrganizationId, Region, TopicArn, TopicName, TrailArn, TrailName,
};
pub use key::LogFileName;
pub use log_file::{Destination, LogFile};
pub use notice::Notice;
pub use record::{Envelope, InvalidRecord, Oddity, UserIdentity};
pub use time::Timestamp;
