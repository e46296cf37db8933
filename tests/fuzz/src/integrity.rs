//! What `cairn validate` reads: digests, and files of public keys.

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use integrity::chain::Chains;
use integrity::{DigestFolder, DigestName, Keys, Scope, digest};
use model::{DigestKind, Timestamp};
use serde_json::Value;

use crate::Target;

/// The text of a digest.
pub const DIGEST: Target = Target {
    name: "digest",
    run: read_digest,
    seeds: digest_seeds,
    words: WORDS,
    short_runs: 6_000,
};
/// A file of public keys.
pub const KEYS: Target =
    Target { name: "keys", run: read_keys, seeds: key_seeds, words: WORDS, short_runs: 6_000 };

const WORDS: &[&str] = &[
    "null",
    "\"awsAccountId\":",
    "\"digestStartTime\":",
    "\"previousDigestS3Object\":",
    "\"previousDigestSignature\":",
    "\"logFiles\":[",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-03-09T14:29:23Z",
    "\"PublicKeyList\":[",
    "\"ValidityStartTime\":",
    "1e308",
    "-----BEGIN PUBLIC KEY-----",
    "-----END PUBLIC KEY-----",
    "-----BEGIN RSA PUBLIC KEY-----",
    "-----END RSA PUBLIC KEY-----",
];
const BUCKET: &str = "bucket";
const DIGEST_SEED: &str = r#"{"awsAccountId":"222222222222","digestStartTime":"2026-03-09T14:29:23Z","digestEndTime":"2026-03-09T15:29:23Z","digestS3Bucket":"bucket","digestS3Object":"AWSLogs/222222222222/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_all_us-east-1_20260309T152923Z.json.gz","digestPublicKeyFingerprint":"f1","digestSignatureAlgorithm":"SHA256withRSA","newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":"bucket","previousDigestS3Object":"AWSLogs/222222222222/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_all_us-east-1_20260309T142923Z.json.gz","previousDigestHashValue":"00","previousDigestHashAlgorithm":"SHA-256","previousDigestSignature":"00","logFiles":[{"s3Bucket":"bucket","s3Object":"AWSLogs/a.json.gz","hashValue":"00","hashAlgorithm":"SHA-256","newestEventTime":null,"oldestEventTime":null}]}"#;

fn digest_seeds() -> Vec<Vec<u8>> {
    let first = DIGEST_SEED
        .replace("\"previousDigestS3Object\":\"", "\"previousDigestS3Object\":null,\"x\":\"");
    vec![DIGEST_SEED.into(), first.into(), b"{}".to_vec()]
}

/// What is accepted says what another reader reads; no digest that nobody signed is valid; and a chain
/// takes whatever is in a copy, which has no signatures.
fn read_digest(input: &[u8]) {
    let folder = DigestFolder {
        prefix: None,
        organization: None,
        account: "222222222222".parse().expect("an account"),
        region: "eu-west-1".parse().expect("a Region"),
    };
    let text = String::from_utf8_lossy(input);
    let told = text.split("\"digestS3Object\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let seed = folder.digest(
        "AWSLogs/222222222222/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_all_us-east-1_20260309T152923Z.json.gz",
    );
    let name = told.and_then(|key| folder.digest(key)).or(seed).expect("the seed has a name");
    let key = folder.key(&name);
    assert_eq!(folder.digest(&key).as_ref(), Some(&name), "a key names one digest");
    let gzip = gzip(input);
    let parse = |name: &DigestName| {
        let bytes = digest::unpack(&gzip)?;
        digest::parse_unpacked(&bytes, None, BUCKET, &folder, name)
    };
    let read = parse(&name);
    if let Ok(read) = &read {
        let value: Value = serde_json::from_slice(input).expect("what is accepted is JSON");
        let digest = serde_json::to_value(&read.digest).expect("a digest serializes");
        for (member, told) in digest.as_object().expect("an object") {
            let is_absent = told.is_null() && value[member].is_null();
            assert!(is_absent || is_within(told, &value[member]), "{member}");
        }
        assert_eq!(value["digestS3Object"], key.as_str());
        assert!(read.start < read.end && read.end == name.end);
        assert!(read.verify("00", &Keys::default(), &folder).is_err(), "nobody signed it");
    }
    let now = Timestamp::parse("2026-03-20T00:00:00Z").expect("a moment");
    let scope =
        Scope { bucket: BUCKET.into(), trail: None, from: None, to: now, now, tells_valid: true };
    let mut chains = Chains::new(Arc::new(scope), folder.clone(), Arc::default());
    let later =
        DigestName { end: name.end.plus(std::time::Duration::from_secs(1)), ..name.clone() };
    let is_standard = name.chain.kind == DigestKind::Standard;
    let mut steps = chains.take(name, read).len();
    let moved = parse(&later);
    assert!(moved.is_err(), "it is of another name");
    steps += chains.take(later, moved).len();
    let (rest, ends) = chains.finish();
    assert!(steps + rest.len() > 0 || !is_standard, "a digest leaves a trace");
    assert!(ends.len() <= 1);
    let summary = &chains.summary;
    assert_eq!(summary.digest_files.valid + summary.backfill_digest_files.valid, 0);
}

fn is_within(told: &Value, value: &Value) -> bool {
    match (told, value) {
        (Value::Array(told), Value::Array(values)) => {
            told.len() == values.len()
                && told.iter().zip(values).all(|(told, value)| is_within(told, value))
        }
        (Value::Object(told), Value::Object(_)) => told.iter().all(|(member, told)| {
            (told.is_null() && value[member].is_null()) || *told == value[member]
        }),
        _ => told == value,
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn key_seeds() -> Vec<Vec<u8>> {
    // Keys of 16 bits: what they are is looked at, not how good.
    let json = r#"{"PublicKeyList":[{"Value":"MAgCAwEAAQIBAw==","ValidityStartTime":1773064800.0,"ValidityEndTime":"2026-04-08T14:00:00+02:00"}]}"#;
    let pem = "-----BEGIN RSA PUBLIC KEY-----\nMAgCAwEAAQIBAw==\n-----END RSA PUBLIC KEY-----\n";
    let spki = "-----BEGIN PUBLIC KEY-----\nMBwwDQYJKoZIhvcNAQEBBQADCwAwCAIDAQABAgED\n-----END PUBLIC KEY-----\n";
    [json, pem, spki].map(|text| text.as_bytes().to_vec()).into()
}

/// What is accepted holds keys, each found by its own fingerprint.
fn read_keys(input: &[u8]) {
    let Ok(keys) = Keys::parse(input) else { return };
    assert!(!keys.is_empty());
    let region = "eu-west-1".parse().expect("a Region");
    for known in keys.iter() {
        let found = keys.find(&known.key.fingerprint(), &region, Timestamp::EPOCH);
        assert_eq!(found.map(|found| &found.key), Some(&known.key));
        assert!(known.key.pkcs1().starts_with(&[0x30]));
    }
}
