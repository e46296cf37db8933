//! GetTrail and DescribeTrails.

use serde_json::json;

use crate::world::World;
use crate::{ACCOUNT, REGION};

#[tokio::test]
async fn a_trail_is_shown_with_its_home_region_and_flags_and_nothing_that_is_not_set() {
    let client = World::new().caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    let expected = json!({
        "Name": "abc",
        "S3BucketName": "logs",
        "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": false,
        "HomeRegion": "eu-west-1",
        "TrailARN": "arn:aws:cloudtrail:eu-west-1:111111111111:trail/abc",
        "LogFileValidationEnabled": false,
        "HasCustomEventSelectors": false,
        "HasInsightSelectors": false,
        "IsOrganizationTrail": false,
        "RecursiveLogging": true,
    });
    let got = client.ok("GetTrail", json!({ "Name": "abc" })).await;
    assert_eq!(got, json!({ "Trail": expected }));
    let described = client.ok("DescribeTrails", json!({})).await;
    assert_eq!(described, json!({ "trailList": [expected] }));
}

#[tokio::test]
async fn all_that_is_set_is_shown() {
    let client = World::new().caller(ACCOUNT, REGION);
    let made = client
        .make(
            "abc",
            json!({
                "S3KeyPrefix": "a",
                "SnsTopicName": "news",
                "KmsKeyId": "alias/logs",
                "CloudWatchLogsLogGroupArn": "arn:aws:logs:eu-west-1:111111111111:log-group:g:*",
                "CloudWatchLogsRoleArn": "arn:aws:iam::111111111111:role/r",
            }),
        )
        .await;
    let mut expected = made.as_object().unwrap().clone();
    assert_eq!(expected.len(), 14);
    expected.insert("HomeRegion".into(), "eu-west-1".into());
    expected.insert("HasCustomEventSelectors".into(), false.into());
    expected.insert("HasInsightSelectors".into(), false.into());
    assert_eq!(*client.show("abc").await.as_object().unwrap(), expected);
    assert_eq!(*client.show(&client.arn("abc")).await.as_object().unwrap(), expected);
}

#[tokio::test]
async fn selectors_that_were_put_are_told_of() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    world.define(|definitions| definitions.trails[0].has_custom_selectors = true);
    assert_eq!(client.show("abc").await["HasCustomEventSelectors"], true);
}

#[tokio::test]
async fn a_trail_that_is_not_there_is_called_by_its_bare_name() {
    let client = World::new().caller(ACCOUNT, REGION);
    let elsewhere = "arn:aws:cloudtrail:us-east-1:111111111111:trail/abc";
    for name in ["abc", &client.arn("abc"), elsewhere] {
        let refused = client.refused("GetTrail", json!({ "Name": name })).await;
        let message = "Unknown trail: abc for the user: 111111111111".to_owned();
        assert_eq!(refused, ("TrailNotFoundException".into(), message), "{name}");
    }
}

#[tokio::test]
async fn trails_are_picked_by_name_and_arn_and_unknown_ones_passed_over() {
    let client = World::new().caller(ACCOUNT, REGION);
    for name in ["first", "second", "third"] {
        client.make(name, json!({})).await;
    }
    for (list, expected) in [
        (json!([]), ["first", "second", "third"].as_slice()),
        (json!(["second"]), &["second"]),
        (json!(["third", client.arn("first"), "third"]), &["first", "third"]),
        (json!(["unknown", client.arn("unknown")]), &[]),
        (json!(null), &["first", "second", "third"]),
    ] {
        let shown = client.described(json!({ "trailNameList": list })).await;
        assert_eq!(shown, expected, "{list}");
    }
    let none = client.ok("DescribeTrails", json!({ "trailNameList": ["unknown"] })).await;
    assert_eq!(none, json!({ "trailList": [] }));
}

#[tokio::test]
async fn a_name_that_no_trail_has_is_refused_in_a_list_too() {
    let client = World::new().caller(ACCOUNT, REGION);
    for (name, code) in [
        ("a", "InvalidTrailNameException"),
        ("arn:aws:cloudtrail", "CloudTrailARNInvalidException"),
    ] {
        let members = json!({ "trailNameList": ["fine", name] });
        assert_eq!(client.refused("DescribeTrails", members).await.0, code);
    }
}
