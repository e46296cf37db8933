//! The operations, called as a client would, on a site in memory.
#![allow(clippy::unwrap_used)]

mod channels;
mod event_configuration;
mod event_selectors;
mod insight_selectors;
mod isolation;
mod logging;
mod organization;
mod records;
mod resource_policies;
mod table;
mod tags;
mod wire;
mod world;
