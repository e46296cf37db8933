//! The run in memory: the rows of one batch, from their commit until they are in a file.
//!
//! Rows stay as they arrived; a value's rows are kept in order, so that a lookup takes the newest of
//! them and stops. A row costs about 200 bytes beside its record, which is shared with whoever else
//! holds it.

use std::cmp::Reverse;
use std::collections::HashMap;

use bytes::Bytes;

use crate::index::IndexError;
use crate::key::Key;
use crate::lists::{All, Any, List, Place};
use crate::lookup::Found;
use crate::position::Position;
use crate::row::Row;
use crate::scope::{Scope, ScopeFilter};

/// Rows in one part of a list. A row that comes out of order moves no more than these.
const PART_ROWS: usize = 512;

/// Rows of one batch.
#[derive(Debug, Default)]
pub struct Recent {
    /// As they arrived; they are numbered by that.
    rows: Vec<Stored>,
    scopes: Vec<Scope>,
    numbers: HashMap<Scope, u32>,
    keys: HashMap<(u32, Key), Postings>,
}

#[derive(Debug)]
struct Stored {
    position: Position,
    scope: u32,
    record: Bytes,
}

/// The numbers of rows.
#[derive(Debug)]
enum Postings {
    /// Most values have one row.
    One(u32),
    Many(Box<Ordered>),
}

/// Numbers of rows by position, oldest first, in parts, none of which is empty.
#[derive(Debug)]
struct Ordered(Vec<Vec<u32>>);

/// A row in memory.
#[derive(Clone, Copy, Debug)]
pub struct RecentRow<'a> {
    /// Where it stands.
    pub position: Position,
    /// Whose it is.
    pub scope: &'a Scope,
    /// The record's bytes.
    pub record: &'a Bytes,
}

impl RecentRow<'_> {
    /// As lookups answer it.
    #[must_use]
    pub fn to_found(self) -> Found {
        let (scope, record) = (self.scope.clone(), self.record.clone());
        Found { position: self.position, scope, record }
    }
}

impl Recent {
    /// Takes a row; one that it has is as good.
    pub fn insert(&mut self, row: Row) {
        let keys = row.keys();
        self.insert_under(row, &keys);
    }

    /// Takes a row whose keys ([`Row::keys`]) were made before: that takes longer than this, and needs
    /// no lock.
    pub fn insert_under(&mut self, row: Row, keys: &[Key]) {
        let Row { position, scope, record } = row;
        let next = u32::try_from(self.scopes.len()).expect("fewer scopes than rows");
        let scope = *self.numbers.entry(scope).or_insert_with_key(|scope| {
            self.scopes.push(scope.clone());
            next
        });
        let number = u32::try_from(self.rows.len()).expect("a batch holds fewer than 2^32 rows");
        let here = Spot { position: Reverse(position), number: 0 };
        let same = self.keys.get(&(scope, Key::ALL)).and_then(|all| all.from(here, &self.rows));
        if same.is_some_and(|same| same.position == here.position) {
            return;
        }
        self.rows.push(Stored { position, scope, record });
        for key in keys {
            let rows = &self.rows;
            let put = |postings: &mut Postings| postings.insert(number, rows);
            self.keys.entry((scope, *key)).and_modify(put).or_insert(Postings::One(number));
        }
    }

    /// Rows older than `before` that are filed under all of these keys, newest first. There may be
    /// others among them: who needs to be sure compares the rows.
    pub fn newest_first(
        &self,
        keys: &[Key],
        scopes: &ScopeFilter,
        before: Position,
    ) -> impl Iterator<Item = RecentRow<'_>> + use<'_> {
        let from = Spot { position: Reverse(before), number: u32::MAX };
        let meant: Vec<u32> = (0..)
            .zip(&self.scopes)
            .filter(|(_, scope)| scopes.includes(scope))
            .map(|(number, _)| number)
            .collect();
        let any = |key: &Key| {
            let of_scope = |scope: &u32| self.keys.get(&(*scope, *key));
            let lists = meant.iter().filter_map(of_scope);
            let lists = lists.map(|postings| Newest { postings, rows: &self.rows });
            Any::new(lists.collect(), from)
        };
        // Every row has the key of all; it only matters alone.
        let telling = keys.iter().filter(|key| **key != Key::ALL);
        let mut lists: Vec<_> = telling.map(any).collect();
        if lists.is_empty() {
            lists.push(any(&Key::ALL));
        }
        All::new(lists, from).map(|spot| self.row(spot.expect("memory does not fail").number))
    }

    /// All rows, as they arrived.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = RecentRow<'_>> {
        (0..self.rows.len()).map(|number| self.row(u32::try_from(number).expect("it has a number")))
    }

    fn row(&self, number: u32) -> RecentRow<'_> {
        let Stored { position, scope, record } = &self.rows[number as usize];
        RecentRow { position: *position, scope: &self.scopes[*scope as usize], record }
    }
}

impl Postings {
    fn insert(&mut self, number: u32, rows: &[Stored]) {
        match self {
            Postings::One(one) => {
                let mut both = vec![*one, number];
                both.sort_unstable_by_key(|number| rows[*number as usize].position);
                *self = Postings::Many(Box::new(Ordered(vec![both])));
            }
            Postings::Many(ordered) => ordered.insert(number, rows),
        }
    }

    /// The newest row from a spot on, towards the older ones.
    fn from(&self, from: Spot, rows: &[Stored]) -> Option<Spot> {
        let spot = |number: &u32| Spot {
            position: Reverse(rows[*number as usize].position),
            number: *number,
        };
        let is_meant = |number: &u32| spot(number) >= from;
        let found = match self {
            Postings::One(one) => Some(one).filter(|one| is_meant(one)),
            Postings::Many(ordered) => {
                let after = ordered.0.partition_point(|part| is_meant(&part[0]));
                let part = ordered.0[..after].last()?;
                part[..part.partition_point(is_meant)].last()
            }
        };
        found.map(spot)
    }
}

impl Ordered {
    fn insert(&mut self, number: u32, rows: &[Stored]) {
        let parts = &mut self.0;
        let at = |number: &u32| rows[*number as usize].position;
        let position = at(&number);
        let after = parts.partition_point(|part| at(&part[0]) <= position).max(1);
        let part = &mut parts[after - 1];
        let place = match part.last() {
            Some(last) if at(last) > position => part.partition_point(|it| at(it) < position),
            _ => part.len(),
        };
        part.insert(place, number);
        if part.len() > PART_ROWS {
            // What arrives in order leaves full parts behind.
            let is_at_the_end = after == parts.len() && place == PART_ROWS;
            let part = &mut parts[after - 1];
            let rest = part.split_off(if is_at_the_end { PART_ROWS } else { PART_ROWS / 2 });
            part.shrink_to_fit();
            parts.insert(after, rest);
        }
    }
}

/// Where a row stands among those in memory, newest first. No two rows have one position, so that the
/// number only tells which row it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    position: Reverse<Position>,
    number: u32,
}

impl Place for Spot {
    fn following(self) -> Option<Spot> {
        Some(Spot { number: self.number.checked_add(1)?, ..self })
    }
}

/// Rows of one scope and key.
struct Newest<'a> {
    postings: &'a Postings,
    rows: &'a [Stored],
}

impl List for Newest<'_> {
    type Place = Spot;

    fn seek(&mut self, from: Spot) -> Result<Option<Spot>, IndexError> {
        Ok(self.postings.from(from, self.rows))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::{BatchId, Category, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::position::Sequence;

    fn position(millis: i64, index: u32) -> Position {
        let sequence = Sequence { batch: BatchId(7), index };
        Position { time: Timestamp::from_millis(millis), sequence }
    }

    fn row(position: Position, account: u64) -> Row {
        let scope = Scope {
            account: format!("{account:012}").parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            category: Category::Management,
        };
        Row { position, scope, record: Bytes::from(format!("{position:?}")) }
    }

    fn of_account(account: Option<u64>) -> ScopeFilter {
        let account = account.map(|account| [format!("{account:012}").parse().unwrap()].into());
        ScopeFilter { accounts: account, ..ScopeFilter::default() }
    }

    /// A run and its rows with their keys, the newest first.
    #[derive(Default)]
    struct Pair {
        recent: Recent,
        rows: Vec<(Row, BTreeSet<Key>)>,
    }

    impl Pair {
        fn insert(&mut self, row: Row, keys: &BTreeSet<Key>) {
            let keys: BTreeSet<Key> = keys | &[Key::ALL].into();
            self.recent.insert_under(row.clone(), &keys.iter().copied().collect::<Vec<_>>());
            self.rows.push((row, keys));
        }

        #[track_caller]
        fn check(&mut self, wanted: &[Key], scopes: &ScopeFilter, before: Position) {
            self.rows.sort_by_key(|(row, _)| Reverse(row.position));
            let is_meant = |(row, keys): &&(Row, BTreeSet<Key>)| {
                row.position < before
                    && scopes.includes(&row.scope)
                    && wanted.iter().all(|key| keys.contains(key))
            };
            let expected: Vec<Found> =
                self.rows.iter().filter(is_meant).map(|(row, _)| found(row)).collect();
            let rows = self.recent.newest_first(wanted, scopes, before);
            assert_eq!(rows.map(RecentRow::to_found).collect::<Vec<_>>(), expected);
        }
    }

    fn found(row: &Row) -> Found {
        let Row { position, scope, record } = row.clone();
        Found { position, scope, record }
    }

    proptest! {
        #[test]
        fn memory_answers_as_a_list_does(
            rows in prop::collection::btree_map((0..20i64, 0..50u32), (0..3u64, prop::collection::btree_set(1..6u64, 0..4)), 0..200),
            shuffle in any::<u64>(),
            wanted in prop::collection::vec(prop::collection::vec(0..7u64, 0..3), 1..6),
            account in prop::option::of(0..4u64),
            before in (0..21i64, 0..50u32),
        ) {
            let mut pair = Pair::default();
            let mut rows: Vec<_> = rows.into_iter().collect();
            rows.sort_by_key(|((millis, index), _)| {
                (u64::from(*index) ^ shuffle).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ millis.cast_unsigned()
            });
            for ((millis, index), (account, keys)) in rows {
                pair.insert(row(position(millis, index), account), &keys.into_iter().map(Key).collect());
            }
            for keys in wanted {
                let keys: Vec<Key> = keys.into_iter().map(Key).collect();
                pair.check(&keys, &of_account(account), position(before.0, before.1));
                pair.check(&keys, &of_account(None), position(i64::MAX, 0));
            }
        }
    }

    #[test]
    fn rows_that_come_in_any_order_are_kept_in_one() {
        // Ascending, descending, and to and fro.
        let orders: [fn(i64) -> i64; 3] = [|row| row, |row| -row, |row| (row * 7919) % 5003];
        for order in orders {
            let mut pair = Pair::default();
            for number in 0..5003 {
                let keys = if number % 3 == 0 { vec![Key(3)] } else { Vec::new() };
                pair.insert(row(position(order(number), 0), 1), &keys.into_iter().collect());
            }
            for before in [i64::MIN, -2000, 0, 1, 1700, i64::MAX] {
                pair.check(&[Key::ALL], &of_account(None), position(before, 0));
                pair.check(&[Key(3)], &of_account(Some(1)), position(before, 0));
            }
            let Postings::Many(all) = &pair.recent.keys[&(0, Key::ALL)] else { panic!("many") };
            assert!(all.0.iter().all(|part| !part.is_empty() && part.len() <= PART_ROWS));
            assert!(all.0.len() < 3 * 5003 / PART_ROWS, "{} parts", all.0.len());
        }
    }

    #[test]
    fn a_row_that_comes_twice_is_there_once() {
        let mut recent = Recent::default();
        for index in [1, 2, 1, 0, 2] {
            recent.insert(row(position(5, index), 1));
        }
        let rows = recent.newest_first(&[], &of_account(None), position(6, 0));
        let rows: Vec<u32> = rows.map(|row| row.position.sequence.index).collect();
        assert_eq!((rows, recent.rows().len()), (vec![2, 1, 0], 3));
    }
}
