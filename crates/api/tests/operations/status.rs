//! GetTrailStatus.

use cairn_api::TrailStatus;
use model::Timestamp;
use serde_json::{Value, json};

use crate::world::{NOW, World};
use crate::{ACCOUNT, REGION};

fn deprecated() -> Value {
    json!({
        "IsLogging": false,
        "LatestDeliveryAttemptTime": "",
        "LatestDeliveryAttemptSucceeded": "",
        "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "",
        "TimeLoggingStarted": "",
        "TimeLoggingStopped": "",
    })
}

/// `base`, with other members.
fn with(mut base: Value, members: &Value) -> Value {
    base.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    base
}

#[tokio::test]
async fn of_a_new_trail_there_are_only_empty_texts() {
    let client = World::new().caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    for name in ["abc", &client.arn("abc")] {
        assert_eq!(client.ok("GetTrailStatus", json!({ "Name": name })).await, deprecated());
    }
}

#[tokio::test]
async fn the_start_and_the_stop_of_logging_are_told_twice() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    client.make("abc", json!({})).await;
    assert_eq!(client.ok("StartLogging", json!({ "Name": "abc" })).await, json!({}));
    let started = json!({
        "IsLogging": true,
        "StartLoggingTime": 1_773_065_106.789,
        "TimeLoggingStarted": "2026-03-09T14:05:06Z",
    });
    let status = || client.ok("GetTrailStatus", json!({ "Name": "abc" }));
    assert_eq!(status().await, with(deprecated(), &started));
    world.pass(1_000);
    // Again is no start.
    client.ok("StartLogging", json!({ "Name": "abc" })).await;
    assert_eq!(status().await, with(deprecated(), &started));
    assert_eq!(client.ok("StopLogging", json!({ "Name": "abc" })).await, json!({}));
    let stopped = json!({
        "IsLogging": false,
        "StopLoggingTime": 1_773_065_107.789,
        "TimeLoggingStopped": "2026-03-09T14:05:07Z",
    });
    let both = with(with(deprecated(), &started), &stopped);
    assert_eq!(status().await, both);
    world.pass(1_000);
    client.ok("StopLogging", json!({ "Name": "abc" })).await;
    assert_eq!(status().await, both);
}

#[tokio::test]
async fn how_deliveries_fare_is_told_once_something_is_known() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    let group = "arn:aws:logs:eu-west-1:111111111111:log-group:g:*";
    let role = "arn:aws:iam::111111111111:role/r";
    let pair = json!({ "CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role });
    client.make("abc", pair).await;
    let at = |seconds: i64| Some(Timestamp::from_millis(NOW + seconds * 1_000));
    let known = TrailStatus {
        latest_delivery_time: at(1),
        latest_delivery_error: Some("AccessDenied".into()),
        latest_notification_time: at(2),
        latest_notification_error: Some("AuthorizationError".into()),
        latest_cloudwatch_logs_delivery_time: at(3),
        latest_cloudwatch_logs_delivery_error: Some("ResourceNotFoundException".into()),
        latest_digest_delivery_time: at(4),
        latest_digest_delivery_error: Some("AccessDenied".into()),
    };
    world.set_status(&client.arn("abc"), known);
    let told = json!({
        "LatestDeliveryTime": 1_773_065_107.789,
        "LatestDeliveryError": "AccessDenied",
        "LatestDeliveryAttemptTime": "2026-03-09T14:05:07Z",
        "LatestDeliveryAttemptSucceeded": "2026-03-09T14:05:07Z",
        "LatestNotificationTime": 1_773_065_108.789,
        "LatestNotificationError": "AuthorizationError",
        "LatestNotificationAttemptTime": "2026-03-09T14:05:08Z",
        "LatestNotificationAttemptSucceeded": "2026-03-09T14:05:08Z",
        "LatestCloudWatchLogsDeliveryTime": 1_773_065_109.789,
        "LatestCloudWatchLogsDeliveryError": "ResourceNotFoundException",
        "LatestDigestDeliveryTime": 1_773_065_110.789,
        "LatestDigestDeliveryError": "AccessDenied",
    });
    let status = || client.ok("GetTrailStatus", json!({ "Name": "abc" }));
    assert_eq!(status().await, with(deprecated(), &told));
    // The status of a log group goes with it.
    client.ok("UpdateTrail", json!({ "Name": "abc", "CloudWatchLogsLogGroupArn": "" })).await;
    let status = status().await;
    assert_eq!(status.get("LatestCloudWatchLogsDeliveryTime"), None);
    assert_eq!(status.get("LatestCloudWatchLogsDeliveryError"), None);
    assert!(status.get("LatestDeliveryTime").is_some());
}

#[tokio::test]
async fn a_trail_that_is_not_there_is_called_by_its_arn() {
    let client = World::new().caller(ACCOUNT, REGION);
    let message = format!("Unknown trail: {} for the user: 111111111111", client.arn("abc"));
    for name in ["abc", &client.arn("abc")] {
        let refused = client.refused("GetTrailStatus", json!({ "Name": name })).await;
        assert_eq!(refused, ("TrailNotFoundException".into(), message.clone()));
    }
}
