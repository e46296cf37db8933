//! Where a record belongs, worked out from the specification and not from Cairn's code.

use serde_json::Value;

/// Account, Region and folder of the file that a record stands in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub account: String,
    pub region: String,
    pub folder: String,
}

/// The place of a record that `sender` (account, Region) sent: what the record does not say, or
/// says in an unusable way, is the sender's.
pub fn place(record: &str, sender: (&str, &str)) -> Place {
    let record: Value = serde_json::from_str(record).unwrap();
    let named = ["recipientAccountId", "accountId"].iter().map(|name| &record[*name]);
    let named = named.chain([&record["userIdentity"]["accountId"]]).find(|value| !value.is_null());
    let account = named.and_then(Value::as_str).filter(|account| is_account(account));
    let region = record["awsRegion"].as_str().filter(|region| is_region(region));
    Place {
        account: account.unwrap_or(sender.0).into(),
        region: region.unwrap_or(sender.1).into(),
        folder: folder(&record).into(),
    }
}

fn folder(record: &Value) -> &'static str {
    let category = match record["eventCategory"].as_str() {
        Some(category) => category,
        None => match record["eventType"].as_str() {
            Some("AwsVpceEvent" | "AwsVpceEvents") => "NetworkActivity",
            Some("AwsCloudTrailInsight") => "Insight",
            Some("AwsAggregatedEvent") => "Aggregated",
            Some("ActivityLog") => "ActivityAuditLog",
            _ => "Management",
        },
    };
    match category {
        "NetworkActivity" => "CloudTrail-NetworkActivity",
        "Insight" => "CloudTrail-Insight",
        "Aggregated" => "CloudTrail-Aggregated",
        "ActivityAuditLog" => "CloudTrail-ActivityAuditLog",
        _ => "CloudTrail",
    }
}

pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub fn is_region(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (2..=32).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
