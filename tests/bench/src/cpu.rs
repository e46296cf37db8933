//! `cpu_vs_limit`: what Cairn's whole process costs, by what the work itself costs one thread.
//!
//! One daemon, warm: first all events once, so that its journal has files to recycle and its window
//! of identities is filled. Then, some rounds in turn: the daemon takes all events anew over HTTP
//! (bodies of 1 MiB, uncompressed, on four connections), syncs, routes, compresses and puts them,
//! until nothing waits; and one thread does parse + SHA-256 + gzip of the same bytes ([`limit`]).
//! Other work on the machine only adds CPU time, by cold caches, so the least of the rounds counts on
//! both sides, and the highest rate.

use anyhow::Result;

use crate::daemon::{Ended, Site};
use crate::figures::{Wanted, figure, say};
use crate::limit;
use crate::load;
use crate::process::own_cpu_seconds;
use crate::records;
use crate::requests::Request;

const CONNECTIONS: usize = 4;
const BODY_BYTES: usize = 1 << 20;
/// Three accounts in ten Regions.
const PAIRS: usize = 30;

/// What was sent in each round, and the least that it cost Cairn.
#[derive(Debug)]
pub struct Measured {
    /// All events.
    pub requests: Vec<Request>,
    /// How many they are.
    pub events: u64,
    /// CPU seconds of Cairn's whole process for them.
    pub cpu_seconds: f64,
}

/// The figures of this module.
pub fn names() -> Vec<String> {
    [
        "cpu_vs_limit",
        "cpu_s_per_million.cairn",
        "cpu_s_per_million.limit",
        "cpu_s_per_million.generator",
        "cpu_s_per_million.null_s3",
        "events_per_s.bulk.c4",
        "rss_peak_mb",
        "record_bytes_mean",
        "compression_ratio",
    ]
    .map(str::to_owned)
    .into()
}

/// Measures and prints them.
pub fn measure(wanted: &Wanted) -> Result<Measured> {
    let pairs = records::pairs(PAIRS);
    let records = records::records(wanted.pick(50_000, 200_000), &pairs);
    let mut requests = Request::bulks(&records, BODY_BYTES);
    let events = records.len() as f64;
    drop(records);
    let bytes: usize = requests.iter().map(|request| request.body().len()).sum();
    let level = limit::default_level()?;
    say(&format!(
        "{events} events, {} MB, gzip level {level}, least of some rounds",
        bytes / 1_000_000
    ));
    let site = Site::new(&pairs)?;
    let mut daemon = site.start()?;
    let mut acknowledged = load::once(daemon.address(), &mut requests, CONNECTIONS)?.events;
    daemon.flush()?;
    let (mut cairn, mut least_limit) = (f64::MAX, f64::MAX);
    let (mut rate, mut generator) = (0.0, f64::MAX);
    let before = daemon.spent()?;
    let rounds = wanted.pick(2, 5);
    for round in 1..=rounds {
        let (before, own) = (daemon.spent()?, own_cpu_seconds());
        let sent = load::once(daemon.address(), &mut requests, CONNECTIONS)?;
        let own = own_cpu_seconds() - own;
        daemon.flush()?;
        let spent = daemon.spent()?.cpu_seconds - before.cpu_seconds;
        let limit = limit::cpu_seconds(&requests, level)?;
        let seconds = sent.seconds;
        say(&format!(
            "round {round}: CPU s: cairn {spent:.2}, limit {limit:.2}, generator {own:.2}; ratio {:.3}; taken in {seconds:.2} s, {} answers 503",
            spent / limit,
            sent.busy,
        ));
        acknowledged += sent.events;
        cairn = cairn.min(spent);
        least_limit = least_limit.min(limit);
        generator = generator.min(own);
        rate = f64::max(rate, sent.events as f64 / seconds);
    }
    let Ended { spent, report } = daemon.finish(acknowledged)?;
    let s3 = (spent.s3_cpu_seconds - before.s3_cpu_seconds) / f64::from(rounds);
    let million = 1e6 / events;
    figure("cpu_vs_limit", cairn / least_limit, "ratio")?;
    figure("cpu_s_per_million.cairn", cairn * million, "s")?;
    figure("cpu_s_per_million.limit", least_limit * million, "s")?;
    figure("cpu_s_per_million.generator", generator * million, "s")?;
    figure("cpu_s_per_million.null_s3", s3 * million, "s")?;
    figure("events_per_s.bulk.c4", rate, "1/s")?;
    figure("rss_peak_mb", spent.peak_memory_mb, "MB")?;
    figure("record_bytes_mean", bytes as f64 / events, "B")?;
    figure("compression_ratio", report.uncompressed as f64 / report.compressed as f64, "ratio")?;
    let events = requests.iter().map(Request::events).sum();
    Ok(Measured { requests, events, cpu_seconds: cairn })
}
