//! `recovery_s_per_gb`: how long a start takes with a full journal.
//!
//! The null S3 stalls, so that nothing leaves the journal, until it holds the events asked for (about
//! 1 GB of records; 256 MB in a short run). Then `kill -9`. What is timed is the next start: from the
//! start of the process to the first 200 of `/readyz`, when events are taken again, divided by the
//! GB (10^9 bytes) of records in the journal; `recovery_cpu_s_per_gb` is what the process cost until
//! then. The files are in the page cache. Afterwards everything must arrive, once.

use anyhow::Result;

use crate::daemon::Site;
use crate::figures::{Wanted, figure, say};
use crate::load;
use crate::records;
use crate::requests::Request;

const CONNECTIONS: usize = 4;
const BODY_BYTES: usize = 1 << 20;

/// The figures of this module.
pub fn names() -> Vec<String> {
    ["recovery_s_per_gb", "recovery_cpu_s_per_gb", "rss_peak_mb.recovery"].map(str::to_owned).into()
}

/// Measures and prints them.
pub fn measure(wanted: &Wanted) -> Result<()> {
    let pairs = records::pairs(30);
    let mut requests = Request::bulks(&records::records(60_000, &pairs), BODY_BYTES);
    let site = Site::new(&pairs)?;
    let daemon = site.start()?;
    let empty_seconds = daemon.start_seconds;
    site.s3().stall(true)?;
    let (mut events, mut bytes) = (0, 0);
    while bytes < wanted.pick(256_000_000, 1_000_000_000) {
        events += load::once(daemon.address(), &mut requests, CONNECTIONS)?.events;
        bytes += requests.iter().map(|request| request.body().len()).sum::<usize>();
    }
    daemon.kill()?;
    site.s3().stall(false)?;
    let daemon = site.start()?;
    let (seconds, ready) = (daemon.start_seconds, daemon.spent()?);
    let ended = daemon.finish(events)?;
    say(&format!(
        "start with {events} events, {:.2} GB: {seconds:.3} s, {:.2} CPU s, {:.0} MB at most until ready; an empty start took {empty_seconds:.3} s",
        bytes as f64 / 1e9,
        ready.cpu_seconds,
        ready.peak_memory_mb,
    ));
    let gigabytes = bytes as f64 / 1e9;
    figure("recovery_s_per_gb", seconds / gigabytes, "s/GB")?;
    figure("recovery_cpu_s_per_gb", ready.cpu_seconds / gigabytes, "s/GB")?;
    figure("rss_peak_mb.recovery", ended.spent.peak_memory_mb, "MB")
}
