//! The RSA keys that sign digests: made at first need, rotated, kept, published.
//!
//! ```text
//!  time    ──┬───────── step ─────────┬───────── step ─────────┬──►      step = validity - overlap
//!  key 1  ◄──┼────────────────────────┤
//!  key 2     │                     ◄──┼────────────────────────┤
//!         overlap                  overlap
//! ```
//!
//! A Region has its own keys, as in AWS: digests of files of eu-west-1 are signed by a key of
//! eu-west-1, whatever trail and account they are of. Which key signs is a function of the digest's
//! own end, not of the clock: an hour that is signed late, after an outage, is signed by a key that
//! was valid in it, or readers that ask for the keys of that time would not find it.
//!
//! What always holds:
//! - Time is cut into equal steps, counted from 1970. A key signs what ends in its step, and is valid
//!   from the overlap before: so trails whose hours end some minutes apart share one key at a change
//!   of keys too, and a key is listed before it signs.
//! - A step needs one key in a Region, however often and wherever clocks jump.
//! - A key is durable before it signs. Its public half is listed for ever.
//! - Where there is a KMS key, no private half that signs is on the disk in the clear.
//!
//! What fails: the disk, and KMS. Then nothing changes, and the caller tries again.
//!
//! Source: AWS CloudTrail API Reference, `ListPublicKeys`; validity as in its answers, 30 days.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod file;
pub mod key;
pub mod kms;
pub mod ring;

pub use file::FILE;
pub use key::{InvalidKey, PublicKey, SigningKey};
pub use kms::{Kms, KmsError};
pub use ring::{Custody, Generate, KeyRing, KeyRingError, KeySettings, PublishedKey};
