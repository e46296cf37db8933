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

mod calls;
mod check;
mod definitions;
mod dice;
mod drive;
mod history;
mod mistakes;
mod outside;
mod process;
mod run;
mod trouble;
mod world;

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

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

/// Runs the seeds from 1, as many at a time as there are processors.
fn check_all(seeds: u64) -> Result<Tally, String> {
    let next = AtomicU64::new(1);
    let run_some = || -> Result<Tally, String> {
        let mut total = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > seeds {
                return Ok(total);
            }
            total.add(&check(seed, Mistake::None)?);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut total = Tally::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run_some)).collect();
        for worker in workers {
            total.add(&worker.join().expect("panics are caught")?);
        }
        Ok(total)
    })
}

#[test]
fn every_acknowledged_event_is_in_exactly_one_file_of_each_trail_that_took_it() {
    if let Some(seed) = number("CAIRN_TEST_SEED") {
        check(seed, Mistake::None).unwrap();
        return;
    }
    let seeds = number("CAIRN_TEST_SEEDS").unwrap_or(SEEDS);
    let mut total = check_all(seeds).unwrap();
    // What the runs are made of must not dwindle unnoticed.
    total.check(seeds);
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in 1..=6 {
        let tallies = [check(seed, Mistake::None), check(seed, Mistake::None)];
        assert_eq!(tallies[0], tallies[1], "seed {seed}");
    }
}
