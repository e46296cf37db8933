//! Proofs, sound and spoilt.

use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use keyring::SigningKey;
use model::digest::{HASH_ALGORITHM, SIGNATURE_ALGORITHM, sha256_hex};
use model::{Digest, DigestKind, ListedFile, Timestamp};
use serde_json::json;

use super::*;
use crate::keys::{Keys, KnownKey};
use crate::layout::{ChainName, DigestFolder, DigestName};

pub(super) static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());
static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

pub(super) const BUCKET: &str = "logs";
pub(super) const ID: &str = "7f0c2e14-5d38-4c9b-9a51-0d8e6b3f2a71";
const OTHER_ID: &str = "b2d94c60-18ea-4f37-8c05-e1a7f9d35264";
const LOG: &str = "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/111111111111_CloudTrail_eu-west-1_20260309T1435Z_aB3dE6gH9jK2mN5p.json.gz";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn record(id: &str, name: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"arn":"arn:aws:iam::111111111111:user/amy"}},"eventTime":"2026-03-09T14:31:07Z","eventSource":"s3.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","eventID":"{id}","recipientAccountId":"111111111111"}}"#
    )
}

pub(super) fn log_text() -> String {
    let [one, other] = [record(OTHER_ID, "ListBuckets"), record(ID, "DeleteBucket")];
    format!(r#"{{"Records":[{one},{other}]}}"#)
}

pub(super) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

pub(super) fn folder() -> DigestFolder {
    DigestFolder {
        prefix: None,
        organization: None,
        account: "111111111111".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

pub(super) fn name(end: &str, kind: DigestKind) -> DigestName {
    let (trail, home) = ("all".parse().unwrap(), "us-east-1".parse().unwrap());
    DigestName { chain: ChainName { trail, home, kind }, end: at(end) }
}

/// An hour of the chain, after another.
pub(super) fn digest(name: &DigestName, previous: Option<(&Digest, &str)>) -> Digest {
    let start = Timestamp::from_millis(name.end.as_millis() - 3_600_000);
    Digest {
        aws_account_id: "111111111111".into(),
        digest_start_time: start.to_iso_seconds(),
        digest_end_time: name.end.to_iso_seconds(),
        digest_s3_bucket: BUCKET.into(),
        digest_s3_object: folder().key(name),
        digest_public_key_fingerprint: KEY.public().fingerprint(),
        digest_signature_algorithm: SIGNATURE_ALGORITHM.into(),
        newest_event_time: None,
        oldest_event_time: None,
        previous_digest_s3_bucket: previous.map(|(previous, _)| previous.digest_s3_bucket.clone()),
        previous_digest_s3_object: previous.map(|(previous, _)| previous.digest_s3_object.clone()),
        previous_digest_hash_value: previous.map(|(previous, _)| sha256_hex(&previous.to_bytes())),
        previous_digest_hash_algorithm: previous.map(|_| HASH_ALGORITHM.into()),
        previous_digest_signature: previous.map(|(_, signature)| signature.into()),
        log_files: Vec::new(),
    }
}

pub(super) fn listed(key: &str, text: &str) -> ListedFile {
    ListedFile {
        s3_bucket: BUCKET.into(),
        s3_object: key.into(),
        hash_value: sha256_hex(text.as_bytes()),
        hash_algorithm: HASH_ALGORITHM.into(),
        newest_event_time: Some("2026-03-09T14:31:07Z".into()),
        oldest_event_time: Some("2026-03-09T14:31:07Z".into()),
    }
}

pub(super) fn signature(digest: &Digest, key: &SigningKey) -> String {
    let message = digest.string_to_sign(&sha256_hex(&digest.to_bytes()));
    key.sign_hex(message.as_bytes()).unwrap()
}

fn signed_by(digest: &Digest, key: &SigningKey) -> SignedDigest {
    SignedDigest {
        bytes: Base64(digest.to_bytes()),
        signature: signature(digest, key),
        backfill_generation_timestamp: None,
    }
}

pub(super) fn key_of(key: &SigningKey, valid: Option<(&str, &str)>) -> Keys {
    let valid = valid.map(|(from, to)| (at(from), at(to)));
    let mut keys = Keys::default();
    keys.add(KnownKey { key: key.public().clone(), valid, region: None });
    keys
}

fn keys() -> Keys {
    key_of(&KEY, Some(("2026-03-09T00:00:00Z", "2026-04-08T00:00:00Z")))
}

/// The parts of a sound proof, to be spoilt.
struct Parts {
    text: String,
    digest: Digest,
    next: Option<Digest>,
    event_id: String,
}

impl Parts {
    fn sound() -> Parts {
        Parts::of(log_text())
    }

    /// A log file of this content, which the digest lists.
    fn of(text: String) -> Parts {
        let mut digest = digest(&name("2026-03-09T15:29:23Z", DigestKind::Standard), None);
        digest.log_files = vec![listed(LOG, &text)];
        let mut parts = Parts { text, digest, next: None, event_id: ID.into() };
        parts.follow();
        parts
    }

    /// Makes the next digest follow.
    fn follow(&mut self) {
        let before = signature(&self.digest, &KEY);
        let name = name("2026-03-09T16:29:23Z", DigestKind::Standard);
        self.next = Some(digest(&name, Some((&self.digest, &before))));
    }

    fn sign(&self) -> Proof {
        Proof {
            format: FORMAT,
            event_id: self.event_id.clone(),
            log_file: LogFile {
                s3_bucket: BUCKET.into(),
                s3_object: LOG.into(),
                gzip: Base64(gzip(self.text.as_bytes())),
            },
            digest: signed_by(&self.digest, &KEY),
            next: self.next.as_ref().map(|next| signed_by(next, &KEY)),
        }
    }
}

#[test]
fn a_proof_says_what_is_in_it() {
    let proof = Parts::sound().sign();
    let proof = Proof::parse(&proof.to_bytes().unwrap()).unwrap();
    let proven = proof.check(Some(&keys())).unwrap();
    assert_eq!(proven.records, [record(ID, "DeleteBucket")]);
    let folder = "AWSLogs/111111111111/CloudTrail-Digest/eu-west-1/2026/03/09/111111111111_CloudTrail-Digest_eu-west-1_all_us-east-1_20260309T";
    let fingerprint = KEY.public().fingerprint();
    let digest = |sha256: &[u8], start: &str, end: &str, stamp: &str| {
        json!({
            "s3Bucket": BUCKET, "s3Object": format!("{folder}{stamp}Z.json.gz"),
            "sha256": sha256_hex(sha256), "startTime": start, "endTime": end,
            "isBackfill": false, "trail": "all", "homeRegion": "us-east-1",
            "account": "111111111111", "region": "eu-west-1", "fingerprint": fingerprint,
            "isVerified": true, "keyValid": ["2026-03-09T00:00:00Z", "2026-04-08T00:00:00Z"],
        })
    };
    let (start, end) = ("2026-03-09T14:29:23Z", "2026-03-09T15:29:23Z");
    let this = digest(&proof.digest.bytes.0, start, end, "152923");
    let next = proof.next.unwrap().bytes.0;
    let mut next = digest(&next, end, "2026-03-09T16:29:23Z", "162923");
    next["previousS3Object"] = this["s3Object"].clone();
    let expected = json!({
        "eventID": ID, "recordCount": 1,
        "logFile": { "s3Bucket": BUCKET, "s3Object": LOG, "sha256": sha256_hex(log_text().as_bytes()) },
        "digest": this, "next": next,
    });
    assert_eq!(serde_json::to_value(&proven).unwrap(), expected);
}

#[test]
fn each_link_that_breaks_is_named() {
    type Spoil = fn(&mut Parts);
    let spoilt: [(Link, &str, Spoil); 13] = [
        (Link::Record, "no record of the log file", |parts| parts.event_id = "none".into()),
        (Link::LogFile, "has the SHA-256", |parts| {
            parts.text = parts.text.replace("DeleteBucket", "ListBuckets1");
        }),
        (Link::LogFile, "does not list", |parts| {
            parts.digest.log_files[0].s3_object = LOG.replace("aB3d", "xB3d");
            parts.follow();
        }),
        (Link::LogFile, "does not list", |parts| {
            parts.digest.log_files[0].s3_bucket = "other".into();
            parts.follow();
        }),
        (Link::LogFile, "with the MD5", |parts| {
            parts.digest.log_files[0].hash_algorithm = "MD5".into();
            parts.follow();
        }),
        (Link::Digest, "names no digest", |parts| parts.digest.digest_s3_object = LOG.into()),
        (Link::Digest, "awsAccountId", |parts| {
            parts.digest.aws_account_id = "222222222222".into();
        }),
        (Link::Digest, "by its name should end at", |parts| {
            parts.digest.digest_end_time = "2026-03-09T15:29:24Z".into();
        }),
        (Link::Digest, "covers 2026-03-09T15:29:23Z", |parts| {
            parts.digest.digest_start_time = "2026-03-09T15:29:23Z".into();
        }),
        (Link::Digest, "the algorithm is none", |parts| {
            parts.digest.digest_signature_algorithm = "none".into();
        }),
        (Link::Next, "previousDigestHashValue", |parts| {
            parts.next.as_mut().unwrap().previous_digest_hash_value = Some("00".into());
        }),
        (Link::Next, "previousDigestSignature", |parts| {
            parts.next.as_mut().unwrap().previous_digest_signature = None;
        }),
        (Link::Next, "another chain", |parts| {
            let next = parts.next.as_mut().unwrap();
            next.digest_s3_object = next.digest_s3_object.replace("_all_", "_other_");
        }),
    ];
    for (link, why, spoil) in spoilt {
        let mut parts = Parts::sound();
        spoil(&mut parts);
        let broken = parts.sign().check(Some(&keys())).unwrap_err();
        assert_eq!(broken.link, link, "{broken}");
        assert!(broken.message.contains(why), "{why}: {broken}");
    }
}

#[test]
fn a_signature_proves_nothing_but_by_its_key_while_that_is_valid() {
    let mut proof = Parts::sound().sign();
    proof.next = None;
    let stranger = key_of(&OTHER_KEY, None);
    let early = key_of(&KEY, Some(("2026-02-01T00:00:00Z", "2026-03-09T15:29:22Z")));
    let mut forged = proof.clone();
    forged.digest = signed_by(&Parts::sound().digest, &OTHER_KEY);
    let mut cut = proof.clone();
    cut.digest.signature.truncate(510);
    for (proof, keys, why) in [
        (&proof, &stranger, "the given keys are"),
        (&proof, &early, "valid from 2026-02-01T00:00:00Z to 2026-03-09T15:29:22Z"),
        (&forged, &keys(), "signature verification failed"),
        (&cut, &keys(), "signature verification failed"),
    ] {
        let broken = proof.check(Some(keys)).unwrap_err();
        assert_eq!(broken.link, Link::Signature, "{broken}");
        assert!(broken.message.contains(why), "{why}: {broken}");
        let unsigned = proof.check(None).unwrap();
        assert!(!unsigned.digest.is_verified, "without keys the rest is verified");
    }
    let by_pem = proof.check(Some(&key_of(&KEY, None))).unwrap();
    assert!(by_pem.digest.is_verified);
    assert_eq!(by_pem.digest.key_valid, None);
}

#[test]
fn a_next_digest_of_an_unknown_key_breaks_nothing_and_proves_nothing() {
    let mut parts = Parts::sound();
    let next = parts.next.as_mut().unwrap();
    next.digest_public_key_fingerprint = OTHER_KEY.public().fingerprint();
    let mut proof = parts.sign();
    proof.next = parts.next.as_ref().map(|next| signed_by(next, &OTHER_KEY));
    let proven = proof.check(Some(&keys())).unwrap();
    assert_eq!(proven.next, None);
    assert!(proven.next_not_verified.unwrap().contains(&OTHER_KEY.public().fingerprint()));
    let mut both = keys();
    both.extend(key_of(&OTHER_KEY, None));
    assert!(proof.check(Some(&both)).unwrap().next.unwrap().is_verified);
    proof.next = parts.next.as_ref().map(|next| signed_by(next, &KEY));
    assert_eq!(proof.check(Some(&both)).unwrap_err().link, Link::Next);
}

#[test]
fn the_key_of_a_backfill_digest_must_be_valid_when_it_was_made() {
    let mut parts = Parts::sound();
    let name = name("2026-03-09T15:29:23Z", DigestKind::Backfill);
    parts.digest = Digest { log_files: parts.digest.log_files, ..digest(&name, None) };
    parts.next = None;
    let mut proof = parts.sign();
    let later = key_of(&KEY, Some(("2026-05-01T00:00:00Z", "2026-05-31T00:00:00Z")));
    assert_eq!(proof.check(Some(&later)).unwrap_err().link, Link::Signature);
    proof.digest.backfill_generation_timestamp = Some("2026-05-02T00:00:00.000Z".into());
    let proven = proof.check(Some(&later)).unwrap();
    assert!(proven.digest.is_backfill);
    assert_eq!(proof.check(Some(&keys())).unwrap_err().link, Link::Signature);
}

#[test]
fn a_changed_byte_proves_nothing_or_the_same_or_less() {
    let sound = Parts::sound().sign();
    let bytes = sound.to_bytes().unwrap();
    let keys = keys();
    let proven = sound.check(Some(&keys)).unwrap();
    let mut same = 0;
    for place in 0..bytes.len() {
        for change in [0x01, 0x02, 0x20] {
            let mut changed = bytes.clone();
            changed[place] ^= change;
            let Ok(proof) = Proof::parse(&changed) else { continue };
            let Ok(found) = proof.check(Some(&keys)) else { continue };
            // A next digest of a key that nobody knows proves nothing, and that is said.
            let is_less = found.next.is_none() && found.next_not_verified.is_some();
            let next = if is_less { None } else { proven.next.clone() };
            let next_not_verified = found.next_not_verified.clone();
            let expected = Proven { next, next_not_verified, ..proven.clone() };
            assert_eq!(found, expected, "byte {place} changed by {change}");
            same += 1;
        }
    }
    assert!((10..400).contains(&same), "{same} of {} changes", bytes.len() * 3);
}

#[test]
fn what_is_made_to_harm_is_refused() {
    let deep = format!(r#"{{"Records":[{{"a":{}}}]}}"#, "[".repeat(200_000));
    let closed = format!(
        r#"{{"x":{0}{1},"Records":[{{"a":{0}{1}}}]}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    let twice = r#"{"Records":[],"Records":[]}"#;
    let ambiguous = format!(r#"{{"Records":[{{"eventID":"{ID}","eventID":"x"}}]}}"#);
    let nested = format!(r#"{{"Records":[[{}],{{"a":{0}}}]}}"#, record(ID, "x"));
    for (text, why) in [
        (deep.as_str(), "it is no log file"),
        (&closed, "no record of the log file"),
        (twice, "duplicate field `Records`"),
        (r#"{"records":[]}"#, "missing field `Records`"),
        (r#"{"Records":[]} x"#, "trailing characters"),
        (&ambiguous, "no record of the log file"),
        (&nested, "no record of the log file"),
        ("[]", "invalid type"),
    ] {
        let broken = Parts::of(text.to_owned()).sign().check(Some(&keys())).unwrap_err();
        assert_eq!(broken.link, Link::Record, "{broken}");
        assert!(broken.message.contains(why), "{why}: {broken}");
    }
    let mut bomb = Parts::sound().sign();
    bomb.log_file.gzip = Base64(gzip(&vec![b' '; (128 << 20) + 1]));
    let broken = bomb.check(Some(&keys())).unwrap_err();
    assert!(broken.message.contains("more than 128 MiB"), "{broken}");
}

#[test]
fn two_records_of_one_id_are_told() {
    let [one, other] = [record(ID, "DeleteBucket"), record(ID, "PutObject")];
    let parts = Parts::of(format!(r#"{{"Records":[{one},{other}]}}"#));
    let proven = parts.sign().check(Some(&keys())).unwrap();
    assert_eq!((proven.record_count, proven.records), (2, vec![one, other]));
    let many = vec![record(ID, "a"); 25].join(",");
    let proven = Parts::of(format!(r#"{{"Records":[{many}]}}"#)).sign().check(None).unwrap();
    assert_eq!((proven.record_count, proven.records.len()), (25, 10));
}

#[test]
fn what_is_no_proof_is_told_from_what_proves_nothing() {
    let text = String::from_utf8(Parts::sound().sign().to_bytes().unwrap()).unwrap();
    for (text, why) in [
        (String::new(), "it is no proof"),
        ("{}".into(), "missing field `format`"),
        (text.replace("\"format\": 1", "\"format\": 2"), "it is of format 2"),
        (text.replace("\"digest\"", "\"digests\""), "unknown field `digests`"),
        (text.replacen("\"gzip\": \"", "\"gzip\": \"!", 1), "no base64"),
        (text.replacen("\"format\": 1,", "\"format\": 1, \"format\": 1,", 1), "duplicate field"),
        (format!("{text}x"), "trailing characters"),
    ] {
        let error = Proof::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{why}: {error}");
    }
    let error = Proof::parse(&vec![b' '; BYTES_MAX + 1]).unwrap_err();
    assert!(error.to_string().contains("256 MiB"), "{error}");
}
