//! A digest: what CloudTrail delivered in an hour, and what was delivered before it, in one signed file.
//!
//! ```text
//! [PREFIX/]AWSLogs/[O-ID/]ACCT/CloudTrail-Digest/REGION/YYYY/MM/DD/
//!     ACCT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_YYYYMMDDTHHMMSSZ[_backfill].json.gz
//! ```
//!
//! There is one chain of digests for each account, Region and trail. A digest lists the log files of
//! one interval with the SHA-256 of what is inside, and names its predecessor with the SHA-256 of
//! that and its signature. The signature is not in the file but in the object's metadata, so that the
//! file can be written first and signed then.
//!
//! All hashes are lower-case hex SHA-256 of uncompressed bytes.
//! Source: AWS CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations
//! of CloudTrail log file integrity validation".

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::{AccountId, KeyPrefix, OrganizationId, Region, TrailArn};
use crate::key::account_root;
use crate::time::Timestamp;

/// The folder of digests.
pub const FOLDER: &str = "CloudTrail-Digest";
/// `digestSignatureAlgorithm`: RSASSA-PKCS1-v1_5 with SHA-256.
pub const SIGNATURE_ALGORITHM: &str = "SHA256withRSA";
/// `hashAlgorithm` and `previousDigestHashAlgorithm`.
pub const HASH_ALGORITHM: &str = "SHA-256";
/// User metadata of the object: the signature, in lower-case hex.
pub const SIGNATURE: &str = "signature";
/// User metadata of the object: [`SIGNATURE_ALGORITHM`].
pub const ALGORITHM: &str = "signature-algorithm";
/// User metadata of a backfill digest: when it was made.
pub const GENERATED: &str = "backfill-generation-timestamp";

/// What a digest says, in the order in which it is written. Times are `2026-05-04T03:02:01Z`; as
/// they are signed as text, they are kept as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are the format's
pub struct Digest {
    pub aws_account_id: String,
    pub digest_start_time: String,
    pub digest_end_time: String,
    pub digest_s3_bucket: String,
    pub digest_s3_object: String,
    pub digest_public_key_fingerprint: String,
    pub digest_signature_algorithm: String,
    pub newest_event_time: Option<String>,
    pub oldest_event_time: Option<String>,
    pub previous_digest_s3_bucket: Option<String>,
    pub previous_digest_s3_object: Option<String>,
    pub previous_digest_hash_value: Option<String>,
    pub previous_digest_hash_algorithm: Option<String>,
    pub previous_digest_signature: Option<String>,
    pub log_files: Vec<ListedFile>,
}

/// A log file as a digest lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are the format's
pub struct ListedFile {
    pub s3_bucket: String,
    pub s3_object: String,
    pub hash_value: String,
    pub hash_algorithm: String,
    pub newest_event_time: Option<String>,
    pub oldest_event_time: Option<String>,
}

impl Digest {
    /// The bytes of the file before compression.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a digest always serializes")
    }

    /// What is signed, of a digest whose bytes have this hash.
    #[must_use]
    pub fn string_to_sign(&self, sha256: &str) -> String {
        let Digest { digest_end_time, digest_s3_bucket, digest_s3_object, .. } = self;
        let previous = self.previous_digest_signature.as_deref().unwrap_or("null");
        format!("{digest_end_time}\n{digest_s3_bucket}/{digest_s3_object}\n{sha256}\n{previous}")
    }
}

/// Lower-case hex SHA-256.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One chain of digests: what happened to one account in one Region, as one trail saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChainId {
    /// The trail.
    pub trail: TrailArn,
    /// Of an organization trail: the organization.
    pub organization: Option<OrganizationId>,
    /// The account of the listed files.
    pub account: AccountId,
    /// The Region of the listed files.
    pub region: Region,
}

impl ChainId {
    /// The folder of the chain's digests, without the closing slash:
    /// `[PREFIX/]AWSLogs/[O-ID/]ACCT/CloudTrail-Digest/REGION`. Other trails' digests lie there too.
    #[must_use]
    pub fn directory(&self, prefix: Option<&KeyPrefix>) -> String {
        let root = account_root(prefix, self.organization.as_ref(), &self.account);
        format!("{root}{FOLDER}/{}", self.region)
    }

    /// The key of the digest that ends at `end`. Keys of a chain sort by it.
    #[must_use]
    pub fn key(&self, prefix: Option<&KeyPrefix>, end: Timestamp, kind: DigestKind) -> String {
        let ChainId { trail, account, region, .. } = self;
        let (directory, date) = (self.directory(prefix), end.to_date_folders());
        let (name, home, stamp) = (&trail.name, &trail.home_region, end.to_digest_stamp());
        let suffix = kind.suffix();
        format!("{directory}/{date}/{account}_{FOLDER}_{region}_{name}_{home}_{stamp}{suffix}")
    }
}

/// Whether a digest is one of the chain's hours, or amends one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DigestKind {
    /// An interval of the chain.
    Standard,
    /// Lists files that an earlier digest should have listed; a chain of its own.
    Backfill,
}

impl DigestKind {
    /// How its keys end.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            DigestKind::Standard => ".json.gz",
            DigestKind::Backfill => "_backfill.json.gz",
        }
    }

    /// What a key is of, by its end.
    #[must_use]
    pub fn of_key(key: &str) -> DigestKind {
        match key.ends_with(DigestKind::Backfill.suffix()) {
            true => DigestKind::Backfill,
            false => DigestKind::Standard,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn chain() -> ChainId {
        ChainId {
            trail: "arn:aws:cloudtrail:us-east-1:111111111111:trail/all".parse().unwrap(),
            organization: None,
            account: "222222222222".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        }
    }

    fn digest() -> Digest {
        let end = Timestamp::parse("2026-03-09T15:29:23Z").unwrap();
        let file = ListedFile {
            s3_bucket: "bucket".into(),
            s3_object: "AWSLogs/a.json.gz".into(),
            hash_value: "00".into(),
            hash_algorithm: HASH_ALGORITHM.into(),
            newest_event_time: Some("2026-03-09T14:31:00Z".into()),
            oldest_event_time: Some("2026-03-09T14:30:00Z".into()),
        };
        Digest {
            aws_account_id: "222222222222".into(),
            digest_start_time: "2026-03-09T14:29:23Z".into(),
            digest_end_time: end.to_iso_seconds(),
            digest_s3_bucket: "bucket".into(),
            digest_s3_object: chain().key(None, end, DigestKind::Standard),
            digest_public_key_fingerprint: "f1".into(),
            digest_signature_algorithm: SIGNATURE_ALGORITHM.into(),
            newest_event_time: file.newest_event_time.clone(),
            oldest_event_time: file.oldest_event_time.clone(),
            previous_digest_s3_bucket: None,
            previous_digest_s3_object: None,
            previous_digest_hash_value: None,
            previous_digest_hash_algorithm: None,
            previous_digest_signature: None,
            log_files: vec![file],
        }
    }

    #[test]
    fn a_digest_has_exactly_these_bytes() {
        expect![[r#"{"awsAccountId":"222222222222","digestStartTime":"2026-03-09T14:29:23Z","digestEndTime":"2026-03-09T15:29:23Z","digestS3Bucket":"bucket","digestS3Object":"AWSLogs/222222222222/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_all_us-east-1_20260309T152923Z.json.gz","digestPublicKeyFingerprint":"f1","digestSignatureAlgorithm":"SHA256withRSA","newestEventTime":"2026-03-09T14:31:00Z","oldestEventTime":"2026-03-09T14:30:00Z","previousDigestS3Bucket":null,"previousDigestS3Object":null,"previousDigestHashValue":null,"previousDigestHashAlgorithm":null,"previousDigestSignature":null,"logFiles":[{"s3Bucket":"bucket","s3Object":"AWSLogs/a.json.gz","hashValue":"00","hashAlgorithm":"SHA-256","newestEventTime":"2026-03-09T14:31:00Z","oldestEventTime":"2026-03-09T14:30:00Z"}]}"#]]
        .assert_eq(&String::from_utf8(digest().to_bytes()).unwrap());
    }

    #[test]
    fn what_is_signed_has_four_lines_and_no_newline_at_the_end() {
        let first = digest();
        assert_eq!(
            first.string_to_sign("ab"),
            format!("2026-03-09T15:29:23Z\nbucket/{}\nab\nnull", first.digest_s3_object)
        );
        let next = Digest { previous_digest_signature: Some("5f".into()), ..first };
        assert!(next.string_to_sign("ab").ends_with("\nab\n5f"));
    }

    #[test]
    fn keys_are_laid_out_as_cloudtrail_does() {
        let end = Timestamp::parse("2026-03-09T00:00:09Z").unwrap();
        let chain = ChainId { organization: Some("o-abc123defg".parse().unwrap()), ..chain() };
        let prefix = "logs".parse().unwrap();
        let key = chain.key(Some(&prefix), end, DigestKind::Backfill);
        expect!["logs/AWSLogs/o-abc123defg/222222222222/CloudTrail-Digest/eu-west-1/2026/03/09/222222222222_CloudTrail-Digest_eu-west-1_all_us-east-1_20260309T000009Z_backfill.json.gz"]
            .assert_eq(&key);
        assert_eq!(DigestKind::of_key(&key), DigestKind::Backfill);
        let key = chain.key(None, end, DigestKind::Standard);
        assert_eq!(DigestKind::of_key(&key), DigestKind::Standard);
    }
}
