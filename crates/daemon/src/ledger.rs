//! The conservation law, kept as numbers: `recorded = unselected + delivered + waiting`, per trail.
//!
//! `recorded` is counted by the journal at each commit, `unselected` and `delivered` by the pipeline
//! as it settles batches, and `waiting` is read off what there is: the open segment, sealed batches
//! as far as they are not settled, parked files. So the law can fail, and is worth checking.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{BatchId, TrailArn};
use producer::JournalState;

/// Where the events are that were recorded while a trail was in force, since the start. Events that
/// the start found on disk are among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Durable in the journal.
    pub recorded: u64,
    /// Not taken by the trail's rules.
    pub unselected: u64,
    /// In the trail's bucket.
    pub delivered: u64,
    /// On their way: open, sealed or parked.
    pub waiting: u64,
}

impl Balance {
    /// Whether nothing is lost and nothing doubled.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.recorded == self.unselected + self.delivered + self.waiting
    }
}

/// Counts per trail.
#[derive(Debug, Default)]
pub struct Ledger {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Events in files that the start found parked.
    found_parked: BTreeMap<TrailArn, u64>,
    unselected: BTreeMap<TrailArn, u64>,
    delivered: BTreeMap<TrailArn, u64>,
    /// Events of batches that are not retired yet but need not be waited for: unselected,
    /// delivered, or parked (and so counted there).
    settled: BTreeMap<BatchId, BTreeMap<TrailArn, u64>>,
    files: BTreeMap<TrailArn, u64>,
}

impl Ledger {
    /// A ledger of a start that found these events parked.
    #[must_use]
    pub fn new(found_parked: BTreeMap<TrailArn, u64>) -> Ledger {
        Ledger { counts: Mutex::new(Counts { found_parked, ..Counts::default() }) }
    }

    /// The rules of these trails did not take so many events of a batch.
    pub fn unselected(&self, batch: BatchId, unselected: &BTreeMap<TrailArn, u64>) {
        let mut counts = self.counts();
        for (trail, events) in unselected {
            *counts.unselected.entry(trail.clone()).or_default() += events;
            counts.settle(batch, trail, *events);
        }
    }

    /// A file of a batch is in its bucket.
    pub fn delivered(&self, batch: BatchId, trail: &TrailArn, events: u64) {
        let mut counts = self.counts();
        counts.settle(batch, trail, events);
        counts.arrived(trail, events);
    }

    /// A file of a batch is parked.
    pub fn parked(&self, batch: BatchId, trail: &TrailArn, events: u64) {
        self.counts().settle(batch, trail, events);
    }

    /// A parked file is in its bucket.
    pub fn delivered_from_park(&self, trail: &TrailArn, events: u64) {
        self.counts().arrived(trail, events);
    }

    /// A batch is retired.
    pub fn retired(&self, batch: BatchId) {
        self.counts().settled.remove(&batch);
    }

    /// How many files of each trail arrived since the start.
    #[must_use]
    pub fn files(&self) -> BTreeMap<TrailArn, u64> {
        self.counts().files.clone()
    }

    /// The balance of each trail, given the journal's state and the events in parked files.
    #[must_use]
    pub fn balances(
        &self,
        journal: &JournalState,
        parked: &BTreeMap<TrailArn, u64>,
    ) -> BTreeMap<TrailArn, Balance> {
        let counts = self.counts();
        let mut balances: BTreeMap<TrailArn, Balance> = BTreeMap::new();
        for (trails, events) in journal.recorded.values() {
            for trail in &trails.trails {
                balances.entry(trail.arn.clone()).or_default().recorded += events;
            }
        }
        if let Some((trails, events)) = &journal.open {
            for trail in &trails.trails {
                balances.entry(trail.arn.clone()).or_default().waiting += events;
            }
        }
        for sealed in &journal.sealed {
            let settled = counts.settled.get(&sealed.batch);
            for trail in &sealed.trails.trails {
                let settled = settled.and_then(|settled| settled.get(&trail.arn)).copied();
                let waiting = sealed.events.saturating_sub(settled.unwrap_or(0));
                balances.entry(trail.arn.clone()).or_default().waiting += waiting;
            }
        }
        add(&mut balances, &counts.found_parked, |balance| &mut balance.recorded);
        add(&mut balances, parked, |balance| &mut balance.waiting);
        add(&mut balances, &counts.unselected, |balance| &mut balance.unselected);
        add(&mut balances, &counts.delivered, |balance| &mut balance.delivered);
        balances
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn settle(&mut self, batch: BatchId, trail: &TrailArn, events: u64) {
        *self.settled.entry(batch).or_default().entry(trail.clone()).or_default() += events;
    }

    fn arrived(&mut self, trail: &TrailArn, events: u64) {
        *self.delivered.entry(trail.clone()).or_default() += events;
        *self.files.entry(trail.clone()).or_default() += 1;
    }
}

fn add(
    balances: &mut BTreeMap<TrailArn, Balance>,
    counts: &BTreeMap<TrailArn, u64>,
    member: impl Fn(&mut Balance) -> &mut u64,
) {
    for (trail, events) in counts {
        *member(balances.entry(trail.clone()).or_default()) += events;
    }
}
