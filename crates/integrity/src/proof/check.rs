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

use model::digest::{HASH_ALGORITHM, SIGNATURE_ALGORITHM, sha256_hex};
use model::{Digest, DigestKind, Timestamp};
use serde::Serialize;

use super::{Matches, Proof, SignedDigest};
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

/// Why a signature proves nothing.
enum Unsigned {
    /// Nobody knows the key.
    KeyUnknown(String),
    /// It is wrong.
    Wrong(String),
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
        let (digest, mut told) = self.digest.read().map_err(broken(Link::Digest))?;
        is_listed(&digest, log_file, &matches.sha256).map_err(broken(Link::LogFile))?;
        if let Some(keys) = keys {
            told.verify(&digest, &self.digest, keys).map_err(|unsigned| match unsigned {
                Unsigned::KeyUnknown(why) | Unsigned::Wrong(why) => broken(Link::Signature)(why),
            })?;
        }
        let next = self.next.as_ref().map(|next| self.check_next(&told, next, keys)).transpose();
        let (next, next_not_verified) = match next.map_err(broken(Link::Next))? {
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
            digest: told,
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
        let (digest, mut told) = signed.read().map_err(|why| format!("the next digest: {why}"))?;
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
        if !told.is_of_chain(before) {
            return Err(format!("the next digest is of another chain: {}", told.s3_object));
        }
        let Some(keys) = keys else { return Ok(Ok(told)) };
        match told.verify(&digest, signed, keys) {
            Ok(()) => Ok(Ok(told)),
            Err(Unsigned::KeyUnknown(why)) => Ok(Err(why)),
            Err(Unsigned::Wrong(why)) => Err(why),
        }
    }
}

impl SignedDigest {
    /// What it says, and of what chain and time it is.
    fn read(&self) -> Result<(Digest, ProvenDigest), String> {
        let bytes = &self.bytes.0;
        let digest: Digest =
            serde_json::from_slice(bytes).map_err(|error| format!("it is no digest ({error})"))?;
        let key = &digest.digest_s3_object;
        let folder = DigestFolder::of_key(key);
        let (folder, name) = folder
            .and_then(|folder| folder.digest(key).map(|name| (folder, name)))
            .ok_or_else(|| format!("it says to be {key:?}, which names no digest"))?;
        let is_time = |text: &str| {
            Timestamp::parse(text).filter(|time| time.to_iso_seconds() == text).is_some()
        };
        for (member, found, is_right) in [
            (
                "awsAccountId",
                &digest.aws_account_id,
                digest.aws_account_id == folder.account.as_str(),
            ),
            (
                "digestEndTime",
                &digest.digest_end_time,
                digest.digest_end_time == name.end.to_iso_seconds(),
            ),
            (
                "digestStartTime",
                &digest.digest_start_time,
                is_time(&digest.digest_start_time)
                    && digest.digest_start_time < digest.digest_end_time,
            ),
            (
                "digestSignatureAlgorithm",
                &digest.digest_signature_algorithm,
                digest.digest_signature_algorithm == SIGNATURE_ALGORITHM,
            ),
        ] {
            if !is_right {
                return Err(format!("the digest's {member} is {found:?}, though it is {key}"));
            }
        }
        let told = ProvenDigest {
            s3_bucket: digest.digest_s3_bucket.clone(),
            s3_object: key.clone(),
            sha256: sha256_hex(bytes),
            start_time: digest.digest_start_time.clone(),
            end_time: digest.digest_end_time.clone(),
            is_backfill: name.chain.kind == DigestKind::Backfill,
            trail: name.chain.trail.to_string(),
            home_region: name.chain.home.to_string(),
            organization: folder.organization.map(String::from),
            account: folder.account.to_string(),
            region: folder.region.to_string(),
            fingerprint: digest.digest_public_key_fingerprint.clone(),
            is_verified: false,
            key_valid: None,
            previous_s3_object: digest.previous_digest_s3_object.clone(),
        };
        Ok((digest, told))
    }

    /// The moment at which its key must be valid.
    fn signed_for(&self, told: &ProvenDigest) -> Option<Timestamp> {
        match (told.is_backfill, &self.backfill_generation_timestamp) {
            (true, Some(generated)) => Timestamp::parse(generated),
            _ => Timestamp::parse(&told.end_time),
        }
    }
}

impl ProvenDigest {
    /// Verifies its signature.
    fn verify(
        &mut self,
        digest: &Digest,
        signed: &SignedDigest,
        keys: &Keys,
    ) -> Result<(), Unsigned> {
        let ProvenDigest { fingerprint, .. } = &*self;
        let at = signed.signed_for(self).ok_or_else(|| {
            Unsigned::Wrong("its backfillGenerationTimestamp is no moment".to_owned())
        })?;
        let region = self.region.parse().expect("it was parsed before");
        let known = keys.find(fingerprint, &region, at).ok_or_else(|| {
            let given: Vec<String> = keys.iter().map(|known| known.key.fingerprint()).collect();
            Unsigned::KeyUnknown(format!(
                "the digest of {} says that the key {fingerprint} has signed it, and the given keys are {}",
                self.end_time,
                given.join(", ")
            ))
        })?;
        let message = digest.string_to_sign(&self.sha256);
        if !known.key.verifies_hex(message.as_bytes(), &signed.signature) {
            return Err(Unsigned::Wrong(format!(
                "the signature of the digest of {} is not that of the key {fingerprint}",
                self.end_time
            )));
        }
        if let Some((from, to)) = known.valid
            && !known.is_valid_at(at)
        {
            let (at, from, to) = (at.to_iso_seconds(), from.to_iso_seconds(), to.to_iso_seconds());
            return Err(Unsigned::Wrong(format!(
                "the digest of {at} is signed by the key {fingerprint}, which is valid from {from} to {to}"
            )));
        }
        self.key_valid = known.valid.map(|(from, to)| (from.to_iso_seconds(), to.to_iso_seconds()));
        self.is_verified = true;
        Ok(())
    }

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
fn is_listed(digest: &Digest, file: &super::LogFile, sha256: &str) -> Result<(), String> {
    let super::LogFile { s3_bucket, s3_object, .. } = file;
    let place = format!("s3://{s3_bucket}/{s3_object}");
    let is_here = |listed: &&model::ListedFile| {
        listed.s3_bucket == *s3_bucket && listed.s3_object == *s3_object
    };
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
