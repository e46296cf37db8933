//! The runs that there are, and what lookups see of them.
//!
//! A row is in one run, or in none yet: the step that adds a batch's file takes the batch out of
//! memory. Whoever holds a view may go on with it, whatever happens to the files.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use model::BatchId;

use crate::file::HistoryFile;
use crate::lookup::View;
use crate::recent::Recent;
use crate::retention::Retention;
use crate::row::Row;

/// What a row in memory takes beside its record, about.
const ROW_BYTES: u64 = 300;

/// All runs, as they are at one moment.
#[derive(Debug, Default)]
pub struct Runs {
    /// The files.
    pub files: Vec<Arc<HistoryFile>>,
    /// The batches in memory.
    pub recent: BTreeMap<BatchId, Arc<Run>>,
    /// Which rows are shown.
    pub retention: Arc<Retention>,
    view: Arc<View>,
}

/// The rows of a batch in memory. They grow until the batch is sealed.
#[derive(Debug, Default)]
pub struct Run {
    rows: Arc<RwLock<Recent>>,
    /// Events that it was told of, also of kinds that are not kept.
    heard: AtomicU64,
    bytes: AtomicU64,
}

impl Runs {
    /// Changes them in one step. Gives back the last view: to drop it may take long, and is not for who
    /// holds a lock.
    #[must_use]
    pub fn change(&mut self, change: impl FnOnce(&mut Runs)) -> Arc<View> {
        change(self);
        let view = Arc::new(View {
            files: self.files.clone(),
            recent: self.recent.values().map(|run| Arc::clone(&run.rows)).collect(),
            retention: Arc::clone(&self.retention),
        });
        std::mem::replace(&mut self.view, view)
    }

    /// What lookups see.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view)
    }

    /// The memory that the batches take, about.
    pub fn recent_bytes(&self) -> u64 {
        self.recent.values().map(|run| run.bytes()).sum()
    }
}

impl Run {
    /// Takes the rows of a commit of so many events.
    pub fn insert(&self, events: u64, rows: Vec<Row>) {
        let bytes = rows.iter().map(|row| row.record.len() as u64 + ROW_BYTES).sum();
        // To make keys takes time: lookups need not wait for that.
        let keys: Vec<_> = rows.iter().map(Row::keys).collect();
        let mut run = self.rows.write().expect("a panic ends the process");
        rows.into_iter().zip(keys).for_each(|(row, keys)| run.insert_under(row, &keys));
        self.heard.fetch_add(events, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// All its rows.
    pub fn rows(&self) -> Vec<Row> {
        let run = self.rows.read().expect("a panic ends the process");
        let row = |row: crate::recent::RecentRow<'_>| Row {
            position: row.position,
            scope: row.scope.clone(),
            record: row.record.clone(),
        };
        run.rows().map(row).collect()
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.read().expect("a panic ends the process").rows().len()
    }

    /// Events that it was told of, also of kinds that are not kept.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// The memory that it takes, about.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
