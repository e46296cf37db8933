//! Lookups: which rows are asked for, and the pages of them, newest first.
//!
//! ```text
//! memory of batch 8   ─ newest ───────────┐
//! file 3              ─ newest ───────────┤  a heap of runs by the newest row that each has left;
//! file 1 (not opened) ─ its first row ────┘  taken from until the page is full
//! ```
//!
//! What always holds: rows come in the order of their positions, and a page begins behind the position
//! that the one before it named, so that rows that arrive, or move from memory to a file or from file
//! to file, between two pages change nothing about the rows that were there. A run that cannot have the
//! next row is not touched. Keys are hashes, so each row is compared with what was asked for.
//!
//! The work of one page is bounded, and what it holds: after [`MISSES_MAX`] rows that are not
//! meant, [`PAGE_BYTES`] of records, or [`READ_BYTES_MAX`] of records that were read, the page ends,
//! short or empty, and the next one goes on from there.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use model::{BatchId, Timestamp};

use crate::file::HistoryFile;
use crate::history::HistoryError;
use crate::key::{Attribute, Key};
use crate::position::{Position, Sequence};
use crate::recent::{Recent, RecentRow};
use crate::retention::Retention;
use crate::scope::{Scope, ScopeFilter};
use crate::summary::Summary;

/// So many rows that are not meant one page looks at. Few are ever met: rows whose keys collide, and
/// those that a walk over several attributes shows now and then when they have little in common;
/// or old ones of accounts of which others are held.
pub const MISSES_MAX: usize = 1000;

/// A page takes no further row when its records have so many bytes. Some hundred usual ones do.
pub const PAGE_BYTES: usize = 1 << 20;

/// A page reads no further row when it read so many bytes of records, meant or not.
pub const READ_BYTES_MAX: usize = 8 << 20;

/// Which rows are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Of these scopes.
    pub scopes: ScopeFilter,
    /// With all of these values, exactly.
    pub attributes: Vec<(Attribute, String)>,
    /// Not older than this.
    pub from: Timestamp,
    /// Not newer than this.
    pub to: Timestamp,
    /// Older than this one, which the page before ended with.
    pub after: Option<Position>,
    /// So many at most; 0 is taken for 1.
    pub limit: usize,
}

/// A row that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it stands.
    pub position: Position,
    /// Whose it is.
    pub scope: Scope,
    /// The record's bytes.
    pub record: Bytes,
}

/// Rows, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows: fewer than asked for, or none, although there are more, where they are large or
    /// finding them takes long.
    pub rows: Vec<Found>,
    /// What the next page begins behind; `None` when there is none.
    pub next: Option<Position>,
}

impl Page {
    /// What its records have together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row.record.len()).sum()
    }
}

/// All runs, at one moment. Each row is in one of them.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The files, in any order.
    pub files: Vec<Arc<HistoryFile>>,
    /// The memory of batches that are in no file, in any order.
    pub recent: Vec<Arc<RwLock<Recent>>>,
    /// Which rows are shown.
    pub retention: Arc<Retention>,
}

/// One page of what is kept in a view: rows that are not old, and behind them those that are held.
pub fn run(view: &View, query: &Query) -> Result<Page, HistoryError> {
    run_within(view, query, Left::default())
}

/// As [`run`], with other bounds of the work.
fn run_within(view: &View, query: &Query, mut left: Left) -> Result<Page, HistoryError> {
    let (young, held) = view.retention.narrow(query);
    let mut page = Page::default();
    add(view, &young, &mut page, &mut left)?;
    if let Some(held) = held.filter(|_| page.next.is_none()) {
        add(view, &held, &mut page, &mut left)?;
    }
    Ok(page)
}

/// What a page may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    misses: usize,
    page_bytes: usize,
    read_bytes: usize,
}

impl Default for Left {
    fn default() -> Left {
        Left { misses: MISSES_MAX, page_bytes: PAGE_BYTES, read_bytes: READ_BYTES_MAX }
    }
}

/// Adds what is in a view, all of it older than what the page has.
fn add(view: &View, query: &Query, page: &mut Page, left: &mut Left) -> Result<(), HistoryError> {
    let wanted = Wanted::of(query);
    let recent = view.recent.iter().filter_map(|run| Run::of_recent(run, &wanted));
    let files = view.files.iter().filter_map(|file| Run::of_file(file, &wanted));
    let mut runs: BinaryHeap<Run<'_>> = recent.chain(files).collect();
    while let Some(Run { newest, rest }) = runs.pop() {
        if newest.time < query.from {
            break;
        }
        let (candidate, behind) = match rest {
            Rest::Closed(file) => {
                runs.extend(Run::of_rows(file_rows(file, &wanted)?)?);
                continue;
            }
            Rest::Open(candidate, behind) => (candidate, behind),
        };
        if page.rows.len() >= wanted.limit || left.page_bytes == 0 {
            page.next = page.rows.last().map(|row| row.position);
            break;
        }
        let row = match candidate {
            Candidate::InMemory(row) => row,
            Candidate::InFile(file, place) => file.row(place)?,
        };
        left.read_bytes = left.read_bytes.saturating_sub(row.record.len());
        if view.retention.keeps(&row.scope, row.position.time) && wanted.is_met_by(&row.record) {
            left.page_bytes = left.page_bytes.saturating_sub(row.record.len());
            page.rows.push(row);
        } else {
            left.misses = left.misses.saturating_sub(1);
        }
        if left.misses == 0 || left.read_bytes == 0 {
            page.next = Some(newest);
            break;
        }
        runs.extend(Run::of_rows(behind)?);
    }
    Ok(())
}

/// A query, made ready.
struct Wanted<'a> {
    query: &'a Query,
    keys: Vec<Key>,
    before: Position,
    limit: usize,
}

impl<'a> Wanted<'a> {
    fn of(query: &'a Query) -> Wanted<'a> {
        let keys = query.attributes.iter().map(|(attribute, value)| Key::of(*attribute, value));
        let mut keys: Vec<Key> = keys.collect();
        if keys.is_empty() {
            keys.push(Key::ALL);
        }
        // No row has this sequence.
        let last = Sequence { batch: BatchId(u64::MAX), index: u32::MAX };
        let newest = Position { time: query.to, sequence: last };
        let before = query.after.map_or(newest, |after| after.min(newest));
        Wanted { query, keys, before, limit: query.limit.max(1) }
    }

    fn is_met_by(&self, record: &[u8]) -> bool {
        if self.query.attributes.is_empty() {
            return true;
        }
        let summary = Summary::of(record);
        let mut attributes = self.query.attributes.iter();
        attributes.all(|(attribute, value)| summary.values(*attribute).any(|one| one == value))
    }
}

/// A row that may be meant.
enum Candidate<'a> {
    InMemory(Found),
    InFile(&'a HistoryFile, u32),
}

/// Candidates of a run, newest first.
type Rows<'a> = Box<dyn Iterator<Item = Result<(Position, Candidate<'a>), HistoryError>> + 'a>;

/// A run of which no row that is left is newer than `newest`. Ordered by that.
struct Run<'a> {
    newest: Position,
    rest: Rest<'a>,
}

enum Rest<'a> {
    /// A file that was not asked yet.
    Closed(&'a HistoryFile),
    /// The newest row that is left, and those behind it.
    Open(Candidate<'a>, Rows<'a>),
}

impl<'a> Run<'a> {
    fn of_file(file: &'a HistoryFile, wanted: &Wanted<'_>) -> Option<Run<'a>> {
        let info = file.info();
        let has_some = info.oldest < wanted.before && info.newest.time >= wanted.query.from;
        let newest = info.newest.min(wanted.before);
        has_some.then_some(Run { newest, rest: Rest::Closed(file) })
    }

    fn of_recent(run: &'a RwLock<Recent>, wanted: &'a Wanted<'_>) -> Option<Run<'a>> {
        let rows = RecentRows { run, wanted, before: wanted.before, ready: Vec::new().into_iter() };
        Run::of_rows(Box::new(rows)).expect("memory does not fail")
    }

    /// `None` when there are no more.
    fn of_rows(mut rows: Rows<'a>) -> Result<Option<Run<'a>>, HistoryError> {
        let first = rows.next().transpose()?;
        let run = |(newest, candidate)| Run { newest, rest: Rest::Open(candidate, rows) };
        Ok(first.map(run))
    }
}

fn file_rows<'a>(file: &'a HistoryFile, wanted: &'a Wanted<'_>) -> Result<Rows<'a>, HistoryError> {
    let rows = file.newest_first(&wanted.keys, &wanted.query.scopes, wanted.before)?;
    let row = |(position, place)| (position, Candidate::InFile(file, place));
    Ok(Box::new(rows.map(move |found| found.map(row))))
}

/// So many rows are taken from memory while its lock is held; commits wait meanwhile.
const TAKEN_AT_ONCE: usize = 32;

/// Candidates in memory. Rows may arrive between two steps; those that belong before a row that was
/// given are not seen.
struct RecentRows<'a, 'q> {
    run: &'a RwLock<Recent>,
    wanted: &'a Wanted<'q>,
    before: Position,
    ready: std::vec::IntoIter<Found>,
}

impl<'a> Iterator for RecentRows<'a, '_> {
    type Item = Result<(Position, Candidate<'a>), HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.len() == 0 {
            let run = self.run.read().expect("no writer panics");
            let rows = run.newest_first(&self.wanted.keys, &self.wanted.query.scopes, self.before);
            let at_once = TAKEN_AT_ONCE.min(self.wanted.limit + 1);
            let rows: Vec<Found> = rows.take(at_once).map(RecentRow::to_found).collect();
            self.ready = rows.into_iter();
        }
        let row = self.ready.next()?;
        self.before = row.position;
        Some(Ok((row.position, Candidate::InMemory(row))))
    }
}

impl Ord for Run<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.newest.cmp(&other.newest)
    }
}

impl PartialOrd for Run<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Run<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.newest == other.newest
    }
}

impl Eq for Run<'_> {}

#[cfg(test)]
mod tests {
    use disk::simulated::{Fault, Operation};
    use disk::{Disk, SimulatedDisk};
    use model::Category;

    use super::*;
    use crate::file::FileId;
    use crate::pages::PageCache;
    use crate::retention::Hold;
    use crate::row::Row;

    fn row(millis: i64, batch: u64, record: &str) -> Row {
        let sequence = Sequence { batch: BatchId(batch), index: 0 };
        let scope = Scope {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            category: Category::Management,
        };
        let position = Position { time: Timestamp::from_millis(millis), sequence };
        Row { position, scope, record: Bytes::copy_from_slice(record.as_bytes()) }
    }

    /// Two names, of which only one reads.
    fn rows(count: u64, batch: u64) -> Vec<Row> {
        let record = |number: u64| match number % 2 {
            0 => r#"{"eventID":"1","eventName":"Get","readOnly":true}"#,
            _ => r#"{"eventID":"2","eventName":"Put","readOnly":false}"#,
        };
        let millis = |number: u64| i64::try_from(1000 * batch + number).unwrap();
        (0..count).map(|number| row(millis(number), batch, record(number))).collect()
    }

    fn in_memory(rows: Vec<Row>) -> Arc<RwLock<Recent>> {
        let mut recent = Recent::default();
        rows.into_iter().for_each(|row| recent.insert(row));
        Arc::new(RwLock::new(recent))
    }

    fn in_a_file(disk: &SimulatedDisk, id: u64, rows: Vec<Row>) -> Arc<HistoryFile> {
        disk.create_directory(crate::DIRECTORY).unwrap();
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let info = HistoryFile::write(&disk, FileId(id), rows).unwrap();
        Arc::new(HistoryFile::open(&disk, info, &PageCache::new(1 << 20)).unwrap())
    }

    fn query(attributes: &[(Attribute, &str)]) -> Query {
        let attribute = |(attribute, value): &(Attribute, &str)| (*attribute, (*value).to_owned());
        Query {
            scopes: ScopeFilter::default(),
            attributes: attributes.iter().map(attribute).collect(),
            from: Timestamp::from_millis(i64::MIN),
            to: Timestamp::from_millis(i64::MAX),
            after: None,
            limit: 50,
        }
    }

    fn misses(misses: usize) -> Left {
        Left { misses, ..Left::default() }
    }

    /// Pages until the last; how many, and the rows.
    fn pages(view: &View, mut query: Query, misses_max: usize) -> (usize, Vec<Found>) {
        let (mut pages, mut rows) = (0, Vec::new());
        loop {
            let page = run_within(view, &query, misses(misses_max)).unwrap();
            pages += 1;
            rows.extend(page.rows);
            assert!(page.next.is_none() || page.next < query.after || query.after.is_none());
            query.after = page.next;
            if query.after.is_none() {
                return (pages, rows);
            }
        }
    }

    #[test]
    fn a_page_ends_short_when_it_takes_too_long() {
        let disk = SimulatedDisk::new();
        let view = View {
            files: vec![in_a_file(&disk, 1, rows(5000, 1))],
            recent: vec![in_memory(rows(5000, 7))],
            ..View::default()
        };
        let nothing = query(&[(Attribute::EventName, "Get"), (Attribute::ReadOnly, "false")]);
        let first = run_within(&view, &nothing, misses(1)).unwrap();
        assert!(first.rows.is_empty() && first.next.is_some());
        let (pages_of_one, found) = pages(&view, nothing.clone(), 1);
        assert!((5..30).contains(&pages_of_one) && found.is_empty(), "{pages_of_one}");
        assert_eq!(pages(&view, nothing, MISSES_MAX), (1, Vec::new()));
        // What is meant is found all the same.
        let all = query(&[(Attribute::EventName, "Get"), (Attribute::ReadOnly, "true")]);
        let (pages, found) = pages(&view, all, 1);
        assert_eq!((pages, found.len()), (100, 5000));
    }

    #[test]
    fn a_page_takes_no_further_row_when_it_has_so_many_bytes() {
        let padding = "x".repeat(200 << 10);
        let large = |number: u64| {
            let record = format!(r#"{{"eventID":"{number}","padding":"{padding}"}}"#);
            row(i64::try_from(number).unwrap(), 1 + number % 2, &record)
        };
        let (even, odd): (Vec<Row>, Vec<Row>) =
            (0..20).map(large).partition(|row| row.position.sequence.batch.0 == 1);
        let disk = SimulatedDisk::new();
        let view = View {
            files: vec![in_a_file(&disk, 1, even)],
            recent: vec![in_memory(odd)],
            ..View::default()
        };
        let first = run(&view, &query(&[])).unwrap();
        assert_eq!((first.rows.len(), first.next), (6, Some(first.rows[5].position)));
        assert!((PAGE_BYTES..PAGE_BYTES + (201 << 10)).contains(&first.bytes()));
        let (pages, found) = pages(&view, query(&[]), MISSES_MAX);
        let times = found.iter().map(|row| row.position.time.as_millis());
        assert!(times.eq((0..20).rev()) && pages == 4, "{pages} pages");
        let last = Query { to: Timestamp::from_millis(5), ..query(&[]) };
        assert_eq!(run(&view, &last).unwrap().next, None, "six are all there are");
    }

    #[test]
    fn a_page_reads_no_further_row_when_it_read_so_many_bytes() {
        let padding = "x".repeat(200 << 10);
        let large = |number: i64| row(number, 1, &format!(r#"{{"padding":"{padding}"}}"#));
        // Under a key that collides, none of them is meant.
        let mut recent = Recent::default();
        let put = Key::of(Attribute::EventName, "Put");
        (0..60).for_each(|number| recent.insert_under(large(number), &[Key::ALL, put]));
        let view = View { recent: vec![Arc::new(RwLock::new(recent))], ..View::default() };
        let first = run(&view, &query(&[(Attribute::EventName, "Put")])).unwrap();
        let read = 59 - first.next.unwrap().time.as_millis() + 1;
        assert_eq!((first.rows.len(), read), (0, 41), "8 MiB and the last one");
        let (pages, rows) = pages(&view, query(&[(Attribute::EventName, "Put")]), MISSES_MAX);
        assert_eq!((pages, rows.len()), (2, 0));
    }

    #[test]
    fn what_is_held_shares_the_page_of_what_is_young() {
        let padding = "x".repeat(200 << 10);
        let large = |number: i64| row(number, 1, &format!(r#"{{"padding":"{padding}"}}"#));
        let hold = Hold { name: "all".into(), accounts: [].into(), from: None, to: None };
        let retention = Retention { horizon: Some(Timestamp::from_millis(10)), holds: vec![hold] };
        let view = View {
            recent: vec![in_memory((0..14).map(large).collect())],
            retention: Arc::new(retention),
            ..View::default()
        };
        let (pages, rows) = pages(&view, query(&[]), MISSES_MAX);
        let times = rows.iter().map(|row| row.position.time.as_millis());
        assert!(times.eq((0..14).rev()) && pages == 3, "six rows on a page, not {pages} pages");
    }

    #[test]
    fn what_is_out_of_range_is_not_touched() {
        let disk = SimulatedDisk::new();
        let view = View {
            files: vec![in_a_file(&disk, 1, rows(10, 1)), in_a_file(&disk, 2, rows(10, 3))],
            recent: vec![in_memory(rows(10, 2))],
            ..View::default()
        };
        disk.fail(Fault::forever(Operation::Read));
        let millis = Timestamp::from_millis;
        let between = Query { from: millis(2002), to: millis(2004), ..query(&[]) };
        let page = run(&view, &between).unwrap();
        let times = page.rows.iter().map(|row| row.position.time.as_millis());
        assert!(times.eq([2004, 2003, 2002]) && page.next.is_none());
        let after = Query { from: millis(3010), ..query(&[]) };
        assert_eq!(run(&view, &after).unwrap(), Page::default());
        let before = Query { to: millis(999), ..query(&[]) };
        assert_eq!(run(&view, &before).unwrap(), Page::default());
        run(&view, &query(&[])).expect_err("now the newer file is read");
    }

    #[test]
    fn a_row_whose_key_collides_is_not_shown() {
        let mut recent = Recent::default();
        let keys = [Key::ALL, Key::of(Attribute::EventName, "Put")];
        let get = r#"{"eventName":"Get"}"#;
        recent.insert_under(row(1, 1, get), &keys);
        let view = View { recent: vec![Arc::new(RwLock::new(recent))], ..View::default() };
        let page = run(&view, &query(&[(Attribute::EventName, "Put")])).unwrap();
        assert_eq!(page, Page::default());
    }
}
