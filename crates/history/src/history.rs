//! The history of an installation: takes rows, keeps them, finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Duration;

use disk::Disk;
use model::{BatchId, Category, Event, Timestamp};
use parquet::errors::ParquetError;

use crate::calendar::{Calendar, Moment};
use crate::file::{FileId, FileInfo, HistoryFile};
use crate::index::IndexError;
use crate::key::Key;
use crate::lookup::{self, Page, Query, View};
use crate::manifest::{Book, Lost, Manifest};
use crate::merge::merge;
use crate::pages::PageCache;
use crate::plan::{self, Day, Limits};
use crate::position::{Position, Sequence};
use crate::retention::{Hold, Retention};
use crate::row::Row;
use crate::runs::{Run, Runs};
use crate::scope::ScopeFilter;

/// What is kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Events of these kinds.
    pub categories: Vec<Category>,
    /// So long after they happened.
    pub retention: Duration,
    /// And these whatever their age.
    pub holds: Vec<Hold>,
    /// Memory for rows that are in no file yet; more takes only a batch that is not sealed.
    pub memory_bytes: u64,
    /// Memory for pages of files.
    pub cache_bytes: usize,
    /// The sizes of merges.
    pub limits: Limits,
}

impl Default for Settings {
    /// As AWS keeps it: management events and Insights, for 90 days.
    fn default() -> Settings {
        Settings {
            categories: vec![Category::Management, Category::Insight],
            retention: Duration::from_secs(90 * 24 * 3600),
            holds: Vec::new(),
            memory_bytes: 256 << 20,
            cache_bytes: 64 << 20,
            limits: Limits::default(),
        }
    }
}

/// A clock that is so far ahead of what is believed is shown.
const DOUBT_SHOWN: Duration = Duration::from_secs(24 * 3600);

/// Why the history can't do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// An index can't be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Nobody knows yet all that is in the history: an import might double it.
    #[error("batches of the journal wait to be kept in the history; import the rest in a moment")]
    Behind,
    /// Imports come faster than their files are merged.
    #[error("too many files wait to be merged; import the rest in a moment")]
    Crowded,
    /// A table does not say what was written: its file is of no use.
    #[error("the history file {path} is damaged: {what}")]
    Damaged {
        /// Which.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// A record that can't be kept, and that no front door lets in.
    #[error("the record at {position:?} is not UTF-8 text")]
    NoText {
        /// Which.
        position: Position,
    },
    /// Nobody knows which files are the history.
    #[error(
        "history/manifest.json can't be used: {0}; stop cairn and restore it from a backup together \
         with the directory history/, or move that directory away: a new history begins, and `cairn \
         import s3://BUCKET` fetches from the trails' buckets what they have"
    )]
    Manifest(String),
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
    /// The memory that they take, about.
    pub recent_bytes: u64,
    /// Batches that were dropped from memory before they were in a file, since the start.
    pub dropped: u64,
    /// Merges since the start.
    pub merges: u64,
    /// Rows that were written by them.
    pub merged_rows: u64,
    /// Rows that were removed because they expired, since the start.
    pub expired_rows: u64,
    /// Rows from here on are kept.
    pub horizon: Option<Timestamp>,
    /// Files that are set aside, damaged or missing.
    pub lost: Vec<Lost>,
    /// Files that can't be opened now, and why.
    pub unopened: Vec<(String, String)>,
    /// Why the last merge or removal failed.
    pub trouble: Option<String>,
    /// What day rows grow old by, when the clock is far ahead of it and not believed yet.
    pub doubts: Option<Timestamp>,
}

/// That all rows are found; two are equal when none was out of sight between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Batches that were dropped from memory by then.
    dropped: u64,
}

/// What is counted.
#[derive(Debug, Default)]
struct Counters {
    dropped: AtomicU64,
    merges: AtomicU64,
    merged_rows: AtomicU64,
    expired_rows: AtomicU64,
}

/// What only one at a time may do in the background.
#[derive(Debug, Default)]
struct Tending {
    calendar: Calendar,
    /// Files with rows that may have expired, and what was kept when they were looked at.
    looked_at: BTreeMap<FileId, Arc<Retention>>,
}

/// What health shows of files that are not in the view.
#[derive(Debug, Default)]
struct Absent {
    lost: Vec<Lost>,
    unopened: BTreeMap<FileId, (FileInfo, String)>,
    trouble: Option<String>,
    doubts: Option<Timestamp>,
}

/// The history.
///
/// Locks are taken in this order: `tending`, `book`, then one of the others for a moment.
#[derive(Debug)]
pub struct History {
    disk: Arc<dyn Disk>,
    cache: Arc<PageCache>,
    settings: RwLock<Arc<Settings>>,
    /// The background's.
    tending: Mutex<Tending>,
    /// The manifest: whoever changes what is stored holds it until it is stored.
    book: Mutex<Book>,
    runs: RwLock<Runs>,
    next_file: AtomicU64,
    /// Batches that are stored and not retired; of those without rows the manifest is not told.
    done: Mutex<BTreeSet<BatchId>>,
    /// Batches that are retired, for the manifest to forget with its next change.
    retired: Mutex<BTreeSet<BatchId>>,
    absent: Mutex<Absent>,
    /// Files that a lookup found damaged.
    suspects: Mutex<BTreeMap<String, String>>,
    /// Batches of the journal whose rows are neither in memory nor in a file: no import can tell what is
    /// in them.
    awaited: Mutex<BTreeSet<BatchId>>,
    /// Held by the import that is under way; the first of all locks.
    pub(crate) importing: Mutex<()>,
    counters: Counters,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("a panic ends the process")
}

impl History {
    /// Finds what is on disk. `unretired` are the batches that the journal still has, and it is sure
    /// that others do not come back.
    pub fn open(
        disk: Arc<dyn Disk>,
        settings: Settings,
        unretired: &[BatchId],
    ) -> Result<History, HistoryError> {
        let mut book = Book::open(Arc::clone(&disk))?;
        book.forget_lost()?;
        let today = book.manifest().today;
        let (done, gone) =
            book.manifest().stored.iter().partition(|batch| unretired.contains(batch));
        let stored = &book.manifest().stored;
        let awaited = unretired.iter().filter(|batch| !stored.contains(batch)).copied().collect();
        let mut runs = Runs::default();
        let retention = Arc::new(retention(&settings, today));
        drop(runs.change(|runs| runs.retention = retention));
        let history = History {
            disk,
            cache: PageCache::new(settings.cache_bytes),
            settings: RwLock::new(Arc::new(settings)),
            tending: Mutex::new(Tending {
                calendar: Calendar::resume(today),
                looked_at: BTreeMap::new(),
            }),
            next_file: AtomicU64::new(book.manifest().next_file),
            runs: RwLock::new(runs),
            done: Mutex::new(done),
            retired: Mutex::new(gone),
            absent: Mutex::default(),
            suspects: Mutex::default(),
            awaited: Mutex::new(awaited),
            importing: Mutex::default(),
            counters: Counters::default(),
            book: Mutex::new(book),
        };
        let files = lock(&history.book).manifest().files.clone();
        files.into_iter().for_each(|file| history.open_file(file));
        lock(&history.absent).lost = lock(&history.book).manifest().lost.clone();
        Ok(history)
    }

    /// From now on these hold.
    pub fn configure(&self, settings: Settings) {
        *self.settings.write().expect("a panic ends the process") = Arc::new(settings);
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().expect("a panic ends the process"))
    }

    /// What lookups see now.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.runs.read().expect("a panic ends the process").view()
    }

    /// Changes what lookups see, in one step.
    fn show(&self, change: impl FnOnce(&mut Runs)) {
        let before = self.runs.write().expect("a panic ends the process").change(change);
        drop(before);
    }

    fn recent(&self, batch: BatchId) -> Option<Arc<Run>> {
        self.runs.read().expect("a panic ends the process").recent.get(&batch).cloned()
    }

    /// Events of a batch are durable, `first` is the place of the first of them: they are found from
    /// now on. To be called before their senders hear of it.
    pub fn committed(&self, batch: BatchId, first: u64, events: &[Event]) {
        let categories = &self.settings().categories;
        let first = u32::try_from(first).expect("a segment holds fewer than 2^32 events");
        let kept = (first..).zip(events).filter(|(_, event)| categories.contains(&event.category));
        let rows = kept.map(|(index, event)| Row::of(event, Sequence { batch, index })).collect();
        self.run(batch).insert(events.len() as u64, rows);
        self.bound_memory();
    }

    fn run(&self, batch: BatchId) -> Arc<Run> {
        self.recent(batch).unwrap_or_else(|| {
            let mut run = Arc::default();
            self.show(|runs| run = Arc::clone(runs.recent.entry(batch).or_default()));
            run
        })
    }

    /// Drops the oldest batches when rows take too much memory: they are found again when they are in
    /// a file. The newest one is still written to, and a segment bounds it.
    fn bound_memory(&self) {
        let memory_bytes = self.settings().memory_bytes;
        let taken = self.runs.read().expect("a panic ends the process").recent_bytes();
        if taken <= memory_bytes {
            return;
        }
        self.show(|runs| {
            while runs.recent.len() > 1 && runs.recent_bytes() > memory_bytes {
                let (batch, run) = runs.recent.pop_first().expect("there are two");
                let (rows, bytes) = (run.len(), run.bytes());
                lock(&self.awaited).insert(batch);
                self.counters.dropped.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%batch, rows, bytes, "a batch is not found until it is in a file");
            }
        });
    }

    /// Keeps in mind which file was found damaged.
    pub(crate) fn suspect(&self, error: &HistoryError) {
        let (path, what) = match error {
            HistoryError::Damaged { path, what } => (path.clone(), what.clone()),
            HistoryError::Index(error @ IndexError::Damaged { path, .. }) => {
                (path.clone(), error.to_string())
            }
            _ => return,
        };
        lock(&self.suspects).insert(path, what);
    }

    /// One page.
    pub fn lookup(&self, query: &Query) -> Result<Page, HistoryError> {
        let page = lookup::run(&self.view(), query);
        page.inspect_err(|error| self.suspect(error))
    }

    /// A sealed batch of so many events becomes a file: durable when this returns, and only then the
    /// batch may be retired. Once for each batch, however often and by whom it is called. `read` gives
    /// all rows of the batch, when they are not in memory.
    pub fn store<E: From<HistoryError>>(
        &self,
        batch: BatchId,
        events: u64,
        read: impl FnOnce() -> Result<Vec<Row>, E>,
    ) -> Result<(), E> {
        let mut book = lock(&self.book);
        if self.is_stored(batch) {
            return Ok(());
        }
        let heard = self.recent(batch).filter(|run| run.heard() == events);
        let mut rows = heard.map_or_else(read, |run| Ok(run.rows()))?;
        let (categories, retention) = (&self.settings().categories, &self.view().retention);
        rows.retain(|row| {
            categories.contains(&row.scope.category)
                && retention.keeps(&row.scope, row.position.time)
        });
        let file = self.add(&mut book, rows, |manifest| {
            manifest.stored.insert(batch);
        })?;
        lock(&self.done).insert(batch);
        self.show(|runs| {
            runs.files.extend(file);
            runs.recent.remove(&batch);
        });
        lock(&self.awaited).remove(&batch);
        Ok(())
    }

    /// Whether a batch that is not retired is in a file, or needs none.
    #[must_use]
    pub fn is_stored(&self, batch: BatchId) -> bool {
        lock(&self.done).contains(&batch)
    }

    /// Whether all rows are found now: `None` while some are neither in memory nor in a file that can be
    /// read. A walk over several pages saw all rows when it is given the same before and after.
    #[must_use]
    pub fn whole(&self) -> Option<Whole> {
        let dropped = self.counters.dropped.load(Ordering::Relaxed);
        let is_whole = lock(&self.awaited).is_empty() && lock(&self.absent).unopened.is_empty();
        is_whole.then_some(Whole { dropped })
    }

    /// All rows of the history, in one view; `None` while some are in none.
    pub(crate) fn whole_view(&self) -> Option<Arc<View>> {
        let before = self.whole()?;
        let view = self.view();
        (self.whole() == Some(before)).then_some(view)
    }

    /// Rows from elsewhere become a file: durable when this returns, and found from then on. `rows` is
    /// given the number of their batch, which no other has.
    pub(crate) fn add_import(
        &self,
        rows: impl FnOnce(BatchId) -> Vec<Row>,
    ) -> Result<Option<FileInfo>, HistoryError> {
        let mut book = lock(&self.book);
        let batch = book.manifest().next_import;
        let mut rows = rows(batch);
        let retention = Arc::clone(&self.view().retention);
        rows.retain(|row| retention.keeps(&row.scope, row.position.time));
        let file = self.add(&mut book, rows, |manifest| {
            manifest.next_import = BatchId(batch.0 + 1);
        })?;
        let info = file.as_ref().map(|file| file.info().clone());
        self.show(|runs| runs.files.extend(file));
        Ok(info)
    }

    /// Writes rows to a file that the manifest names; `None` if there are none, when nothing changes.
    fn add(
        &self,
        book: &mut Book,
        rows: Vec<Row>,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<Option<Arc<HistoryFile>>, HistoryError> {
        if rows.is_empty() {
            return Ok(None);
        }
        let id = self.take_file_id();
        let written = HistoryFile::write(&self.disk, id, rows);
        let opened = written.and_then(|info| HistoryFile::open(&self.disk, info, &self.cache));
        let file = opened.inspect_err(|_| book.give_up([id]))?;
        let info = file.info().clone();
        self.change(book, |manifest| {
            manifest.files.push(info);
            change(manifest);
        })?;
        Ok(Some(Arc::new(file)))
    }

    /// Changes the manifest, which forgets retired batches with it.
    fn change(
        &self,
        book: &mut Book,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), HistoryError> {
        let retired = lock(&self.retired).clone();
        book.change(|manifest| {
            change(manifest);
            manifest.next_file = self.next_file.load(Ordering::Relaxed);
            manifest.stored.retain(|batch| !retired.contains(batch));
        })?;
        lock(&self.retired).retain(|batch| !retired.contains(batch));
        Ok(())
    }

    fn take_file_id(&self) -> FileId {
        FileId(self.next_file.fetch_add(1, Ordering::Relaxed))
    }

    /// A batch is retired: it does not come again.
    pub fn retired(&self, batch: BatchId) {
        self.show(|runs| drop(runs.recent.remove(&batch)));
        lock(&self.done).remove(&batch);
        lock(&self.awaited).remove(&batch);
        lock(&self.retired).insert(batch);
    }

    /// Takes one step of what is to be done in the background, a merge or the removal of what has
    /// expired; false when there is nothing to do.
    pub fn tend(&self, now: Moment) -> Result<bool, HistoryError> {
        let mut tending = lock(&self.tending);
        let result = self.take_step(&mut tending, now).inspect_err(|error| self.suspect(error));
        lock(&self.absent).trouble = result.as_ref().err().map(ToString::to_string);
        result
    }

    fn take_step(&self, tending: &mut Tending, now: Moment) -> Result<bool, HistoryError> {
        let today = tending.calendar.look(now);
        lock(&self.absent).doubts = Some(today).filter(|_| now.wall.since(today) >= DOUBT_SHOWN);
        self.keep_calendar(today)?;
        self.look_after_absent()?;
        let settings = self.settings();
        if self.remove_expired(tending)? {
            return Ok(true);
        }
        let infos: Vec<FileInfo> =
            self.view().files.iter().map(|file| file.info().clone()).collect();
        let Some(ids) = plan::next_merge(&infos, &settings.limits, Some(today)) else {
            return Ok(false);
        };
        self.rewrite(&ids)?;
        Ok(true)
    }

    /// Rows grow old with the calendar, which is kept, so that a restart goes on with it.
    fn keep_calendar(&self, today: Timestamp) -> Result<(), HistoryError> {
        // To the minute: each step makes another view.
        let minute = Timestamp::from_millis(today.as_millis().div_euclid(60_000) * 60_000);
        let retention = retention(&self.settings(), Some(minute));
        if *self.view().retention != retention {
            self.show(|runs| runs.retention = Arc::new(retention));
        }
        const KEPT_EVERY: Duration = Duration::from_secs(6 * 3600);
        let mut book = lock(&self.book);
        let is_far = book
            .manifest()
            .today
            .is_none_or(|kept| today.since(kept) >= KEPT_EVERY || kept.since(today) >= KEPT_EVERY);
        if is_far {
            self.change(&mut book, |manifest| manifest.today = Some(today))?;
        }
        Ok(())
    }

    /// Removes files of which no row is kept, at once; of one with others too the rows are removed when
    /// that pays.
    fn remove_expired(&self, tending: &mut Tending) -> Result<bool, HistoryError> {
        let view = self.view();
        let retention = &view.retention;
        let is_gone = |file: &&Arc<HistoryFile>| retention.has_expired(file.info());
        let gone: Vec<FileInfo> =
            view.files.iter().filter(is_gone).map(|file| file.info().clone()).collect();
        if !gone.is_empty() {
            let ids: Vec<FileId> = gone.iter().map(|file| file.id).collect();
            self.replace(&ids, Vec::new())?;
            let rows = gone.iter().map(|file| u64::from(file.rows)).sum();
            self.note_expired(gone.len(), rows, gone.iter().map(|file| file.bytes).sum());
            return Ok(true);
        }
        tending.looked_at.retain(|id, _| view.files.iter().any(|file| file.info().id == *id));
        for file in &view.files {
            let id = file.info().id;
            let last = tending.looked_at.get(&id);
            if !retention.is_old(file.info().oldest.time)
                || last.is_some_and(|last| !retention.is_worth_a_look(last))
            {
                continue;
            }
            let expired = retention.expired_in(file)?;
            tending.looked_at.insert(id, Arc::clone(retention));
            if retention.pays(&expired, file.info()) {
                self.rewrite(&[id])?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn note_expired(&self, files: usize, rows: u64, bytes: u64) {
        if rows == 0 {
            return;
        }
        self.counters.expired_rows.fetch_add(rows, Ordering::Relaxed);
        let horizon = self.view().retention.horizon.map(|horizon| horizon.to_string());
        tracing::info!(files, rows, bytes, horizon, "expired rows of the history are removed");
    }

    /// Merges files, without what has expired.
    fn rewrite(&self, ids: &[FileId]) -> Result<(), HistoryError> {
        let (view, settings) = (self.view(), self.settings());
        let inputs = view.files.iter().filter(|file| ids.contains(&file.info().id));
        let inputs: Vec<Arc<HistoryFile>> = inputs.cloned().collect();
        let limits = &settings.limits;
        let mut taken = Vec::new();
        let mut next = || {
            let id = self.take_file_id();
            taken.push(id);
            id
        };
        let own_days = plan::own_days(&rows_by_day(&inputs, &view.retention)?, limits);
        let merged = merge(
            &self.disk,
            &inputs,
            &mut next,
            limits.rows_max,
            |scope, time| view.retention.keeps(scope, time),
            |day| own_days.contains(&day),
        );
        let open = |info| HistoryFile::open(&self.disk, info, &self.cache).map(Arc::new);
        let opened =
            merged.and_then(|infos| infos.into_iter().map(open).collect::<Result<Vec<_>, _>>());
        let outputs = opened.inspect_err(|_| lock(&self.book).give_up(taken))?;
        let rows = |files: &[Arc<HistoryFile>]| -> u64 {
            files.iter().map(|file| u64::from(file.info().rows)).sum()
        };
        let bytes = |files: &[Arc<HistoryFile>]| -> u64 {
            files.iter().map(|file| file.info().bytes).sum()
        };
        let (rows_before, rows_after) = (rows(&inputs), rows(&outputs));
        let freed = bytes(&inputs).saturating_sub(bytes(&outputs));
        let (files, into) = (inputs.len(), outputs.len());
        self.replace(ids, outputs)?;
        self.counters.merges.fetch_add(1, Ordering::Relaxed);
        self.counters.merged_rows.fetch_add(rows_after, Ordering::Relaxed);
        tracing::debug!(files, into, rows = rows_after, "files of the history are merged");
        self.note_expired(files, rows_before.saturating_sub(rows_after), freed);
        Ok(())
    }

    /// Some files in place of others: in the manifest first, then in the view.
    fn replace(&self, old: &[FileId], new: Vec<Arc<HistoryFile>>) -> Result<(), HistoryError> {
        let infos: Vec<FileInfo> = new.iter().map(|file| file.info().clone()).collect();
        let mut book = lock(&self.book);
        self.change(&mut book, |manifest| {
            manifest.files.retain(|file| !old.contains(&file.id));
            manifest.files.extend(infos);
        })?;
        self.show(|runs| {
            runs.files.retain(|file| !old.contains(&file.info().id));
            runs.files.extend(new);
        });
        Ok(())
    }

    /// Opens a file, and puts it into the view; one that is damaged or missing is set aside.
    fn open_file(&self, info: FileInfo) {
        let error = match HistoryFile::open(&self.disk, info.clone(), &self.cache) {
            Ok(file) => {
                self.show(|runs| runs.files.push(Arc::new(file)));
                lock(&self.absent).unopened.remove(&info.id);
                return;
            }
            Err(error) => error,
        };
        let mut book = lock(&self.book);
        let aside = match &error {
            error if error.is_damage() => book.set_aside(&info, &error.to_string()),
            _ => Err(error),
        };
        let mut absent = lock(&self.absent);
        if let Err(error) = aside {
            tracing::error!(file = info.id.table(), %error, "a file of the history can't be opened");
            absent.unopened.insert(info.id, (info, error.to_string()));
        } else {
            absent.unopened.remove(&info.id);
        }
        absent.lost = book.manifest().lost.clone();
    }

    /// Forgets lost files that were taken away, tries those that could not be opened, and sets aside what lookups found damaged.
    fn look_after_absent(&self) -> Result<(), HistoryError> {
        let has_lost = !lock(&self.absent).lost.is_empty();
        if has_lost {
            let mut book = lock(&self.book);
            book.forget_lost()?;
            lock(&self.absent).lost = book.manifest().lost.clone();
        }
        let unopened: Vec<FileInfo> =
            lock(&self.absent).unopened.values().map(|(info, _)| info.clone()).collect();
        unopened.into_iter().for_each(|info| self.open_file(info));
        let suspects = std::mem::take(&mut *lock(&self.suspects));
        for (path, reason) in suspects {
            let of_path = |file: &&Arc<HistoryFile>| {
                let id = file.info().id;
                id.table() == path || id.index() == path
            };
            let Some(info) = self.view().files.iter().find(of_path).map(|file| file.info().clone())
            else {
                continue;
            };
            if info.id.index() == path {
                self.make_index_again(&info)?;
                continue;
            }
            let mut book = lock(&self.book);
            book.set_aside(&info, &reason)?;
            self.show(|runs| runs.files.retain(|file| file.info().id != info.id));
            lock(&self.absent).lost = book.manifest().lost.clone();
        }
        Ok(())
    }

    /// An index that is damaged goes; to open the file without it makes it again.
    fn make_index_again(&self, info: &FileInfo) -> Result<(), HistoryError> {
        match self.disk.remove(&info.id.index()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let again = Arc::new(HistoryFile::open(&self.disk, info.clone(), &self.cache)?);
        self.show(|runs| {
            for file in runs.files.iter_mut().filter(|file| file.info().id == info.id) {
                *file = Arc::clone(&again);
            }
        });
        Ok(())
    }

    /// A batch will not come: its segment is damaged. Imports need not wait for it.
    pub fn given_up(&self, batch: BatchId) {
        lock(&self.awaited).remove(&batch);
    }

    /// What health and metrics show.
    #[must_use]
    pub fn report(&self) -> Report {
        let runs = self.runs.read().expect("a panic ends the process");
        let infos = || runs.files.iter().map(|file| file.info());
        let absent = lock(&self.absent);
        let unopened = absent.unopened.values();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Report {
            rows: infos().map(|file| u64::from(file.rows)).sum(),
            files: runs.files.len(),
            bytes: infos().map(|file| file.bytes).sum(),
            recent_rows: runs.recent.values().map(|run| run.len() as u64).sum(),
            recent_bytes: runs.recent_bytes(),
            dropped: count(&self.counters.dropped),
            merges: count(&self.counters.merges),
            merged_rows: count(&self.counters.merged_rows),
            expired_rows: count(&self.counters.expired_rows),
            horizon: runs.retention.horizon,
            lost: absent.lost.clone(),
            unopened: unopened.map(|(file, why)| (file.id.table(), why.clone())).collect(),
            trouble: absent.trouble.clone(),
            doubts: absent.doubts,
        }
    }
}

impl HistoryError {
    /// What went wrong with a table: the disk, or else its bytes.
    pub(crate) fn of_table(path: &str, error: ParquetError) -> HistoryError {
        let damaged = |what: String| HistoryError::Damaged { path: path.to_owned(), what };
        match error {
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(error) => HistoryError::Disk(*error),
                Err(cause) => damaged(cause.to_string()),
            },
            ParquetError::General(what) => damaged(what),
            error => damaged(error.to_string()),
        }
    }

    /// Whether a file will not get better by itself.
    fn is_damage(&self) -> bool {
        match self {
            HistoryError::Damaged { .. } => true,
            HistoryError::Disk(error) => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

fn retention(settings: &Settings, today: Option<Timestamp>) -> Retention {
    today.map_or_else(
        || Retention { horizon: None, holds: settings.holds.clone() },
        |today| Retention::at(today, settings.retention, &settings.holds),
    )
}

/// How many rows of each day are kept.
fn rows_by_day(
    files: &[Arc<HistoryFile>],
    retention: &Retention,
) -> Result<BTreeMap<Day, u64>, HistoryError> {
    let mut rows = BTreeMap::new();
    let all = ScopeFilter::default();
    let newest = Sequence { batch: BatchId(u64::MAX), index: u32::MAX };
    let newest = Position { time: Timestamp::from_millis(i64::MAX), sequence: newest };
    for file in files {
        for row in file.newest_first(&[Key::ALL], &all, newest)? {
            let (position, _) = row?;
            if !retention.is_old(position.time) {
                *rows.entry(Day::of(position.time)).or_default() += 1;
            }
        }
    }
    Ok(rows)
}
