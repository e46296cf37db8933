//! Records that nobody on this project wrote, summarised: what is known of how many, and of some what
//! exactly.
//!
//! They are in the directory that `CAIRN_CORPUS` names; without it there is nothing to do.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use cairn_history::Summary;
use expect_test::{Expect, expect};
use serde_json::Value;

/// One record a line, by file.
fn corpus() -> Option<Vec<(String, Vec<String>)>> {
    let directory = PathBuf::from(std::env::var_os("CAIRN_CORPUS")?);
    let entries = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let is_records = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "jsonl")
            && path.file_stem().is_some_and(|name| name != "replay-cases")
    };
    let mut paths: Vec<PathBuf> = entries.filter(is_records).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let lines = fs::read_to_string(path).unwrap();
        (name, lines.lines().map(str::to_owned).collect())
    };
    Some(paths.into_iter().map(read).collect())
}

#[allow(clippy::needless_pass_by_value)] // as expectations are written
fn check(event_id: &str, expected: Expect) {
    let Some(corpus) = corpus() else { return };
    let records = corpus.iter().flat_map(|(_, records)| records);
    let mut told = String::new();
    for record in records.filter(|record| record.contains(event_id)) {
        let summary = Summary::of(record.as_bytes());
        if summary.event_id.as_deref() != Some(event_id) {
            continue;
        }
        let (name, username) = (summary.event_name.unwrap(), summary.username);
        writeln!(told, "{name} by {}", username.as_deref().unwrap_or("-")).unwrap();
        for resource in summary.resources {
            let kind = resource.kind.as_deref().unwrap_or("-");
            writeln!(told, "{kind} {}", resource.name).unwrap();
        }
    }
    expected.assert_eq(&told);
}

#[test]
fn of_real_records_names_and_resources_are_known() {
    let Some(corpus) = corpus() else { return };
    let mut told = String::new();
    let mut all = [0; 5];
    for (name, records) in corpus {
        let mut counts = [records.len(), 0, 0, 0, 0];
        for record in records {
            let summary = Summary::of(record.as_bytes());
            let value: Value = serde_json::from_str(&record).unwrap();
            let text = |pointer: &str| {
                value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
            };
            let event_id = text("/eventID").or_else(|| text("/eventId"));
            assert_eq!(summary.event_id.as_deref(), event_id, "{record}");
            if text("/eventCategory") != Some("Insight") {
                assert_eq!(summary.event_name.as_deref(), text("/eventName"), "{record}");
                assert_eq!(summary.event_source.as_deref(), text("/eventSource"), "{record}");
            }
            assert_eq!(summary.access_key_id.as_deref(), text("/userIdentity/accessKeyId"));
            let found = [
                summary.username.is_some(),
                summary.access_key_id.is_some(),
                !summary.resources.is_empty(),
                summary.resources.iter().any(|resource| resource.kind.is_none()),
            ];
            for (count, is) in counts[1..].iter_mut().zip(found) {
                *count += usize::from(is);
            }
        }
        for (sum, count) in all.iter_mut().zip(counts) {
            *sum += count;
        }
        let [records, username, key, resources, untyped] = counts;
        writeln!(told, "{name} {records}: {username} {key} {resources} {untyped}").unwrap();
    }
    let [records, username, key, resources, untyped] = all;
    writeln!(told, "all {records}: {username} {key} {resources} {untyped}").unwrap();
    // Records: of these with a username, an access key, resources, resources without a type.
    expect![[r#"
        custodian 25: 22 20 23 8
        fivexl 12: 6 7 4 0
        ggcanary 6: 5 5 5 0
        grycap 142: 133 120 55 8
        otrf 103: 98 98 49 0
        panther-analysis 453: 438 336 281 15
        stratus 310: 310 309 95 30
        streamalert 57: 11 50 38 5
        traildiscover 314: 312 313 70 16
        umccr-examples 21: 19 19 18 0
        umccr-flaws 185: 185 185 0 0
        all 1628: 1539 1462 638 82
    "#]]
    .assert_eq(&told);
}

#[test]
fn of_some_records_all_is_known_that_can_be_looked_up() {
    check(
        "c4fa3db1-2303-40e4-bde0-3b7246bdbf0b",
        expect![[r#"
        CreateBucket by root
        AWS::S3::Bucket custodian-create-bucket-v4
    "#]],
    );
    check(
        "73933acf-898e-492a-a4f3-71b97bb70289",
        expect![[r#"
        RunInstances by root
        AWS::EC2::SecurityGroup sg-84e8fc13
        AWS::EC2::SecurityGroup gs-aws-171
        AWS::EC2::Instance i-069954d7c5578441f
        AWS::EC2::Ami ami-b9ef93af
        AWS::EC2::KeyPair alucloud-171-keypair
        AWS::EC2::Snapshot snap-0478848fea6c669d9
    "#]],
    );
    check(
        "0f902c35-794c-4864-b2e0-3c4564b857b0",
        expect![[r#"
            AssumeRole by -
            AWS::IAM::AccessKey ASIA5FLZVX4OLY6BJN4L
            AWS::STS::AssumedRole i-044b1baf4c96e1b62
            AWS::IAM::Role arn:aws:iam::123456789123:role/MordorLogCollectorStack-LogCollectorRole-1JJTG88NNY4KN
        "#]],
    );
    check(
        "fed06f42-cb12-4764-8c69-121063dc79b9",
        expect![[r#"
        ConsoleLogin by anaya
    "#]],
    );
    check(
        "c64c4ded-ef03-4e5c-81eb-153b118d72f2",
        expect![[r#"
        CreateAccessKey by christophe
        AWS::IAM::AccessKey AKIAL80DWDVKKM0UXEER
        AWS::IAM::User stratus-red-team-backdoor-u-user
    "#]],
    );
    check(
        "b9c3d881-1e77-426c-abd3-5ca20d903380",
        expect![[r#"
        GetSecretValue by christophe
        AWS::SecretsManager::Secret arn:aws:secretsmanager:cn-centraleast-1r:903144391865:secret:stratus-red-team-retrieve-secret-18-4Rzn83
    "#]],
    );
}
