//! A durable, bounded set of parked payloads, in lanes.
//!
//! The idea: a destination that refuses (a bucket, a topic) must not hold up the others. What it
//! refuses is parked here, one file per item, and goes out when it takes things again. A lane is
//! one such destination, named by its owner.
//!
//! ```text
//!   directory/0000000000000007           an item; names go up in the order of parking
//!   directory/0000000000000008.tmp       cut off by a crash; removed at the next open
//!   directory/0000000000000003.damaged   kept aside for a person; never touched again
//!   directory/0000000000000004.expired   given up by its owner; kept aside just the same
//! ```
//!
//! The file's bytes are drawn in `item.rs`. Sizes are payload bytes; `parked_at_ms` is the owner's
//! clock, milliseconds of Unix time, and orders nothing.
//!
//! What always holds: an item whose `put` answered `Ok` is there after any crash until its `remove`
//! is called, and gone after any crash once that answered `Ok`; a lane never exceeds its bound by
//! a `put`, except that an empty lane takes one item of any size; nothing damaged is deleted unless
//! its owner removes it.
//!
//! What fails: see [`SpoolError`]. After a failed `put` or `remove` the item may be there or not
//! at the next open, so the owner of an item must not mind handling it twice.

mod error;
mod index;
mod item;
mod recovery;

use std::fmt;
use std::sync::Arc;

pub use error::{Damage, SpoolError};
pub use index::LaneStatus;

use crate::contents::remove_if_present;
use crate::path::join;
use crate::{Disk, replace};
use index::{Entry, Index};
use item::{damaged_name, expired_name};

/// Names one item within its spool. Later items have greater ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(u64);

impl fmt::Display for ItemId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// The spool. Its directory has one owner at a time. See the module header.
#[derive(Debug)]
pub struct Spool {
    disk: Arc<dyn Disk>,
    directory: String,
    lane_bytes_max: u64,
    index: Index,
    next_id: u64,
    damaged: Vec<String>,
}

impl Spool {
    /// Recovers what the directory holds, making it when missing. Of each item the header and the
    /// lane are read and the size is checked; its checksum is checked by [`Spool::read`]. Items
    /// beyond `lane_bytes_max` are kept; the bound is for what comes.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &str,
        lane_bytes_max: u64,
    ) -> Result<Spool, SpoolError> {
        let mut spool = Spool {
            disk,
            directory: directory.to_owned(),
            lane_bytes_max,
            index: Index::default(),
            next_id: 0,
            damaged: Vec::new(),
        };
        spool.recover()?;
        Ok(spool)
    }

    /// Parks a payload; durable when it returns `Ok`. When the lane would exceed its bound it is
    /// [`SpoolError::Full`] and nothing has happened.
    pub fn put(
        &mut self,
        lane: &str,
        parked_at_ms: i64,
        payload: &[u8],
    ) -> Result<ItemId, SpoolError> {
        let payload_bytes = payload.len() as u64;
        self.check_bound(lane, payload_bytes)?;
        let id = self.allocate();
        let path = self.path(&id.to_string());
        let written = replace(&*self.disk, &path, &item::encode(lane, parked_at_ms, payload));
        if let Err(source) = written {
            // It may have got its name before the failure; the owner was told it is not parked.
            let _ = self.disk.remove(&path);
            return Err(SpoolError::Disk { path, source });
        }
        self.index.insert(id, lane, Entry { parked_at_ms, payload_bytes });
        Ok(id)
    }

    /// The lanes that hold items, sorted by name. Takes time for every item.
    pub fn lanes(&self) -> Vec<LaneStatus> {
        self.index.lanes()
    }

    /// The lane's item parked first.
    pub fn oldest(&self, lane: &str) -> Option<ItemId> {
        self.index.items(lane).next()
    }

    /// The lane's items in the order they were parked.
    pub fn items(&self, lane: &str) -> Vec<ItemId> {
        self.index.items(lane).collect()
    }

    /// The item's payload, its checksum checked.
    pub fn read(&self, item: ItemId) -> Result<Vec<u8>, SpoolError> {
        if self.index.get(item).is_none() {
            return Err(SpoolError::Unknown { item });
        }
        let path = self.path(&item.to_string());
        match crate::read(&*self.disk, &path) {
            Ok(bytes) => item::decode(bytes).map_err(|damage| SpoolError::Damaged { path, damage }),
            Err(source) => Err(SpoolError::Disk { path, source }),
        }
    }

    /// When the item was parked, as its owner said.
    pub fn parked_at_ms(&self, item: ItemId) -> Option<i64> {
        self.index.get(item).map(|entry| entry.parked_at_ms)
    }

    /// Forgets an item; it cannot come back once this returned `Ok`. An item that is gone is `Ok`.
    /// After `Err` the item stays listed, so that the removal can be tried again.
    pub fn remove(&mut self, item: ItemId) -> Result<(), SpoolError> {
        if self.index.get(item).is_none() {
            return Ok(());
        }
        let path = self.path(&item.to_string());
        let removed = remove_if_present(&*self.disk, &path)
            .and_then(|()| self.disk.sync_directory(&self.directory));
        removed.map_err(|source| SpoolError::Disk { path, source })?;
        self.index.remove(item);
        Ok(())
    }

    /// Takes an item that [`Spool::read`] found damaged out of its lane and keeps its file aside,
    /// so that the lane can go on. An item that is gone is `Ok`.
    pub fn set_aside(&mut self, item: ItemId) -> Result<(), SpoolError> {
        if self.index.get(item).is_none() {
            return Ok(());
        }
        self.keep_aside(item, damaged_name(item))?;
        self.index.remove(item);
        self.sync_names()
    }

    /// The names of the files kept aside, damaged or expired, those of earlier runs included.
    pub fn damaged(&self) -> &[String] {
        &self.damaged
    }

    /// The payload bytes of all items.
    pub fn bytes(&self) -> u64 {
        self.index.bytes()
    }

    /// Whether there is no item; files kept aside do not count.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn check_bound(&self, lane: &str, more_bytes: u64) -> Result<(), SpoolError> {
        let lane_bytes = self.index.lane_bytes(lane);
        let fits = lane_bytes.is_none_or(|bytes| {
            bytes.checked_add(more_bytes).is_some_and(|sum| sum <= self.lane_bytes_max)
        });
        if fits {
            return Ok(());
        }
        Err(SpoolError::Full { lane: lane.to_owned(), lane_bytes_max: self.lane_bytes_max })
    }

    /// A failed `put` uses its id up too: what it left behind must not meet a later item.
    fn allocate(&mut self) -> ItemId {
        let id = self.next_id;
        self.next_id = id.checked_add(1).expect("no disk lives to see 2^64 items");
        ItemId(id)
    }

    fn path(&self, name: &str) -> String {
        join(&self.directory, name)
    }

    fn sync_names(&self) -> Result<(), SpoolError> {
        let synced = self.disk.sync_directory(&self.directory);
        synced.map_err(|source| SpoolError::Disk { path: self.directory.clone(), source })
    }

    /// Renames the item's file; the caller syncs the name.
    fn keep_aside(&mut self, id: ItemId, name: String) -> Result<(), SpoolError> {
        let path = self.path(&id.to_string());
        let renamed = self.disk.rename(&path, &self.path(&name));
        renamed.map_err(|source| SpoolError::Disk { path, source })?;
        self.damaged.push(name);
        Ok(())
    }

    /// Takes an item that its owner gives up out of its lane and keeps its file aside, whole, as
    /// `<id>.expired`. An item that is gone is `Ok`.
    pub fn expire(&mut self, item: ItemId) -> Result<(), SpoolError> {
        if self.index.get(item).is_none() {
            return Ok(());
        }
        self.keep_aside(item, expired_name(item))?;
        self.index.remove(item);
        self.sync_names()
    }
}
