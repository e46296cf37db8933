//! What a run was made of: shown, and checked, so that one in which nothing happened is not passed.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use super::moments::Moment;
use super::senders::Shared;
use super::verdict::{self, Verdict};
use crate::support::conservation::Balance;

/// Counts.
#[derive(Debug, Default)]
pub struct Tally {
    /// Times that a daemon got ready.
    pub lives: u32,
    pub stops: u32,
    pub changes: u32,
    kills: BTreeMap<Moment, u32>,
    kills_in_start: u32,
    /// Kills while calls waited for their answers.
    kills_in_flight: u32,
    /// Events that daemons found on disk at their start, counted for each trail and start.
    recovered: u64,
    acknowledged: usize,
    retries: usize,
    cut: usize,
    refused: usize,
    forgotten: usize,
    files: usize,
    announced: usize,
    unpromised: usize,
    /// Events in the history, and merges of its files.
    pub kept: usize,
    pub merges: usize,
    events: BTreeMap<String, usize>,
}

impl Tally {
    pub fn started<'a>(&mut self, recovered: impl Iterator<Item = &'a Balance>) {
        self.lives += 1;
        self.recovered += recovered.map(|balance| balance.recorded).sum::<u64>();
    }

    pub fn killed(&mut self, moment: Moment, in_flight: usize) {
        *self.kills.entry(moment).or_default() += 1;
        self.kills_in_flight += u32::from(in_flight > 0);
    }

    pub fn killed_in_start(&mut self) {
        self.kills_in_start += 1;
    }

    pub fn judged(&mut self, verdict: &Verdict, shared: &Shared, announced: usize) {
        self.acknowledged = shared.count(&shared.acknowledged);
        self.retries = shared.count(&shared.retries);
        self.cut = shared.count(&shared.cut);
        self.refused = shared.count(&shared.refused);
        self.forgotten = shared.count(&shared.forgotten);
        self.files = verdict.files.len();
        self.announced = announced;
        self.unpromised = verdict.unpromised;
        self.events =
            verdict.events.iter().map(|(spot, events)| (verdict::name(spot), *events)).collect();
    }

    /// Fails when a run of so many rounds tortured too little.
    #[track_caller]
    pub fn assert_tortured(&self, rounds: u64) {
        let rounds = usize::try_from(rounds).unwrap();
        let kills: u32 = self.kills.values().sum();
        let at_least = |what: &str, count: usize, least: usize| {
            assert!(count >= least, "{what}: {count} instead of {least} at least\n{self}");
        };
        at_least("lives", self.lives as usize, rounds + 1);
        at_least("kills", kills as usize, rounds / 2);
        at_least("kills while calls waited", self.kills_in_flight as usize, kills as usize / 2);
        at_least("calls cut", self.cut, rounds / 2);
        at_least("calls sent again", self.retries, rounds / 2);
        at_least("acknowledged events", self.acknowledged, 100 * rounds);
        at_least("recovered events", usize::try_from(self.recovered).unwrap(), 10 * rounds);
        at_least("log files", self.files, rounds);
        at_least("announcements", self.announced, self.files);
        at_least("events in the history", self.kept, self.acknowledged);
        at_least("merges of the history", self.merges, rounds / 5);
        at_least("changes of trails", self.changes as usize, rounds / 10);
        // Where trails of every version have their files.
        for spot in ["first/", "first/home", "late/a/b"] {
            at_least(spot, self.events.get(spot).copied().unwrap_or(0), 1);
        }
        for moment in Moment::ALL.into_iter().filter(|_| rounds >= 2 * Moment::ALL.len()) {
            let is_met = self.kills.contains_key(&moment) || moment == Moment::Stopping;
            assert!(is_met, "no kill while {moment:?}\n{self}");
        }
    }
}

impl Display for Tally {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Tally { lives, stops, changes, kills_in_start, kills_in_flight, .. } = self;
        let kills: u32 = self.kills.values().sum();
        writeln!(
            formatter,
            "torture: {kills} kills, {kills_in_flight} of them while calls waited, and {kills_in_start} in a start; {stops} stops, {changes} changes of trails, {lives} lives"
        )?;
        writeln!(formatter, "  killed while {:?}", self.kills)?;
        writeln!(
            formatter,
            "  {} events acknowledged; {} calls cut off, {} refused, {} sent again, {} forgotten; {} events recovered, by trail and start",
            self.acknowledged, self.cut, self.refused, self.retries, self.forgotten, self.recovered
        )?;
        write!(
            formatter,
            "  {} log files, {} announcements; events by trail {:?}, {} of them never acknowledged; lost 0, doubled 0\n  {} events in the history, {} merges",
            self.files, self.announced, self.events, self.unpromised, self.kept, self.merges
        )
    }
}

#[test]
#[should_panic(expected = "lives: 0 instead of 21 at least")]
fn a_run_in_which_nothing_happened_is_not_passed() {
    Tally::default().assert_tortured(20);
}
