//! PutEventSelectors and GetEventSelectors. What selectors are valid is tested in `trails`.

use serde_json::{Value, json};

use crate::world::{Client, World};

const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept";

fn world() -> (World, Client) {
    let world = World::new().with_trail("111111111111", "eu-west-1", "kept");
    let caller = world.caller("111111111111", "eu-west-1");
    (world, caller)
}

fn default() -> Value {
    json!({ "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
        "ExcludeManagementEventSources": [] })
}

async fn get(caller: &Client) -> Value {
    caller.call("GetEventSelectors", json!({ "TrailName": "kept" })).await.unwrap()
}

async fn is_custom(caller: &Client) -> Value {
    let shown = caller.call("DescribeTrails", json!({})).await.unwrap();
    shown["trailList"][0]["HasCustomEventSelectors"].clone()
}

#[tokio::test]
async fn a_trail_that_was_told_none_shows_what_it_goes_by() {
    let (_, caller) = world();
    assert_eq!(get(&caller).await, json!({ "TrailARN": TRAIL, "EventSelectors": [default()] }));
    assert_eq!(is_custom(&caller).await, false);
    let members = json!({ "TrailName": TRAIL, "EventSelectors": [{}] });
    let answer = caller.call("PutEventSelectors", members).await.unwrap();
    assert_eq!(answer, json!({ "TrailARN": TRAIL, "EventSelectors": [default()] }));
    assert_eq!(is_custom(&caller).await, true);
}

#[tokio::test]
async fn basic_ones_are_told_with_their_defaults() {
    let (world, caller) = world();
    for (member, value) in [
        ("ReadWriteType", json!("ReadOnly")),
        ("ReadWriteType", json!("WriteOnly")),
        ("IncludeManagementEvents", json!(false)),
        (
            "DataResources",
            json!([{ "Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::bucket/p"] }]),
        ),
        ("ExcludeManagementEventSources", json!(["kms.amazonaws.com"])),
    ] {
        let mut expected = default();
        expected[member] = value.clone();
        let members = json!({ "TrailName": "kept", "EventSelectors": [{ member: value }] });
        let answer = caller.call("PutEventSelectors", members).await.unwrap();
        assert_eq!(answer, json!({ "TrailARN": TRAIL, "EventSelectors": [expected] }));
        assert_eq!(get(&caller).await, answer);
        // As restarts read it.
        let kept = serde_json::to_string(&world.definitions()).unwrap();
        assert_eq!(
            serde_json::from_str::<trails::Definitions>(&kept).unwrap(),
            world.definitions()
        );
    }
}

#[tokio::test]
async fn advanced_ones_are_told_as_they_were_sent_and_then_by_the_names_of_their_fields() {
    let (_, caller) = world();
    let fields = [
        json!({ "Field": "resources.type", "Equals": ["AWS::S3::Object"] }),
        json!({ "Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::bucket/"], "NotEndsWith": ["x"] }),
        json!({ "Field": "eventCategory", "Equals": ["Data"] }),
        json!({ "Field": "readOnly", "Equals": ["true"] }),
    ];
    let sorted = json!([fields[2], fields[3], fields[1], fields[0]]);
    for selector in [
        json!({ "Name": "objects", "FieldSelectors": fields }),
        json!({ "FieldSelectors": fields }),
    ] {
        let sent = json!({ "TrailName": "kept", "AdvancedEventSelectors": [selector] });
        let answer = caller.call("PutEventSelectors", sent.clone()).await.unwrap();
        assert_eq!(answer["AdvancedEventSelectors"], sent["AdvancedEventSelectors"]);
        let mut kept = sent["AdvancedEventSelectors"].clone();
        kept[0]["FieldSelectors"] = sorted.clone();
        assert_eq!(
            get(&caller).await,
            json!({ "TrailARN": TRAIL, "AdvancedEventSelectors": kept })
        );
    }
    let members = json!({ "TrailName": "kept", "EventSelectors": [{}] });
    caller.call("PutEventSelectors", members).await.unwrap();
    assert_eq!(get(&caller).await, json!({ "TrailARN": TRAIL, "EventSelectors": [default()] }));
}

#[tokio::test]
async fn refusals_are_in_aws_s_words_and_change_nothing() {
    let (world, caller) = world();
    let before = world.definitions();
    let both = "You can select events by using either EventSelectors or AdvancedEventSelectors, but not both.";
    let basic = "Specify a valid number of selectors (1 to 5) for your trail";
    let advanced = "Specify between 1 and 500 selectors for your trail.";
    let category = json!({ "Field": "eventCategory", "Equals": ["Management"] });
    for (selectors, text) in [
        (json!({}), basic),
        (json!({ "EventSelectors": [] }), basic),
        (json!({ "AdvancedEventSelectors": [] }), advanced),
        (
            json!({ "EventSelectors": [{}],
                "AdvancedEventSelectors": [{ "FieldSelectors": [category] }] }),
            both,
        ),
        (
            json!({ "EventSelectors": [{ "ReadWriteType": "read-only" }] }),
            "Value read-only for ReadWriteType is invalid.",
        ),
        (
            json!({ "EventSelectors": [{ "DataResources": [{ "Type": "AWS::S3::Object",
                "Values": ["arn:aws:s3:::*"] }] }] }),
            "Value arn:aws:s3:::* for DataResources.Values is invalid.",
        ),
        (
            json!({ "AdvancedEventSelectors": [{ "FieldSelectors": [] }] }),
            "The following fields are required: [eventCategory].",
        ),
    ] {
        let mut members = selectors.clone();
        members["TrailName"] = json!("kept");
        let (code, message) = caller.refused("PutEventSelectors", members).await;
        assert_eq!((code.as_str(), message.as_str()), ("InvalidEventSelectorsException", text));
    }
    assert_eq!(world.definitions(), before);
}

#[tokio::test]
async fn are_put_in_the_home_region() {
    let (world, _) = world();
    let elsewhere = world.caller("111111111111", "us-east-1");
    let members = json!({ "TrailName": TRAIL, "EventSelectors": [{}] });
    let (code, _) = elsewhere.refused("PutEventSelectors", members).await;
    assert_eq!(code, "InvalidHomeRegionException");
}
