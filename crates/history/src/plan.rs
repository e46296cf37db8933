//! Which files to merge next: a pure function of what the manifest says.
//!
//! ```text
//!   pool      files of several days, and small ones ─┐ merged with their like in size
//!                                                    ├─► a day with many rows: a file of its own
//!                                                    └─► all sparse days together: the pool again
//!   each day  its own files, merged with their like in size; when the day is over, into few
//! ```
//!
//! A day gets a file of its own only for many rows: event times are the senders' to choose, and ones
//! that are spread over thousands of days must not make thousands of files. Rows go from the pool to
//! their day once and never back, and a merge within a day or the pool leaves less files than it
//! takes, so that merging ends. Files are alike that differ by less than the fan-in, so a row is
//! written anew once for each factor of the fan-in between a batch and a day. Late events wait in the
//! pool until they are many; into a big file they go when they are a fair part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Timestamp;

use crate::file::{FileId, FileInfo};

/// Smaller files are all alike.
const ROWS_MIN: u32 = 64;
/// A day is over so long after its end: until then it is not merged into few files.
const GRACE: Duration = Duration::from_secs(2 * 3600);
/// When a day is over, a file is merged with smaller ones that have this part of its rows together.
const SHARE: u64 = 4;

/// The sizes of merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many files of about the same size are merged.
    pub fan_in_min: u32,
    /// More are not merged at once.
    pub fan_in_max: usize,
    /// A file has at most so many rows.
    pub rows_max: u32,
    /// A day with so many rows in a merge gets a file of its own.
    pub day_rows_min: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { fan_in_min: 8, fan_in_max: 16, rows_max: 1 << 20, day_rows_min: 4096 }
    }
}

/// A day (UTC), by its number since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Day {
    /// The day of a moment.
    #[must_use]
    pub fn of(time: Timestamp) -> Day {
        Day(time.as_millis().div_euclid(86_400_000))
    }

    /// Its first moment.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(86_400_000))
    }
}

/// The files to merge next, if there are any. `today` closes the days before it.
#[must_use]
pub fn next_merge(
    files: &[FileInfo],
    limits: &Limits,
    today: Option<Timestamp>,
) -> Option<Vec<FileId>> {
    // Those that are half full would only be split again.
    let open = files.iter().filter(|file| file.rows < limits.rows_max / 2);
    let mut tiers: BTreeMap<(u32, Option<Day>), Vec<&FileInfo>> = BTreeMap::new();
    let mut days: BTreeMap<Day, Vec<&FileInfo>> = BTreeMap::new();
    for file in open {
        let day = own_day(file, limits);
        tiers.entry((tier(file.rows, limits), day)).or_default().push(file);
        if let Some(day) = day {
            days.entry(day).or_default().push(file);
        }
    }
    let full = tiers.into_values().find(|files| files.len() >= limits.fan_in_min as usize);
    let alike = full.map(|mut files| {
        files.sort_by_key(|file| file.id);
        files.truncate(limits.fan_in_max);
        within(files, limits.rows_max)
    });
    let is_over = |day: &Day| today.is_some_and(|today| day.start().plus(DAY + GRACE) <= today);
    let over = || days.into_iter().filter(|(day, _)| is_over(day));
    let merge = alike.or_else(|| over().find_map(|(_, files)| last_merge(files, limits)));
    merge.map(|files| files.into_iter().map(|file| file.id).collect())
}

/// The days that get files of their own, of a merge that has so many rows of each day.
#[must_use]
pub fn own_days(rows: &BTreeMap<Day, u64>, limits: &Limits) -> BTreeSet<Day> {
    let is_dense = |(_, rows): &(&Day, &u64)| **rows >= u64::from(limits.day_rows_min);
    rows.iter().filter(is_dense).map(|(day, _)| *day).collect()
}

/// The day whose own the file is; `None` of one in the pool.
fn own_day(file: &FileInfo, limits: &Limits) -> Option<Day> {
    let [oldest, newest] = [file.oldest, file.newest].map(|position| Day::of(position.time));
    (oldest == newest && file.rows >= limits.day_rows_min).then_some(newest)
}

fn tier(rows: u32, limits: &Limits) -> u32 {
    rows.max(ROWS_MIN).ilog(limits.fan_in_min.max(2))
}

/// The first ones, as many as one file holds: at least two, for each fills less than half of it.
fn within(files: Vec<&FileInfo>, rows_max: u32) -> Vec<&FileInfo> {
    let mut rows = 0;
    let fits = |file: &&FileInfo| {
        rows += u64::from(file.rows);
        rows <= u64::from(rows_max)
    };
    files.into_iter().take_while(fits).collect()
}

/// The small files of a day that is over, and the largest one that they are a fair part of.
fn last_merge<'a>(mut files: Vec<&'a FileInfo>, limits: &Limits) -> Option<Vec<&'a FileInfo>> {
    files.sort_by_key(|file| (file.rows, file.id));
    files = within(files, limits.rows_max);
    let mut smaller = 0;
    let mut count = 0;
    for (before, file) in files.iter().enumerate() {
        if before > 0 && u64::from(file.rows) <= smaller * SHARE {
            count = before + 1;
        }
        smaller += u64::from(file.rows);
    }
    files.truncate(count);
    (count >= 2).then_some(files)
}
