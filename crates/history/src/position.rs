//! Where a row stands in the one order of all rows.

use model::{BatchId, Timestamp};
use serde::{Deserialize, Serialize};

/// What tells a row from all others: its batch, and its place in it.
///
/// Batches of the journal have its numbers, which are times in milliseconds; imports take numbers from
/// [`Sequence::FIRST_IMPORT`] on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sequence {
    /// The batch.
    pub batch: BatchId,
    /// From 0.
    pub index: u32,
}

impl Sequence {
    /// No batch of a journal has this number or a higher one (2^62 ms are 146 million years).
    pub const FIRST_IMPORT: BatchId = BatchId(1 << 62);
    /// No row has this one, and none a later one.
    pub const LAST: Sequence = Sequence { batch: BatchId(u64::MAX), index: u32::MAX };
}

/// A row's place in the order of all rows, which goes from the oldest to the newest; pages go the
/// other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// `eventTime`; of a record without a readable one, when its batch was begun.
    pub time: Timestamp,
    /// Which row.
    pub sequence: Sequence,
}
