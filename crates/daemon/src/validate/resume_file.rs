//! The file from which a validation goes on.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use integrity::Kept;
use model::Timestamp;

/// A file of `--resume`.
pub(super) struct ResumeFile {
    path: PathBuf,
    kept: Kept,
}

impl ResumeFile {
    /// Reads it, or begins a new one.
    pub(super) fn open(path: PathBuf, asked: &str, now: Timestamp) -> anyhow::Result<ResumeFile> {
        let place = format!("--resume {}", path.display());
        let kept = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Kept>(&bytes)
                .with_context(|| format!("{place}: it is no file of an earlier validation"))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Kept::new(asked.into(), now),
            Err(error) => return Err(error).context(place),
        };
        if kept.asked != asked {
            bail!(
                "{place}: it is of a validation with other arguments; give the same, or another file"
            );
        }
        let file = ResumeFile { path, kept };
        // Now, and not after an hour's work, is when it should be known that it cannot be written.
        file.save(&file.kept)?;
        Ok(file)
    }

    pub(super) fn kept(&self) -> Kept {
        self.kept.clone()
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

    /// The validation is at its end: the next one begins anew.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        std::fs::remove_file(&self.path)
            .with_context(|| format!("--resume {}", self.path.display()))
    }
}
