//! The disk as the daemon sees it: the simulated one, watched. What is watched: **a failed sync is
//! never retried into success**. After a sync of a file failed, no later sync of it in the same life
//! may answer `Ok` before all that was unsynced then is written again.
//!
//! Mistakes that concern the disk are planted here.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use disk::{Disk, File, SimulatedDisk};
use model::BatchId;
use producer::window;

use crate::mistakes::Mistake;
use crate::rot;

/// What is seen of one life.
#[derive(Debug, Default)]
pub struct Watch {
    /// Which file has a name, by a number of its own.
    names: HashMap<String, u64>,
    files: HashMap<u64, Synced>,
    next: u64,
    /// What must never be seen.
    pub violation: Option<String>,
    /// Operations that failed by a planted fault, by their name.
    pub failed: BTreeMap<String, u64>,
    /// Whether the process is still starting.
    pub is_starting: bool,
}

/// What of a file is not known to be on the disk.
#[derive(Debug, Default)]
struct Synced {
    unsynced: Vec<Range<u64>>,
    /// Unsynced when a sync failed, and not written since.
    abandoned: Vec<Range<u64>>,
}

#[derive(Clone)]
pub struct WatchedDisk {
    disk: SimulatedDisk,
    mistake: Mistake,
    watch: Arc<Mutex<Watch>>,
}

impl WatchedDisk {
    pub fn new(disk: SimulatedDisk, mistake: Mistake) -> WatchedDisk {
        WatchedDisk { disk, mistake, watch: Arc::default() }
    }

    pub fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap()
    }

    fn file(&self, path: &str, file: Box<dyn File>) -> Box<dyn File> {
        let mut watch = self.watch();
        let number = watch.number(path);
        let watched =
            WatchedFile { file, number, path: path.to_owned(), disk: self.clone(), end: u64::MAX };
        Box::new(watched)
    }

    /// Whether a chain's state is not kept, though the process is told that it is.
    fn swallows(&self, from: &str, to: &str) -> bool {
        let is_chain = to.starts_with("digests/") && to != "digests/trails.json";
        is_chain
            && match self.mistake {
                Mistake::PutUnprepared => {
                    let state = self.disk.peek(from).unwrap_or_default();
                    !String::from_utf8_lossy(&state).contains(r#""prepared": null"#)
                }
                Mistake::LetReceiptsGoFirst => true,
                _ => false,
            }
    }

    /// Removes the history's files that are named no more by the next manifest.
    fn remove_merged(&self, next: &str, manifest: &str) {
        let files = |path: &str| -> Vec<history::FileId> {
            let bytes = self.disk.peek(path).unwrap_or_default();
            let manifest = disk::document::from_bytes::<history::manifest::Manifest>(&bytes, 1);
            manifest.map_or(Vec::new(), |it| it.files.iter().map(|file| file.id).collect())
        };
        let named = files(next);
        for gone in files(manifest).into_iter().filter(|id| !named.contains(id)) {
            let _ = self.disk.remove(&gone.table());
        }
    }

    /// Of receipts whether they are of a batch that is there, or else of a parked file.
    fn is_of_a_batch(&self, path: &str) -> Option<bool> {
        let receipts = path.starts_with("receipts/").then(|| self.disk.peek(path).ok())??;
        let batch = BatchId(frame(&receipts)?["batch"].as_u64()?);
        Some(self.disk.peek(&producer::segment::path(batch)).is_ok())
    }

    /// What a digest that lists by time finds in a receipts file: nothing of a chain that has come
    /// further than to the time at which the file was written.
    fn by_time(&self, path: &str, group: &[u8]) -> Option<Vec<u8>> {
        let written = frame(&self.disk.peek(path).ok()?)?["written"].as_i64()?;
        let mut group = frame(group)?;
        let chains = self.disk.list("digests").ok()?.into_iter();
        let states = chains.filter_map(|name| self.disk.peek(&format!("digests/{name}")).ok());
        let mut states = states
            .filter_map(|state| serde_json::from_slice::<serde_json::Value>(&state).ok())
            .map(|state| state["state"].clone());
        let chain = states.find(|state| state["id"] == group["chain"])?;
        if written >= chain["next_start"].as_i64()? {
            return None;
        }
        group["receipts"] = serde_json::json!([]);
        let json = group.to_string().into_bytes();
        let length = u32::try_from(json.len()).ok()?.to_le_bytes();
        Some([&length[..], &crc32fast::hash(&json).to_le_bytes(), &json].concat())
    }

    fn seen<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.watch().note_failure(error);
        }
        result
    }
}

impl Watch {
    fn number(&mut self, path: &str) -> u64 {
        if let Some(number) = self.names.get(path) {
            return *number;
        }
        self.next += 1;
        self.names.insert(path.to_owned(), self.next);
        self.next
    }

    fn note_failure(&mut self, error: &io::Error) {
        let text = error.to_string();
        let planted =
            text.strip_prefix("a planted fault: ").and_then(|text| text.strip_suffix(" fails"));
        let name = match (planted, error.kind()) {
            (_, io::ErrorKind::StorageFull) => "Full",
            (Some(operation), _) => operation,
            _ => return,
        };
        *self.failed.entry(name.to_owned()).or_default() += 1;
    }

    fn wrote(&mut self, number: u64, range: &Range<u64>) {
        let file = self.files.entry(number).or_default();
        file.unsynced.push(range.clone());
        let abandoned = std::mem::take(&mut file.abandoned);
        file.abandoned = abandoned.into_iter().flat_map(|old| without(old, range)).collect();
    }

    fn sync_failed(&mut self, number: u64) {
        let file = self.files.entry(number).or_default();
        file.abandoned.append(&mut file.unsynced);
    }

    fn synced(&mut self, number: u64, path: &str) {
        let file = self.files.entry(number).or_default();
        file.unsynced.clear();
        if !file.abandoned.is_empty() {
            self.violation = Some(format!(
                "a failed sync of {path} was retried into success: bytes {:?} were not written again",
                file.abandoned
            ));
        }
    }
}

/// The first frame of receipts: length, checksum, JSON.
fn frame(bytes: &[u8]) -> Option<serde_json::Value> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    serde_json::from_slice(bytes.get(8..8 + length)?).ok()
}

/// What is left of a range.
fn without(old: Range<u64>, written: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let before = old.start..old.end.min(written.start);
    let after = old.start.max(written.end)..old.end;
    [before, after].into_iter().filter(|range| !range.is_empty())
}

impl Disk for WatchedDisk {
    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        self.seen(self.disk.create_directory(directory))
    }

    fn create(&self, path: &str, size_bytes: u64) -> io::Result<Box<dyn File>> {
        let file = self.seen(self.disk.create(path, size_bytes))?;
        self.watch().names.remove(path);
        Ok(self.file(path, file))
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn File>> {
        let file = self.seen(self.disk.open(path))?;
        if self.mistake == Mistake::TakeRotForATornTail
            && path.ends_with(".segment")
            && let Some(end) = rot::true_end(&disk::read(&self.disk, path)?)
        {
            let (number, path, disk) = (self.watch().number(path), path.to_owned(), self.clone());
            return Ok(Box::new(WatchedFile { file, number, path, disk, end }));
        }
        Ok(self.file(path, file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if self.swallows(from, to) {
            return self.disk.remove(from);
        }
        if to == history::manifest::PATH {
            match self.mistake {
                Mistake::RetireBeforeStored => return self.disk.remove(from),
                Mistake::RemoveMergedFirst => self.remove_merged(from, to),
                _ => {}
            }
        }
        if self.mistake == Mistake::DropExpired && to.ends_with(".expired") {
            return self.disk.remove(from);
        }
        self.seen(self.disk.rename(from, to))?;
        let mut watch = self.watch();
        let number = watch.number(from);
        watch.names.remove(from);
        watch.names.insert(to.to_owned(), number);
        drop(watch);
        if self.mistake == Mistake::ForgetIdentities
            && let Some(batch) = to.strip_suffix(".ids").and_then(|to| to.strip_prefix("journal/"))
        {
            let batch = BatchId(u64::from_str_radix(batch, 16).unwrap());
            let _ = window::store(&self.disk, batch, &[]);
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.seen(self.disk.remove(path))?;
        self.watch().names.remove(path);
        Ok(())
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        if self.mistake == Mistake::SkipDirectorySyncs && directory == "journal" {
            return Ok(());
        }
        self.seen(self.disk.sync_directory(directory))
    }
}

impl fmt::Debug for WatchedDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(formatter)
    }
}

#[derive(Debug)]
struct WatchedFile {
    file: Box<dyn File>,
    number: u64,
    path: String,
    disk: WatchedDisk,
    /// Where [`Mistake::TakeRotForATornTail`] lets the file seem empty.
    end: u64,
}

impl WatchedFile {
    fn skips_syncs(&self) -> bool {
        match self.disk.mistake {
            // A segment is opened as the spare that it was.
            Mistake::AnswerBeforeSync => self.path.starts_with("journal/spare-"),
            Mistake::TrustWhatAStartFinds => {
                self.path.ends_with(".segment") && self.disk.watch().is_starting
            }
            Mistake::ParkWithoutSync => self.path.starts_with("spill/"),
            Mistake::RetireBeforeReceipts => self.disk.is_of_a_batch(&self.path) == Some(true),
            Mistake::NameUnsyncedTables => self.path.ends_with(".parquet.tmp"),
            Mistake::ForgetBeforeReceipt => self.disk.is_of_a_batch(&self.path) == Some(false),
            _ => false,
        }
    }
}

impl File for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.disk.seen(self.file.read_at(buffer, offset))?;
        if self.disk.mistake == Mistake::ListByTime
            && self.path.starts_with("receipts/")
            && offset > 0
            && let Some(group) = self.disk.by_time(&self.path, &buffer[..read])
        {
            buffer[..group.len()].copy_from_slice(&group);
            return Ok(group.len());
        }
        let true_bytes = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        buffer[..read].iter_mut().skip(true_bytes).for_each(|byte| *byte = 0);
        Ok(read)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let range = offset..offset + bytes.len() as u64;
        self.disk.watch().wrote(self.number, &range);
        self.disk.seen(self.file.write_all_at(bytes, offset))
    }

    fn sync(&self) -> io::Result<()> {
        if self.skips_syncs() {
            return Ok(());
        }
        let mut synced = self.disk.seen(self.file.sync());
        if synced.is_err() {
            self.disk.watch().sync_failed(self.number);
        }
        if synced.is_err() && self.disk.mistake == Mistake::RetryFailedSync {
            synced = self.file.sync();
        }
        if synced.is_ok() {
            self.disk.watch().synced(self.number, &self.path);
        }
        synced
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.disk.seen(self.file.size_bytes())
    }
}
