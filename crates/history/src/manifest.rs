//! The manifest: which files are the history, and what they hold that comes again.
//!
//! It is the one truth. What it does not name is a leftover of a crash, what it names is there. It is
//! one document, `history/manifest.json`, and each change replaces it as a whole:
//!
//! ```text
//!   write new files ─► replace the manifest ─► the view changes ─► remove what it no longer names
//!   └ leftovers ─────┘└ either the old or the new one: who fails here does not know which
//! ```
//!
//! After a replacement that failed, the file on disk may be the old or the new one. So nothing that
//! either of them names is removed, and no number is given again, until a replacement succeeds.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;

use disk::Disk;
use disk::document::{self, DocumentError};
use model::{BatchId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::file::{FileId, FileInfo, HistoryFile};
use crate::history::HistoryError;
use crate::position::Sequence;

/// Where it is, in the data directory.
pub const PATH: &str = "history/manifest.json";
const FORMAT: u32 = 1;

/// What the manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The number of the next file, or less: no file in use has it or a higher one.
    pub next_file: u64,
    /// The number of the next import's batch.
    pub next_import: BatchId,
    /// The files.
    pub files: Vec<FileInfo>,
    /// Batches in them that the journal may still have.
    pub stored: BTreeSet<BatchId>,
    /// Files that were damaged or missing, and are set aside.
    #[serde(default)]
    pub lost: Vec<Lost>,
    /// What day it was, as far as it could be believed.
    #[serde(default)]
    pub today: Option<Timestamp>,
}

/// A file that is set aside, with the rows that were in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// What it was.
    pub file: FileInfo,
    /// What is wrong with it.
    pub reason: String,
}

impl Default for Manifest {
    /// Of no files.
    fn default() -> Manifest {
        Manifest {
            next_file: 1,
            next_import: Sequence::FIRST_IMPORT,
            files: Vec::new(),
            stored: BTreeSet::new(),
            lost: Vec::new(),
            today: None,
        }
    }
}

impl Lost {
    /// Where its table is kept; an empty file there stands for one that was missing.
    #[must_use]
    pub fn path(&self) -> String {
        aside(self.file.id)
    }
}

/// Where a file is kept that is set aside.
fn aside(id: FileId) -> String {
    format!("{}.damaged", id.table())
}

/// The manifest and its file: changed by one at a time.
#[derive(Debug)]
pub struct Book {
    disk: Arc<dyn Disk>,
    manifest: Manifest,
    /// Files to remove when the next replacement has succeeded.
    leftovers: BTreeSet<FileId>,
    /// Whether a replacement failed and none has succeeded since.
    is_in_doubt: bool,
}

impl Book {
    /// Reads the manifest, and removes what a crash left over. A new directory gets an empty one.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Book, HistoryError> {
        disk.create_directory(crate::DIRECTORY)?;
        // What a killed process has renamed may not be durable; nothing may follow from what is not.
        disk.sync_directory(crate::DIRECTORY)?;
        let names = disk.list(crate::DIRECTORY)?;
        let manifest: Option<Manifest> =
            document::read(&*disk, PATH, FORMAT).map_err(unreadable)?;
        let files = || names.iter().filter_map(|name| file_of(name));
        let is_new = manifest.is_none();
        if is_new && files().next().is_some() {
            return Err(HistoryError::Manifest("it is missing, and there are files".into()));
        }
        let mut book = Book {
            disk,
            manifest: manifest.unwrap_or_default(),
            leftovers: BTreeSet::new(),
            is_in_doubt: false,
        };
        if is_new {
            book.change(|_| {})?;
        }
        let newest = files().max().map_or(0, |FileId(newest)| newest + 1);
        book.manifest.next_file = book.manifest.next_file.max(newest);
        let named: BTreeSet<FileId> = book.manifest.files.iter().map(|file| file.id).collect();
        book.leftovers = files().filter(|id| !named.contains(id)).collect();
        book.remove_leftovers();
        Ok(book)
    }

    /// What it says.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Changes it: durable when this returns. Files that are named no more are removed then.
    pub fn change(&mut self, change: impl FnOnce(&mut Manifest)) -> Result<(), HistoryError> {
        let mut next = self.manifest.clone();
        change(&mut next);
        let named = |manifest: &Manifest| -> BTreeSet<FileId> {
            manifest.files.iter().map(|file| file.id).collect()
        };
        let (before, after) = (named(&self.manifest), named(&next));
        if let Err(error) = document::replace(&*self.disk, PATH, FORMAT, &next) {
            // The new files may be named from now on, and may not.
            self.leftovers.extend(after.difference(&before));
            self.is_in_doubt = true;
            return Err(error.into());
        }
        self.is_in_doubt = false;
        self.leftovers.extend(before.difference(&after));
        self.leftovers.retain(|id| !after.contains(id));
        self.manifest = next;
        self.remove_leftovers();
        Ok(())
    }

    /// Files that were written and that no change will name.
    pub fn give_up(&mut self, files: impl IntoIterator<Item = FileId>) {
        self.leftovers.extend(files);
        self.remove_leftovers();
    }

    /// One that can't be removed now is tried again after the next change, and at the next start.
    fn remove_leftovers(&mut self) {
        if self.is_in_doubt {
            return;
        }
        self.leftovers.retain(|id| match HistoryFile::remove(&*self.disk, *id) {
            Ok(()) => false,
            Err(error) => {
                tracing::warn!(file = id.table(), %error, "a file of the history is not removed");
                true
            }
        });
    }

    /// Keeps a damaged file under another name, before the manifest names it no more.
    pub fn set_aside(&mut self, file: &FileInfo, reason: &str) -> Result<(), HistoryError> {
        let path = aside(file.id);
        match self.disk.rename(&file.id.table(), &path) {
            // It is missing, or was renamed before the last crash.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !self.is_there(&path) {
                    disk::replace(&*self.disk, &path, b"")?;
                }
            }
            renamed => renamed?,
        }
        self.disk.sync_directory(crate::DIRECTORY)?;
        tracing::error!(
            file = file.id.table(),
            kept = path,
            reason,
            "a file of the history is set aside"
        );
        let lost = Lost { file: file.clone(), reason: reason.to_owned() };
        self.change(|manifest| {
            manifest.files.retain(|one| one.id != file.id);
            manifest.lost.push(lost);
        })
    }

    /// Forgets files that were set aside and that somebody has taken away.
    pub fn forget_lost(&mut self) -> Result<(), HistoryError> {
        let is_there = |lost: &Lost| self.is_there(&lost.path());
        let there: Vec<bool> = self.manifest.lost.iter().map(is_there).collect();
        if there.iter().all(|is_there| *is_there) {
            return Ok(());
        }
        let mut there = there.into_iter();
        self.change(|manifest| manifest.lost.retain(|_| there.next().expect("one for each")))
    }

    /// Also when nobody can tell.
    fn is_there(&self, path: &str) -> bool {
        self.disk.open(path).map_or_else(|error| error.kind() != ErrorKind::NotFound, |_| true)
    }
}

fn unreadable(error: DocumentError) -> HistoryError {
    match error {
        DocumentError::Disk(error) => error.into(),
        other => HistoryError::Manifest(other.to_string()),
    }
}

/// The file that a name in the directory belongs to, also of one that is half written.
fn file_of(name: &str) -> Option<FileId> {
    let name = name.strip_suffix(".tmp").unwrap_or(name);
    let digits = name.strip_suffix(".parquet").or_else(|| name.strip_suffix(".index"))?;
    let is_number = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| is_number).map(FileId)
}
