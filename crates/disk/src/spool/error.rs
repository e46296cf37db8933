//! What a spool's owner can be told instead of an answer.

use std::io;

use super::ItemId;

/// Why a spool did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The lane has no room for this payload. Nothing has happened; removing items makes room.
    #[error("lane {lane:?} would exceed its {lane_bytes_max} parked bytes")]
    Full {
        /// The lane asked for.
        lane: String,
        /// Its bound in payload bytes.
        lane_bytes_max: u64,
    },
    /// The item's file is not what was parked. [`super::Spool::set_aside`] takes it out of the way.
    #[error("{path} is damaged: {damage}")]
    Damaged {
        /// The item's file.
        path: String,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The spool has no such item, or no longer.
    #[error("there is no item {item}")]
    Unknown {
        /// The item asked for.
        item: ItemId,
    },
    /// The disk failed.
    #[error("the spool cannot go on at {path:?}: {source}")]
    Disk {
        /// The file or directory.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
}

/// What is wrong with an item's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It does not begin with the magic bytes, or ends before its header does.
    #[error("it has no header")]
    Header,
    /// Another version of the format, perhaps a later one.
    #[error("it has format version {0}, not 1")]
    Version(u32),
    /// Its size is not what the header says.
    #[error("it has {found} bytes where its header says {expected}")]
    Size {
        /// By the header; saturated where the sum is beyond 64 bits.
        expected: u64,
        /// By the disk.
        found: u64,
    },
    /// The lane's name is not UTF-8.
    #[error("its lane is not UTF-8")]
    Lane,
    /// The checksum is wrong.
    #[error("its checksum is wrong")]
    Checksum,
}
