//! What an operation knows.

use std::collections::BTreeMap;

use keyring::PublishedKey;
use model::{Timestamp, TrailArn};
use trails::Definitions;
use uuid::Uuid;

use crate::caller::Caller;
use crate::site::TrailStatus;

/// What an operation knows besides its input.
pub struct Context<'a> {
    /// Who calls, and where.
    pub caller: &'a Caller,
    /// What is defined.
    pub definitions: &'a Definitions,
    /// How a trail's deliveries fare.
    pub status: &'a dyn Fn(&TrailArn) -> TrailStatus,
    /// The keys of the caller's Region that are valid at some moment from one to the other.
    pub public_keys: &'a dyn Fn(Timestamp, Timestamp) -> Vec<PublishedKey>,
    /// When the call came.
    pub now: Timestamp,
    /// Drawn for this call: the id of what it makes.
    pub id: Uuid,
    /// What is allowed.
    pub quotas: &'a Quotas,
    /// The ARNs of KMS keys, by what the call names them; empty before the checks outside.
    pub keys: &'a BTreeMap<String, String>,
}

/// How much an account may have. The defaults are AWS's, but for the rate: AWS's of one change a second
/// (AWS CloudTrail User Guide, "Quotas in AWS CloudTrail") slows scripts without need here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Trails in a Region; a multi-Region trail counts in each.
    pub trails_per_region: usize,
    /// Channels in a Region.
    pub channels: usize,
    /// Tags on one resource.
    pub tags: usize,
    /// Changes a second; ten times as many at once.
    pub changes_per_second: u32,
    /// Lookups a second in a Region, and as many at once; 0 is as many as come. AWS has 2.
    pub lookups_per_second: u32,
}

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas {
            trails_per_region: 5,
            channels: 25,
            tags: 50,
            changes_per_second: 10,
            lookups_per_second: 0,
        }
    }
}
