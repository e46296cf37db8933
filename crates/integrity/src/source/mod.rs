//! Where the objects are: a bucket in S3, a copy of one in a directory, or memory.
//!
//! A copy has a bucket's objects as files, named by their keys, as `aws s3 sync s3://BUCKET DIR`
//! makes it. User metadata is lost in it; a file `KEY.metadata.json` beside an object may hold what
//! `aws s3api head-object` printed of it. Objects in memory are for tests.
//!
//! Listings come in the order of keys, page by page. What is read is bounded, each object and all
//! that are held at once: an object holds its share of the budget until it is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

mod directory;
mod memory;
mod s3;

pub use memory::{Memory, Stored};

/// Bytes of objects that are held at once, unless told otherwise.
pub const BUDGET_BYTES: usize = 256 << 20;
/// The unit of the budget.
const KIB: usize = 1 << 10;

/// User metadata of an object, by lower-case names without `x-amz-meta-`.
pub type Metadata = BTreeMap<String, String>;

/// Objects to read. Cheap to clone.
#[derive(Clone)]
pub struct Source {
    kind: Arc<Kind>,
    budget: Arc<Semaphore>,
    budget_kib: usize,
}

enum Kind {
    S3(Box<s3::Buckets>),
    Directory(directory::Directory),
    Memory(Memory),
}

/// An object as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// When it was put, where that is known: a copy does not tell.
    pub modified: Option<Timestamp>,
}

/// What a key holds.
pub enum Object {
    /// All of it.
    Whole(Whole),
    /// Nothing.
    Missing,
    /// More than was asked for.
    TooLong,
}

/// An object that was read.
pub struct Whole {
    /// Its bytes, as they are stored.
    pub bytes: Bytes,
    /// Its user metadata; `None` where a copy has lost it.
    pub metadata: Option<Metadata>,
    _share: OwnedSemaphorePermit,
}

/// Why nothing is known of an object: neither that it is there, nor that it is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {code}: {message}")]
pub struct SourceError {
    /// What was asked for: `s3://BUCKET/KEY`, or a path.
    pub place: String,
    /// S3's code, such as `AccessDenied`, or what the file system says.
    pub code: String,
    /// What it says besides.
    pub message: String,
}

/// A listing on its way.
pub struct Listing(ListingKind);

enum ListingKind {
    S3(Box<s3::Pages>),
    Directory(directory::Walk),
    Memory(Option<Vec<Entry>>),
}

impl Source {
    /// Buckets of S3, or of what speaks like it, by settings of the SDK. `path_style` addresses
    /// buckets in the path.
    #[must_use]
    pub fn s3(builder: aws_sdk_s3::config::Builder, path_style: bool) -> Source {
        Source::new(Kind::S3(Box::new(s3::Buckets::new(builder, path_style))))
    }

    /// A copy of one bucket.
    #[must_use]
    pub fn directory(root: std::path::PathBuf) -> Source {
        Source::new(Kind::Directory(directory::Directory::new(root)))
    }

    /// Objects in memory.
    #[must_use]
    pub fn memory(objects: Memory) -> Source {
        Source::new(Kind::Memory(objects))
    }

    fn new(kind: Kind) -> Source {
        let budget_kib = BUDGET_BYTES / KIB;
        Source { kind: Arc::new(kind), budget: Arc::new(Semaphore::new(budget_kib)), budget_kib }
    }

    /// Whether this is a copy: of one bucket, without metadata and without the times of PUTs.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        matches!(*self.kind, Kind::Directory(_))
    }

    /// Reads an object of at most `bytes_max` bytes. Waits while what others hold leaves no room.
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        bytes_max: u64,
    ) -> Result<Object, SourceError> {
        match &*self.kind {
            Kind::S3(buckets) => buckets.get(self, bucket, key, bytes_max).await,
            Kind::Directory(directory) => directory.get(self, key, bytes_max).await,
            Kind::Memory(memory) => memory.get(self, bucket, key, bytes_max).await,
        }
    }

    /// The objects whose keys begin with `prefix` and come after `after`.
    #[must_use]
    pub fn list(&self, bucket: &str, prefix: &str, after: &str) -> Listing {
        Listing(match &*self.kind {
            Kind::S3(buckets) => ListingKind::S3(Box::new(buckets.list(bucket, prefix, after))),
            Kind::Directory(directory) => ListingKind::Directory(directory.list(prefix, after)),
            Kind::Memory(memory) => ListingKind::Memory(Some(memory.list(bucket, prefix, after))),
        })
    }

    /// The names between `prefix`, which is empty or ends with a slash, and the next slash.
    pub async fn folders(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, SourceError> {
        match &*self.kind {
            Kind::S3(buckets) => buckets.folders(bucket, prefix).await,
            Kind::Directory(directory) => directory.folders(prefix).await,
            Kind::Memory(memory) => Ok(memory.folders(bucket, prefix)),
        }
    }

    /// Room for an object of this size.
    async fn share(&self, bytes: u64) -> OwnedSemaphorePermit {
        let kib = usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(KIB);
        let kib = u32::try_from(kib.clamp(1, self.budget_kib)).unwrap_or(u32::MAX);
        let share = Arc::clone(&self.budget).acquire_many_owned(kib).await;
        share.expect("the budget is never closed")
    }
}

impl Listing {
    /// Up to about a thousand objects more, or `None` at the end. A page may be empty.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Entry>>, SourceError> {
        match &mut self.0 {
            ListingKind::S3(pages) => pages.next().await,
            ListingKind::Directory(walk) => walk.next().await,
            ListingKind::Memory(entries) => Ok(entries.take()),
        }
    }
}
