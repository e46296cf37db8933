//! The bytes of one simulated file: what is read, what power loss leaves, and the sectors between.
//!
//! ```text
//!   visible   │ new │ new │ old │ new │ new     after every write
//!   unsynced  │  x  │  x  │     │  x  │  +      one snapshot per write and sector, in order
//!   durable   │ old │ old │ old │ old │         after every sync
//! ```
//!
//! A snapshot holds the sector as the page cache had it after the write, so that a later version of
//! a sector always includes the earlier ones.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

use super::Random;

/// What reaches the disk whole or not at all: an aligned piece of this many bytes.
pub const SECTOR_BYTES: usize = 512;

#[derive(Default)]
pub(super) struct Content {
    durable: Vec<u8>,
    visible: Vec<u8>,
    unsynced: Vec<Snapshot>,
}

struct Snapshot {
    sector: usize,
    bytes: Vec<u8>,
    size_after: usize,
    /// A sync failed on it: no later sync takes it to the disk.
    abandoned: bool,
}

impl Content {
    /// A file of zeros, durable.
    pub(super) fn zeros(size: usize) -> Content {
        Content { durable: vec![0; size], visible: vec![0; size], unsynced: Vec::new() }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.visible.len() as u64
    }

    pub(super) fn durable_bytes(&self) -> u64 {
        self.durable.len() as u64
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.visible.len());
        let count = buffer.len().min(self.visible.len() - start);
        buffer[..count].copy_from_slice(&self.visible[start..start + count]);
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], start: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = start + bytes.len();
        self.visible.resize(self.visible.len().max(end), 0);
        self.visible[start..end].copy_from_slice(bytes);
        for sector in start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            self.unsynced.push(Snapshot {
                sector,
                bytes: self.visible[sector_range(sector, self.visible.len())].to_vec(),
                size_after: self.visible.len(),
                abandoned: false,
            });
        }
    }

    /// Takes every sector written since the last sync, successful or not, to the disk.
    pub(super) fn sync(&mut self) {
        let healthy = self.unsynced.iter().filter(|snapshot| !snapshot.abandoned);
        let size = healthy.clone().map(|snapshot| snapshot.size_after).max().unwrap_or(0);
        let sectors: BTreeSet<usize> = healthy.map(|snapshot| snapshot.sector).collect();
        self.durable.resize(self.durable.len().max(size), 0);
        for sector in &sectors {
            let range = sector_range(*sector, self.durable.len());
            self.durable[range.clone()].copy_from_slice(&self.visible[range]);
        }
        self.unsynced.retain(|snapshot| !sectors.contains(&snapshot.sector));
    }

    /// What Linux does when writing back fails: the pages count as clean from now on.
    pub(super) fn fail_sync(&mut self) {
        for snapshot in &mut self.unsynced {
            snapshot.abandoned = true;
        }
    }

    /// Lets the dice choose how much of an unsynced growth and which unsynced sectors survive.
    pub(super) fn lose_power(&mut self, random: Random<'_>) {
        let growth = (self.visible.len() - self.durable.len()) as u64;
        let kept = usize::try_from(random(growth + 1)).unwrap_or(usize::MAX);
        let size = self.durable.len().saturating_add(kept).min(self.visible.len());
        self.durable.resize(self.visible.len(), 0);
        for snapshot in self.unsynced.drain(..) {
            if random(2) == 1 {
                let start = snapshot.sector * SECTOR_BYTES;
                self.durable[start..start + snapshot.bytes.len()].copy_from_slice(&snapshot.bytes);
            }
        }
        self.durable.truncate(size);
        self.visible.clone_from(&self.durable);
    }

    pub(super) fn visible(&self) -> &[u8] {
        &self.visible
    }

    pub(super) fn flip_bit(&mut self, bit_offset: u64) -> io::Result<()> {
        let byte = usize::try_from(bit_offset / 8).unwrap_or(usize::MAX);
        let mask = 1 << (bit_offset % 8);
        let Some(visible) = self.visible.get_mut(byte) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        *visible ^= mask;
        if let Some(durable) = self.durable.get_mut(byte) {
            *durable ^= mask;
        }
        Ok(())
    }
}

fn sector_range(sector: usize, size: usize) -> Range<usize> {
    let start = sector * SECTOR_BYTES;
    start..(start + SECTOR_BYTES).min(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: fn(u64) -> u64 = |bound| bound - 1;
    const NOTHING: fn(u64) -> u64 = |_| 0;

    fn written_to_zeros(size: usize, bytes: &[u8], start: usize) -> Content {
        let mut content = Content::zeros(size);
        content.write(bytes, start);
        content
    }

    #[test]
    fn a_gap_before_a_write_reads_as_zeros() {
        let mut content = written_to_zeros(1, &[7], 3);
        assert_eq!(content.visible, [0, 0, 0, 7]);
        content.lose_power(&mut ALL.clone());
        assert_eq!(content.durable, [0, 0, 0, 7]);
    }

    #[test]
    fn a_sector_survives_as_it_was_after_one_of_its_writes() {
        let mut content = written_to_zeros(2, &[1], 0);
        content.write(&[2], 1);
        // Growth, first write, second write: only the second snapshot gets to the disk.
        let mut dice = [0, 0, 1].into_iter();
        content.lose_power(&mut |_| dice.next().unwrap());
        assert_eq!(content.durable, [1, 2]);
    }

    #[test]
    fn part_of_a_growth_can_survive_without_its_bytes() {
        let mut content = written_to_zeros(0, &[9; 600], 0);
        let mut dice = [550, 0, 1].into_iter();
        content.lose_power(&mut |_| dice.next().unwrap());
        assert_eq!(content.durable, [vec![0; 512], vec![9; 38]].concat());
    }

    #[test]
    fn a_sync_after_a_failed_one_takes_only_what_was_written_between() {
        let mut content = written_to_zeros(1024, &[1], 0);
        content.fail_sync();
        content.write(&[2], 512);
        content.sync();
        content.lose_power(&mut NOTHING.clone());
        assert_eq!((content.durable[0], content.durable[512]), (0, 2));
    }

    #[test]
    fn writing_again_after_a_failed_sync_helps() {
        for mut luck in [ALL, NOTHING] {
            let mut content = written_to_zeros(512, &[1], 0);
            content.fail_sync();
            content.write(&[2], 0);
            content.sync();
            content.lose_power(&mut luck);
            assert_eq!(content.durable[0], 2);
        }
    }
}
