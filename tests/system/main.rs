//! The whole system as its users meet it: the real `cairn` process, a real LocalStack, real records.
//!
//! S3 and SQS are read directly and never through Cairn, and what should be there is worked out
//! here by rules of this suite's own (see `support::filing` and `support::bucket`).
//!
//! | variable | what it does |
//! | --- | --- |
//! | `AWS_ENDPOINT_URL` | where LocalStack is; default `http://127.0.0.1:4566` |
//! | `CAIRN_CORPUS` | a folder of `*.jsonl` with real records, sent beside the generated ones |
//! | `CAIRN_BINARY` | the `cairn` to test, instead of the one that Cargo built |
//! | `CAIRN_SKIP_LOCALSTACK=1` | leaves out what needs LocalStack, and says so |
//! | `CAIRN_SKIP_NAMESPACES=1` | leaves out what needs unprivileged namespaces, and says so |
#![allow(clippy::unwrap_used)] // a test that panics has failed

mod accounts;
mod api_changes;
mod auth;
mod bulk;
mod checks;
mod clients;
mod commands;
mod consume;
mod corpus;
#[path = "../simulation/dice.rs"]
mod dice;
mod digest_keys;
mod duplicates;
mod faults;
mod import;
mod integrity;
mod log_groups;
mod lookup;
mod missing_bucket;
mod notices;
mod overload;
mod prove;
mod put_audit_events;
#[cfg(feature = "sql")]
mod query;
mod routing;
mod salvage;
mod support;
mod tail;
mod torture;
mod trail_changes;
mod trail_status;
mod validate;
