//! The `cairn` binary as a library: reads the configuration, wires the stages, supervises them, and
//! the command line. System tests start it from here.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod account;
pub mod advice;
pub mod api_site;
pub mod aws;
pub mod checks;
pub mod cli;
pub mod config;
pub mod consume;
pub mod digest_keys;
pub mod doctor;
pub mod export;
pub mod health;
pub mod http;
pub mod http_client;
pub mod import;
mod interrupt;
mod json_out;
pub mod ledger;
pub mod logging;
pub mod lookup;
pub mod metrics;
pub mod parts;
pub mod pipeline;
pub mod prove;
pub mod put;
pub mod query;
pub mod reads;
pub mod registrar;
pub mod roster;
pub mod salvage;
pub mod serve;
pub mod serve_command;
pub mod set_up;
pub mod signing;
pub mod status;
pub mod tail_command;
pub mod trail_explain;
mod unpack;
pub mod validate;
