//! The operations, called as a client would, on a site in memory.
#![allow(clippy::unwrap_used)]

mod accounts;
mod administrators;
mod bodies;
mod channels;
mod create;
mod delete;
mod describe;
mod driver;
mod event_configuration;
mod event_selectors;
mod insight_selectors;
mod isolation;
mod list;
mod log_groups;
mod logging;
mod lookup_events;
mod organization;
mod policies;
mod public_keys;
mod records;
mod resource_policies;
mod shadows;
mod status;
mod table;
mod tags;
mod update;
mod wire;
mod world;

/// An account and a Region for tests that need no other.
const ACCOUNT: &str = "111111111111";
const REGION: &str = "eu-west-1";
