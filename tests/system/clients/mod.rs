//! Unmodified clients of CloudTrail's API against a daemon on LocalStack: boto3 and the aws command
//! line (their programs are in `tests/clients`), moto's own tests, and AWS's SDK for Rust.

mod moto;
pub mod python;
mod sdk;
mod sdk_lookup;
mod suites;
