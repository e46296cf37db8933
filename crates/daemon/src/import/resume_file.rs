//! The file from which an import goes on.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::report::{Read, Sent};

/// What is kept, as JSON: what was read up to a moment of the walk, and all of it is in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What the import was asked for; another one must not go on from here.
    asked: String,
    /// When it began.
    pub(super) begun: Timestamp,
    pub(super) read: Read,
    pub(super) sent: Sent,
}

impl Kept {
    /// Nothing is done yet.
    pub(super) fn new(asked: String, begun: Timestamp) -> Kept {
        Kept { asked, begun, read: Read::default(), sent: Sent::default() }
    }
}

/// A file of `--resume`.
pub(super) struct ResumeFile {
    path: PathBuf,
}

impl ResumeFile {
    /// Reads it, or begins a new one.
    pub(super) fn open(
        path: PathBuf,
        asked: &str,
        now: Timestamp,
    ) -> anyhow::Result<(ResumeFile, Kept)> {
        let place = format!("--resume {}", path.display());
        let kept = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Kept>(&bytes)
                .with_context(|| format!("{place}: it is no file of an earlier import"))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Kept::new(asked.into(), now),
            Err(error) => return Err(error).context(place),
        };
        if kept.asked != asked {
            bail!(
                "{place}: it is of an import with other arguments; give the same, or another file"
            );
        }
        let file = ResumeFile { path };
        // Now, and not after an hour's work, is when it should be known that it cannot be written.
        file.save(&kept)?;
        Ok((file, kept))
    }

    /// Replaces the file.
    pub(super) fn save(&self, kept: &Kept) -> anyhow::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&new)?;
            file.write_all(&serde_json::to_vec(kept)?)?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)
        };
        write().with_context(|| format!("--resume {}", self.path.display()))
    }

    /// The import is at its end: the next one begins anew.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        std::fs::remove_file(&self.path)
            .with_context(|| format!("--resume {}", self.path.display()))
    }
}
