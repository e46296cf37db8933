//! Log files, from a bucket or a folder, as files of a history.
//!
//! They are unpacked once, into temporary Parquet, by the history's own writer: whatever is asked of
//! them then is as fast as of the history. So many rows are in memory as a file gets, no more.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use disk::Disk;
use flate2::read::MultiGzDecoder;
use futures_util::{StreamExt, stream};
use history::{FileId, HistoryFile, Row, Sequence};
use integrity::{Object, Source};
use model::{BatchId, Event, Sender};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::QueryError;
use crate::held::Held;

/// An object is read up to this size, packed.
const OBJECT_BYTES_MAX: u64 = 128 << 20;
/// And up to this one, unpacked.
const TEXT_BYTES_MAX: u64 = 256 << 20;
/// A file is written when it has so many records, or so many bytes of them.
const FILE_ROWS: usize = 100_000;
const FILE_BYTES: usize = 96 << 20;
/// Objects that are read at a time.
const READS: usize = 4;
/// Faults that are told one by one.
const TOLD_MAX: usize = 20;

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Log files.
    pub files: u64,
    /// Their records.
    pub records: u64,
    /// What is no record, or can't be kept as one.
    pub refused: u64,
    /// Files that could not be read, and why; at most twenty.
    pub faults: Vec<String>,
    /// How many those were.
    pub faulty: u64,
}

/// Rows on their way into a file.
struct Writer<'a> {
    disk: &'a Arc<dyn Disk>,
    root: &'a Path,
    rows: Vec<Row>,
    bytes: usize,
    batch: u64,
    held: Held,
}

/// Reads all log files below a prefix. `progress` hears of each.
pub async fn read(
    source: &Source,
    bucket: &str,
    prefix: &str,
    disk: &Arc<dyn Disk>,
    root: &Path,
    mut progress: impl FnMut(&Reading),
) -> Result<(Held, Reading), QueryError> {
    let refused = |error: integrity::SourceError| QueryError::Source(error.to_string());
    let mut writer =
        Writer { disk, root, rows: Vec::new(), bytes: 0, batch: 0, held: Held::default() };
    let mut reading = Reading::default();
    let mut listing = source.list(bucket, prefix, "");
    while let Some(page) = listing.next_page().await.map_err(refused)? {
        let keys = page.into_iter().map(|entry| entry.key).filter(|key| is_log_file(key));
        let mut texts = stream::iter(keys)
            .map(async |key| {
                let text = text_of(source, bucket, &key).await;
                (key, text)
            })
            .buffered(READS);
        while let Some((key, text)) = texts.next().await {
            let taken = match text {
                Ok(text) => writer.take(&key, &text, &mut reading)?,
                Err(fault) => Err(fault),
            };
            reading.files += 1;
            if let Err(fault) = taken {
                reading.faulty += 1;
                if reading.faults.len() < TOLD_MAX {
                    reading.faults.push(format!("{key}: {fault}"));
                }
            }
            progress(&reading);
        }
    }
    writer.flush()?;
    Ok((writer.held, reading))
}

/// Parquet files in a folder and below, in the order of their names.
pub fn parquet_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Digests are beside log files, and are none.
fn is_log_file(key: &str) -> bool {
    let is_json =
        [".json.gz", ".json", ".ndjson", ".jsonl"].iter().any(|ending| key.ends_with(ending));
    is_json && !key.contains("/CloudTrail-Digest/") && !key.ends_with(".metadata.json")
}

/// The text of a log file, or what is wrong with it.
async fn text_of(source: &Source, bucket: &str, key: &str) -> Result<String, String> {
    let whole = match source.get(bucket, key, OBJECT_BYTES_MAX).await {
        Ok(Object::Whole(whole)) => whole,
        Ok(Object::Missing) => return Err("it is gone".into()),
        Ok(Object::TooLong) => {
            return Err(format!("it is larger than {} MB", OBJECT_BYTES_MAX >> 20));
        }
        Err(error) => return Err(format!("{}: {}", error.code, error.message)),
    };
    let unpacked = tokio::task::spawn_blocking(move || unpack(&whole.bytes)).await;
    unpacked.map_err(|error| error.to_string())?
}

fn unpack(bytes: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    let read = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => MultiGzDecoder::new(bytes).take(TEXT_BYTES_MAX + 1).read_to_string(&mut text),
        false => bytes.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text),
    };
    match read {
        Ok(length) if length as u64 > TEXT_BYTES_MAX => {
            Err(format!("unpacked it is larger than {} MB", TEXT_BYTES_MAX >> 20))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(error.to_string()),
    }
}

/// A log file's records: of `{"Records":[…]}`, an array, or one value after the other.
fn records(text: &str) -> impl Iterator<Item = Result<Vec<&RawValue>, serde_json::Error>> {
    #[derive(Deserialize)]
    struct LogFile<'a> {
        #[serde(rename = "Records", borrow)]
        records: Option<Vec<&'a RawValue>>,
    }
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    values.map(|value| {
        let value = value?;
        if value.get().starts_with('[') {
            return serde_json::from_str(value.get());
        }
        let file: LogFile<'_> = serde_json::from_str(value.get())?;
        Ok(file.records.unwrap_or_else(|| vec![value]))
    })
}

impl Writer<'_> {
    /// The inner error is of the log file, the outer one of the disk.
    fn take(
        &mut self,
        key: &str,
        text: &str,
        reading: &mut Reading,
    ) -> Result<Result<(), String>, QueryError> {
        let sender = sender_of(key);
        for found in records(text) {
            let found = match found {
                Ok(found) => found,
                Err(error) => return Ok(Err(error.to_string())),
            };
            for record in found {
                let record = Bytes::copy_from_slice(record.get().as_bytes());
                let length = record.len();
                let Ok(accepted) = Event::from_record(record, &sender) else {
                    reading.refused += 1;
                    continue;
                };
                reading.records += 1;
                let index = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
                let sequence = Sequence { batch: BatchId(self.batch), index };
                self.rows.push(Row::of(&accepted.event, sequence));
                self.bytes += length;
                if self.rows.len() >= FILE_ROWS || self.bytes >= FILE_BYTES {
                    self.flush()?;
                }
            }
        }
        Ok(Ok(()))
    }

    fn flush(&mut self) -> Result<(), QueryError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let id = FileId(self.batch);
        let rows = std::mem::take(&mut self.rows);
        HistoryFile::write(self.disk, id, rows)
            .map_err(|error| QueryError::Source(error.to_string()))?;
        self.held.open(&self.root.join(id.table()))?;
        self.batch += 1;
        self.bytes = 0;
        Ok(())
    }
}

/// Whose records they are that do not say it: `…/AWSLogs/[O-ID/]ACCOUNT/CloudTrail/REGION/…`.
fn sender_of(key: &str) -> Sender {
    let parts: Vec<&str> = key.split('/').collect();
    let account = parts.iter().find_map(|part| part.parse().ok());
    let region =
        parts.iter().rev().find_map(|part| part.contains('-').then(|| part.parse().ok())?);
    Sender {
        account: account.unwrap_or_else(|| "000000000000".parse().expect("12 digits")),
        region: region.unwrap_or_else(|| "us-east-1".parse().expect("a Region")),
    }
}
