//! The operations, called as a client would, on a site in memory.
#![allow(clippy::unwrap_used)]

mod logging;
mod world;
