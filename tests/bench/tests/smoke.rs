//! The bench runs: what it prints is what others parse.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn a_quick_run_prints_the_figures_that_were_asked_for_and_finds_every_event() {
    let bench = env!("CARGO_BIN_EXE_cairn-bench");
    let run = Command::new(bench)
        .args(["--quick", "single.c16", "api.c1.", "selector_evals", "describe_trails"])
        .output()
        .unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.success(), "{said}");
    let figures = String::from_utf8(run.stdout).unwrap();
    let mut names = Vec::new();
    for line in figures.lines() {
        let [name, value, unit] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        assert!(value.parse::<f64>().unwrap() > 0.0, "{line}");
        names.push(format!("{name} {unit}"));
    }
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
