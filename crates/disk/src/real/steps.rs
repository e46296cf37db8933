//! The steps of the real disk's operations, on absolute paths and with plain errors.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

/// New files are filled in writes of this size.
pub(super) const ZEROS_BYTES: u64 = 1 << 20;

pub(super) fn open_lock(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path)
}

/// The owner and group of a directory, when it is not us who own it.
pub(super) fn foreign_owner(directory: &Path) -> io::Result<Option<(u32, u32)>> {
    let directory = fs::metadata(directory)?;
    let is_ours = directory.uid() == rustix::process::geteuid().as_raw();
    Ok((!is_ours).then(|| (directory.uid(), directory.gid())))
}

/// Makes a file belong to another owner, if there is one.
pub(super) fn give(file: &fs::File, owner: Option<(u32, u32)>) -> io::Result<()> {
    let Some((owner, group)) = owner else { return Ok(()) };
    fchown(file, Some(owner), Some(group))
}

/// Makes the root and its missing parents, each synced into the directory that holds it. The name
/// of a root that is there is synced too: the process that made it may have died before its sync.
pub(super) fn create_root(root: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = root.ancestors().take_while(|path| !path.is_dir()).collect();
    for path in missing.into_iter().rev().filter(|path| !path.as_os_str().is_empty()) {
        create_durably(path)?;
    }
    match sync_names(holder(root)) {
        // Whoever made the root inside a directory closed to us has made it durable.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// Makes one directory, or finds it, and syncs the name either way.
pub(super) fn create_durably(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        result => result?,
    }
    sync_names(holder(path))
}

/// The directory that holds the name of `path`.
fn holder(path: &Path) -> &Path {
    match path.parent() {
        None => path,
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    }
}

fn sync_names(directory: &Path) -> io::Result<()> {
    open_directory(directory)?.sync_all()
}

pub(super) fn open_directory(path: &Path) -> io::Result<fs::File> {
    let handle = fs::File::open(path)?;
    if !handle.metadata()?.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    Ok(handle)
}

/// Refuses a new file of some size where less than twice its size is free.
pub(super) fn check_room(path: &Path, size_bytes: u64) -> io::Result<()> {
    if size_bytes == 0 {
        return Ok(());
    }
    let disk = rustix::fs::statvfs(holder(path))?;
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed_bytes = size_bytes.saturating_mul(2);
    if free_bytes < needed_bytes {
        let message =
            format!("the disk is full: {free_bytes} bytes are free, {needed_bytes} are needed");
        return Err(io::Error::new(ErrorKind::StorageFull, message));
    }
    Ok(())
}

pub(super) fn file_names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            continue;
        }
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

/// Makes a new file and lets `fill` write it; when that fails the file is removed again.
pub(super) fn create_filled(
    path: &Path,
    fill: impl FnOnce(&fs::File) -> io::Result<()>,
) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(path)?;
    if let Err(error) = fill(&file) {
        // What made the filling fail is what the caller must hear, not what hinders the cleaning.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

pub(super) fn fill_with_zeros(mut file: &fs::File, size_bytes: u64) -> io::Result<()> {
    if size_bytes == 0 {
        return Ok(());
    }
    // Where a quota ends before the disk does, this fails at once, and not after megabytes of zeros.
    // Filesystems that do not know it show when they are written to.
    let reserved = rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size_bytes);
    if let Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) = reserved {
        return Err(error.into());
    }
    let zeros = vec![0; clamp(size_bytes.min(ZEROS_BYTES))];
    let mut left_bytes = size_bytes;
    while left_bytes > 0 {
        let chunk_bytes = left_bytes.min(ZEROS_BYTES);
        file.write_all(&zeros[..clamp(chunk_bytes)])?;
        left_bytes -= chunk_bytes;
    }
    file.sync_all()
}

fn clamp(chunk_bytes: u64) -> usize {
    usize::try_from(chunk_bytes).expect("a chunk is at most 1 MiB")
}

/// Renames a file and refuses a directory, which `rename(2)` would take.
pub(super) fn rename_file(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(from)?.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    fs::rename(from, to)
}

pub(super) fn read_full(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
