//! The journal: segments on disk, one of them open, and the promise that what was committed lasts.
//!
//! Files in `journal/` of the data directory:
//!
//! | file | what it is |
//! | --- | --- |
//! | `identity` | 16 hex digits, drawn once: the journal's id, part of every file name |
//! | `BATCH.segment` | a segment, open or sealed |
//! | `BATCH.ids` | identities of a retired segment (see [`crate::window`]) |
//! | `spare-N` | a prepared file that will become a segment |
//!
//! There is one recovery path, [`Journal::open`], and it runs at every start: segments that were
//! left open are sealed where their true frames end, and a new one is begun. Shutdown is a seal and
//! nothing else.
//!
//! What always holds:
//! 1. [`Journal::commit`] returns `Ok` only after the sync of everything staged before it.
//! 2. After a failed write or sync the journal is halted: nothing is tried again on files of which
//!    nothing is known. A restart finds out what is on disk.
//! 3. Segments are never deleted before [`Journal::retire`], and damaged ones never at all.
//! 4. The files take at most the quota; without room events are refused and none is lost.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use disk::Disk;
use model::{BatchId, Event, Timestamp};
use trails::TrailSet;

use crate::frame;
use crate::recorded::Recorded;
use crate::segment::{
    self, Contents, Damage, Header, OpenSegment, RESERVED_BYTES, SealedSegment, SegmentError,
};
use crate::window::{self, Window};

const IDENTITY_FILE: &str = "journal/identity";
/// No clock and no count gets there: files of higher numbers are somebody else's, and there is always
/// a next number.
const NUMBER_MAX: u64 = 1 << 62;
/// Retired files kept prepared for reuse: as many as may wait for the stages behind at a busy hour.
/// A new file is written twice, the first time with zeros.
const SPARES_MAX: usize = 4;
/// Room for one event of the largest record, with its frame, and for the segment's header.
const LARGEST_EVENT_BYTES: u64 = model::limits::RECORD_BYTES_MAX as u64 + 1024;

/// The journal's limits.
#[derive(Clone, Copy, Debug)]
pub struct JournalSettings {
    /// Size of one segment file.
    pub segment_bytes: u64,
    /// Room for all segment files together; at least two.
    pub quota_bytes: u64,
    /// Events by which retries are recognised.
    pub window_events: usize,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Recorded,
    /// The same event was recorded before; it is not recorded again.
    Again,
}

/// Why the journal does not take an event.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The quota, or the disk itself, has no room for another segment. Try again later.
    #[error("the journal takes no events now ({reason}); send again later")]
    Full {
        /// What has no room.
        reason: String,
    },
    /// The event takes more than a frame holds; nothing of it was taken.
    #[error("an event of {record_bytes} bytes is larger than the journal takes")]
    TooLarge {
        /// Size of its record.
        record_bytes: usize,
    },
    /// The definitions of all trails, which each segment carries, leave no room for events.
    #[error(
        "the trails' definitions take {definitions_bytes} bytes, too much for segments of {segment_bytes}; raise journal.segment_size"
    )]
    Definitions {
        /// Size of the definitions.
        definitions_bytes: usize,
        /// Size of a segment.
        segment_bytes: u64,
    },
    /// Something failed after which nothing is known of the open segment. Restart to recover.
    #[error("the journal is halted: {0}; restart to recover what is on disk")]
    Halted(String),
    /// The journal could not be opened.
    #[error("journal: {0}")]
    Disk(#[from] io::Error),
}

/// What the journal knows of itself, for the stages behind it, health and metrics.
#[derive(Clone, Debug, Default)]
pub struct JournalState {
    /// Sealed segments that are not retired, oldest first.
    pub sealed: Vec<SealedSegment>,
    /// Events that are durable in the open segment, and under which trails; of a halted journal, in
    /// the segment that was open.
    pub open: Option<(Arc<TrailSet>, u64)>,
    /// Events recorded since the start, by trail.
    pub recorded: Recorded,
    /// Retries recognised since the start.
    pub again: u64,
    /// Segment files, spares included.
    pub files: usize,
    /// Most segment files that the quota allows.
    pub files_max: usize,
    /// Why it takes no events now, until there is room again.
    pub full: Option<String>,
    /// Why it is halted.
    pub halted: Option<String>,
    /// Damaged segments, which are kept and not delivered.
    pub damaged: Vec<Damage>,
    /// Damaged files of identities: retries of their batches are not recognised.
    pub forgotten: Vec<Damage>,
}

impl JournalState {
    /// The batches that are not retired. Of damaged ones the files may have been delivered before, and
    /// are again when somebody restores the segment.
    #[must_use]
    pub fn unretired(&self) -> Vec<BatchId> {
        let damaged = self.damaged.iter().filter_map(|damage| segment::batch(&damage.file));
        self.sealed.iter().map(|sealed| sealed.batch).chain(damaged).collect()
    }
}

/// Events that a commit made durable, in the order of their batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Their batch.
    pub batch: BatchId,
    /// The place of the first of them in the batch.
    pub first: u64,
    /// The events.
    pub events: Vec<Event>,
}

/// Hears of events when they are durable, before their senders do.
pub type Listener = Box<dyn FnMut(Committed) + Send>;

/// The journal. One writer; readers of sealed segments open files by themselves.
pub struct Journal {
    disk: Arc<dyn Disk>,
    settings: JournalSettings,
    /// Draws nonces; only the recycling of files depends on them.
    random: Box<dyn FnMut() -> u64 + Send>,
    id: u64,
    trails: Arc<TrailSet>,
    open: Option<OpenSegment>,
    sealed: BTreeMap<BatchId, SealedSegment>,
    spares: Vec<String>,
    next_spare: u64,
    /// Whether names changed since the directory was synced. No spare is written to before that:
    /// after power loss it could have the name of the segment that it was.
    are_names_unsynced: bool,
    last_batch: BatchId,
    window: Window,
    /// Files of retired identities, and how many each holds.
    retired: BTreeMap<BatchId, usize>,
    recorded: Recorded,
    again: u64,
    full: Option<String>,
    halted: Option<String>,
    /// What is durable in the segment that was open when the journal halted.
    abandoned: Option<(Arc<TrailSet>, u64)>,
    damaged: Vec<Damage>,
    forgotten: Vec<Damage>,
    listener: Option<Listener>,
    /// What it will hear of: the events that are staged.
    unheard: Vec<Event>,
}

impl JournalSettings {
    /// Whether segments that carry these trails have room for events of any size.
    pub fn check(&self, trails: &TrailSet) -> Result<(), JournalError> {
        let definitions_bytes =
            serde_json::to_vec(trails).expect("a trail set always serializes").len();
        let needed = definitions_bytes as u64 + LARGEST_EVENT_BYTES + RESERVED_BYTES;
        if needed > self.segment_bytes {
            let segment_bytes = self.segment_bytes;
            return Err(JournalError::Definitions { definitions_bytes, segment_bytes });
        }
        Ok(())
    }
}

impl Journal {
    /// Opens the journal and recovers it. `random` draws numbers that nobody can foresee.
    pub fn open(
        disk: Arc<dyn Disk>,
        settings: JournalSettings,
        trails: Arc<TrailSet>,
        now: Timestamp,
        mut random: Box<dyn FnMut() -> u64 + Send>,
    ) -> Result<Journal, JournalError> {
        disk.create_directory(crate::DIRECTORY)?;
        let id = identity(&*disk, &mut random)?;
        let mut journal = Journal {
            window: Window::new(settings.window_events),
            disk,
            settings,
            random,
            id,
            trails,
            open: None,
            sealed: BTreeMap::new(),
            spares: Vec::new(),
            next_spare: 0,
            // An earlier process may have left them so.
            are_names_unsynced: true,
            last_batch: BatchId(0),
            retired: BTreeMap::new(),
            recorded: Recorded::default(),
            again: 0,
            full: None,
            halted: None,
            abandoned: None,
            damaged: Vec::new(),
            forgotten: Vec::new(),
            listener: None,
            unheard: Vec::new(),
        };
        journal.recorded.define(&journal.trails);
        journal.recover(now)?;
        // What is gone stays gone: others forget a batch when the journal has it no more.
        journal.sync_names()?;
        Ok(journal)
    }

    /// The same, with a listener that hears of each commit.
    #[must_use]
    pub fn with_listener(self, listener: Listener) -> Journal {
        Journal { listener: Some(listener), ..self }
    }

    /// The newest batch that there was; all to come have higher numbers.
    #[must_use]
    pub fn last_batch(&self) -> BatchId {
        self.last_batch
    }

    /// Puts an event in line for the next commit, unless it is known. May commit, seal and begin a
    /// segment when the open one is full.
    pub fn stage(&mut self, event: &Event, now: Timestamp) -> Result<Outcome, JournalError> {
        self.check_halted()?;
        if frame::event_bytes(event) > frame::PAYLOAD_BYTES_MAX {
            return Err(JournalError::TooLarge { record_bytes: event.record.len() });
        }
        if self.window.contains(event.identity) {
            self.again += 1;
            return Ok(Outcome::Again);
        }
        if self.open.as_ref().is_some_and(|open| !open.has_room_for(event)) {
            self.seal(now)?;
        }
        self.begin(now)?;
        let open = self.open.as_mut().expect("begun above");
        if !open.has_room_for(event) {
            let reason =
                format!("an event of {} bytes is larger than a segment", event.record.len());
            return Err(JournalError::Full { reason });
        }
        open.stage(event);
        if self.listener.is_some() {
            self.unheard.push(event.clone());
        }
        self.window.insert(event.identity);
        Ok(Outcome::Recorded)
    }

    /// Makes everything staged durable.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        self.check_halted()?;
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        let before = open.events();
        match open.commit() {
            Ok(()) => {
                let events = open.events() - before;
                self.recorded.count(&open.header().trails, events);
                let batch = open.header().batch;
                if let Some(listener) = self.listener.as_mut().filter(|_| events > 0) {
                    let events = std::mem::take(&mut self.unheard);
                    listener(Committed { batch, first: before, events });
                }
                Ok(())
            }
            Err(error) => Err(self.halt(&error)),
        }
    }

    /// To be called when nothing waits: marks the last commit as synced.
    pub fn rest(&mut self) -> Result<(), JournalError> {
        self.check_halted()?;
        match self.open.as_mut().map(OpenSegment::rest) {
            Some(Err(error)) => Err(self.halt(&error)),
            _ => Ok(()),
        }
    }

    /// Commits and seals the open segment, if it holds events.
    pub fn seal(&mut self, now: Timestamp) -> Result<(), JournalError> {
        self.commit()?;
        if !self.holds_events() {
            return Ok(());
        }
        let Some(open) = self.open.take() else { return Ok(()) };
        let durable = durable_in(&open);
        match open.seal(now) {
            Ok(sealed) => {
                self.sealed.insert(sealed.batch, sealed);
                Ok(())
            }
            Err(error) => {
                self.abandoned = Some(durable);
                Err(self.halt(&error))
            }
        }
    }

    /// From now on events are recorded under these trails.
    pub fn set_trails(
        &mut self,
        trails: Arc<TrailSet>,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        if *trails == *self.trails {
            return Ok(());
        }
        self.seal(now)?;
        // An open segment without events names the former trails in its header: it is given up.
        if let Some(empty) = self.open.take() {
            let batch = empty.header().batch;
            drop(empty);
            let is_usable = self.is_usable(&segment::path(batch));
            let recycled = is_usable.and_then(|is_usable| self.recycle(batch, is_usable));
            recycled.map_err(|error| self.halt(&error))?;
        }
        self.recorded.define(&trails);
        self.trails = trails;
        Ok(())
    }

    /// Lets a sealed segment go: all that was to be made of it is safe elsewhere. Its identities
    /// must have been stored by [`window::store`] before.
    pub fn retire(&mut self, batch: BatchId) -> Result<(), JournalError> {
        let Some(sealed) = self.sealed.get(&batch).cloned() else { return Ok(()) };
        let is_usable = self.is_usable(&segment::path(batch))?;
        // Half done, this would leave a batch that can be neither read nor retired.
        self.recycle(batch, is_usable).map_err(|error| self.halt(&error))?;
        self.full = None;
        self.sealed.remove(&batch);
        self.recorded.retired(batch, self.sealed.values().map(|sealed| &*sealed.trails));
        self.retired.insert(batch, usize::try_from(sealed.events).unwrap_or(usize::MAX));
        self.forget_identities();
        Ok(())
    }

    /// While there was no room for a segment: looks whether there is again, so that health need not
    /// wait for the next event to find out.
    pub fn look_for_room(&mut self) {
        if self.full.is_none() || self.halted.is_some() || self.open.is_some() {
            return;
        }
        match self.take_spare() {
            Ok(spare) => {
                if self.disk.open(&spare).is_ok() {
                    self.full = None;
                }
                self.spares.push(spare);
            }
            Err(JournalError::Full { reason }) => self.full = Some(reason),
            Err(_) => {}
        }
    }

    /// Whether the open segment holds events that are durable.
    #[must_use]
    pub fn holds_events(&self) -> bool {
        self.open_batch().is_some()
    }

    /// The batch of the open segment, if it holds events that are durable.
    #[must_use]
    pub fn open_batch(&self) -> Option<BatchId> {
        let open = self.open.as_ref().filter(|open| open.events() > 0)?;
        Some(open.header().batch)
    }

    /// Bytes staged for the next commit.
    #[must_use]
    pub fn staged_bytes(&self) -> usize {
        self.open.as_ref().map_or(0, OpenSegment::staged_bytes)
    }

    /// How many sealed segments wait.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.sealed.len()
    }

    /// What it knows of itself.
    #[must_use]
    pub fn state(&self) -> JournalState {
        JournalState {
            sealed: self.sealed.values().cloned().collect(),
            open: self.open.as_ref().map(durable_in).or_else(|| self.abandoned.clone()),
            recorded: self.recorded.clone(),
            again: self.again,
            files: self.files(),
            files_max: self.files_max(),
            full: self.full.clone(),
            halted: self.halted.clone(),
            forgotten: self.forgotten.clone(),
            damaged: self.damaged.clone(),
        }
    }

    fn check_halted(&self) -> Result<(), JournalError> {
        match &self.halted {
            Some(reason) => Err(JournalError::Halted(reason.clone())),
            None => Ok(()),
        }
    }

    fn halt(&mut self, error: &io::Error) -> JournalError {
        let mut reason = error.to_string();
        if let Some(open) = self.open.take() {
            self.abandoned = Some(durable_in(&open));
            // An open file is known to the disk by the name of the spare that it was.
            reason = format!("{}: {reason}", segment::path(open.header().batch));
        }
        self.halted = Some(reason.clone());
        JournalError::Halted(reason)
    }

    /// Opens a segment if none is open.
    fn begin(&mut self, now: Timestamp) -> Result<(), JournalError> {
        if self.open.is_some() {
            return Ok(());
        }
        let begun = self.try_begin(now);
        self.full = match &begun {
            Err(JournalError::Full { reason }) => Some(reason.clone()),
            _ => None,
        };
        begun
    }

    fn try_begin(&mut self, now: Timestamp) -> Result<(), JournalError> {
        self.sync_names().map_err(|error| self.halt(&error))?;
        let spare = self.take_spare()?;
        // Nothing is written yet: for want of a file descriptor, say, the caller comes again.
        let file = match self.disk.open(&spare) {
            Ok(file) => file,
            Err(error) => {
                self.spares.push(spare);
                return Err(full(&error));
            }
        };
        let header = Header {
            batch: self.next_batch(now),
            journal: self.id,
            nonce: (self.random)(),
            opened_at: now,
            size_bytes: self.settings.segment_bytes,
            trails: Arc::clone(&self.trails),
        };
        let room = self.settings.segment_bytes.saturating_sub(RESERVED_BYTES);
        if header.to_bytes().len() as u64 >= room {
            self.spares.push(spare);
            let reason = "the definitions of all trails are larger than a segment".into();
            return Err(JournalError::Full { reason });
        }
        self.last_batch = header.batch;
        match OpenSegment::create(&*self.disk, &spare, file, header) {
            Ok(open) => {
                self.open = Some(open);
                Ok(())
            }
            // The file had its room already: what fails here is the disk.
            Err(error) => Err(self.halt(&error)),
        }
    }

    fn sync_names(&mut self) -> io::Result<()> {
        if self.are_names_unsynced {
            self.disk.sync_directory(crate::DIRECTORY)?;
            self.are_names_unsynced = false;
        }
        Ok(())
    }

    fn next_batch(&self, now: Timestamp) -> BatchId {
        let by_clock = u64::try_from(now.as_millis()).unwrap_or(0);
        BatchId(by_clock.max(self.last_batch.0 + 1))
    }

    fn take_spare(&mut self) -> Result<String, JournalError> {
        if let Some(spare) = self.spares.pop() {
            return Ok(spare);
        }
        if self.files() >= self.files_max() {
            let quota = self.settings.quota_bytes;
            return Err(JournalError::Full {
                reason: format!("its quota of {quota} bytes is used"),
            });
        }
        let path = self.spare_path();
        self.disk.create(&path, self.settings.segment_bytes).map_err(|error| full(&error))?;
        Ok(path)
    }

    fn spare_path(&mut self) -> String {
        self.next_spare += 1;
        format!("{}/spare-{}", crate::DIRECTORY, self.next_spare)
    }

    fn files(&self) -> usize {
        self.sealed.len()
            + self.spares.len()
            + self.damaged.len()
            + usize::from(self.open.is_some())
    }

    fn files_max(&self) -> usize {
        usize::try_from(self.settings.quota_bytes / self.settings.segment_bytes)
            .unwrap_or(usize::MAX)
    }

    /// Whether at least half of the quota is free.
    #[must_use]
    pub fn has_half_its_quota(&self) -> bool {
        self.files() * 2 <= self.files_max()
    }

    fn is_usable(&self, file: &str) -> io::Result<bool> {
        Ok(self.disk.open(file)?.size_bytes()? == self.settings.segment_bytes)
    }

    /// Makes a segment's file a spare, or removes it when there are enough of them. Power loss may
    /// bring the segment back until the names are synced: then it is settled once more, and meets
    /// its own objects.
    fn recycle(&mut self, batch: BatchId, is_usable: bool) -> io::Result<()> {
        let file = segment::path(batch);
        if self.spares.len() < SPARES_MAX && is_usable {
            let spare = self.spare_path();
            self.disk.rename(&file, &spare)?;
            self.spares.push(spare);
        } else {
            self.disk.remove(&file)?;
        }
        self.are_names_unsynced = true;
        self.sync_names()
    }

    /// Removes the oldest identities that the window cannot hold anyway. The newest file stays: its
    /// name keeps batch numbers growing over a restart. One that cannot be removed now is tried
    /// again with the next.
    fn forget_identities(&mut self) {
        let mut kept: usize = self.retired.values().sum();
        while let Some((&batch, &events)) = self.retired.first_key_value() {
            let is_needed = kept.saturating_sub(events) < self.settings.window_events;
            if self.retired.len() == 1
                || is_needed
                || self.disk.remove(&window::path(batch)).is_err()
            {
                return;
            }
            self.retired.remove(&batch);
            kept -= events;
        }
    }

    /// The one path from what is on disk to a journal that takes events.
    fn recover(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let names = self.disk.list(crate::DIRECTORY)?;
        // Other names than those given here are somebody else's.
        let batch_of = |name: &str, ending: &str| {
            let number = name.strip_suffix(ending)?;
            let batch = BatchId(u64::from_str_radix(number, 16).ok()?);
            (batch.to_string() == number && batch.0 <= NUMBER_MAX).then_some(batch)
        };
        // By batch, so that the window forgets the same events as before the start.
        for name in &names {
            if let Some(batch) = batch_of(name, ".ids") {
                self.recover_identities(batch)?;
            } else if let Some(batch) = batch_of(name, ".segment") {
                self.last_batch = self.last_batch.max(batch);
                self.recover_segment(batch, now)?;
            }
        }
        names.iter().try_for_each(|name| self.recover_spare(name))
    }

    /// What a spare file holds does not matter, its size does: one that a crash left half made, or
    /// that other settings made, is of no use.
    fn recover_spare(&mut self, name: &str) -> Result<(), JournalError> {
        let path = format!("{}/{name}", crate::DIRECTORY);
        let number = name.strip_prefix("spare-").and_then(|number| number.parse::<u64>().ok());
        let number = number.filter(|number| name == format!("spare-{number}"));
        let Some(number) = number.filter(|number| *number <= NUMBER_MAX) else { return Ok(()) };
        self.next_spare = self.next_spare.max(number);
        if self.is_usable(&path)? && self.spares.len() < SPARES_MAX {
            self.spares.push(path);
        } else {
            self.disk.remove(&path)?;
        }
        Ok(())
    }

    fn recover_identities(&mut self, batch: BatchId) -> Result<(), JournalError> {
        self.last_batch = self.last_batch.max(batch);
        let loaded = window::load(&*self.disk, batch).unwrap_or_else(|error| {
            let reason = format!("unreadable: {error}");
            Err(Damage { file: window::path(batch), offset: 0, reason })
        });
        match loaded {
            Ok(identities) => {
                self.retired.insert(batch, identities.len());
                identities.into_iter().for_each(|identity| self.window.insert(identity));
            }
            Err(damage) => self.forgotten.push(damage),
        }
        Ok(())
    }

    fn recover_segment(&mut self, batch: BatchId, now: Timestamp) -> Result<(), JournalError> {
        let mut contents = match Contents::read(&*self.disk, &segment::path(batch)) {
            Ok(contents) => contents,
            // One segment that cannot be read must not keep the others from being delivered.
            Err(error) => {
                self.damaged.push(damage(&segment::path(batch), error));
                return Ok(());
            }
        };
        if contents.is_empty() {
            self.disk.remove(&segment::path(batch))?;
            self.disk.sync_directory(crate::DIRECTORY)?;
            return Ok(());
        }
        contents.secure(&*self.disk, now)?;
        let identities = contents.payloads().filter_map(frame::read_identity);
        identities.for_each(|identity| self.window.insert(identity));
        let events = contents.len() as u64;
        let trails = contents.header.trails;
        self.recorded.count(&trails, events);
        self.sealed.insert(batch, SealedSegment { batch, trails, events });
        Ok(())
    }
}

/// The events that are durable in an open segment, and their trails.
fn durable_in(open: &OpenSegment) -> (Arc<TrailSet>, u64) {
    (Arc::clone(&open.header().trails), open.events())
}

fn damage(file: &str, error: SegmentError) -> Damage {
    match error {
        SegmentError::Damage(damage) => damage,
        SegmentError::Disk(error) => {
            Damage { file: file.into(), offset: 0, reason: format!("unreadable: {error}") }
        }
    }
}

fn full(error: &io::Error) -> JournalError {
    JournalError::Full { reason: format!("no new segment: {error}") }
}

/// The journal's id, drawn once.
fn identity(disk: &dyn Disk, random: &mut dyn FnMut() -> u64) -> Result<u64, JournalError> {
    match disk::read(disk, IDENTITY_FILE) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            // A cut number would be another journal's, and give the same files other names.
            let is_number =
                |text: &&str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let digits = Some(text.trim_ascii()).filter(is_number);
            let id = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            id.ok_or_else(|| {
                let message = format!(
                    "{IDENTITY_FILE} does not hold 16 hex digits; restore it from a backup, or remove it: another is drawn, and what is recorded keeps the names it has"
                );
                io::Error::new(io::ErrorKind::InvalidData, message).into()
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = random();
            disk::replace(disk, IDENTITY_FILE, format!("{id:016x}\n").as_bytes())?;
            Ok(id)
        }
        Err(error) => Err(error.into()),
    }
}
