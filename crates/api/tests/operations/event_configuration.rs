//! PutEventConfiguration and GetEventConfiguration.

use serde_json::{Value, json};

use crate::world::{Client, World};

const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept";
const STORE: &str = "arn:aws:cloudtrail:eu-west-1:111111111111:eventdatastore/0a1b2c3d";

fn caller() -> Client {
    World::new().with_trail("111111111111", "eu-west-1", "kept").caller("111111111111", "eu-west-1")
}

async fn take_data_events(caller: &Client) {
    let fields = json!([{ "Field": "eventCategory", "Equals": ["Data"] },
        { "Field": "resources.type", "Equals": ["AWS::S3::Object"] }]);
    let selectors = json!([{ "FieldSelectors": fields }]);
    let members = json!({ "TrailName": "kept", "AdvancedEventSelectors": selectors });
    caller.call("PutEventSelectors", members).await.unwrap();
}

fn configuration(templates: &[&str]) -> Value {
    json!([{ "EventCategory": "Data", "Templates": templates }])
}

#[tokio::test]
async fn is_kept_and_told() {
    let caller = caller();
    take_data_events(&caller).await;
    let named = json!({ "TrailName": TRAIL });
    let none = json!({ "TrailARN": TRAIL });
    assert_eq!(caller.call("GetEventConfiguration", named.clone()).await.unwrap(), none);
    for templates in [&["API_ACTIVITY"][..], &["RESOURCE_ACCESS", "USER_ACTIONS"]] {
        let configuration = configuration(templates);
        let members = json!({ "TrailName": "kept", "AggregationConfigurations": configuration });
        let answer = caller.call("PutEventConfiguration", members).await.unwrap();
        let expected = json!({ "TrailARN": TRAIL, "AggregationConfigurations": configuration });
        assert_eq!(answer, expected);
        assert_eq!(caller.call("GetEventConfiguration", named.clone()).await.unwrap(), expected);
    }
    let members = json!({ "TrailName": "kept", "AggregationConfigurations": [] });
    assert_eq!(caller.call("PutEventConfiguration", members).await.unwrap(), none);
    assert_eq!(caller.call("GetEventConfiguration", named).await.unwrap(), none);
}

#[tokio::test]
async fn refusals() {
    let caller = caller();
    let one = configuration(&["API_ACTIVITY"]);
    let members = json!({ "TrailName": "kept", "AggregationConfigurations": one });
    let (code, message) = caller.refused("PutEventConfiguration", members).await;
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(message, "Trail kept does not log data events.");
    take_data_events(&caller).await;
    for (members, exception) in [
        (
            json!({ "TrailName": "kept", "EventDataStore": STORE }),
            "InvalidParameterCombinationException",
        ),
        (json!({ "AggregationConfigurations": one }), "InvalidParameterCombinationException"),
        (json!({ "EventDataStore": STORE }), "EventDataStoreNotFoundException"),
        (json!({ "EventDataStore": "store" }), "EventDataStoreARNInvalidException"),
        (json!({ "TrailName": "kept" }), "InvalidParameterException"),
        (
            json!({ "TrailName": "kept", "AggregationConfigurations": one, "MaxEventSize": "Large" }),
            "InvalidParameterCombinationException",
        ),
        (
            json!({ "TrailName": "kept", "AggregationConfigurations": [one[0], one[0]] }),
            "InvalidParameterException",
        ),
        (
            json!({ "TrailName": "kept", "AggregationConfigurations": configuration(&[]) }),
            "InvalidParameterException",
        ),
        (
            json!({ "TrailName": "kept", "AggregationConfigurations": configuration(&["OTHER"]) }),
            "InvalidParameterException",
        ),
        (
            json!({ "TrailName": "kept", "AggregationConfigurations":
                [{ "EventCategory": "Management", "Templates": ["API_ACTIVITY"] }] }),
            "InvalidParameterException",
        ),
    ] {
        let (code, message) = caller.refused("PutEventConfiguration", members.clone()).await;
        assert_eq!(code, exception, "{members}: {message}");
    }
}
