//! Proofs of records: files that anybody may hand to `cairn prove --check`.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use integrity::Keys;
use integrity::proof::{Base64, FORMAT, Link, LogFile, Proof, SignedDigest};
use model::digest::sha256_hex;
use serde_json::Value;

use crate::Target;
use crate::json::{self, RECORD};

/// 0: the bytes of a proof. Otherwise what it is made of: log file, digest, next digest, with zeros
/// in between; `HASH` in a digest stands for that of what is before it.
pub const PROOF: Target =
    Target { name: "proof", run: proof, seeds: proof_seeds, words: WORDS, short_runs: 4_000 };

const ID: &str = "4f5e-1";
const BUCKET: &str = "b";
const LOG: &str = "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/111111111111_CloudTrail_eu-west-1_20260309T1435Z_aB3dE6gH9jK2mN5p.json.gz";
const WORDS: &[&str] = &[
    "{\"Records\":[",
    "\"eventID\":\"4f5e-1\"",
    "\"eventID\":\"\\u0034f5e-1\"",
    "\"eventId\":",
    "HASH",
    "\"logFiles\":[",
    "\"hashAlgorithm\":\"SHA-256\"",
    "\"previousDigestSignature\":",
    "\"awsAccountId\":\"111111111111\"",
    "_backfill.json.gz",
    "AWSLogs/",
    "o-abc123defg/",
    "\u{0}",
    "null",
    "{}",
    "[]",
    ",",
];

fn digest(stamp: &str, start: &str, end: &str, previous: Option<&str>, files: &str) -> String {
    let folder = "AWSLogs/111111111111/CloudTrail-Digest/eu-west-1/2026/03/09/111111111111_CloudTrail-Digest_eu-west-1_all_us-east-1_20260309T";
    let quoted = |text: Option<&str>| text.map_or("null".into(), |text| format!("\"{text}\""));
    let before = previous.map(|stamp| format!("{folder}{stamp}Z.json.gz"));
    let [bucket, hash, signature] =
        [BUCKET, "HASH", "5f"].map(|text| quoted(previous.map(|_| text)));
    let before = quoted(before.as_deref());
    format!(
        r#"{{"awsAccountId":"111111111111","digestStartTime":"{start}","digestEndTime":"{end}","digestS3Bucket":"{BUCKET}","digestS3Object":"{folder}{stamp}Z.json.gz","digestPublicKeyFingerprint":"f1","digestSignatureAlgorithm":"SHA256withRSA","newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":{bucket},"previousDigestS3Object":{before},"previousDigestHashValue":{hash},"previousDigestHashAlgorithm":null,"previousDigestSignature":{signature},"logFiles":[{files}]}}"#
    )
}

fn proof_seeds() -> Vec<Vec<u8>> {
    let text = format!(r#"{{"Records":[{RECORD},{{"eventID":"other"}}]}}"#);
    let listed = format!(
        r#"{{"s3Bucket":"{BUCKET}","s3Object":"{LOG}","hashValue":"HASH","hashAlgorithm":"SHA-256","newestEventTime":null,"oldestEventTime":null}}"#
    );
    let [first, second, third] =
        ["2026-03-09T14:29:23Z", "2026-03-09T15:29:23Z", "2026-03-09T16:29:23Z"];
    let this = digest("152923", first, second, None, &listed);
    let next = digest("162923", second, third, Some("152923"), "");
    let parts = format!("1{text}\0{this}\0{next}");
    let whole = made(&parts.as_bytes()[1..]).to_bytes().expect("small");
    vec![
        parts.into_bytes(),
        format!("1{text}\0{this}").into_bytes(),
        [b"0", &whole[..]].concat(),
        b"0{\"format\":2}".to_vec(),
    ]
}

fn gzipped(text: &[u8]) -> Base64 {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).expect("memory takes it");
    Base64(gzip.finish().expect("memory takes it"))
}

fn made(input: &[u8]) -> Proof {
    let mut parts = input.split(|byte| *byte == 0);
    let text = parts.next().unwrap_or_default().to_vec();
    let gzip = gzipped(&text);
    let mut before = text;
    let mut signed = || {
        let part = String::from_utf8_lossy(parts.next()?).replace("HASH", &sha256_hex(&before));
        before = part.into_bytes();
        let (bytes, signature) = (Base64(before.clone()), "5f".to_owned());
        Some(SignedDigest { bytes, signature, backfill_generation_timestamp: None })
    };
    let nothing = || SignedDigest {
        bytes: Base64::default(),
        signature: String::new(),
        backfill_generation_timestamp: None,
    };
    let digest = signed().unwrap_or_else(nothing);
    let (s3_bucket, s3_object) = (BUCKET.to_owned(), LOG.to_owned());
    let log_file = LogFile { s3_bucket, s3_object, gzip };
    Proof { format: FORMAT, event_id: ID.into(), log_file, digest, next: signed() }
}

fn proof(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let proof = match kind % 2 {
        0 => match Proof::parse(rest) {
            Ok(proof) => proof,
            Err(error) => return assert!(!error.to_string().is_empty()),
        },
        _ => made(rest),
    };
    if let Err(broken) = proof.check(Some(&Keys::default())) {
        assert!(!broken.message.is_empty());
    } else {
        panic!("nobody's key has signed it");
    }
    let Ok(proven) = proof.check(None) else { return };
    assert!(!proven.digest.is_verified, "without keys nothing is verified");
    let same = Proof::parse(&proof.to_bytes().expect("small")).expect("what is written is read");
    assert_eq!(same, proof);
    // The second reading.
    let mut text = Vec::new();
    let mut gzip = flate2::read::MultiGzDecoder::new(&proof.log_file.gzip.0[..]);
    std::io::Read::read_to_end(&mut gzip, &mut text).expect("it was read before");
    // Numbers that nothing can hold are no matter here.
    let Some(all) = json::value(&text) else { return };
    let elements = all["Records"].as_array().expect("it was read before");
    assert!(proven.records.len() as u64 <= proven.record_count);
    for record in &proven.records {
        let Some(record) = json::value(record.as_bytes()) else { continue };
        assert!(elements.contains(&record), "an element of Records");
        let id = [&record["eventID"], &record["eventId"]].into_iter().find(|id| !id.is_null());
        assert_eq!(id.and_then(Value::as_str), Some(&*proof.event_id));
    }
    let Some(told) = json::value(&proof.digest.bytes.0) else { return };
    let listed = told["logFiles"].as_array().expect("it was read before");
    let LogFile { s3_bucket, s3_object, .. } = &proof.log_file;
    assert!(listed.iter().any(|one| {
        one["s3Bucket"] == **s3_bucket
            && one["s3Object"] == **s3_object
            && one["hashValue"] == sha256_hex(&text)
    }));
    if let Some(next) = proof.next.as_ref().and_then(|next| json::value(&next.bytes.0)) {
        assert_eq!(next["previousDigestHashValue"], sha256_hex(&proof.digest.bytes.0));
        assert_eq!(next["previousDigestSignature"], proof.digest.signature);
    }
    let mut moved = proof.clone();
    moved.log_file.s3_object = "elsewhere".to_owned();
    assert_eq!(moved.check(None).map_err(|broken| broken.link), Err(Link::LogFile));
    let mut longer = proof;
    longer.log_file.gzip = gzipped(&[&text[..], b"\n"].concat());
    assert_eq!(longer.check(None).map_err(|broken| broken.link), Err(Link::LogFile));
}
