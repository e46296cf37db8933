//! What is asked: the history of a data directory, or log files, or Parquet files.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use disk::{Disk, RealDisk};
use history::retention::Retention;
use integrity::Source;
use query::log_files::{self, Reading};
use query::{Held, live};

use super::Query;
use crate::aws;
use crate::config::{Flags, Settings};

/// What is asked.
pub(super) enum Sources {
    /// The history of a data directory, which grows.
    History { data_dir: PathBuf, settings: history::Settings },
    /// Files that stay what they are.
    Files(Held),
}

/// What of it is on hand for one query.
pub(super) struct OnHand {
    pub(super) files: Held,
    /// Rows of the history that were in no file yet.
    pub(super) recent_rows: u64,
    pub(super) retention: Retention,
}

impl Sources {
    /// Finds out what is asked; log files are unpacked. Also whether some could not be read.
    pub(super) async fn find(query: &Query, scratch: &Path) -> anyhow::Result<(Sources, bool)> {
        if query.from.is_empty() {
            let flags = Flags { data_dir: query.data_dir.clone(), ..Flags::default() };
            let settings = Settings::load(query.config.as_deref(), std::env::vars_os(), &flags)?;
            let (data_dir, settings) = (settings.data_dir, settings.history);
            return Ok((Sources::History { data_dir, settings }, true));
        }
        let mut all = Held::default();
        let mut is_whole = true;
        for (number, place) in query.from.iter().enumerate() {
            let scratch = scratch.join(format!("from-{number}"));
            let (held, is_good) = read(place, &scratch).await.with_context(|| place.clone())?;
            all.append(held);
            is_whole &= is_good;
        }
        Ok((Sources::Files(all), is_whole))
    }

    /// Opens all of it. `number` tells one opening from the next.
    pub(super) fn open(&self, scratch: &Path, number: u64) -> anyhow::Result<OnHand> {
        match self {
            Sources::Files(held) => {
                let (files, retention) = (held.clone(), Retention::default());
                Ok(OnHand { files, recent_rows: 0, retention })
            }
            Sources::History { data_dir, settings } => {
                let root = scratch.join(format!("recent-{number}"));
                let disk = new_disk(&root)?;
                let live = live::open(data_dir, &disk, &root, settings)?;
                // The files are open: their names are of no use any more.
                let _ = std::fs::remove_dir_all(&root);
                Ok(OnHand {
                    files: live.files,
                    recent_rows: live.recent_rows,
                    retention: live.retention,
                })
            }
        }
    }
}

fn new_disk(root: &Path) -> anyhow::Result<Arc<dyn Disk>> {
    let disk = RealDisk::open(root)?;
    disk.create_directory(history::DIRECTORY)?;
    Ok(Arc::new(disk))
}

async fn read(place: &str, scratch: &Path) -> anyhow::Result<(Held, bool)> {
    let (source, bucket, prefix) = match place.strip_prefix("s3://") {
        Some(rest) => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                bail!("expected s3://BUCKET/PREFIX");
            }
            let config = aws::load().await;
            let builder = aws_sdk_s3::config::Builder::from(&config);
            let source = Source::s3(builder, aws::is_path_style(&config));
            (source, bucket.to_owned(), prefix.to_owned())
        }
        None => {
            let path = Path::new(place);
            let parquet = match path.is_dir() {
                true => log_files::parquet_files(path)?,
                false if path.extension().is_some_and(|extension| extension == "parquet") => {
                    vec![path.to_owned()]
                }
                false => Vec::new(),
            };
            if !parquet.is_empty() {
                let mut held = Held::default();
                for path in parquet {
                    held.open(&path).with_context(|| path.display().to_string())?;
                }
                return Ok((held, true));
            }
            let found = std::fs::metadata(path)?;
            let (folder, name) = match found.is_dir() {
                true => (path, ""),
                false => (
                    path.parent().unwrap_or(Path::new("")),
                    path.file_name().and_then(|name| name.to_str()).context("not a text")?,
                ),
            };
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            (Source::directory(folder.to_owned()), String::new(), name.to_owned())
        }
    };
    let disk = new_disk(scratch)?;
    let mut progress = Progress { is_on: std::io::stderr().is_terminal(), shown: 0 };
    let read =
        log_files::read(&source, &bucket, &prefix, &disk, scratch, |so_far| progress.show(so_far));
    let (held, reading) = read.await?;
    progress.end();
    let _ = std::fs::remove_dir_all(scratch);
    if reading.files == 0 {
        bail!("there are no log files (*.json.gz, *.json, *.ndjson, *.jsonl) and no Parquet files");
    }
    told(&reading);
    Ok((held, reading.faulty == 0 && reading.refused == 0))
}

/// How far it is, on a terminal.
struct Progress {
    is_on: bool,
    shown: u64,
}

impl Progress {
    fn show(&mut self, so_far: &Reading) {
        if self.is_on && (so_far.files < 10 || so_far.files >= self.shown + 10) {
            self.shown = so_far.files;
            let Reading { files, records, .. } = so_far;
            let _ = write!(std::io::stderr(), "\r{files} log files, {records} records");
        }
    }

    fn end(&self) {
        if self.is_on {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// What the answer is without.
fn told(reading: &Reading) {
    let mut said = std::io::stderr().lock();
    for fault in &reading.faults {
        let _ = writeln!(said, "cairn query: left out: {}", integrity::Plain(fault));
    }
    if reading.faulty > reading.faults.len() as u64 {
        let _ = writeln!(said, "cairn query: {} log files are left out in all", reading.faulty);
    }
    if reading.refused > 0 {
        let _ =
            writeln!(said, "cairn query: {} records are left out: they are none", reading.refused);
    }
}
