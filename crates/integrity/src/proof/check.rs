//! Whether a proof proves what it says, link by link.
//!
//! | link | what is verified |
//! | --- | --- |
//! | record | the log file is one, and has a record of that eventID |
//! | log file | the digest lists a file of this bucket and key, with the SHA-256 of this content |
//! | digest | it is a digest, of the chain and the time that its own name says |
//! | signature | a key of the given ones signed it, and was valid |
//! | next | the digest after it names its place, hash and signature, and is itself signed |
//!
//! A next digest whose key is not among the given ones breaks nothing: it is told, and proves nothing.
//! Source: AWS CloudTrail User Guide, "Custom implementations of CloudTrail log file integrity
//! validation".

use model::digest::{ALGORITHM, GENERATED, HASH_ALGORITHM, SIGNATURE, SIGNATURE_ALGORITHM};
use model::{Digest, DigestKind, ListedFile};
use serde::{Deserialize, Serialize};

use super::{LogFile, Matches, Proof, SignedDigest};
use crate::digest::{self, Fault, ReadDigest};
use crate::finding::Problem;
use crate::keys::Keys;
use crate::layout::DigestFolder;

/// A link of the chain from a record to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Link {
    /// From the eventID to the log file.
    Record,
    /// From the log file to the digest.
    LogFile,
    /// From the digest to the chain.
    Digest,
    /// From the digest to the key.
    Signature,
    /// From the digest to the one after it.
    Next,
}

/// What is not proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Broken {
    /// Which link breaks.
    pub link: Link,
    /// Why.
    pub message: String,
}

/// What is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proven {
    /// The record's eventID.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// How many records of the log file have it: one, unless their sender is odd.
    pub record_count: u64,
    /// The first ten of them, byte for byte.
    #[serde(skip)]
    pub records: Vec<String>,
    /// The log file.
    pub log_file: ProvenFile,
    /// The digest that lists it.
    pub digest: ProvenDigest,
    /// The digest after that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<ProvenDigest>,
    /// Why the digest after it, which the proof has, proves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_not_verified: Option<String>,
}

/// A log file that is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProvenFile {
    /// Its bucket.
    pub s3_bucket: String,
    /// Its key.
    pub s3_object: String,
    /// The hash of its content, in lower-case hex.
    pub sha256: String,
}

/// A digest. Times are as it says them, `2026-05-04T03:02:01Z`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProvenDigest {
    /// Its bucket.
    pub s3_bucket: String,
    /// Its key.
    pub s3_object: String,
    /// The hash of its bytes, in lower-case hex.
    pub sha256: String,
    /// Its begin.
    pub start_time: String,
    /// Its end.
    pub end_time: String,
    /// Whether it is a backfill digest.
    pub is_backfill: bool,
    /// The trail's name.
    pub trail: String,
    /// The trail's home Region.
    pub home_region: String,
    /// Of an organization trail: the organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The account of the listed files.
    pub account: String,
    /// The Region of the listed files.
    pub region: String,
    /// Which key it says has signed it.
    pub fingerprint: String,
    /// Whether that key has: `false` only where no keys were given.
    pub is_verified: bool,
    /// From when to when the key is valid; `None` where the given keys do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_valid: Option<(String, String)>,
    /// The key of the digest that it says it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_s3_object: Option<String>,
}

/// A digest of a proof, taken apart.
struct Taken {
    read: ReadDigest,
    folder: DigestFolder,
    told: ProvenDigest,
}

/// Where a digest says to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    digest_s3_bucket: String,
    digest_s3_object: String,
}

impl Proof {
    /// Verifies the proof. Without keys all but the signatures is verified.
    pub fn check(&self, keys: Option<&Keys>) -> Result<Proven, Broken> {
        let broken = |link| move |message: String| Broken { link, message };
        let Proof { event_id, log_file, .. } = self;
        let matches = Matches::find(&log_file.gzip.0, event_id)
            .map_err(|error| format!("the log file in the proof cannot be read: {error}"))
            .map_err(broken(Link::Record))?;
        if matches.count == 0 {
            let why = format!("no record of the log file in the proof has the eventID {event_id}");
            return Err(broken(Link::Record)(why));
        }
        let mut digest = self.digest.read().map_err(broken(Link::Digest))?;
        is_listed(&digest.read.digest, log_file, &matches.sha256).map_err(broken(Link::LogFile))?;
        if let Some(keys) = keys {
            let verified = digest.verify(&self.digest.signature, keys);
            verified.map_err(|(_, why)| broken(Link::Signature)(why))?;
        }
        let next = self.next.as_ref().map(|next| self.check_next(&digest.told, next, keys));
        let (next, next_not_verified) = match next.transpose().map_err(broken(Link::Next))? {
            None => (None, None),
            Some(Ok(next)) => (Some(next), None),
            Some(Err(why)) => (None, Some(why)),
        };
        Ok(Proven {
            event_id: event_id.clone(),
            record_count: matches.count,
            records: matches.records,
            log_file: ProvenFile {
                s3_bucket: log_file.s3_bucket.clone(),
                s3_object: log_file.s3_object.clone(),
                sha256: matches.sha256,
            },
            digest: digest.told,
            next,
            next_not_verified,
        })
    }

    /// What the next digest proves; the inner error tells why it proves nothing, and breaks nothing.
    fn check_next(
        &self,
        before: &ProvenDigest,
        signed: &SignedDigest,
        keys: Option<&Keys>,
    ) -> Result<Result<ProvenDigest, String>, String> {
        let next = signed.read().map_err(|why| format!("the next digest: {why}"))?;
        let digest = &next.read.digest;
        for (member, found, expected) in [
            ("previousDigestS3Bucket", &digest.previous_digest_s3_bucket, &before.s3_bucket),
            ("previousDigestS3Object", &digest.previous_digest_s3_object, &before.s3_object),
            ("previousDigestHashValue", &digest.previous_digest_hash_value, &before.sha256),
            ("previousDigestSignature", &digest.previous_digest_signature, &self.digest.signature),
        ] {
            if found.as_ref() != Some(expected) {
                let found = found.as_deref().unwrap_or("null");
                return Err(format!(
                    "the next digest does not follow this one: its {member} is {found}, not {expected}"
                ));
            }
        }
        if !next.told.is_of_chain(before) {
            let key = &next.told.s3_object;
            return Err(format!("the next digest is of another chain: {key}"));
        }
        let Some(keys) = keys else { return Ok(Ok(next.told)) };
        let mut next = next;
        match next.verify(&signed.signature, keys) {
            Ok(()) => Ok(Ok(next.told)),
            Err((Problem::KeyUnknown, why)) => Ok(Err(why)),
            Err((_, why)) => Err(why),
        }
    }
}

impl SignedDigest {
    /// What it says, and of what chain and time it is.
    fn read(&self) -> Result<Taken, String> {
        let bytes = &self.bytes.0;
        let Place { digest_s3_bucket: bucket, digest_s3_object: key } =
            serde_json::from_slice(bytes).map_err(|error| format!("it is no digest ({error})"))?;
        let folder = DigestFolder::of_key(&key);
        let (folder, name) = folder
            .and_then(|folder| folder.digest(&key).map(|name| (folder, name)))
            .ok_or_else(|| format!("it says to be {key:?}, which names no digest"))?;
        // Where a copy has lost when a backfill digest was made, its end must do.
        let generated = self.backfill_generation_timestamp.clone();
        let metadata = [
            (SIGNATURE, self.signature.clone()),
            (ALGORITHM, SIGNATURE_ALGORITHM.to_owned()),
            (GENERATED, generated.unwrap_or_else(|| name.end.to_iso_seconds())),
        ];
        let metadata = metadata.map(|(member, value)| (member.to_owned(), value)).into();
        let read = digest::parse_unpacked(bytes, Some(&metadata), &bucket, &folder, &name)
            .map_err(|(_, why)| format!("the digest {key}: {why}"))?;
        let told = ProvenDigest {
            s3_bucket: bucket,
            s3_object: key,
            sha256: read.sha256.clone(),
            start_time: read.digest.digest_start_time.clone(),
            end_time: read.digest.digest_end_time.clone(),
            is_backfill: name.chain.kind == DigestKind::Backfill,
            trail: name.chain.trail.to_string(),
            home_region: name.chain.home.to_string(),
            organization: folder.organization.clone().map(String::from),
            account: folder.account.to_string(),
            region: folder.region.to_string(),
            fingerprint: read.digest.digest_public_key_fingerprint.clone(),
            is_verified: false,
            key_valid: None,
            previous_s3_object: read.digest.previous_digest_s3_object.clone(),
        };
        Ok(Taken { read, folder, told })
    }
}

impl Taken {
    fn verify(&mut self, signature: &str, keys: &Keys) -> Result<(), Fault> {
        let Taken { read, folder, told } = self;
        read.verify(signature, keys, folder).map_err(|(problem, why)| {
            let given: Vec<String> = keys.iter().map(|known| known.key.fingerprint()).collect();
            let why = match problem {
                Problem::KeyUnknown => format!("{why}; the given keys are {}", given.join(", ")),
                _ => why,
            };
            (problem, format!("the digest of {}: {why}", told.end_time))
        })?;
        let known = keys.find(&told.fingerprint, &folder.region, read.signed_for);
        let valid = known.and_then(|known| known.valid);
        told.key_valid = valid.map(|(from, to)| (from.to_iso_seconds(), to.to_iso_seconds()));
        told.is_verified = true;
        Ok(())
    }
}

impl ProvenDigest {
    fn is_of_chain(&self, other: &ProvenDigest) -> bool {
        let chain = |digest: &ProvenDigest| {
            let ProvenDigest { is_backfill, trail, home_region, .. } = digest;
            let ProvenDigest { organization, account, region, .. } = digest;
            let trail = (*is_backfill, trail.clone(), home_region.clone());
            (trail, organization.clone(), account.clone(), region.clone())
        };
        chain(self) == chain(other)
    }
}

/// Whether the digest lists this file with this hash.
fn is_listed(digest: &Digest, file: &LogFile, sha256: &str) -> Result<(), String> {
    let LogFile { s3_bucket, s3_object, .. } = file;
    let place = format!("s3://{s3_bucket}/{s3_object}");
    let is_here =
        |listed: &&ListedFile| listed.s3_bucket == *s3_bucket && listed.s3_object == *s3_object;
    let mut listed = digest.log_files.iter().filter(is_here).peekable();
    let first = listed.peek().copied();
    let first = first.ok_or_else(|| {
        let [start, end] = [&digest.digest_start_time, &digest.digest_end_time];
        format!("the digest of {start} to {end} does not list the log file {place}")
    })?;
    if listed.any(|one| one.hash_algorithm == HASH_ALGORITHM && one.hash_value == sha256) {
        return Ok(());
    }
    let (algorithm, hash) = (&first.hash_algorithm, &first.hash_value);
    Err(format!(
        "the content of the log file in the proof has the SHA-256 {sha256}; the digest lists {place} with the {algorithm} {hash}"
    ))
}
