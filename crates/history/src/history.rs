//! The history of an installation: takes rows, keeps them, finds them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use disk::Disk;
use model::{BatchId, Category, Event, Timestamp};

use crate::index::IndexError;
use crate::key::Key;
use crate::lookup::{Found, Page, Query};
use crate::position::{Position, Sequence};
use crate::recent::Recent;
use crate::row::Row;
use crate::summary::Summary;

/// What is kept, and for how long.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Events of these kinds.
    pub categories: Vec<Category>,
    /// So long after they happened.
    pub retention: Duration,
}

impl Default for Settings {
    /// As AWS keeps it: management events and Insights, for 90 days.
    fn default() -> Settings {
        Settings {
            categories: vec![Category::Management, Category::Insight],
            retention: Duration::from_secs(90 * 24 * 3600),
        }
    }
}

/// Why the history can't do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// An index can't be read.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// What health and metrics show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows in files.
    pub rows: u64,
    /// Files.
    pub files: usize,
    /// Bytes of files, indexes included.
    pub bytes: u64,
    /// Rows in memory.
    pub recent_rows: u64,
}

/// The history.
#[derive(Debug)]
pub struct History {
    #[allow(dead_code)]
    disk: Arc<dyn Disk>,
    settings: Settings,
    recent: RwLock<BTreeMap<BatchId, Recent>>,
}

impl History {
    /// Finds what is on disk. `unretired` are the batches that the journal still has.
    pub fn open(
        disk: Arc<dyn Disk>,
        settings: Settings,
        _unretired: &[BatchId],
    ) -> Result<History, HistoryError> {
        disk.create_directory(crate::DIRECTORY)?;
        Ok(History { disk, settings, recent: RwLock::default() })
    }

    /// Events of a batch are durable, `first` is the place of the first of them: they are found from
    /// now on. To be called before their senders hear of it.
    pub fn committed(&self, batch: BatchId, first: u64, events: &[Event]) {
        let mut recent = self.recent.write().expect("no reader panics");
        let run = recent.entry(batch).or_default();
        let first = u32::try_from(first).expect("a segment holds fewer than 2^32 events");
        for (index, event) in (first..).zip(events) {
            if self.settings.categories.contains(&event.category) {
                run.insert(Row::of(event, Sequence { batch, index }));
            }
        }
    }

    /// One page.
    pub fn lookup(&self, query: &Query) -> Result<Page, HistoryError> {
        let recent = self.recent.read().expect("no writer panics");
        let key = query
            .attributes
            .first()
            .map_or(Key::ALL, |(attribute, value)| Key::of(*attribute, value));
        let newest = Sequence { batch: BatchId(u64::MAX), index: u32::MAX };
        let newest = Position { time: query.to, sequence: newest };
        let before = query.after.map_or(newest, |after| after.min(newest));
        let is_meant = |row: &&Row| {
            let summary = Summary::of(&row.record);
            row.position.time >= query.from
                && query
                    .attributes
                    .iter()
                    .all(|(attribute, value)| summary.values(*attribute).any(|one| one == value))
        };
        let mut rows: Vec<&Row> = recent
            .values()
            .flat_map(|run| run.newest_first(key, &query.scopes, before))
            .filter(is_meant)
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.position));
        let is_more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let next = rows.last().filter(|_| is_more).map(|row| row.position);
        let found = |row: &Row| Found {
            position: row.position,
            scope: row.scope.clone(),
            record: row.record.clone(),
        };
        Ok(Page { rows: rows.into_iter().map(found).collect(), next })
    }

    /// A sealed batch of so many events becomes a file: durable when this returns, and only then the
    /// batch may be retired. Once for each batch, however often and by whom it is called. `read` gives
    /// all rows of the batch, when they are not in memory.
    pub fn store<E: From<HistoryError>>(
        &self,
        _batch: BatchId,
        _events: u64,
        _read: impl FnOnce() -> Result<Vec<Row>, E>,
    ) -> Result<(), E> {
        Ok(())
    }

    /// A batch is retired: it does not come again.
    pub fn retired(&self, batch: BatchId) {
        self.recent.write().expect("no reader panics").remove(&batch);
    }

    /// Takes one step of what is to be done in the background, a merge or the removal of what has
    /// expired; false when there is nothing to do.
    pub fn tend(&self, _now: Timestamp) -> Result<bool, HistoryError> {
        Ok(false)
    }

    /// What health and metrics show.
    #[must_use]
    pub fn report(&self) -> Report {
        let recent = self.recent.read().expect("no writer panics");
        let recent_rows = recent.values().map(|run| run.rows().count() as u64).sum();
        Report { recent_rows, ..Report::default() }
    }
}
