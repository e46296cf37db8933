//! A file of the history: rows in Parquet, newest first, and the index beside it.

use std::sync::Arc;

use disk::Disk;
use serde::{Deserialize, Serialize};

use crate::blocks::Tail;
use crate::history::HistoryError;
use crate::index::{Index, IndexBuilder, IndexError};
use crate::key::Key;
use crate::lookup::Found;
use crate::pages::PageCache;
use crate::position::Position;
use crate::row::{Row, keys};
use crate::scope::{Scope, ScopeFilter};
use crate::summary::Summary;
use crate::table::{Packing, Scan, Table, TableWriter};

/// The number of a file, never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileId(pub u64);

/// What the manifest says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Its number.
    pub id: FileId,
    /// How many rows it has; at least one.
    pub rows: u32,
    /// The first of them.
    pub newest: Position,
    /// The last of them.
    pub oldest: Position,
    /// Its size, with the index.
    pub bytes: u64,
    /// The end of its table, by which all of it is checked.
    pub tail: Tail,
}

/// A file that is open.
#[derive(Debug)]
pub struct HistoryFile {
    info: FileInfo,
    table: Table,
    index: Index,
}

impl FileId {
    /// The Parquet file, in the data directory.
    #[must_use]
    pub fn table(self) -> String {
        format!("{}/{:016x}.parquet", crate::DIRECTORY, self.0)
    }

    /// The index beside it.
    #[must_use]
    pub fn index(self) -> String {
        format!("{}/{:016x}.index", crate::DIRECTORY, self.0)
    }
}

impl HistoryFile {
    /// Writes rows, in any order: durable when it returns. There is at least one.
    pub fn write(
        disk: &Arc<dyn Disk>,
        id: FileId,
        mut rows: Vec<Row>,
    ) -> Result<FileInfo, HistoryError> {
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.position));
        let mut writer = FileWriter::create(disk, id, Packing::Quick)?;
        for row in &rows {
            writer.push(row.position, &row.scope, &row.record)?;
        }
        writer.finish()
    }

    /// Opens a file that the manifest names. An index that is gone or damaged is made again; a table
    /// that is, is an error.
    pub fn open(
        disk: &Arc<dyn Disk>,
        info: FileInfo,
        cache: &Arc<PageCache>,
    ) -> Result<HistoryFile, HistoryError> {
        let table = Table::open(&**disk, info.id, info.tail, cache)?;
        if table.rows() != info.rows {
            let what = format!("it has {} rows, expected {}", table.rows(), info.rows);
            return Err(HistoryError::Damaged { path: info.id.table(), what });
        }
        let path = info.id.index();
        let index = match Index::open(&**disk, &path) {
            Ok(index) if index.rows() == info.rows => index,
            Err(IndexError::Disk(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error.into());
            }
            _ => {
                tracing::warn!(index = path, "an index is gone or damaged and is made again");
                index_again(&**disk, &table, &path)?;
                Index::open(&**disk, &path)?
            }
        };
        Ok(HistoryFile { info, table, index })
    }

    /// What the manifest says of it.
    #[must_use]
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// The places of rows that are filed under all of these keys and stand before a position, newest
    /// first.
    pub fn newest_first<'a>(
        &'a self,
        wanted: &'a [Key],
        scopes: &'a ScopeFilter,
        before: Position,
    ) -> Result<impl Iterator<Item = Result<(Position, u32), HistoryError>> + 'a, HistoryError>
    {
        let rows = self.index.newest_first(wanted, scopes, before)?;
        Ok(rows.map(|row| row.map_err(HistoryError::from)))
    }

    /// A row, by its place in the file.
    pub fn row(&self, place: u32) -> Result<Found, HistoryError> {
        let (position, scope) = self.table.head(place)?;
        Ok(Found { position, scope, record: self.table.record(place)? })
    }

    /// All rows, newest first.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, HistoryError>> + '_ {
        let row = |(position, scope, record)| Row { position, scope, record };
        self.scan().map(move |read| read.map(row))
    }

    pub(crate) fn scan(&self) -> Scan<'_> {
        self.table.scan()
    }

    /// Removes a file and its index, and what a crash left of their making; those that are gone are as
    /// good.
    pub fn remove(disk: &dyn Disk, id: FileId) -> Result<(), HistoryError> {
        let unfinished = [id.table(), id.index()].map(|path| format!("{path}.tmp"));
        for path in unfinished.into_iter().chain([id.table(), id.index()]) {
            match disk.remove(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A file that is being written, with its index.
pub(crate) struct FileWriter {
    disk: Arc<dyn Disk>,
    id: FileId,
    table: TableWriter,
    index: IndexBuilder,
}

impl FileWriter {
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        id: FileId,
        packing: Packing,
    ) -> Result<FileWriter, HistoryError> {
        let table = TableWriter::create(disk, id.table(), packing)?;
        Ok(FileWriter { disk: Arc::clone(disk), id, table, index: IndexBuilder::new() })
    }

    /// Takes a row that is older than the one before it.
    pub(crate) fn push(
        &mut self,
        position: Position,
        scope: &Scope,
        record: &[u8],
    ) -> Result<(), HistoryError> {
        self.table.push(position, scope, record)?;
        self.index.push(position, scope, &keys(&Summary::of(record), record));
        Ok(())
    }

    /// Makes it durable; when that fails nothing is left.
    pub(crate) fn finish(self) -> Result<FileInfo, HistoryError> {
        let FileWriter { disk, id, table, index } = self;
        let finished = table.finish().and_then(|table| {
            let index_bytes = index.finish(&*disk, &id.index())?;
            Ok((table, index_bytes))
        });
        if finished.is_err() {
            // The next start removes what stays.
            let _ = HistoryFile::remove(&*disk, id);
        }
        let (table, index_bytes) = finished?;
        Ok(FileInfo {
            id,
            rows: table.rows,
            newest: table.newest,
            oldest: table.oldest,
            bytes: table.bytes + index_bytes,
            tail: table.tail,
        })
    }
}

fn index_again(disk: &dyn Disk, table: &Table, path: &str) -> Result<(), HistoryError> {
    let mut index = IndexBuilder::new();
    for row in table.scan() {
        let (position, scope, record) = row?;
        index.push(position, &scope, &keys(&Summary::of(&record), &record));
    }
    index.finish(disk, path)?;
    Ok(())
}
