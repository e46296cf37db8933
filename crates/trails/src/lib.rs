//! What to record and where to send it: trails, the rules by which a trail takes an event, and the
//! durable registry that publishes immutable snapshots of them.
//!
//! A [`TrailSet`] is a value. A journal segment carries the one that its events were recorded
//! under, so that routing is a function of the segment alone. This crate reads no clock and draws no
//! random numbers.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arn;
pub mod channel;
mod check_advanced;
mod check_basic;
mod clause;
pub mod definitions;
pub mod event_selectors;
pub mod explain;
pub mod facts;
pub mod field;
pub mod invalid_selector;
pub mod registry;
pub mod rules;
pub mod selection;
pub mod selector;
pub mod trail;
pub mod trail_set;
mod values;

pub use channel::{Channel, ChannelDestination};
pub use definitions::{
    AggregationConfiguration, Definitions, InsightSelector, LogGroup, LoggingTimes, Origin, Tag,
    TrailDefinition,
};
pub use event_selectors::{DataResource, EventSelector, EventSelectors, ReadWriteType};
pub use facts::Facts;
pub use field::{Field, Operator};
pub use invalid_selector::InvalidSelector;
pub use registry::{Changes, Registry, RegistryError};
pub use rules::Rules;
pub use selection::{Picker, Selection};
pub use selector::{AdvancedEventSelector, FieldSelector};
pub use trail::{InvalidTrail, Trail};
pub use trail_set::{Organization, TrailSet};
