//! The conservation law, kept as numbers: `recorded = unselected + delivered + waiting`, per trail.
//!
//! `recorded` is counted by the journal at each commit. The pipeline says what becomes of each batch
//! and of each of its files, by the file's first key, so that one that is met again counts once.
//! `waiting` is what is left of the open segment and of the sealed batches, and the parked files. So
//! the law can fail, and is worth checking.
//!
//! It holds in every [`Ledger::look`], also while files change hands: counts that belong together
//! change together, under one lock, and the journal is looked at under the same one.
//!
//! Counts begin anew with each start: `recorded` is then what recovery found, each event once. A
//! parked file whose batch the journal still holds is counted with its batch, and settled.
//!
//! Of a trail that is removed, the journal hands over what it recorded when its last segment is
//! retired (see [`producer::recorded`]). It leaves the books as a whole when its last file has
//! arrived and they balance: what is lost stays to be seen.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::log_file::LogFileHeader;
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
    /// On their way: open, sealed or parked. Those of parked files that were given up are among
    /// them until the next start.
    pub waiting: u64,
}

impl Balance {
    /// Whether nothing is lost and nothing doubled.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.recorded == self.unselected + self.delivered + self.waiting
    }
}

/// Counts per trail, and which files of unretired batches are settled.
#[derive(Debug, Default)]
pub struct Ledger {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Events that were recorded and that the journal does not count: it handed them over, or the
    /// start found their files parked and nothing else left of their batches.
    taken_over: BTreeMap<TrailArn, u64>,
    /// The last retired batch whose counts the journal handed over.
    last_taken: Option<BatchId>,
    unselected: BTreeMap<TrailArn, u64>,
    delivered: BTreeMap<TrailArn, u64>,
    files: BTreeMap<TrailArn, u64>,
    /// The files that are parked, by their first keys, and how many events each holds.
    parked: HashMap<String, (TrailArn, u64)>,
    /// Batches that are not retired, as far as they are settled.
    batches: BTreeMap<BatchId, Settled>,
}

/// What of a batch need not be waited for: it is counted elsewhere.
#[derive(Debug, Default)]
struct Settled {
    /// Whether its unselected events are counted.
    is_begun: bool,
    /// Files that are delivered or parked, by their first keys.
    files: HashSet<String>,
    /// Events that are unselected, or in these files.
    events: BTreeMap<TrailArn, u64>,
}

impl Ledger {
    /// A ledger of a start that found these files parked, and the journal so.
    #[must_use]
    pub fn new(parked: &[LogFileHeader], journal: &JournalState) -> Ledger {
        let mut counts = Counts::default();
        for sealed in &journal.sealed {
            counts.batches.insert(sealed.batch, Settled::default());
        }
        for file in parked {
            if !counts.batches.contains_key(&file.name.batch) && !counts.is_parked(file) {
                *counts.taken_over.entry(file.name.trail.clone()).or_default() += file.records;
            }
            counts.settle(file);
            counts.park(file);
        }
        Ledger { counts: Mutex::new(counts) }
    }

    /// A batch is begun, perhaps once more: the rules of these trails do not take so many of its
    /// events.
    pub fn begun(&self, batch: BatchId, unselected: &BTreeMap<TrailArn, u64>) {
        let mut counts = self.counts();
        let counts = &mut *counts;
        let settled = counts.batches.entry(batch).or_default();
        if std::mem::replace(&mut settled.is_begun, true) {
            return;
        }
        for (trail, events) in unselected {
            *settled.events.entry(trail.clone()).or_default() += events;
            *counts.unselected.entry(trail.clone()).or_default() += events;
        }
    }

    /// A file is in its bucket; it may have been parked before.
    pub fn delivered(&self, file: &LogFileHeader) {
        let mut counts = self.counts();
        let is_new = counts.settle(file);
        let was_parked = counts.parked.remove(&file.name.key(0)).is_some();
        if is_new || was_parked {
            *counts.delivered.entry(file.name.trail.clone()).or_default() += file.records;
            *counts.files.entry(file.name.trail.clone()).or_default() += 1;
        }
    }

    /// A file of a batch is parked: false when it has been delivered by now.
    pub fn parked(&self, file: &LogFileHeader) -> bool {
        let mut counts = self.counts();
        let is_new = counts.settle(file);
        if is_new {
            counts.park(file);
        }
        is_new
    }

    /// Whether a file of a batch is delivered or parked.
    #[must_use]
    pub fn is_settled(&self, batch: BatchId, first_key: &str) -> bool {
        self.counts().batches.get(&batch).is_some_and(|settled| settled.files.contains(first_key))
    }

    /// Whether a file of the trail is parked, or was given up since the start.
    #[must_use]
    pub fn has_parked(&self, trail: &TrailArn) -> bool {
        self.counts().parked.values().any(|(of, _)| of == trail)
    }

    /// A batch is retired: the journal's state says so already.
    pub fn retired(&self, batch: BatchId) {
        self.counts().batches.remove(&batch);
    }

    /// How many files of each trail arrived since the start.
    #[must_use]
    pub fn files(&self) -> BTreeMap<TrailArn, u64> {
        self.counts().files.clone()
    }

    /// The journal's state, which `journal` reads, and the balance of each trail at that moment. To be
    /// called after each batch that is retired: that is how the ledger hears of removed trails.
    #[must_use]
    pub fn look(
        &self,
        journal: impl FnOnce() -> JournalState,
    ) -> (JournalState, BTreeMap<TrailArn, Balance>) {
        let mut counts = self.counts();
        // Not before the lock: meanwhile a batch could be retired and its counts be gone.
        let journal = journal();
        counts.take_over(&journal);
        let recorded = journal.recorded.by_trail();
        counts.forget_removed(&recorded);
        let balances = counts.balances(&journal, recorded);
        (journal, balances)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Notes that a file of a batch needs nothing more: true when that is new, and the batch is one
    /// that the journal holds.
    fn settle(&mut self, file: &LogFileHeader) -> bool {
        let Some(settled) = self.batches.get_mut(&file.name.batch) else { return false };
        let is_new = settled.files.insert(file.name.key(0));
        if is_new {
            *settled.events.entry(file.name.trail.clone()).or_default() += file.records;
        }
        is_new
    }

    fn park(&mut self, file: &LogFileHeader) {
        self.parked.insert(file.name.key(0), (file.name.trail.clone(), file.records));
    }

    fn is_parked(&self, file: &LogFileHeader) -> bool {
        self.parked.contains_key(&file.name.key(0))
    }

    /// Takes over what the journal counts no longer, once.
    fn take_over(&mut self, journal: &JournalState) {
        let Some(handed_over) = journal.recorded.handed_over() else { return };
        if self.last_taken.replace(handed_over.by) == Some(handed_over.by) {
            return;
        }
        for (trail, events) in &*handed_over.counts {
            *self.taken_over.entry(trail.clone()).or_default() += events;
        }
    }

    /// Forgets trails that the journal knows no longer and of which all is accounted for.
    fn forget_removed(&mut self, known: &BTreeMap<TrailArn, u64>) {
        let Counts { taken_over, unselected, delivered, files, parked, .. } = self;
        let of = |counts: &BTreeMap<TrailArn, u64>, trail: &TrailArn| {
            counts.get(trail).copied().unwrap_or(0)
        };
        taken_over.retain(|trail, recorded| {
            let is_over = !known.contains_key(trail)
                && *recorded == of(unselected, trail) + of(delivered, trail)
                && !parked.values().any(|(of, _)| of == trail);
            if is_over {
                for counts in [&mut *unselected, delivered, files] {
                    counts.remove(trail);
                }
            }
            !is_over
        });
    }

    fn balances(
        &self,
        journal: &JournalState,
        recorded: BTreeMap<TrailArn, u64>,
    ) -> BTreeMap<TrailArn, Balance> {
        let of = |(trail, recorded)| (trail, Balance { recorded, ..Balance::default() });
        let mut balances: BTreeMap<TrailArn, Balance> = recorded.into_iter().map(of).collect();
        if let Some((trails, events)) = &journal.open {
            for trail in &trails.trails {
                balances.entry(trail.arn.clone()).or_default().waiting += events;
            }
        }
        for sealed in &journal.sealed {
            let settled = self.batches.get(&sealed.batch);
            for trail in &sealed.trails.trails {
                let settled = settled.and_then(|settled| settled.events.get(&trail.arn)).copied();
                let waiting = sealed.events.saturating_sub(settled.unwrap_or(0));
                balances.entry(trail.arn.clone()).or_default().waiting += waiting;
            }
        }
        for (trail, events) in self.parked.values() {
            balances.entry(trail.clone()).or_default().waiting += events;
        }
        add(&mut balances, &self.taken_over, |balance| &mut balance.recorded);
        add(&mut balances, &self.unselected, |balance| &mut balance.unselected);
        add(&mut balances, &self.delivered, |balance| &mut balance.delivered);
        balances
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
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use model::{Destination, Folder, LogFileName, Timestamp};
    use producer::SealedSegment;
    use proptest::prelude::*;
    use tokio::sync::watch;
    use trails::{Trail, TrailSet};

    use super::*;

    fn trail(name: &str) -> Trail {
        let arn = format!("arn:aws:cloudtrail:eu-west-1:111111111111:trail/{name}");
        let trail = Trail::new(arn.parse().unwrap(), "bucket".parse().unwrap());
        Trail { is_multi_region: true, ..trail }
    }

    fn set(version: u64, names: &[&str]) -> Arc<TrailSet> {
        let trails = names.iter().map(|name| trail(name)).collect();
        Arc::new(TrailSet { version, organization: None, trails })
    }

    fn sealed(batch: u64, trails: &Arc<TrailSet>, events: u64) -> SealedSegment {
        SealedSegment { batch: BatchId(batch), trails: Arc::clone(trails), events }
    }

    /// A file of trail `one`.
    fn file(batch: u64, part: u32, records: u64) -> LogFileHeader {
        let name = LogFileName {
            prefix: None,
            organization: None,
            account: "111111111111".parse().unwrap(),
            folder: Folder::CloudTrail,
            region: "eu-west-1".parse().unwrap(),
            sealed_at: Timestamp::EPOCH,
            batch: BatchId(batch),
            journal: 1,
            trail: trail("one").arn,
            part,
        };
        let destination =
            Destination { bucket: "bucket".parse().unwrap(), kms_key: None, topic: None };
        let sha256 = String::new();
        let uncompressed_bytes = 1;
        let (oldest, newest) = (None, None);
        LogFileHeader { name, destination, sha256, records, uncompressed_bytes, oldest, newest }
    }

    /// The balance of trail `one`, whose law must hold.
    fn check(ledger: &Ledger, journal: &JournalState) -> [u64; 4] {
        let (_, balances) = ledger.look(|| journal.clone());
        assert!(balances.values().all(Balance::holds), "{balances:?}");
        let one = balances.get(&trail("one").arn).copied().unwrap_or_default();
        [one.recorded, one.unselected, one.delivered, one.waiting]
    }

    #[test]
    fn an_event_is_counted_once_from_its_recording_to_its_arrival() {
        let (ledger, trails, one) = (Ledger::default(), set(1, &["one"]), trail("one").arn);
        let (goes, waits) = (file(7, 0, 5), file(7, 1, 2));
        let mut journal = JournalState::default();
        journal.recorded.count(&trails, 10);
        journal.open = Some((Arc::clone(&trails), 10));
        assert_eq!(check(&ledger, &journal), [10, 0, 0, 10], "in the open segment");
        journal.open = None;
        journal.sealed.push(sealed(7, &trails, 10));
        assert_eq!(check(&ledger, &journal), [10, 0, 0, 10], "sealed");
        // A batch is begun again after a pause, and meets its files.
        for _ in 0..2 {
            ledger.begun(BatchId(7), &BTreeMap::from([(one.clone(), 3)]));
            ledger.delivered(&goes);
            assert_eq!(check(&ledger, &journal), [10, 3, 5, 2], "one file arrived");
        }
        for _ in 0..2 {
            ledger.parked(&waits);
            assert_eq!(check(&ledger, &journal), [10, 3, 5, 2], "the other is parked");
        }
        assert!(ledger.is_settled(BatchId(7), &waits.name.key(0)));
        journal.sealed.clear();
        ledger.retired(BatchId(7));
        assert_eq!(check(&ledger, &journal), [10, 3, 5, 2], "retired");
        ledger.delivered(&waits);
        assert_eq!(check(&ledger, &journal), [10, 3, 7, 0], "all arrived");
        assert_eq!(ledger.files()[&one], 2);
    }

    #[test]
    fn a_parked_file_may_arrive_before_it_is_said_to_be_parked() {
        let (ledger, trails) = (Ledger::default(), set(1, &["one"]));
        let mut journal = JournalState::default();
        journal.recorded.count(&trails, 2);
        journal.sealed.push(sealed(7, &trails, 2));
        ledger.begun(BatchId(7), &BTreeMap::new());
        ledger.delivered(&file(7, 0, 2));
        ledger.parked(&file(7, 0, 2));
        assert_eq!(check(&ledger, &journal), [2, 0, 2, 0]);
    }

    #[test]
    fn what_a_start_finds_parked_is_recorded_and_waits() {
        let mut journal = JournalState::default();
        journal.recorded.define(&set(1, &["one"]));
        let waits = file(7, 0, 4);
        // A crash may leave a file parked twice.
        let ledger = Ledger::new(&[waits.clone(), waits.clone()], &journal);
        assert_eq!(check(&ledger, &journal), [4, 0, 0, 4]);
        for _ in 0..2 {
            ledger.delivered(&waits);
            assert_eq!(check(&ledger, &journal), [4, 0, 4, 0]);
        }
    }

    #[test]
    fn what_a_start_finds_parked_and_in_the_journal_is_counted_once() {
        let trails = set(1, &["one"]);
        let (waits, other) = (file(7, 0, 4), file(7, 1, 6));
        let mut journal = JournalState::default();
        journal.recorded.count(&trails, 10);
        journal.sealed.push(sealed(7, &trails, 10));
        let ledger = Ledger::new(std::slice::from_ref(&waits), &journal);
        assert_eq!(check(&ledger, &journal), [10, 0, 0, 10]);
        assert!(ledger.is_settled(BatchId(7), &waits.name.key(0)), "nothing is to be done for it");
        ledger.delivered(&waits);
        assert_eq!(check(&ledger, &journal), [10, 0, 4, 6]);
        ledger.begun(BatchId(7), &BTreeMap::new());
        ledger.delivered(&other);
        assert_eq!(check(&ledger, &journal), [10, 0, 10, 0]);
        journal.sealed.clear();
        ledger.retired(BatchId(7));
        assert_eq!(check(&ledger, &journal), [10, 0, 10, 0]);
    }

    #[test]
    fn a_trail_answers_only_for_events_of_its_time() {
        let ledger = Ledger::default();
        let (before, after) = (set(1, &["two"]), set(2, &["one", "two"]));
        let mut journal = JournalState::default();
        journal.recorded.count(&before, 5);
        journal.recorded.count(&after, 6);
        journal.sealed.push(sealed(1, &before, 5));
        journal.open = Some((after, 6));
        assert_eq!(check(&ledger, &journal), [6, 0, 0, 6]);
    }

    /// Records events under trails in a batch of their own, and settles all but `parked` of them.
    fn pass(
        ledger: &Ledger,
        journal: &mut JournalState,
        batch: u64,
        trails: &Arc<TrailSet>,
        (events, parked): (u64, u64),
    ) {
        journal.recorded.define(trails);
        journal.recorded.count(trails, events);
        journal.sealed.push(sealed(batch, trails, events));
        let others =
            trails.trails.iter().map(|it| it.arn.clone()).filter(|it| *it != trail("one").arn);
        ledger.begun(BatchId(batch), &others.map(|arn| (arn, events)).collect());
        if trails.trails.contains(&trail("one")) {
            ledger.delivered(&file(batch, 0, events - parked));
            if parked > 0 {
                ledger.parked(&file(batch, 1, parked));
            }
        }
        check(ledger, journal);
        journal.sealed.clear();
        journal.recorded.retired(BatchId(batch), std::iter::empty());
        check(ledger, journal);
        ledger.retired(BatchId(batch));
        check(ledger, journal);
    }

    #[test]
    fn a_removed_trail_leaves_the_books_as_a_whole_and_only_when_its_last_file_arrived() {
        let (ledger, one) = (Ledger::default(), trail("one").arn);
        let mut journal = JournalState::default();
        let (both, other) = (["one", "two"], ["two"]);
        pass(&ledger, &mut journal, 1, &set(1, &both), (10, 4));
        assert_eq!(check(&ledger, &journal), [10, 0, 6, 4]);
        pass(&ledger, &mut journal, 2, &set(2, &other), (5, 0));
        assert_eq!(check(&ledger, &journal), [10, 0, 6, 4], "a file of it waits");
        // A trail of the same name counts with it.
        pass(&ledger, &mut journal, 3, &set(3, &both), (7, 0));
        assert_eq!(check(&ledger, &journal), [17, 0, 13, 4]);
        pass(&ledger, &mut journal, 4, &set(4, &other), (5, 0));
        ledger.delivered(&file(1, 1, 4));
        assert_eq!(check(&ledger, &journal), [0; 4]);
        assert!(!ledger.look(|| journal.clone()).1.contains_key(&one));
        assert!(!ledger.files().contains_key(&one));
        let counts = ledger.counts();
        for counts in [&counts.taken_over, &counts.unselected, &counts.delivered] {
            assert!(!counts.contains_key(&one), "{counts:?}");
        }
        drop(counts);
        pass(&ledger, &mut journal, 5, &set(5, &both), (3, 0));
        assert_eq!(check(&ledger, &journal), [3, 0, 3, 0], "one that takes its name begins anew");
    }

    #[test]
    fn the_law_holds_through_a_thousand_changes() {
        let (ledger, mut journal) = (Ledger::default(), JournalState::default());
        for version in 0..1_000 {
            let name = format!("of-{version}");
            pass(&ledger, &mut journal, version, &set(version, &["one", &name]), (2, 0));
        }
        assert_eq!(check(&ledger, &journal), [2_000, 0, 2_000, 0]);
        let (_, balances) = ledger.look(|| journal.clone());
        assert_eq!(balances.len(), 2, "the trails that are defined");
        assert_eq!(ledger.counts().unselected.len(), 1);
    }

    #[test]
    fn what_a_removed_trail_lost_stays_to_be_seen() {
        let (ledger, trails) = (Ledger::default(), set(1, &["one"]));
        let mut journal = JournalState::default();
        journal.recorded.count(&trails, 10);
        ledger.begun(BatchId(1), &BTreeMap::new());
        ledger.delivered(&file(1, 0, 9));
        journal.recorded.retired(BatchId(1), std::iter::empty());
        ledger.retired(BatchId(1));
        let (_, balances) = ledger.look(|| journal.clone());
        assert!(!balances[&trail("one").arn].holds(), "{balances:?}");
    }

    #[test]
    fn what_is_lost_or_doubled_breaks_the_law() {
        let (trails, one) = (set(1, &["one"]), trail("one").arn);
        let mut journal = JournalState::default();
        journal.recorded.count(&trails, 10);
        journal.sealed.push(sealed(7, &trails, 10));
        let holds = |ledger: &Ledger, journal: &JournalState| {
            ledger.look(|| journal.clone()).1[&one].holds()
        };
        assert!(holds(&Ledger::default(), &journal));
        let doubled = Ledger::default();
        doubled.begun(BatchId(7), &BTreeMap::new());
        doubled.delivered(&file(7, 0, 10));
        doubled.delivered(&file(7, 1, 10));
        assert!(!holds(&doubled, &journal), "the same events in two files");
        let lost = Ledger::default();
        lost.begun(BatchId(7), &BTreeMap::new());
        lost.delivered(&file(7, 0, 9));
        journal.sealed.clear();
        lost.retired(BatchId(7));
        assert!(!holds(&lost, &journal), "retired before all is settled");
    }

    #[test]
    fn the_law_holds_for_those_who_look_while_files_change_hands() {
        const BATCHES: u64 = 2_000;
        let (trails, one) = (set(1, &["one"]), trail("one").arn);
        let (ledger, journal) = (Ledger::default(), watch::Sender::new(JournalState::default()));
        let (record, retire) = std::sync::mpsc::sync_channel(64);
        let (park, take_out) = std::sync::mpsc::sync_channel(64);
        let (is_over, looks) = (AtomicBool::new(false), journal.subscribe());
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..BATCHES {
                    journal.send_modify(|state| {
                        state.recorded.count(&trails, 10);
                        state.sealed.push(sealed(number, &trails, 10));
                    });
                    record.send(number).unwrap();
                }
                drop(record);
            });
            scope.spawn(|| {
                for number in retire {
                    ledger.begun(BatchId(number), &BTreeMap::from([(one.clone(), 3)]));
                    ledger.delivered(&file(number, 0, 5));
                    park.send(file(number, 1, 2)).unwrap();
                    ledger.parked(&file(number, 1, 2));
                    journal.send_modify(|state| state.sealed.retain(|it| it.batch.0 != number));
                    ledger.retired(BatchId(number));
                }
                drop(park);
            });
            scope.spawn(|| {
                take_out.into_iter().for_each(|file| ledger.delivered(&file));
                is_over.store(true, Ordering::Release);
            });
            while !is_over.load(Ordering::Acquire) {
                let (_, balances) = ledger.look(|| looks.borrow().clone());
                assert!(balances.values().all(Balance::holds), "{balances:?}");
            }
        });
        let last = journal.borrow().clone();
        assert_eq!(check(&ledger, &last), [10 * BATCHES, 3 * BATCHES, 7 * BATCHES, 0]);
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
            let mut parked = Vec::new();
            for (number, (unselected, files)) in (0..).zip(&batches) {
                let events = unselected + files.iter().map(|(events, _)| events).sum::<u64>();
                journal.recorded.count(&trails, events);
                journal.sealed.push(sealed(number, &trails, events));
                check(&ledger, &journal);
            }
            for (number, (unselected, files)) in (0..).zip(batches) {
                let rest = files.iter().map(|(events, _)| events).sum::<u64>();
                // The other trail takes nothing at all.
                let by_trail = [(one.clone(), unselected), (two.clone(), unselected + rest)];
                ledger.begun(BatchId(number), &BTreeMap::from(by_trail));
                for (part, (events, is_parked)) in (0..).zip(files) {
                    let file = file(number, part, events);
                    match is_parked {
                        true => {
                            ledger.parked(&file);
                            parked.push(file);
                        }
                        false => ledger.delivered(&file),
                    }
                    check(&ledger, &journal);
                }
                journal.sealed.retain(|sealed| sealed.batch.0 != number);
                ledger.retired(BatchId(number));
                check(&ledger, &journal);
            }
            parked.iter().for_each(|file| ledger.delivered(file));
            prop_assert_eq!(check(&ledger, &journal)[3], 0, "nothing waits");
        }
    }
}
