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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use producer::SealedSegment;
    use proptest::prelude::*;
    use trails::{Trail, TrailSet};

    use super::*;

    fn trail(name: &str) -> Trail {
        Trail {
            arn: format!("arn:aws:cloudtrail:eu-west-1:111111111111:trail/{name}").parse().unwrap(),
            bucket: "bucket".parse().unwrap(),
            prefix: None,
            topic: None,
            kms_key: None,
            is_multi_region: true,
            include_global_service_events: true,
            is_organization: false,
            is_logging: true,
            selectors: Vec::new(),
        }
    }

    fn set(version: u64, names: &[&str]) -> Arc<TrailSet> {
        let trails = names.iter().map(|name| trail(name)).collect();
        Arc::new(TrailSet { version, organization: None, trails })
    }

    fn sealed(batch: u64, trails: &Arc<TrailSet>, events: u64) -> SealedSegment {
        SealedSegment { batch: BatchId(batch), trails: Arc::clone(trails), events }
    }

    /// The balance of trail `one`, whose law must hold.
    fn check(ledger: &Ledger, journal: &JournalState, parked: u64) -> [u64; 4] {
        let parked = BTreeMap::from([(trail("one").arn, parked)]);
        let balances = ledger.balances(journal, &parked);
        assert!(balances.values().all(Balance::holds), "{balances:?}");
        let one = balances[&trail("one").arn];
        [one.recorded, one.unselected, one.delivered, one.waiting]
    }

    #[test]
    fn an_event_is_counted_once_from_its_recording_to_its_arrival() {
        let (ledger, trails, one) = (Ledger::default(), set(1, &["one"]), trail("one").arn);
        let mut journal = JournalState::default();
        journal.recorded.insert(1, (Arc::clone(&trails), 10));
        journal.open = Some((Arc::clone(&trails), 10));
        assert_eq!(check(&ledger, &journal, 0), [10, 0, 0, 10], "in the open segment");
        journal.open = None;
        journal.sealed.push(sealed(7, &trails, 10));
        assert_eq!(check(&ledger, &journal, 0), [10, 0, 0, 10], "sealed");
        ledger.unselected(BatchId(7), &BTreeMap::from([(one.clone(), 3)]));
        assert_eq!(check(&ledger, &journal, 0), [10, 3, 0, 7], "routed");
        ledger.delivered(BatchId(7), &one, 5);
        assert_eq!(check(&ledger, &journal, 0), [10, 3, 5, 2], "one file arrived");
        ledger.parked(BatchId(7), &one, 2);
        assert_eq!(check(&ledger, &journal, 2), [10, 3, 5, 2], "the other is parked");
        journal.sealed.clear();
        ledger.retired(BatchId(7));
        assert_eq!(check(&ledger, &journal, 2), [10, 3, 5, 2], "retired");
        ledger.delivered_from_park(&one, 2);
        assert_eq!(check(&ledger, &journal, 0), [10, 3, 7, 0], "all arrived");
        assert_eq!(ledger.files()[&one], 2);
    }

    #[test]
    fn what_a_start_finds_parked_is_recorded_before_and_waits() {
        let one = trail("one").arn;
        let ledger = Ledger::new(BTreeMap::from([(one.clone(), 4)]));
        let journal = JournalState::default();
        assert_eq!(check(&ledger, &journal, 4), [4, 0, 0, 4]);
        ledger.delivered_from_park(&one, 4);
        assert_eq!(check(&ledger, &journal, 0), [4, 0, 4, 0]);
    }

    #[test]
    fn a_trail_answers_only_for_events_of_its_time() {
        let ledger = Ledger::default();
        let (before, after) = (set(1, &["two"]), set(2, &["one", "two"]));
        let mut journal = JournalState::default();
        journal.recorded.insert(1, (Arc::clone(&before), 5));
        journal.recorded.insert(2, (Arc::clone(&after), 6));
        journal.sealed.push(sealed(1, &before, 5));
        journal.open = Some((after, 6));
        assert_eq!(check(&ledger, &journal, 0), [6, 0, 0, 6]);
    }

    #[test]
    fn what_is_lost_or_doubled_breaks_the_law() {
        let (trails, one) = (set(1, &["one"]), trail("one").arn);
        let mut journal = JournalState::default();
        journal.recorded.insert(1, (Arc::clone(&trails), 10));
        let holds = |ledger: &Ledger, journal: &JournalState| {
            ledger.balances(journal, &BTreeMap::new())[&one].holds()
        };
        assert!(!holds(&Ledger::default(), &journal), "lost");
        journal.sealed.push(sealed(7, &trails, 10));
        assert!(holds(&Ledger::default(), &journal));
        let doubled = Ledger::default();
        doubled.delivered(BatchId(7), &one, 10);
        doubled.delivered(BatchId(7), &one, 10);
        assert!(!holds(&doubled, &journal), "doubled");
        let dropped = Ledger::default();
        dropped.parked(BatchId(7), &one, 10);
        assert!(!holds(&dropped, &journal), "said to be parked and is not");
    }

    proptest! {
        /// Batches of files that are delivered or parked, in any order, with any looks between.
        #[test]
        fn the_law_holds_at_every_moment(
            batches in proptest::collection::vec(
                (0..20_u64, proptest::collection::vec((1..20_u64, any::<bool>()), 0..4)), 1..6),
        ) {
            let (ledger, trails, one) = (Ledger::default(), set(1, &["one", "two"]), trail("one").arn);
            let two = trail("two").arn;
            let mut journal = JournalState::default();
            let mut parked = 0;
            let mut recorded = 0;
            for (number, (unselected, files)) in (0..).zip(&batches) {
                let events = unselected + files.iter().map(|(events, _)| events).sum::<u64>();
                recorded += events;
                journal.recorded.insert(1, (Arc::clone(&trails), recorded));
                journal.sealed.push(sealed(number, &trails, events));
                check(&ledger, &journal, parked);
            }
            for (number, (unselected, files)) in (0..).zip(batches) {
                let rest = files.iter().map(|(events, _)| events).sum::<u64>();
                // The other trail takes nothing at all.
                let by_trail = [(one.clone(), unselected), (two.clone(), unselected + rest)];
                ledger.unselected(BatchId(number), &BTreeMap::from(by_trail));
                for (events, is_parked) in files {
                    match is_parked {
                        true => {
                            parked += events;
                            ledger.parked(BatchId(number), &one, events);
                        }
                        false => ledger.delivered(BatchId(number), &one, events),
                    }
                    check(&ledger, &journal, parked);
                }
                journal.sealed.retain(|sealed| sealed.batch.0 != number);
                ledger.retired(BatchId(number));
                check(&ledger, &journal, parked);
            }
            ledger.delivered_from_park(&one, parked);
            prop_assert_eq!(check(&ledger, &journal, 0)[3], 0, "nothing waits");
        }
    }
}
