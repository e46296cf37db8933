//! The log files in their order: by day, then by key.
//!
//! Days are found by the folders' names, so that a day that nobody asks for is not listed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use integrity::layout::LOG_FOLDERS;
use integrity::source::{Entry, Listing};
use integrity::{DigestFolder, Source, SourceError};
use model::{Folder, Timestamp};

/// Folders that are looked into at once.
const FOLDERS_AT_ONCE: usize = 16;

/// Where an import stands: all before it, and it, is done. Ordered as the walk is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(super) struct Mark {
    /// `2026/03/09`
    date: String,
    key: String,
}

/// One folder of one day.
#[derive(Clone)]
struct Unit {
    folder: Arc<DigestFolder>,
    kind: Folder,
}

/// One object where log files are.
pub(super) struct Job {
    pub(super) mark: Mark,
    pub(super) folder: Arc<DigestFolder>,
    pub(super) kind: Folder,
    pub(super) entry: Entry,
    /// What its name says; `None` of what is no log file.
    pub(super) stamp: Option<Timestamp>,
}

impl Mark {
    #[cfg(test)]
    pub(super) fn new(date: &str, key: &str) -> Mark {
        Mark { date: date.into(), key: key.into() }
    }

    pub(super) fn date(&self) -> &str {
        &self.date
    }
}

/// All days, and what is left of them.
pub(super) struct Days {
    source: Source,
    bucket: String,
    /// The days' folders, by their beginnings.
    days: VecDeque<(String, BTreeMap<String, Unit>)>,
    /// The day that is walked, and what is left of it.
    date: String,
    units: BTreeMap<String, Unit>,
    listing: Option<(Unit, Listing)>,
    page: VecDeque<Job>,
    /// Folders of days: all, and those that were begun.
    pub(super) total: usize,
    pub(super) begun: Arc<AtomicUsize>,
}

impl Days {
    /// Looks for the days between two moments that have folders.
    pub(super) async fn find(
        source: &Source,
        bucket: &str,
        folders: &[DigestFolder],
        (from, to): (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<Days, SourceError> {
        let from = from.map_or(String::new(), Timestamp::to_date_folders);
        let to = to.map_or("9999/99/99".to_owned(), Timestamp::to_date_folders);
        let range = (from.as_str(), to.as_str());
        let units = folders.iter().flat_map(|folder| {
            let folder = Arc::new(folder.clone());
            LOG_FOLDERS.map(|kind| Unit { folder: Arc::clone(&folder), kind })
        });
        let found = units.map(async |unit| {
            let root = unit.folder.logs(unit.kind);
            let dates = dates(source, bucket, &root, range).await?;
            Ok::<_, SourceError>((unit, root, dates))
        });
        let mut found = std::pin::pin!(stream::iter(found).buffered(FOLDERS_AT_ONCE));
        let mut days: BTreeMap<String, BTreeMap<String, Unit>> = BTreeMap::new();
        let mut total = 0;
        while let Some((unit, root, dates)) = found.try_next().await? {
            total += dates.len();
            for date in dates {
                let prefix = format!("{root}{date}/");
                days.entry(date).or_default().insert(prefix, unit.clone());
            }
        }
        Ok(Days {
            source: source.clone(),
            bucket: bucket.to_owned(),
            days: days.into_iter().collect(),
            date: String::new(),
            units: BTreeMap::new(),
            listing: None,
            page: VecDeque::new(),
            total,
            begun: Arc::default(),
        })
    }

    /// The next object.
    pub(super) async fn next(&mut self) -> Result<Option<Job>, SourceError> {
        loop {
            if let Some(job) = self.page.pop_front() {
                return Ok(Some(job));
            }
            if let Some((unit, listing)) = &mut self.listing {
                match listing.next_page().await? {
                    Some(page) => {
                        let jobs = page.into_iter().filter(|entry| !entry.key.ends_with('/'));
                        self.page.extend(jobs.map(|entry| job(&self.date, unit, entry)));
                    }
                    None => self.listing = None,
                }
            } else if let Some((prefix, unit)) = self.units.pop_first() {
                self.begun.fetch_add(1, Ordering::Relaxed);
                self.listing = Some((unit, self.source.list(&self.bucket, &prefix, "")));
            } else if let Some((date, units)) = self.days.pop_front() {
                (self.date, self.units) = (date, units);
            } else {
                return Ok(None);
            }
        }
    }
}

fn job(date: &str, unit: &Unit, entry: Entry) -> Job {
    let name = entry.key.rsplit('/').next().unwrap_or_default();
    let named = unit.folder.log_file_name(unit.kind, name);
    Job {
        mark: Mark { date: date.to_owned(), key: entry.key.clone() },
        folder: Arc::clone(&unit.folder),
        kind: unit.kind,
        stamp: named.map(|named| named.stamp),
        entry,
    }
}

/// The days below a folder, `2026/03/09`.
async fn dates(
    source: &Source,
    bucket: &str,
    root: &str,
    (from, to): (&str, &str),
) -> Result<Vec<String>, SourceError> {
    let mut dates = vec![String::new()];
    for digits in [4, 2, 2] {
        let mut deeper = Vec::new();
        for date in dates {
            let slash = if date.is_empty() { "" } else { "/" };
            let prefix = format!("{root}{date}{slash}");
            let names = source.folders(bucket, &prefix).await?;
            let is_number = |name: &&String| {
                name.len() == digits && name.bytes().all(|byte| byte.is_ascii_digit())
            };
            deeper
                .extend(names.iter().filter(is_number).map(|name| format!("{date}{slash}{name}")));
        }
        // Of the beginnings of dates only as much is compared as there is.
        let is_asked = |date: &String| {
            let part = |whole: &str| whole.get(..date.len()).unwrap_or_default().to_owned();
            part(from) <= *date && *date <= part(to)
        };
        deeper.retain(is_asked);
        dates = deeper;
    }
    Ok(dates)
}
