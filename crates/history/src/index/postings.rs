//! Long lists of rows.
//!
//! ```text
//! list of up to 256 rows:  differences of all rows but the first (varints); the entry has the first
//! longer list:             for each part of 256 rows its first row and its offset behind this table
//!                          (u32 each, LE), then the parts: differences of all rows but the first
//! ```
//!
//! Lists follow each other without regard to pages. To go on from a row, the part is looked up that has
//! it; what is between is not read.

use super::pages::Held;
use super::varint::{Malformed, Reader, put};
use super::{Index, IndexError};
use crate::lists;

/// As many rows stand in the entry itself.
pub(super) const INLINE_ROWS: usize = 4;
/// Rows in a part.
const PART_ROWS: u32 = 256;

/// Appends a list that is too long for its entry.
pub(super) fn write_list(bytes: &mut Vec<u8>, rows: &[u32]) {
    let mut parts = Vec::new();
    for part in rows.chunks(PART_ROWS as usize) {
        if rows.len() > PART_ROWS as usize {
            let offset = u32::try_from(parts.len()).expect("5 bytes a row at most");
            bytes.extend_from_slice(&part[0].to_le_bytes());
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        part.windows(2).for_each(|pair| put(&mut parts, u64::from(pair[1] - pair[0])));
    }
    bytes.append(&mut parts);
}

/// What an entry says of its rows.
#[derive(Clone, Copy, Debug)]
pub(super) enum List {
    /// The rows.
    Short { count: u32, rows: [u32; INLINE_ROWS] },
    /// How many, the first, and where they are.
    Long { count: u32, first: u32, offset: u32, length: u32 },
}

/// Goes through the rows of a list.
pub(super) struct Cursor<'a> {
    index: &'a Index,
    list: List,
    table: Held,
    parts: Held,
    /// The part that was read.
    part: Option<u32>,
    rows: Vec<u32>,
    bytes: Vec<u8>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(index: &'a Index, list: List) -> Cursor<'a> {
        let (table, parts) = (Held::default(), Held::default());
        Cursor { index, list, table, parts, part: None, rows: Vec::new(), bytes: Vec::new() }
    }

    fn malformed(&self) -> IndexError {
        self.index.pages.damaged("a list makes no sense")
    }

    fn seek_long(&mut self, from: u32) -> Result<Option<u32>, IndexError> {
        let List::Long { count, .. } = self.list else { return Ok(None) };
        let parts = count.div_ceil(PART_ROWS);
        let part = self.part_of(from, parts)?;
        if self.part != Some(part) {
            self.read_part(part, parts)?;
        }
        let place = self.rows.partition_point(|row| *row < from);
        if let Some(row) = self.rows.get(place) {
            return Ok(Some(*row));
        }
        // All of the part is before: the next part's first row is the one.
        if part + 1 < parts { Ok(Some(self.start_of(part + 1)?.0)) } else { Ok(None) }
    }

    /// The last part that begins at a row or before it; the first, if none does.
    fn part_of(&mut self, row: u32, parts: u32) -> Result<u32, IndexError> {
        if parts == 1 {
            return Ok(0);
        }
        let mut low = self.part.unwrap_or(0);
        let mut high = parts;
        // It is mostly this part or one of the next.
        let mut step = 1;
        while low + step < high {
            if self.start_of(low + step)?.0 > row {
                high = low + step;
                break;
            }
            low += step;
            step *= 2;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.start_of(middle)?.0 > row {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(low)
    }

    /// A part's first row, and its offset behind the table.
    fn start_of(&mut self, part: u32) -> Result<(u32, u32), IndexError> {
        let List::Long { offset, length, .. } = self.list else { return Err(self.malformed()) };
        let place = part.checked_mul(8).filter(|place| *place < length);
        let place = place.and_then(|place| offset.checked_add(place));
        let place = place.ok_or_else(|| self.malformed())?;
        let mut bytes = [0; 8];
        self.index.list_bytes(&mut self.table, place, &mut bytes)?;
        let mut bytes = Reader(&bytes);
        let mut number = || bytes.array().map(u32::from_le_bytes).expect("there are two");
        Ok((number(), number()))
    }

    fn read_part(&mut self, part: u32, parts: u32) -> Result<(), IndexError> {
        let List::Long { count, first, offset, length } = self.list else { return Ok(()) };
        self.part = None;
        let table = if parts == 1 { 0 } else { parts.saturating_mul(8) };
        let (first, begin) = if parts == 1 { (first, 0) } else { self.start_of(part)? };
        let end =
            if part + 1 < parts { self.start_of(part + 1)?.1 } else { length.wrapping_sub(table) };
        let begins = table.checked_add(begin).and_then(|begin| offset.checked_add(begin));
        // A row takes five bytes at most.
        let size = end.checked_sub(begin).filter(|size| *size <= 5 * PART_ROWS);
        let (Some(begins), Some(size)) = (begins, size) else { return Err(self.malformed()) };
        self.bytes.resize(size as usize, 0);
        self.index.list_bytes(&mut self.parts, begins, &mut self.bytes)?;
        let rows = PART_ROWS.min(count - part * PART_ROWS);
        read_rows(&self.bytes, first, rows, self.index.header.rows, &mut self.rows)
            .map_err(|_| self.malformed())?;
        self.part = Some(part);
        Ok(())
    }
}

/// Rows that ascend, of which there are as many as is said, all of them below `end`.
fn read_rows(
    bytes: &[u8],
    first: u32,
    count: u32,
    end: u32,
    into: &mut Vec<u32>,
) -> Result<(), Malformed> {
    into.clear();
    let mut bytes = Reader(bytes);
    let mut row = first;
    into.push(row);
    for _ in 1..count {
        let difference = bytes.small()?;
        row = row.checked_add(difference).filter(|_| difference > 0).ok_or(Malformed)?;
        into.push(row);
    }
    if row < end && bytes.0.is_empty() { Ok(()) } else { Err(Malformed) }
}

impl lists::List for Cursor<'_> {
    type Place = u32;

    fn seek(&mut self, from: u32) -> Result<Option<u32>, IndexError> {
        let found = match &self.list {
            List::Short { count, rows } => {
                rows[..*count as usize].iter().copied().find(|row| *row >= from)
            }
            List::Long { first, .. } if *first >= from => Some(*first),
            List::Long { .. } => self.seek_long(from)?,
        };
        // Whatever a file says, nobody is given a row that it has not, or one before.
        if found.is_some_and(|row| row < from || row >= self.index.header.rows) {
            return Err(self.malformed());
        }
        Ok(found)
    }

    fn first(&self) -> Option<u32> {
        match &self.list {
            List::Short { rows, .. } => Some(rows[0]),
            List::Long { first, .. } => Some(*first),
        }
    }
}
