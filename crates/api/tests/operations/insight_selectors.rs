//! GetInsightSelectors and PutInsightSelectors.

use serde_json::json;

use crate::world::World;

const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept";

#[tokio::test]
async fn insights_are_never_on_can_be_turned_off_and_not_on() {
    let world = World::new().with_trail("111111111111", "eu-west-1", "kept");
    let caller = world.caller("111111111111", "eu-west-1");
    let off = json!({ "TrailName": "kept", "InsightSelectors": [] });
    let answer = caller.call("PutInsightSelectors", off).await.unwrap();
    assert_eq!(answer, json!({ "TrailARN": TRAIL, "InsightSelectors": [] }));
    let (code, message) =
        caller.refused("GetInsightSelectors", json!({ "TrailName": "kept" })).await;
    assert_eq!(code, "InsightNotEnabledException");
    assert_eq!(
        message,
        format!(
            "Trail {TRAIL} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again."
        )
    );
    for (given, exception) in [
        (json!([{ "InsightType": "ApiCallRateInsight" }]), "UnsupportedOperationException"),
        (
            json!([{ "InsightType": "ApiErrorRateInsight", "EventCategories": ["Data"] }]),
            "UnsupportedOperationException",
        ),
        (json!([{ "InsightType": "Colour" }]), "InvalidInsightSelectorsException"),
    ] {
        let members = json!({ "TrailName": "kept", "InsightSelectors": given });
        assert_eq!(caller.refused("PutInsightSelectors", members).await.0, exception, "{given}");
    }
    let store = "arn:aws:cloudtrail:eu-west-1:111111111111:eventdatastore/0a1b2c3d";
    for (members, exception) in [
        (json!({}), "InvalidParameterCombinationException"),
        (json!({ "EventDataStore": store }), "UnsupportedOperationException"),
        (
            json!({ "EventDataStore": store, "TrailName": "kept" }),
            "InvalidParameterCombinationException",
        ),
    ] {
        assert_eq!(caller.refused("GetInsightSelectors", members).await.0, exception);
    }
}
