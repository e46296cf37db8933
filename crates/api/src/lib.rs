//! CloudTrail's own API, as the aws CLI, the SDKs and Terraform speak it: AWS JSON 1.1.
//!
//! ```text
//! Request ─► operation (by name, from a plain table) ─► input, typed
//!   a read:    answer = f(caller, input, definitions, status)
//!   a lookup:  query  = f(caller, input, definitions);  answer = pages of the history
//!   a change:  plan   = f(caller, input, definitions)      on the definitions in force, without a lock
//!              checks outside: S3, KMS, SNS, Logs
//!              plan   = f(caller, input, definitions)      again, while nothing else changes them
//!              record the call ─► store the definitions ─► in force ─► answer
//! ```
//!
//! Operations are pure functions: what they know comes in through a [`Context`], what they want comes
//! out as a [`Plan`]. The world outside is a [`Site`].
//!
//! What always holds:
//! - Every call is recorded as an event of `cloudtrail.amazonaws.com` in the caller's account.
//! - A change is recorded before it comes into force, under the trails before it: a trail that falls
//!   silent still gets the event that silenced it. What can't be recorded is not changed.
//! - A call that the caller's policies do not allow is refused, and recorded without its parameters.
//! - No account changes or looks up things faster than the rates that all have.
//! - A caller acts in one account and one Region. Of others' it learns nothing.
//!
//! Source: AWS CloudTrail API Reference.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod authorize;
pub mod caller;
pub mod context;
mod event_context;
pub mod exception;
pub mod lookup;
pub mod names;
pub mod operation;
pub mod operations;
pub mod record;
mod resource_arn;
pub mod sight;
pub mod site;
mod throttle;
mod token;
pub mod wire;

pub use api::Api;
pub use caller::Caller;
pub use context::{Context, Quotas};
pub use exception::Exception;
pub use lookup::Lookup;
pub use operation::{Check, Plan};
pub use site::{Change, Problem, Site, TrailStatus};
pub use wire::{Answer, Request};
