//! `rss_growth_mb`: what 10,000 pairs of account and Region cost in memory over one pair.
//!
//! Two fresh daemons take the same number of events of the same sizes, one of a single pair, the
//! other of 10,000, whose every segment becomes 10,000 log files. The figure is the difference of
//! their peaks of resident memory, until everything is delivered.

use anyhow::Result;

use crate::daemon::{Ended, Site};
use crate::figures::{Wanted, figure, say};
use crate::load;
use crate::process::now;
use crate::records;
use crate::requests::Request;

const PAIRS: [usize; 2] = [1, 10_000];
const CONNECTIONS: usize = 4;
const BODY_BYTES: usize = 1 << 20;

/// The figures of this module.
pub fn names() -> Vec<String> {
    ["rss_growth_mb", "rss_peak_mb.pairs1", "rss_peak_mb.pairs10000"].map(str::to_owned).into()
}

/// Measures and prints them.
pub fn measure(wanted: &Wanted) -> Result<()> {
    let mut peaks = Vec::new();
    for count in PAIRS {
        let pairs = records::pairs(count);
        let records = records::records(wanted.pick(60_000, 200_000), &pairs);
        let mut requests = Request::bulks(&records, BODY_BYTES);
        let site = Site::new(&pairs)?;
        let daemon = site.start()?;
        let begun = now();
        let sent = load::once(daemon.address(), &mut requests, CONNECTIONS)?;
        let Ended { spent, report } = daemon.finish(sent.events)?;
        say(&format!(
            "{count} pairs: {} events in {} log files after {:.1} s, {:.1} CPU s, peak {:.0} MB",
            report.records,
            report.files,
            begun.elapsed().as_secs_f64(),
            spent.cpu_seconds,
            spent.peak_memory_mb,
        ));
        figure(&format!("rss_peak_mb.pairs{count}"), spent.peak_memory_mb, "MB")?;
        peaks.push(spent.peak_memory_mb);
    }
    figure("rss_growth_mb", peaks[1] - peaks[0], "MB")
}
