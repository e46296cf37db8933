//! The bench runs: what it prints is what others parse.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::Command;

/// Names and units of the figures that a quick run prints, and what it said besides.
fn figures(wanted: &[&str]) -> (Vec<String>, String) {
    let bench = env!("CARGO_BIN_EXE_cairn-bench");
    let run = Command::new(bench).arg("--quick").args(wanted).output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.success(), "{said}");
    let mut names = Vec::new();
    for line in String::from_utf8(run.stdout).unwrap().lines() {
        let [name, value, unit] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let value: f64 = value.parse().unwrap();
        // What the store costs, of CPU, may be less than the system counts.
        assert!(value > 0.0 || value == 0.0 && name.ends_with("null_s3"), "{line}");
        names.push(format!("{name} {unit}"));
    }
    (names, said)
}

#[test]
fn a_quick_run_prints_the_figures_that_were_asked_for_and_finds_every_event() {
    let (names, said) = figures(&["single.c16", "api.c1.", "selector_evals", "describe_trails"]);
    let expected = [
        "events_per_s.single.c16 1/s",
        "ack_p50_ms.single.c16 ms",
        "ack_p99_ms.single.c16 ms",
        "events_per_s.api.c1 1/s",
        "ack_p50_ms.api.c1 ms",
        "ack_p99_ms.api.c1 ms",
        "describe_trails_per_s 1/s",
        "selector_evals_per_s_1 1/s",
        "selector_evals_per_s_5 1/s",
        "selector_evals_per_s_500 1/s",
    ];
    assert_eq!(names, expected, "{said}");
}

/// The aws command line is LocalStack's, so who leaves out LocalStack leaves out this.
#[test]
fn both_validators_find_all_of_the_bucket_valid() {
    if std::env::var("CAIRN_SKIP_LOCALSTACK").is_ok_and(|value| value == "1") {
        let skipped = "SKIPPED: it needs the aws command line, and CAIRN_SKIP_LOCALSTACK=1";
        let test = "both_validators_find_all_of_the_bucket_valid";
        let _ = writeln!(std::io::stderr(), "{test} was {skipped}");
        return;
    }
    let (names, said) = figures(&["validate_speedup"]);
    let expected = [
        "validate_speedup ratio",
        "validate_s.aws s",
        "validate_s.cairn s",
        "validate_mb_per_s.cairn MB/s",
        "validate_cpu_s.aws s",
        "validate_cpu_s.cairn s",
        "validate_cpu_s.null_s3 s",
        "validate_cpu_s.limit s",
        "validate_vs_limit ratio",
        "validate_cores_busy cores",
        "rss_peak_mb.validate.aws MB",
        "rss_peak_mb.validate.cairn MB",
        "validate_speedup.latency20 ratio",
        "validate_s.aws.latency20 s",
        "validate_s.cairn.latency20 s",
    ];
    assert_eq!(names, expected, "{said}");
}
