//! `cairn trail explain`, run as people and scripts run it.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use disk::RealDisk;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use serde_json::Value;
use trails::{Definitions, Origin, Registry, Trail, TrailDefinition};

const CONFIGURATION: &str = r#"
data_dir = "DATA"
[[accounts]]
id = "111111111111"
[[trails]]
name = "writes"
account = "111111111111"
region = "eu-west-1"
bucket = "logs"
advanced_event_selectors = '[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"readOnly","Equals":["false"]}]}]'
[[trails]]
name = "everywhere"
account = "111111111111"
region = "us-east-1"
bucket = "logs"
multi_region = true
"#;
const READ: &str = r#"{"eventID":"id-1","eventName":"ListUsers","readOnly":true,"recipientAccountId":"111111111111","awsRegion":"eu-west-1","eventCategory":"Management"}"#;
const WRITE: &str = r#"{"eventID":"id-2","eventName":"RunInstances","readOnly":false,"awsRegion":"eu-west-1","eventCategory":"Management"}"#;

struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Site {
        let site = Site(tempfile::tempdir().unwrap());
        let text = CONFIGURATION.replace("DATA", site.path("data").to_str().unwrap());
        std::fs::write(site.path("cairn.toml"), text).unwrap();
        site
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// A registry with one trail that the API made, in a data directory that is locked as long as
    /// the disk lives.
    fn registry(&self) -> Arc<RealDisk> {
        let disk = Arc::new(RealDisk::open(&self.path("data")).unwrap());
        let arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/made".parse().unwrap();
        let made = Trail::new(arn, "logs".parse().unwrap());
        let made = TrailDefinition { origin: Origin::Api, ..made.into() };
        let definitions = Definitions { trails: vec![made], ..Definitions::default() };
        let mut registry = Registry::open(disk.clone()).unwrap();
        registry.apply(definitions, Timestamp::from_millis(0)).unwrap();
        disk
    }

    fn explain(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cairn"));
        command.args(["trail", "explain"]).args(arguments).env_clear().env("HOME", self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that complains about its arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    fn configured(&self, arguments: &[&str], input: &[u8]) -> Output {
        let config = self.path("cairn.toml");
        self.explain(&[&["--config", config.to_str().unwrap()], arguments].concat(), input)
    }
}

/// For each record the trails that take it, by their names.
fn takers(output: &Output) -> Vec<Vec<String>> {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let name = |arn: &str| Path::new(arn).file_name().unwrap().to_str().unwrap().to_owned();
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let records = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let takers = |record: Value| {
        let trails = record["trails"].as_array().unwrap().clone();
        let taken = trails.iter().filter(|trail| trail["isTaken"] == true);
        taken.map(|trail| name(trail["trail"].as_str().unwrap())).collect()
    };
    records.map(takers).collect()
}

#[test]
fn every_form_of_file_is_explained_record_by_record() {
    let site = Site::new();
    let expected = [vec!["everywhere"], vec!["writes", "everywhere"]];
    let lines = format!("{READ}\n{WRITE}\n");
    let listed = format!(r#"{{"Records":[{READ},{WRITE}]}}"#);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(listed.as_bytes()).unwrap();
    let account = ["--json", "--account", "111111111111", "--region", "eu-west-1"];
    for bytes in [lines.into_bytes(), listed.into_bytes(), gzip.finish().unwrap()] {
        let file = site.path("records");
        std::fs::write(&file, &bytes).unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(takers(&site.configured(&[&account[..], &[file]].concat(), b"")), expected);
        assert_eq!(takers(&site.configured(&[&account[..], &["-"]].concat(), &bytes)), expected);
    }
    assert!(!site.path("data").exists(), "nothing is made");
}

#[test]
fn people_read_sentences() {
    let site = Site::new();
    let output = site.configured(&["--trail", "writes", "-"], READ.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    expect_test::expect![[r#"
        record 1: ListUsers, Management, id-1
        filed under account 111111111111 in eu-west-1
          trail writes does not take it (arn:aws:cloudtrail:eu-west-1:111111111111:trail/writes)
            yes  the trail and the event are of account 111111111111
            yes  its logging is started
            yes  the trail sees eu-west-1, and the event is of eu-west-1
            yes  no global service recorded the event
            selector 1 does not match
              yes  eventCategory is "Management", as selected
              no   readOnly is "true", which is not selected (Equals "false")

    "#]]
    .assert_eq(std::str::from_utf8(&output.stdout).unwrap());
}

#[test]
fn trails_that_the_api_made_count_while_a_daemon_has_the_data_directory() {
    let site = Site::new();
    let daemon = site.registry();
    let both = site.configured(&["--json", "-"], READ.as_bytes());
    assert_eq!(takers(&both), [["made", "everywhere"]]);
    let data = site.path("data");
    let stored =
        site.explain(&["--json", "--data-dir", data.to_str().unwrap(), "-"], READ.as_bytes());
    assert_eq!(takers(&stored), [["made"]]);
    let arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/made";
    let one = site.configured(&["--json", "--trail", arn, "-"], READ.as_bytes());
    assert_eq!(takers(&one), [["made"]]);
    drop(daemon);
    std::fs::write(data.join("trails.json"), "{").unwrap();
    let damaged = site.configured(&["-"], READ.as_bytes());
    assert_eq!(damaged.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("trails.json is unreadable"));
}

#[test]
fn what_would_not_be_recorded_is_said_and_the_rest_explained() {
    let site = Site::new();
    let foreign = READ.replace("111111111111", "222222222222");
    let lines = format!("{foreign}\n{{\"eventID\":}}\n{READ}\n");
    let output = site.configured(&["--json", "-"], lines.as_bytes());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let records: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records[0]["error"], "account 222222222222 is not served here");
    assert!(records[1]["error"].as_str().unwrap().contains("expected value"), "{said}");
    assert_eq!(records[2]["eventID"], "id-1");
}

#[test]
fn a_question_about_no_trail_is_a_mistake() {
    let site = Site::new();
    let unknown = site.configured(&["--trail", "reads", "-"], READ.as_bytes());
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("\"reads\" is unknown") && said.contains("trail/writes"), "{said}");
    let none = site.explain(&["-"], READ.as_bytes());
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("there are no trails"));
}
