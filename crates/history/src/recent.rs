//! The run in memory: the rows of one batch, from their commit until they are in a file.

use std::collections::{BTreeMap, HashMap};

use crate::key::Key;
use crate::position::Position;
use crate::row::Row;
use crate::scope::{Scope, ScopeFilter};

/// Rows of one batch.
#[derive(Debug, Default)]
pub struct Recent {
    rows: HashMap<Position, Row>,
    keys: HashMap<Scope, HashMap<Key, BTreeMap<Position, ()>>>,
}

impl Recent {
    /// Takes a row.
    pub fn insert(&mut self, row: Row) {
        let of_scope = self.keys.entry(row.scope.clone()).or_default();
        for key in row.keys() {
            of_scope.entry(key).or_default().insert(row.position, ());
        }
        self.rows.insert(row.position, row);
    }

    /// Rows that are filed under a key, newest first, from `to` and older than `after`.
    pub fn newest_first(
        &self,
        key: Key,
        scopes: &ScopeFilter,
        before: Position,
    ) -> impl Iterator<Item = &Row> {
        let of_scopes = self.keys.iter().filter(|(scope, _)| scopes.includes(scope));
        let mut found: Vec<Position> = of_scopes
            .filter_map(|(_, keys)| keys.get(&key))
            .flat_map(|positions| positions.range(..before).map(|(position, ())| *position))
            .collect();
        found.sort_unstable_by(|one, two| two.cmp(one));
        found.into_iter().map(|position| &self.rows[&position])
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }
}
