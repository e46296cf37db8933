//! `cpu_vs_limit`: what Cairn's whole process costs, by what the work itself costs one thread.
//!
//! One daemon, warm: first all events once, so that its journal has files to recycle and its window
//! of identities is filled. Then, some rounds in turn: the daemon takes all events anew over HTTP
//! (bodies of 1 MiB, uncompressed, on four connections), syncs, routes, compresses and puts them,
//! until nothing waits; and one thread does parse + SHA-256 + gzip of the same bytes ([`limit`]).
//! Other work on the machine only adds CPU time, by cold caches, so the least of the rounds counts on
//! both sides, and the highest rate.
//!
//! That daemon keeps no event history. Beside it, in the same rounds, is one that keeps it, as users get
//! it: of that the mean of all rounds counts, since it merges files in some and not in others.

use anyhow::Result;

use crate::daemon::{Cairn, Ended, Site, Spent};
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
        "cpu_vs_limit.history",
        "cpu_s_per_million.cairn",
        "cpu_s_per_million.history",
        "cpu_s_per_million.limit",
        "cpu_s_per_million.generator",
        "cpu_s_per_million.null_s3",
        "events_per_s.bulk.c4",
        "rss_peak_mb",
        "rss_peak_mb.history",
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
    let sites = [Site::without_history(&pairs)?, Site::new(&pairs)?];
    let mut plain = Side::start(&sites[0], &mut requests)?;
    let mut keeping = Side::start(&sites[1], &mut requests)?;
    let mut least_limit = f64::MAX;
    let rounds = wanted.pick(2, 5);
    for round in 1..=rounds {
        let spent = [plain.round(&mut requests)?, keeping.round(&mut requests)?];
        let limit = limit::cpu_seconds(&requests, level)?;
        say(&format!(
            "round {round}: CPU s: cairn {:.2}, with its history {:.2}, limit {limit:.2}; ratio {:.3}",
            spent[0],
            spent[1],
            spent[0] / limit,
        ));
        least_limit = least_limit.min(limit);
    }
    let million = 1e6 / events;
    let kept = keeping.total / f64::from(rounds);
    let keeping = keeping.daemon.finish(keeping.acknowledged)?;
    let Side { least: cairn, generator, rate, before, acknowledged, daemon, .. } = plain;
    let Ended { spent, report } = daemon.finish(acknowledged)?;
    let s3 = (spent.s3_cpu_seconds - before.s3_cpu_seconds) / f64::from(rounds);
    figure("cpu_vs_limit", cairn / least_limit, "ratio")?;
    figure("cpu_vs_limit.history", kept / least_limit, "ratio")?;
    figure("cpu_s_per_million.cairn", cairn * million, "s")?;
    figure("cpu_s_per_million.history", (kept - cairn) * million, "s")?;
    figure("cpu_s_per_million.limit", least_limit * million, "s")?;
    figure("cpu_s_per_million.generator", generator * million, "s")?;
    figure("cpu_s_per_million.null_s3", s3 * million, "s")?;
    figure("events_per_s.bulk.c4", rate, "1/s")?;
    figure("rss_peak_mb", spent.peak_memory_mb, "MB")?;
    figure("rss_peak_mb.history", keeping.spent.peak_memory_mb, "MB")?;
    figure("record_bytes_mean", bytes as f64 / events, "B")?;
    figure("compression_ratio", report.uncompressed as f64 / report.compressed as f64, "ratio")?;
    let events = requests.iter().map(Request::events).sum();
    Ok(Measured { requests, events, cpu_seconds: cairn })
}

/// One of the daemons that are compared, and what it cost.
struct Side<'a> {
    daemon: Cairn<'a>,
    acknowledged: u64,
    /// Before the first round.
    before: Spent,
    /// CPU seconds of the cheapest round, and of all.
    least: f64,
    total: f64,
    /// The generator's, and events a second.
    generator: f64,
    rate: f64,
}

impl<'a> Side<'a> {
    /// Warm: it has taken all events once.
    fn start(site: &'a Site, requests: &mut [Request]) -> Result<Side<'a>> {
        let mut daemon = site.start()?;
        let acknowledged = load::once(daemon.address(), requests, CONNECTIONS)?.events;
        daemon.flush()?;
        let before = daemon.spent()?;
        let (least, total, generator, rate) = (f64::MAX, 0.0, f64::MAX, 0.0);
        Ok(Side { daemon, acknowledged, before, least, total, generator, rate })
    }

    /// Takes all events anew, until nothing waits; the CPU seconds of that.
    fn round(&mut self, requests: &mut [Request]) -> Result<f64> {
        let (before, own) = (self.daemon.spent()?, own_cpu_seconds());
        let sent = load::once(self.daemon.address(), requests, CONNECTIONS)?;
        self.generator = self.generator.min(own_cpu_seconds() - own);
        self.daemon.flush()?;
        let spent = self.daemon.spent()?.cpu_seconds - before.cpu_seconds;
        self.acknowledged += sent.events;
        self.least = self.least.min(spent);
        self.total += spent;
        self.rate = f64::max(self.rate, sent.events as f64 / sent.seconds);
        Ok(spent)
    }
}
