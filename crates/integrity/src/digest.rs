//! One digest: read within bounds, taken apart, and its signature verified.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use model::digest::{ALGORITHM, GENERATED, SIGNATURE, SIGNATURE_ALGORITHM, sha256_hex};
use model::{Digest, DigestKind, Timestamp};

use crate::finding::Problem;
use crate::keys::Keys;
use crate::layout::{DigestFolder, DigestName};
use crate::source::{Metadata, Object, Source, SourceError, Whole};

/// A digest's object is read up to this size.
pub const OBJECT_BYTES_MAX: u64 = 32 << 20;
/// A digest is unpacked up to this size: about 130,000 listed files.
pub const BYTES_MAX: u64 = 64 << 20;
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

/// Reads a digest.
pub async fn read(
    source: &Source,
    bucket: &str,
    folder: &DigestFolder,
    name: &DigestName,
) -> Result<Result<ReadDigest, Fault>, SourceError> {
    let key = folder.key(name);
    let whole = match source.get(bucket, &key, OBJECT_BYTES_MAX).await? {
        Object::Missing => return Ok(Err((Problem::NotFound, "not found".into()))),
        Object::TooLong => return Ok(Err(too_large())),
        Object::Whole(whole) => whole,
    };
    let (bucket, folder, name) = (bucket.to_owned(), folder.clone(), name.clone());
    let parsed = tokio::task::spawn_blocking(move || {
        let Whole { bytes, metadata, .. } = &whole;
        parse(bytes, metadata.as_ref(), &bucket, &folder, &name)
    });
    Ok(parsed.await.unwrap_or_else(|error| Err((Problem::InvalidFormat, error.to_string()))))
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

/// A digest from the bytes and the metadata of its object.
pub fn parse(
    gzip: &[u8],
    metadata: Option<&Metadata>,
    bucket: &str,
    folder: &DigestFolder,
    name: &DigestName,
) -> Result<ReadDigest, Fault> {
    parse_unpacked(&unpack(gzip)?, metadata, bucket, folder, name)
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
    // A parser that skips what it does not know does not look whether it is text.
    let text = str::from_utf8(bytes).map_err(|error| invalid(&error.to_string()))?;
    let digest: Digest = serde_json::from_str(text).map_err(|error| invalid(&error.to_string()))?;
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
