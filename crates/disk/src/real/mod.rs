//! A disk that is a directory of the machine, held by one process at a time.
//!
//! Directories are made with mode 0700 and files with 0600: what Cairn keeps is audit data. The
//! directory is locked through `flock` on its file `LOCK`; the lock ends with the last of the disk
//! and its open files, so no second process starts while this one can still write.
//!
//! `sync` is `fdatasync`, which covers the size; names are synced by `fsync` of their directory, on a
//! handle that is kept: a process that has no file descriptor left must still be able to sync.
//!
//! A few files of the directory may belong to another program than the one that holds it:
//! [`RealDisk::open_beside`] takes a lock of another name for them. What it makes belongs to the
//! owner of the directory, also when root makes it: who holds the directory must read it.
//!
//! A file of some size is made only where twice its size is free: what is kept beside it, such as
//! parked payloads, must find room when the large files have taken what they could. And a disk that is
//! full says so before anything is written.
//!
//! What fails: everything the operating system fails, with its error kind and the path in front.

mod steps;

use std::collections::HashMap;
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::path::{LOCK_NAME, check_directory, check_file, check_rename, with_parents};
use crate::{Disk, File};
use steps::{
    check_room, create_durably, create_filled, create_root, file_names, fill_with_zeros,
    foreign_owner, give, open_directory, open_lock, read_full, rename_file,
};

/// A locked directory. See the module header.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    /// Directories that were synced or made.
    directories: Mutex<HashMap<PathBuf, Arc<fs::File>>>,
    lock: Arc<fs::File>,
    /// Whom new files are given to, when it is not us.
    owner: Option<(u32, u32)>,
}

impl RealDisk {
    /// Opens the directory, making it when missing, and locks it. When another process (or another
    /// `RealDisk` of this one) has it, the error is `WouldBlock` and its message says so.
    pub fn open(root: &Path) -> io::Result<RealDisk> {
        create_root(root).map_err(|error| located(root, "create the directory", &error))?;
        let lock = open_lock(&root.join(LOCK_NAME))
            .map_err(|error| located(root, "open the lock", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(RealDisk {
                root: root.to_owned(),
                directories: Mutex::default(),
                lock: Arc::new(lock),
                owner: None,
            }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                ErrorKind::WouldBlock,
                format!(
                    "{}: another cairn is running on it; stop that one, or set another data_dir",
                    root.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(located(root, "lock the directory", &error)),
        }
    }

    /// Opens the directory, making it when missing, beside whoever holds it: with a lock of its own
    /// on the file `lock`, which it waits for. Its user touches only files that no other does.
    pub fn open_beside(root: &Path, lock: &str) -> io::Result<RealDisk> {
        check_file(lock)?;
        create_root(root).map_err(|error| located(root, "create the directory", &error))?;
        let owner = foreign_owner(root).map_err(|error| located(root, "read the owner", &error))?;
        let path = root.join(lock);
        let opened = open_lock(&path).and_then(|file| give(&file, owner).map(|()| file));
        let lock = opened.map_err(|error| located(&path, "open the lock", &error))?;
        lock.lock().map_err(|error| located(&path, "lock", &error))?;
        let directories = Mutex::default();
        Ok(RealDisk { root: root.to_owned(), directories, lock: Arc::new(lock), owner })
    }

    fn locate(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The handle by which a directory's names are synced.
    fn directory(&self, path: &Path) -> io::Result<Arc<fs::File>> {
        let mut directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = directories.get(path) {
            return Ok(Arc::clone(directory));
        }
        let directory = Arc::new(open_directory(path)?);
        directories.insert(path.to_owned(), Arc::clone(&directory));
        Ok(directory)
    }

    fn handle(&self, file: fs::File, path: PathBuf) -> Box<dyn File> {
        Box::new(RealFile { file, path, _lock: Arc::clone(&self.lock) })
    }
}

impl Disk for RealDisk {
    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        check_directory(directory)?;
        let path = self.locate(directory);
        let mut names = file_names(&path).map_err(|error| located(&path, "list", &error))?;
        names.retain(|name| !(directory.is_empty() && name == LOCK_NAME));
        names.sort_unstable();
        Ok(names)
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        check_directory(directory)?;
        for one in with_parents(directory) {
            let path = self.locate(one);
            create_durably(&path)
                .and_then(|()| self.directory(&path).map(drop))
                .map_err(|error| located(&path, "create the directory", &error))?;
        }
        Ok(())
    }

    fn create(&self, path: &str, size_bytes: u64) -> io::Result<Box<dyn File>> {
        check_file(path)?;
        let path = self.locate(path);
        let file = check_room(&path, size_bytes)
            .and_then(|()| {
                create_filled(&path, |file| {
                    give(file, self.owner)?;
                    fill_with_zeros(file, size_bytes)
                })
            })
            .map_err(|error| located(&path, "create", &error))?;
        Ok(self.handle(file, path))
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn File>> {
        check_file(path)?;
        let path = self.locate(path);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| located(&path, "open", &error))?;
        Ok(self.handle(file, path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_rename(from, to)?;
        let (from, to) = (self.locate(from), self.locate(to));
        rename_file(&from, &to).map_err(|error| located(&from, "rename", &error))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        check_file(path)?;
        let path = self.locate(path);
        fs::remove_file(&path).map_err(|error| located(&path, "remove", &error))
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        check_directory(directory)?;
        let path = self.locate(directory);
        let synced = self.directory(&path).and_then(|directory| directory.sync_all());
        synced.map_err(|error| located(&path, "sync the directory", &error))
    }
}

#[derive(Debug)]
struct RealFile {
    file: fs::File,
    path: PathBuf,
    /// Held, not used: see the module header.
    _lock: Arc<fs::File>,
}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_full(&self.file, buffer, offset).map_err(|error| located(&self.path, "read", &error))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let written = self.file.write_all_at(bytes, offset);
        written.map_err(|error| located(&self.path, "write", &error))
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data().map_err(|error| located(&self.path, "sync", &error))
    }

    fn size_bytes(&self) -> io::Result<u64> {
        let metadata = self.file.metadata();
        metadata.map(|data| data.len()).map_err(|error| located(&self.path, "measure", &error))
    }
}

fn located(path: &Path, doing: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: cannot {doing}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::steps::ZEROS_BYTES;
    use super::*;

    #[test]
    fn a_second_disk_on_the_same_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let first = RealDisk::open(directory.path()).unwrap();
        let error = RealDisk::open(directory.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let message = error.to_string();
        assert!(message.contains(&directory.path().display().to_string()), "{message}");
        assert!(message.contains("another cairn is running on it"), "{message}");
        drop(first);
        RealDisk::open(directory.path()).unwrap();
    }

    #[test]
    fn an_open_file_keeps_the_directory_locked() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path()).unwrap();
        let file = disk.create("a", 1).unwrap();
        drop(disk);
        RealDisk::open(directory.path()).unwrap_err();
        drop(file);
        RealDisk::open(directory.path()).unwrap();
    }

    #[test]
    fn a_disk_beside_another_needs_only_its_own_lock() {
        let directory = tempfile::tempdir().unwrap();
        let whole = RealDisk::open(directory.path()).unwrap();
        let beside = RealDisk::open_beside(directory.path(), "part.lock").unwrap();
        let file = fs::File::open(directory.path().join("part.lock")).unwrap();
        assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        beside.create("part", 0).unwrap().write_all_at(b"new", 0).unwrap();
        assert_eq!(crate::read(&whole, "part").unwrap(), b"new");
        drop(beside);
        file.try_lock().unwrap();
        let error = RealDisk::open_beside(directory.path(), LOCK_NAME).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn what_root_makes_beside_another_belongs_to_the_directorys_owner() {
        let directory = tempfile::tempdir().unwrap();
        // Anybody else makes only what is theirs.
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(directory.path(), Some(4711), Some(4712)).unwrap();
        }
        let owner = fs::metadata(directory.path()).unwrap();
        let beside = RealDisk::open_beside(directory.path(), "part.lock").unwrap();
        beside.create("part", 1).unwrap();
        for name in ["part", "part.lock"] {
            let made = fs::metadata(directory.path().join(name)).unwrap();
            assert_eq!((made.uid(), made.gid()), (owner.uid(), owner.gid()), "{name}");
        }
    }

    #[test]
    fn only_the_owner_can_read_what_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("var/cairn");
        let disk = RealDisk::open(&root).unwrap();
        disk.create_directory("spool/s3").unwrap();
        disk.create("spool/s3/a", 1).unwrap();
        let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(""), mode("spool"), mode("spool/s3")], [0o700; 3]);
        assert_eq!([mode("spool/s3/a"), mode("LOCK")], [0o600; 2]);
    }

    #[test]
    fn a_new_file_is_written_and_not_a_hole() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path()).unwrap();
        let size_bytes = 2 * ZEROS_BYTES + 4096;
        disk.create("a", size_bytes).unwrap();
        let metadata = fs::metadata(directory.path().join("a")).unwrap();
        assert_eq!(metadata.len(), size_bytes);
        assert!(metadata.blocks() * 512 >= size_bytes);
    }

    #[test]
    fn a_file_that_finds_no_room_is_refused_before_anything_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path()).unwrap();
        let error = disk.create("a", 1 << 60).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        let message = error.to_string();
        assert!(message.contains("a: cannot create: the disk is full: "), "{message}");
        assert_eq!(disk.list("").unwrap(), [""; 0]);
    }

    #[test]
    fn a_file_that_could_not_be_filled_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let full = |_: &fs::File| Err(ErrorKind::StorageFull.into());
        let error = create_filled(&path, full).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(!path.exists());
    }

    #[test]
    fn an_error_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path()).unwrap();
        let message = disk.open("spool/a").unwrap_err().to_string();
        assert!(message.contains("spool/a: cannot open"), "{message}");
    }
}
