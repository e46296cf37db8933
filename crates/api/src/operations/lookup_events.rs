//! LookupEvents: the events of an account in a Region, newest first, in pages.
//!
//! Beyond AWS, there are members that ordinary clients do not send:
//!
//! | member | what it asks for |
//! | --- | --- |
//! | `AccountIds` | events of these accounts of the organization, or of `["ALL"]`; only for its management account and delegated administrators |
//! | `Regions` | events of these Regions, or of `["ALL"]` |
//! | `EventCategories` | events of these categories (`Management`, `Data`, `Insight`, …), or of `["ALL"]`, as far as they are kept |
//! | `MatchAll` | `true`: `LookupAttributes` may be up to ten, and events have all of them |
//! | `MaxResults` | with any of the members above, up to 1,000 |
//!
//! Source: AWS CloudTrail API Reference, "LookupEvents".

use model::Timestamp;
use serde::Deserialize;

use crate::wire::time;

/// The input of LookupEvents.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(dead_code)]
pub(crate) struct LookupEvents {
    lookup_attributes: Vec<LookupAttribute>,
    #[serde(deserialize_with = "time")]
    start_time: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    end_time: Option<Timestamp>,
    event_category: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
    account_ids: Option<Vec<String>>,
    regions: Option<Vec<String>>,
    event_categories: Option<Vec<String>>,
    match_all: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(dead_code)]
struct LookupAttribute {
    attribute_key: String,
    attribute_value: String,
}
