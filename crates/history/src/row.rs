//! A row: one event, as the history keeps it.

use bytes::Bytes;
use model::Event;

use crate::key::{Attribute, Key};
use crate::position::{Position, Sequence};
use crate::scope::Scope;
use crate::summary::Summary;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub position: Position,
    /// Whose it is.
    pub scope: Scope,
    /// The record's bytes, as its log file holds them.
    pub record: Bytes,
}

impl Row {
    /// The row of an event that was recorded.
    #[must_use]
    pub fn of(event: &Event, sequence: Sequence) -> Row {
        let began = i64::try_from(sequence.batch.0).unwrap_or(i64::MAX);
        let time = event.time.unwrap_or_else(|| model::Timestamp::from_millis(began));
        Row {
            position: Position { time, sequence },
            scope: Scope {
                account: event.account.clone(),
                region: event.region.clone(),
                category: event.category,
            },
            record: event.record.clone(),
        }
    }

    /// Under which keys the index files it, [`Key::ALL`] included; each once.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        keys(&Summary::of(&self.record), &self.record)
    }
}

/// The keys of a record, of which this is the summary.
#[must_use]
pub fn keys(summary: &Summary<'_>, record: &[u8]) -> Vec<Key> {
    let mut keys = vec![Key::ALL];
    for attribute in Attribute::ALL {
        keys.extend(summary.values(attribute).map(|value| Key::of(attribute, value)));
    }
    if summary.event_id.is_none() {
        keys.push(Key::of_record(record));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
