//! `cairn query` beside a daemon, on its data directory without one, and on log files; and against
//! another engine that reads the same files.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use cairn_tests::forge::gzip;
use expect_test::expect;
use model::Timestamp;
use serde_json::{Value, json};

use crate::clients::python::{Program, clients, localstack_script, say};
use crate::support::cairn::Site;
use crate::support::localstack::LocalStack;
use crate::support::process::{Ended, binary, cairn};
use crate::support::records;

/// How far back records are moved, at most: all of them are kept for longer.
const BACK_MS_MAX: i64 = 80 * 24 * 3600 * 1000;

/// What the process printed, which must end well.
async fn query(arguments: &[&str]) -> String {
    let ended = run(arguments).await;
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    ended.output
}

async fn run(arguments: &[&str]) -> Ended {
    let mut all = vec!["query"];
    all.extend(arguments);
    cairn(&all).await
}

async fn count(data: &str) -> u64 {
    let said = query(&["--data-dir", data, "--json", "SELECT count(*) AS n FROM events"]).await;
    let rows: Value = serde_json::from_str(&said).unwrap();
    rows[0]["n"].as_u64().unwrap()
}

/// Real records and generated ones, at times of the last weeks.
fn recent_records() -> Vec<String> {
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let moved = |record: String| {
        let mut record: Value = serde_json::from_str(&record).unwrap();
        let time = record["eventTime"].as_str().and_then(Timestamp::parse);
        let back = time.map_or(0, |time| time.as_millis().rem_euclid(BACK_MS_MAX));
        let time = Timestamp::from_millis(now - 3_600_000 - back);
        record["eventTime"] = json!(time.to_string());
        record["managementEvent"] = json!(true);
        record["eventCategory"] = json!("Management");
        record.to_string()
    };
    records::all().into_iter().map(moved).collect()
}

#[tokio::test]
async fn what_is_acknowledged_is_found_whatever_becomes_of_it_meanwhile() {
    let site = Site::new("");
    let data = site.data();
    let data = data.to_str().unwrap();
    let daemon = site.start().await;
    assert_eq!(count(data).await, 0);
    let records = recent_records();
    let mut sent = 0;
    // Batches are sealed each second, become files, are retired and merged: some queries come between.
    for part in records.chunks(records.len().div_ceil(8)) {
        let answer = daemon.send(part).await;
        sent += answer["recorded"].as_u64().unwrap();
        assert_eq!(count(data).await, sent);
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(count(data).await, sent);
    }
    daemon.stop().await;
    assert_eq!(count(data).await, sent);
}

#[tokio::test]
async fn duckdb_reads_the_same_files_and_agrees() {
    let python = tokio::task::spawn_blocking(environment).await.unwrap();
    let site = Site::new("");
    let daemon = site.start().await;
    for part in recent_records().chunks(500) {
        daemon.send(part).await;
    }
    // All is in files when it has stopped.
    daemon.stop().await;
    let program = Program {
        command: vec![format!("{python}/bin/python")],
        arguments: vec![
            "duckdb_agrees.py".into(),
            binary().to_str().unwrap().into(),
            site.data().to_str().unwrap().into(),
        ],
        variables: vec![],
    };
    say(&format!("cairn query and DuckDB: {}", program.run("duckdb_agrees.py").await.trim()));
}

/// The environment with DuckDB, which is made when it is not there.
fn environment() -> String {
    let lock = clients().join("requirements-duckdb.lock");
    let mut command = std::process::Command::new(localstack_script());
    let made = command.args(["environment", "duckdb"]).arg(lock).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

fn log_file(number: usize) -> bytes::Bytes {
    let record = |index: usize| {
        let name = ["PutObject", "DeleteBucket"][index % 2];
        json!({
            "eventVersion": "1.11", "eventTime": "2026-03-09T14:05:00Z",
            "eventSource": "s3.amazonaws.com", "eventName": name,
            "awsRegion": "eu-west-1", "eventID": format!("{number}-{index}"),
            "recipientAccountId": "111122223333",
            "requestParameters": { "bucketName": format!("b{index}") },
        })
    };
    let records: Vec<Value> = (0..3).map(record).collect();
    gzip(json!({ "Records": records }).to_string().as_bytes())
}

const SQL: &str = "SELECT eventName, count(*) AS n, max(requestParameters['bucketName']) AS last FROM events GROUP BY 1 ORDER BY 1";

#[tokio::test]
async fn log_files_in_a_bucket_are_asked_where_they_are() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("query").await;
    let base = "AWSLogs/111122223333";
    for number in 0..12 {
        let key = format!("{base}/CloudTrail/eu-west-1/2026/03/09/{number}.json.gz");
        let body = ByteStream::from(log_file(number));
        localstack.s3.put_object().bucket(&bucket).key(key).body(body).send().await.unwrap();
    }
    // Neither is a log file of what is asked.
    for key in [format!("{base}/CloudTrail-Digest/eu-west-1/x.json.gz"), "other.json.gz".into()] {
        let body = ByteStream::from_static(b"no gzip");
        localstack.s3.put_object().bucket(&bucket).key(key).body(body).send().await.unwrap();
    }
    let said = query(&["--from", &format!("s3://{bucket}/AWSLogs/"), SQL]).await;
    expect![[r#"
        eventName,n,last
        DeleteBucket,12,b1
        PutObject,24,b2
    "#]]
    .assert_eq(&said.replace('\r', ""));
}

#[tokio::test]
async fn an_answer_has_the_form_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1.json.gz"), log_file(1)).unwrap();
    let from = folder.path().to_str().unwrap();
    let check = async |format: &str, expected: expect_test::Expect| {
        let said = query(&["--from", from, "--output", format, SQL]).await;
        expected.assert_eq(&said.replace('\r', ""));
    };
    check(
        "table",
        expect![[r#"
        eventName     n  last
        ────────────  ─  ────
        DeleteBucket  1  b1
        PutObject     2  b2
    "#]],
    )
    .await;
    check(
        "csv",
        expect![[r#"
        eventName,n,last
        DeleteBucket,1,b1
        PutObject,2,b2
    "#]],
    )
    .await;
    check(
        "json",
        expect![[r#"
        [
        {"eventName":"DeleteBucket","n":1,"last":"b1"},
        {"eventName":"PutObject","n":2,"last":"b2"}
        ]
    "#]],
    )
    .await;
    check(
        "ndjson",
        expect![[r#"
        {"eventName":"DeleteBucket","n":1,"last":"b1"}
        {"eventName":"PutObject","n":2,"last":"b2"}
    "#]],
    )
    .await;
    let file = folder.path().join("answer.parquet");
    let file = file.to_str().unwrap();
    query(&["--from", from, "--output", "parquet", "-o", file, "SELECT * FROM events"]).await;
    assert!(std::fs::metadata(file).unwrap().len() > 1000);
}

#[tokio::test]
async fn what_goes_wrong_is_said_and_told_by_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().to_str().unwrap();
    let check = async |arguments: &[&str], code: i32, said: &str| {
        let ended = run(arguments).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.errors.contains(said), "{arguments:?}: {}", ended.errors);
        ended.output
    };
    check(&["--from", from, "SELECT 1"], 2, "no log files").await;
    check(&["--data-dir", from, "SELECT 1"], 2, "manifest.json").await;
    std::fs::write(folder.path().join("1.json.gz"), log_file(1)).unwrap();
    check(&["--from", from, "SELECT evntName FROM events"], 2, "did you mean eventName?").await;
    check(&["--from", from, "DROP TABLE events"], 2, "only SELECT").await;
    check(&["--from", from, "--output", "parquet", SQL], 2, "add -o FILE").await;
    check(&["--from", from], 2, "there is no query").await;
    std::fs::write(folder.path().join("2.json.gz"), b"no gzip").unwrap();
    let answer = check(&["--from", from, SQL], 1, "left out: 2.json.gz").await;
    assert!(answer.contains("PutObject,2,b2"), "{answer}");
    let output = folder.path().join("answer.csv");
    let output = output.to_str().unwrap();
    check(
        &["--from", from, "-o", output, "SELECT cast(eventName AS bigint) FROM events"],
        2,
        "PutObject",
    )
    .await;
    assert!(!std::path::Path::new(output).exists(), "what is not whole has no name");
}
