//! The records of calls, as CloudTrail writes those of `cloudtrail.amazonaws.com`.

use expect_test::{Expect, expect};
use model::{Event, Sender};
use serde_json::{Value, json};

use crate::world::World;

fn world() -> World {
    World::new().with_trail("111111111111", "eu-west-1", "kept")
}

/// The last record's bytes, which the journal takes as they are.
fn check(world: &World, expected: &Expect) {
    let record = world.raw_records().pop().unwrap();
    let sender =
        Sender { account: "999999999999".parse().unwrap(), region: "us-east-1".parse().unwrap() };
    let accepted = Event::from_record(record.clone(), &sender).unwrap();
    assert!(accepted.oddities.is_empty() && accepted.cut.is_empty());
    assert_eq!(accepted.event.account.as_str(), "111111111111");
    let text = String::from_utf8(record.to_vec()).unwrap();
    expected.assert_eq(&text.replace(r#"},""#, "},\n\"").replace(r#"null,"#, "null,\n"));
}

#[tokio::test]
async fn of_a_read_has_no_response_elements() {
    let world = world();
    let caller = world.caller("111111111111", "eu-west-1");
    caller.call("GetEventSelectors", json!({ "TrailName": "kept" })).await.unwrap();
    check(
        &world,
        &expect![[r#"
            {"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},
            "eventTime":"2026-03-09T14:05:06Z","eventSource":"cloudtrail.amazonaws.com","eventName":"GetEventSelectors","awsRegion":"eu-west-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/1.44","requestParameters":{"trailName":"kept"},
            "responseElements":null,
            "requestID":"11111111-2222-3333-4444-555555555555","eventID":"00000000-0000-4000-8000-000000000001","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management"}"#]],
    );
    caller.call("DescribeTrails", json!({ "trailNameList": ["kept"] })).await.unwrap();
    check(
        &world,
        &expect![[r#"
            {"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},
            "eventTime":"2026-03-09T14:05:06Z","eventSource":"cloudtrail.amazonaws.com","eventName":"DescribeTrails","awsRegion":"eu-west-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/1.44","requestParameters":{"trailNameList":["kept"]},
            "responseElements":null,
            "requestID":"11111111-2222-3333-4444-555555555555","eventID":"00000000-0000-4000-8000-000000000003","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management"}"#]],
    );
}

#[tokio::test]
async fn of_a_change_has_what_was_answered() {
    let world = world();
    let caller = world.caller("111111111111", "eu-west-1");
    let resources = json!([{ "Type": "AWS::S3::Object", "Values": ["arn:aws:s3"] }]);
    let selectors = json!([{ "ReadWriteType": "ReadOnly", "DataResources": resources }]);
    let members = json!({ "TrailName": "kept", "EventSelectors": selectors });
    caller.call("PutEventSelectors", members).await.unwrap();
    check(
        &world,
        &expect![[r#"
            {"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},
            "eventTime":"2026-03-09T14:05:06Z","eventSource":"cloudtrail.amazonaws.com","eventName":"PutEventSelectors","awsRegion":"eu-west-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/1.44","requestParameters":{"eventSelectors":[{"dataResources":[{"type":"AWS::S3::Object","values":["arn:aws:s3"]}],"readWriteType":"ReadOnly"}],"trailName":"kept"},
            "responseElements":{"eventSelectors":[{"dataResources":[{"type":"AWS::S3::Object","values":["arn:aws:s3"]}],"excludeManagementEventSources":[],"includeManagementEvents":true,"readWriteType":"ReadOnly"}],"trailARN":"arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept"},
            "requestID":"11111111-2222-3333-4444-555555555555","eventID":"00000000-0000-4000-8000-000000000001","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management"}"#]],
    );
    let arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept";
    let members = json!({ "ResourceId": arn, "TagsList": [{ "Key": "team", "Value": "audit" }] });
    caller.call("AddTags", members).await.unwrap();
    check(
        &world,
        &expect![[r#"
            {"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},
            "eventTime":"2026-03-09T14:05:06Z","eventSource":"cloudtrail.amazonaws.com","eventName":"AddTags","awsRegion":"eu-west-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/1.44","requestParameters":{"resourceId":"arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept","tagsList":[{"key":"team","value":"audit"}]},
            "responseElements":null,
            "requestID":"11111111-2222-3333-4444-555555555555","eventID":"00000000-0000-4000-8000-000000000003","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management"}"#]],
    );
    caller.call("StopLogging", json!({ "Name": "kept" })).await.unwrap();
    check(
        &world,
        &expect![[r#"
            {"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},
            "eventTime":"2026-03-09T14:05:06Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"eu-west-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/1.44","requestParameters":{"name":"kept"},
            "responseElements":null,
            "requestID":"11111111-2222-3333-4444-555555555555","eventID":"00000000-0000-4000-8000-000000000005","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management"}"#]],
    );
}

#[tokio::test]
async fn of_a_refusal_says_why() {
    let world = world();
    let caller = world.caller("111111111111", "eu-west-1");
    caller.refused("StopLogging", json!({ "Name": "other" })).await;
    check(
        &world,
        &expect![[r#"
            {"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},
            "eventTime":"2026-03-09T14:05:06Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"eu-west-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/1.44","errorCode":"TrailNotFoundException","errorMessage":"Unknown trail: other for the user: 111111111111","requestParameters":{"name":"other"},
            "responseElements":null,
            "requestID":"11111111-2222-3333-4444-555555555555","eventID":"00000000-0000-4000-8000-000000000001","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management"}"#]],
    );
    caller.refused("CreateDashboard", json!({ "Name": "one" })).await;
    check(
        &world,
        &expect![[r#"
            {"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},
            "eventTime":"2026-03-09T14:05:06Z","eventSource":"cloudtrail.amazonaws.com","eventName":"CreateDashboard","awsRegion":"eu-west-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/1.44","errorCode":"UnsupportedOperationException","errorMessage":"Cairn does not have the operation CreateDashboard.","requestParameters":{"name":"one"},
            "responseElements":null,
            "requestID":"11111111-2222-3333-4444-555555555555","eventID":"00000000-0000-4000-8000-000000000003","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management"}"#]],
    );
}

#[tokio::test]
async fn the_largest_calls_are_recorded() {
    let world = world();
    let caller = world.caller("111111111111", "eu-west-1");
    let values: Vec<String> =
        (0..498).map(|number| format!("{number:04}{}", "é".repeat(2044))).collect();
    let fields = json!([
        { "Field": "eventCategory", "Equals": ["Data"] },
        { "Field": "resources.type", "Equals": ["AWS::S3::Object"] },
        { "Field": "eventName", "Equals": values },
    ]);
    let selectors = json!([{ "Name": "n".repeat(1000), "FieldSelectors": fields }]);
    let members = json!({ "TrailName": "kept", "AdvancedEventSelectors": selectors });
    assert!(members.to_string().len() < cairn_api::wire::BODY_BYTES_MAX);
    caller.call("PutEventSelectors", members).await.unwrap();
    let junk = json!({ "Name": "kept", "Junk": "x".repeat(2_000_000) });
    caller.call("StopLogging", junk).await.unwrap();
    let text = json!({ "Name": format!("arn:{}", "x".repeat(2_000_000)) });
    caller.refused("StopLogging", text).await;
    let omitted = json!({ "omitted": true });
    let records = world.records();
    let parameters = records.iter().map(|record| &record["requestParameters"]);
    assert_eq!(parameters.collect::<Vec<_>>(), [&omitted, &omitted, &omitted]);
    let elements = records.iter().map(|record| &record["responseElements"]);
    assert_eq!(elements.collect::<Vec<_>>(), [&omitted, &Value::Null, &Value::Null]);
    assert!(records[2]["errorMessage"].as_str().unwrap().len() <= 1024);
    for record in world.raw_records() {
        assert!(record.len() < 4096, "{}", record.len());
    }
}

#[tokio::test]
async fn of_a_denied_call_hides_what_it_named() {
    let world = world();
    let message = "User: arn:aws:iam::111111111111:user/amy is not authorized to perform: cloudtrail:CreateTrail";
    world.refuse("logs", "AccessDeniedException", message);
    let caller = world.caller("111111111111", "eu-west-1");
    caller.refused("CreateTrail", json!({ "Name": "secret", "S3BucketName": "logs" })).await;
    check(
        &world,
        &expect![[r#"
        {"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},
        "eventTime":"2026-03-09T14:05:06Z","eventSource":"cloudtrail.amazonaws.com","eventName":"CreateTrail","awsRegion":"eu-west-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/1.44","errorCode":"AccessDenied","errorMessage":"User: arn:aws:iam::111111111111:user/amy is not authorized to perform: cloudtrail:CreateTrail","requestParameters":null,
        "responseElements":null,
        "requestID":"11111111-2222-3333-4444-555555555555","eventID":"00000000-0000-4000-8000-000000000001","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management"}"#]],
    );
}
