//! StartLogging and StopLogging.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_trail_of_the_configuration_is_changed_there_only() {
    let world = World::new().with_configured_trail("111111111111", "eu-west-1", "kept");
    let caller = world.caller("111111111111", "eu-west-1");
    let refused = caller.call("StopLogging", json!({ "Name": "kept" })).await.unwrap_err();
    assert_eq!(refused.code, "OperationNotPermittedException");
    let records = world.records();
    assert_eq!(records.last().unwrap()["errorCode"], "OperationNotPermittedException");
}
