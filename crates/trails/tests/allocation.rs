//! Asking the rules allocates nothing, however many trails, selectors and values there are.
//!
//! To read a record is another thing, done once for all of them: where members are nested, serde_json
//! keeps its stack of open brackets in one small allocation for the record, and one for its identity.
#![allow(clippy::unwrap_used)]

use allocation_counter::measure;
use bytes::Bytes;
use cairn_trails::{EventSelectors, Facts, Rules, Trail, TrailSet};
use model::{Event, Sender};
use serde_json::{Value, json};

/// Asks for every field; nothing in it decides before the last condition.
fn selectors() -> EventSelectors {
    let many: Vec<String> = (0..400).map(|n| format!("arn:aws:s3:::bucket-{n}/")).collect();
    let all = ["errorCode", "eventName", "eventSource", "eventType", "vpcEndpointId"]
        .into_iter()
        .chain(["sessionCredentialFromConsole", "userIdentity.arn", "readOnly"]);
    let fields =
        all.map(|field| json!({ "Field": field, "NotEquals": ["x"], "NotEndsWith": ["y"] }));
    let mut fields: Vec<Value> = fields.collect();
    fields.push(json!({ "Field": "eventCategory", "Equals": ["Data"] }));
    fields.push(json!({ "Field": "resources.type", "Equals": ["AWS::DynamoDB::Table"] }));
    fields.push(json!({ "Field": "resources.ARN", "NotStartsWith": many, "EndsWith": ["/t"] }));
    let selectors: Vec<_> = serde_json::from_value(json!([{ "FieldSelectors": fields }])).unwrap();
    selectors.into()
}

fn record(resources: usize) -> Value {
    let stream = "arn:aws:dynamodb:eu-west-1:111111111111:table/t/stream/1";
    let resources = vec![json!({ "type": "AWS::DynamoDB::Stream", "ARN": stream }); resources];
    json!({
        "eventCategory": "Data", "eventName": "GetRecords", "eventSource": "dynamodb.amazonaws.com",
        "eventType": "AwsApiCall", "errorCode": "AccessDenied", "vpcEndpointId": "vpce-1",
        "sessionCredentialFromConsole": "true", "readOnly": true, "requestParameters": null,
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/a", "invokedBy": "x" },
        "resources": resources,
    })
}

#[test]
fn evaluating_an_event_allocates_nothing() {
    let sender =
        Sender { account: "111111111111".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
    let arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/one".parse().unwrap();
    let one = Trail::new(arn, "bucket".parse().unwrap());
    let one = Trail { selectors: selectors(), recursive_logging: false, ..one };
    let basic = json!({ "EventSelectors": [{
        "ReadWriteType": "ReadOnly", "IncludeManagementEvents": true,
        "DataResources": [{ "Type": "AWS::DynamoDB::Table", "Values": ["arn:aws:dynamodb"] }],
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
    }] });
    let other = Trail { selectors: serde_json::from_value(basic).unwrap(), ..one.clone() };
    let set = TrailSet { trails: vec![one, other], ..TrailSet::default() };
    let rules = Rules::of(&set);
    let mut nested = record(9);
    nested["requestParameters"] = json!({ "a": [{ "b": [1, "\n"] }] });
    nested["userIdentity"]["sessionContext"] = json!({ "attributes": { "mfa": ["false"] } });
    let odd = json!({ "eventCategory": "Data", "resources": "none", "userIdentity": [] });
    for (record, expected) in [(record(4), 2), (nested, 2), (odd, 0)] {
        let event = Event::from_record(Bytes::from(record.to_string()), &sender).unwrap().event;
        let facts = Facts::of(&event);
        for allowed in [2, 0] {
            let mut takers = 0;
            let seen = measure(|| takers = rules.takers(&facts).count());
            assert_eq!(takers, expected, "{record}");
            assert!(seen.count_total <= allowed, "{} allocations: {record}", seen.count_total);
        }
    }
    let seen = measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(seen.count_total, 1, "allocations are counted");
}
