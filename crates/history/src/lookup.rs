//! Lookups: which rows are asked for, and the pages of them, newest first.

use bytes::Bytes;
use model::Timestamp;

use crate::key::Attribute;
use crate::position::Position;
use crate::scope::{Scope, ScopeFilter};

/// Which rows are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Of these scopes.
    pub scopes: ScopeFilter,
    /// With all of these values, exactly.
    pub attributes: Vec<(Attribute, String)>,
    /// Not older than this.
    pub from: Timestamp,
    /// Not newer than this.
    pub to: Timestamp,
    /// Older than this one, which the page before ended with.
    pub after: Option<Position>,
    /// So many at most.
    pub limit: usize,
}

/// A row that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it stands.
    pub position: Position,
    /// Whose it is.
    pub scope: Scope,
    /// The record's bytes.
    pub record: Bytes,
}

/// Rows, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Found>,
    /// What the next page begins behind; `None` when there is none.
    pub next: Option<Position>,
}

impl From<crate::row::Row> for Found {
    fn from(row: crate::row::Row) -> Found {
        Found { position: row.position, scope: row.scope, record: row.record }
    }
}
