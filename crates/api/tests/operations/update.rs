//! UpdateTrail.

use cairn_api::Check;
use serde_json::{Value, json};

use crate::world::{Client, World};
use crate::{ACCOUNT, REGION};

const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

fn key_arn() -> String {
    format!("arn:aws:kms:eu-west-1:111111111111:key/{KEY}")
}

/// Updates the trail `abc`.
async fn update(client: &Client, mut members: Value) -> Value {
    members["Name"] = "abc".into();
    client.ok("UpdateTrail", members).await
}

#[tokio::test]
async fn what_is_left_out_stays() {
    let client = World::new().caller(ACCOUNT, REGION);
    let made = client
        .make(
            "abc",
            json!({
                "S3KeyPrefix": "a",
                "SnsTopicName": "news",
                "KmsKeyId": KEY,
                "EnableLogFileValidation": true,
                "IncludeGlobalServiceEvents": false,
                "RecursiveLogging": false,
            }),
        )
        .await;
    let before = client.show("abc").await;
    assert_eq!(update(&client, json!({})).await, made);
    assert_eq!(client.show("abc").await, before);
}

#[tokio::test]
async fn each_member_is_changed_alone() {
    let client = World::new().caller(ACCOUNT, REGION);
    let mut expected = client.make("abc", json!({})).await;
    let topic = "arn:aws:sns:eu-west-1:111111111111:news";
    for (given, answered) in [
        (json!({ "S3BucketName": "other" }), json!({ "S3BucketName": "other" })),
        (json!({ "S3KeyPrefix": "a" }), json!({ "S3KeyPrefix": "a" })),
        (
            json!({ "SnsTopicName": "news" }),
            json!({ "SnsTopicName": "news", "SnsTopicARN": topic }),
        ),
        (json!({ "SnsTopicName": topic }), json!({ "SnsTopicName": topic, "SnsTopicARN": topic })),
        (
            json!({ "IncludeGlobalServiceEvents": false }),
            json!({ "IncludeGlobalServiceEvents": false }),
        ),
        (
            json!({ "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": true }),
            json!({ "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": true }),
        ),
        (json!({ "IsMultiRegionTrail": false }), json!({ "IsMultiRegionTrail": false })),
        (json!({ "EnableLogFileValidation": true }), json!({ "LogFileValidationEnabled": true })),
        (json!({ "KmsKeyId": KEY }), json!({ "KmsKeyId": key_arn() })),
        (json!({ "RecursiveLogging": false }), json!({ "RecursiveLogging": false })),
    ] {
        let wanted = answered.as_object().unwrap().clone();
        expected.as_object_mut().unwrap().extend(wanted);
        assert_eq!(update(&client, given).await, expected);
        let shown = client.show("abc").await;
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(shown.get(member), Some(value), "{member}");
        }
    }
}

#[tokio::test]
async fn an_empty_text_clears() {
    let client = World::new().caller(ACCOUNT, REGION);
    let all = json!({ "S3KeyPrefix": "a", "SnsTopicName": "news", "KmsKeyId": KEY });
    client.make("abc", all).await;
    for (member, others) in [
        ("S3KeyPrefix", ["SnsTopicName", "SnsTopicARN", "KmsKeyId"].as_slice()),
        ("KmsKeyId", &["SnsTopicName", "SnsTopicARN"]),
    ] {
        let mut given = json!({});
        given[member] = "".into();
        let answer = update(&client, given).await;
        assert_eq!(answer.get(member), None, "{member}");
        for other in others {
            assert!(answer.get(other).is_some(), "{other}");
        }
    }
    // The topic alone is shown empty, and only in the answer to the call that clears it.
    let answer = update(&client, json!({ "SnsTopicName": "" })).await;
    assert_eq!((&answer["SnsTopicName"], &answer["SnsTopicARN"]), (&json!(""), &json!("")));
    for shown in [client.show("abc").await, update(&client, json!({})).await] {
        for member in ["SnsTopicName", "SnsTopicARN", "KmsKeyId", "S3KeyPrefix"] {
            assert_eq!(shown.get(member), None, "{member}");
        }
    }
}

#[tokio::test]
async fn a_trail_is_named_by_its_arn_too() {
    let client = World::new().caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    let given = json!({ "Name": client.arn("abc"), "S3KeyPrefix": "a" });
    client.ok("UpdateTrail", given).await;
    assert_eq!(client.show("abc").await["S3KeyPrefix"], "a");
}

/// The order in which AWS looks, though nothing of it is named in the call.
#[tokio::test]
async fn everything_outside_is_tried_again() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    let all = json!({ "SnsTopicName": "news", "KmsKeyId": KEY, "EnableLogFileValidation": true });
    client.make("abc", all).await;
    world.checked();
    update(&client, json!({ "S3KeyPrefix": "b" })).await;
    let checked = world.checked();
    let [Check::Bucket { trail, validates_log_files }, Check::Key { key, .. }, topic] =
        checked.as_slice()
    else {
        panic!("{checked:?}")
    };
    assert_eq!(trail.prefix.as_ref().unwrap().as_str(), "b");
    assert!(*validates_log_files);
    // What was found is what is tried again.
    assert_eq!(*key, key_arn());
    assert!(matches!(topic, Check::Topic { .. }));
}

#[tokio::test]
async fn a_refused_update_changes_nothing() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({ "S3KeyPrefix": "a", "SnsTopicName": "news" })).await;
    let before = world.definitions();
    let topic = "arn:aws:sns:eu-west-1:111111111111:gone";
    world.refuse(topic, "InsufficientSnsTopicPolicyException", "no topic");
    world.refuse("gone", "S3BucketDoesNotExistException", "no bucket");
    for (given, code) in [
        (json!({ "S3BucketName": "gone" }), "S3BucketDoesNotExistException"),
        (json!({ "SnsTopicName": "gone" }), "InsufficientSnsTopicPolicyException"),
        (json!({ "S3BucketName": "" }), "InvalidS3BucketNameException"),
        (json!({ "S3KeyPrefix": "AWSLogs/" }), "InvalidS3PrefixException"),
        (
            json!({ "IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": false }),
            "InvalidParameterCombinationException",
        ),
        (json!({ "IsOrganizationTrail": true }), "OrganizationsNotInUseException"),
    ] {
        let mut members = json!({ "Name": "abc", "EnableLogFileValidation": true });
        members.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        assert_eq!(client.refused("UpdateTrail", members).await.0, code, "{given}");
        assert_eq!(world.definitions(), before, "{given}");
    }
}

#[tokio::test]
async fn a_trail_of_all_regions_keeps_global_services() {
    let client = World::new().caller(ACCOUNT, REGION);
    client.make("abc", json!({ "IsMultiRegionTrail": true })).await;
    let given = json!({ "Name": "abc", "IncludeGlobalServiceEvents": false });
    let refused = client.refused("UpdateTrail", given).await;
    assert_eq!(refused.1, "Multi-Region trail must include global service events.");
}

#[tokio::test]
async fn it_changes_neither_logging_nor_selectors_nor_tags() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({ "TagsList": [{ "Key": "team" }] })).await;
    client.ok("StartLogging", json!({ "Name": "abc" })).await;
    let before = world.definitions();
    update(&client, json!({ "S3KeyPrefix": "a" })).await;
    let (before, after) = (&before.trails[0], &world.definitions().trails[0]);
    assert!(after.trail.is_logging);
    assert_eq!(after.tags, before.tags);
    assert_eq!(after.trail.selectors, before.trail.selectors);
}

#[tokio::test]
async fn a_trail_of_the_configuration_is_changed_there_only() {
    let world = World::new().with_configured_trail(ACCOUNT, REGION, "kept");
    let given = json!({ "Name": "kept", "S3KeyPrefix": "a" });
    let refused = world.caller(ACCOUNT, REGION).refused("UpdateTrail", given).await;
    assert_eq!(refused.0, "OperationNotPermittedException");
}

#[tokio::test]
async fn a_trail_joins_other_regions_where_there_is_room() {
    let world = World::new();
    let (here, there) = (world.caller(ACCOUNT, REGION), world.caller(ACCOUNT, "us-east-1"));
    here.make("abc", json!({})).await;
    there.make("abc", json!({})).await;
    let to_all = json!({ "Name": "abc", "IsMultiRegionTrail": true });
    let (code, message) = here.refused("UpdateTrail", to_all.clone()).await;
    assert_eq!(code, "InvalidParameterCombinationException");
    assert!(message.contains("us-east-1 has another trail of that name"), "{message}");
    there.ok("DeleteTrail", json!({ "Name": "abc" })).await;
    for name in ["t-1", "t-2", "t-3", "t-4", "t-5"] {
        there.make(name, json!({})).await;
    }
    let (_, message) = here.refused("UpdateTrail", to_all.clone()).await;
    assert!(message.contains("us-east-1 already has 5 trails"), "{message}");
    there.ok("DeleteTrail", json!({ "Name": "t-5" })).await;
    here.ok("UpdateTrail", to_all).await;
    // One that is everywhere already is not counted twice.
    update(&here, json!({ "S3KeyPrefix": "a", "IsMultiRegionTrail": true })).await;
}
