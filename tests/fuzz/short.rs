//! Each fuzz target for a moment: its seeds, the kept regressions, and mutations of both.
//!
//! `CAIRN_FUZZ_SEED` draws others, `CAIRN_FUZZ_RUNS` tries more of them; `CAIRN_FUZZ_INPUT=FILE`
//! tries one input again. What breaks something is minimised and written to a file.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // the seed is shown when a test fails

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use cairn_fuzz::mutate::{Dice, minimised, mutated};
use cairn_fuzz::{TARGETS, Target};

const SEED: u64 = 1;

/// Regressions that were mended are kept here, in a folder for each target.
fn kept(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.name);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

fn is_bad(target: &Target, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err()
}

#[track_caller]
fn try_one(target: &Target, input: &[u8], from: &str) {
    if !is_bad(target, input) {
        return;
    }
    let least = minimised(input, 500, |input| is_bad(target, input));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{}-{:08x}", target.name, crc32fast::hash(&least)));
    fs::write(&path, &least).unwrap();
    let (name, path) = (target.name, path.display());
    panic!(
        "{name} breaks on {from}; again:\n  CAIRN_FUZZ_INPUT={path} cargo test -p cairn-fuzz {name}\n  {:?}",
        String::from_utf8_lossy(&least[..least.len().min(400)])
    );
}

/// Seeds, regressions and mutations of one target.
#[track_caller]
fn run(name: &str) {
    let target = cairn_fuzz::named(name).unwrap();
    if let Some(path) = std::env::var_os("CAIRN_FUZZ_INPUT") {
        return (target.run)(&fs::read(path).unwrap());
    }
    let mut pool = (target.seeds)();
    pool.extend(kept(target));
    for (number, input) in pool.iter().enumerate() {
        try_one(target, input, &format!("seed {number}"));
    }
    let (seed, runs) = (number("CAIRN_FUZZ_SEED").unwrap_or(SEED), number("CAIRN_FUZZ_RUNS"));
    let runs = runs.unwrap_or(target.short_runs);
    println!("{name}: {runs} inputs from CAIRN_FUZZ_SEED={seed}");
    let mut dice = Dice::new(seed);
    for run in 0..runs {
        let input = mutated(&mut dice, &pool, target.words);
        try_one(target, &input, &format!("input {run} of CAIRN_FUZZ_SEED={seed}"));
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*

        #[test]
        fn every_target_is_tried() {
            let tried: &[&str] = &[$(stringify!($name)),*];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(tried, all);
        }
    };
}

targets! {
    record limits activity selectors splitter long_records bulk put_audit_events segment journal spool log_file
    registry index policy announcement unpack proof configuration text signature chunks digest keys
}
