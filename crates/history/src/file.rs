//! A file of the history: rows in Parquet, newest first, and the index beside it.

use std::sync::Arc;

use bytes::Bytes;
use disk::Disk;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::history::HistoryError;
use crate::key::Key;
use crate::lookup::Found;
use crate::plan::Day;
use crate::position::Position;
use crate::row::{Row, keys};
use crate::scope::{Scope, ScopeFilter};
use crate::summary::Summary;

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
}

/// A file that is open.
#[derive(Debug)]
pub struct HistoryFile {
    info: FileInfo,
    rows: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    position: Position,
    scope: Scope,
    record: String,
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
        let lines: Vec<Line> = rows
            .iter()
            .map(|row| Line {
                position: row.position,
                scope: row.scope.clone(),
                record: String::from_utf8_lossy(&row.record).into_owned(),
            })
            .collect();
        let bytes = serde_json::to_vec(&lines).expect("rows always serialize");
        disk::replace(&**disk, &id.table(), &bytes)?;
        let (newest, oldest) = (rows[0].position, rows[rows.len() - 1].position);
        let count = u32::try_from(rows.len()).expect("fewer than 2^32 rows");
        Ok(FileInfo { id, rows: count, newest, oldest, bytes: bytes.len() as u64 })
    }

    /// Opens a file that the manifest names.
    pub fn open(disk: &Arc<dyn Disk>, info: FileInfo) -> Result<HistoryFile, HistoryError> {
        let bytes = disk::read(&**disk, &info.id.table())?;
        let lines: Vec<Line> = serde_json::from_slice(&bytes).map_err(|error| {
            HistoryError::Damaged { file: info.id.table(), reason: error.to_string() }
        })?;
        let row = |line: Line| Row {
            position: line.position,
            scope: line.scope,
            record: Bytes::from(line.record),
        };
        Ok(HistoryFile { info, rows: lines.into_iter().map(row).collect() })
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
        let found = (0..).zip(&self.rows).filter(move |(_, row)| {
            let has = keys(&Summary::of(&row.record), &row.record);
            row.position < before
                && scopes.includes(&row.scope)
                && wanted.iter().all(|key| has.contains(key))
        });
        Ok(found.map(|(place, row)| Ok((row.position, place))))
    }

    /// A row, by its place in the file.
    pub fn row(&self, place: u32) -> Result<Found, HistoryError> {
        let Row { position, scope, record } = self.rows[place as usize].clone();
        Ok(Found { position, scope, record })
    }

    /// Removes a file and its index; those that are gone are as good.
    pub fn remove(disk: &dyn Disk, id: FileId) -> Result<(), HistoryError> {
        for path in [id.table(), id.index()] {
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

/// Merges files into new ones of at most `rows_max` rows each: durable when it returns. The rows of a
/// day that `has_own` go to files of that day alone, those of all other days share theirs. Rows of
/// which `keep` says no are left out; there may be none left. Memory does not grow with the files.
pub fn merge(
    disk: &Arc<dyn Disk>,
    inputs: &[Arc<HistoryFile>],
    mut next: impl FnMut() -> FileId,
    rows_max: u32,
    keep: impl Fn(&Scope, Timestamp) -> bool,
    has_own: impl Fn(Day) -> bool,
) -> Result<Vec<FileInfo>, HistoryError> {
    let mut rows: Vec<Row> = inputs.iter().flat_map(|file| file.rows.clone()).collect();
    rows.retain(|row| keep(&row.scope, row.position.time));
    let own = |row: &Row| Some(Day::of(row.position.time)).filter(|day| has_own(*day));
    rows.sort_by_key(|row| (own(row), std::cmp::Reverse(row.position)));
    let mut infos = Vec::new();
    for of_day in rows.chunk_by(|one, two| own(one) == own(two)) {
        for part in of_day.chunks(rows_max as usize) {
            infos.push(HistoryFile::write(disk, next(), part.to_vec())?);
        }
    }
    Ok(infos)
}
