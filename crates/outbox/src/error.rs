//! Why an outbox did not do what it was asked, and what its owner does next.

use disk::SpoolError;
use disk::spool::Damage;

/// Why an outbox did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The lane has no room. Nothing has happened; room comes when the destination takes items.
    #[error("lane {lane:?} is full: it may hold {lane_bytes_max} parked bytes")]
    Full {
        /// The lane.
        lane: String,
        /// Its bound.
        lane_bytes_max: u64,
    },
    /// The item's file is not what was parked. [`super::Outbox::set_aside_damaged`] lets the lane
    /// go on.
    #[error("the parked item {path} is damaged: {damage}")]
    Damaged {
        /// The item's file.
        path: String,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The disk failed, or the outbox was asked for an item that it does not have.
    #[error(transparent)]
    Spool(SpoolError),
}

/// What the owner does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Waits and asks again; nothing was lost.
    Retry,
    /// Sets the item aside: asking again gives the same answer.
    SetAside,
}

impl OutboxError {
    /// What the owner does next.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            OutboxError::Damaged { .. } => Remedy::SetAside,
            OutboxError::Full { .. } | OutboxError::Spool(_) => Remedy::Retry,
        }
    }
}

impl From<SpoolError> for OutboxError {
    fn from(error: SpoolError) -> OutboxError {
        match error {
            SpoolError::Full { lane, lane_bytes_max } => OutboxError::Full { lane, lane_bytes_max },
            SpoolError::Damaged { path, damage } => OutboxError::Damaged { path, damage },
            other => OutboxError::Spool(other),
        }
    }
}
