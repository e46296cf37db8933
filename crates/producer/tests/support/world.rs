//! A journal on a simulated disk, and beside it what the journal has promised so far.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_producer::segment::Contents;
use cairn_producer::{Batch, Journal, JournalError, JournalSettings, Outcome, frame};
use cairn_producer::{segment, window};
use disk::SimulatedDisk;
use model::{BatchId, Identity, Timestamp};
use trails::TrailSet;

use super::{at, dice, event, open_at, trails};

/// How the process ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// By kill -9.
    Killed,
    /// The power fails; the seed says what of the unsynced bytes survives.
    PowerLost(u64),
}

/// What a batch held when it was first read. It must hold that for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    sealed_at: Option<Timestamp>,
    trails: u64,
    events: Vec<u64>,
}

/// The journal and the tiny model of it.
pub struct World {
    pub disk: SimulatedDisk,
    pub settings: JournalSettings,
    pub clock: i64,
    /// How often the process has ended and started again.
    pub restarts: u32,
    journal: Option<Journal>,
    trails: Arc<TrailSet>,
    /// What the process does not live to see is decided beforehand.
    stopping: Option<End>,
    numbers: BTreeMap<Identity, u64>,
    staged: Vec<u64>,
    /// Every event that was taken: as the how manieth, and under which trails.
    taken: BTreeMap<u64, (u64, u64)>,
    takes: u64,
    promised: BTreeSet<u64>,
    seen: BTreeMap<BatchId, Seen>,
    retiring: BTreeSet<BatchId>,
}

impl World {
    pub fn new(settings: JournalSettings) -> World {
        let disk = SimulatedDisk::new();
        let journal = Some(open_at(&disk, settings, at(0)).unwrap());
        World {
            disk,
            settings,
            clock: 0,
            restarts: 0,
            journal,
            trails: trails(1),
            stopping: None,
            numbers: BTreeMap::new(),
            staged: Vec::new(),
            taken: BTreeMap::new(),
            takes: 0,
            promised: BTreeSet::new(),
            seen: BTreeMap::new(),
            retiring: BTreeSet::new(),
        }
    }

    /// Events taken so far.
    pub fn events(&self) -> u64 {
        self.numbers.len() as u64
    }

    /// Whether an event was said to be durable.
    pub fn is_promised(&self, number: u64) -> bool {
        self.promised.contains(&number)
    }

    pub fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    /// Records a new event, or sends one again; durable only after the next commit.
    pub fn stage(&mut self, number: u64) {
        let event = event(number);
        self.numbers.insert(event.identity, number);
        let was_promised = self.promised.contains(&number);
        let version = self.trails.version;
        let result = self.with(|journal, now| journal.stage(&event, now));
        match result {
            Ok(Outcome::Recorded) => {
                assert!(!was_promised, "event {number} was promised and is not known");
                self.takes += 1;
                self.taken.insert(number, (self.takes, version));
                self.staged.push(number);
            }
            Ok(Outcome::Again) => self.staged.push(number),
            Err(_) => {}
        }
    }

    pub fn commit(&mut self) {
        if self.with(|journal, _| journal.commit()).is_ok() {
            self.promised.extend(self.staged.drain(..));
        }
    }

    pub fn rest(&mut self) {
        let _ = self.with(|journal, _| journal.rest());
    }

    pub fn seal(&mut self) {
        if self.with(Journal::seal).is_ok() {
            self.promised.extend(self.staged.drain(..));
        }
    }

    pub fn set_trails(&mut self) {
        let next = trails(self.trails.version + 1);
        if self.with(|journal, now| journal.set_trails(Arc::clone(&next), now)).is_ok() {
            self.promised.extend(self.staged.drain(..));
            self.trails = next;
        }
    }

    /// Lets the sealed segment at this place go, as the pipeline does. When the disk refuses, it
    /// is asked once more after it has healed: a batch never gets stuck.
    pub fn retire(&mut self, place: usize) {
        let sealed = self.journal().state().sealed;
        let Some(batch) = sealed.get(place % sealed.len().max(1)).map(|sealed| sealed.batch) else {
            return;
        };
        if self.try_retire(batch) || self.stopping.is_some() {
            return;
        }
        self.disk.heal();
        if self.journal().state().halted.is_some() {
            self.restart(End::Killed);
        }
        let still_there = self.journal().state().sealed.iter().any(|sealed| sealed.batch == batch);
        assert!(!still_there || self.try_retire(batch), "batch {batch} is stuck");
    }

    fn try_retire(&mut self, batch: BatchId) -> bool {
        let Ok(contents) = Batch::read(&self.disk, batch) else {
            self.end_if_stopped();
            return false;
        };
        self.see(batch);
        let stored = window::store(&self.disk, batch, &contents.identities());
        self.retiring.insert(batch);
        let retired = stored.is_ok() && self.with(|journal, _| journal.retire(batch)).is_ok();
        self.end_if_stopped();
        retired
    }

    /// The process ends so in the middle of an operation to come.
    pub fn stop_after(&mut self, operations: u64, end: End) {
        self.disk.stop_after(operations);
        self.stopping = Some(end);
    }

    /// The process ends and starts again; then everything that was promised must be there.
    pub fn restart(&mut self, end: End) {
        self.end(end);
        self.restarts += 1;
        self.open();
        self.check();
    }

    /// A restart whose recovery is itself cut off after some operations.
    pub fn restart_twice(&mut self, first: End, operations: u64, second: End) {
        self.end(first);
        self.disk.stop_after(operations);
        if open_at(&self.disk, self.settings, at(self.clock)).is_ok() {
            // Also what recovery made of it has to last.
            self.see_all_readable();
        }
        self.restart(second);
    }

    fn end(&mut self, end: End) {
        self.journal = None;
        self.staged.clear();
        self.stopping = None;
        self.disk.heal();
        match end {
            End::Killed => self.disk.crash_process(),
            End::PowerLost(seed) => self.disk.lose_power(&mut dice(seed)),
        }
    }

    fn open(&mut self) {
        // A seal made now is told from one made before.
        self.clock += 1_000;
        let mut journal = open_at(&self.disk, self.settings, at(self.clock)).unwrap();
        journal.set_trails(Arc::clone(&self.trails), at(self.clock)).unwrap();
        self.journal = Some(journal);
    }

    /// Calls the journal; checks what holds after every call, and ends the process if it is time.
    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Journal, Timestamp) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let now = at(self.clock);
        let journal = self.journal.as_mut().unwrap();
        let was_halted = journal.state().halted.is_some();
        let result = act(journal, now);
        let state = journal.state();
        match &result {
            Ok(_) => assert!(state.halted.is_none() || was_halted, "halted and said Ok"),
            Err(JournalError::Halted(_)) => assert!(state.halted.is_some()),
            Err(JournalError::Full { .. }) => assert!(state.halted.is_none(), "full is not halted"),
            Err(JournalError::Disk(_)) => {}
            Err(error) => panic!("no journal of these tests says so: {error}"),
        }
        if result.is_err() {
            self.end_if_stopped();
        }
        result
    }

    fn end_if_stopped(&mut self) {
        // The disk answers nothing any more once it has stopped.
        if self.stopping.is_some() && disk::read(&self.disk, "journal/identity").is_err() {
            let end = self.stopping.take().unwrap();
            self.restart(end);
        }
    }

    /// Everything that must hold after a start.
    pub fn check(&mut self) {
        let state = self.journal().state();
        assert_eq!(state.damaged, [], "nothing was damaged");
        let present: BTreeSet<BatchId> = state.sealed.iter().map(|sealed| sealed.batch).collect();
        for batch in &present {
            self.see(*batch);
        }
        for batch in self.seen.keys() {
            let is_safe = present.contains(batch) || self.retiring.contains(batch);
            assert!(is_safe, "batch {batch} is gone");
        }
        let found: Vec<u64> = self.seen.values().flat_map(|seen| seen.events.clone()).collect();
        let order: Vec<u64> = found.iter().map(|number| self.taken[number].0).collect();
        assert!(order.windows(2).all(|pair| pair[0] < pair[1]), "order, or doubled: {found:?}");
        for number in &self.promised {
            assert!(found.contains(number), "event {number} was promised and is lost");
        }
        for seen in self.seen.values() {
            for number in &seen.events {
                assert_eq!(self.taken[number].1, seen.trails, "event {number} changed trails");
            }
        }
        let recorded = state.recorded.events();
        let sealed: u64 = state.sealed.iter().map(|sealed| sealed.events).sum();
        assert_eq!(recorded, sealed, "a start counts what it finds");
        assert!(state.files <= state.files_max, "{} of {}", state.files, state.files_max);
    }

    /// What a stage behind would read of a batch now.
    fn see(&mut self, batch: BatchId) {
        let contents = Contents::read(&self.disk, &segment::path(batch)).unwrap();
        let number = |payload| self.numbers[&frame::read_event(payload).unwrap().identity];
        let seen = Seen {
            sealed_at: contents.sealed_at,
            trails: contents.header.trails.version,
            events: contents.payloads().map(number).collect(),
        };
        assert!(seen.sealed_at.is_some(), "batch {batch} has no seal");
        let before = self.seen.entry(batch).or_insert_with(|| seen.clone());
        assert_eq!(*before, seen, "batch {batch} is not what it was");
    }

    fn see_all_readable(&mut self) {
        for name in super::files(&self.disk, ".segment") {
            let batch =
                BatchId(u64::from_str_radix(name.trim_end_matches(".segment"), 16).unwrap());
            if Batch::read(&self.disk, batch).is_ok() {
                self.see(batch);
            }
        }
    }
}
