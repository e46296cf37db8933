//! What delivery asks of an object store.

use std::collections::BTreeMap;
use std::future::Future;

use bytes::Bytes;
use model::{BucketName, TrailArn};

/// User metadata of an object, without `x-amz-meta-`.
pub type Metadata = BTreeMap<String, String>;

/// One object to be put.
#[derive(Clone, Debug)]
pub struct Put {
    /// Where to.
    pub bucket: BucketName,
    /// Under which key.
    pub key: String,
    /// The bytes: gzip, or nothing for a marker.
    pub body: Bytes,
    /// SSE-KMS with this key; without one SSE-S3.
    pub kms_key: Option<String>,
    /// Its user metadata: a digest has some, a log file none.
    pub metadata: Metadata,
    /// For which trail: part of the encryption context.
    pub trail: TrailArn,
}

/// What became of a PUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The store holds these bytes under this key, and did not hold the key before.
    Stored,
    /// The key is taken; nothing was changed.
    Exists,
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// Nothing.
    Missing,
    /// An object longer than asked for; its bytes were not taken into memory.
    TooLong,
    /// An object's bytes as they were put, not decompressed, and its user metadata.
    Whole(Bytes, Metadata),
}

/// Why a store did not answer as hoped. Every error may be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct StoreError {
    /// The store's error code, such as `AccessDenied`; of what never reached it `Timeout` or
    /// `Unreachable`; of an answer that is not S3's `InvalidResponse`.
    pub code: String,
    /// For the log.
    pub message: String,
}

impl StoreError {
    /// Whether the bucket or the key is at fault, as `LatestDeliveryError` reports; a time-out, or
    /// an answer of something else, is neither's.
    #[must_use]
    pub fn is_of_the_destination(&self) -> bool {
        !matches!(self.code.as_str(), "Timeout" | "Unreachable" | "InvalidResponse")
    }

    /// Whether this is a no, and not only: not now.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        let is_passing = matches!(
            self.code.as_str(),
            "SlowDown" | "InternalError" | "ServiceUnavailable" | "RequestTimeout"
        );
        self.is_of_the_destination() && !is_passing
    }
}

/// An object store.
///
/// 1. `put_new` never replaces an object: of two calls for one key at most one is `Stored`.
/// 2. After `Stored` every later `read` of the key gives these bytes, until somebody else changes
///    them.
/// 3. After an error the object may be there or not: the act may have come before the error.
/// 4. `read` gives the bytes as they were put, and of an object longer than `bytes_max` none: who may
///    write to a bucket must not choose how much memory its reader takes.
/// 5. A call ends by itself within a minute.
pub trait ObjectStore: Send + Sync {
    /// Puts an object whose key is not taken.
    fn put_new(&self, put: &Put) -> impl Future<Output = Result<PutOutcome, StoreError>> + Send;

    /// Reads an object of at most so many bytes.
    fn read(
        &self,
        bucket: &BucketName,
        key: &str,
        bytes_max: u64,
    ) -> impl Future<Output = Result<Object, StoreError>> + Send;
}
