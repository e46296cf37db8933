//! A second evaluator: read off the documentation, on plain JSON, one sentence a line.

use cairn_trails::{
    AdvancedEventSelector, EventSelector, EventSelectors, FieldSelector, ReadWriteType, Trail,
    TrailSet,
};
use model::{Category, Event};
use serde_json::Value;

/// Whether a trail takes an event.
pub fn takes(set: &TrailSet, trail: &Trail, event: &Event) -> bool {
    let record: Value = serde_json::from_slice(&event.record).unwrap();
    let account = &event.account;
    let is_member = set.organization.as_ref().is_some_and(|organization| {
        organization.management_account == *account || organization.members.contains(account)
    });
    let sees_account = trail.arn.account == *account || (trail.is_organization && is_member);
    let sees_region = trail.is_multi_region || trail.arn.home_region == event.region;
    let sees_global = !event.is_global || trail.include_global_service_events;
    let sees_deliveries = trail.recursive_logging || !is_delivery(&record);
    if !(trail.is_logging && sees_account && sees_region && sees_global && sees_deliveries) {
        return false;
    }
    match &trail.selectors {
        EventSelectors::Default => event.category == Category::Management,
        EventSelectors::Basic(all) => all.iter().any(|one| basic(one, event.category, &record)),
        EventSelectors::Advanced(all) => {
            all.iter().any(|one| advanced(one, event.category, &record))
        }
    }
}

fn is_delivery(record: &Value) -> bool {
    let call = (record["eventSource"].as_str(), record["eventName"].as_str());
    record["userIdentity"]["invokedBy"] == "cloudtrail.amazonaws.com"
        && (call == (Some("s3.amazonaws.com"), Some("PutObject"))
            || call == (Some("logs.amazonaws.com"), Some("PutLogEvents")))
}

fn basic(selector: &EventSelector, category: Category, record: &Value) -> bool {
    let only_reads = read_only(record).as_deref() == Some("true");
    let is_right_type = match selector.read_write_type {
        ReadWriteType::All => true,
        ReadWriteType::ReadOnly => only_reads,
        ReadWriteType::WriteOnly => !only_reads,
    };
    if !is_right_type {
        return false;
    }
    match category {
        Category::Management => {
            let source = record["eventSource"].as_str().unwrap_or_default();
            let is_excluded =
                selector.exclude_management_event_sources.iter().any(|excluded| excluded == source);
            selector.include_management_events && !is_excluded
        }
        Category::Data => selector.data_resources.iter().any(|wanted| {
            let types = values(record, category, "resources.type");
            let arns = values(record, category, "resources.ARN");
            let names = |value: &String| match (wanted.kind.as_str(), value.as_str()) {
                ("AWS::S3::Object", "arn:aws:s3" | "arn:aws:s3:::") => true,
                ("AWS::Lambda::Function", "arn:aws:lambda") => true,
                ("AWS::DynamoDB::Table", "arn:aws:dynamodb") => true,
                ("AWS::S3::Object", prefix) => arns.iter().any(|arn| arn.starts_with(prefix)),
                (_, exact) => arns.iter().any(|arn| arn == exact),
            };
            types.contains(&wanted.kind) && wanted.values.iter().any(names)
        }),
        _ => false,
    }
}

fn advanced(selector: &AdvancedEventSelector, category: Category, record: &Value) -> bool {
    selector
        .field_selectors
        .iter()
        .all(|field| condition(field, &values(record, category, &field.field)))
}

fn condition(field: &FieldSelector, values: &[String]) -> bool {
    let mut wants_something = false;
    let mut has_something = false;
    for wanted in &field.equals {
        wants_something = true;
        has_something |= values.iter().any(|value| value == wanted);
    }
    for wanted in &field.starts_with {
        wants_something = true;
        has_something |= values.iter().any(|value| value.starts_with(wanted.as_str()));
    }
    for wanted in &field.ends_with {
        wants_something = true;
        has_something |= values.iter().any(|value| value.ends_with(wanted.as_str()));
    }
    for value in values {
        let is_barred = field.not_equals.iter().any(|barred| value == barred)
            || field.not_starts_with.iter().any(|barred| value.starts_with(barred.as_str()))
            || field.not_ends_with.iter().any(|barred| value.ends_with(barred.as_str()));
        if is_barred {
            return false;
        }
    }
    has_something || !wants_something
}

/// The values that a record has for a field.
fn values(record: &Value, category: Category, field: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let one: Option<String> = match field {
        "eventCategory" => Some(category.name().into()),
        "readOnly" => read_only(record),
        "userIdentity.arn" => text(&record["userIdentity"]["arn"]),
        "resources.type" => return resources(record).into_iter().filter_map(|one| one.0).collect(),
        "resources.ARN" => return resources(record).into_iter().filter_map(|one| one.1).collect(),
        "errorCode"
        | "eventName"
        | "eventSource"
        | "eventType"
        | "vpcEndpointId"
        | "sessionCredentialFromConsole" => text(&record[field]),
        _ => None,
    };
    one.into_iter().collect()
}

fn read_only(record: &Value) -> Option<String> {
    match &record["readOnly"] {
        Value::Bool(flag) => Some(flag.to_string()),
        Value::String(text) => {
            Some(text.to_lowercase()).filter(|text| text == "true" || text == "false")
        }
        _ => None,
    }
}

/// Types and ARNs, with the table of each stream.
fn resources(record: &Value) -> Vec<(Option<String>, Option<String>)> {
    let mut all = Vec::new();
    for entry in record["resources"].as_array().into_iter().flatten().filter(|one| one.is_object())
    {
        let kind = entry["type"].as_str().map(str::to_owned);
        let arn = entry["ARN"].as_str().or(entry["ARNPrefix"].as_str()).map(str::to_owned);
        if kind.as_deref() == Some("AWS::DynamoDB::Stream") {
            let parts = arn.as_ref().map(|arn| arn.split("/stream/").collect::<Vec<_>>());
            let table = parts.filter(|parts| parts.len() > 1).map(|parts| parts[0].to_owned());
            all.push((Some("AWS::DynamoDB::Table".into()), table));
        }
        all.push((kind, arn));
    }
    all
}
