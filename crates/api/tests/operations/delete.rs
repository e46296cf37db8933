//! DeleteTrail.

use serde_json::json;

use crate::world::World;
use crate::{ACCOUNT, REGION};

#[tokio::test]
async fn a_trail_is_deleted_by_its_name_or_its_arn() {
    let client = World::new().caller(ACCOUNT, REGION);
    for name in ["abc".to_owned(), client.arn("abc")] {
        client.make("abc", json!({})).await;
        client.make("other", json!({})).await;
        assert_eq!(client.ok("DeleteTrail", json!({ "Name": name })).await, json!({}));
        assert_eq!(client.described(json!({})).await, ["other"]);
        let (code, message) = client.refused("DeleteTrail", json!({ "Name": name })).await;
        assert_eq!(code, "TrailNotFoundException");
        assert_eq!(message, format!("Unknown trail: {name} for the user: 111111111111"));
        client.ok("DeleteTrail", json!({ "Name": "other" })).await;
    }
}

#[tokio::test]
async fn a_trail_made_again_begins_anew() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    let fresh = client.make("abc", json!({})).await;
    let status = client.ok("GetTrailStatus", json!({ "Name": "abc" })).await;
    client.ok("UpdateTrail", json!({ "Name": "abc", "S3KeyPrefix": "a" })).await;
    client.ok("StartLogging", json!({ "Name": "abc" })).await;
    client.ok("DeleteTrail", json!({ "Name": "abc" })).await;
    assert_eq!(client.make("abc", json!({})).await, fresh);
    assert_eq!(client.ok("GetTrailStatus", json!({ "Name": "abc" })).await, status);
}

#[tokio::test]
async fn a_trail_of_the_configuration_is_deleted_there_only() {
    let world = World::new().with_configured_trail(ACCOUNT, REGION, "kept");
    let client = world.caller(ACCOUNT, REGION);
    let refused = client.refused("DeleteTrail", json!({ "Name": "kept" })).await;
    assert_eq!(refused.0, "OperationNotPermittedException");
    assert_eq!(client.described(json!({})).await, ["kept"]);
}
