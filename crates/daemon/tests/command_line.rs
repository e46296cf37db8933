//! The command line itself. That this test exists also makes `cargo test --workspace` build the
//! binary, which the system tests start.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn cairn(arguments: &[&str]) -> (Option<i32>, String, String) {
    let cairn = env!("CARGO_BIN_EXE_cairn");
    let Output { status, stdout, stderr } = Command::new(cairn).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn each_command_explains_itself_with_an_example() {
    for command in ["serve", "put", "consume", "doctor", "prove", "import", "query"] {
        let (code, help, _) = cairn(&[command, "--help"]);
        assert_eq!(code, Some(0), "{command}");
        assert!(help.contains("Usage: cairn") && help.contains("Examples:"), "{help}");
    }
    let (code, version, _) = cairn(&["--version"]);
    assert_eq!((code, version), (Some(0), format!("cairn {}\n", env!("CARGO_PKG_VERSION"))));
}

#[cfg(not(feature = "sql"))]
#[test]
fn a_build_without_sql_says_which_has_it() {
    let (code, _, errors) = cairn(&["query", "SELECT 1"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("no SQL") && errors.contains("--features sql"), "{errors}");
}

#[test]
fn what_cannot_be_understood_is_said_and_ends_with_2() {
    for (arguments, said) in [
        (&[][..], "Usage: cairn"),
        (&["deliver"][..], "unrecognized subcommand 'deliver'"),
        (&["put"][..], "<FILE>"),
        (&["put", "--account", "12", "x"][..], "12 digits"),
        (&["consume"][..], "--queue"),
        (&["prove"][..], "<EVENTID>"),
        (&["prove", "--check", "proof.json"][..], "--key <FILE>"),
        (&["prove", "id", "--check", "proof.json", "--key", "k"][..], "cannot be used with"),
        (&["prove", "id", "--log-file", "bucket/key"][..], "s3://BUCKET/KEY"),
        (&["prove", "id", "--start-time", "yesterday"][..], "2026-03-09T14:00:00Z"),
        (&["prove", "../id", "--s3-bucket", "logs"][..], "-o"),
        (&["import"][..], "s3://BUCKET[/PREFIX] | DIR"),
        (&["import", "x", "--since", "yesterday"][..], "2026-03-09T14:00:00Z"),
        (&["import", "x", "--since", "2026-03-09", "--until", "2026-03-08"][..], "--since"),
        (&["import", "no/such", "--dry-run"][..], "no/such: there is no such directory"),
        (&["import", "s3://B", "--dry-run"][..], "a bucket name of 3 to 63"),
        (&["import", "s3://logs/a/AWSLogs/1", "--dry-run"][..], "before AWSLogs/"),
        (&["import", "src", "--dry-run"][..], "nothing below AWSLogs/"),
        (&["consume", "--queue", "q", "--wait", "0"][..], "1..=20"),
        (&["query", "--memory", "512", "SELECT 1"][..], "512MB"),
        (&["query", "--timeout", "5", "SELECT 1"][..], "such as 5m"),
        (&["query", "--from", "x", "--data-dir", "y", "SELECT 1"][..], "cannot be used with"),
    ] {
        let (code, _, errors) = cairn(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(errors.contains(said), "{arguments:?}: {errors}");
    }
}
