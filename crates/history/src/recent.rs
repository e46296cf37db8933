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
