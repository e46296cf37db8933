//! Ordered lists of places, and walks over what several of them have in common.
//!
//! ```text
//! username = alice     [ scope 1 ][ scope 7 ]   Any: a heap of lists, each sought only when its turn comes
//! readOnly = false     [ scope 1 ][ scope 7 ]   All: each list is sought from where the others stand
//! ```
//!
//! Places ascend: they are rows of a file, or rows in memory, newest first in both. Nothing is
//! collected: a walk costs what is taken from it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::index::IndexError;

/// After so many seeks without a place that is in all lists, [`All`] answers one that may not be, so
/// that whoever bounds the work of a lookup hears of it.
pub(crate) const SEEKS_MAX: u32 = 1024;

/// A place in an order.
pub(crate) trait Place: Copy + Ord {
    /// The next place that there can be.
    fn following(self) -> Option<Self>;
}

impl Place for u32 {
    fn following(self) -> Option<u32> {
        self.checked_add(1)
    }
}

/// Places in ascending order.
pub(crate) trait List {
    /// What it is a list of.
    type Place: Place;

    /// The first place that is not before `from`. Calls never go back.
    fn seek(&mut self, from: Self::Place) -> Result<Option<Self::Place>, IndexError>;

    /// A place that none of the list is before, as far as that is known without looking.
    fn first(&self) -> Option<Self::Place> {
        None
    }
}

/// The places of any of some lists.
pub(crate) struct Any<L: List> {
    lists: Vec<L>,
    /// For each list that has not ended: no place of it that is still to come is before this one, and
    /// whether it is one of its places.
    standing: BinaryHeap<Reverse<(L::Place, bool, usize)>>,
}

impl<L: List> Any<L> {
    /// From a place on.
    pub(crate) fn new(lists: Vec<L>, from: L::Place) -> Any<L> {
        let first = |list: &L| list.first().map_or(from, |first| first.max(from));
        let standing =
            lists.iter().enumerate().map(|(list, it)| Reverse((first(it), false, list))).collect();
        Any { lists, standing }
    }
}

impl<L: List> List for Any<L> {
    type Place = L::Place;

    fn seek(&mut self, from: L::Place) -> Result<Option<L::Place>, IndexError> {
        if let [only] = &mut self.lists[..] {
            return only.seek(from);
        }
        while let Some(mut top) = self.standing.peek_mut() {
            let Reverse((place, is_found, list)) = *top;
            if is_found && place >= from {
                return Ok(Some(place));
            }
            match self.lists[list].seek(place.max(from))? {
                Some(place) => *top = Reverse((place, true, list)),
                None => drop(std::collections::binary_heap::PeekMut::pop(top)),
            }
        }
        Ok(None)
    }
}

/// The places that are in all of some lists, and now and then one that may not be (see
/// [`SEEKS_MAX`]).
pub(crate) struct All<L: List> {
    lists: Vec<L>,
    from: Option<L::Place>,
}

impl<L: List> All<L> {
    /// From a place on. No lists have no places.
    pub(crate) fn new(lists: Vec<L>, from: L::Place) -> All<L> {
        let from = Some(from).filter(|_| !lists.is_empty());
        All { lists, from }
    }

    fn step(&mut self) -> Result<Option<L::Place>, IndexError> {
        let Some(mut place) = self.from else { return Ok(None) };
        let (mut agreeing, mut seeks) = (0, 0);
        for list in (0..self.lists.len()).cycle() {
            match self.lists[list].seek(place)? {
                None => return Ok(None),
                Some(found) if found == place => agreeing += 1,
                Some(later) => (place, agreeing) = (later, 1),
            }
            seeks += 1;
            if agreeing == self.lists.len() || seeks >= SEEKS_MAX {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

impl<L: List> Iterator for All<L> {
    type Item = Result<L::Place, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.step();
        // An error ends the walk, as the last place does.
        self.from = found.as_ref().ok().copied().flatten().and_then(L::Place::following);
        found.transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A list that sees to it that it is never asked to go back.
    struct Numbers {
        of: BTreeSet<u32>,
        asked: u32,
        says_first: bool,
    }

    impl List for Numbers {
        type Place = u32;

        fn seek(&mut self, from: u32) -> Result<Option<u32>, IndexError> {
            assert!(from >= self.asked, "{from} is behind {}", self.asked);
            self.asked = from;
            Ok(self.of.range(from..).next().copied())
        }

        fn first(&self) -> Option<u32> {
            self.of.first().copied().filter(|_| self.says_first)
        }
    }

    fn any(sets: &[BTreeSet<u32>], from: u32) -> Any<Numbers> {
        let list = |(number, of): (usize, &BTreeSet<u32>)| Numbers {
            of: of.clone(),
            asked: 0,
            says_first: number % 2 == 0,
        };
        Any::new(sets.iter().enumerate().map(list).collect(), from)
    }

    fn union(sets: &[BTreeSet<u32>]) -> BTreeSet<u32> {
        sets.iter().flatten().copied().collect()
    }

    proptest! {
        #[test]
        fn a_walk_meets_what_all_have_that_any_of_theirs_has(
            sets in prop::collection::vec(
                prop::collection::vec(prop::collection::btree_set(0..60u32, 0..30), 0..5),
                1..4,
            ),
            from in 0..70u32,
        ) {
            let lists = sets.iter().map(|sets| any(sets, from)).collect();
            let found: Vec<u32> = All::new(lists, from).map(Result::unwrap).collect();
            let common = sets.iter().map(|sets| union(sets)).reduce(|one, two| &one & &two);
            let expected: Vec<u32> = common.unwrap().range(from..).copied().collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn no_lists_have_nothing_in_common() {
        assert_eq!(All::<Any<Numbers>>::new(Vec::new(), 0).count(), 0);
    }

    #[test]
    fn a_list_is_not_asked_before_its_turn() {
        let sets = [[5].into(), [1000, 2000].into()];
        let mut any = any(&sets, 0);
        // The first says where it begins, the second doesn't and has to be asked; then both stand.
        assert_eq!(any.seek(0).unwrap(), Some(5));
        assert_eq!(any.seek(6).unwrap(), Some(1000));
        assert_eq!(any.lists[1].asked, 0, "where it stood was far enough");
        assert_eq!(any.seek(1001).unwrap(), Some(2000));
        assert_eq!(any.seek(2001).unwrap(), None);
    }

    #[test]
    fn the_last_place_of_all_ends_a_walk() {
        let sets = [[3, u32::MAX].into()];
        let found = All::new(vec![any(&sets, 0)], 0).map(Result::unwrap);
        assert_eq!(found.collect::<Vec<u32>>(), [3, u32::MAX]);
    }
}
