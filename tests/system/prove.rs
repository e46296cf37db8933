//! A record is proven by a file and a key: made from a bucket, from a copy of it, from a log file that
//! is named; checked by `cairn`, and by openssl, sha256sum and Python, which know nothing of Cairn.

use serde_json::{Value, json};

use crate::clients::python::{Program, localstack_script};
use crate::support::bucket::keys;
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::Trail;
use crate::support::generated::event;
use crate::support::localstack::LocalStack;
use crate::support::process::{Ended, cairn};
use crate::support::wait::eventually;
use crate::trail_status::call;

const ACCOUNT: &str = "780000000001";
const REGION: &str = "eu-west-1";

/// A bucket with a chain of digests, the records in it, and the keys.
struct Log {
    localstack: LocalStack,
    bucket: String,
    site: Site,
    daemon: Cairn,
    event: String,
    event_id: String,
    keys: String,
    /// The only key, as PEM.
    pem: String,
}

impl Log {
    async fn new() -> Option<Log> {
        let localstack = LocalStack::find().await?;
        let bucket = localstack.bucket("proven").await;
        let trail = Trail::new("audit", ACCOUNT, REGION, &bucket);
        let trail = trail.with("log_file_validation = true");
        let site = Site::new(&format!("[digests]\ninterval = \"1s\"\n{trail}"));
        let daemon = site.start().await;
        let events: Vec<String> = (0..3).map(|number| event(ACCOUNT, REGION, number)).collect();
        daemon.record(&events).await;
        let event = events[1].clone();
        let told: Value = serde_json::from_str(&event).unwrap();
        let event_id = told["eventID"].as_str().unwrap().to_owned();
        // The first digest draws the key.
        let (printed, value) = eventually("the key is listed", async || {
            let printed = call(&daemon, ACCOUNT, "ListPublicKeys", &json!({})).await;
            let value = printed["PublicKeyList"][0]["Value"].as_str()?.to_owned();
            Some((printed, value))
        })
        .await;
        let lines: Vec<&str> =
            value.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let lines = lines.join("\n");
        let pem =
            format!("-----BEGIN RSA PUBLIC KEY-----\n{lines}\n-----END RSA PUBLIC KEY-----\n");
        let (keys, pem) = (site.file("keys.json", printed.to_string()), site.file("key.pem", pem));
        Some(Log { localstack, bucket, site, daemon, event, event_id, keys, pem })
    }

    /// Makes a proof, and gives its file's name; `None` when it is not made, or has no next digest.
    async fn try_proving(&self, name: &str, place: &[&str]) -> Option<String> {
        let proof = self.site.file(name, "");
        let asked = [&["prove", &self.event_id, "--key", &self.keys, "-o", &proof], place].concat();
        let made = cairn(&asked).await;
        let has_next = made.output.contains("The digest after it, of");
        (made.code == Some(0) && has_next).then_some(proof)
    }

    /// The same, and waits for what it needs.
    async fn prove(&self, name: &str, place: &[&str]) -> String {
        let made = async || self.try_proving(name, place).await;
        eventually("a proof with the digest after it", made).await
    }

    /// The bucket as files, without what S3 knows of them besides.
    async fn copy(&self) -> String {
        let root = self.site.data().with_file_name("copy");
        for key in keys(&self.localstack, &self.bucket).await {
            let asked = self.localstack.s3.get_object().bucket(&self.bucket).key(&key);
            let body = asked.send().await.unwrap().body.collect().await.unwrap();
            let path = root.join(&key);
            if key.ends_with('/') {
                continue;
            }
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, body.into_bytes()).unwrap();
        }
        root.to_str().unwrap().to_owned()
    }
}

fn is_log_file(key: &str) -> bool {
    key.contains("/CloudTrail/") && key.ends_with(".json.gz")
}

async fn check(proof: &str, key: &str, more: &[&str]) -> Ended {
    cairn(&[&["prove", "--check", proof, "--key", key], more].concat()).await
}

#[tokio::test]
async fn a_record_is_proven_by_a_file_and_a_key_alone() {
    let Some(log) = Log::new().await else { return };
    let proof = log.prove("proof.json", &["--s3-bucket", &log.bucket]).await;
    let checked = check(&proof, &log.keys, &[]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for said in [
        "PROVEN:",
        &format!("The record {} tells of StartInstances of ec2.amazonaws.com", log.event_id),
        &format!("It is in the log file s3://{}/AWSLogs/{ACCOUNT}/CloudTrail/", log.bucket),
        &format!("of trail audit (home\n  Region {REGION}), account {ACCOUNT}, Region {REGION}"),
        "valid from ",
        "The digest after it, of ",
        "Not proven: that the key is the log's",
    ] {
        assert!(checked.output.contains(said), "{said}: {}", checked.output);
    }
    let by_pem = check(&proof, &log.pem, &["--record"]).await;
    assert_eq!(by_pem.code, Some(0), "{by_pem:?}");
    assert_eq!(by_pem.output, format!("{}\n", log.event), "byte for byte");
    assert!(by_pem.errors.contains("is not told, and so not verified"), "{}", by_pem.errors);

    let program = Program {
        command: vec![localstack_script(), "python".into()],
        arguments: vec!["check_proof.py".into(), proof.clone(), log.pem.clone(), log.event_id],
        variables: Vec::new(),
    };
    let said = program.run("check_proof.py").await;
    let found: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(found, serde_json::from_str::<Value>(&log.event).unwrap());
    log.daemon.stop().await;
}

#[tokio::test]
async fn a_copy_or_a_named_log_file_gives_the_same_proof() {
    let Some(log) = Log::new().await else { return };
    let proof = log.prove("proof.json", &["--s3-bucket", &log.bucket]).await;
    let proof = std::fs::read(proof).unwrap();
    let all = keys(&log.localstack, &log.bucket).await;
    let log_file =
        format!("s3://{}/{}", log.bucket, all.iter().find(|key| is_log_file(key)).unwrap());
    let place = ["--s3-bucket", &log.bucket, "--log-file", &log_file];
    assert_eq!(std::fs::read(log.prove("named.json", &place).await).unwrap(), proof);
    let copied = eventually(
        "a copy with the digest that tells the signature of the one after it",
        async || {
            let copied = log.copy().await;
            log.try_proving("copied.json", &["--directory", &copied]).await
        },
    )
    .await;
    assert_eq!(std::fs::read(copied).unwrap(), proof);
    log.daemon.stop().await;
}

#[tokio::test]
async fn what_is_not_proven_is_told_and_what_is_no_proof_is_refused() {
    let Some(log) = Log::new().await else { return };
    let proof = log.prove("proof.json", &["--s3-bucket", &log.bucket]).await;
    let mut spoilt: Value = serde_json::from_slice(&std::fs::read(&proof).unwrap()).unwrap();
    spoilt["digest"]["signature"] = spoilt["next"]["signature"].clone();
    let spoilt = log.site.file("spoilt.json", spoilt.to_string());
    let checked = check(&spoilt, &log.keys, &[]).await;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.output.starts_with("NOT PROVEN: the digest is not signed"), "{checked:?}");
    let checked = check(&spoilt, &log.keys, &["--json"]).await;
    let told: Value = serde_json::from_str(&checked.output).unwrap();
    assert_eq!((&told["proven"], &told["link"]), (&json!(false), &json!("signature")), "{told}");
    let checked = check(&spoilt, &log.keys, &["--record"]).await;
    assert_eq!(checked.output, "", "what is not proven is not given away as proven");

    let checked = check(&log.keys, &log.keys, &[]).await;
    assert_eq!(checked.code, Some(2), "{checked:?}");
    assert!(checked.errors.contains("it is no proof"), "{checked:?}");
    let checked = check(&proof, &proof, &[]).await;
    assert_eq!(checked.code, Some(2), "{checked:?}");
    assert!(checked.errors.contains("--key"), "{checked:?}");

    let place = ["--s3-bucket", log.bucket.as_str()];
    let missed = cairn(&[&["prove", "another"], &place[..]].concat()).await;
    assert_eq!(missed.code, Some(1), "{missed:?}");
    assert!(missed.errors.contains("is not in the "), "{missed:?}");
    let output = log.site.file("unsigned.json", "");
    let unsigned = ["prove", &log.event_id, "-o", &output];
    let unsigned = cairn(&[&unsigned[..], &place[..]].concat()).await;
    assert_eq!(unsigned.code, Some(0), "LocalStack lists no keys: {unsigned:?}");
    assert!(unsigned.output.contains("the signature was not verified"), "{unsigned:?}");
    assert_eq!(check(&output, &log.keys, &[]).await.code, Some(0));
    log.daemon.stop().await;
}
