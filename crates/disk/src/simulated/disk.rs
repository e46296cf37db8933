//! The simulated disk behind the traits.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use super::content::Content;
use super::fault::{Operation, Refused};
use super::{Machine, SharedContent, SimulatedDisk, lock};
use crate::path::{check_directory, check_file, check_rename};
use crate::{Disk, File};

impl Disk for SimulatedDisk {
    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        check_directory(directory)?;
        let mut machine = self.lock();
        machine.admit(self.boot, Operation::List)?;
        machine.names.list(directory)
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        check_directory(directory)?;
        let mut machine = self.lock();
        machine.admit(self.boot, Operation::CreateDirectory)?;
        machine.names.create_directory(directory)
    }

    fn create(&self, path: &str, size_bytes: u64) -> io::Result<Box<dyn File>> {
        check_file(path)?;
        let size = usize::try_from(size_bytes).map_err(|_| io::ErrorKind::StorageFull)?;
        let mut machine = self.lock();
        if let Err(refused) = machine.admit(self.boot, Operation::Create) {
            return Err(refuse_create(&mut machine, path, size, refused));
        }
        let content = create(&mut machine, path, Content::zeros(size))?;
        Ok(self.handle(&machine, content))
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn File>> {
        check_file(path)?;
        let mut machine = self.lock();
        machine.admit(self.boot, Operation::Open)?;
        let content = machine.names.find(path)?;
        Ok(self.handle(&machine, content))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_rename(from, to)?;
        let mut machine = self.lock();
        machine.admit(self.boot, Operation::Rename)?;
        machine.names.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        check_file(path)?;
        let mut machine = self.lock();
        machine.admit(self.boot, Operation::Remove)?;
        machine.names.remove(path)
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        check_directory(directory)?;
        let mut machine = self.lock();
        machine.admit(self.boot, Operation::SyncDirectory)?;
        machine.names.sync_directory(directory)
    }
}

impl SimulatedDisk {
    fn handle(&self, machine: &Machine, content: SharedContent) -> Box<dyn File> {
        let boot = machine.boot;
        Box::new(SimulatedFile { machine: Arc::clone(&self.machine), boot, content })
    }
}

fn create(machine: &mut Machine, path: &str, content: Content) -> io::Result<SharedContent> {
    machine.names.check_new(path)?;
    machine.check_space(content.size_bytes())?;
    let content = Arc::new(Mutex::new(content));
    machine.names.create(path, Arc::clone(&content));
    Ok(content)
}

/// A creation that is cut off leaves half a file, nothing of it synced.
fn refuse_create(machine: &mut Machine, path: &str, size: usize, refused: Refused) -> io::Error {
    if matches!(refused, Refused::CutOff) {
        let mut half = Content::default();
        half.write(&vec![0; size / 2], 0);
        // Where it could not have been made there is nothing to leave.
        let _ = create(machine, path, half);
    }
    refused.into()
}

struct SimulatedFile {
    machine: Arc<Mutex<Machine>>,
    boot: u64,
    content: SharedContent,
}

impl SimulatedFile {
    /// Does `act` when the handle lives and no fault says otherwise.
    fn with<T>(&self, operation: Operation, act: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        let mut machine = lock(&self.machine);
        machine.admit(Some(self.boot), operation)?;
        Ok(act(&mut lock(&self.content)))
    }
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(Operation::Read, |content| content.read(buffer, offset))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut machine = lock(&self.machine);
        let admitted = machine.admit(Some(self.boot), Operation::Write);
        let kept = match &admitted {
            Ok(()) => bytes,
            Err(Refused::CutOff | Refused::Planted(_)) => &bytes[..bytes.len() / 2],
            Err(Refused::Dead) => &[],
        };
        let growth = growth_bytes(&lock(&self.content), kept, offset);
        machine.check_space(growth)?;
        lock(&self.content).write(kept, start);
        Ok(admitted?)
    }

    fn sync(&self) -> io::Result<()> {
        let mut machine = lock(&self.machine);
        let admitted = machine.admit(Some(self.boot), Operation::Sync);
        let mut content = lock(&self.content);
        match &admitted {
            Ok(()) => content.sync(),
            Err(Refused::Planted(_)) => content.fail_sync(),
            Err(Refused::Dead | Refused::CutOff) => {}
        }
        Ok(admitted?)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.with(Operation::Read, |content| content.size_bytes())
    }
}

impl fmt::Debug for SimulatedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimulatedFile").field("boot", &self.boot).finish_non_exhaustive()
    }
}

fn growth_bytes(content: &Content, bytes: &[u8], offset: u64) -> u64 {
    if bytes.is_empty() {
        return 0;
    }
    (offset + bytes.len() as u64).saturating_sub(content.size_bytes())
}
