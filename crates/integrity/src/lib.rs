//! Whether what CloudTrail delivered is as it was delivered: the digests of a bucket, or of a copy
//! of one, are verified by public keys, the log files by digests.
//!
//! ```text
//! Source ─ keys of digests ─► read, verify ─► chain: links, intervals ─► listed files ─► read, hash
//!                                                                                          │
//!        └ keys of log files ─► those that no digest lists          findings in order ◄────┘
//! ```
//!
//! [`source`] gives the objects, [`keys`] the public keys, [`layout`] tells what a key names.
//! [`validate()`] walks. What is found is a [`Finding`]; nothing here prints. [`proof`] takes what
//! belongs to one record out of it.
//! Source: AWS CloudTrail User Guide, "Validating CloudTrail log file integrity".
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod chain;
pub mod digest;
pub mod finding;
pub mod keys;
pub mod layout;
pub mod listed;
pub mod log_file;
pub mod pool;
pub mod proof;
pub mod resume;
pub mod source;
pub mod validate;

pub use chain::Scope;
pub use finding::{Count, Event, Finding, Plain, Problem, Standing, Subject, Summary};
pub use keys::{InvalidKeys, Keys, KnownKey};
pub use layout::{DigestFolder, DigestName, LogName, Selection, find_folders};
pub use listed::{FileHash, Listed, Word};
pub use pool::Pool;
pub use proof::Proof;
pub use resume::{Kept, Progress};
pub use source::{Metadata, Object, Source, SourceError, Whole};
pub use validate::{Counters, ValidateError, Validation, validate};
