//! ListPublicKeys.

use serde_json::{Value, json};

use crate::world::{Client, World};
use crate::{ACCOUNT, REGION};

/// The second in which a world begins, in the middle of [`NOW`](crate::world::NOW).
const SECOND: f64 = 1_773_065_106.789;

/// A Region with a key of the past, two that overlap now, and one of the future; and another Region.
fn world() -> World {
    let world = World::new();
    world.publish(REGION, b"past", [-300, -200]);
    world.publish(REGION, b"old", [-100, 10]);
    world.publish(REGION, b"new", [-10, 100]);
    world.publish(REGION, b"future", [200, 300]);
    world.publish("eu-central-1", b"elsewhere", [-300, 300]);
    world
}

fn client() -> Client {
    world().caller(ACCOUNT, REGION)
}

/// What the keys are that a call is told of.
async fn listed(client: &Client, members: Value) -> Vec<String> {
    let answer = client.ok("ListPublicKeys", members).await;
    let keys = answer["PublicKeyList"].as_array().unwrap();
    keys.iter().map(|key| key["Value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_key_is_told_byte_for_byte_as_clients_expect_it() {
    let world = World::new();
    world.publish(REGION, b"key", [-1, 1]);
    let answer = world.caller(ACCOUNT, REGION).send("ListPublicKeys", String::new()).await;
    let expected = "{\"PublicKeyList\":[{\"Fingerprint\":\"3c6e0b8a9c15224a8228b9a98ca1531d\",\
                    \"ValidityEndTime\":1773065107.789,\"ValidityStartTime\":1773065105.789,\
                    \"Value\":\"a2V5\"}]}";
    assert_eq!((answer.status, std::str::from_utf8(&answer.body).unwrap()), (200, expected));
}

#[tokio::test]
async fn what_is_valid_at_some_moment_of_the_time_asked_for_is_listed() {
    let client = client();
    let between =
        |from: f64, to: f64| json!({ "StartTime": SECOND + from, "EndTime": SECOND + to });
    for (members, keys) in [
        (json!({}), "old new"),
        (json!({ "NextToken": "invalid" }), "old new"),
        (between(0.0, 0.0), "old new"),
        (between(-250.0, -250.0), "past"),
        (between(-150.0, -150.0), ""),
        // Both ends count.
        (between(-200.0, -100.0), "past old"),
        (between(-199.999, -100.001), ""),
        (between(-1_000.0, 1_000.0), "past old new future"),
        // What is not given is now.
        (json!({ "StartTime": SECOND - 1_000.0 }), "past old new"),
        (json!({ "EndTime": SECOND + 1_000.0 }), "old new future"),
    ] {
        let expected: Vec<String> = keys.split_whitespace().map(base64).collect();
        assert_eq!(listed(&client, members.clone()).await, expected, "{members}");
    }
}

#[tokio::test]
async fn times_are_taken_in_all_forms_that_sdks_send() {
    let client = client();
    // The old and the new key are valid together until 14:05:16.789.
    for (time, keys) in [
        ("1773065116", 2),
        ("1773065117", 1),
        ("1773065116.789", 2),
        ("1.773065116E9", 2),
        ("1.773065117e+9", 1),
        (r#""2026-03-09T14:05:16Z""#, 2),
        (r#""2026-03-09T14:05:16.790Z""#, 1),
        ("0", 0),
        ("-5", 0),
        ("1e300", 0),
    ] {
        let body = format!(r#"{{"StartTime":{time},"EndTime":{time}}}"#);
        let answer = client.send("ListPublicKeys", body).await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            answer["PublicKeyList"].as_array().map(Vec::len),
            Some(keys),
            "{time}: {answer}"
        );
    }
}

#[tokio::test]
async fn what_is_no_time_is_refused_by_name() {
    let client = client();
    for member in ["StartTime", "EndTime"] {
        for value in
            [json!("yesterday"), json!(true), json!([1]), json!("2026-03-09T14:05:16+01:00")]
        {
            let (code, message) = client.refused("ListPublicKeys", json!({ member: value })).await;
            assert_eq!(code, "SerializationException", "{value}");
            let expected = "expected a number of seconds since 1970, or a text such as \
                            2026-05-04T03:02:01Z";
            assert_eq!(message, format!("{member}: {expected}"), "{value}");
        }
    }
}

#[tokio::test]
async fn a_start_after_the_end_is_refused() {
    let client = client();
    for (members, text) in [
        (json!({ "StartTime": 2, "EndTime": 1 }), "1970-01-01T00:00:02Z"),
        (json!({ "EndTime": SECOND - 1.0 }), "2026-03-09T14:05:05Z"),
        (json!({ "StartTime": SECOND + 1.0 }), "2026-03-09T14:05:07Z"),
    ] {
        let (code, message) = client.refused("ListPublicKeys", members).await;
        assert_eq!(code, "InvalidTimeRangeException");
        assert!(
            message.contains(text) && message.contains("occurs after the end time"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn every_account_is_told_the_keys_of_its_region_and_of_no_other() {
    let world = world();
    for account in [ACCOUNT, "222222222222"] {
        let here = listed(&world.caller(account, REGION), json!({})).await;
        assert_eq!(here, ["old", "new"].map(base64));
        let there = listed(&world.caller(account, "eu-central-1"), json!({})).await;
        assert_eq!(there, ["elsewhere"].map(base64));
        let nowhere = world.caller(account, "us-east-1").ok("ListPublicKeys", json!({})).await;
        assert_eq!(nowhere, json!({ "PublicKeyList": [] }));
    }
}

#[tokio::test]
async fn a_call_must_be_allowed_and_is_recorded_as_a_read() {
    let world = world();
    let allow = |action: &str| json!([{ "Effect": "Allow", "Action": action, "Resource": "*" }]);
    let stranger = world.user(ACCOUNT, REGION, &allow("cloudtrail:ListTrails"));
    assert_eq!(stranger.refused("ListPublicKeys", json!({})).await.0, "AccessDeniedException");
    let user = world.user(ACCOUNT, REGION, &allow("cloudtrail:ListPublicKeys"));
    user.ok("ListPublicKeys", json!({ "StartTime": 5 })).await;
    let record = world.records().pop().unwrap();
    let told = ["eventName", "readOnly", "requestParameters", "responseElements"];
    let told = told.map(|member| record[member].clone());
    assert_eq!(
        told,
        [json!("ListPublicKeys"), json!(true), json!({ "startTime": 5 }), json!(null)]
    );
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(text)
}
