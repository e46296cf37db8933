//! `make bench`: the speed of the `cairn` binary, in figures. `name value unit`, one a line, on
//! stdout; what goes on is told on stderr. Exit code 1 when something failed, an event that was lost
//! or doubled included.
//!
//! Three processes: this program makes the load ([`load`], [`requests`] of [`records`]), the release
//! binary of Cairn is measured ([`daemon`]), and this program again, with a hidden argument, is the
//! S3 that objects go to ([`null_s3`]).
//!
//! | figures | what they are |
//! | --- | --- |
//! | `cpu_vs_limit`, `cpu_s_per_million.*`, `events_per_s.bulk.c4`, `rss_peak_mb`, `record_bytes_mean`, `compression_ratio` | [`cpu`], against [`limit`] |
//! | `vs_gzip6`, `vs_tenzir` | [`versus`] |
//! | `events_per_s.LOAD`, `ack_p50_ms.LOAD`, `ack_p99_ms.LOAD` | [`throughput`] |
//! | `rss_growth_mb`, `rss_peak_mb.pairs*` | [`memory`] |
//! | `recovery_s_per_gb`, `recovery_cpu_s_per_gb`, `rss_peak_mb.recovery` | [`recovery`] |
//! | `describe_trails_per_s`, `trail_status_per_s` | [`api`] |
//! | `sigv4_us` | [`signature`] |
//! | `selector_evals_per_s_1`, `_5`, `_500` | [`selectors`] |
//! | `lookup_p50_ms`, `lookup_p99_ms`, `lookups_per_s`, `visible_p99_ms`, `history_*` | [`lookup`] |
//! | `sql_vs_duckdb` | [`sql`], over the same history |
//! | `import_events_per_s`, `rss_peak_mb.import` | [`import`] |
//! | `validate_*`, `rss_peak_mb.validate.*` | [`validate`], against the aws command line |
//!
//! Seconds of CPU and bytes of memory hold on a machine that others use too; rates and waits do not.

mod api;
mod chain;
mod cpu;
mod daemon;
mod figures;
mod http;
mod import;
mod limit;
mod listing;
mod load;
mod lookup;
mod memory;
mod null_s3;
mod past;
mod process;
mod records;
mod recovery;
mod requests;
mod selectors;
mod signature;
mod sql;
mod throughput;
mod validate;
mod versus;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use figures::{Wanted, say};

const USAGE: &str = "arguments are --quick, --events N, and parts of the names of figures";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == [null_s3::ARGUMENT] {
        return null_s3::serve();
    }
    let mut wanted = Wanted::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => wanted.is_quick = true,
            "--events" => {
                let number = arguments.next().context("--events takes a number")?;
                wanted.events = Some(number.parse().context("--events takes a number")?);
            }
            flag if flag.starts_with('-') => bail!("{flag} is unknown; {USAGE}"),
            _ => wanted.filters.push(argument),
        }
    }
    let versus = wanted.any(&versus::names());
    if versus || wanted.any(&cpu::names()) {
        let measured = cpu::measure(&wanted)?;
        if versus {
            versus::measure(&wanted, &measured)?;
        }
    }
    throughput::measure(&wanted)?;
    if wanted.any(&memory::names()) {
        memory::measure(&wanted)?;
    }
    if wanted.any(&recovery::names()) {
        recovery::measure(&wanted)?;
    }
    api::measure(&wanted)?;
    if wanted.any(&signature::names()) {
        signature::measure(&wanted)?;
    }
    if wanted.any(&selectors::names()) {
        selectors::measure(&wanted)?;
    }
    if wanted.any(&validate::names()) {
        validate::measure(&wanted)?;
    }
    if wanted.any(&lookup::names()) || wanted.any(&sql::names()) {
        lookup::measure(&wanted)?;
    }
    if wanted.any(&import::names()) {
        import::measure(&wanted)?;
    }
    if wanted.any(&["visible_p99_ms".to_owned()]) {
        lookup::measure_visible(&wanted)?;
    }
    Ok(())
}
