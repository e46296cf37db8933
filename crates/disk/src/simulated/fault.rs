//! Planted accidents: which operation fails next, and when everything stops.

use std::io;

/// The operations that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`crate::Disk::list`].
    List,
    /// [`crate::Disk::open`].
    Open,
    /// [`crate::File::read_at`] and [`crate::File::size_bytes`].
    Read,
    /// [`crate::Disk::create_directory`].
    CreateDirectory,
    /// [`crate::Disk::create`]; no file is left.
    Create,
    /// [`crate::File::write_all_at`]; the first half of the bytes is written.
    Write,
    /// [`crate::File::sync`]; what was unsynced is never made durable by a later sync, although
    /// that answers `Ok` and the bytes can be read. Power loss may still keep them.
    Sync,
    /// [`crate::Disk::rename`]; nothing changes.
    Rename,
    /// [`crate::Disk::remove`]; nothing changes.
    Remove,
    /// [`crate::Disk::sync_directory`]; nothing is made durable, a later one may succeed.
    SyncDirectory,
}

impl Operation {
    fn changes(self) -> bool {
        !matches!(self, Operation::List | Operation::Open | Operation::Read)
    }
}

/// One planted fault: the operation it hits, when, with which error and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What fails.
    pub operation: Operation,
    /// How many further such operations succeed first.
    pub after: u64,
    /// The kind of the error, by default `Other` (as a drive that answers EIO).
    pub kind: io::ErrorKind,
    /// Whether all later such operations fail too.
    pub forever: bool,
}

impl Fault {
    /// The next such operation fails.
    pub fn once(operation: Operation) -> Fault {
        Fault { operation, after: 0, kind: io::ErrorKind::Other, forever: false }
    }

    /// The next such operation fails, and all after it.
    pub fn forever(operation: Operation) -> Fault {
        Fault { forever: true, ..Fault::once(operation) }
    }

    /// The same, once `operations` further ones have succeeded.
    #[must_use]
    pub fn after(self, operations: u64) -> Fault {
        Fault { after: operations, ..self }
    }

    /// The same, with an error of this kind.
    #[must_use]
    pub fn with(self, kind: io::ErrorKind) -> Fault {
        Fault { kind, ..self }
    }

    fn error(&self) -> io::Error {
        io::Error::new(self.kind, format!("a planted fault: {:?} fails", self.operation))
    }
}

/// Why an operation does not happen as asked.
pub(super) enum Refused {
    /// The handle is from before a crash, or everything has stopped: nothing happens.
    Dead,
    /// The stop comes in the middle of this operation.
    CutOff,
    /// A planted fault.
    Planted(io::Error),
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> io::Error {
        match refused {
            Refused::Dead => io::Error::other("this handle died in a simulated crash"),
            Refused::CutOff => io::Error::other("cut off by a simulated crash"),
            Refused::Planted(error) => error,
        }
    }
}

/// All planted faults and the stop.
#[derive(Default)]
pub(super) struct Faults {
    planted: Vec<Fault>,
    stop: Stop,
    operations: u64,
}

#[derive(Default)]
enum Stop {
    #[default]
    Never,
    After(u64),
    Stopped,
}

impl Faults {
    pub(super) fn plant(&mut self, fault: Fault) {
        self.planted.push(fault);
    }

    pub(super) fn heal(&mut self) {
        self.planted.clear();
    }

    pub(super) fn stop_after(&mut self, operations: u64) {
        self.stop = Stop::After(operations);
    }

    pub(super) fn restart(&mut self) {
        self.stop = Stop::Never;
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    pub(super) fn admit(&mut self, operation: Operation) -> Result<(), Refused> {
        self.check_stop(operation)?;
        self.operations += u64::from(operation.changes());
        self.planted_error(operation).map_or(Ok(()), |error| Err(Refused::Planted(error)))
    }

    fn check_stop(&mut self, operation: Operation) -> Result<(), Refused> {
        match self.stop {
            Stop::Never => Ok(()),
            Stop::Stopped => Err(Refused::Dead),
            Stop::After(_) if !operation.changes() => Ok(()),
            Stop::After(0) => {
                self.stop = Stop::Stopped;
                Err(Refused::CutOff)
            }
            Stop::After(left) => {
                self.stop = Stop::After(left - 1);
                Ok(())
            }
        }
    }

    fn planted_error(&mut self, operation: Operation) -> Option<io::Error> {
        let of_this_kind = |fault: &&mut Fault| fault.operation == operation;
        let mut fired = None;
        for fault in self.planted.iter_mut().filter(of_this_kind) {
            match fault.after.checked_sub(1) {
                Some(left) => fault.after = left,
                None => fired = Some(*fault),
            }
        }
        let fired = fired?;
        self.planted.retain(|fault| *fault != fired || fault.forever);
        Some(fired.error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(faults: &mut Faults, operation: Operation, count: usize) -> Vec<bool> {
        (0..count).map(|_| faults.admit(operation).is_ok()).collect()
    }

    #[test]
    fn a_fault_hits_its_operation_after_the_given_number_of_others() {
        let mut faults = Faults::default();
        faults.plant(Fault::once(Operation::Sync).after(2));
        assert_eq!(outcomes(&mut faults, Operation::Write, 4), [true; 4]);
        assert_eq!(outcomes(&mut faults, Operation::Sync, 4), [true, true, false, true]);
    }

    #[test]
    fn a_fault_forever_ends_when_healed() {
        let mut faults = Faults::default();
        faults.plant(Fault::forever(Operation::Read).after(1));
        assert_eq!(outcomes(&mut faults, Operation::Read, 4), [true, false, false, false]);
        faults.heal();
        assert_eq!(outcomes(&mut faults, Operation::Read, 2), [true; 2]);
    }

    #[test]
    fn a_stop_cuts_one_operation_off_and_kills_the_rest() {
        let mut faults = Faults::default();
        faults.stop_after(1);
        assert_eq!(outcomes(&mut faults, Operation::Read, 2), [true; 2]);
        assert!(faults.admit(Operation::Write).is_ok());
        assert!(matches!(faults.admit(Operation::Sync), Err(Refused::CutOff)));
        assert!(matches!(faults.admit(Operation::Read), Err(Refused::Dead)));
        faults.restart();
        assert!(faults.admit(Operation::Read).is_ok());
    }
}
