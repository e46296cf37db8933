//! AddTags, RemoveTags, ListTags.

use serde_json::{Value, json};

use crate::channels::{create, destinations};
use crate::world::{Client, World};

const ACCOUNT: &str = "111111111111";
const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept";
const NO_CHANNEL: &str =
    "arn:aws:cloudtrail:eu-west-1:111111111111:channel/0a1b2c3d-0000-4000-8000-00000000cafe";

fn world() -> (World, Client) {
    let world = World::new().with_trail(ACCOUNT, "eu-west-1", "kept");
    let caller = world.caller(ACCOUNT, "eu-west-1");
    (world, caller)
}

fn tags(count: usize) -> Value {
    (0..count).map(|number| json!({ "Key": format!("key-{number}"), "Value": "1" })).collect()
}

async fn add(caller: &Client, arn: &str, tags: Value) {
    let answer = caller.call("AddTags", json!({ "ResourceId": arn, "TagsList": tags })).await;
    assert_eq!(answer.unwrap(), json!({}));
}

async fn refused(caller: &Client, arn: &str, tags: Value) -> String {
    caller.refused("AddTags", json!({ "ResourceId": arn, "TagsList": tags })).await.0
}

async fn list(caller: &Client, arn: &str) -> Value {
    let answer = caller.call("ListTags", json!({ "ResourceIdList": [arn] })).await.unwrap();
    assert_eq!(answer["ResourceTagList"][0]["ResourceId"], arn);
    answer["ResourceTagList"][0]["TagsList"].clone()
}

#[tokio::test]
async fn of_trails_and_channels_are_added_replaced_and_removed() {
    let (_, caller) = world();
    let channel = create(&caller, "shop").await;
    for arn in [TRAIL, &channel] {
        assert_eq!(list(&caller, arn).await, json!([]));
        add(&caller, arn, json!([{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "1" }]))
            .await;
        add(&caller, arn, json!([{ "Key": "b", "Value": "2" }, { "Key": "c" }])).await;
        let all =
            json!([{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }, { "Key": "c" }]);
        assert_eq!(list(&caller, arn).await, all);
        let gone = json!([{ "Key": "a" }, { "Key": "b", "Value": "other" }, { "Key": "unknown" }]);
        let members = json!({ "ResourceId": arn, "TagsList": gone });
        assert_eq!(caller.call("RemoveTags", members).await.unwrap(), json!({}));
        assert_eq!(list(&caller, arn).await, json!([{ "Key": "c" }]));
    }
}

#[tokio::test]
async fn are_fifty_on_a_resource_and_two_hundred_in_a_request() {
    let (_, caller) = world();
    add(&caller, TRAIL, tags(50)).await;
    add(&caller, TRAIL, tags(50)).await;
    let one = json!([{ "Key": "more" }]);
    assert_eq!(refused(&caller, TRAIL, one).await, "TagsLimitExceededException");
    let remove = |count| json!({ "ResourceId": TRAIL, "TagsList": tags(count) });
    assert_eq!(caller.refused("RemoveTags", remove(201)).await.0, "InvalidTagParameterException");
    assert_eq!(list(&caller, TRAIL).await.as_array().unwrap().len(), 50);
    caller.call("RemoveTags", remove(200)).await.unwrap();
    assert_eq!(list(&caller, TRAIL).await, json!([]));
    let create = |count| {
        json!({ "Name": "shop", "Source": "Custom", "Destinations": destinations(),
            "Tags": tags(count) })
    };
    let refused = caller.refused("CreateChannel", create(51)).await.0;
    assert_eq!(refused, "TagsLimitExceededException");
    let made = caller.call("CreateChannel", create(50)).await.unwrap();
    assert_eq!(made["Tags"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn that_are_bad_are_refused_with_all_that_came_with_them() {
    let (world, caller) = world();
    let good = json!({ "Key": "good", "Value": "1" });
    add(&caller, TRAIL, json!([{ "Key": "k".repeat(128), "Value": "v".repeat(256) }])).await;
    add(&caller, TRAIL, json!([{ "Key": "ü:/=+@-_ .", "Value": "" }])).await;
    let before = world.definitions();
    for bad in [
        json!([good, { "Key": "a", "Value": "1" }, { "Key": "a", "Value": "2" }]),
        json!([good, { "Key": "" }]),
        json!([good, { "Key": "k".repeat(129) }]),
        json!([good, { "Key": "a", "Value": "v".repeat(257) }]),
        json!([good, { "Key": "aws:a" }]),
        json!([good, { "Key": "AWS:a" }]),
        json!([good, { "Key": "a\u{0}" }]),
        json!([good, { "Key": "a", "Value": "<" }]),
    ] {
        assert_eq!(
            refused(&caller, TRAIL, bad.clone()).await,
            "InvalidTagParameterException",
            "{bad}"
        );
    }
    assert_eq!(world.definitions(), before);
}

#[tokio::test]
async fn of_what_is_not_there_are_refused_by_its_kind() {
    let (_, caller) = world();
    let account = "arn:aws:cloudtrail:eu-west-1:111111111111";
    for (arn, exception, of_list) in [
        (format!("{account}:trail/other"), "ResourceNotFoundException", None),
        (NO_CHANNEL.into(), "ChannelNotFoundException", Some("ResourceNotFoundException")),
        (format!("{account}:channel/shop"), "ChannelARNInvalidException", None),
        (format!("{account}:eventdatastore/0a1b"), "EventDataStoreNotFoundException", None),
        (format!("{account}:eventdatastore/_"), "EventDataStoreARNInvalidException", None),
        (format!("{account}:dashboard/d"), "ResourceNotFoundException", None),
        (format!("{account}:lake/x"), "ResourceTypeNotSupportedException", None),
        (format!("{account}:trail/a--b"), "InvalidTrailNameException", None),
        (format!("{account}:trail"), "CloudTrailARNInvalidException", None),
        ("arn:aws:s3:::bucket".into(), "CloudTrailARNInvalidException", None),
        ("kept".into(), "CloudTrailARNInvalidException", None),
    ] {
        let named = json!({ "ResourceId": arn, "TagsList": [{ "Key": "a" }] });
        for operation in ["AddTags", "RemoveTags"] {
            assert_eq!(caller.refused(operation, named.clone()).await.0, exception, "{arn}");
        }
        let (code, _) = caller.refused("ListTags", json!({ "ResourceIdList": [TRAIL, arn] })).await;
        assert_eq!(code, of_list.unwrap_or(exception), "{arn}");
    }
}

#[tokio::test]
async fn are_listed_of_twenty_resources_at_most_in_the_order_asked() {
    let (_, caller) = world();
    let channel = create(&caller, "shop").await;
    let asked = json!([channel, TRAIL, channel]);
    let answer = caller.call("ListTags", json!({ "ResourceIdList": asked })).await.unwrap();
    let listed: Value = answer["ResourceTagList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["ResourceId"].clone())
        .collect();
    assert_eq!(listed, asked);
    for count in [0, 21] {
        let asked = vec![TRAIL; count];
        let (code, _) = caller.refused("ListTags", json!({ "ResourceIdList": asked })).await;
        assert_eq!(code, "ValidationException");
    }
    let members = json!({ "ResourceIdList": [TRAIL], "NextToken": "next" });
    assert_eq!(caller.refused("ListTags", members).await.0, "InvalidTokenException");
}

#[tokio::test]
async fn are_given_in_the_home_region_and_read_in_every() {
    let (world, caller) = world();
    add(&caller, TRAIL, json!([{ "Key": "a" }])).await;
    let elsewhere = world.caller(ACCOUNT, "us-east-1");
    assert_eq!(list(&elsewhere, TRAIL).await, json!([{ "Key": "a" }]));
    let other = json!([{ "Key": "b" }]);
    assert_eq!(refused(&elsewhere, TRAIL, other).await, "OperationNotPermittedException");
}

#[tokio::test]
async fn of_what_the_configuration_defines_are_not_changed() {
    let world = World::new().with_configured_trail(ACCOUNT, "eu-west-1", "kept");
    let caller = world.caller(ACCOUNT, "eu-west-1");
    let one = json!([{ "Key": "a" }]);
    assert_eq!(refused(&caller, TRAIL, one).await, "OperationNotPermittedException");
}
