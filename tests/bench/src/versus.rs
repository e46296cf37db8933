//! `vs_gzip6` and `vs_tenzir`: events a CPU second, Cairn's by another program's; above 1 Cairn is
//! cheaper.
//!
//! Both others get the events as one plain NDJSON file, without HTTP, syncs, duplicates or routing:
//!
//! - `gzip -6` of the system, written to nowhere. It only compresses.
//! - Tenzir, where it is installed: `CAIRN_BENCH_TENZIR` names the program, or it is on the path
//!   (`pip install --no-deps tenzir`). It reads the file as NDJSON, writes NDJSON, compresses by gzip
//!   at Cairn's level and puts objects of up to 50 MB to a null S3 like Cairn's. All events must be
//!   there, each once. The licence that its package names (BSD-3-Clause) says nothing of
//!   measurements, but the program also holds parts under its vendor's own terms: read those before
//!   you publish a figure.
//!
//! CPU seconds are those of the whole process; the least of two runs counts.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cpu::Measured;
use crate::daemon::beside;
use crate::figures::{Wanted, figure, say};
use crate::limit;
use crate::null_s3::NullS3;
use crate::process;

const RUNS: usize = 2;

/// The figures of this module.
pub fn names() -> Vec<String> {
    ["vs_gzip6", "vs_tenzir"].map(str::to_owned).into()
}

/// Measures and prints what was asked for.
pub fn measure(wanted: &Wanted, cairn: &Measured) -> Result<()> {
    let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(beside()?)?;
    let plain = directory.path().join("events.ndjson");
    let mut file = BufWriter::new(File::create(&plain)?);
    cairn.requests.iter().try_for_each(|request| file.write_all(request.body()))?;
    file.into_inner()?.sync_all()?;
    if wanted.any(&names()[..1]) {
        let gzip = least(|| gzip(&plain))?;
        say(&format!("CPU s: gzip -6 {gzip:.2}, cairn {:.2}", cairn.cpu_seconds));
        figure("vs_gzip6", gzip / cairn.cpu_seconds, "ratio")?;
    }
    if wanted.any(&names()[1..]) {
        match find() {
            None => say("vs_tenzir is left out: no tenzir on the path or in CAIRN_BENCH_TENZIR"),
            Some(program) => {
                let tenzir = least(|| tenzir(&program, &plain, cairn))?;
                say(&format!("CPU s: tenzir {tenzir:.2}, cairn {:.2}", cairn.cpu_seconds));
                figure("vs_tenzir", tenzir / cairn.cpu_seconds, "ratio")?;
            }
        }
    }
    Ok(())
}

fn least(run: impl Fn() -> Result<f64>) -> Result<f64> {
    (0..RUNS).map(|_| run()).try_fold(f64::MAX, |least, seconds| Ok(least.min(seconds?)))
}

fn gzip(plain: &Path) -> Result<f64> {
    let mut command = Command::new("gzip");
    Ok(process::run(command.arg("-6c").arg(plain).stdout(Stdio::null()))?.cpu_seconds)
}

fn tenzir(program: &Path, plain: &Path, cairn: &Measured) -> Result<f64> {
    let s3 = NullS3::start()?;
    let (address, level) = (s3.address(), limit::default_level()?);
    let pipeline = format!(
        "from_file {plain:?} {{ read_ndjson }}\n\
         to_s3 \"s3://bench:bench@bench/{{uuid}}.json.gz?endpoint_override={address}&scheme=http&region=us-east-1\", max_size=50000000 {{\n\
         write_ndjson\n\
         compress_gzip level={level}\n}}"
    );
    let home = plain.parent().context("a file lies in a directory")?;
    let log = home.join("tenzir.log");
    let mut command = Command::new(program);
    command
        .arg(&pipeline)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?);
    let ran = process::run(&mut command).with_context(|| {
        let said = fs::read_to_string(&log).unwrap_or_default();
        format!("tenzir says: {said}")
    })?;
    let report = s3.report()?;
    ensure!(
        report.records == cairn.events && report.distinct == cairn.events,
        "tenzir delivered {report:?} of {} events; {}",
        cairn.events,
        fs::read_to_string(&log)?,
    );
    say(&format!(
        "tenzir: {} files, compressed to 1 part in {:.1}",
        report.files,
        report.uncompressed as f64 / report.compressed as f64
    ));
    Ok(ran.cpu_seconds)
}

fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CAIRN_BENCH_TENZIR") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|place| place.join("tenzir")).find(|program| program.exists())
}
