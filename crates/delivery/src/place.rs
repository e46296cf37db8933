//! Placing one log file, once: from its derived names to the one that holds it.
//!
//! "Exists" is not yet "ours": somebody could have put an object under the name to silence the log.
//! So an existing object is read, and the hash of what is inside compared (compressed bytes may
//! differ between versions of a compressor). A foreign object is an alarm, and the file goes on to
//! its next derived name, which a retry after a crash finds the same way.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use model::{BucketName, LogFile};
use sha2::{Digest, Sha256};

use crate::store::{Metadata, Object, ObjectStore, Put, PutOutcome, StoreError};

/// Names that are tried before the destination counts as refusing.
const ATTEMPTS_MAX: u32 = 16;

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its key.
    pub key: String,
    /// Keys before it that foreign objects hold.
    pub foreign: Vec<String>,
}

/// Puts a file, or finds that it is there already.
pub async fn place(store: &impl ObjectStore, file: &LogFile) -> Result<Placed, StoreError> {
    let header = &file.header;
    let mut foreign = Vec::new();
    for attempt in 0..ATTEMPTS_MAX {
        let key = header.name.key(attempt);
        let put = Put {
            bucket: header.destination.bucket.clone(),
            key,
            body: file.body.clone(),
            kms_key: header.destination.kms_key.clone(),
            metadata: Metadata::new(),
            trail: header.name.trail.clone(),
        };
        let is_ours = match store.put_new(&put).await? {
            PutOutcome::Stored => true,
            PutOutcome::Exists => holds(store, &put, file).await?,
        };
        if is_ours {
            return Ok(Placed { key: put.key, foreign });
        }
        foreign.push(put.key);
    }
    Err(StoreError {
        code: "NamesTaken".into(),
        message: format!("foreign objects hold all {ATTEMPTS_MAX} names of {}", header.name.key(0)),
    })
}

/// Whether the object under a taken name has the content of this file.
async fn holds(store: &impl ObjectStore, put: &Put, file: &LogFile) -> Result<bool, StoreError> {
    let bytes_max = file.header.uncompressed_bytes;
    let read = store.read(&put.bucket, &put.key, gzip_bytes_max(bytes_max)).await;
    let read = read.map_err(|error| {
        let help = if error.is_of_the_destination() {
            "; the key is taken, and reading what is there takes s3:GetObject (and kms:Decrypt)"
        } else {
            "; the key is taken, and what is there could not be read"
        };
        StoreError { message: error.message + help, code: error.code }
    });
    let body = match read? {
        Object::Whole(body, _) => body,
        Object::TooLong => return Ok(false),
        Object::Missing => {
            let message = format!("{} was taken and is gone", put.key);
            return Err(StoreError { code: "ConditionalRequestConflict".into(), message });
        }
    };
    let sha256 = file.header.sha256.clone();
    let compared = tokio::task::spawn_blocking(move || has_content(&body, &sha256, bytes_max));
    compared
        .await
        .map_err(|error| StoreError { code: "Internal".into(), message: error.to_string() })
}

/// How long the gzip of a log file may be, however it was compressed: the codes of Deflate that are not
/// made for the text have up to nine bits for a byte.
#[must_use]
pub fn gzip_bytes_max(uncompressed_bytes: u64) -> u64 {
    uncompressed_bytes.saturating_add(uncompressed_bytes / 8).saturating_add(64)
}

/// The content of a log file that lies in its bucket; `None` when it is gone, or is another one. At
/// most [`gzip_bytes_max`] and `bytes_max` bytes are in memory, whatever the bucket holds.
pub async fn read_back(
    store: &impl ObjectStore,
    bucket: &BucketName,
    key: &str,
    sha256: &str,
    bytes_max: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Object::Whole(body, _) = store.read(bucket, key, gzip_bytes_max(bytes_max)).await? else {
        return Ok(None);
    };
    let sha256 = sha256.to_owned();
    let unpacked = tokio::task::spawn_blocking(move || {
        let content = unpack(&body, bytes_max)?;
        (to_hex(&Sha256::digest(&content)) == sha256).then_some(content)
    });
    unpacked
        .await
        .map_err(|error| StoreError { code: "Internal".into(), message: error.to_string() })
}

/// What gzip bytes hold, or the first `bytes_max` bytes of it and one more; `None` when they are no gzip.
#[must_use]
pub fn unpack(gzip: &[u8], bytes_max: u64) -> Option<Vec<u8>> {
    // Of its size at once: one that grows doubles.
    let mut content = Vec::with_capacity(usize::try_from(bytes_max + 1).unwrap_or_default());
    MultiGzDecoder::new(gzip).take(bytes_max + 1).read_to_end(&mut content).ok()?;
    Some(content)
}

/// Whether gzip bytes hold content of this hash and size; reads no more than that.
fn has_content(gzip: &Bytes, sha256: &str, bytes_max: u64) -> bool {
    let mut hash = Sha256::new();
    let mut content = MultiGzDecoder::new(gzip.as_ref()).take(bytes_max + 1);
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match content.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => hash.update(&chunk[..length]),
            Err(_) => return false,
        }
    }
    to_hex(&hash.finalize()) == sha256
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
