//! What was read of files and may be wanted again: pages of records, and where their rows stand.
//!
//! One cache for all files of a history, bounded in bytes; what was used least recently goes first.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use lru::LruCache;

use crate::file::FileId;
use crate::position::Position;
use crate::scope::Scope;

/// Records of rows that follow each other.
#[derive(Debug)]
pub(crate) struct Records {
    /// All of them, with their lengths between.
    pub bytes: Bytes,
    /// Where each begins and ends.
    pub places: Box<[(u32, u32)]>,
}

impl Records {
    /// The record at a place, without copying it.
    pub(crate) fn record(&self, at: usize) -> Bytes {
        let (begin, end) = self.places[at];
        self.bytes.slice(begin as usize..end as usize)
    }
}

/// Positions and scopes of rows that follow each other.
#[derive(Debug)]
pub(crate) struct Heads {
    pub positions: Box<[Position]>,
    pub scopes: Box<[Scope]>,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The page of records with this number.
    Records(FileId, u32),
    /// The heads of the rows from this one on.
    Heads(FileId, u32),
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Records(Arc<Records>),
    Heads(Arc<Heads>),
}

impl Content {
    fn size_bytes(&self) -> usize {
        // What the map and the allocator add.
        const EACH: usize = 200;
        EACH + match self {
            Content::Records(records) => records.bytes.len() + size_of_val(&*records.places),
            Content::Heads(heads) => size_of_val(&*heads.positions) + size_of_val(&*heads.scopes),
        }
    }
}

/// The cache. File numbers are told apart, histories are not: each has its own.
#[derive(Debug)]
pub struct PageCache {
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: LruCache<Part, Content>,
    bytes: usize,
}

impl PageCache {
    /// An empty cache that holds so many bytes at most.
    #[must_use]
    pub fn new(bytes_max: usize) -> Arc<PageCache> {
        let inner = Inner { parts: LruCache::unbounded(), bytes: 0 };
        Arc::new(PageCache { bytes_max, inner: Mutex::new(inner) })
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inner.lock().expect("nothing panics holding the cache").bytes
    }

    pub(crate) fn get(&self, part: Part) -> Option<Content> {
        self.inner.lock().expect("nothing panics holding the cache").parts.get(&part).cloned()
    }

    pub(crate) fn put(&self, part: Part, content: Content) {
        let size_bytes = content.size_bytes();
        // One that is as large as that would drive out all others.
        if size_bytes > self.bytes_max / 4 {
            return;
        }
        let mut inner = self.inner.lock().expect("nothing panics holding the cache");
        inner.bytes += size_bytes;
        if let Some(former) = inner.parts.put(part, content) {
            inner.bytes -= former.size_bytes();
        }
        while inner.bytes > self.bytes_max {
            let Some((_, oldest)) = inner.parts.pop_lru() else { break };
            inner.bytes -= oldest.size_bytes();
        }
    }
}
