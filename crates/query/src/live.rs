//! The history of a data directory, as it is at one moment: with its daemon at work, or without.
//!
//! The manifest says which files there are, and which of the journal's batches they hold. What was
//! recorded since is in the journal's other segments, before anybody was told that it is. So the two are
//! all of it, and nothing has to be asked of the daemon:
//!
//! ```text
//!   manifest ─► open its files ─► read the segments that it does not name as stored ─► manifest again
//!      └────────────── it has changed meanwhile: once more from the beginning ─────────────┘
//! ```
//!
//! A batch is in a file before its segment goes, and the manifest changes when it gets there. Where the
//! manifest is the same before and after, no row is missed and none is seen twice.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use disk::Disk;
use history::manifest::Manifest;
use history::retention::Retention;
use history::{FileId, HistoryFile, Row, Sequence, Settings};
use producer::peek::peek;

use crate::error::QueryError;
use crate::held::Held;

/// How often the manifest may change while it is read.
const TRIES: usize = 20;
/// The format of manifests that is known.
const FORMAT: u32 = 1;

/// A history at one moment.
#[derive(Debug)]
pub struct Live {
    /// All of it.
    pub files: Held,
    /// Rows that were in no file yet.
    pub recent_rows: u64,
    /// Which rows are shown: those that expired go from the files a little later.
    pub retention: Retention,
}

/// Opens the history of a data directory. `scratch` is a directory for what is in no file yet;
/// `settings` are the daemon's.
pub fn open(
    data_dir: &Path,
    scratch: &Arc<dyn Disk>,
    scratch_root: &Path,
    settings: &Settings,
) -> Result<Live, QueryError> {
    let wrong = |error: io::Error| {
        QueryError::Source(format!("the history in {} can't be read: {error}", data_dir.display()))
    };
    let mut next = FileId(0);
    for _ in 0..TRIES {
        let before = read_manifest(data_dir)?;
        let Some(mut files) = open_files(data_dir, &before).map_err(wrong)? else { continue };
        let retention = before.today.map_or_else(Retention::default, |today| {
            Retention::at(today, settings.retention, &settings.holds)
        });
        let is_kept = |row: &Row| {
            settings.categories.contains(&row.scope.category)
                && retention.keeps(&row.scope, row.position.time)
        };
        let mut recent_rows = 0;
        for mut rows in segments(data_dir, &before).map_err(wrong)? {
            rows.retain(is_kept);
            if rows.is_empty() {
                continue;
            }
            recent_rows += rows.len() as u64;
            let written = HistoryFile::write(scratch, next, rows);
            written.map_err(|error| QueryError::Source(error.to_string()))?;
            files.open(&scratch_root.join(next.table())).map_err(wrong)?;
            next.0 += 1;
        }
        if read_manifest(data_dir)? == before {
            return Ok(Live { files, recent_rows, retention });
        }
    }
    Err(QueryError::Source(format!(
        "the history in {} changed {TRIES} times while it was opened; try again",
        data_dir.display()
    )))
}

fn read_manifest(data_dir: &Path) -> Result<Manifest, QueryError> {
    let path = data_dir.join(history::manifest::PATH);
    let bytes = fs::read(&path).map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::NotFound => {
                "; is this the data directory of a daemon that keeps a history? Set --data-dir or --config, or ask log files with --from"
            }
            ErrorKind::PermissionDenied => {
                "; SQL reads the daemon's files: run it as the daemon's user, or root"
            }
            _ => "",
        };
        QueryError::Source(format!("{}: {error}{advice}", path.display()))
    })?;
    disk::document::from_bytes(&bytes, FORMAT)
        .map_err(|error| QueryError::Source(format!("{}: {error}", path.display())))
}

/// `None` when one of them is gone already.
fn open_files(data_dir: &Path, manifest: &Manifest) -> io::Result<Option<Held>> {
    let mut held = Held::default();
    for file in &manifest.files {
        match held.open(&data_dir.join(file.id.table())) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        }
    }
    Ok(Some(held))
}

/// The rows of each batch that is in no file, one batch at a time.
fn segments<'a>(
    data_dir: &'a Path,
    manifest: &'a Manifest,
) -> io::Result<impl Iterator<Item = Vec<Row>> + 'a> {
    let mut paths = Vec::new();
    let journal = match fs::read_dir(data_dir.join("journal")) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        opened => Some(opened?),
    };
    for entry in journal.into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "segment") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths.into_iter().map(move |path| {
        // One that is gone was stored meanwhile; then the manifest has changed.
        let Ok(bytes) = fs::read(&path) else { return Vec::new() };
        let Some(glimpse) = peek(&Bytes::from(bytes)) else { return Vec::new() };
        if manifest.stored.contains(&glimpse.batch) {
            return Vec::new();
        }
        let sequence = |index| Sequence { batch: glimpse.batch, index };
        glimpse.events.iter().map(|(index, event)| Row::of(event, sequence(*index))).collect()
    }))
}
