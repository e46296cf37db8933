//! The pipeline: from sealed batches to objects in buckets, notices on topics, and retired segments.
//!
//! ```text
//! sealed batch ─ read, plan ─► content ─ gzip ─► log files ─► delivered ─► announced ─┐
//!                                                    └──────► parked ────────────────┴─► retired
//! ```
//!
//! A batch is retired when each of its files is in its bucket and announced, or safe on disk with
//! its notice to come. Until then a crash begins it again, and it meets its own objects. One batch is
//! in memory at a time; of its files, as many as are being uploaded. A batch that cannot be settled
//! now (no room to park, the disk refuses) is begun again after a pause, and the next one has its
//! turn meanwhile; one whose segment is damaged is left as it is, and health turns red.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use delivery::digests::{DigestError, DueChain};
use delivery::place::gzip_bytes_max;
use delivery::{Delivered, Delivery, DeliveryError, Digests, ObjectStore, Parked, Settled};
use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};
use history::{History, HistoryError, Moment, Row, Sequence};
use model::log_file::LogFileHeader;
use model::{BatchId, LogFile, Notice, Timestamp, TrailArn};
use notifier::logs::{LogSender, LogStream, Reference, stream_name};
use notifier::{Notifier, NotifierError, Topic};
use outbox::Due;
use producer::route::Content;
use producer::{
    Batch, Damage, Intake, JournalState, Now, Plan, Refusal, SealedSegment, SegmentError, render,
    window,
};
use tokio::sync::{Semaphore, watch};
use trails::{Definitions, LogGroup};

use crate::ledger::Ledger;
use crate::parts::Parts;

/// Contents of one batch under way at a time, and files of one content.
const FILES_IN_FLIGHT: usize = 32;
/// Contents that are compressed at a time.
const COMPRESSIONS: usize = 2;
/// Pause before a batch that could not be settled is begun again. It doubles: to begin one costs its
/// reading and its compression, and hundreds may wait while there is no room to park their files.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How often parked files and notices are looked at.
const RETRY_TICK: Duration = Duration::from_millis(250);
/// How much faster than the steady clock the time of day may go by which parked files are given up.
const HASTE_MAX: u32 = 2;
/// Log files that are read back for log groups, in memory at a time with their gzip; a larger one is
/// there alone.
const LOG_MEMORY_KIB: u32 = 64 << 10;
/// How far the time of day may leap ahead and be believed at once.
const LEAP_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long a leap further ahead must last to be believed.
const DOUBT_MAX: Duration = Duration::from_secs(600);
/// Chains whose digests are written at a time, and of one trail: a bucket that does not answer takes a
/// minute for each.
const DIGESTS_IN_FLIGHT: usize = 64;
const DIGESTS_OF_TRAIL: usize = 16;
/// How often the history is looked after.
const TENDING_TICK: Duration = Duration::from_secs(1);
/// Parked files of different lanes that are tried at a time.
const RETRIES_IN_FLIGHT: usize = 32;

/// Why a batch could not be settled now.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Its segment is damaged, or could not be read.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A file could be neither delivered nor parked.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The receipt of a delivered file could not be kept.
    #[error("a delivered file is not sure to be in a digest: {0}")]
    Digest(#[from] DigestError),
    /// A notice could be neither published nor parked.
    #[error(transparent)]
    Notifier(#[from] NotifierError),
    /// Its identities could not be stored.
    #[error("the identities of a batch could not be stored: {0}")]
    Disk(#[from] std::io::Error),
    /// Its events could not be kept in the history.
    #[error("the history does not take a batch: {0}")]
    History(#[from] HistoryError),
    /// The journal did not let it go.
    #[error(transparent)]
    Retire(#[from] Refusal),
}

impl From<Damage> for PipelineError {
    fn from(damage: Damage) -> PipelineError {
        PipelineError::Segment(SegmentError::Damage(damage))
    }
}

/// What the pipeline shows to health and metrics.
#[derive(Clone, Debug, Default)]
pub struct PipelineState {
    /// Batches whose segments are damaged; they are kept and not delivered.
    pub damaged: BTreeMap<BatchId, String>,
    /// Batches that could not be settled, and why.
    pub stuck: BTreeMap<BatchId, String>,
}

/// Where files go, and who is told of them.
pub struct Destinations<S, T> {
    /// The buckets.
    pub delivery: Arc<Delivery<S>>,
    /// The topics.
    pub notifier: Arc<Notifier<T>>,
    /// The log groups.
    pub logs: Arc<LogSender>,
    /// The digests of what is delivered.
    pub digests: Arc<Digests<S>>,
    /// The history of all events.
    pub history: Arc<History>,
}

/// Settles batches. `S` is the object store, `T` the topics.
pub struct Pipeline<S, T> {
    parts: Parts,
    intake: Intake,
    delivery: Arc<Delivery<S>>,
    notifier: Arc<Notifier<T>>,
    logs: Arc<LogSender>,
    digests: Arc<Digests<S>>,
    history: Arc<History>,
    /// KiB of log files that are read back.
    log_memory: Semaphore,
    ledger: Arc<Ledger>,
    definitions: watch::Receiver<Arc<Definitions>>,
    /// By which parked files grow old.
    calendar: Mutex<Calendar>,
    compression_level: u32,
    compressions: Semaphore,
    state: Arc<Mutex<PipelineState>>,
    /// What the last batch was read into, while another one is at hand.
    buffer: Mutex<Vec<u8>>,
}

impl<S, T> Pipeline<S, T>
where
    S: ObjectStore + 'static,
    T: Topic + 'static,
{
    /// Wires the pipeline.
    #[must_use]
    pub fn new(
        parts: Parts,
        intake: Intake,
        destinations: Destinations<S, T>,
        ledger: Arc<Ledger>,
        definitions: watch::Receiver<Arc<Definitions>>,
        compression_level: u32,
    ) -> Pipeline<S, T> {
        let Destinations { delivery, notifier, logs, digests, history } = destinations;
        Pipeline {
            calendar: Mutex::new(Calendar { last: parts.now() }),
            parts,
            intake,
            delivery,
            notifier,
            logs,
            digests,
            history,
            log_memory: Semaphore::new(LOG_MEMORY_KIB as usize),
            ledger,
            definitions,
            compression_level,
            compressions: Semaphore::new(COMPRESSIONS),
            state: Arc::default(),
            buffer: Mutex::default(),
        }
    }

    /// What it shows to health and metrics.
    #[must_use]
    pub fn state(&self) -> Arc<Mutex<PipelineState>> {
        Arc::clone(&self.state)
    }

    /// Settles batches as they are sealed. Ends when `stopping` is set and no batch is left but
    /// those that could not be settled before.
    pub async fn run(
        &self,
        mut journal: watch::Receiver<JournalState>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let mut paused: HashMap<BatchId, Pause> = HashMap::new();
        loop {
            let is_stopping = *stopping.borrow_and_update();
            let sealed: Vec<BatchId> =
                journal.borrow_and_update().sealed.iter().map(|s| s.batch).collect();
            // A damaged batch is not tried again, and its pause must wake nobody.
            paused.retain(|batch, _| sealed.contains(batch) && !self.is_damaged(*batch));
            let now = tokio::time::Instant::now();
            let ready = sealed.iter().find(|batch| {
                paused.get(batch).is_none_or(|pause| pause.until <= now && !is_stopping)
                    && !self.is_damaged(**batch)
            });
            if let Some(batch) = ready {
                if !self.settle_and_report(*batch).await {
                    let before = paused.get(batch).map(|pause| pause.length);
                    paused.insert(*batch, Pause::after(before));
                }
                // The retired batch may have been the last of a trail that is removed.
                drop(self.ledger.look(|| journal.borrow().clone()));
                continue;
            }
            drop(self.take_buffer());
            if is_stopping {
                return;
            }
            let next = paused
                .values()
                .map(|pause| pause.until)
                .min()
                .unwrap_or_else(|| now + Duration::from_secs(3600));
            tokio::select! {
                changed = journal.changed() => if changed.is_err() { return },
                _ = stopping.changed() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Tries parked files when they are due, until `stopping` is set. Lanes do not wait for each
    /// other: one that takes its oldest file is given the next at once.
    pub async fn run_retries(&self, mut stopping: watch::Receiver<bool>) {
        let mut tick = retry_ticks();
        let mut retries = FuturesUnordered::new();
        let mut waiting = VecDeque::new();
        while !*stopping.borrow_and_update() {
            waiting.extend(self.delivery.take_due(self.parts.now().wall));
            while retries.len() < RETRIES_IN_FLIGHT
                && let Some(parked) = waiting.pop_front()
            {
                retries.push(self.retry(parked));
            }
            tokio::select! {
                // In a fixed order, so that a simulation can repeat it.
                biased;
                _ = stopping.changed() => {}
                _ = tick.tick() => self.expire().await,
                Some(()) = retries.next() => {}
            }
        }
    }

    /// Publishes parked notices when they are due, until `stopping` is set.
    pub async fn run_notices(&self, mut stopping: watch::Receiver<bool>) {
        let mut tick = retry_ticks();
        while !*stopping.borrow_and_update() {
            self.retry_notices().await;
            tokio::select! {
                _ = tick.tick() => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// Sends the records of delivered files to log groups, until `stopping` is set.
    pub async fn run_logs(&self, mut stopping: watch::Receiver<bool>) {
        let mut tick = retry_ticks();
        let mut sends = FuturesUnordered::new();
        let mut waiting = VecDeque::new();
        while !*stopping.borrow_and_update() {
            waiting.extend(self.logs.take_due(self.parts.now().wall));
            while sends.len() < RETRIES_IN_FLIGHT
                && let Some(due) = waiting.pop_front()
            {
                sends.push(self.send_log(due));
            }
            tokio::select! {
                // In a fixed order, so that a simulation can repeat it.
                biased;
                _ = stopping.changed() => {}
                _ = tick.tick() => {}
                Some(()) = sends.next() => {}
            }
        }
    }

    /// Writes digests when they are due, until `stopping` is set.
    pub async fn run_digests(
        &self,
        journal: watch::Receiver<JournalState>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let clock = Mutex::new(DigestClock::new(self.parts.now()));
        let now = || clock.lock().unwrap_or_else(PoisonError::into_inner).believe(self.parts.now());
        let mut tick = retry_ticks();
        let mut chains = FuturesUnordered::new();
        // By trail: one whose bucket is silent holds up no other.
        let mut waiting: BTreeMap<TrailArn, VecDeque<DueChain>> = BTreeMap::new();
        let mut in_flight: BTreeMap<TrailArn, usize> = BTreeMap::new();
        let mut is_tick = true;
        while !*stopping.borrow_and_update() {
            if is_tick {
                for due in self.take_due_digests(&journal, now()).await {
                    waiting.entry(due.trail().clone()).or_default().push_back(due);
                }
            }
            for (trail, due) in &mut waiting {
                let of_trail = in_flight.entry(trail.clone()).or_default();
                while *of_trail < DIGESTS_OF_TRAIL
                    && chains.len() < DIGESTS_IN_FLIGHT
                    && let Some(due) = due.pop_front()
                {
                    *of_trail += 1;
                    chains.push(self.write_digests(due, &now));
                }
            }
            waiting.retain(|_, due| !due.is_empty());
            is_tick = tokio::select! {
                // In a fixed order, so that a simulation can repeat it.
                biased;
                _ = stopping.changed() => false,
                _ = tick.tick() => true,
                Some(trail) = chains.next() => {
                    in_flight.entry(trail).and_modify(|of_trail| *of_trail -= 1);
                    false
                }
            };
            in_flight.retain(|_, of_trail| *of_trail > 0);
        }
    }

    /// Keeps sealed batches in the history, also of those that wait for their buckets, until `stopping`
    /// is set and none is left.
    pub async fn run_history(
        &self,
        mut journal: watch::Receiver<JournalState>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let mut paused: HashMap<BatchId, Pause> = HashMap::new();
        loop {
            let is_stopping = *stopping.borrow_and_update();
            let sealed = journal.borrow_and_update().sealed.clone();
            let is_done = |batch| self.history.is_stored(batch) || self.is_damaged(batch);
            // The pause of one that needs no other try must wake nobody.
            paused.retain(|batch, _| {
                sealed.iter().any(|sealed| sealed.batch == *batch) && !is_done(*batch)
            });
            for SealedSegment { batch, events, .. } in sealed {
                let now = tokio::time::Instant::now();
                let waits = paused.get(&batch).is_some_and(|pause| pause.until > now);
                if waits || is_done(batch) {
                    continue;
                }
                // Whoever settles the batch tries too, and says what is wrong.
                if self.keep_in_history(batch, events).await.is_err() {
                    let before = paused.get(&batch).map(|pause| pause.length);
                    paused.insert(batch, Pause::after(before));
                }
            }
            if is_stopping {
                return;
            }
            let next = paused.values().map(|pause| pause.until).min();
            let next =
                next.unwrap_or_else(|| tokio::time::Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                biased;
                _ = stopping.changed() => {}
                changed = journal.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Merges files of the history, and removes what has expired, until `stopping` is set.
    pub async fn run_tending(&self, mut stopping: watch::Receiver<bool>) {
        let mut failing: Option<Pause> = None;
        while !*stopping.borrow_and_update() {
            let Now { wall, uptime } = self.parts.now();
            let (history, now) = (Arc::clone(&self.history), Moment { wall, uptime });
            let pause = match blocking(move || Ok(history.tend(now)?)).await {
                Ok(true) => continue,
                Ok(false) => {
                    failing = None;
                    TENDING_TICK
                }
                Err(error) => {
                    tracing::error!(%error, "the history waits to be tended");
                    let pause = Pause::after(failing.as_ref().map(|pause| pause.length));
                    failing.insert(pause).length
                }
            };
            tokio::select! {
                biased;
                _ = stopping.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn keep_in_history(&self, id: BatchId, events: u64) -> Result<(), PipelineError> {
        let (history, disk) = (Arc::clone(&self.history), Arc::clone(&self.parts.disk));
        blocking(move || {
            history.store(id, events, || {
                let batch = Batch::read(&*disk, id)?;
                let indices = 0..u32::try_from(batch.len()).expect("fewer than 2^32 events");
                let row = |index| {
                    let event = batch.event(index)?.to_event();
                    Ok(Row::of(&event, Sequence { batch: id, index }))
                };
                indices.map(row).collect()
            })
        })
        .await
    }

    async fn take_due_digests(
        &self,
        journal: &watch::Receiver<JournalState>,
        now: Timestamp,
    ) -> Vec<DueChain> {
        let is_drained = |trail: &TrailArn, boundary| self.is_drained(journal, trail, boundary);
        let due = self.digests.take_due(now, is_drained).await;
        due.unwrap_or_else(|error| {
            tracing::error!(%error, "digests wait");
            Vec::new()
        })
    }

    /// Gives the trail back.
    async fn write_digests(&self, due: DueChain, now: impl Fn() -> Timestamp) -> TrailArn {
        self.digests.advance(&due, now, self.parts.random()).await;
        due.trail().clone()
    }

    /// Whether all that a trail recorded up to a batch is delivered, but what is damaged.
    fn is_drained(
        &self,
        journal: &watch::Receiver<JournalState>,
        trail: &TrailArn,
        boundary: BatchId,
    ) -> bool {
        let waits =
            |sealed: &SealedSegment| sealed.batch <= boundary && !self.is_damaged(sealed.batch);
        // Not while the journal is looked at: the ledger looks at it too, the other way round.
        let is_sealed = journal.borrow().sealed.iter().any(waits);
        !is_sealed && !self.ledger.has_parked(trail)
    }

    async fn send_log(&self, due: Due) {
        let (now, random) = (|| self.parts.now().wall, || self.parts.random());
        let Some(file) = self.logs.load(&due, now(), random()) else { return };
        let group = self.log_group(&file.trail);
        let Some(stream) = group.and_then(|group| stream(&group, &file)) else {
            self.logs.forget(&due, now(), random());
            return;
        };
        let bytes = file.uncompressed_bytes + gzip_bytes_max(file.uncompressed_bytes);
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        let held = self.log_memory.acquire_many(kib.min(LOG_MEMORY_KIB)).await;
        let held = held.expect("the semaphore is never closed");
        let (bucket, key) = (&file.bucket, &file.key);
        let read =
            self.delivery.read_back(bucket, key, &file.sha256, file.uncompressed_bytes).await;
        match read {
            Ok(Some(content)) => {
                self.logs.send(&due, &file, &stream, &content, now(), random()).await;
            }
            Ok(None) => {
                let damage = format!("s3://{bucket}/{key} is gone, or is another file");
                self.logs.set_aside(&due, &damage, now(), random());
            }
            Err(error) => self.logs.keep(&due, &error.to_string(), now(), random()),
        }
        drop(held);
    }

    /// The log group that a trail has now.
    fn log_group(&self, trail: &TrailArn) -> Option<LogGroup> {
        self.definitions.borrow().trail(trail)?.log_group.clone()
    }

    /// Settles a batch: true when it is retired.
    pub async fn settle_and_report(&self, batch: BatchId) -> bool {
        match self.settle(batch).await {
            Ok(()) => {
                self.lock_state().stuck.remove(&batch);
                true
            }
            Err(PipelineError::Segment(SegmentError::Damage(damage))) => {
                tracing::error!(%batch, %damage, "a journal segment is damaged; it is kept and not delivered");
                self.history.given_up(batch);
                let mut state = self.lock_state();
                state.stuck.remove(&batch);
                state.damaged.insert(batch, damage.to_string());
                false
            }
            Err(error) => {
                tracing::error!(%batch, %error, "a batch waits");
                self.lock_state().stuck.insert(batch, error.to_string());
                false
            }
        }
    }

    async fn retry_notices(&self) {
        let now = self.parts.now().wall;
        if let Err(error) = self.notifier.retry_due(now, || self.parts.random()).await {
            tracing::error!(%error, "a parked notice waits");
        }
    }

    async fn expire(&self) {
        let today =
            self.calendar.lock().unwrap_or_else(PoisonError::into_inner).today(self.parts.now());
        if let Err(error) = self.delivery.expire(today).await {
            tracing::error!(%error, "parked files could not be set aside");
        }
        if let Err(error) = self.notifier.expire(today) {
            tracing::error!(%error, "parked notices could not be set aside");
        }
        if let Err(error) = self.logs.expire(today) {
            tracing::error!(%error, "what waits for log groups could not be set aside");
        }
    }

    async fn settle(&self, id: BatchId) -> Result<(), PipelineError> {
        let (batch, plan) = self.read(id).await?;
        let batch = Arc::new(batch);
        self.ledger.begun(id, &plan.unselected);
        self.digests.begun(id);
        let contents = plan.contents.into_iter();
        let settled =
            all(contents.map(|content| self.settle_content(Arc::clone(&batch), content))).await;
        // Also of a batch that waits: what is in its bucket is listed in time.
        self.digests.keep(id, self.parts.now().wall).await?;
        settled?;
        self.keep_in_history(id, batch.len() as u64).await?;
        self.retire(&batch).await?;
        if let Some(batch) = Arc::into_inner(batch) {
            *self.buffer.lock().unwrap_or_else(PoisonError::into_inner) = batch.into_buffer();
        }
        Ok(())
    }

    fn take_buffer(&self) -> Vec<u8> {
        std::mem::take(&mut *self.buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn read(&self, id: BatchId) -> Result<(Batch, Plan), PipelineError> {
        let (disk, buffer) = (Arc::clone(&self.parts.disk), self.take_buffer());
        blocking(move || {
            let batch = Batch::read_with(buffer, &*disk, id)?;
            let plan = batch.plan()?;
            Ok((batch, plan))
        })
        .await
    }

    async fn settle_content(
        &self,
        batch: Arc<Batch>,
        content: Content,
    ) -> Result<(), PipelineError> {
        if content.files.iter().all(|(name, _)| self.ledger.is_settled(batch.id(), &name.key(0))) {
            return Ok(());
        }
        let permit = self.compressions.acquire().await.expect("the semaphore is never closed");
        let level = self.compression_level;
        let files = blocking(move || Ok(render(&batch, &content, level)?)).await?;
        drop(permit);
        all(files.into_iter().map(|file| self.settle_file(file))).await
    }

    async fn settle_file(&self, file: LogFile) -> Result<(), PipelineError> {
        let header = file.header.clone();
        if self.ledger.is_settled(header.name.batch, &header.name.key(0)) {
            return Ok(());
        }
        let now = self.parts.now().wall;
        match self.delivery.deliver(file, now, self.parts.random()).await? {
            Settled::Delivered(delivered) => {
                self.announce(&delivered).await?;
                self.digests.note(&delivered);
                self.ledger.delivered(&header);
                let (trail, records) = (&header.name.trail, header.records);
                tracing::debug!(%trail, key = delivered.key, records, "log file delivered");
            }
            Settled::Parked => {
                self.digests.parked(&header);
                if !self.ledger.parked(&header) {
                    // It was delivered meanwhile.
                    self.digests.forgotten(&header).await;
                }
            }
        }
        Ok(())
    }

    /// A file is in its bucket: it is announced, and then handed over for the trail's log group. In
    /// that order: what keeps a notice from being parked may last, and each repetition would hand the
    /// file over again.
    async fn announce(&self, delivered: &Delivered) -> Result<(), PipelineError> {
        let LogFileHeader { name, destination, .. } = &delivered.header;
        if let Some(topic) = &destination.topic {
            let (bucket, keys) = (destination.bucket.to_string(), vec![delivered.key.clone()]);
            let notice = Notice { bucket, keys };
            let (now, random) = (self.parts.now().wall, self.parts.random());
            self.notifier.announce(&name.trail, topic, &notice, now, random).await?;
        }
        if self.log_group(&name.trail).is_some() {
            let (logs, file) = (Arc::clone(&self.logs), reference(delivered));
            let now = self.parts.now().wall;
            blocking(move || Ok(logs.hand_over(&file, now)?)).await?;
        }
        Ok(())
    }

    async fn retire(&self, batch: &Arc<Batch>) -> Result<(), PipelineError> {
        let (disk, id) = (Arc::clone(&self.parts.disk), batch.id());
        let identities = batch.identities();
        blocking(move || Ok(window::store(&*disk, id, &identities)?)).await?;
        self.intake.retire(id).await?;
        self.digests.retired(id).await;
        self.history.retired(id);
        self.ledger.retired(id);
        tracing::debug!(batch = %id, events = batch.len(), "batch retired");
        Ok(())
    }

    async fn retry(&self, parked: Parked) {
        let now = self.parts.now().wall;
        if let Err(error) = self.retry_and_announce(&parked, now).await {
            self.delivery.keep(&parked, &error.to_string(), now, self.parts.random());
            tracing::error!(%error, "a parked file waits");
        }
    }

    async fn retry_and_announce(
        &self,
        parked: &Parked,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let kms_key = |header: &LogFileHeader| self.kms_key(header);
        let tried = self.delivery.retry(parked, kms_key, now, self.parts.random()).await?;
        let Some(delivered) = tried else { return Ok(()) };
        self.announce(&delivered).await?;
        self.digests.keep_parked(&delivered, now).await?;
        self.delivery.forget(parked).await?;
        // In this order: a file that its batch parks by now is not parked any more.
        self.ledger.delivered(&delivered.header);
        self.digests.forgotten(&delivered.header).await;
        Ok(())
    }

    /// The key that the trail of a parked file has now; of a trail that is gone, the one it had.
    fn kms_key(&self, header: &LogFileHeader) -> Option<String> {
        let definitions = self.definitions.borrow();
        let trail = definitions.trail(&header.name.trail).map(|definition| &definition.trail);
        trail.map_or(header.destination.kms_key.clone(), |trail| trail.kms_key.clone())
    }

    fn is_damaged(&self, batch: BatchId) -> bool {
        self.lock_state().damaged.contains_key(&batch)
    }

    fn lock_state(&self) -> MutexGuard<'_, PipelineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the log sender is told of a file.
fn reference(delivered: &Delivered) -> Reference {
    let LogFileHeader { name, destination, sha256, uncompressed_bytes, .. } = &delivered.header;
    Reference {
        trail: name.trail.clone(),
        organization: name.organization.clone(),
        account: name.account.clone(),
        bucket: destination.bucket.clone(),
        key: delivered.key.clone(),
        sha256: sha256.clone(),
        uncompressed_bytes: *uncompressed_bytes,
    }
}

/// The stream that a file's records go to.
fn stream(group: &LogGroup, file: &Reference) -> Option<LogStream> {
    Some(LogStream {
        group: group.arn.parse().ok()?,
        role_arn: group.role_arn.clone(),
        name: stream_name(&file.trail, file.organization.as_ref(), &file.account),
    })
}

/// How long a batch that could not be settled is left alone.
struct Pause {
    until: tokio::time::Instant,
    length: Duration,
}

impl Pause {
    fn after(before: Option<Duration>) -> Pause {
        let length = before.map_or(PAUSE_MIN, |before| (before * 2).min(PAUSE_MAX));
        Pause { until: tokio::time::Instant::now() + length, length }
    }
}

/// The time of day, as far as it can be believed: a clock that jumps ahead must not make everything
/// that is parked too old at once. It goes at most [`HASTE_MAX`] times as fast as the steady clock.
#[derive(Clone, Copy, Debug)]
struct Calendar {
    last: Now,
}

impl Calendar {
    fn today(&mut self, now: Now) -> Timestamp {
        let passed = now.uptime.saturating_sub(self.last.uptime);
        let believed = self.last.wall.plus(passed * HASTE_MAX);
        self.last = Now { wall: now.wall.min(believed), uptime: now.uptime };
        self.last.wall
    }
}

/// The clock by which digests are written. A suspended machine wakes up hours later, and owes them; but a
/// clock that is a day ahead at once is believed only when it stays there: digests of days to come would
/// leave the present ones without.
#[derive(Clone, Copy, Debug)]
struct DigestClock {
    last: Now,
    /// Since when, by the steady clock, the time of day is not believed.
    doubted_since: Option<Duration>,
}

impl DigestClock {
    fn new(now: Now) -> DigestClock {
        DigestClock { last: now, doubted_since: None }
    }

    fn believe(&mut self, now: Now) -> Timestamp {
        let expected = self.last.wall.plus(now.uptime.saturating_sub(self.last.uptime));
        let is_doubtful = now.wall.since(expected) > LEAP_MAX;
        let doubted_since = self.doubted_since.unwrap_or(now.uptime);
        let is_believed = !is_doubtful || now.uptime.saturating_sub(doubted_since) >= DOUBT_MAX;
        self.doubted_since = (!is_believed).then_some(doubted_since);
        let wall = if is_believed { now.wall } else { expected };
        self.last = Now { wall, uptime: now.uptime };
        wall
    }
}

/// Waits for all of them, and gives the first error. None is cut off when another fails: a file that
/// was just parked would be parked once more, and one whose bucket takes it would wait for a bucket
/// that does not.
async fn all(
    futures: impl Iterator<Item = impl Future<Output = Result<(), PipelineError>>>,
) -> Result<(), PipelineError> {
    let results = stream::iter(futures).buffer_unordered(FILES_IN_FLIGHT);
    results.fold(Ok(()), |first, one| std::future::ready(first.and(one))).await
}

/// A tick that was missed while something took long is not made up for.
fn retry_ticks() -> tokio::time::Interval {
    let mut tick = tokio::time::interval(RETRY_TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tick
}

/// Runs work that computes or waits for the disk off the async threads.
async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, PipelineError> + Send + 'static,
) -> Result<R, PipelineError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use delivery::digests::OnTheirWay;
    use delivery::memory::MemoryStore;
    use disk::SimulatedDisk;
    use keyring::{KeyRing, KeySettings, SigningKey};
    use model::{Destination, Folder, LogFileName};
    use notifier::PublishError;
    use notifier::logs::memory::MemoryLogs;
    use notifier::memory::MemoryTopic;
    use outbox::{Outbox, RetrySettings};
    use producer::{Journal, JournalSettings, Writer};
    use trails::{EventSelectors, Trail, TrailDefinition, TrailSet};

    use super::*;

    const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/all";
    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:topic";

    /// Of a trail that has a topic and a log group.
    fn definitions() -> Definitions {
        let trail = Trail {
            arn: TRAIL.parse().unwrap(),
            bucket: "bucket".parse().unwrap(),
            prefix: None,
            topic: Some(TOPIC.parse().unwrap()),
            kms_key: None,
            is_multi_region: true,
            include_global_service_events: true,
            is_organization: false,
            is_logging: true,
            selectors: EventSelectors::Default,
            recursive_logging: true,
        };
        let log_group = LogGroup {
            arn: "arn:aws:logs:eu-west-1:111122223333:log-group:group:*".into(),
            role_arn: "arn:aws:iam::111122223333:role/logs".into(),
        };
        let definition = TrailDefinition { log_group: Some(log_group), ..trail.into() };
        Definitions { trails: vec![definition], ..Definitions::default() }
    }

    fn delivered(part: u32) -> Delivered {
        let name = LogFileName {
            prefix: None,
            organization: None,
            account: "111122223333".parse().unwrap(),
            folder: Folder::CloudTrail,
            region: "eu-west-1".parse().unwrap(),
            sealed_at: Timestamp::EPOCH,
            batch: BatchId(1),
            journal: 1,
            trail: TRAIL.parse().unwrap(),
            part,
        };
        let key = name.key(0);
        let destination = Destination {
            bucket: "bucket".parse().unwrap(),
            kms_key: None,
            topic: Some(TOPIC.parse().unwrap()),
        };
        let header = LogFileHeader {
            name,
            destination,
            sha256: "00".into(),
            records: 1,
            uncompressed_bytes: 1,
            oldest: None,
            newest: None,
        };
        Delivered { header, key }
    }

    #[tokio::test]
    async fn a_notice_that_cannot_be_parked_yet_doubles_nothing_for_the_log_group() {
        let disk = || Arc::new(SimulatedDisk::new());
        let parts = Parts {
            disk: disk(),
            clock: Arc::new(|| Now { wall: Timestamp::EPOCH, uptime: Duration::ZERO }),
            entropy: Arc::new(|| 7),
        };
        let retry = RetrySettings::default();
        let (topics, topic) = (MemoryTopic::new(), TOPIC.parse().unwrap());
        topics.refuse(&topic, PublishError::no_answer("it is busy"));
        // Room for one notice.
        let notices = Outbox::open(disk(), "notices", 1, retry).unwrap();
        let logs = Outbox::open(disk(), "logs", 1 << 20, retry).unwrap();
        let store = MemoryStore::default();
        let delivery = Delivery::open(store.clone(), disk(), 1 << 20, 1, retry).unwrap();
        let keys = Arc::new(
            KeyRing::open(disk(), Arc::new(SigningKey::generate), KeySettings::default()).unwrap(),
        );
        let found = OnTheirWay { batches: &[], parked: &[] };
        let hour = Duration::from_secs(3600);
        let destinations = Destinations {
            delivery: Arc::new(delivery),
            digests: Arc::new(
                Digests::open(store, disk(), keys, hour, retry, &found, Timestamp::EPOCH).unwrap(),
            ),
            notifier: Arc::new(Notifier::new(topics, notices)),
            logs: Arc::new(LogSender::new(Arc::new(MemoryLogs::default()), logs)),
            history: Arc::new(History::open(disk(), history::Settings::default(), &[]).unwrap()),
        };
        let logs = Arc::clone(&destinations.logs);
        let settings =
            JournalSettings { segment_bytes: 1 << 20, quota_bytes: 4 << 20, window_events: 16 };
        let trails = Arc::new(TrailSet::default());
        let journal =
            Journal::open(disk(), settings, trails, Timestamp::EPOCH, Box::new(|| 7)).unwrap();
        let (intake, _desk, journal) = Intake::open(Writer::new(journal, Duration::from_secs(300)));
        let ledger = Arc::new(Ledger::new(&[], &journal.borrow()));
        let definitions = watch::Sender::new(Arc::new(definitions()));
        let pipeline =
            Pipeline::new(parts, intake, destinations, ledger, definitions.subscribe(), 1);
        let waiting = || logs.report().lanes.iter().map(|lane| lane.items).sum::<u64>();

        pipeline.announce(&delivered(0)).await.unwrap();
        assert_eq!(waiting(), 1, "its notice is parked");
        for _ in 0..3 {
            let error = pipeline.announce(&delivered(1)).await.unwrap_err();
            assert!(matches!(error, PipelineError::Notifier(_)), "{error}");
        }
        assert_eq!(waiting(), 1, "it is handed over when its notice is safe, and only then");
    }

    #[test]
    fn a_clock_that_jumps_ahead_makes_nothing_old_at_once() {
        let at = |wall: i64, uptime: u64| Now {
            wall: Timestamp::from_millis(wall * 1000),
            uptime: Duration::from_secs(uptime),
        };
        let mut calendar = Calendar { last: at(1_000, 0) };
        assert_eq!(calendar.today(at(1_010, 10)), at(1_010, 0).wall, "as the clock says");
        assert_eq!(calendar.today(at(9_999_999, 20)), at(1_030, 0).wall, "not what it jumps to");
        assert_eq!(
            calendar.today(at(1_030, 30)),
            at(1_030, 0).wall,
            "nor what it was, once it is right"
        );
        assert_eq!(calendar.today(at(5, 40)), at(5, 0).wall, "a clock set back is believed");
    }
}
