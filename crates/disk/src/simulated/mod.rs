//! A disk in memory that keeps the contract of [`crate::Disk`] and nothing beyond it.
//!
//! The idea: two images of everything. What the process sees changes at once; what power loss
//! leaves changes at a sync. Between the two stands the list of unsynced changes, and
//! [`SimulatedDisk::lose_power`] throws dice over it.
//!
//! ```text
//!   write ──► visible bytes   ── sync ───────────► durable bytes     one pair per file
//!   rename ─► visible names   ── sync_directory ─► durable names     one pair per disk
//!                  └── lose_power: some of the unsynced changes ──┘
//! ```
//!
//! It also plays the other accidents: [`SimulatedDisk::crash_process`] (kill -9),
//! [`SimulatedDisk::stop_after`] (an accident in the middle of an operation),
//! [`SimulatedDisk::fail`] (see [`Fault`]), [`SimulatedDisk::set_capacity`] (a full disk) and
//! [`SimulatedDisk::flip_bit`] (rot).
//!
//! What always holds: after a crash no handle from before it reads or writes; the same calls with
//! the same dice give the same result, since the disk itself draws nothing.
//!
//! What it does not play: sectors that cannot be read after power loss, and bytes the drive said
//! it had written and had not.

mod content;
mod disk;
mod fault;
mod names;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

pub use content::SECTOR_BYTES;
pub use fault::{Fault, Operation};

use content::Content;
use fault::{Faults, Refused};
use names::Names;

/// Dice: called with n it answers a number from 0 to n - 1; n is never 0.
pub type Random<'a> = &'a mut dyn FnMut(u64) -> u64;

/// The simulated disk. A clone is another handle to the same disk. See the module header.
#[derive(Clone)]
pub struct SimulatedDisk {
    machine: Arc<Mutex<Machine>>,
    /// The boot this handle dies with; `None` for one that outlives crashes.
    boot: Option<u64>,
}

#[derive(Default)]
struct Machine {
    names: Names,
    faults: Faults,
    capacity_bytes: Option<u64>,
    /// Goes up with each crash; a handle of an earlier boot is dead.
    boot: u64,
}

impl SimulatedDisk {
    /// An empty disk without faults and without a bound.
    pub fn new() -> SimulatedDisk {
        SimulatedDisk { machine: Arc::default(), boot: None }
    }

    /// A handle to the same disk that dies, like an open file, in the next crash: give it to the
    /// code under test when some of it may still run afterwards.
    pub fn process(&self) -> SimulatedDisk {
        let boot = Some(self.lock().boot);
        SimulatedDisk { machine: Arc::clone(&self.machine), boot }
    }

    /// The power fails and returns. Of each file's unsynced sectors and of each directory's
    /// unsynced operations the dice say which got to the disk (contract, 4 and 7). Handles from
    /// before are dead; planted faults stay.
    pub fn lose_power(&self, random: Random<'_>) {
        let mut machine = self.lock();
        machine.names.lose_power(random);
        machine.restart();
    }

    /// The process ends as by kill -9: nothing written is lost. Handles from before are dead;
    /// planted faults stay.
    pub fn crash_process(&self) {
        self.lock().restart();
    }

    /// Lets `operations` more changing operations happen (all but reads, opens and lists), cuts
    /// the next one off and fails everything after it, until `lose_power` or `crash_process`. A
    /// creation cut off leaves a file of half its size, a write writes its first half, any other
    /// operation does not happen.
    pub fn stop_after(&self, operations: u64) {
        self.lock().faults.stop_after(operations);
    }

    /// Plants a fault beside those planted before.
    pub fn fail(&self, fault: Fault) {
        self.lock().faults.plant(fault);
    }

    /// Takes all planted faults away. What they did stays done.
    pub fn heal(&self) {
        self.lock().faults.heal();
    }

    /// Bounds the visible sizes of all files together; what would exceed it is `StorageFull`.
    pub fn set_capacity(&self, capacity_bytes: u64) {
        self.lock().capacity_bytes = Some(capacity_bytes);
    }

    /// Flips one bit of the file, on the disk and in what is read: rot. `bit_offset` counts from
    /// the lowest bit of the first byte.
    pub fn flip_bit(&self, path: &str, bit_offset: u64) -> io::Result<()> {
        let machine = self.lock();
        let content = machine.names.find(path)?;
        lock(&content).flip_bit(bit_offset)
    }

    /// What reading the file would give, whatever faults are planted: for who watches from outside.
    pub fn peek(&self, path: &str) -> io::Result<Vec<u8>> {
        let machine = self.lock();
        let content = machine.names.find(path)?;
        Ok(lock(&content).visible().to_vec())
    }

    /// The changing operations attempted so far, failed ones included.
    pub fn operations(&self) -> u64 {
        self.lock().faults.operations()
    }

    /// The bytes of all files with a durable name that power loss could not take.
    pub fn durable_bytes(&self) -> u64 {
        self.lock().names.durable_bytes()
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        lock(&self.machine)
    }
}

impl Machine {
    fn restart(&mut self) {
        self.boot += 1;
        self.faults.restart();
    }

    /// Whether a handle of `boot` may do `operation` now.
    fn admit(&mut self, boot: Option<u64>, operation: Operation) -> Result<(), Refused> {
        if boot.is_some_and(|boot| boot != self.boot) {
            return Err(Refused::Dead);
        }
        self.faults.admit(operation)
    }

    fn check_space(&self, more_bytes: u64) -> io::Result<()> {
        let Some(capacity_bytes) = self.capacity_bytes else { return Ok(()) };
        if more_bytes > 0 && self.names.visible_bytes() + more_bytes > capacity_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl Default for SimulatedDisk {
    fn default() -> SimulatedDisk {
        SimulatedDisk::new()
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimulatedDisk").field("boot", &self.boot).finish_non_exhaustive()
    }
}

/// A file's bytes, shared by its names and handles. The machine is locked first, always.
type SharedContent = Arc<Mutex<Content>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics holding the simulated disk, unless the test's dice do")
}
