//! Keys of rows while an index is made: sorted by key, small, in memory.
//!
//! Rows come in order, keys do not. Some hundred thousand pairs of key and row are sorted and packed
//! as they are in the index; a walk over all of these runs then gives key by key its rows, which are
//! those of the first run, of the second, and so on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::varint::{Reader, put};

/// Pairs that are sorted at once: 4 MiB.
const RUN_PAIRS: usize = 1 << 18;

/// Sorted runs of pairs of a tag (what rows are filed under) and a row.
#[derive(Default)]
pub(super) struct Runs {
    open: Vec<(u64, u32)>,
    runs: Vec<Vec<u8>>,
}

impl Runs {
    /// Rows come in ascending order.
    pub(super) fn push(&mut self, tag: u64, row: u32) {
        if self.open.len() == RUN_PAIRS {
            self.pack();
        }
        self.open.push((tag, row));
    }

    fn pack(&mut self) {
        self.open.sort_unstable();
        self.open.dedup();
        let mut run = Vec::new();
        let mut last = 0;
        for group in self.open.chunk_by(|one, two| one.0 == two.0) {
            let tag = group[0].0;
            put(&mut run, tag - last);
            put(&mut run, group.len() as u64);
            let mut before = 0;
            for (_, row) in group {
                put(&mut run, u64::from(row - before));
                before = *row;
            }
            last = tag;
        }
        run.shrink_to_fit();
        self.runs.push(run);
        self.open.clear();
    }

    /// Calls with each tag, ascending, and its rows, ascending.
    pub(super) fn each<E>(
        mut self,
        mut call: impl FnMut(u64, &[u32]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.pack();
        self.open = Vec::new();
        let mut readers: Vec<Reader<'_>> = self.runs.iter().map(|run| Reader(run)).collect();
        let mut standing = BinaryHeap::new();
        for (run, reader) in readers.iter_mut().enumerate() {
            standing.extend(next_tag(reader, 0).map(|tag| Reverse((tag, run))));
        }
        let mut rows = Vec::new();
        while let Some(Reverse((tag, run))) = standing.pop() {
            read_rows(&mut readers[run], &mut rows);
            standing.extend(next_tag(&mut readers[run], tag).map(|tag| Reverse((tag, run))));
            if standing.peek().is_none_or(|Reverse((next, _))| *next != tag) {
                call(tag, &rows)?;
                rows.clear();
            }
        }
        Ok(())
    }
}

fn next_tag(run: &mut Reader<'_>, last: u64) -> Option<u64> {
    (!run.0.is_empty()).then(|| last + run.number().expect("it was just written"))
}

fn read_rows(run: &mut Reader<'_>, rows: &mut Vec<u32>) {
    let count = run.number().expect("it was just written");
    let mut before = 0;
    for _ in 0..count {
        before += run.small().expect("it was just written");
        // A row whose pairs fell into two runs may have its tag in both.
        if rows.last() != Some(&before) {
            rows.push(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn every_pair_comes_back_once_in_order() {
        let mut runs = Runs::default();
        let mut expected: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
        let rows = u32::try_from(RUN_PAIRS / 2).unwrap();
        for row in 0..rows {
            // The same tag twice in a row, and tags at both ends.
            for tag in [0, u64::from(row % 7), u64::MAX - u64::from(row), 0, u64::MAX] {
                runs.push(tag, row);
                expected.entry(tag).or_default().insert(row);
            }
        }
        assert!(runs.runs.len() > 1, "it is about several runs");
        let mut expected = expected.into_iter();
        let check = |tag: u64, rows: &[u32]| {
            let (next, of_it) = expected.next().unwrap();
            assert_eq!(tag, next);
            assert!(rows.iter().eq(&of_it), "{tag}");
            Ok::<(), Infallible>(())
        };
        runs.each(check).unwrap();
        assert_eq!(expected.next(), None);
    }
}
