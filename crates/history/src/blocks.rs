//! Bytes of a file with a checksum for each block, so that rot is found before anything reads it.
//!
//! ```text
//!   │ block │ block │ block │ bl… │ crc crc crc crc │ Parquet's page indexes, footer │
//!                                 └ tail: its size and its own crc are in FileInfo ──┘
//! ```
//!
//! Parquet's own checksums are optional, and the writer at hand writes none. To other readers these are
//! bytes that nothing points at. CRC-32 (IEEE), blocks of 32 KiB, numbers in little-endian order.

use std::io::{self, Write};

use bytes::Bytes;
use disk::File;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use serde::{Deserialize, Serialize};

/// The last one may be shorter.
const BLOCK_BYTES: usize = 32 << 10;

/// So much is written at a time.
const WRITE_BYTES: usize = 256 << 10;

/// The end of a table's file, by which all of it is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// Its size.
    pub bytes: u32,
    /// Its CRC-32.
    pub checksum: u32,
}

/// Writes a new file from its beginning.
pub(crate) struct Sink {
    file: Box<dyn File>,
    buffer: Vec<u8>,
    written: u64,
    checks: Vec<u32>,
    /// Of the block that is being filled, or of the tail.
    check: crc32fast::Hasher,
    checked_bytes: usize,
    is_tail: bool,
}

impl Sink {
    pub(crate) fn new(file: Box<dyn File>) -> Sink {
        Sink {
            file,
            buffer: Vec::with_capacity(WRITE_BYTES),
            written: 0,
            checks: Vec::new(),
            check: crc32fast::Hasher::new(),
            checked_bytes: 0,
            is_tail: false,
        }
    }

    /// All bytes so far are blocks. Answers their checksums, which the tail begins with.
    pub(crate) fn begin_tail(&mut self) -> Vec<u8> {
        if self.checked_bytes > 0 {
            self.end_block();
        }
        self.is_tail = true;
        self.checks.iter().flat_map(|check| check.to_le_bytes()).collect()
    }

    /// Makes everything durable; answers the size of the file and what its tail is.
    pub(crate) fn finish(&mut self) -> io::Result<(u64, Tail)> {
        self.write_out()?;
        self.file.sync()?;
        let bytes = u32::try_from(self.checked_bytes).map_err(io::Error::other)?;
        Ok((self.written, Tail { bytes, checksum: self.check.clone().finalize() }))
    }

    fn end_block(&mut self) {
        self.checks.push(std::mem::take(&mut self.check).finalize());
        self.checked_bytes = 0;
    }

    fn check(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = if self.is_tail { bytes.len() } else { BLOCK_BYTES - self.checked_bytes };
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.check.update(now);
            self.checked_bytes += now.len();
            if self.checked_bytes == BLOCK_BYTES && !self.is_tail {
                self.end_block();
            }
            bytes = later;
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check(bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BYTES {
            self.write_out()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a file's blocks, and gives out only what has its checksum.
#[derive(Debug)]
pub(crate) struct Blocks {
    file: Box<dyn File>,
    /// Of the whole file.
    size_bytes: u64,
    /// Of the blocks together.
    blocks_bytes: u64,
    checks: Vec<u32>,
}

impl Blocks {
    /// Of a file with this tail, which is answered too.
    pub(crate) fn open(
        file: Box<dyn File>,
        size_bytes: u64,
        tail: Tail,
    ) -> Result<(Blocks, Bytes)> {
        let cut_off = || damaged("it is cut off");
        let blocks_bytes = size_bytes.checked_sub(tail.bytes.into()).ok_or_else(cut_off)?;
        let bytes = read(&*file, blocks_bytes, tail.bytes as usize)?;
        if crc32fast::hash(&bytes) != tail.checksum {
            return Err(damaged("the checksum of its footer does not match"));
        }
        let count = usize::try_from(blocks_bytes.div_ceil(BLOCK_BYTES as u64))?;
        let checks: Vec<u32> = bytes
            .as_chunks()
            .0
            .iter()
            .take(count)
            .map(|check| u32::from_le_bytes(*check))
            .collect();
        if checks.len() < count {
            return Err(cut_off());
        }
        Ok((Blocks { file, size_bytes, blocks_bytes, checks }, bytes.into()))
    }
}

impl Length for Blocks {
    fn len(&self) -> u64 {
        self.size_bytes
    }
}

impl ChunkReader for Blocks {
    type T = io::Empty;

    fn get_read(&self, _start: u64) -> Result<io::Empty> {
        Err(damaged("a column has no page index"))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.blocks_bytes);
        let end = end.ok_or_else(|| damaged("a page lies outside of it"))?;
        let first = start / BLOCK_BYTES as u64;
        let from = first * BLOCK_BYTES as u64;
        let to = end.next_multiple_of(BLOCK_BYTES as u64).min(self.blocks_bytes);
        let in_memory =
            |bytes: u64| usize::try_from(bytes).map_err(|_| damaged("a page too large"));
        let bytes = read(&*self.file, from, in_memory(to - from)?)?;
        let checks = self.checks.iter().skip(in_memory(first)?);
        for (block, check) in bytes.chunks(BLOCK_BYTES).zip(checks) {
            if crc32fast::hash(block) != *check {
                return Err(damaged("the checksum of a block does not match"));
            }
        }
        let skip = in_memory(start - from)?;
        Ok(Bytes::from(bytes).slice(skip..skip + length))
    }
}

fn read(file: &dyn File, offset: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let read_bytes = file.read_at(&mut bytes, offset)?;
    if read_bytes < length { Err(damaged("it is cut off")) } else { Ok(bytes) }
}

pub(crate) fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
