//! What an outbox tells its owner: how lanes stand, and what was given up.

use disk::ItemId;
use model::Timestamp;

/// How one lane stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneReport {
    /// The lane's name.
    pub lane: String,
    /// How many items wait.
    pub items: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// When the first of them was parked; `None` when none waits.
    pub parked_since: Option<Timestamp>,
    /// The first failure since the last success; `None` when none is known in this process.
    pub refusing_since: Option<Timestamp>,
    /// Tries that failed since the last success.
    pub failures: u32,
    /// What the last failure said.
    pub last_error: Option<String>,
    /// When the pause ends; `None` when it was seen to be over.
    pub next_try: Option<Timestamp>,
}

/// An item that waited too long and was set aside on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The lane it waited in.
    pub lane: String,
    /// Its id; its file is now `<id>.expired`.
    pub item: ItemId,
    /// When it was parked.
    pub parked_at: Timestamp,
}
