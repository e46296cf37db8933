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

/// How many files wait for a merge with their like.
#[must_use]
pub fn waiting(files: &[FileInfo], limits: &Limits) -> usize {
    let full = tiers(files, limits).into_values().map(|files| files.len());
    full.filter(|files| *files >= limits.fan_in_min as usize).sum()
}

type Tiers<'a> = BTreeMap<(u32, Option<Day>), Vec<&'a FileInfo>>;

/// The files that merges take, those together that are alike.
fn tiers<'a>(files: &'a [FileInfo], limits: &Limits) -> Tiers<'a> {
    let mut tiers = Tiers::new();
    // Those that are half full would only be split again.
    for file in files.iter().filter(|file| file.rows < limits.rows_max / 2) {
        tiers.entry((tier(file.rows, limits), own_day(file, limits))).or_default().push(file);
    }
    tiers
}

/// The files to merge next, if there are any. `today` closes the days before it.
#[must_use]
pub fn next_merge(
    files: &[FileInfo],
    limits: &Limits,
    today: Option<Timestamp>,
) -> Option<Vec<FileId>> {
    let tiers = tiers(files, limits);
    let mut days: BTreeMap<Day, Vec<&FileInfo>> = BTreeMap::new();
    for ((_, day), files) in &tiers {
        if let Some(day) = day {
            days.entry(*day).or_default().extend(files);
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

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::BatchId;

    use crate::blocks::Tail;
    use crate::position::{Position, Sequence};

    use super::*;

    /// Files of which only the times of the rows are there.
    #[derive(Default)]
    struct World {
        files: BTreeMap<u64, BTreeMap<Day, u64>>,
        next: u64,
        written: u64,
        merged: u64,
        merges: u64,
        files_max: usize,
    }

    impl World {
        /// A batch becomes a file.
        fn store(&mut self, rows: &[(i64, u64)]) {
            let rows: BTreeMap<Day, u64> =
                rows.iter().map(|(day, rows)| (Day(*day), *rows)).collect();
            self.written += rows.values().sum::<u64>();
            self.add(rows);
        }

        fn add(&mut self, rows: BTreeMap<Day, u64>) {
            self.next += 1;
            self.files.insert(self.next, rows);
        }

        fn infos(&self) -> Vec<FileInfo> {
            let info = |(id, rows): (&u64, &BTreeMap<Day, u64>)| {
                let sequence = Sequence { batch: BatchId(*id), index: 0 };
                let at = |day: &Day| Position { time: day.start(), sequence };
                FileInfo {
                    id: FileId(*id),
                    rows: u32::try_from(rows.values().sum::<u64>()).unwrap(),
                    newest: at(rows.last_key_value().unwrap().0),
                    oldest: at(rows.first_key_value().unwrap().0),
                    bytes: 1,
                    tail: Tail::default(),
                }
            };
            self.files.iter().map(info).collect()
        }

        /// Merges as the history does, until nothing is left to do.
        fn tend(&mut self, limits: &Limits, today: i64) {
            for step in 0.. {
                assert!(step < 1000, "merging never ends");
                let Some(ids) = next_merge(&self.infos(), limits, Some(Day(today).start())) else {
                    break;
                };
                assert!(ids.len() > 1, "a merge of {}", ids.len());
                self.merge(&ids, limits);
            }
            self.files_max = self.files_max.max(self.files.len());
        }

        fn merge(&mut self, ids: &[FileId], limits: &Limits) {
            let mut rows: BTreeMap<Day, u64> = BTreeMap::new();
            for id in ids {
                for (day, count) in self.files.remove(&id.0).unwrap() {
                    *rows.entry(day).or_default() += count;
                }
            }
            self.merges += 1;
            self.merged += rows.values().sum::<u64>();
            let own = own_days(&rows, limits);
            let shared: BTreeMap<Day, u64> =
                rows.iter().filter(|(day, _)| !own.contains(day)).map(|(d, n)| (*d, *n)).collect();
            for day in own {
                assert!(rows[&day] <= u64::from(limits.rows_max), "no merge of a day is split");
                self.add([(day, rows[&day])].into());
            }
            if !shared.is_empty() {
                self.add(shared);
            }
        }

        fn of_day(&self, day: i64) -> usize {
            self.files
                .values()
                .filter(|rows| rows.len() == 1 && rows.contains_key(&Day(day)))
                .count()
        }

        fn summary(&self) -> String {
            let amplification = (self.written + self.merged) * 10 / self.written;
            format!(
                "{} files, at most {}; {} merges, each row written {}.{} times",
                self.files.len(),
                self.files_max,
                self.merges,
                amplification / 10,
                amplification % 10
            )
        }
    }

    /// A month of batches of five minutes.
    fn month(rows: impl Fn(i64, u64) -> Vec<(i64, u64)>) -> World {
        let mut world = World::default();
        for day in 20_000..20_030 {
            for batch in 0..288 {
                world.store(&rows(day, batch));
                world.tend(&Limits::default(), day);
            }
        }
        world
    }

    #[test]
    fn a_month_of_a_large_installation_is_a_few_files_a_day() {
        let world = month(|day, _| vec![(day, 3500)]);
        expect!["44 files, at most 53; 1228 merges, each row written 3.8 times"]
            .assert_eq(&world.summary());
    }

    #[test]
    fn late_events_rewrite_no_big_files() {
        let world = month(|day, batch| {
            let back = i64::try_from(batch % 20).unwrap();
            vec![(day, 3500), (day - 1 - back, 3)]
        });
        expect!["57 files, at most 67; 1382 merges, each row written 3.8 times"]
            .assert_eq(&world.summary());
        assert!(world.of_day(20_010) <= 5, "{}", world.of_day(20_010));
    }

    #[test]
    fn a_small_installation_has_few_files_whatever_its_days() {
        let world = month(|day, _| vec![(day, 1)]);
        expect!["9 files, at most 15; 1233 merges, each row written 38.7 times"]
            .assert_eq(&world.summary());
    }

    #[test]
    fn times_over_thousands_of_days_make_no_thousands_of_files() {
        let world = month(|day, batch| {
            let spread = (0..500).map(|one| (one * 7 + i64::try_from(batch).unwrap(), 1));
            spread.chain([(day, 1000)]).collect()
        });
        expect!["63 files, at most 73; 1381 merges, each row written 4.0 times"]
            .assert_eq(&world.summary());
    }

    #[test]
    fn a_batch_for_each_of_thousands_of_days_makes_no_thousands_of_files() {
        let world =
            month(|day, batch| vec![((day - 20_000) * 288 + i64::try_from(batch).unwrap(), 20)]);
        expect!["16 files, at most 24; 1232 merges, each row written 5.4 times"]
            .assert_eq(&world.summary());
    }
}
