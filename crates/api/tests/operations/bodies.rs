//! Bodies that are odd: passed over, refused, or bounded, whatever the operation.

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn members_that_no_operation_has_and_null_are_passed_over() {
    let world = World::new().with_trail("111111111111", "eu-west-1", "kept");
    let caller = world.caller("111111111111", "eu-west-1");
    let members = json!({ "trailNameList": null, "Colour": { "red": [1] } });
    let answer = caller.call("DescribeTrails", members).await.unwrap();
    assert_eq!(answer["trailList"].as_array().unwrap().len(), 1);
    let selectors = json!([{ "ReadWriteType": null, "DataResources": null, "Colour": [1] }]);
    let members = json!({ "TrailName": "kept", "EventSelectors": selectors });
    let answer = caller.call("PutEventSelectors", members).await.unwrap();
    assert_eq!(answer["EventSelectors"][0]["ReadWriteType"], "All");
}

#[tokio::test]
async fn values_of_another_type_are_refused() {
    let caller = World::new().caller("111111111111", "eu-west-1");
    for (operation, members) in [
        ("GetEventSelectors", json!({ "TrailName": 7 })),
        ("GetEventSelectors", json!({ "TrailName": ["trail"] })),
        ("DescribeTrails", json!({ "trailNameList": "trail" })),
        ("AddTags", json!({ "ResourceId": "arn", "TagsList": {} })),
        ("AddTags", json!({ "ResourceId": "arn", "TagsList": ["key"] })),
        // Would pass for an object with its members in order.
        ("AddTags", json!({ "ResourceId": "arn", "TagsList": [["key", "value"]] })),
        ("ListChannels", json!({ "MaxResults": 1.5 })),
    ] {
        let (code, message) = caller.refused(operation, members.clone()).await;
        assert_eq!(code, "SerializationException", "{operation} {members}: {message}");
    }
}

#[tokio::test]
async fn deep_values_are_refused_and_the_call_after_them_is_recorded() {
    let world = World::new();
    let caller = world.caller("111111111111", "eu-west-1");
    let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
    for (levels, status) in [(30, 200), (40, 400), (120, 400)] {
        let answer = caller.send("DescribeTrails", nested(levels).to_string()).await;
        assert_eq!(answer.status, status, "{levels} levels");
    }
    let too_deep = "[".repeat(100_000);
    assert_eq!(caller.send("DescribeTrails", too_deep).await.status, 400);
    assert_eq!(world.records().len(), 1);
}

#[test]
fn a_body_weighs_what_its_values_come_to_and_has_so_many_at_most() {
    let weight = |body: &str| cairn_api::wire::weight(body.as_bytes());
    assert_eq!(weight("").unwrap(), 0);
    assert_eq!(weight(r#"{"a":"{[,:\"{"}"#).unwrap(), 4 * 15 + 700 * 2, "texts are no values");
    assert!(weight(&format!("[{}0]", "0,".repeat(19_999))).is_ok());
    let many = weight(&format!("[{}0]", "0,".repeat(20_000))).unwrap_err();
    assert_eq!(many.code, "SerializationException");
    assert_eq!(weight(&format!("\"{}\"", "{".repeat(1 << 20))).unwrap(), 4 * ((1 << 20) + 2));
}

#[tokio::test]
async fn messages_quote_a_caller_to_a_bound() {
    let caller = World::new().caller("111111111111", "eu-west-1");
    let long = "x".repeat(1 << 20);
    for members in [
        json!({ "TrailName": format!("arn:{long}") }),
        json!({ "TrailName": long }),
        json!({ "TrailName": { long.clone(): Value::Null } }),
    ] {
        assert!(caller.refused("GetEventSelectors", members).await.1.len() < 10_000);
    }
}
