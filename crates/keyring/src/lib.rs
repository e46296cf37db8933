//! The RSA keys that sign digests: made at first need, rotated, kept, published.
//!
//! A Region has its own keys, as in AWS: digests of files of eu-west-1 are signed by a key of
//! eu-west-1, whatever trail and account they are of. Which key signs is a function of the digest's
//! own end, not of the clock: an hour that is signed late, after an outage, is signed by a key that
//! was valid in it, or readers that ask for the keys of that time would not find it.
//! Source: AWS CloudTrail API Reference, `ListPublicKeys`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod key;
pub mod ring;

pub use key::{InvalidKey, PublicKey, SigningKey};
pub use ring::{KeyRing, KeyRingError, PublishedKey};
