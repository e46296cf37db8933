//! What a lookup looks at: the runs, as they are at one moment.
//!
//! A row is in one run of a view, or in none yet: the step that puts a batch's file into the view takes
//! the batch out of memory. Whoever holds a view may go on with it, whatever happens to the files.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use model::BatchId;

use crate::file::HistoryFile;
use crate::recent::Recent;
use crate::retention::Retention;
use crate::row::Row;

/// What a row in memory takes beside its record, about: its keys, its place in maps.
const ROW_BYTES: u64 = 700;

/// All runs, as they are at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The files.
    pub files: Vec<Arc<HistoryFile>>,
    /// The batches in memory.
    pub recent: BTreeMap<BatchId, Arc<Run>>,
    /// Which rows are shown.
    pub retention: Arc<Retention>,
}

/// The rows of a batch in memory. They grow until the batch is sealed.
#[derive(Debug, Default)]
pub struct Run {
    rows: RwLock<Recent>,
    /// Events that it was told of, also of kinds that are not kept.
    heard: AtomicU64,
    bytes: AtomicU64,
}

impl Run {
    /// Takes the rows of a commit of so many events.
    pub fn insert(&self, events: u64, rows: Vec<Row>) {
        let bytes = rows.iter().map(|row| row.record.len() as u64 + ROW_BYTES).sum();
        let mut run = self.rows.write().expect("no reader panics");
        rows.into_iter().for_each(|row| run.insert(row));
        // Under the lock, so that who counts finds the rows too.
        self.heard.fetch_add(events, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &RwLock<Recent> {
        &self.rows
    }

    /// Events that it was told of, also of kinds that are not kept.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// The memory that it takes, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
