//! Rendering: the bytes of log files, compressed and hashed in one pass.
//!
//! The gzip header carries no time and no name, so that the same events give the same bytes as long
//! as the compressor is the same; what is compared after a crash is the hash of what is inside.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::{Compression, GzBuilder, write::GzEncoder};
use model::log_file::{CLOSING, LogFileHeader, OPENING};
use model::{LogFile, Timestamp};
use sha2::{Digest, Sha256};

use crate::route::{Batch, Content};
use crate::segment::Damage;

/// Makes the log files of one content. `level` is gzip's, from 1 (fast) to 9 (small).
pub fn render(batch: &Batch, content: &Content, level: u32) -> Result<Vec<LogFile>, Damage> {
    let mut body = Body::new(level);
    body.write(OPENING);
    let (mut oldest, mut newest) = (None, None);
    for (place, index) in content.events.iter().enumerate() {
        let (time, record) = batch.record(*index)?;
        if place > 0 {
            body.write(b",");
        }
        body.write(record);
        oldest = earlier(oldest, time);
        newest = newest.max(time);
    }
    body.write(CLOSING);
    let (body, sha256, uncompressed_bytes) = body.finish();
    let file = |(name, destination): &(model::LogFileName, model::Destination)| LogFile {
        header: LogFileHeader {
            name: name.clone(),
            destination: destination.clone(),
            sha256: sha256.clone(),
            records: content.events.len() as u64,
            uncompressed_bytes,
            oldest,
            newest,
        },
        body: body.clone(),
    };
    Ok(content.files.iter().map(file).collect())
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Bytes that are compressed together: each call of the compressor has its price, and records are
/// small.
const BLOCK_BYTES: usize = 64 << 10;

struct Body {
    block: Vec<u8>,
    gzip: GzEncoder<Vec<u8>>,
    hash: Sha256,
    uncompressed_bytes: u64,
}

impl Body {
    fn new(level: u32) -> Body {
        let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(level));
        Body { block: Vec::new(), gzip, hash: Sha256::new(), uncompressed_bytes: 0 }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.block.len() + bytes.len() > BLOCK_BYTES {
            self.compress();
        }
        self.block.extend_from_slice(bytes);
    }

    fn compress(&mut self) {
        self.hash.update(&self.block);
        self.uncompressed_bytes += self.block.len() as u64;
        let written: io::Result<()> = self.gzip.write_all(&self.block);
        written.expect("writing to memory does not fail");
        self.block.clear();
    }

    fn finish(mut self) -> (Bytes, String, u64) {
        self.compress();
        let gzip = self.gzip.finish().expect("writing to memory does not fail");
        let sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (Bytes::from(gzip), sha256, self.uncompressed_bytes)
    }
}
