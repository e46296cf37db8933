//! `digest-keys.json`: a document (see [`disk::document`]), replaced as a whole. Times are
//! milliseconds since 1970, bytes are base64.

use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use disk::{Disk, document};
use model::{Region, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::key::{PublicKey, SigningKey};
use crate::ring::KeyRingError;

/// The keys' file, in the data directory.
pub const FILE: &str = "digest-keys.json";
const FORMAT: u32 = 1;

/// What is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    /// In the order in which they were made.
    pub(crate) keys: Vec<Entry>,
}

/// A key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) region: Region,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// The DER of a PKCS#1 `RSAPublicKey`.
    pub(crate) public: Bytes,
    pub(crate) private: Private,
    /// The private key, once it was needed.
    #[serde(skip)]
    pub(crate) unlocked: Option<Arc<SigningKey>>,
}

/// How a private key is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Private {
    /// The DER of a PKCS#8 `PrivateKeyInfo`.
    Plain(Bytes),
    /// The same, encrypted by KMS.
    Kms {
        /// What the configuration named the KMS key by.
        named: String,
        /// The KMS key's ARN.
        arn: String,
        /// What KMS gave.
        ciphertext: Bytes,
    },
    /// No longer: nothing that it could sign can come.
    Destroyed,
}

/// Bytes, wiped when they are dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Zeroizing<Vec<u8>>);

/// Reads the state; empty when there is no file.
pub(crate) fn read(disk: &dyn Disk) -> Result<State, KeyRingError> {
    match disk::read(disk, FILE) {
        Ok(bytes) => Ok(document::from_bytes(&Zeroizing::new(bytes), FORMAT)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::default()),
        Err(error) => Err(error.into()),
    }
}

/// Makes the file hold the state: durable when it returns.
pub(crate) fn write(disk: &dyn Disk, state: &State) -> Result<(), KeyRingError> {
    let bytes = Zeroizing::new(document::to_bytes(FORMAT, state));
    Ok(disk::replace(disk, FILE, &bytes)?)
}

impl Entry {
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_pkcs1(self.public.0.to_vec())
    }

    /// The private key from its DER, which must be that of the public one.
    pub(crate) fn unlock(&self, der: &[u8]) -> Result<SigningKey, KeyRingError> {
        let key = SigningKey::from_pkcs8(der).ok();
        key.filter(|key| *key.public() == self.public()).ok_or_else(|| {
            KeyRingError::Corrupt(format!("the private key of {}", self.public().fingerprint()))
        })
    }
}

impl Bytes {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Bytes {
        Bytes(Zeroizing::new(bytes.into()))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bytes(…)")
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        STANDARD.decode(&*text).map(Bytes::new).map_err(D::Error::custom)
    }
}
