//! StartLogging and StopLogging.

use serde_json::json;

use crate::world::World;
use crate::{ACCOUNT, REGION};

#[tokio::test]
async fn logging_is_started_and_stopped_by_name_and_by_arn() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    client.make("other", json!({})).await;
    for name in ["abc".to_owned(), client.arn("abc")] {
        for (operation, is_logging) in
            [("StartLogging", true), ("StartLogging", true), ("StopLogging", false)]
        {
            let answer = client.ok(operation, json!({ "Name": name })).await;
            assert_eq!(answer, json!({}), "{operation} {name}");
            let logging = world.definitions().trails;
            let logging: Vec<bool> = logging.iter().map(|one| one.trail.is_logging).collect();
            assert_eq!(logging, [is_logging, false], "{operation} {name}");
        }
    }
}

#[tokio::test]
async fn a_trail_of_the_configuration_is_changed_there_only() {
    let world = World::new().with_configured_trail(ACCOUNT, REGION, "kept");
    let client = world.caller(ACCOUNT, REGION);
    for operation in ["StartLogging", "StopLogging"] {
        let refused = client.refused(operation, json!({ "Name": "kept" })).await;
        assert_eq!(refused.0, "OperationNotPermittedException");
        let records = world.records();
        let record = records.last().unwrap();
        assert_eq!(record["eventName"], operation);
        assert_eq!(record["errorCode"], "OperationNotPermittedException");
    }
}
