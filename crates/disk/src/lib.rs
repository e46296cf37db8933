//! Files that survive power loss.
//!
//! The idea: everything Cairn promises rests on a few statements about files ("after `sync` the
//! bytes are there whatever happens"). [`Disk`] and [`File`] write those statements down as a
//! numbered contract. [`RealDisk`] keeps it with a directory; [`SimulatedDisk`] keeps no more than
//! it: power loss tears unsynced writes sector by sector and forgets unsynced names, so that code
//! which assumes more than the contract fails in a test.
//!
//! ```text
//!   journal   registry   spools
//!      │          │         │
//!      │       replace    Spool          whole small files; parked payloads
//!      ▼          ▼         ▼
//!           Disk and File                the contract
//!        ┌────────┴────────┐
//!     RealDisk       SimulatedDisk       a locked directory; memory, faults, power loss
//! ```
//!
//! Sizes and offsets are bytes. Nothing here reads a clock or draws a random number: the simulated
//! disk is given its dice by the test.
//!
//! What fails: every operation can return an [`std::io::Error`]; those of [`RealDisk`] name the
//! file. A disk that is full says `StorageFull` (`QuotaExceeded` where a quota ends first).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod contents;
mod contract;
pub mod document;
mod path;
mod real;
pub mod simulated;
pub mod spool;

pub use contents::{read, replace};
pub use contract::{Disk, File};
pub use real::RealDisk;
pub use simulated::SimulatedDisk;
pub use spool::{ItemId, LaneStatus, Spool, SpoolError};
