//! Whole files at once: reading one, and replacing one so that a crash leaves the old or the new.
//!
//! ```text
//!   create x.tmp ─ write ─ sync ─ rename to x ─ sync directory
//!   └────── x is old ──────────┘└─ old or new ─┘└─ x is new
//! ```
//!
//! What fails: what the disk fails. A crash can leave `x.tmp`; the next replacement removes it.

use std::io;

use crate::path::parent;
use crate::{Disk, File};

/// The bytes of the file `path`.
pub fn read(disk: &dyn Disk, path: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let size_bytes = usize::try_from(file.size_bytes()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; size_bytes];
    let read_bytes = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read_bytes);
    Ok(bytes)
}

/// Makes `bytes` the content of `path`, whether it exists or not. After `Ok` they survive power
/// loss. After `Err` or a crash the old or the new ones are there, never a mixture.
///
/// Two replacements of one path at a time share the temporary file `<path>.tmp` and spoil it for
/// each other: the caller lets one finish first.
pub fn replace(disk: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{path}.tmp");
    remove_if_present(disk, &temporary)?;
    let written = write_new(disk, &temporary, bytes).and_then(|()| disk.rename(&temporary, path));
    if let Err(error) = written {
        // The caller learns the first failure; a leftover is removed by the next replacement.
        let _ = disk.remove(&temporary);
        return Err(error);
    }
    disk.sync_directory(parent(path))
}

/// Removes `path`; one that is gone already is as good.
pub(crate) fn remove_if_present(disk: &dyn Disk, path: &str) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn write_new(disk: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    let file: Box<dyn File> = disk.create(path, 0)?;
    file.write_all_at(bytes, 0)?;
    file.sync()
}
