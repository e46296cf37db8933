//! Where rows stand: blocks of 128 rows, several in a page.
//!
//! ```text
//! page:   blocks (u8), their offsets in the page (u16 each), the blocks
//! block:  time (i64), batch (u64), index (u32) of its first row, all LE; for each other row
//!         the time before it minus its own (varint), batch and index minus those before (signed varints)
//! ```
//!
//! All blocks but the file's last are full, so that a row's number says its block.

use model::{BatchId, Timestamp};

use super::pages::{CONTENT, Held};
use super::varint::{Malformed, Reader, put, put_signed};
use super::{Index, IndexError};
use crate::position::{Position, Sequence};

/// Rows in a block.
pub(super) const BLOCK_ROWS: u32 = 128;

/// What is kept in memory of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageStart {
    /// Its first row's.
    pub(super) position: Position,
    /// Its first block.
    pub(super) block: u32,
}

/// Takes the positions of rows, and makes pages of them.
#[derive(Default)]
pub(super) struct PositionsBuilder {
    rows: u32,
    last: Option<Position>,
    block: Vec<u8>,
    block_start: Option<Position>,
    /// Blocks of the page that is not full yet, and where they begin in it.
    page: Vec<u8>,
    offsets: Vec<usize>,
    page_start: Option<PageStart>,
    pages: Vec<u8>,
    starts: Vec<PageStart>,
}

impl PositionsBuilder {
    pub(super) fn rows(&self) -> u32 {
        self.rows
    }

    pub(super) fn push(&mut self, position: Position) {
        match self.last.filter(|_| !self.rows.is_multiple_of(BLOCK_ROWS)) {
            None => {
                self.end_block();
                write_whole(&mut self.block, position);
                self.block_start = Some(position);
            }
            Some(last) => {
                let (from, to) = (last.sequence, position.sequence);
                let earlier = last.time.as_millis().wrapping_sub(position.time.as_millis());
                put(&mut self.block, earlier.cast_unsigned());
                put_signed(&mut self.block, to.batch.0.wrapping_sub(from.batch.0).cast_signed());
                put_signed(&mut self.block, i64::from(to.index) - i64::from(from.index));
            }
        }
        debug_assert!(self.last.is_none_or(|last| position < last), "rows come newest first");
        self.last = Some(position);
        self.rows += 1;
    }

    fn end_block(&mut self) {
        let Some(position) = self.block_start.take() else { return };
        let head = 1 + 2 * (self.offsets.len() + 1);
        if head + self.page.len() + self.block.len() > CONTENT || self.offsets.len() == 255 {
            self.end_page();
        }
        let block = (self.rows - 1) / BLOCK_ROWS;
        self.page_start.get_or_insert(PageStart { position, block });
        self.offsets.push(self.page.len());
        self.page.append(&mut self.block);
    }

    fn end_page(&mut self) {
        let Some(start) = self.page_start.take() else { return };
        self.starts.push(start);
        let head = 1 + 2 * self.offsets.len();
        let page_end = self.pages.len() + CONTENT;
        self.pages.push(u8::try_from(self.offsets.len()).expect("at most 255"));
        for offset in self.offsets.drain(..) {
            let offset = u16::try_from(head + offset).expect("a page is smaller");
            self.pages.extend_from_slice(&offset.to_le_bytes());
        }
        self.pages.append(&mut self.page);
        self.pages.resize(page_end, 0);
    }

    /// The contents of the pages, and how each begins.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<PageStart>) {
        self.end_block();
        self.end_page();
        (self.pages, self.starts)
    }
}

pub(super) fn write_whole(bytes: &mut Vec<u8>, position: Position) {
    bytes.extend_from_slice(&position.time.as_millis().to_le_bytes());
    bytes.extend_from_slice(&position.sequence.batch.0.to_le_bytes());
    bytes.extend_from_slice(&position.sequence.index.to_le_bytes());
}

pub(super) fn read_whole(bytes: &mut Reader<'_>) -> Result<Position, Malformed> {
    let time = Timestamp::from_millis(i64::from_le_bytes(bytes.array()?));
    let batch = BatchId(u64::from_le_bytes(bytes.array()?));
    let index = u32::from_le_bytes(bytes.array()?);
    Ok(Position { time, sequence: Sequence { batch, index } })
}

/// A block of a page, by its place there.
fn block(page: &[u8], place: usize) -> Result<Reader<'_>, Malformed> {
    let blocks = usize::from(*page.first().ok_or(Malformed)?);
    let offset = page.get(1 + 2 * place..3 + 2 * place).filter(|_| place < blocks);
    let offset = offset.and_then(|offset| offset.try_into().ok()).ok_or(Malformed)?;
    let offset = usize::from(u16::from_le_bytes(offset));
    page.get(offset..).map(Reader).ok_or(Malformed)
}

/// Where a block's first row stands.
fn first_of(page: &[u8], place: usize) -> Result<Position, Malformed> {
    read_whole(&mut block(page, place)?)
}

/// Where the rows of a block stand.
fn rows_of(
    page: &[u8],
    place: usize,
    rows: u32,
    into: &mut Vec<Position>,
) -> Result<(), Malformed> {
    into.clear();
    let mut bytes = block(page, place)?;
    let mut at = read_whole(&mut bytes)?;
    into.push(at);
    for _ in 1..rows {
        let earlier = bytes.number()?.cast_signed();
        let time = Timestamp::from_millis(at.time.as_millis().wrapping_sub(earlier));
        let batch = BatchId(at.sequence.batch.0.wrapping_add(bytes.signed()?.cast_unsigned()));
        let index = i64::from(at.sequence.index).checked_add(bytes.signed()?).ok_or(Malformed)?;
        let index = u32::try_from(index).map_err(|_| Malformed)?;
        let next = Position { time, sequence: Sequence { batch, index } };
        if next >= at {
            return Err(Malformed);
        }
        at = next;
        into.push(at);
    }
    Ok(())
}

/// Reads positions; those near the one that was read last are at hand.
pub(super) struct PositionReader<'a> {
    index: &'a Index,
    held: Held,
    block: Option<u32>,
    rows: Vec<Position>,
}

impl<'a> PositionReader<'a> {
    pub(super) fn new(index: &'a Index) -> PositionReader<'a> {
        PositionReader { index, held: Held::default(), block: None, rows: Vec::new() }
    }

    pub(super) fn position(&mut self, row: u32) -> Result<Position, IndexError> {
        self.read_block(row / BLOCK_ROWS)?;
        let place = (row % BLOCK_ROWS) as usize;
        self.rows.get(place).copied().ok_or_else(|| self.malformed())
    }

    pub(super) fn first_before(&mut self, position: Position) -> Result<u32, IndexError> {
        let starts = &self.index.directory.positions;
        let after = starts.partition_point(|start| start.position >= position);
        let Some(page) = after.checked_sub(1) else { return Ok(0) };
        let begin = starts[page].block;
        let blocks = self.index.header.rows.div_ceil(BLOCK_ROWS);
        let end = starts.get(after).map_or(blocks, |start| start.block);
        let index = self.index;
        let content = self.page(page)?;
        // The page's last block that begins at the position or before it.
        let (mut low, mut high) = (begin, end);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let first = first_of(content, (middle - begin) as usize);
            let first = first.map_err(|Malformed| malformed(index))?;
            if first >= position { low = middle } else { high = middle }
        }
        self.read_block(low)?;
        let place = self.rows.partition_point(|row| *row >= position);
        Ok(low * BLOCK_ROWS + u32::try_from(place).expect("a block is small"))
    }

    fn page(&mut self, page: usize) -> Result<&[u8], IndexError> {
        let number = u32::try_from(page).expect("it was read as one");
        self.held.page(&self.index.pages, 1 + number)
    }

    fn read_block(&mut self, block: u32) -> Result<(), IndexError> {
        if self.block == Some(block) {
            return Ok(());
        }
        self.block = None;
        let index = self.index;
        let after = index.directory.positions.partition_point(|start| start.block <= block);
        let page = after.checked_sub(1).ok_or_else(|| self.malformed())?;
        let place = (block - index.directory.positions[page].block) as usize;
        let before = block.checked_mul(BLOCK_ROWS).filter(|before| *before < index.header.rows);
        let rows = index.header.rows - before.ok_or_else(|| self.malformed())?;
        let content = self.held.page(&index.pages, 1 + u32::try_from(page).expect("a page"))?;
        rows_of(content, place, rows.min(BLOCK_ROWS), &mut self.rows)
            .map_err(|Malformed| malformed(index))?;
        self.block = Some(block);
        Ok(())
    }

    fn malformed(&self) -> IndexError {
        malformed(self.index)
    }
}

fn malformed(index: &Index) -> IndexError {
    index.pages.damaged("a position makes no sense")
}
