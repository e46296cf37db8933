//! From the bytes of an object to its records, in bounded memory.
//!
//! ```text
//! [1f 8b gzip members …]  or plain text  ->  UTF-8  ->  {"Records":[{…},…]}  or  [{…},[{…}],…]
//! ```
//!
//! Gzip is told by its first two bytes, never by name or header: some clients and proxies unpack on
//! the way because of `Content-Encoding: gzip`. Members beside `Records` are ignored; nested arrays
//! are flattened (aggregated files have been seen so). Elements that are not objects make the file
//! invalid, because dropping them would lose something silently.
//!
//! What always holds: a file takes at most `bytes_max` for its text plus [`RECORD_BYTES`] for each
//! record, and is refused as [`InvalidLogFile::TooBig`] beyond. (A single name or value as long as
//! the file is copied once more while it is looked at.)
//!
//! Sources: RFC 1952 (a gzip file may have several members); AWS CloudTrail User Guide, "CloudTrail
//! log file examples".

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use crate::elements::{self, Budget};
use crate::log_file::Record;

/// What a record costs beside its text: its entry, while lists grow and while it is compared.
pub const RECORD_BYTES: usize = 128;

/// Reads a log file that is not empty, however it was fetched; `bytes_max` bounds what it takes.
pub fn unpack(object: Bytes, bytes_max: usize) -> Result<Vec<Record>, InvalidLogFile> {
    let text = text(object, bytes_max)?;
    let budget = Budget::records((bytes_max - text.len()) / RECORD_BYTES);
    let ranges = elements::find(&text, budget).map_err(|error| match error {
        elements::Error::Json(error) => InvalidLogFile::Json(error),
        elements::Error::TooMany => InvalidLogFile::TooBig { bytes_max },
    })?;
    let file = Arc::new(text);
    let record = |range: Range<usize>| Record::new(Arc::clone(&file), range);
    Ok(ranges.into_iter().map(record).collect())
}

fn text(object: Bytes, bytes_max: usize) -> Result<String, InvalidLogFile> {
    let bytes = if object.starts_with(&[0x1f, 0x8b]) {
        gunzip(&object, bytes_max)?
    } else if object.len() <= bytes_max {
        object.into()
    } else {
        return Err(InvalidLogFile::TooBig { bytes_max });
    };
    String::from_utf8(bytes).map_err(|error| InvalidLogFile::Text(error.utf8_error()))
}

/// One byte more than allowed is read, which tells a file of just that size from a larger one.
fn gunzip(object: &[u8], bytes_max: usize) -> Result<Vec<u8>, InvalidLogFile> {
    let mut text = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let unpacked = MultiGzDecoder::new(object).take(limit).read_to_end(&mut text);
    unpacked.map_err(InvalidLogFile::Gzip)?;
    if text.len() > bytes_max {
        return Err(InvalidLogFile::TooBig { bytes_max });
    }
    Ok(text)
}

/// Why an object is not a log file. Reading it again does not help.
#[derive(Debug, thiserror::Error)]
pub enum InvalidLogFile {
    /// More than the limit, packed or unpacked.
    #[error("the file is larger than {bytes_max} bytes")]
    TooBig {
        /// The limit that it broke.
        bytes_max: usize,
    },
    /// Begins like gzip and is damaged or cut short.
    #[error("the file is not whole gzip: {0}")]
    Gzip(#[source] io::Error),
    /// Not UTF-8: not gzip either, or something else was packed.
    #[error("the file is not text: {0}")]
    Text(#[source] std::str::Utf8Error),
    /// Not JSON, or not the JSON of a log file.
    #[error("the file is not a CloudTrail log file: {0}")]
    Json(#[source] serde_json::Error),
}
