//! One life of the daemon: everything that a kill takes away.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use daemon::ledger::{Balance, Ledger};
use daemon::parts::Parts;
use daemon::pipeline::Pipeline;
use delivery::Delivery;
use disk::{Disk, SimulatedDisk};
use model::{BatchId, TrailArn};
use notifier::Notifier;
use outbox::{Outbox, RetrySettings};
use producer::{Desk, Intake, Journal, JournalSettings, JournalState, Now, Writer};
use tokio::sync::watch;
use trails::Registry;

use crate::outside::Outside;

/// A few events fill a segment; a few segments fill the quota.
const JOURNAL: JournalSettings =
    JournalSettings { segment_bytes: 6144, quota_bytes: 10 * 6144, window_events: 100_000 };
const INTERVAL: Duration = Duration::from_secs(60);
/// Small, so that lanes are full at times.
const SPILL_BYTES_MAX: u64 = 8 << 10;
const NOTICES_BYTES_MAX: u64 = 1 << 10;

pub struct Process {
    pub intake: Intake,
    pub desk: Desk,
    pub journal: watch::Receiver<JournalState>,
    pub registry: Registry,
    pub delivery: Arc<Delivery<Outside>>,
    pub notifier: Arc<Notifier<Outside>>,
    pub pipeline: Pipeline<Outside, Outside>,
    ledger: Arc<Ledger>,
}

impl Process {
    /// Starts as `Daemon::start` does.
    pub fn start(parts: &Parts, outside: &Outside) -> Result<Process, Box<dyn Error>> {
        let disk = || Arc::clone(&parts.disk);
        let registry = Registry::open(disk())?;
        let entropy = Arc::clone(&parts.entropy);
        let random = Box::new(move || entropy());
        let trails = registry.snapshot();
        let journal = Journal::open(disk(), JOURNAL, trails, parts.now().wall, random)?;
        let (intake, desk, state) = Intake::open(Writer::new(journal, INTERVAL));
        let retry = RetrySettings::default();
        let delivery =
            Arc::new(Delivery::open(outside.clone(), disk(), SPILL_BYTES_MAX, 2, retry)?);
        let notices = Outbox::open(disk(), "notices", NOTICES_BYTES_MAX, retry)?;
        let notifier = Arc::new(Notifier::new(outside.clone(), notices));
        let ledger = Arc::new(Ledger::new(&delivery.parked_files()?, &state.borrow()));
        let pipeline = Pipeline::new(
            parts.clone(),
            intake.clone(),
            Arc::clone(&delivery),
            Arc::clone(&notifier),
            Arc::clone(&ledger),
            watch::channel(Arc::default()).1,
            1,
        );
        let pipeline = pipeline.one_at_a_time();
        Ok(Process { intake, desk, journal: state, registry, delivery, notifier, pipeline, ledger })
    }

    /// The sealed batches that wait.
    pub fn sealed(&self) -> Vec<BatchId> {
        self.journal.borrow().sealed.iter().map(|sealed| sealed.batch).collect()
    }

    /// Why the journal is halted, if it is.
    pub fn is_halted(&self) -> bool {
        self.journal.borrow().halted.is_some()
    }

    /// The trails whose events do not add up.
    pub fn unbalanced(&self) -> Vec<(TrailArn, Balance)> {
        let (_, balances) = self.ledger.look(|| self.journal.borrow().clone());
        balances.into_iter().filter(|(_, balance)| !balance.holds()).collect()
    }

    /// What is still on its way, in a line.
    pub fn waiting(&self) -> String {
        let journal = self.journal.borrow();
        let (open, halted) = (journal.open.as_ref().map(|(_, events)| events), &journal.halted);
        let (sealed, parked) = (self.sealed(), self.delivery.lanes());
        let notices = self.notifier.report().lanes;
        let stuck = self.pipeline.state().lock().unwrap().clone();
        format!("{open:?} {halted:?} {sealed:?} {parked:?} {notices:?} {stuck:?}")
    }

    /// Whether anything is still on its way.
    pub fn is_waiting(&self) -> bool {
        let journal = self.journal.borrow();
        journal.open.as_ref().is_some_and(|(_, events)| *events > 0)
            || !journal.sealed.is_empty()
            || self.delivery.lanes().iter().any(|lane| lane.items > 0)
            || self.notifier.report().lanes.iter().any(|lane| lane.items > 0)
    }
}

/// The parts of one life: its disk dies with it.
pub fn parts(
    disk: &SimulatedDisk,
    clock: Arc<dyn Fn() -> Now + Send + Sync>,
    dice: &crate::dice::Dice,
) -> Parts {
    let dice = dice.clone();
    let disk = Arc::new(disk.process()) as Arc<dyn Disk>;
    Parts { disk, clock, entropy: Arc::new(move || dice.next()) }
}
