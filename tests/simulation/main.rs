//! The whole way of an event, from the call to the object and its notice, thousands of times with
//! accidents: faults of disk, store and topics before and after the act, refusing buckets, a kill
//! or power loss at any operation, changes of trails, events sent again, jumps of the clock.
//!
//! The stages are the daemon's own, over a simulated disk, a store and topics in memory; only the
//! HTTP listener and the threads are left out. A seed decides everything, so that a run can be
//! repeated: `CAIRN_TEST_SEED=7` runs one seed, `CAIRN_TEST_SEEDS=20000` so many.
//!
//! What is checked when all faults have ceased is written down in [`check`]. That the checks can
//! fail is shown by [`mistakes`], which plants mistakes in the tests' own glue.
#![allow(clippy::unwrap_used)]

mod check;
mod dice;
mod drive;
mod history;
mod mistakes;
mod outside;
mod process;
mod run;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use mistakes::Mistake;
use run::Tally;

/// Seeds of a plain run.
const SEEDS: u64 = 400;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is not a number")))
}

/// Runs one seed; what went wrong, panics included, is told with the seed.
fn check(seed: u64, mistake: Mistake) -> Result<Tally, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run::run(seed, mistake)));
    let outcome = outcome.unwrap_or_else(|_| Err("a panic, see above".into()));
    outcome.map_err(|error| format!("CAIRN_TEST_SEED={seed}: {error}"))
}

#[test]
fn every_acknowledged_event_is_in_exactly_one_file_of_each_trail_that_took_it() {
    if let Some(seed) = number("CAIRN_TEST_SEED") {
        check(seed, Mistake::None).unwrap();
        return;
    }
    let seeds = number("CAIRN_TEST_SEEDS").unwrap_or(SEEDS);
    let mut total = Tally::default();
    for seed in 1..=seeds {
        total.add(&check(seed, Mistake::None).unwrap());
    }
    // What the runs are made of must not dwindle unnoticed.
    total.check(seeds);
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in [3, 4] {
        let tallies = [check(seed, Mistake::None), check(seed, Mistake::None)];
        assert_eq!(tallies[0], tallies[1], "seed {seed}");
    }
}
