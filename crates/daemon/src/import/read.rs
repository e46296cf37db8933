//! One log file: read, and looked at before anything of it is taken.
//!
//! It must be gzip, or plain text as some programs unpack what they copy, and begin with `{"Records":[`.
//! It is unpacked twice, here and when it is sent: what is held of it in between is the gzip.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use integrity::log_file::OBJECT_BYTES_MAX;
use integrity::source::Object;
use integrity::{FileHash, Source, Whole};
use sha2::{Digest, Sha256};

use crate::http::splitter::{Piece, RECORD_BYTES_MAX, Splitter};

/// A log file is unpacked up to this size; CloudTrail's have at most 50 MB.
pub(super) const BYTES_MAX: u64 = 256 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const CHUNK_BYTES: usize = 64 << 10;
/// What a log file begins with, without white space.
const OPENING: &[u8] = b"{\"Records\":[";
/// Looked at of a log file's beginning.
const OPENING_BYTES_MAX: usize = 4 << 10;

/// What came of reading an object.
pub(super) enum Outcome {
    /// A log file.
    LogFile(Sound),
    /// None that could be read, and why.
    Wrong(String),
}

/// A log file that can be read to its end.
pub(super) struct Sound {
    whole: Whole,
    pub(super) hash: FileHash,
    pub(super) records: u64,
}

impl Sound {
    /// Its size, as it is stored.
    pub(super) fn bytes(&self) -> u64 {
        self.whole.bytes.len() as u64
    }

    /// Its records, one after the other; `None` for one that is too long.
    pub(super) fn each_record(
        &self,
        mut take: impl FnMut(Option<Bytes>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        walk(
            &self.whole.bytes,
            |_| {},
            |piece| match piece {
                Piece::Record(record) => take(Some(record)),
                Piece::TooLong => take(None),
            },
        )
        .map_err(std::io::Error::other)
    }
}

/// Reads an object; nothing is said of one that could not be got.
pub(super) async fn read(source: &Source, bucket: &str, key: &str) -> Outcome {
    let whole = match source.get(bucket, key, OBJECT_BYTES_MAX).await {
        Ok(Object::Whole(whole)) => whole,
        Ok(Object::Missing) => return Outcome::Wrong("it is gone".into()),
        Ok(Object::TooLong) => {
            let most = OBJECT_BYTES_MAX >> 20;
            return Outcome::Wrong(format!("larger than a log file can be: over {most} MiB"));
        }
        Err(error) => {
            return Outcome::Wrong(format!("could not be read: {}: {}", error.code, error.message));
        }
    };
    let looked = tokio::task::spawn_blocking(move || {
        let found = look(&whole.bytes);
        found.map(|(hash, records)| Sound { whole, hash, records })
    });
    match looked.await {
        Ok(Ok(sound)) => Outcome::LogFile(sound),
        Ok(Err(why)) => Outcome::Wrong(why),
        Err(error) => Outcome::Wrong(error.to_string()),
    }
}

/// The hash of what is inside, and how many records there are.
fn look(bytes: &[u8]) -> Result<(FileHash, u64), String> {
    let (mut hash, mut records) = (Sha256::new(), 0);
    walk(
        bytes,
        |text| hash.update(text),
        |_| {
            records += 1;
            Ok(())
        },
    )?;
    Ok((FileHash::of(&hash.finalize().into()), records))
}

/// Goes through what is inside: its text, and its records.
fn walk(
    bytes: &[u8],
    mut see: impl FnMut(&[u8]),
    mut take: impl FnMut(Piece) -> std::io::Result<()>,
) -> Result<(), String> {
    let mut text: Box<dyn Read + '_> = match bytes.starts_with(&GZIP_MAGIC) {
        true => Box::new(MultiGzDecoder::new(bytes)),
        false => Box::new(bytes),
    };
    let (mut splitter, mut pieces) = (Splitter::default(), Vec::new());
    let mut opening = Vec::new();
    let mut is_open = false;
    let mut length = 0;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let more = text.read(&mut chunk).map_err(|error| format!("not whole gzip: {error}"))?;
        if more == 0 {
            break;
        }
        length += more as u64;
        if length > BYTES_MAX {
            return Err(format!("larger than a log file can be: over {} MiB", BYTES_MAX >> 20));
        }
        let more = &chunk[..more];
        see(more);
        if !is_open {
            opening.extend(more.iter().filter(|byte| !byte.is_ascii_whitespace()).take(16));
            is_open = opening.starts_with(OPENING);
            if !is_open && (!OPENING.starts_with(&opening) || length > OPENING_BYTES_MAX as u64) {
                return Err("not a log file: it does not begin with {\"Records\":[".into());
            }
        }
        splitter.push(more, &mut pieces).map_err(|error| error.to_string())?;
        for piece in pieces.drain(..) {
            take(piece).map_err(|error| error.to_string())?;
        }
    }
    if !is_open {
        return Err("not a log file: it does not begin with {\"Records\":[".into());
    }
    splitter.finish(&mut pieces).map_err(|error| error.to_string())?;
    pieces.into_iter().try_for_each(take).map_err(|error| error.to_string())
}

/// What is said of a record that is too long.
pub(super) fn too_long() -> String {
    format!("record: longer than {RECORD_BYTES_MAX} bytes")
}
