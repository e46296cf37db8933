//! Makes an index of rows that come in their order.
//!
//! Memory: about as much as the index is big, since all is packed as it comes; a million rows take
//! some 50 MB.

use std::io;

use disk::{Disk, File};

use super::ANY_SCOPES;
use super::directory::{self, Header};
use super::entries::{ANY, EntriesBuilder, Tag};
use super::pages::PageWriter;
use super::positions::PositionsBuilder;
use super::postings::{INLINE_ROWS, write_list};
use super::runs::Runs;
use super::scopes::ScopesBuilder;
use crate::key::Key;
use crate::position::Position;
use crate::scope::Scope;

/// Makes an index, row by row.
#[derive(Default)]
pub struct IndexBuilder {
    positions: PositionsBuilder,
    scopes: ScopesBuilder,
    runs: Runs,
}

impl IndexBuilder {
    /// Of no rows yet.
    #[must_use]
    pub fn new() -> IndexBuilder {
        IndexBuilder::default()
    }

    /// Takes the next row: older than the one before it.
    pub fn push(&mut self, position: Position, scope: &Scope, keys: &[Key]) {
        let row = self.positions.rows();
        let scope = self.scopes.number(scope) + 1;
        self.positions.push(position);
        for key in keys {
            self.runs.push(Tag::new(*key, scope).0, row);
        }
    }

    /// Writes the index, in place of one that may be there; durable when it returns. Answers its size
    /// in bytes.
    pub fn finish(self, disk: &dyn Disk, path: &str) -> io::Result<u64> {
        let temporary = format!("{path}.tmp");
        let (file, name) = match disk.create(path, 0) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_if_present(disk, &temporary)?;
                (disk.create(&temporary, 0)?, &*temporary)
            }
            created => (created?, path),
        };
        let written = self.write(&*file).and_then(|()| file.sync());
        let named = written.and_then(|()| match name == path {
            true => Ok(()),
            false => disk.rename(name, path),
        });
        if named.is_err() {
            // The caller learns the first failure.
            let _ = disk.remove(name);
        }
        named?;
        disk.sync_directory(path.rsplit_once('/').map_or("", |(directory, _)| directory))?;
        file.size_bytes()
    }

    fn write(self, file: &dyn File) -> io::Result<()> {
        let rows = self.positions.rows();
        let (positions, position_starts) = self.positions.finish();
        let mut writer = PageWriter::new(file);
        writer.append(&positions)?;
        let lists_area = writer.end_area()?;
        drop(positions);
        let mut lists = Lists { writer, length: 0 };
        let mut entries = EntriesBuilder::default();
        let is_one_scope = self.scopes.len() <= 1;
        let mut of_key = OfKey::default();
        self.runs.each(|tag, rows| {
            let tag = Tag(tag);
            // That all rows are filed under it says nothing where there is one scope.
            if is_one_scope && tag.key() == Tag::new(Key::ALL, ANY).key() {
                return Ok(());
            }
            if of_key.scopes.first().is_some_and(|(first, _)| first.key() != tag.key()) {
                of_key.write(&mut entries, &mut lists)?;
            }
            of_key.scopes.push((tag, rows.to_vec()));
            Ok::<(), io::Error>(())
        })?;
        of_key.write(&mut entries, &mut lists)?;
        let mut writer = lists.writer;
        let entries_area = writer.end_area()?;
        let (entries, entry_starts) = entries.finish();
        writer.append(&entries)?;
        let directory_area = writer.end_area()?;
        let directory = directory::write(&self.scopes, &position_starts, &entry_starts);
        writer.append(&directory)?;
        let end = writer.end_area()?;
        let directory_bytes = u32::try_from(directory.len()).map_err(io::Error::other)?;
        let header =
            Header { rows, lists_area, entries_area, directory_area, end, directory_bytes };
        writer.finish(&header.to_bytes())
    }
}

fn remove_if_present(disk: &dyn Disk, path: &str) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The area of lists, as it is written.
struct Lists<'a> {
    writer: PageWriter<'a>,
    length: u32,
}

impl Lists<'_> {
    /// Writes a list that is too long for its entry; answers where it is.
    fn write(&mut self, rows: &[u32]) -> io::Result<Option<(u32, u32)>> {
        if rows.len() <= INLINE_ROWS {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        write_list(&mut bytes, rows);
        self.writer.append(&bytes)?;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let place = (self.length, length);
        let too_long = || io::Error::other("an index of more than 4 GiB");
        self.length = self.length.checked_add(length).ok_or_else(too_long)?;
        Ok(Some(place))
    }
}

/// The rows of one key, by scope.
#[derive(Default)]
struct OfKey {
    scopes: Vec<(Tag, Vec<u32>)>,
}

impl OfKey {
    fn write(&mut self, entries: &mut EntriesBuilder, lists: &mut Lists<'_>) -> io::Result<()> {
        let is_all = |(tag, _): &(Tag, Vec<u32>)| tag.key() == Tag::new(Key::ALL, ANY).key();
        if self.scopes.len() > ANY_SCOPES && !self.scopes.first().is_some_and(is_all) {
            let rows = self.scopes.iter().flat_map(|(_, rows)| rows);
            let mut rows: Vec<u32> = rows.copied().collect();
            rows.sort_unstable();
            let any = self.scopes[0].0.in_scope(ANY);
            entries.push(any, &rows, lists.write(&rows)?);
        }
        for (tag, rows) in self.scopes.drain(..) {
            entries.push(tag, &rows, lists.write(&rows)?);
        }
        Ok(())
    }
}
