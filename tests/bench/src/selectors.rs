//! `selector_evals_per_s_1`, `_5`, `_500`: for how many events a second one thread says whether a trail
//! takes them, by its CPU clock.
//!
//! The events are data events of objects, which make the rules read the record. The trail has one
//! selector with one condition besides its category and type (`1`); five selectors, of which only the
//! last takes anything (`5`); one selector with 500 values (`500`).
//! The rules are compiled once, as routing does for a batch. The median of many rounds counts.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use model::{Event, Sender};
use serde_json::{Value, json};
use trails::{EventSelectors, Facts, Rules, Trail, TrailSet};

use crate::figures::{Wanted, figure};
use crate::process::thread_cpu_seconds;
use crate::records;

const EVENTS: usize = 2_000;
/// Buckets that the events are of, and how many of those are named.
const BUCKETS: usize = 1_000;
const NAMED: usize = 498;

/// The figures of this module.
pub fn names() -> Vec<String> {
    ["1", "5", "500"].map(|count| format!("selector_evals_per_s_{count}")).into()
}

/// Measures and prints what was asked for.
pub fn measure(wanted: &Wanted) -> Result<()> {
    let events = events()?;
    let half = EVENTS / 2;
    let named = EVENTS / BUCKETS * NAMED;
    let cases = [(json!([one()]), half), (five(), half), (json!([values()]), named)];
    for (name, (selectors, expected)) in names().into_iter().zip(cases) {
        if !wanted.any(std::slice::from_ref(&name)) {
            continue;
        }
        let selectors = EventSelectors::of_call(None, Some(serde_json::from_value(selectors)?))?;
        let (account, region) = &records::pairs(1)[0];
        let arn = format!("arn:aws:cloudtrail:{region}:{account}:trail/bench").parse()?;
        let trail = Trail { selectors, ..Trail::new(arn, "bucket".parse()?) };
        let set = TrailSet { trails: vec![trail], ..TrailSet::default() };
        let rules = Rules::of(&set);
        let mut rounds = Vec::new();
        for _ in 0..wanted.pick(11, 201) {
            let begun = thread_cpu_seconds();
            let takes = |event: &&Event| rules.takers(&Facts::of(event)).next().is_some();
            let taken = std::hint::black_box(&events).iter().filter(takes).count();
            rounds.push(EVENTS as f64 / (thread_cpu_seconds() - begun));
            ensure!(taken == expected, "{name}: {taken} events are taken, and not {expected}");
        }
        rounds.sort_by(f64::total_cmp);
        figure(&name, *rounds.get(rounds.len() / 2).context("there were rounds")?, "1/s")?;
    }
    Ok(())
}

/// Generated records, as data events of an object each.
fn events() -> Result<Vec<Event>> {
    let pairs = records::pairs(1);
    let (account, region) = &pairs[0];
    let sender = Sender { account: account.parse()?, region: region.parse()? };
    let of_object = |(number, record): (usize, records::Record)| {
        let bucket = number % BUCKETS;
        let resources = format!(
            r#""resources":[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::bucket-{bucket}/a/key-{number}"}},{{"accountId":"{account}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::bucket-{bucket}"}}],"readOnly":{}"#,
            number % 2 == 0,
        );
        let (before, flag) = record.text.rsplit_once(r#""readOnly":"#).context("a flag")?;
        let (_, after) = flag.split_once(',').context("more members")?;
        let text = format!("{before}{resources},{after}");
        let text = text.replace(r#""eventCategory":"Management""#, r#""eventCategory":"Data""#);
        anyhow::Ok(Event::from_record(Bytes::from(text), &sender)?.event)
    };
    records::records(EVENTS, &pairs).into_iter().enumerate().map(of_object).collect()
}

fn selector(conditions: &[Value]) -> Value {
    let mut fields = vec![
        json!({ "Field": "eventCategory", "Equals": ["Data"] }),
        json!({ "Field": "resources.type", "Equals": ["AWS::S3::Object"] }),
    ];
    fields.extend_from_slice(conditions);
    json!({ "FieldSelectors": fields })
}

fn one() -> Value {
    selector(&[json!({ "Field": "readOnly", "Equals": ["true"] })])
}

fn five() -> Value {
    let nothing = |field: &str| selector(&[json!({ "Field": field, "StartsWith": ["nothing"] })]);
    json!([
        nothing("eventName"),
        nothing("eventSource"),
        nothing("userIdentity.arn"),
        nothing("resources.ARN"),
        one(),
    ])
}

/// As many buckets as make 500 values with the category and the type.
fn values() -> Value {
    let buckets: Vec<String> =
        (0..NAMED).map(|number| format!("arn:aws:s3:::bucket-{number}/")).collect();
    selector(&[json!({ "Field": "resources.ARN", "StartsWith": buckets })])
}
