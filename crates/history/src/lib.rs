//! Event history: events kept beyond their log files' delivery, and looked up by what they are about.
//!
//! ```text
//! a commit of the journal ─► Recent: rows in memory ──────────────┐
//! a sealed batch ─► a file (durable before the batch is retired) ─┤
//!                     └─ merged into bigger ones, by day ─────────┴─► Lookup: newest first, by page
//! ```
//!
//! A row is in one *run*: the memory of its batch, or one file. Runs are told apart by a manifest that
//! changes as a whole, so that a row is never seen twice or not at all. A file is Parquet, for any
//! engine, and beside it an index that says for a value of an attribute which rows have it, newest
//! first; the index can be made again from the file.
//!
//! All positions are one order: by time, then by batch, then by the place in the batch. It never
//! changes for a row, so that a page that begins behind a position is right whatever arrived since.
//!
//! Nothing here is async, reads a clock or knows the network; calls may wait for the disk.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod blocks;
pub mod calendar;
mod columns;
pub mod file;
pub mod history;
pub mod import;
pub mod index;
pub mod key;
mod lists;
pub mod lookup;
pub mod manifest;
mod merge;
pub mod pages;
pub mod plan;
pub mod position;
pub mod recent;
pub mod resources;
pub mod retention;
pub mod row;
mod runs;
pub mod schema;
pub mod scope;
pub mod summary;
mod table;
pub mod token;

pub use blocks::Tail;
pub use calendar::Moment;
pub use file::{FileId, FileInfo, HistoryFile};
pub use history::{History, HistoryError, Report, Settings, Whole};
pub use import::{Arrival, Imported};
pub use index::{Index, IndexBuilder, IndexError};
pub use key::{Attribute, Key};
pub use lookup::{Found, PAGE_BYTES, Page, Query, View};
pub use merge::merge;
pub use pages::PageCache;
pub use plan::{Day, Limits};
pub use position::{Position, Sequence};
pub use recent::Recent;
pub use retention::Hold;
pub use row::Row;
pub use scope::{Scope, ScopeFilter};
pub use summary::{ResourceName, Summary};
pub use token::InvalidToken;

/// The directory of the history, in the data directory.
pub const DIRECTORY: &str = "history";
