//! SQL over the history, and over log files anywhere: `cairn query`.
//!
//! ```text
//!   a data directory ─► manifest, journal ─┐
//!   log files in S3 or a folder ─► Parquet ├─► Held: files that are open ─► Engine ─► Answer ─► table, CSV …
//!   a folder of Parquet ───────────────────┘                      └ one table, events: CloudTrail Lake's
//! ```
//!
//! The engine is DataFusion. It runs in the process of who asks and reads what the daemon wrote: it
//! takes no turn, no lock and no memory of the daemon's.
//!
//! It is the one dependency that takes longer to build than all the rest. So all of it is in this
//! crate, and the binary has it with the feature `sql` only.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod columns;
mod engine;
mod error;
mod functions;
mod held;
mod json;
pub mod live;
pub mod log_files;
mod members;
mod parquet_file;
mod stack;
mod statement;
mod table;
pub mod value;

pub use datafusion::arrow::array::RecordBatch;
pub use datafusion::arrow::datatypes::{DataType, SchemaRef};
pub use engine::{Answer, Engine, Limits};
pub use error::QueryError;
pub use held::Held;
pub use parquet_file::ParquetFile;
pub use stack::run;
pub use table::EVENTS;
