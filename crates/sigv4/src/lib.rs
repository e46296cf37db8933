//! AWS Signature Version 4, verified: who signed a request, for which day, Region and service, and
//! that nothing of what is signed was changed since.
//!
//! ```text
//! Request ─ Signed::read(now) ─► Signed ─ access_key_id() ─► (the caller finds the secret)
//!                                  │
//!        SigningKey::derive ───────┴─ verify(key, SHA-256 of the body) ─► Ok, or a SignatureError
//!                                  └─ chunks(key) ─► Chunks, for bodies signed piece by piece
//! ```
//!
//! Pure: no I/O, no clock, no randomness; a moment is seconds since 1970-01-01T00:00:00Z. Nothing
//! panics, whatever comes in, and what is worked through is bounded by [`CANONICAL_BYTES_MAX`] and
//! [`CHUNK_BYTES_MAX`]. Secrets are in no message, and in no `Debug`.
//!
//! Source: AWS IAM User Guide, "AWS Signature Version 4 for API requests"; Amazon S3 API Reference,
//! "Authenticating Requests". What is decided here where those leave room:
//!
//! * `host` must be signed, other headers need not be, `x-amz-*` included: some connectors sign only
//!   `accept;content-type;host`. The moment of signing and what is said of the payload are part of the
//!   signature whether their headers are signed or not. A session token is not: it must be compared
//!   with the one that was issued. An operation named by an unsigned header is only as safe as the way
//!   it came on.
//! * The list of signed headers is taken in the order given, since that is what was signed.
//! * Bodies without a signature, or signed in chunks, are S3's alone, unless the route takes streams
//!   ([`Signed::streamed`]). For all other services the hash of the body is part of the signature,
//!   whatever `x-amz-content-sha256` says.
//! * A presigned URL holds from 15 minutes before its moment until `X-Amz-Expires` seconds after it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod authorization;
mod canonical;
mod chunks;
mod credential;
mod encoding;
mod error;
mod key;
mod payload;
mod presigned;
mod query;
mod signed;
mod time;

pub use canonical::CANONICAL_BYTES_MAX;
pub use chunks::{CHUNK_BYTES_MAX, Chunks};
pub use error::SignatureError;
pub use key::SigningKey;
pub use payload::Payload;
pub use presigned::EXPIRES_SECONDS_MAX;
pub use signed::{Request, Signed};
pub use time::SKEW_SECONDS;
