//! `validate_speedup`: how much sooner `cairn validate` is done with a bucket than `aws cloudtrail
//! validate-logs`.
//!
//! Both validate the same [`chain`](crate::chain): 2,400 log files and the 201 digests over them.
//! Both ask the same [null S3](crate::null_s3), which stands in for CloudTrail too: it tells the trail
//! and the key that signed. Both are given the trail's ARN and the times of the first and the last
//! digest, and must say that every digest and every log file is valid, or the run fails. The aws
//! command line is the one that the tests pin, in the environment that `localstack/localstack` makes.
//!
//! They take turns for some rounds, and the quickest of each counts. Two figures tell what bounds
//! Cairn: `validate_vs_limit` is its CPU by that of one thread that does nothing but gunzip and
//! SHA-256 of the same bytes ([`limit`]); `validate_cores_busy` is how many cores Cairn and the store
//! kept busy. When those are all that there are, only cheaper work or more cores are faster.
//!
//! This store answers at once, which no S3 does, and the aws command line asks for one object after
//! the other. So another round is run with every answer [`LATENCY_MS`] late: `*.latency20`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::chain::{Chain, REGION};
use crate::daemon::{beside, binary};
use crate::figures::{Wanted, figure, say};
use crate::limit;
use crate::null_s3::NullS3;
use crate::process::{self, Ran, now};

/// Less than S3 takes: its guidelines tell of roughly 100 to 200 ms for small objects.
/// Source: Amazon S3 User Guide, "Best practices design patterns: optimizing Amazon S3 performance".
const LATENCY_MS: u64 = 20;

/// The figures of this module.
pub fn names() -> Vec<String> {
    [
        "validate_speedup",
        "validate_s.aws",
        "validate_s.cairn",
        "validate_mb_per_s.cairn",
        "validate_cpu_s.aws",
        "validate_cpu_s.cairn",
        "validate_cpu_s.null_s3",
        "validate_cpu_s.limit",
        "validate_vs_limit",
        "validate_cores_busy",
        "rss_peak_mb.validate.aws",
        "rss_peak_mb.validate.cairn",
        "validate_speedup.latency20",
        "validate_s.aws.latency20",
        "validate_s.cairn.latency20",
    ]
    .map(str::to_owned)
    .into()
}

/// One run of a validator.
#[derive(Clone, Copy, Debug)]
struct Round {
    ran: Ran,
    /// What the store spent meanwhile.
    s3_cpu_seconds: f64,
}

/// Measures and prints them.
pub fn measure(wanted: &Wanted) -> Result<()> {
    let (aws_cli, cairn_binary) = (aws_cli()?, binary()?);
    let (s3, begun) = (NullS3::start()?, now());
    let chain = Chain::put(&s3, wanted.pick(20, 200))?;
    let bytes: usize = chain.files.iter().map(|file| file.uncompressed).sum();
    let compressed: usize = chain.files.iter().map(|file| file.body.len()).sum();
    say(&format!(
        "{} log files in {} digests, {} MB, compressed {} MB, made in {:.1} s",
        chain.files.len(),
        chain.digests,
        bytes / 1_000_000,
        compressed / 1_000_000,
        begun.elapsed().as_secs_f64(),
    ));
    let run_aws = || validate(&aws_cli, &["cloudtrail", "validate-logs"], &chain, &s3);
    let run_cairn = || validate(&cairn_binary, &["validate"], &chain, &s3);
    let (mut aws, mut cairn, mut limit) = (None, None, f64::MAX);
    for round in 1..=wanted.pick(1, 3) {
        let (slow, fast) = (run_aws()?, run_cairn()?);
        limit = limit.min(limit::validation_seconds(&chain.files)?);
        say(&format!("round {round}: aws {slow}; cairn {fast}; limit {limit:.2} CPU s",));
        aws = quicker(aws, slow);
        cairn = quicker(cairn, fast);
    }
    let (aws, cairn) = aws.zip(cairn).context("there is a round")?;
    let Round { ran, s3_cpu_seconds } = cairn;
    let busy = (ran.cpu_seconds + s3_cpu_seconds) / ran.seconds;
    figure("validate_speedup", aws.ran.seconds / ran.seconds, "ratio")?;
    figure("validate_s.aws", aws.ran.seconds, "s")?;
    figure("validate_s.cairn", ran.seconds, "s")?;
    figure("validate_mb_per_s.cairn", bytes as f64 / 1e6 / ran.seconds, "MB/s")?;
    figure("validate_cpu_s.aws", aws.ran.cpu_seconds, "s")?;
    figure("validate_cpu_s.cairn", ran.cpu_seconds, "s")?;
    figure("validate_cpu_s.null_s3", s3_cpu_seconds, "s")?;
    figure("validate_cpu_s.limit", limit, "s")?;
    figure("validate_vs_limit", ran.cpu_seconds / limit, "ratio")?;
    figure("validate_cores_busy", busy, "cores")?;
    figure("rss_peak_mb.validate.aws", aws.ran.peak_memory_mb, "MB")?;
    figure("rss_peak_mb.validate.cairn", ran.peak_memory_mb, "MB")?;
    s3.delay(LATENCY_MS)?;
    let [aws, cairn] = [run_aws()?, run_cairn()?];
    say(&format!("answers {LATENCY_MS} ms late: aws {aws}; cairn {cairn}"));
    let (aws, cairn) = (aws.ran.seconds, cairn.ran.seconds);
    figure("validate_speedup.latency20", aws / cairn, "ratio")?;
    figure("validate_s.aws.latency20", aws, "s")?;
    figure("validate_s.cairn.latency20", cairn, "s")
}

impl std::fmt::Display for Round {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Round { ran: Ran { seconds, cpu_seconds, .. }, s3_cpu_seconds } = self;
        write!(formatter, "{seconds:.2} s, {cpu_seconds:.2} CPU s, store {s3_cpu_seconds:.2}")
    }
}

fn quicker(one: Option<Round>, other: Round) -> Option<Round> {
    let is_quicker = one.is_some_and(|one| one.ran.seconds <= other.ran.seconds);
    if is_quicker { one } else { Some(other) }
}

/// Runs a validator over the whole chain, and sees that it found all of it valid.
fn validate(program: &Path, words: &[&str], chain: &Chain, s3: &NullS3) -> Result<Round> {
    let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(beside()?)?;
    let output = directory.path().join("output");
    let before = s3.cpu_seconds()?;
    let file = File::create(&output)?;
    let mut command = Command::new(program);
    command
        .args(words)
        .args(["--trail-arn", &chain.trail])
        .args(["--start-time", &chain.from.to_iso_seconds()])
        .args(["--end-time", &chain.to.to_iso_seconds()])
        .env_clear()
        .env("AWS_ENDPOINT_URL", format!("http://{}", s3.address()))
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    let ran = process::run(&mut command);
    let said = fs::read_to_string(&output)?;
    let ran = ran.with_context(|| format!("{} said: {said}", program.display()))?;
    for (what, count) in [("digest", chain.digests), ("log", chain.files.len())] {
        let line = format!("{count}/{count} {what} files valid");
        let is_said = said.lines().any(|found| found == line);
        ensure!(is_said, "{} did not say {line:?}, but: {said}", program.display());
    }
    Ok(Round { ran, s3_cpu_seconds: s3.cpu_seconds()? - before })
}

/// The pinned aws command line; it is installed when it is not there.
fn aws_cli() -> Result<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../localstack/localstack");
    let python = ["python", "-c", "import sys; print(sys.executable, end='')"];
    let output = Command::new(script).args(python).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{script} has no Python with the aws command line");
    Ok(PathBuf::from(String::from_utf8(output.stdout)?).with_file_name("aws"))
}
