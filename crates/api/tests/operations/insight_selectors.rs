//! GetInsightSelectors and PutInsightSelectors.

use serde_json::{Value, json};

use crate::world::{Client, World};

const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept";

fn caller() -> Client {
    World::new().with_trail("111111111111", "eu-west-1", "kept").caller("111111111111", "eu-west-1")
}

fn given(selectors: &Value) -> Value {
    json!({ "TrailName": "kept", "InsightSelectors": selectors })
}

async fn check_none(caller: &Client) {
    let (code, message) =
        caller.refused("GetInsightSelectors", json!({ "TrailName": "kept" })).await;
    let text = format!(
        "Trail {TRAIL} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again."
    );
    assert_eq!((code, message), ("InsightNotEnabledException".into(), text));
    assert_eq!(caller.show("kept").await["HasInsightSelectors"], false);
}

#[tokio::test]
async fn are_kept_told_replaced_and_turned_off() {
    let caller = caller();
    check_none(&caller).await;
    let calls = json!({ "InsightType": "ApiCallRateInsight" });
    let errors = json!({ "InsightType": "ApiErrorRateInsight", "EventCategories": ["Management"] });
    for selectors in [json!([calls]), json!([errors, calls]), json!([errors])] {
        let told = json!({ "TrailARN": TRAIL, "InsightSelectors": selectors });
        assert_eq!(caller.ok("PutInsightSelectors", given(&selectors)).await, told);
        let named = json!({ "TrailName": TRAIL });
        assert_eq!(caller.ok("GetInsightSelectors", named).await, told);
        assert_eq!(caller.show("kept").await["HasInsightSelectors"], true);
    }
    let none = json!({ "TrailARN": TRAIL, "InsightSelectors": [] });
    assert_eq!(caller.ok("PutInsightSelectors", given(&json!([]))).await, none);
    check_none(&caller).await;
}

#[tokio::test]
async fn refusals() {
    let caller = caller();
    let calls = json!({ "InsightType": "ApiCallRateInsight" });
    let categories =
        |list| json!([{ "InsightType": "ApiCallRateInsight", "EventCategories": list }]);
    for (selectors, exception) in [
        (json!([{ "InsightType": "Mood" }]), "InvalidInsightSelectorsException"),
        (json!([calls, calls]), "InvalidInsightSelectorsException"),
        (categories(json!(["NetworkActivity"])), "InvalidInsightSelectorsException"),
        (categories(json!(["Data"])), "InvalidParameterException"),
        (json!([{}]), "ValidationException"),
    ] {
        let (code, _) = caller.refused("PutInsightSelectors", given(&selectors)).await;
        assert_eq!(code, exception, "{selectors}");
    }
    check_none(&caller).await;
    let resources = json!([{ "Type": "AWS::S3::Object", "Values": ["arn:aws:s3"] }]);
    let data = json!({ "TrailName": "kept", "EventSelectors": [{ "DataResources": resources }] });
    caller.ok("PutEventSelectors", data).await;
    caller.ok("PutInsightSelectors", given(&categories(json!(["Data"])))).await;
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
