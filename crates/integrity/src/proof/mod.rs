//! A proof that a record is in the log: one JSON file that is verified with a public key alone.
//!
//! ```text
//! {"format":1,"eventID":…,
//!  "logFile":{"s3Bucket":…,"s3Object":…,"gzip":BASE64},     the record is in it
//!  "digest":{"bytes":BASE64,"signature":HEX},               lists the log file, by its hash
//!  "next":{"bytes":BASE64,"signature":HEX}}                 names the digest, by hash and signature
//! ```
//!
//! `bytes` are a digest's own, uncompressed; where it lies, and what came before it, stands in them.
//! `next` is left out as long as there is none. A backfill digest also has its
//! `backfillGenerationTimestamp`, as its object's metadata tells it.
//!
//! The whole log file is inside, because what a digest gives is one SHA-256 over all of it: there is
//! no smaller proof of one record. So whoever gets a proof reads that record's neighbours too.
//!
//! [`Proof::check`] verifies, [`Search`] finds what a proof is made of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod check;
mod make;
#[cfg(test)]
mod make_tests;
mod records;
#[cfg(test)]
mod tests;

pub use check::{Broken, Link, Proven, ProvenDigest, ProvenFile};
pub use make::{Listed, Made, MakeError, NotFound, Search};
pub use records::{InvalidRecords, Matches};

/// The format that is written, and the only one that is read.
pub const FORMAT: u32 = 1;
/// A proof has at most so many bytes.
pub const BYTES_MAX: usize = 256 << 20;

/// What a proof consists of. Nothing in it is believed before [`Proof::check`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proof {
    /// [`FORMAT`].
    pub format: u32,
    /// Which record.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// The log file that it is in.
    pub log_file: LogFile,
    /// The digest that lists the log file.
    pub digest: SignedDigest,
    /// The digest after that one in its chain.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<SignedDigest>,
}

/// A log file, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogFile {
    /// Its bucket.
    pub s3_bucket: String,
    /// Its key.
    pub s3_object: String,
    /// Its bytes, as they are stored.
    pub gzip: Base64,
}

/// A digest with what its object's metadata says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedDigest {
    /// Its uncompressed bytes.
    pub bytes: Base64,
    /// Its signature, in hex.
    pub signature: String,
    /// Of a backfill digest: when it was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backfill_generation_timestamp: Option<String>,
}

/// Bytes that are base64 in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

/// Bytes that are no proof, not even a false one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidProof(String);

/// Only the format, whatever else there is.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl Proof {
    /// Reads a proof.
    pub fn parse(bytes: &[u8]) -> Result<Proof, InvalidProof> {
        if bytes.len() > BYTES_MAX {
            return Err(too_large());
        }
        let invalid = |error: serde_json::Error| InvalidProof(format!("it is no proof: {error}"));
        let Format { format } = serde_json::from_slice(bytes).map_err(invalid)?;
        if format != u64::from(FORMAT) {
            let why =
                format!("it is of format {format}; this version of Cairn reads format {FORMAT}");
            return Err(InvalidProof(why));
        }
        serde_json::from_slice(bytes).map_err(invalid)
    }

    /// The bytes of its file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, InvalidProof> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a proof always serializes");
        bytes.push(b'\n');
        if bytes.len() > BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
    }
}

fn too_large() -> InvalidProof {
    InvalidProof(format!("it is larger than a proof: more than {} MiB", BYTES_MAX >> 20))
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Base64, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Base64;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("base64")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Base64, E> {
                let bytes = STANDARD.decode(text);
                bytes.map(Base64).map_err(|error| E::custom(format!("no base64: {error}")))
            }
        }

        deserializer.deserialize_str(Text).map_err(D::Error::custom)
    }
}
