//! AWS JSON 1.1: what is taken, what is refused, and how both are written.

use serde_json::{Value, json};

use crate::world::World;
use crate::{ACCOUNT, REGION};

#[tokio::test]
async fn a_refusal_is_byte_for_byte_as_aws_writes_it() {
    let client = World::new().caller(ACCOUNT, REGION);
    let answer = client.send("GetTrail", r#"{"Name":"abc"}"#.into()).await;
    let expected = r#"{"__type":"TrailNotFoundException","message":"Unknown trail: abc for the user: 111111111111"}"#;
    assert_eq!((answer.status, std::str::from_utf8(&answer.body).unwrap()), (400, expected));
}

#[tokio::test]
async fn members_of_another_type_are_refused_by_name() {
    let client = World::new().caller(ACCOUNT, REGION);
    for (operation, members, named) in [
        ("GetTrail", json!({ "Name": 7 }), "Name: "),
        ("GetTrailStatus", json!({ "Name": ["abc"] }), "Name: "),
        ("DeleteTrail", json!({ "Name": {} }), "Name: "),
        ("StartLogging", json!({ "Name": true }), "Name: "),
        ("DescribeTrails", json!({ "trailNameList": "abc" }), "trailNameList: "),
        ("DescribeTrails", json!({ "trailNameList": ["abc", 7] }), "trailNameList[1]: "),
        ("DescribeTrails", json!({ "includeShadowTrails": "yes" }), "includeShadowTrails: "),
        ("ListTrails", json!({ "NextToken": 1 }), "NextToken: "),
        ("CreateTrail", json!({ "IsMultiRegionTrail": "true" }), "IsMultiRegionTrail: "),
        ("CreateTrail", json!({ "TagsList": {} }), "TagsList: "),
        ("CreateTrail", json!({ "TagsList": [{ "Key": 1 }] }), "TagsList[0].Key: "),
        ("UpdateTrail", json!({ "RecursiveLogging": 0 }), "RecursiveLogging: "),
        ("UpdateTrail", json!({ "Name": [["abc"]] }), "A list cannot hold lists."),
    ] {
        let (code, message) = client.refused(operation, members.clone()).await;
        assert_eq!(code, "SerializationException", "{operation} {members}");
        assert!(message.starts_with(named), "{operation} {members}: {message}");
    }
}

#[tokio::test]
async fn members_that_are_missing_are_named() {
    let client = World::new().caller(ACCOUNT, REGION);
    let bucket = json!({ "Name": "abc" });
    for (operation, members, missing) in [
        ("CreateTrail", json!({}), "name"),
        ("CreateTrail", bucket, "s3BucketName"),
        ("UpdateTrail", json!({}), "name"),
        ("UpdateTrail", json!({ "Name": null }), "name"),
        ("DeleteTrail", json!({}), "name"),
        ("GetTrail", json!({}), "name"),
        ("GetTrailStatus", json!({}), "name"),
        ("StartLogging", json!({}), "name"),
        ("StopLogging", json!({}), "name"),
        ("CreateTrail", json!({ "TagsList": [{ "Value": "v" }] }), "tagsList[0].Key"),
    ] {
        let message = format!(
            "1 validation error detected: Value null at '{missing}' failed to satisfy constraint: \
             Member must not be null"
        );
        let refused = client.refused(operation, members).await;
        assert_eq!(refused, ("ValidationException".into(), message), "{operation}");
    }
}

#[tokio::test]
async fn unknown_members_are_passed_over_and_null_is_as_good_as_absent() {
    let client = World::new().caller(ACCOUNT, REGION);
    let members = json!({
        "Name": "abc",
        "S3BucketName": "logs",
        "S3KeyPrefix": null,
        "SnsTopicName": null,
        "IncludeGlobalServiceEvents": null,
        "IsMultiRegionTrail": null,
        "EnableLogFileValidation": null,
        "CloudWatchLogsLogGroupArn": null,
        "CloudWatchLogsRoleArn": null,
        "KmsKeyId": null,
        "IsOrganizationTrail": null,
        "TagsList": null,
        "RecursiveLogging": null,
        "Colour": { "red": [1, null] },
    });
    let made = client.ok("CreateTrail", members.clone()).await;
    assert_eq!((made.as_object().unwrap().len(), &made["RecursiveLogging"]), (8, &json!(true)));
    assert_eq!(client.ok("UpdateTrail", members).await, made);
    let nothing = json!({ "trailNameList": null, "includeShadowTrails": null, "NextToken": null });
    for operation in ["DescribeTrails", "ListTrails"] {
        let answer = client.ok(operation, nothing.clone()).await;
        assert_eq!(
            answer.as_object().unwrap().values().next().unwrap().as_array().unwrap().len(),
            1
        );
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let client = World::new().caller(ACCOUNT, REGION);
    for body in ["{", "[]", "7", "null", r#"{"Name":"abc"} {}"#] {
        let answer = client.send("GetTrail", body.into()).await;
        let text = std::str::from_utf8(&answer.body).unwrap().to_owned();
        assert!(answer.status == 400 && text.contains("SerializationException"), "{body}: {text}");
    }
    let answer = client.send("ListTrails", String::new()).await;
    assert_eq!(answer.body, br#"{"Trails":[]}"#);
}

/// What no record could hold would otherwise be a call that nobody sees.
#[tokio::test]
async fn what_is_nested_deeper_than_32_levels_is_refused() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    let nested = |levels: usize| r#"{"x":"#.repeat(levels) + "1" + &"}".repeat(levels);
    assert_eq!(client.send("ListTrails", nested(31)).await.status, 200);
    assert_eq!(world.records().len(), 1);
    let answer = client.send("ListTrails", nested(32)).await;
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &body["__type"]), (400, &json!("SerializationException")));
}

#[tokio::test]
async fn an_arn_of_no_trail_is_refused_as_such() {
    let client = World::new().caller(ACCOUNT, REGION);
    let long = format!("arn:{}", "x".repeat(100_000));
    for arn in [
        "arn:aws:cloudtrail",
        "arn:aws:cloudtrail:eu-west-1:111111111111:trail",
        "arn:aws:cloudtrail:eu-west-1:111111111111:trail/",
        "arn:aws:cloudtrail:eu-west-1:111111111111:trail/a--b",
        "arn:aws:cloudtrail:eu-west-1:1111:trail/abc",
        "arn:aws:cloudtrail::111111111111:trail/abc",
        "arn:aws-cn:cloudtrail:eu-west-1:111111111111:trail/abc",
        "arn:aws:s3:::bucket",
        &long,
    ] {
        for operation in [
            "GetTrail",
            "GetTrailStatus",
            "UpdateTrail",
            "DeleteTrail",
            "StartLogging",
            "StopLogging",
        ] {
            let (code, message) = client.refused(operation, json!({ "Name": arn })).await;
            assert_eq!(code, "CloudTrailARNInvalidException", "{operation} {arn}");
            assert!(message.len() < 400, "{message}");
        }
    }
}

#[tokio::test]
async fn names_are_judged_before_anything_is_looked_up() {
    let client = World::new().caller(ACCOUNT, REGION);
    for operation in
        ["GetTrail", "GetTrailStatus", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"]
    {
        for (name, told) in [
            (
                "?",
                "Trail name too short. Minimum allowed length: 3 characters. Specified name length: 1 characters.",
            ),
            ("trail!", "Trail name must ends with a letter or number."),
        ] {
            let refused = client.refused(operation, json!({ "Name": name })).await;
            assert_eq!(refused, ("InvalidTrailNameException".into(), told.into()), "{operation}");
        }
    }
}
