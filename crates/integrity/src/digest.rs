//! One digest: read within bounds, taken apart, and its signature verified.

use std::io::Read;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use model::digest::{ALGORITHM, GENERATED, SIGNATURE, SIGNATURE_ALGORITHM, sha256_hex};
use model::{Digest, DigestKind, Timestamp};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::finding::Problem;
use crate::keys::Keys;
use crate::layout::{DigestFolder, DigestName};
use crate::source::{Metadata, Object, Source, SourceError, Whole};

/// A digest's object is read up to this size.
pub const OBJECT_BYTES_MAX: u64 = 32 << 20;
/// A digest is unpacked up to this size: about 130,000 listed files.
pub const BYTES_MAX: u64 = 64 << 20;
/// A digest whose signature does not hold is looked at up to this size: what others put there must
/// not fill the memory.
pub const UNSIGNED_BYTES_MAX: usize = 256 << 10;
/// Digests that are unpacked at once; each needs its whole size for as long.
const UNPACKED_AT_ONCE: usize = 2;
static UNPACKED: Semaphore = Semaphore::const_new(UNPACKED_AT_ONCE);
/// A fingerprint is shown: it is not taken longer than this.
const FINGERPRINT_DIGITS_MAX: usize = 64;

/// What is wrong, and in words.
pub type Fault = (Problem, String);

/// A digest that was read and says what a digest says; whether it is signed is another matter.
#[derive(Clone, Debug)]
pub struct ReadDigest {
    /// What it says.
    pub digest: Digest,
    /// The hash of its uncompressed bytes, in lower-case hex.
    pub sha256: String,
    /// Its signature, in hex; `None` where a copy has lost it.
    pub signature: Option<String>,
    /// Its begin.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
    /// The moment at which its key must be valid.
    pub signed_for: Timestamp,
}

/// What a digest says, but for the log files that it lists.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    aws_account_id: String,
    digest_start_time: String,
    digest_end_time: String,
    digest_s3_bucket: String,
    digest_s3_object: String,
    digest_public_key_fingerprint: String,
    digest_signature_algorithm: String,
    previous_digest_signature: Option<String>,
}

/// Reads a digest. Where there are keys, a large one is taken apart only if its signature, where it
/// has one, holds.
pub async fn read(
    source: &Source,
    bucket: &str,
    folder: &DigestFolder,
    name: &DigestName,
    keys: Option<&Arc<Keys>>,
) -> Result<Result<ReadDigest, Fault>, SourceError> {
    let key = folder.key(name);
    let whole = match source.get(bucket, &key, OBJECT_BYTES_MAX).await? {
        Object::Missing => return Ok(Err((Problem::NotFound, "not found".into()))),
        Object::TooLong => return Ok(Err(too_large())),
        Object::Whole(whole) => whole,
    };
    let (bucket, folder, name) = (bucket.to_owned(), folder.clone(), name.clone());
    let keys = keys.cloned();
    let turn = UNPACKED.acquire().await.expect("it is never closed");
    let parsed = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let Whole { bytes, metadata, .. } = &whole;
        let bytes = unpack(bytes)?;
        if let Some(keys) = keys.filter(|_| bytes.len() > UNSIGNED_BYTES_MAX) {
            verify_large(&bytes, metadata.as_ref(), (&bucket, &folder, &name), &keys)?;
        }
        parse_unpacked(&bytes, metadata.as_ref(), &bucket, &folder, &name)
    });
    Ok(parsed.await.unwrap_or_else(|error| Err((Problem::InvalidFormat, error.to_string()))))
}

/// The folders that hold a digest at all.
pub async fn with_digests(
    source: &Source,
    bucket: &str,
    folders: &[DigestFolder],
) -> Result<Vec<DigestFolder>, SourceError> {
    let mut with = Vec::new();
    for folder in folders {
        let mut listing = source.list(bucket, &folder.digests(), "");
        while let Some(page) = listing.next_page().await? {
            if page.iter().any(|entry| folder.digest(&entry.key).is_some()) {
                with.push(folder.clone());
                break;
            }
        }
    }
    Ok(with)
}

/// The bucket that the digests of a copy say they lie in: what the first of them says that can be
/// read. Nothing of it is verified.
pub async fn told_bucket(
    source: &Source,
    folders: &[DigestFolder],
) -> Result<Option<String>, SourceError> {
    for folder in folders {
        let mut listing = source.list("", &folder.digests(), "");
        while let Some(page) = listing.next_page().await? {
            for entry in page.iter().filter(|entry| folder.digest(&entry.key).is_some()) {
                let object = source.get("", &entry.key, OBJECT_BYTES_MAX).await?;
                let Object::Whole(whole) = object else { continue };
                let content = MultiGzDecoder::new(&whole.bytes[..]).take(BYTES_MAX);
                if let Ok(digest) = serde_json::from_reader::<_, Digest>(content) {
                    return Ok(Some(digest.digest_s3_bucket));
                }
            }
        }
    }
    Ok(None)
}

/// Verifies a digest without taking its list apart.
fn verify_large(
    bytes: &[u8],
    metadata: Option<&Metadata>,
    (bucket, folder, name): (&str, &DigestFolder, &DigestName),
    keys: &Keys,
) -> Result<(), Fault> {
    let text = text_of(bytes)?;
    let head: Head = serde_json::from_str(text).map_err(|error| invalid(&error.to_string()))?;
    let digest = Digest {
        aws_account_id: head.aws_account_id,
        digest_start_time: head.digest_start_time,
        digest_end_time: head.digest_end_time,
        digest_s3_bucket: head.digest_s3_bucket,
        digest_s3_object: head.digest_s3_object,
        digest_public_key_fingerprint: head.digest_public_key_fingerprint,
        digest_signature_algorithm: head.digest_signature_algorithm,
        newest_event_time: None,
        oldest_event_time: None,
        previous_digest_s3_bucket: None,
        previous_digest_s3_object: None,
        previous_digest_hash_value: None,
        previous_digest_hash_algorithm: None,
        previous_digest_signature: head.previous_digest_signature,
        log_files: Vec::new(),
    };
    let read = checked(digest, bytes, metadata, bucket, folder, name)?;
    match &read.signature {
        Some(signature) => read.verify(signature, keys, folder),
        None => Ok(()),
    }
}

/// The uncompressed bytes of a digest.
pub fn unpack(gzip: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let unpacked = MultiGzDecoder::new(gzip).take(BYTES_MAX + 1).read_to_end(&mut bytes);
    unpacked.map_err(|error| invalid(&format!("it is no gzip ({error})")))?;
    if bytes.len() as u64 > BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

/// A digest from its uncompressed bytes and the metadata of its object.
pub fn parse_unpacked(
    bytes: &[u8],
    metadata: Option<&Metadata>,
    bucket: &str,
    folder: &DigestFolder,
    name: &DigestName,
) -> Result<ReadDigest, Fault> {
    let digest = serde_json::from_str(text_of(bytes)?);
    let digest: Digest = digest.map_err(|error| invalid(&error.to_string()))?;
    checked(digest, bytes, metadata, bucket, folder, name)
}

/// A parser that skips what it does not know does not look whether it is text.
fn text_of(bytes: &[u8]) -> Result<&str, Fault> {
    str::from_utf8(bytes).map_err(|error| invalid(&error.to_string()))
}

/// Whether a digest says of itself what it must.
fn checked(
    digest: Digest,
    bytes: &[u8],
    metadata: Option<&Metadata>,
    bucket: &str,
    folder: &DigestFolder,
    name: &DigestName,
) -> Result<ReadDigest, Fault> {
    let told = |member: &str| metadata.and_then(|metadata| metadata.get(member));
    let signature = told(SIGNATURE).cloned();
    if metadata.is_some() && (signature.is_none() || told(ALGORITHM).is_none()) {
        let missing = if signature.is_none() { SIGNATURE } else { ALGORITHM };
        return Err((
            Problem::SignatureMissing,
            format!("signature verification failed: the object has no metadata {missing}"),
        ));
    }
    let algorithms = [told(ALGORITHM), Some(&digest.digest_signature_algorithm)];
    if let Some(other) = algorithms.into_iter().flatten().find(|one| *one != SIGNATURE_ALGORITHM) {
        return Err((
            Problem::SignatureInvalid,
            format!("signature verification failed: the algorithm is {other}"),
        ));
    }
    if digest.digest_s3_bucket != bucket || digest.digest_s3_object != folder.key(name) {
        let Digest { digest_s3_bucket, digest_s3_object, .. } = &digest;
        return Err((
            Problem::Moved,
            format!(
                "has been moved from its original location s3://{digest_s3_bucket}/{digest_s3_object}"
            ),
        ));
    }
    if digest.aws_account_id != folder.account.as_str() {
        return Err(invalid(&format!("awsAccountId is {}", digest.aws_account_id)));
    }
    if digest.digest_public_key_fingerprint.len() > FINGERPRINT_DIGITS_MAX {
        return Err(invalid("digestPublicKeyFingerprint is no fingerprint"));
    }
    let moment = |member: &str, text: &str| {
        let read = Timestamp::parse(text).filter(|read| read.to_iso_seconds() == text);
        read.ok_or_else(|| invalid(&format!("{member} is {text:?}")))
    };
    let start = moment("digestStartTime", &digest.digest_start_time)?;
    let end = moment("digestEndTime", &digest.digest_end_time)?;
    if start >= end || end != name.end {
        return Err((
            Problem::IntervalInvalid,
            format!("covers {start} to {end}, and by its name should end at {}", name.end),
        ));
    }
    let signed_for = match (name.chain.kind, metadata) {
        (DigestKind::Backfill, Some(_)) => {
            let generated = told(GENERATED).and_then(|text| Timestamp::parse(text));
            generated.ok_or_else(|| invalid(&format!("the object has no metadata {GENERATED}")))?
        }
        _ => end,
    };
    let sha256 = sha256_hex(bytes);
    Ok(ReadDigest { digest, sha256, signature, start, end, signed_for })
}

impl ReadDigest {
    /// Verifies a signature of it.
    pub fn verify(&self, signature: &str, keys: &Keys, folder: &DigestFolder) -> Result<(), Fault> {
        let fingerprint = &self.digest.digest_public_key_fingerprint;
        let region = &folder.region;
        let Some(known) = keys.find(fingerprint, region, self.signed_for) else {
            if let Some(why) = keys.why_missing(region) {
                return Err((Problem::Unreadable, format!("could not be verified: {why}")));
            }
            return Err((
                Problem::KeyUnknown,
                format!("public key not found in region {region} for fingerprint {fingerprint}"),
            ));
        };
        let message = self.digest.string_to_sign(&self.sha256);
        if !known.key.verifies_hex(message.as_bytes(), signature) {
            return Err((Problem::SignatureInvalid, "signature verification failed".into()));
        }
        // What a copy has lost of a backfill digest is when it was made.
        let is_known = self.signature.is_some() || !self.is_backfill();
        match known.valid {
            Some((from, to)) if is_known && !known.is_valid_at(self.signed_for) => Err((
                Problem::KeyNotValid,
                format!(
                    "signed for {} by the key {fingerprint}, which is valid from {from} to {to}",
                    self.signed_for
                ),
            )),
            _ => Ok(()),
        }
    }

    fn is_backfill(&self) -> bool {
        DigestKind::of_key(&self.digest.digest_s3_object) == DigestKind::Backfill
    }

    /// The digest that it says it follows: bucket and key.
    #[must_use]
    pub fn previous(&self) -> Option<(&str, &str)> {
        let Digest { previous_digest_s3_bucket, previous_digest_s3_object, .. } = &self.digest;
        previous_digest_s3_bucket.as_deref().zip(previous_digest_s3_object.as_deref())
    }
}

fn invalid(why: &str) -> Fault {
    (Problem::InvalidFormat, format!("invalid format: {why}"))
}

fn too_large() -> Fault {
    (Problem::TooLarge, format!("larger than a digest: more than {} MiB", BYTES_MAX >> 20))
}
