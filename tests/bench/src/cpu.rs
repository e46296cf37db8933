//! `cpu_vs_limit`: what Cairn's whole process costs, by what the work itself costs one thread.
//!
//! In turn, some rounds: a fresh daemon takes all events over HTTP (bodies of 1 MiB, uncompressed, on
//! four connections), syncs, routes, compresses and puts them, and stops; then one thread does
//! parse + SHA-256 + gzip of the same bytes ([`limit`]). Other work on the machine only adds CPU
//! time, by cold caches, so the least of the rounds counts on both sides.

use anyhow::Result;

use crate::daemon::Site;
use crate::figures::{Wanted, figure, say};
use crate::load;
use crate::process::own_cpu_seconds;
use crate::records::{self, Request};
use crate::limit;

const CONNECTIONS: usize = 4;
const BODY_BYTES: usize = 1 << 20;
/// Three accounts in four Regions.
const PAIRS: usize = 30;

/// What one event costs, in CPU seconds a million.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Cairn's whole process.
    pub cairn: f64,
}

/// The figures of this module.
pub fn names() -> Vec<String> {
    [
        "cpu_vs_limit",
        "cpu_s_per_million.cairn",
        "cpu_s_per_million.limit",
        "events_per_s.bulk.c4",
        "record_bytes_mean",
        "compression_ratio",
        "null_s3_cpu_s",
        "generator_cpu_s",
    ]
    .map(str::to_owned)
    .into()
}

/// Measures and prints them.
pub fn measure(wanted: &Wanted) -> Result<Cost> {
    let pairs = records::pairs(PAIRS);
    let records = records::records(wanted.pick(50_000, 200_000), &pairs);
    let mut requests = Request::bulks(&records, BODY_BYTES);
    let events = records.len() as f64;
    drop(records);
    let bytes: usize = requests.iter().map(|request| request.body().len()).sum();
    let level = limit::default_level()?;
    say(&format!("{events} events, {} MB, gzip level {level}, least of some rounds", bytes / 1_000_000));
    let (mut cairn, mut least_limit) = (f64::MAX, f64::MAX);
    let mut last = None;
    for round in 1..=wanted.pick(2, 4) {
        let site = Site::new(&pairs)?;
        let daemon = site.start()?;
        let (own, s3) = (own_cpu_seconds(), site.s3().cpu_seconds()?);
        let sent = load::once(daemon.address(), &mut requests, CONNECTIONS)?;
        let own = own_cpu_seconds() - own;
        let ended = daemon.finish(sent.events)?;
        let limit = limit::cpu_seconds(&requests, level)?;
        say(&format!(
            "round {round}: cairn {:.2} CPU s, limit {limit:.2}, ratio {:.3}; taken in {:.2} s, {} answers 503; generator {own:.2} CPU s; peak {:.0} MB",
            ended.cpu_seconds, ended.cpu_seconds / limit, sent.seconds, sent.busy, ended.peak_memory_mb,
        ));
        cairn = cairn.min(ended.cpu_seconds);
        least_limit = least_limit.min(limit);
        last = Some((sent, ended, own, ended.s3_cpu_seconds - s3));
    }
    figure("cpu_vs_limit", cairn / least_limit, "ratio")?;
    figure("cpu_s_per_million.cairn", cairn / events * 1e6, "s")?;
    figure("cpu_s_per_million.limit", least_limit / events * 1e6, "s")?;
    figure("record_bytes_mean", bytes as f64 / events, "B")?;
    if let Some((sent, ended, own, s3)) = last {
        figure("events_per_s.bulk.c4", sent.events as f64 / sent.seconds, "1/s")?;
        let report = ended.report;
        figure("compression_ratio", report.uncompressed as f64 / report.compressed as f64, "ratio")?;
        figure("null_s3_cpu_s", s3, "s")?;
        figure("generator_cpu_s", own, "s")?;
    }
    Ok(Cost { cairn: cairn / events * 1e6 })
}
