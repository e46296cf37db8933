//! `cairn validate` on a real bucket and on a copy of it: what it prints, and its exit codes. What it
//! finds is proven in `crates/integrity/tests`.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use cairn_tests::forge::{Forge, at, gzip, hours, printed};
use expect_test::expect;
use futures_util::{StreamExt, stream};
use keyring::SigningKey;
use model::{ChainId, Folder};
use serde_json::Value;

use crate::support::cairn::Site;
use crate::support::localstack::LocalStack;
use crate::support::process::{Ended, cairn};

const FIRST: &str = "2026-03-09T10:30:15Z";
/// More than one page of a listing.
const FILES: u64 = 1100;

fn chain(region: &str) -> ChainId {
    ChainId {
        trail: "arn:aws:cloudtrail:us-east-1:111111111111:trail/audit".parse().unwrap(),
        organization: Some("o-abc123defg".parse().unwrap()),
        account: "222222222222".parse().unwrap(),
        region: region.parse().unwrap(),
    }
}

/// Four hours in two Regions, the first empty, the third with more files than a page of a listing.
fn forged(bucket: &str, key: &SigningKey) -> Forge {
    let mut all = Forge::new(bucket, chain("eu-west-1"), Some("logs".parse().unwrap()));
    for region in ["eu-west-1", "us-east-1"] {
        let mut forge = Forge::new(bucket, chain(region), all.prefix.clone());
        for hour in 0..4 {
            let start = hours(at(FIRST), hour);
            let files = match (region, hour) {
                ("eu-west-1", 2) => FILES,
                (_, 1) => 2,
                _ => 0,
            };
            for file in 0..files {
                forge.log_file(Folder::CloudTrail, start.plus(Duration::from_secs(600 + file)));
            }
            forge.digest(start, hours(start, 1), key);
        }
        all.memory.objects.extend(forge.memory.objects);
    }
    all
}

async fn put_all(localstack: &LocalStack, forge: &Forge) {
    let puts = forge.memory.objects.iter().map(async |((bucket, key), stored)| {
        let put = localstack.s3.put_object().bucket(bucket).key(key);
        let metadata = stored.metadata.clone().unwrap().into_iter().collect();
        let body = ByteStream::from(stored.bytes.clone());
        put.set_metadata(Some(metadata)).body(body).send().await.unwrap();
    });
    stream::iter(puts).buffer_unordered(16).count().await;
}

/// What was printed, without the names that differ from run to run, and the moment of now.
fn shown(ended: &Ended, bucket: &str, key: &SigningKey) -> String {
    let text = ended.output.replace(bucket, "BUCKET").replace(&key.public().fingerprint(), "KEY");
    let text = text.replace("logs/AWSLogs/o-abc123defg/222222222222/", "…/");
    let lines = text.lines().map(|line| match line.split_once(" the first digest ") {
        Some((before, _)) => format!("{before} the first digest …"),
        None => line.replace('\t', " ⇥ "),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_bucket_and_a_copy_of_it_are_validated() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("validate").await;
    let key = SigningKey::generate().unwrap();
    let forge = forged(&bucket, &key);
    put_all(&localstack, &forge).await;
    let site = Site::new("");
    let keys = printed(key.public(), at("2026-03-01T00:00:00Z"), at("2026-03-31T00:00:00Z"));
    let keys = site.file("keys.json", keys);
    let resume = site.file("unused", "").replace("unused", "progress.json");
    let asked = [
        ["validate", "--s3-bucket", &bucket].as_slice(),
        &["--s3-prefix", "logs", "--keys", &keys],
    ]
    .concat();

    let valid = cairn(&[&asked[..], &["--resume", &resume]].concat()).await;
    assert_eq!(valid.code, Some(0), "{valid:?}");
    assert_eq!(valid.errors, "", "no progress but on a terminal");
    assert!(!std::path::Path::new(&resume).exists(), "it is at its end");
    expect![[r#"
        Validating log files in s3://BUCKET/logs between the first digest …

        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T153015Z.json.gz ⇥ note: no digest after 2026-03-09T14:30:15Z: the trail was stopped or deleted then, or digests are missing; nothing else was delivered since
        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/us-east-1/2026/03/09/222222222222_CloudTrail-Digest_us-east-1_audit_us-east-1_20260309T153015Z.json.gz ⇥ note: no digest after 2026-03-09T14:30:15Z: the trail was stopped or deleted then, or digests are missing; nothing else was delivered since

        Results requested for the first digest …
        Results found for 2026-03-09T10:30:15Z to 2026-03-09T14:30:15Z:

        8/8 digest files valid
        1104/1104 log files valid
        2 notes"#]].assert_eq(&shown(&valid, &bucket, &key));

    let verbose = cairn(&[&asked[..], &["--verbose"]].concat()).await;
    let lines = verbose.output.lines().filter(|line| line.ends_with("\tvalid")).count() as u64;
    assert_eq!(lines, 8 + FILES + 4, "each digest and log file");

    // A log file is changed, an hour is gone.
    let mut objects: BTreeMap<_, _> = forge.memory.objects.clone();
    let digest = |hour: u64, region| {
        let end = hours(at(FIRST), hour + 1);
        chain(region).key(forge.prefix.as_ref(), end, model::DigestKind::Standard)
    };
    let changed = objects.keys().map(|(_, key)| key.clone());
    let changed = changed.filter(|key| key.contains("_CloudTrail_us-east-1_")).min().unwrap();
    let other = gzip(b"{\"Records\":[]}");
    objects.get_mut(&(bucket.clone(), changed.clone())).unwrap().bytes = other.clone();
    let put = localstack.s3.put_object().bucket(&bucket).key(&changed);
    put.body(ByteStream::from(other)).send().await.unwrap();
    let gone = digest(2, "eu-west-1");
    objects.remove(&(bucket.clone(), gone.clone()));
    localstack.s3.delete_object().bucket(&bucket).key(&gone).send().await.unwrap();

    let invalid = cairn(&asked).await;
    assert_eq!(invalid.code, Some(1), "{invalid:?}");
    expect![[r#"
        Validating log files in s3://BUCKET/logs between the first digest …

        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T133015Z.json.gz ⇥ INVALID: not found: no digest covers 2026-03-09T12:30:15Z to 2026-03-09T13:30:15Z
        Log file ⇥ s3://BUCKET/…/CloudTrail/us-east-1/2026/03/09/222222222222_CloudTrail_us-east-1_20260309T1145Z_auditxxx00000002.json.gz ⇥ INVALID: hash value doesn't match
        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T153015Z.json.gz ⇥ note: no digest after 2026-03-09T14:30:15Z: the trail was stopped or deleted then, or digests are missing; nothing else was delivered since
        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/us-east-1/2026/03/09/222222222222_CloudTrail-Digest_us-east-1_audit_us-east-1_20260309T153015Z.json.gz ⇥ note: no digest after 2026-03-09T14:30:15Z: the trail was stopped or deleted then, or digests are missing; nothing else was delivered since

        Results requested for the first digest …
        Results found for 2026-03-09T10:30:15Z to 2026-03-09T14:30:15Z:

        7/8 digest files valid, 1/8 digest files INVALID
        3/4 log files valid, 1/4 log files INVALID
        1100 log files of times without digests
        2 notes"#]].assert_eq(&shown(&invalid, &bucket, &key));

    let json = cairn(&[&asked[..], &["--json"]].concat()).await;
    assert_eq!(json.code, Some(1), "{json:?}");
    let lines: Vec<Value> =
        json.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let problems: Vec<&str> = lines.iter().filter_map(|line| line["problem"].as_str()).collect();
    assert_eq!(problems, ["notFound", "hashDiffers", "ended", "ended"]);
    let sums = lines.last().unwrap();
    assert_eq!(sums["type"], "summary");
    assert_eq!(sums["logFiles"]["invalid"], 1);
    assert_eq!(sums["foundFrom"], FIRST);

    // A copy of it, as `aws s3 sync` makes it: the signatures of the newest digests are lost.
    let copy = site.file("unused", "").replace("unused", "copy");
    for ((_, key), stored) in &objects {
        let path = std::path::Path::new(&copy).join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &stored.bytes).unwrap();
    }
    let asked = ["validate", "--directory", &copy, "--s3-prefix", "logs", "--keys", &keys];
    let of_copy = cairn(&asked).await;
    assert_eq!(of_copy.code, Some(1), "{of_copy:?}");
    expect![[r#"
        Validating log files in s3://BUCKET/logs between the first digest …

        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T123015Z.json.gz ⇥ UNVERIFIED: signature is not in the copy: no later digest tells it, and there is no …/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T123015Z.json.gz.metadata.json
        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T133015Z.json.gz ⇥ INVALID: not found: no digest covers 2026-03-09T12:30:15Z to 2026-03-09T13:30:15Z
        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T143015Z.json.gz ⇥ UNVERIFIED: signature is not in the copy: no later digest tells it, and there is no …/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T143015Z.json.gz.metadata.json
        Log file ⇥ s3://BUCKET/…/CloudTrail/us-east-1/2026/03/09/222222222222_CloudTrail_us-east-1_20260309T1145Z_auditxxx00000002.json.gz ⇥ INVALID: hash value doesn't match
        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/us-east-1/2026/03/09/222222222222_CloudTrail-Digest_us-east-1_audit_us-east-1_20260309T143015Z.json.gz ⇥ UNVERIFIED: signature is not in the copy: no later digest tells it, and there is no …/CloudTrail-Digest/us-east-1/2026/03/09/222222222222_CloudTrail-Digest_us-east-1_audit_us-east-1_20260309T143015Z.json.gz.metadata.json
        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T153015Z.json.gz ⇥ note: no digest after 2026-03-09T14:30:15Z: the trail was stopped or deleted then, or digests are missing; nothing else was delivered since
        Digest file ⇥ s3://BUCKET/…/CloudTrail-Digest/us-east-1/2026/03/09/222222222222_CloudTrail-Digest_us-east-1_audit_us-east-1_20260309T153015Z.json.gz ⇥ note: no digest after 2026-03-09T14:30:15Z: the trail was stopped or deleted then, or digests are missing; nothing else was delivered since

        Results requested for the first digest …
        Results found for 2026-03-09T10:30:15Z to 2026-03-09T13:30:15Z:

        4/8 digest files valid, 1/8 digest files INVALID, 3/8 digest files UNVERIFIED
        1/2 log files valid, 1/2 log files INVALID
        2 log files not checked: no valid digest lists them
        1100 log files of times without digests
        2 notes"#]].assert_eq(&shown(&of_copy, &bucket, &key));
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_what_to_do() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("nothing-there").await;
    let key = SigningKey::generate().unwrap();
    let site = Site::new("");
    let keys = printed(key.public(), at("2026-03-01T00:00:00Z"), at("2026-03-31T00:00:00Z"));
    let keys = site.file("keys.json", keys);
    let no_keys = site.file("no-keys.json", "{\"PublicKeyList\":[]}");
    let directory = site.file("unused", "").replace("/unused", "");
    let missing = localstack.name("missing");
    let trail = "arn:aws:cloudtrail:us-east-1:111111111111:trail/audit";
    let progress =
        site.file("progress.json", r#"{"asked":"others","begun":0,"done":[],"faults":{}}"#);
    for (arguments, expected) in [
        (vec!["--keys", &keys], "--s3-bucket, --trail-arn or --directory"),
        (vec!["--s3-bucket", &bucket, "--keys", "/nowhere"], "--keys /nowhere"),
        (vec!["--s3-bucket", &bucket, "--keys", &no_keys], "aws cloudtrail list-public-keys"),
        (vec!["--s3-bucket", &bucket, "--keys", &keys], "No digests found"),
        (vec!["--s3-bucket", &missing, "--keys", &keys], "NoSuchBucket"),
        (vec!["--directory", &directory, "--keys", &keys], "aws s3 sync"),
        (vec!["--directory", "/nowhere", "--keys", &keys], "there is no such directory"),
        (vec!["--trail-arn", trail, "--keys", &keys], "--s3-bucket says where"),
        (vec!["--s3-bucket", &bucket, "--start-time", "soon"], "--start-time"),
        (vec!["--s3-bucket", &bucket, "--keys", &keys, "--resume", &progress], "other arguments"),
    ] {
        let ended = cairn(&[&["validate"], &arguments[..]].concat()).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.errors.contains(expected), "{expected}: {}", ended.errors);
    }
}
