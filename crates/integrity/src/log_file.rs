//! One log file: is what is inside what a digest says of it?

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use model::ListedFile;
use model::digest::HASH_ALGORITHM;
use sha2::{Digest, Sha256};

use crate::digest::Fault;
use crate::finding::Problem;
use crate::source::{Object, Source};

/// A log file's object is read up to this size.
pub const OBJECT_BYTES_MAX: u64 = 128 << 20;
/// A log file is unpacked up to this size. Those of CloudTrail have at most 50 MB.
pub const BYTES_MAX: u64 = 1 << 30;

/// Reads a log file and compares it. What differs is read twice before it is said.
pub async fn check(source: &Source, listed: &ListedFile) -> Result<u64, Fault> {
    if listed.hash_algorithm != HASH_ALGORITHM {
        let algorithm = &listed.hash_algorithm;
        return Err((
            Problem::InvalidFormat,
            format!("invalid format: its digest gives a hash by {algorithm}"),
        ));
    }
    match check_once(source, listed).await {
        Err((Problem::HashDiffers | Problem::InvalidFormat, _)) if !source.is_copy() => {
            check_once(source, listed).await
        }
        checked => checked,
    }
}

async fn check_once(source: &Source, listed: &ListedFile) -> Result<u64, Fault> {
    let ListedFile { s3_bucket, s3_object, hash_value, .. } = listed;
    let whole = match source.get(s3_bucket, s3_object, OBJECT_BYTES_MAX).await {
        Ok(Object::Whole(whole)) => whole,
        Ok(Object::Missing) => return Err((Problem::NotFound, "not found".into())),
        Ok(Object::TooLong) => return Err(too_large()),
        Err(error) => {
            let message = format!("could not be read: {}: {}", error.code, error.message);
            return Err((Problem::Unreadable, message));
        }
    };
    let hash_value = hash_value.clone();
    let compared = tokio::task::spawn_blocking(move || {
        compare(&whole.bytes, &hash_value).map(|()| whole.bytes.len() as u64)
    });
    compared.await.unwrap_or_else(|error| Err((Problem::Unreadable, error.to_string())))
}

/// Compares what is inside of a gzip with a hash.
pub fn compare(gzip: &[u8], sha256: &str) -> Result<(), Fault> {
    let mut hash = Sha256::new();
    let mut content = MultiGzDecoder::new(gzip).take(BYTES_MAX + 1);
    let mut chunk = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        match content.read(&mut chunk) {
            Ok(0) => break,
            Ok(more) => {
                length += more as u64;
                hash.update(&chunk[..more]);
            }
            Err(_) => return Err((Problem::InvalidFormat, "invalid format".into())),
        }
    }
    if length > BYTES_MAX {
        return Err(too_large());
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    match found == sha256 {
        true => Ok(()),
        false => Err((Problem::HashDiffers, "hash value doesn't match".into())),
    }
}

fn too_large() -> Fault {
    (Problem::TooLarge, "larger than a log file can be".into())
}
