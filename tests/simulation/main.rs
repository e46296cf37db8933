//! The whole way of an event, from the call to the object and its notice, thousands of times with
//! accidents: faults of disk, store and topics before and after the act, slow answers and hung calls,
//! a full disk, flipped bits, buckets that refuse for weeks, a kill or power loss at any operation,
//! changes of trails, events sent again, jumps of the clock.
//!
//! The stages are the daemon's own, all under way at once, over a simulated disk, a store and topics
//! in memory, and tokio's clock, which passes only when told; only the HTTP listener is left out. A
//! seed decides everything, whose turn it is included, so that a run can be repeated:
//! `CAIRN_TEST_SEED=7` runs one seed, `CAIRN_TEST_SEEDS=20000` so many (`make simulate`).
//!
//! What is checked when all faults have ceased is written down in [`verdict`], and for digests in
//! [`chains`] and [`stretches`], for the event history in [`kept`]; what is checked at every step in
//! [`world`]. That the checks can fail is
//! shown by [`mistakes`].
#![allow(clippy::unwrap_used)]

mod calls;
mod chains;
mod definitions;
mod dice;
mod drive;
mod history;
mod kept;
mod mistakes;
mod outside;
mod process;
mod rot;
mod run;
mod seeds;
mod stretches;
mod tally;
mod trouble;
mod verdict;
mod watched;
mod world;

use std::io::Write as _;

use mistakes::Mistake;

/// Seeds of a plain run.
const SEEDS: u64 = 2000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is not a number")))
}

#[test]
fn every_acknowledged_event_is_in_exactly_one_file_of_each_trail_that_took_it() {
    if let Some(seed) = number("CAIRN_TEST_SEED") {
        seeds::check(seed, Mistake::None).unwrap();
        return;
    }
    let seeds = number("CAIRN_TEST_SEEDS").unwrap_or(SEEDS);
    let total = seeds::check_all(seeds).unwrap();
    let _ = writeln!(std::io::stderr(), "simulation: {seeds} seeds passed");
    // What the runs are made of must not dwindle unnoticed.
    total.check(seeds);
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in 1..=12 {
        let runs = [seeds::check(seed, Mistake::None), seeds::check(seed, Mistake::None)];
        assert_eq!(runs[0], runs[1], "seed {seed}");
    }
}
