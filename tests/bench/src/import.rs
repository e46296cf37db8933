//! `import_events_per_s`: a copy of a bucket into the history, by `cairn import`.
//!
//! The log files are those of a [`Past`] (500,000 events; `--events N` for another number), for each day,
//! account and Region, of 1,000 records each. From the start of the command to its end, all of it
//! durable and found; what is merged in the background meanwhile is merged. Wall-clock.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use serde_json::Value;

use crate::daemon::{Site, beside, binary};
use crate::figures::{Wanted, figure, say};
use crate::past::Past;
use crate::process::{now, wall_clock};
use crate::records;

/// Records of a log file.
const FILE_RECORDS: usize = 1_000;

/// The figures of this module.
pub fn names() -> Vec<String> {
    ["import_events_per_s", "rss_peak_mb.import"].map(str::to_owned).into()
}

/// Measures and prints them.
pub fn measure(wanted: &Wanted) -> Result<()> {
    let events = wanted.events.unwrap_or(wanted.pick(50_000, 500_000));
    let end = Timestamp::from_millis(wall_clock().as_millis() - 3_600_000);
    let copy = tempfile::Builder::new().prefix("import-").tempdir_in(beside()?)?;
    let files = write(copy.path(), &Past { events, end })?;
    say(&format!("{events} events in {files} log files"));
    let site = Site::new(&records::pairs(1))?;
    let daemon = site.start()?;
    let begun = now();
    let mut command = Command::new(binary()?);
    command.arg("import").arg(copy.path()).arg("--json");
    command.args(["--endpoint", &format!("http://{}", daemon.address())]);
    let output = command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").output()?;
    let seconds = begun.elapsed().as_secs_f64();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cairn import: {errors}");
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let count = |place: &str| report.pointer(place).and_then(Value::as_u64).context("a count");
    ensure!(count("/records/added")? == events, "{report}");
    #[allow(clippy::cast_precision_loss)] // fewer than 2^53
    figure("import_events_per_s", events as f64 / seconds, "1/s")?;
    let spent = daemon.spent()?;
    say(&format!("{:.1} CPU s of the daemon", spent.cpu_seconds));
    figure("rss_peak_mb.import", spent.peak_memory_mb, "MB")?;
    // Each body is an event.
    daemon.finish(count("/bodies")?)?;
    Ok(())
}

/// Writes the log files; how many.
fn write(root: &Path, past: &Past) -> Result<usize> {
    let mut files = 0;
    let mut open: BTreeMap<(String, &'static str), Vec<String>> = BTreeMap::new();
    let mut day = String::new();
    for number in 0..past.events {
        let event = past.event(number);
        let today = event.time.to_date_folders();
        if today != day {
            for (place, records) in std::mem::take(&mut open) {
                flush(root, &day, &place, &records, &mut files)?;
            }
            day = today;
        }
        let place = (event.account.clone(), event.region);
        let records = open.entry(place.clone()).or_default();
        records.push(event.record());
        if records.len() == FILE_RECORDS {
            let records = std::mem::take(records);
            flush(root, &day, &place, &records, &mut files)?;
        }
    }
    for (place, records) in open {
        flush(root, &day, &place, &records, &mut files)?;
    }
    Ok(files)
}

fn flush(
    root: &Path,
    day: &str,
    (account, region): &(String, &'static str),
    records: &[String],
    files: &mut usize,
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    *files += 1;
    let directory = root.join(format!("AWSLogs/{account}/CloudTrail/{region}/{day}"));
    fs::create_dir_all(&directory)?;
    let stamp = day.replace('/', "");
    let name = format!("{account}_CloudTrail_{region}_{stamp}T2355Z_{files:016}.json.gz");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    write!(gzip, "{{\"Records\":[{}]}}", records.join(","))?;
    fs::write(directory.join(name), gzip.finish()?)?;
    Ok(())
}
