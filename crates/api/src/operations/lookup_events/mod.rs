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
//! Times are whole seconds, as events tell theirs, and both ends are part of the range. `StartTime` may
//! be longer ago than AWS's 90 days, which are its default; without an `EndTime` no event is too new,
//! whatever the clock of its sender.
//!
//! Source: CloudTrail API Reference, "LookupEvents".

mod attributes;
mod scopes;

use std::time::Duration;

use history::Query;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::attributes::LookupAttribute;
use crate::context::Context;
use crate::exception::Exception;
use crate::lookup::Lookup;
use crate::operation::Input;
use crate::token::Token;
use crate::wire::{epoch, time};

/// The most that AWS gives, and the default.
const RESULTS_MAX: i64 = 50;
/// The most that those get who ask for what AWS does not have.
const RESULTS_BEYOND_MAX: i64 = 1_000;
/// Where a lookup begins that says no `StartTime`.
const DEFAULT_AGE: Duration = Duration::from_hours(90 * 24);

/// The input of LookupEvents. What a token is bound to is what is serialized.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct LookupEvents {
    lookup_attributes: Vec<LookupAttribute>,
    #[serde(deserialize_with = "time", serialize_with = "epoch")]
    start_time: Option<Timestamp>,
    #[serde(deserialize_with = "time", serialize_with = "epoch")]
    end_time: Option<Timestamp>,
    event_category: Option<String>,
    #[serde(skip_serializing)]
    max_results: Option<i64>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    account_ids: Option<Vec<String>>,
    regions: Option<Vec<String>>,
    event_categories: Option<Vec<String>>,
    match_all: bool,
}

impl Input for LookupEvents {
    const TIMES: &'static [&'static str] = &["StartTime", "EndTime"];
}

/// What is to be looked up.
pub(crate) fn plan(context: &Context<'_>, input: &LookupEvents) -> Result<Lookup, Exception> {
    let attributes = attributes::of(input)?;
    let scopes = scopes::of(context, input)?;
    let limit = limit(input)?;
    let (from, to) = range(context, input)?;
    let parameters = parameters(context, input);
    let after = input.next_token.as_deref().map(|token| after(token, parameters)).transpose()?;
    Ok(Lookup {
        account: context.caller.account.clone(),
        is_beyond_aws: input.is_beyond_aws(),
        query: Query { scopes, attributes, from, to, after, limit },
        parameters,
    })
}

fn limit(input: &LookupEvents) -> Result<usize, Exception> {
    let max = if input.is_beyond_aws() { RESULTS_BEYOND_MAX } else { RESULTS_MAX };
    let wanted = input.max_results.unwrap_or(RESULTS_MAX);
    let limit = usize::try_from(wanted).ok().filter(|_| (1..=max).contains(&wanted));
    limit.ok_or_else(|| {
        let message = format!("MaxResults is {wanted}. Use a number from 1 to {max}.");
        Exception::new("InvalidMaxResultsException", message)
    })
}

fn range(context: &Context<'_>, input: &LookupEvents) -> Result<(Timestamp, Timestamp), Exception> {
    let refuse = |message| Err(Exception::new("InvalidTimeRangeException", message));
    let default = context.now.as_millis() - i64::try_from(DEFAULT_AGE.as_millis()).unwrap_or(0);
    let from = input.start_time.unwrap_or(Timestamp::from_millis(default));
    if from > context.now {
        return refuse(format!("StartTime {from} is in the future."));
    }
    if let Some(end) = input.end_time.filter(|end| *end < from) {
        let default = if input.start_time.is_none() { ", 90 days ago by default," } else { "" };
        return refuse(format!("StartTime {from}{default} is after EndTime {end}."));
    }
    let second = |time: Timestamp| time.as_millis().div_euclid(1_000) * 1_000;
    let to = input.end_time.map_or(i64::MAX, |end| second(end) + 999);
    Ok((Timestamp::from_millis(second(from)), Timestamp::from_millis(to)))
}

/// A hash of what is asked for, and by whom.
fn parameters(context: &Context<'_>, input: &LookupEvents) -> u64 {
    let asked = (&context.caller.account, &context.caller.region, input);
    let asked = serde_json::to_vec(&asked).expect("texts and numbers always serialize");
    let hash = Sha256::digest(asked);
    u64::from_be_bytes(*hash.first_chunk().expect("a SHA-256 has 32 bytes"))
}

fn after(token: &str, parameters: u64) -> Result<history::Position, Exception> {
    let token = Token::parse(token).filter(|token| token.parameters == parameters);
    token.map(|token| token.after).ok_or_else(|| {
        let message = "NextToken is not valid. Use the one of the page before, with the same \
                       parameters, or none.";
        Exception::new("InvalidNextTokenException", message)
    })
}

impl LookupEvents {
    /// Whether it asks for what AWS does not have.
    fn is_beyond_aws(&self) -> bool {
        self.account_ids.is_some()
            || self.regions.is_some()
            || self.event_categories.is_some()
            || self.match_all
    }
}
