//! The index beside a file: which rows have a value of an attribute, and where rows stand.
//!
//! Rows are numbered as their file has them, newest first. (A stand-in: everything in memory.)

use std::io;

use disk::Disk;
use serde::{Deserialize, Serialize};

use crate::key::Key;
use crate::position::Position;
use crate::scope::{Scope, ScopeFilter};

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

#[derive(Serialize, Deserialize)]
struct Line {
    position: Position,
    scope: Scope,
    keys: Vec<u64>,
}

/// Makes an index, row by row.
#[derive(Default)]
pub struct IndexBuilder {
    lines: Vec<Line>,
}

impl IndexBuilder {
    /// Of no rows yet.
    #[must_use]
    pub fn new() -> IndexBuilder {
        IndexBuilder::default()
    }

    /// Takes the next row: older than the one before it.
    pub fn push(&mut self, position: Position, scope: &Scope, keys: &[Key]) {
        let keys = keys.iter().map(|key| key.0).collect();
        self.lines.push(Line { position, scope: scope.clone(), keys });
    }

    /// Writes the index in place of one that may be there; durable when it returns. Answers its
    /// size in bytes.
    pub fn finish(self, disk: &dyn Disk, path: &str) -> io::Result<u64> {
        let bytes = serde_json::to_vec(&self.lines).expect("rows always serialize");
        disk::replace(disk, path, &bytes)?;
        Ok(bytes.len() as u64)
    }
}

/// An index that is open.
#[derive(Debug)]
pub struct Index {
    lines: Vec<(Position, Scope, Vec<u64>)>,
}

impl Index {
    /// Opens the index at a path.
    pub fn open(disk: &dyn Disk, path: &str) -> Result<Index, IndexError> {
        let bytes = disk::read(disk, path)?;
        let lines: Vec<Line> = serde_json::from_slice(&bytes)
            .map_err(|_| IndexError::Damaged { path: path.to_owned(), what: "no index" })?;
        let lines = lines.into_iter().map(|line| (line.position, line.scope, line.keys)).collect();
        Ok(Index { lines })
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u32 {
        u32::try_from(self.lines.len()).expect("fewer than 2^32 rows")
    }

    /// Where a row stands.
    pub fn position(&self, row: u32) -> Result<Position, IndexError> {
        Ok(self.lines[row as usize].0)
    }

    /// The first row that is older than a position; the number of rows if there is none.
    pub fn first_before(&self, position: Position) -> Result<u32, IndexError> {
        let row = self.lines.partition_point(|(one, _, _)| *one >= position);
        Ok(u32::try_from(row).expect("fewer than 2^32 rows"))
    }

    /// Rows from `from_row` on that are filed under all of these keys, ascending (newest first). There
    /// may be others among them: who needs to be sure compares the rows.
    pub fn walk<'a>(
        &'a self,
        keys: &'a [Key],
        scopes: &'a ScopeFilter,
        from_row: u32,
    ) -> Result<impl Iterator<Item = Result<u32, IndexError>> + use<'a>, IndexError> {
        let rows = (0..).zip(&self.lines).skip(from_row as usize);
        let is_meant = move |line: &(Position, Scope, Vec<u64>)| {
            scopes.includes(&line.1) && keys.iter().all(|key| line.2.contains(&key.0))
        };
        Ok(rows.filter(move |(_, line)| is_meant(line)).map(|(row, _)| Ok(row)))
    }

    /// The same rows as [`Index::walk`], with where they stand, from the first that is older than
    /// `before`.
    pub fn newest_first<'a>(
        &'a self,
        keys: &'a [Key],
        scopes: &'a ScopeFilter,
        before: Position,
    ) -> Result<impl Iterator<Item = Result<(Position, u32), IndexError>> + use<'a>, IndexError>
    {
        let rows = self.walk(keys, scopes, self.first_before(before)?)?;
        Ok(rows.map(|row| {
            let row = row?;
            Ok((self.position(row)?, row))
        }))
    }
}
