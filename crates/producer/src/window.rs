//! The window of identities by which a retry is told from a new event.
//!
//! Bounded: two generations of at most half the window each; when the younger is full, the older is
//! dropped. So at least the newest `events_max / 2` events and at most `events_max` are known, in
//! about 36 bytes each. An `events_max` of 0 knows none.
//!
//! Nothing beside the journal remembers identities while a segment lives. When it is retired, its
//! identities stay behind in a small file that is a function of the segment, so the two cannot
//! disagree:
//!
//! ```text
//! 0  magic `CAIRNIDS`
//! 8  format version, u32 LE: 1
//! 12 CRC-32 over the rest, u32 LE
//! 16 identities, 16 bytes each
//! ```

use std::collections::HashSet;
use std::io;

use disk::Disk;
use model::{BatchId, Identity};

use crate::segment::Damage;

const MAGIC: &[u8; 8] = b"CAIRNIDS";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 16;

/// The identities of the newest events.
#[derive(Debug)]
pub struct Window {
    young: HashSet<Identity>,
    old: HashSet<Identity>,
    events_max: usize,
}

impl Window {
    /// An empty window.
    #[must_use]
    pub fn new(events_max: usize) -> Window {
        Window { young: HashSet::new(), old: HashSet::new(), events_max }
    }

    /// Whether an event is known.
    #[must_use]
    pub fn contains(&self, identity: Identity) -> bool {
        self.young.contains(&identity) || self.old.contains(&identity)
    }

    /// Remembers an event. A start may find one twice: in a segment and in its stored identities.
    pub fn insert(&mut self, identity: Identity) {
        let half = self.events_max / 2;
        if half == 0 || self.young.contains(&identity) {
            return;
        }
        if self.young.len() >= half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(identity);
    }

    /// How many events it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The file that keeps a retired batch's identities.
#[must_use]
pub fn path(batch: BatchId) -> String {
    format!("{}/{batch}.ids", crate::DIRECTORY)
}

/// Writes a batch's identities; durable when it returns.
pub fn store(disk: &dyn Disk, batch: BatchId, identities: &[Identity]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + identities.len() * 16);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    identities.iter().for_each(|identity| bytes.extend_from_slice(&identity.0));
    let crc = crc32fast::hash(&bytes[HEADER_BYTES..]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    disk::replace(disk, &path(batch), &bytes)
}

/// Reads a batch's identities.
pub fn load(disk: &dyn Disk, batch: BatchId) -> io::Result<Result<Vec<Identity>, Damage>> {
    let file = path(batch);
    let bytes = disk::read(disk, &file)?;
    let damage = |reason: &str| Damage { file: file.clone(), offset: 0, reason: reason.into() };
    let is_ours = bytes.len() >= HEADER_BYTES
        && &bytes[..8] == MAGIC
        && bytes[8..12] == FORMAT.to_le_bytes()
        && bytes.len() % 16 == 0;
    if !is_ours {
        return Ok(Err(damage("not a file of identities of this version")));
    }
    if crc32fast::hash(&bytes[HEADER_BYTES..]).to_le_bytes() != bytes[12..16] {
        return Ok(Err(damage("its checksum does not match")));
    }
    let identities = bytes[HEADER_BYTES..].chunks_exact(16);
    Ok(Ok(identities.map(|id| Identity(id.try_into().expect("chunks of 16"))).collect()))
}

#[cfg(test)]
mod tests {
    use disk::SimulatedDisk;

    use super::*;

    fn identity(number: u32) -> Identity {
        Identity::of(&[&number.to_le_bytes()])
    }

    #[test]
    fn the_newest_half_is_always_known_and_the_bound_is_kept() {
        let mut window = Window::new(100);
        for number in 0..1000 {
            window.insert(identity(number));
            assert!(window.len() <= 100);
            for recent in number.saturating_sub(49)..=number {
                assert!(window.contains(identity(recent)), "{recent} after {number}");
            }
        }
        assert!(!window.contains(identity(800)));
    }

    #[test]
    fn identities_come_back_from_their_file_and_damage_is_told() {
        let disk = SimulatedDisk::default();
        disk.create_directory(crate::DIRECTORY).unwrap();
        let identities: Vec<Identity> = (0..5).map(identity).collect();
        store(&disk, BatchId(4), &identities).unwrap();
        assert_eq!(load(&disk, BatchId(4)).unwrap().unwrap(), identities);
        disk.flip_bit(&path(BatchId(4)), 8 * 40).unwrap();
        assert!(load(&disk, BatchId(4)).unwrap().is_err());
    }
}
