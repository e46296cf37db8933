//! What a spool does at open: one pass over the names, then one sync for those it changed.

use super::item::{Role, damaged_name, parse_name, read_head};
use super::{ItemId, Spool, SpoolError};
use crate::contents::remove_if_present;

impl Spool {
    pub(super) fn recover(&mut self) -> Result<(), SpoolError> {
        let names = self
            .disk
            .create_directory(&self.directory)
            .and_then(|()| self.disk.list(&self.directory))
            .map_err(|source| SpoolError::Disk { path: self.directory.clone(), source })?;
        for name in names {
            self.recover_name(&name)?;
        }
        // Also for what the last process renamed or removed and did not live to sync.
        self.sync_names()
    }

    fn recover_name(&mut self, name: &str) -> Result<(), SpoolError> {
        let Some((id, role)) = parse_name(name) else { return Ok(()) };
        self.next_id = self.next_id.max(id.0 + 1);
        match role {
            Role::Item => self.recover_item(id),
            Role::Damaged | Role::Expired => {
                self.damaged.push(name.to_owned());
                Ok(())
            }
            Role::Temporary => {
                let path = self.path(name);
                let removed = remove_if_present(&*self.disk, &path);
                removed.map_err(|source| SpoolError::Disk { path, source })
            }
        }
    }

    fn recover_item(&mut self, id: ItemId) -> Result<(), SpoolError> {
        let path = self.path(&id.to_string());
        let head = self.disk.open(&path).and_then(|file| read_head(&*file));
        match head.map_err(|source| SpoolError::Disk { path, source })? {
            Ok((lane, header)) => {
                self.index.insert(id, &lane, header.entry());
                Ok(())
            }
            Err(_) => self.keep_aside(id, damaged_name(id)),
        }
    }
}
