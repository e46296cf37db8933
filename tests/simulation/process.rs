//! One life of the daemon: everything that a kill takes away. Wired as `Daemon::start` does, with
//! the daemon's own stages under way.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use daemon::ledger::{Balance, Ledger};
use daemon::parts::Parts;
use daemon::pipeline::{Destinations, Pipeline};
use delivery::digests::OnTheirWay;
use delivery::{Delivery, Digests};
use disk::Disk;
use history::{History, Limits};
use keyring::{KeyRing, KeyRingError, KeySettings, SigningKey};
use model::{BatchId, Timestamp, TrailArn};
use notifier::Notifier;
use notifier::logs::LogSender;
use notifier::logs::memory::MemoryLogs;
use outbox::{Outbox, RetrySettings};
use producer::{Committed, Desk, Intake, Journal, JournalSettings, JournalState, Writer};
use tokio::sync::watch;
use trails::{Definitions, Registry};

use crate::calls::Caller;
use crate::drive::Task;
use crate::mistakes::Mistake;
use crate::outside::Outside;

/// A few events fill a segment; a few segments fill the quota.
pub const SEGMENT_BYTES: u64 = 6144;
const QUOTA_SEGMENTS: u64 = 10;
const INTERVAL: Duration = Duration::from_secs(60);
/// Small, so that lanes are full at times.
const SPILL_BYTES_MAX: u64 = 8 << 10;
const NOTICES_BYTES_MAX: u64 = 1 << 10;

pub struct Process {
    pub intake: Intake,
    pub desk: Desk,
    pub journal: watch::Receiver<JournalState>,
    pub registry: Registry,
    pub definitions: watch::Sender<Arc<Definitions>>,
    pub delivery: Arc<Delivery<Outside>>,
    pub notifier: Arc<Notifier<Outside>>,
    pub digests: Arc<Digests<Outside>>,
    pub keys: Arc<KeyRing>,
    pub history: Arc<History>,
    pub pipeline: Arc<Pipeline<Outside, Outside>>,
    pub ledger: Arc<Ledger>,
    /// The pipeline, the retries, the digests, the history, its tending, the notices: `None` when it has
    /// ended.
    pub stages: [Option<Task<()>>; 6],
    /// Batches that were there when it started.
    pub found: Vec<BatchId>,
    pub stopping: watch::Sender<bool>,
    /// Calls that wait for their answer, in the order they were made.
    pub callers: Vec<Caller>,
}

impl Process {
    pub fn start(
        parts: &Parts,
        outside: &Outside,
        window_events: usize,
        digests_interval: Duration,
        mistake: Mistake,
    ) -> Result<Process, Box<dyn Error>> {
        let disk = || Arc::clone(&parts.disk);
        let registry = Registry::open(disk())?;
        let entropy = Arc::clone(&parts.entropy);
        let random = Box::new(move || entropy());
        let quota_bytes = QUOTA_SEGMENTS * SEGMENT_BYTES;
        let settings = JournalSettings { segment_bytes: SEGMENT_BYTES, quota_bytes, window_events };
        let wall = parts.now().wall;
        let journal = Journal::open(disk(), settings, registry.snapshot(), wall, random)?;
        let unretired = journal.state().unretired();
        let history = Arc::new(History::open(disk(), kept(), &unretired)?);
        let listening = Arc::clone(&history);
        let mut last = BatchId(0);
        let journal = journal.with_listener(Box::new(move |Committed { batch, first, events }| {
            if mistake == Mistake::DropRowsWhenSealed && last != batch {
                listening.retired(last);
            }
            last = batch;
            listening.committed(batch, first, &events);
        }));
        let (intake, desk, journal) = Intake::open(Writer::new(journal, INTERVAL));
        let retry = RetrySettings::default();
        let delivery = Delivery::open(outside.clone(), disk(), SPILL_BYTES_MAX, 2, retry)?;
        let delivery = Arc::new(delivery);
        let notices = Outbox::open(disk(), "notices", NOTICES_BYTES_MAX, retry)?;
        let notifier = Arc::new(Notifier::new(outside.clone(), notices));
        let logs = Outbox::open(disk(), "logs", NOTICES_BYTES_MAX, retry)?;
        let logs = Arc::new(LogSender::new(Arc::new(MemoryLogs::default()), logs));
        let parked = delivery.parked_files()?;
        let batches = journal.borrow().unretired();
        let found = OnTheirWay { batches: &batches, parked: &parked };
        let keys = Arc::new(open_keys(disk())?);
        let digests = Digests::open(
            outside.clone(),
            disk(),
            Arc::clone(&keys),
            digests_interval,
            retry,
            &found,
            wall,
        )?;
        let digests = Arc::new(digests);
        let ledger = Arc::new(Ledger::new(&parked, &journal.borrow()));
        let definitions = watch::Sender::new(Arc::new(registry.definitions().clone()));
        let pipeline = Arc::new(Pipeline::new(
            parts.clone(),
            intake.clone(),
            Destinations {
                delivery: Arc::clone(&delivery),
                notifier: Arc::clone(&notifier),
                logs,
                digests: Arc::clone(&digests),
                history: Arc::clone(&history),
            },
            Arc::clone(&ledger),
            definitions.subscribe(),
            1,
        ));
        let stopping = watch::Sender::new(false);
        let stages = stages(&pipeline, &journal, &stopping);
        Ok(Process {
            intake,
            desk,
            journal,
            registry,
            definitions,
            delivery,
            notifier,
            digests,
            keys,
            history,
            pipeline,
            ledger,
            stages,
            found: unretired,
            stopping,
            callers: Vec::new(),
        })
    }

    /// These definitions are in force: digests are told, as the registrar does. Whether that is stored.
    pub fn define(&self, definitions: &Definitions, now: Timestamp) -> bool {
        let boundary = self.sealed().into_iter().max().unwrap_or(BatchId(0));
        self.digests.define(definitions, now, boundary).is_ok()
    }

    /// The sealed batches that wait.
    pub fn sealed(&self) -> Vec<BatchId> {
        self.journal.borrow().sealed.iter().map(|sealed| sealed.batch).collect()
    }

    /// Whether its journal is halted.
    pub fn is_halted(&self) -> bool {
        self.journal.borrow().halted.is_some()
    }

    /// The batches whose segments the pipeline found damaged.
    pub fn damaged(&self) -> Vec<BatchId> {
        self.pipeline.state().lock().unwrap().damaged.keys().copied().collect()
    }

    /// The trails whose events do not add up.
    pub fn unbalanced(&self) -> Vec<(TrailArn, Balance)> {
        let (_, balances) = self.ledger.look(|| self.journal.borrow().clone());
        balances.into_iter().filter(|(_, balance)| !balance.holds()).collect()
    }

    /// Whether anything is still on its way, but what is damaged.
    pub fn is_waiting(&self) -> bool {
        let journal = self.journal.borrow();
        let damaged = self.damaged();
        journal.open.as_ref().is_some_and(|(_, events)| *events > 0)
            || journal.sealed.iter().any(|sealed| !damaged.contains(&sealed.batch))
            || self.delivery.lanes().iter().any(|lane| lane.items > 0)
            || self.notifier.report().lanes.iter().any(|lane| lane.items > 0)
            || !self.digests.report().refused.is_empty()
    }

    /// What is still on its way, in a line.
    pub fn waiting(&self) -> String {
        let journal = self.journal.borrow();
        let (open, halted) = (journal.open.as_ref().map(|(_, events)| events), &journal.halted);
        let (sealed, parked) = (self.sealed(), self.delivery.lanes());
        let notices = self.notifier.report().lanes;
        let stuck = self.pipeline.state().lock().unwrap().clone();
        let digests = self.digests.report();
        format!("{open:?} {halted:?} {sealed:?} {parked:?} {notices:?} {stuck:?} {digests:?}")
    }
}

fn stages(
    pipeline: &Arc<Pipeline<Outside, Outside>>,
    journal: &watch::Receiver<JournalState>,
    stopping: &watch::Sender<bool>,
) -> [Option<Task<()>>; 6] {
    let pipeline = || (Arc::clone(pipeline), stopping.subscribe());
    let journal = || journal.clone();
    let (settling, retrying, signing) = (pipeline(), pipeline(), pipeline());
    let (keeping, tending, announcing) = (pipeline(), pipeline(), pipeline());
    let (to_settle, to_sign, to_keep) = (journal(), journal(), journal());
    [
        Some(Task::new(async move { settling.0.run(to_settle, settling.1).await })),
        Some(Task::new(async move { retrying.0.run_retries(retrying.1).await })),
        Some(Task::new(async move { signing.0.run_digests(to_sign, signing.1).await })),
        Some(Task::new(async move { keeping.0.run_history(to_keep, keeping.1).await })),
        Some(Task::new(async move { tending.0.run_tending(tending.1).await })),
        Some(Task::new(async move { announcing.0.run_notices(announcing.1).await })),
    ]
}

/// What the history keeps. A few batches make merges of merges, and weeks make rows expire.
fn kept() -> history::Settings {
    let limits = Limits { fan_in_min: 3, fan_in_max: 4, rows_max: 32, day_rows_min: 6 };
    let retention = Duration::from_secs(20 * 24 * 3600);
    history::Settings { limits, retention, ..history::Settings::default() }
}

/// The keys that sign digests: drawn once, since to draw one takes as long as four runs.
pub const KEYS: [&[u8]; 4] = [
    include_bytes!("keys/1.pk8"),
    include_bytes!("keys/2.pk8"),
    include_bytes!("keys/3.pk8"),
    include_bytes!("keys/4.pk8"),
];

/// Opens the keys. Those of [`KEYS`] take turns.
fn open_keys(disk: Arc<dyn Disk>) -> Result<KeyRing, KeyRingError> {
    let next = AtomicUsize::new(0);
    let generate = move || {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        SigningKey::from_pkcs8(KEYS[turn % KEYS.len()])
    };
    KeyRing::open(disk, Arc::new(generate), KeySettings::default())
}

/// The parts of one life, whose disk dies with it.
pub fn parts(
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Fn() -> producer::Now + Send + Sync>,
    dice: &crate::dice::Dice,
) -> Parts {
    let dice = dice.clone();
    Parts { disk, clock, entropy: Arc::new(move || dice.next()) }
}
