//! Events live: told to whoever watches, as they are recorded.
//!
//! ```text
//! journal ─ committed ─► Hub: inbox ─ distribute ─► filter ─► queue ─► Tail, a reader
//!            (a lock, and no more when nobody watches)     └─► filter ─► queue ─► Tail, another
//! ```
//!
//! The journal hands over what it committed and goes on: events are compared with filters elsewhere,
//! by whoever calls [`Hub::distribute`]. A queue is bounded. What has no room in it is counted, and its
//! reader is told, between the events before and those after, how many it missed and when they happened;
//! the history has them. The inbox is bounded as well, and what it loses is told in the same way.
//!
//! Nothing here is async, reads a clock or knows the network: readers are woken as any future is.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod field;
pub mod filter;
pub mod hub;
pub mod line;
pub mod pattern;
pub mod place;
pub mod queue;
pub mod term;

pub use filter::{Filter, InvalidFilter, Ready, Scope};
pub use hub::{Group, Hub, Limits, NoPlace, Report, Seat};
pub use line::Subject;
pub use place::Place;
pub use queue::{Item, Missed, Tail};
pub use term::Term;
