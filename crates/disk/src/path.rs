//! Paths inside a disk's root: what both disks refuse, and how a path splits (contract, 1).

use std::io;

/// The file in the root that [`crate::RealDisk`] locks; no caller may name it.
pub(crate) const LOCK_NAME: &str = "LOCK";

/// Answers `InvalidInput` unless `path` can name a file below the root.
pub(crate) fn check_file(path: &str) -> io::Result<()> {
    if path == LOCK_NAME {
        return Err(refused(path, "the lock's own name"));
    }
    check_parts(path)
}

/// Answers `InvalidInput` unless `path` can name a directory; the root is `""`.
pub(crate) fn check_directory(path: &str) -> io::Result<()> {
    if path.is_empty() {
        return Ok(());
    }
    check_file(path)
}

/// Checks both ends of a rename: files, in one directory.
pub(crate) fn check_rename(from: &str, to: &str) -> io::Result<()> {
    check_file(from)?;
    check_file(to)?;
    if parent(from) != parent(to) {
        return Err(refused(to, "a rename into another directory"));
    }
    Ok(())
}

/// The directory that holds `path`; `""` for one in the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// The path of `name` in `directory`.
pub(crate) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        return name.to_owned();
    }
    format!("{directory}/{name}")
}

/// `a`, `a/b` and `a/b/c` for `a/b/c`: a directory with its parents, outermost first.
pub(crate) fn with_parents(directory: &str) -> impl Iterator<Item = &str> {
    let inner = directory.match_indices('/').map(|(end, _)| &directory[..end]);
    inner.chain((!directory.is_empty()).then_some(directory))
}

fn check_parts(path: &str) -> io::Result<()> {
    for part in path.split('/') {
        match part {
            "" => return Err(refused(path, "an empty part or an absolute path")),
            "." | ".." => return Err(refused(path, "a part that is not a name")),
            name if name.contains('\0') => return Err(refused(path, "a NUL byte")),
            _ => {}
        }
    }
    Ok(())
}

fn refused(path: &str, why: &str) -> io::Error {
    let message = format!("{path:?} is no path inside the disk: {why}");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_comes_after_its_parents() {
        let paths = |directory| with_parents(directory).collect::<Vec<_>>();
        assert_eq!(paths(""), [""; 0]);
        assert_eq!(paths("a"), ["a"]);
        assert_eq!(paths("a/b/c"), ["a", "a/b", "a/b/c"]);
    }

    #[test]
    fn joining_undoes_taking_the_parent() {
        for path in ["a", "a/b", "a/b/c"] {
            let name = path.rsplit('/').next().unwrap();
            assert_eq!(join(parent(path), name), path);
        }
    }
}
