//! What is read when an index is opened: the header, and the directory at the end.
//!
//! The bytes are described in the module above.

use super::entries::Tag;
use super::pages::CONTENT;
use super::positions::{BLOCK_ROWS, PageStart, read_whole, write_whole};
use super::scopes::{Scopes, ScopesBuilder};
use super::varint::{Malformed, Reader, put};

const MAGIC: &[u8; 8] = b"CAIRNIDX";
const FORMAT: u32 = 1;

/// What page 0 says: the areas begin at these pages, positions at page 1.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) rows: u32,
    pub(super) lists_area: u32,
    pub(super) entries_area: u32,
    pub(super) directory_area: u32,
    pub(super) end: u32,
    pub(super) directory_bytes: u32,
}

impl Header {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let Header { rows, lists_area, entries_area, directory_area, end, directory_bytes } = *self;
        let numbers =
            [FORMAT, rows, lists_area, entries_area, directory_area, end, directory_bytes];
        let numbers = numbers.into_iter().flat_map(u32::to_le_bytes);
        MAGIC.iter().copied().chain(numbers).collect()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Header, &'static str> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return Err("it is no index") };
        let mut bytes = Reader(rest);
        let mut number = || bytes.array().map(u32::from_le_bytes).unwrap_or_default();
        if number() != FORMAT {
            return Err("its format is not 1; a newer Cairn may have written it");
        }
        let [rows, lists_area, entries_area, directory_area, end, directory_bytes] =
            std::array::from_fn(|_| number());
        let header =
            Header { rows, lists_area, entries_area, directory_area, end, directory_bytes };
        let areas = [1, lists_area, entries_area, directory_area, end];
        let room = u64::from(end.saturating_sub(directory_area)) * CONTENT as u64;
        if areas.is_sorted() && u64::from(directory_bytes) <= room {
            Ok(header)
        } else {
            Err("its areas are out of order")
        }
    }
}

/// What is in memory of a file.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) scopes: Scopes,
    pub(super) positions: Vec<PageStart>,
    pub(super) entries: Vec<Tag>,
}

pub(super) fn write(scopes: &ScopesBuilder, positions: &[PageStart], entries: &[Tag]) -> Vec<u8> {
    let mut bytes = Vec::new();
    scopes.write(&mut bytes);
    put(&mut bytes, positions.len() as u64);
    for start in positions {
        put(&mut bytes, start.block.into());
        write_whole(&mut bytes, start.position);
    }
    put(&mut bytes, entries.len() as u64);
    let mut last = 0;
    for Tag(start) in entries {
        put(&mut bytes, start - last);
        last = *start;
    }
    bytes
}

impl Directory {
    pub(super) fn read(bytes: &[u8], header: &Header) -> Result<Directory, Malformed> {
        let mut bytes = Reader(bytes);
        let scopes = Scopes::read(&mut bytes)?;
        let positions = read_positions(&mut bytes)?;
        let mut entries: Vec<Tag> = Vec::new();
        for _ in 0..bytes.small()? {
            let last = entries.last().map_or(0, |tag| tag.0);
            entries.push(Tag(last.checked_add(bytes.number()?).ok_or(Malformed)?));
        }
        let blocks = header.rows.div_ceil(BLOCK_ROWS);
        let is_whole = positions.len() == (header.lists_area - 1) as usize
            && entries.len() == (header.directory_area - header.entries_area) as usize
            && positions.last().map_or(blocks == 0, |last| last.block < blocks)
            && (scopes.len() > 0 || header.rows == 0)
            && bytes.0.is_empty();
        if is_whole { Ok(Directory { scopes, positions, entries }) } else { Err(Malformed) }
    }
}

fn read_positions(bytes: &mut Reader<'_>) -> Result<Vec<PageStart>, Malformed> {
    let mut positions: Vec<PageStart> = Vec::new();
    for _ in 0..bytes.small()? {
        let block = bytes.small()?;
        let start = PageStart { position: read_whole(bytes)?, block };
        let follows = positions
            .last()
            .map_or(block == 0, |last| last.block < block && last.position > start.position);
        if !follows {
            return Err(Malformed);
        }
        positions.push(start);
    }
    Ok(positions)
}
