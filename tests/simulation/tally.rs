//! What runs were made of, counted, so that the simulation cannot stop exercising something and
//! nobody notices.

use std::collections::BTreeMap;

use crate::watched::Watch;

/// What must come up in 100 runs, at the least: about a third of what does.
const MINIMA: &[(&str, u64)] = &[
    ("promised", 4500),
    ("objects", 1300),
    ("again", 500),
    ("refused", 700),
    ("repeated", 300),
    ("small windows", 30),
    ("changes", 180),
    ("kills", 270),
    ("power losses", 270),
    ("torn tails", 90),
    ("halts", 110),
    ("failed starts", 55),
    ("clock jumps", 100),
    ("Sync failed", 40),
    ("SyncDirectory failed", 18),
    ("Create failed", 20),
    ("Open failed", 33),
    ("Read failed", 27),
    ("Write failed", 20),
    ("Rename failed", 13),
    ("Remove failed", 26),
    ("Full failed", 300),
    ("looks at a full journal", 190),
    ("looks at parked files", 1300),
    ("notices", 200),
    ("foreign objects", 12),
    ("store or topic failed", 350),
    ("slow answers", 350),
    ("hung calls", 90),
    ("late acts", 28),
    ("digests", 2000),
    ("empty digests", 1800),
    ("owed digests", 1700),
    ("listed files", 500),
    ("unlisted files", 500),
    ("chains begun", 140),
    ("backfill digests", 4),
    ("foreign digests", 4),
    ("ends with a digest prepared", 150),
    ("hours of refusal", 10),
    ("weeks of refusal", 27),
    ("expired files", 42),
    ("rot of a header", 3),
    ("rot of an event", 3),
    ("rot of a mark", 2),
    ("rot of a seal", 2),
    ("rot of identities", 17),
    ("rot of a parked file", 4),
    ("rot of a parked notice", 1),
    ("rot of what starts", 10),
    ("refused starts", 8),
    ("segments mended", 10),
    ("identities mended", 15),
    ("parked files mended", 4),
    ("notices mended", 1),
    ("merges", 180),
    ("expired rows", 600),
    ("looks at the history", 1000),
    ("rows looked at", 24000),
];

/// What a run was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub fn count(&mut self, what: &str, times: u64) {
        match self.0.get_mut(what) {
            Some(count) => *count += times,
            None => drop(self.0.insert(what.into(), times)),
        }
    }

    pub fn add(&mut self, other: &Tally) {
        other.0.iter().for_each(|(what, times)| self.count(what, *times));
    }

    /// What the disk did in one life.
    pub fn note_life(&mut self, watch: &Watch) {
        watch.failed.iter().for_each(|(operation, times)| {
            self.count(&format!("{operation} failed"), *times);
        });
    }

    /// The runs must be eventful.
    pub fn check(&self, runs: u64) {
        let few: Vec<_> = MINIMA
            .iter()
            .filter(|(what, per_100)| {
                self.0.get(*what).is_none_or(|count| *count * 100 < per_100 * runs)
            })
            .collect();
        assert!(few.is_empty(), "too few in {runs} runs of {few:?}: {self:#?}");
    }
}
