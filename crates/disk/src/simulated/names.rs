//! The names on the simulated disk: which path leads to which file, seen now and after power loss.
//!
//! Directories are durable as they are made. The changes of files' names wait per directory, in
//! order; a sync of the directory makes all of them durable, power loss only a first part.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::{Random, SharedContent, lock};
use crate::path::{parent, with_parents};

type Files = BTreeMap<String, SharedContent>;

#[derive(Default)]
pub(super) struct Names {
    directories: BTreeSet<String>,
    visible: Files,
    durable: Files,
    unsynced: BTreeMap<String, Vec<Change>>,
}

enum Change {
    Create { path: String, content: SharedContent },
    Rename { from: String, to: String },
    Remove { path: String },
}

impl Names {
    pub(super) fn find(&self, path: &str) -> io::Result<SharedContent> {
        if self.directories.contains(path) {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.check_directory(parent(path))?;
        let content = self.visible.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::clone(content))
    }

    pub(super) fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.check_directory(directory)?;
        let paths = self.visible.keys().filter(|path| parent(path) == directory);
        Ok(paths.filter_map(|path| path.rsplit('/').next().map(str::to_owned)).collect())
    }

    pub(super) fn create_directory(&mut self, directory: &str) -> io::Result<()> {
        for one in with_parents(directory) {
            if self.visible.contains_key(one) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            self.directories.insert(one.to_owned());
        }
        Ok(())
    }

    pub(super) fn check_new(&self, path: &str) -> io::Result<()> {
        self.check_directory(parent(path))?;
        if self.visible.contains_key(path) || self.directories.contains(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        Ok(())
    }

    pub(super) fn create(&mut self, path: &str, content: SharedContent) {
        self.change(Change::Create { path: path.to_owned(), content });
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.find(from)?;
        if self.directories.contains(to) {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        self.find(path)?;
        self.change(Change::Remove { path: path.to_owned() });
        Ok(())
    }

    pub(super) fn sync_directory(&mut self, directory: &str) -> io::Result<()> {
        self.check_directory(directory)?;
        for change in self.unsynced.remove(directory).unwrap_or_default() {
            change.apply(&mut self.durable);
        }
        Ok(())
    }

    /// Keeps a first part of each directory's unsynced changes, then tears the files left.
    pub(super) fn lose_power(&mut self, random: Random<'_>) {
        for (_, changes) in std::mem::take(&mut self.unsynced) {
            let kept = usize::try_from(random(changes.len() as u64 + 1)).unwrap_or(usize::MAX);
            for change in changes.into_iter().take(kept) {
                change.apply(&mut self.durable);
            }
        }
        self.visible.clone_from(&self.durable);
        for content in self.durable.values() {
            lock(content).lose_power(random);
        }
    }

    pub(super) fn visible_bytes(&self) -> u64 {
        self.visible.values().map(|content| lock(content).size_bytes()).sum()
    }

    pub(super) fn durable_bytes(&self) -> u64 {
        self.durable.values().map(|content| lock(content).durable_bytes()).sum()
    }

    fn change(&mut self, change: Change) {
        let directory = parent(change.path()).to_owned();
        change.apply(&mut self.visible);
        self.unsynced.entry(directory).or_default().push(change);
    }

    fn check_directory(&self, directory: &str) -> io::Result<()> {
        if directory.is_empty() || self.directories.contains(directory) {
            return Ok(());
        }
        let through_file = with_parents(directory).any(|path| self.visible.contains_key(path));
        Err(if through_file { ErrorKind::NotADirectory } else { ErrorKind::NotFound }.into())
    }
}

impl Change {
    fn apply(&self, files: &mut Files) {
        match self {
            Change::Create { path, content } => {
                files.insert(path.clone(), Arc::clone(content));
            }
            Change::Rename { from, to } => {
                let content = files.remove(from).expect("a rename follows what made its source");
                files.insert(to.clone(), content);
            }
            Change::Remove { path } => {
                files.remove(path);
            }
        }
    }

    /// A path in the directory the change belongs to.
    fn path(&self) -> &str {
        match self {
            Change::Create { path, .. } | Change::Remove { path } => path,
            Change::Rename { to, .. } => to,
        }
    }
}
