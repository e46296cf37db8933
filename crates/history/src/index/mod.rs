//! The index beside a file: which rows have a value of an attribute, and where rows stand.
//!
//! Rows are numbered as their file has them, newest first. The index is written once and never
//! changed, and can be made again from its table. It is read page by page as lookups need it; what
//! is in memory is how each page begins, some 70 KB for a million rows.
//!
//! ```text
//! page 0      header
//! positions   blocks of positions, newest first              see positions.rs
//! lists       the rows of values that have more than four    see postings.rs
//! entries     for each key and scope: its rows, or its list  see entries.rs
//! directory   the scopes; how each page of positions and of entries begins
//! ```
//!
//! All areas are whole pages of 4096 bytes, and each page has a checksum (pages.rs): a bit that
//! flipped is an error when its page is read, never another answer. The content of pages:
//!
//! ```text
//! header      CAIRNIDX, then u32, LE: format (1), rows, the first pages of lists, of entries, of the
//!             directory, and of what is behind it (the file's end), bytes of the directory; zeros
//! directory   scopes (scopes.rs); count of pages of positions (varint), for each its first block
//!             (varint) and its first position (20 bytes, as in positions.rs); count of pages of
//!             entries (varint), for each its first tag minus the tag before it (varint)
//! tag         the upper 40 bits of a key, then 24 bits: 0 for any scope, or the scope's number + 1
//! ```
//!
//! A value that more than 32 scopes have, has its rows of all scopes in an entry, too, so that a
//! lookup over an organization reads one list and not thousands. [`Key::ALL`] has no such entry, and
//! none at all in a file of one scope: those would be all rows.
//!
//! A row takes 20 to 45 bytes, with eight keys: 4 for its position, 10 to 24 for entries (7 for each
//! value that no other row has), the rest for lists: the more scopes there are, the shorter are lists,
//! and the more of them.

mod builder;
mod directory;
mod entries;
mod pages;
mod positions;
mod postings;
mod runs;
mod scopes;
#[cfg(test)]
mod tests;
mod varint;

use std::collections::BTreeSet;
use std::io;

use disk::Disk;

use directory::{Directory, Header};
use entries::{ANY, Entry, Tag};
use pages::{CONTENT, Held, PAGE, Pages};
use positions::PositionReader;
use postings::Cursor;
use scopes::Meant;
use varint::Malformed;

pub use builder::IndexBuilder;

use crate::key::Key;
use crate::lists::{All, Any};
use crate::position::Position;
use crate::scope::{Scope, ScopeFilter};

/// A key of more scopes than this has an entry for any of them.
const ANY_SCOPES: usize = 32;

/// Why an index can't be read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// It does not say what was written; it can be made again from its table.
    #[error("the index {path} is damaged: {what}")]
    Damaged {
        /// Which.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// An index that is open.
#[derive(Debug)]
pub struct Index {
    pages: Pages,
    header: Header,
    directory: Directory,
}

impl Index {
    /// Opens the index at a path.
    pub fn open(disk: &dyn Disk, path: &str) -> Result<Index, IndexError> {
        let pages = Pages::new(disk.open(path)?, path);
        let size_bytes = pages.size_bytes()?;
        let header = Header::read(&pages.read(0, 1)?).map_err(|what| pages.damaged(what))?;
        if u64::from(header.end) * PAGE as u64 != size_bytes {
            return Err(pages.damaged("its size is another"));
        }
        let directory = pages.read(header.directory_area, header.end - header.directory_area)?;
        let directory = Directory::read(&directory[..header.directory_bytes as usize], &header)
            .map_err(|Malformed| pages.damaged("its directory makes no sense"))?;
        Ok(Index { pages, header, directory })
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.header.rows
    }

    /// Its size.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        u64::from(self.header.end) * PAGE as u64
    }

    /// The scopes of its rows.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.directory.scopes.iter()
    }

    /// Reads all of it: an error if a bit is not as it was written.
    pub fn check(&self) -> Result<(), IndexError> {
        let mut held = Held::default();
        (0..self.header.end).try_for_each(|number| held.page(&self.pages, number).map(drop))
    }

    /// Where a row stands; the row is one of the file's.
    pub fn position(&self, row: u32) -> Result<Position, IndexError> {
        PositionReader::new(self).position(row)
    }

    /// The first row that is older than a position; the number of rows if there is none.
    pub fn first_before(&self, position: Position) -> Result<u32, IndexError> {
        PositionReader::new(self).first_before(position)
    }

    /// Rows from `from_row` on that are filed under all of these keys, ascending (newest first). There
    /// may be others among them: who needs to be sure compares the rows.
    pub fn walk<'a>(
        &'a self,
        keys: &[Key],
        scopes: &ScopeFilter,
        from_row: u32,
    ) -> Result<Walk<'a>, IndexError> {
        let meant = self.directory.scopes.meant(scopes);
        // Every row has the key of all; it only matters alone. So do those that look like it.
        let telling =
            keys.iter().copied().filter(|key| Tag::new(*key, ANY) != Tag::new(Key::ALL, ANY));
        let mut keys: BTreeSet<Key> = telling.collect();
        if keys.is_empty() {
            if meant == Meant::All {
                return Ok(Walk(Steps::All(from_row..self.header.rows)));
            }
            keys.insert(Key::ALL);
        }
        let mut entries = Vec::new();
        for key in keys {
            let of_key = self.entries(key, &meant)?;
            if of_key.is_empty() {
                return Ok(Walk(Steps::All(0..0)));
            }
            entries.push(of_key);
        }
        keep_common_scopes(&mut entries);
        let any = |entries: Vec<Entry>| {
            let cursors = entries.into_iter().map(|entry| Cursor::new(self, entry.list));
            Any::new(cursors.collect(), from_row)
        };
        let lists = entries.into_iter().map(any).collect();
        Ok(Walk(Steps::Common(All::new(lists, from_row))))
    }

    /// The same rows as [`Index::walk`], with where they stand, from the first that is older than
    /// `before`.
    pub fn newest_first<'a>(
        &'a self,
        keys: &[Key],
        scopes: &ScopeFilter,
        before: Position,
    ) -> Result<impl Iterator<Item = Result<(Position, u32), IndexError>> + use<'a>, IndexError>
    {
        let mut positions = PositionReader::new(self);
        let rows = self.walk(keys, scopes, positions.first_before(before)?)?;
        Ok(rows.map(move |row| {
            let row = row?;
            Ok((positions.position(row)?, row))
        }))
    }

    fn list_bytes(&self, held: &mut Held, offset: u32, into: &mut [u8]) -> Result<(), IndexError> {
        let room = u64::from(self.header.entries_area - self.header.lists_area) * CONTENT as u64;
        if u64::from(offset) + into.len() as u64 > room {
            return Err(self.pages.damaged("a list is outside"));
        }
        held.bytes(&self.pages, self.header.lists_area, offset, into)
    }
}

/// A row is in one scope: lists of scopes that another key has not can't have common rows.
fn keep_common_scopes(entries: &mut [Vec<Entry>]) {
    let is_any = |of_key: &Vec<Entry>| of_key[0].scope == ANY;
    if entries.len() < 2 {
        return;
    }
    let scopes = |of_key: &Vec<Entry>| of_key.iter().map(|entry| entry.scope).collect();
    let sets = entries.iter().filter(|of_key| !is_any(of_key)).map(scopes);
    let common: Option<BTreeSet<u32>> = sets.reduce(|one: BTreeSet<u32>, two| &one & &two);
    let Some(common) = common else { return };
    for of_key in entries.iter_mut().filter(|of_key| !is_any(of_key)) {
        of_key.retain(|entry| common.contains(&entry.scope));
    }
}

/// Rows of an index, ascending.
pub struct Walk<'a>(Steps<'a>);

enum Steps<'a> {
    All(std::ops::Range<u32>),
    Common(All<Any<Cursor<'a>>>),
}

impl Iterator for Walk<'_> {
    type Item = Result<u32, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Steps::All(rows) => rows.next().map(Ok),
            Steps::Common(rows) => rows.next(),
        }
    }
}
