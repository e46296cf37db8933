//! What the tests stand on.

pub mod bucket;
pub mod cairn;
pub mod configuration;
pub mod conservation;
pub mod filing;
pub mod generated;
pub mod http;
pub mod inside;
pub mod key;
pub mod localstack;
pub mod metrics;
pub mod namespace;
pub mod process;
pub mod proxy;
pub mod records;
pub mod signer;
pub mod wait;
