//! Entries: for each key and scope, its rows or where they are.
//!
//! ```text
//! page:   length of what follows (u16, LE), entries until then
//! entry:  key minus the key of the entry before it (varint)
//!         2 × scope + whether there are several rows (varint); scope 0 is any, else its number + 1
//!         count of rows, if there are several (varint)
//!         up to 4 rows: the first, and the others as differences (varints)
//!         more: the first, the list's offset in the area of lists, its length (varints)
//! ```
//!
//! Entries ascend by key, then by scope, so that a value's scopes are beside each other and one page
//! mostly answers for a value. The first key of a page is 0 after the key that the directory has for it.

use super::Index;
use super::IndexError;
use super::pages::{CONTENT, Held};
use super::postings::{INLINE_ROWS, List};
use super::scopes::Meant;
use super::varint::{Malformed, Reader, put};
use crate::key::Key;

/// Keys are cut to their upper 40 bits: among 10 million of them one in 100,000 lookups of an absent
/// value meets another's rows, and compares them in vain.
const KEY_BITS: u32 = 40;
/// Scopes take the bits below.
const SCOPE_BITS: u32 = 64 - KEY_BITS;

/// The scope of entries that have the rows of all scopes.
pub(super) const ANY: u32 = 0;

/// What entries are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag(pub(super) u64);

impl Tag {
    /// `scope` is [`ANY`] or the number of a scope + 1.
    pub(super) fn new(key: Key, scope: u32) -> Tag {
        debug_assert!(u64::from(scope) < 1 << SCOPE_BITS);
        Tag(key.0 >> SCOPE_BITS << SCOPE_BITS | u64::from(scope))
    }

    /// The cut key.
    pub(super) fn key(self) -> u64 {
        self.0 >> SCOPE_BITS
    }

    pub(super) fn scope(self) -> u32 {
        (self.0 & ((1 << SCOPE_BITS) - 1)) as u32
    }

    /// The same key in another scope.
    pub(super) fn in_scope(self, scope: u32) -> Tag {
        Tag(self.key() << SCOPE_BITS | u64::from(scope))
    }
}

/// Makes pages of entries.
#[derive(Default)]
pub(super) struct EntriesBuilder {
    page: Vec<u8>,
    last_key: u64,
    entry: Vec<u8>,
    /// The contents of whole pages.
    pages: Vec<u8>,
    starts: Vec<Tag>,
}

impl EntriesBuilder {
    /// Tags come in ascending order. `list` is where the rows are when they are more than a few.
    pub(super) fn push(&mut self, tag: Tag, rows: &[u32], list: Option<(u32, u32)>) {
        self.encode(tag, rows, list);
        if self.starts.is_empty() || 2 + self.page.len() + self.entry.len() > CONTENT {
            self.end_page();
            self.starts.push(tag);
            self.last_key = tag.key();
            self.encode(tag, rows, list);
        }
        self.page.append(&mut self.entry);
        self.last_key = tag.key();
    }

    fn encode(&mut self, tag: Tag, rows: &[u32], list: Option<(u32, u32)>) {
        let entry = &mut self.entry;
        entry.clear();
        put(entry, tag.key() - self.last_key);
        put(entry, u64::from(tag.scope()) << 1 | u64::from(rows.len() > 1));
        if rows.len() > 1 {
            put(entry, rows.len() as u64);
        }
        put(entry, rows[0].into());
        match list {
            None => rows.windows(2).for_each(|pair| put(entry, u64::from(pair[1] - pair[0]))),
            Some((offset, length)) => {
                put(entry, offset.into());
                put(entry, length.into());
            }
        }
    }

    fn end_page(&mut self) {
        if self.page.is_empty() {
            return;
        }
        let page_end = self.pages.len() + CONTENT;
        let length = u16::try_from(self.page.len()).expect("a page is smaller");
        self.pages.extend_from_slice(&length.to_le_bytes());
        self.pages.append(&mut self.page);
        self.pages.resize(page_end, 0);
    }

    /// The contents of the pages, and the first tag of each.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<Tag>) {
        self.end_page();
        (self.pages, self.starts)
    }
}

/// The rows of a key in one scope, or in all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) scope: u32,
    pub(super) list: List,
}

/// Takes an entry apart; answers the difference of its key, too.
fn read_entry(bytes: &mut Reader<'_>) -> Result<(u64, Entry), Malformed> {
    let key = bytes.number()?;
    let head = bytes.small()?;
    let count = if head & 1 == 1 { bytes.small()? } else { 1 };
    let first = bytes.small()?;
    let scope = Some(head >> 1).filter(|scope| *scope < 1 << SCOPE_BITS).ok_or(Malformed)?;
    if count as usize > INLINE_ROWS {
        let (offset, length) = (bytes.small()?, bytes.small()?);
        return Ok((key, Entry { scope, list: List::Long { count, first, offset, length } }));
    }
    let mut rows = [first; INLINE_ROWS];
    for place in 1..count as usize {
        rows[place] = rows[place - 1].checked_add(bytes.small()?).ok_or(Malformed)?;
    }
    Ok((key, Entry { scope, list: List::Short { count, rows } }))
}

impl Index {
    /// The entries of a key in the scopes that are meant; one for all of them, if they are all meant
    /// and there is one.
    pub(super) fn entries(&self, key: Key, meant: &Meant) -> Result<Vec<Entry>, IndexError> {
        let key = Tag::new(key, ANY);
        let (first, last) = match meant {
            Meant::All => (key, key.in_scope((1 << SCOPE_BITS) - 1)),
            Meant::These(scopes) => match &scopes[..] {
                [] => return Ok(Vec::new()),
                [first, .., last] => (key.in_scope(first + 1), key.in_scope(last + 1)),
                [only] => (key.in_scope(only + 1), key.in_scope(only + 1)),
            },
        };
        let mut found = Vec::new();
        let is_meant = |scope: u32| match meant {
            Meant::All => true,
            Meant::These(scopes) => scope > 0 && scopes.binary_search(&(scope - 1)).is_ok(),
        };
        self.scan(first, last, |tag, entry| {
            if is_meant(tag.scope()) {
                found.push(entry);
            }
            *meant == Meant::All && tag.scope() == ANY
        })?;
        Ok(found)
    }

    /// Calls with the entries from one tag to another, until it answers that this is enough.
    fn scan(
        &self,
        first: Tag,
        last: Tag,
        mut call: impl FnMut(Tag, Entry) -> bool,
    ) -> Result<(), IndexError> {
        // The page before the first that begins later.
        let begin =
            self.directory.entries.partition_point(|start| *start <= first).saturating_sub(1);
        let pages = self.directory.entries.iter().enumerate().skip(begin);
        let mut held = Held::default();
        for (number, start) in pages.take_while(|(_, start)| **start <= last) {
            let number = u32::try_from(number).expect("it was read as one");
            let page = held.page(&self.pages, self.header.entries_area + number)?;
            let mut bytes = Reader(page);
            let length = u16::from_le_bytes(bytes.array().map_err(|_| self.malformed())?);
            let mut bytes = Reader(bytes.bytes(length.into()).map_err(|_| self.malformed())?);
            let mut key = start.key();
            while !bytes.0.is_empty() {
                let (difference, entry) = read_entry(&mut bytes).map_err(|_| self.malformed())?;
                key = key.checked_add(difference).ok_or_else(|| self.malformed())?;
                if key > last.key() {
                    return Ok(());
                }
                let tag = Tag(key << SCOPE_BITS).in_scope(entry.scope);
                if tag >= first && tag <= last && call(tag, entry) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn malformed(&self) -> IndexError {
        self.pages.damaged("an entry makes no sense")
    }
}
