//! Merging: rows of many files become few files.
//!
//! All inputs are read side by side, newest first, and the newest row of all goes out next: to the file
//! of its day, or to the one that all days share that have none of their own. In memory are one page of
//! each input and the row groups that are being written, however large the files are. The columns of a
//! row are made from its record again, so that old files come to new columns.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bytes::Bytes;
use disk::Disk;
use model::Timestamp;

use crate::file::{FileId, FileInfo, FileWriter, HistoryFile};
use crate::history::HistoryError;
use crate::plan::Day;
use crate::position::Position;
use crate::scope::Scope;
use crate::table::{Packing, Scan};

/// Merges files into new ones, of at most `rows_max` rows each: durable when it returns. The rows of a
/// day that `has_own` go to files of that day alone, those of all other days share theirs. Rows of which
/// `keep` says no are left out; there may be none left. Memory does not grow with the files. When it
/// fails it leaves none.
pub fn merge(
    disk: &Arc<dyn Disk>,
    inputs: &[Arc<HistoryFile>],
    next: impl FnMut() -> FileId,
    rows_max: u32,
    keep: impl Fn(&Scope, Timestamp) -> bool,
    has_own: impl Fn(Day) -> bool,
) -> Result<Vec<FileInfo>, HistoryError> {
    let mut outputs = Outputs { disk, next, rows_max, own: None, shared: None, infos: Vec::new() };
    let merged = merge_into(&mut outputs, inputs, keep, has_own);
    if merged.is_err() {
        for info in &outputs.infos {
            // The next start removes what stays.
            let _ = HistoryFile::remove(&**disk, info.id);
        }
    }
    merged.map(|()| outputs.infos)
}

fn merge_into(
    outputs: &mut Outputs<'_, impl FnMut() -> FileId>,
    inputs: &[Arc<HistoryFile>],
    keep: impl Fn(&Scope, Timestamp) -> bool,
    has_own: impl Fn(Day) -> bool,
) -> Result<(), HistoryError> {
    let mut heap = BinaryHeap::with_capacity(inputs.len());
    for input in inputs {
        heap.extend(Input::next(input.scan())?);
    }
    while let Some(Input { position, scope, record, rest }) = heap.pop() {
        heap.extend(Input::next(rest)?);
        if keep(&scope, position.time) {
            let day = Some(Day::of(position.time)).filter(|day| has_own(*day));
            outputs.of(day)?.push(position, &scope, &record)?;
        }
    }
    outputs.finish()
}

/// What is being written, and what is.
struct Outputs<'a, N> {
    disk: &'a Arc<dyn Disk>,
    next: N,
    rows_max: u32,
    /// Of one day: days come one after the other.
    own: Option<Output>,
    /// Of all days without their own.
    shared: Option<Output>,
    infos: Vec<FileInfo>,
}

struct Output {
    writer: FileWriter,
    day: Option<Day>,
    rows: u32,
}

impl<N: FnMut() -> FileId> Outputs<'_, N> {
    /// Where the next row of a day goes; `None` stands for the days that share a file.
    fn of(&mut self, day: Option<Day>) -> Result<&mut FileWriter, HistoryError> {
        let output = if day.is_some() { &mut self.own } else { &mut self.shared };
        let full = output.take_if(|output| output.day != day || output.rows == self.rows_max);
        self.infos.extend(full.map(|output| output.writer.finish()).transpose()?);
        let output = match output {
            Some(output) => output,
            None => {
                let writer = FileWriter::create(self.disk, (self.next)(), Packing::Tight)?;
                output.insert(Output { writer, day, rows: 0 })
            }
        };
        output.rows += 1;
        Ok(&mut output.writer)
    }

    fn finish(&mut self) -> Result<(), HistoryError> {
        for output in [self.own.take(), self.shared.take()].into_iter().flatten() {
            self.infos.push(output.writer.finish()?);
        }
        Ok(())
    }
}

/// The next row of an input, and what comes behind it.
struct Input<'a> {
    position: Position,
    scope: Scope,
    record: Bytes,
    rest: Scan<'a>,
}

impl<'a> Input<'a> {
    fn next(mut scan: Scan<'a>) -> Result<Option<Input<'a>>, HistoryError> {
        let next = scan.next().transpose()?;
        Ok(next.map(|(position, scope, record)| Input { position, scope, record, rest: scan }))
    }
}

impl Ord for Input<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.position.cmp(&other.position)
    }
}

impl PartialOrd for Input<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Input<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Input<'_> {}
