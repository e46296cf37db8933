//! Which trails take an event: examples of AWS's documentation, a second evaluator that is slow and
//! obvious, and that what is explained is what happens.
#![allow(clippy::unwrap_used)]

mod examples;
mod explained;
mod generated;
mod second;

use bytes::Bytes;
use cairn_trails::{EventSelectors, Facts, Trail, TrailSet};
use model::{Event, Sender};
use serde_json::Value;

/// An event as it is recorded, sent by one account in one Region.
fn event(record: &Value) -> Event {
    let sender =
        Sender { account: "111111111111".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
    Event::from_record(Bytes::from(record.to_string()), &sender).unwrap().event
}

fn trail(name: &str, account: &str, region: &str) -> Trail {
    let arn = format!("arn:aws:cloudtrail:{region}:{account}:trail/{name}");
    Trail::new(arn.parse().unwrap(), "bucket".parse().unwrap())
}

/// A trail of the sender's account that sees every Region.
fn set_of(selectors: EventSelectors) -> TrailSet {
    let one =
        Trail { is_multi_region: true, selectors, ..trail("one", "111111111111", "eu-west-1") };
    TrailSet { trails: vec![one], ..TrailSet::default() }
}

fn is_taken(selectors: &EventSelectors, record: &Value) -> bool {
    let event = event(record);
    let set = set_of(selectors.clone());
    set.takers(&Facts::of(&event)).next().is_some()
}
