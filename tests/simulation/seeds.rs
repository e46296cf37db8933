//! Runs seeds: one, or many on all processors, with progress where somebody watches.

use std::io::{IsTerminal, Write, stderr};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::mistakes::Mistake;
use crate::run;
use crate::tally::Tally;

/// Runs one seed; what went wrong, panics included, is told with the seed.
pub fn check(seed: u64, mistake: Mistake) -> Result<Tally, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run::run(seed, mistake)));
    let outcome = outcome.unwrap_or_else(|_| Err("a panic, see above".into()));
    outcome.map_err(|error| {
        format!("seed {seed}: {error}; to run it alone: make simulate SEED={seed}")
    })
}

/// Runs the seeds from 1, as many at a time as there are processors; ends with the first failure.
pub fn check_all(seeds: u64) -> Result<Tally, String> {
    let (next, progress) = (AtomicU64::new(1), Progress::new(seeds));
    let run_some = || -> Result<Tally, String> {
        let mut total = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > seeds {
                return Ok(total);
            }
            let checked = check(seed, Mistake::None);
            if checked.is_err() {
                // The others end with the seed that they are at.
                next.store(seeds + 1, Ordering::Relaxed);
            }
            total.add(&checked?);
            progress.show();
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run_some)).collect();
        let mut total = Tally::default();
        for worker in workers {
            total.add(&worker.join().expect("panics are caught")?);
        }
        Ok(total)
    })
}

/// A line on a terminal that says how far it is.
struct Progress {
    seeds: u64,
    done: AtomicU64,
    is_shown: bool,
}

impl Progress {
    fn new(seeds: u64) -> Progress {
        Progress { seeds, done: AtomicU64::new(0), is_shown: stderr().is_terminal() }
    }

    fn show(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let is_last = done == self.seeds;
        if self.is_shown && (done.is_multiple_of(100) || is_last) {
            let end = if is_last { "\n" } else { "" };
            // Past the test harness, which keeps what a test prints until it ends.
            let _ = write!(stderr(), "\r{done} of {} seeds{end}", self.seeds);
        }
    }
}
