//! What the rest of Cairn may assume of a disk, and nothing beyond it.
//!
//! Two traits, one contract. `crates/disk/tests/conformance.rs` checks the statements that can be
//! seen from inside one process on every implementation; `tests/power_loss.rs` checks the
//! others on the simulated disk.
//!
//! 1. **Paths** are relative to the disk's root and separated by `/`. An absolute path, an empty
//!    part, `.`, `..`, a NUL byte or a file called `LOCK` in the root are refused with
//!    `InvalidInput`. The directory `""` is the root.
//! 2. **Visible at once.** What is written through one handle is read through every other, and
//!    what was created, renamed or removed is so for every later call.
//! 3. **Durable after sync.** After [`File::sync`] answers `Ok`, everything written to the file
//!    before the call survives power loss, including a growth of the file.
//! 4. **Torn before it.** Of the bytes not yet synced any mixture of old and new may survive power
//!    loss, in any order, but an aligned 512-byte sector is as one of the writes left it or as it
//!    was synced. An unsynced growth may survive in part, with zeros where the bytes were lost.
//! 5. **A failed sync is final.** After `Err` the bytes that were unsynced may never become
//!    durable, although they can still be read and although a later sync answers `Ok`. Only
//!    writing them again and syncing that helps.
//! 6. **A failed write** may have written any part of its bytes.
//! 7. **Names are durable after [`Disk::sync_directory`]** of their directory, and not by syncing
//!    the file. Of the unsynced creations, renames and removals in one directory a first part
//!    survives power loss, in order, perhaps all or none; separate directories owe each other no
//!    order. A name that survives leads to its file's durable bytes.
//! 8. **A rename is one step**: its target is the old file or the new one, never absent. It stays
//!    inside one directory (`InvalidInput` otherwise), because no single sync would cover two.
//! 9. **A new file is all there or not**: when [`Disk::create`] fails it removes what it made. A
//!    crash inside it can leave a shorter file of zeros.
//! 10. **Removed is not closed.** A handle goes on reading and writing after its file was removed
//!     or replaced.
//! 11. **A crash of the process** alone loses nothing that was written, created, renamed or removed.

use std::fmt::Debug;
use std::io;

/// An open file. The handle may be shared between threads; writes that overlap in place and time
/// leave an unspecified mixture.
pub trait File: Send + Sync + Debug {
    /// Fills `buffer` from `offset`; returns bytes read, fewer only at end of file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`. Past the end the file grows, and a gap reads as zeros.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// When it returns `Ok`, everything written to this file before the call survives power loss.
    /// When it returns `Err`, see statement 5: trying again proves nothing.
    fn sync(&self) -> io::Result<()>;

    /// The file's present size.
    fn size_bytes(&self) -> io::Result<u64>;
}

/// A directory tree of files under one root. The module header numbers what it promises.
pub trait Disk: Send + Sync + Debug {
    /// The sorted names of the files in `directory`, without directories and without names that
    /// are not UTF-8. A missing directory is `NotFound`.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;

    /// Makes the directory and its missing parents; when it returns `Ok` they survive power loss.
    /// It may exist already.
    fn create_directory(&self, directory: &str) -> io::Result<()>;

    /// Makes a new file of `size_bytes` zeros, durable in content but not yet in name. The zeros
    /// are written, not a hole, so that overwriting them needs no space and no metadata commit.
    /// A path that exists is `AlreadyExists`.
    fn create(&self, path: &str, size_bytes: u64) -> io::Result<Box<dyn File>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &str) -> io::Result<Box<dyn File>>;

    /// Gives the file `from` the name `to`, in place of a file of that name. Durable after
    /// [`Disk::sync_directory`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes the file's name. Durable after [`Disk::sync_directory`].
    fn remove(&self, path: &str) -> io::Result<()>;

    /// When it returns `Ok`, the creations, renames and removals made in `directory` before the
    /// call survive power loss.
    fn sync_directory(&self, directory: &str) -> io::Result<()>;
}
