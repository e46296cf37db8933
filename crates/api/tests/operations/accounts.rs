//! Accounts: whatever one asks about what is another's, it is told what it would be told if nothing
//! were there.

use serde_json::{Value, json};

use crate::world::{Client, World};
use crate::{ACCOUNT, REGION};

const BY_NAME: [&str; 6] =
    ["GetTrail", "GetTrailStatus", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"];

/// What the other account hears about a trail, whatever the trail's name is.
async fn heard(client: &Client, operation: &str, name: &str) -> (String, String) {
    let arn = format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{name}");
    let (code, message) = client.refused(operation, json!({ "Name": arn })).await;
    (code, message.replace(name, "NAME"))
}

#[tokio::test]
async fn what_is_anothers_is_answered_as_what_is_not_there() {
    let world = World::new();
    let owner = world.caller(ACCOUNT, REGION);
    owner.make("secret", json!({ "IsMultiRegionTrail": true })).await;
    let before = world.definitions();
    for region in [REGION, "us-east-1"] {
        let other = world.caller("222222222222", region);
        for operation in BY_NAME {
            let about_theirs = heard(&other, operation, "secret").await;
            assert_eq!(about_theirs, heard(&other, operation, "nothing").await, "{operation}");
            assert_eq!(about_theirs.0, "TrailNotFoundException");
            let by_name = other.refused(operation, json!({ "Name": "secret" })).await;
            assert_eq!(by_name.0, "TrailNotFoundException");
        }
        let lists: [(&str, Value); 3] = [
            ("DescribeTrails", json!({})),
            ("DescribeTrails", json!({ "trailNameList": ["secret", owner.arn("secret")] })),
            ("ListTrails", json!({})),
        ];
        for (operation, members) in lists {
            let answer = other.ok(operation, members).await;
            let list = answer.as_object().unwrap().values().next().unwrap();
            assert_eq!(*list, json!([]), "{operation}");
        }
    }
    assert_eq!(world.definitions(), before);
}

#[tokio::test]
async fn one_name_in_two_accounts_is_two_trails() {
    let world = World::new();
    let (one, other) = (world.caller(ACCOUNT, REGION), world.caller("222222222222", REGION));
    for client in [&one, &other] {
        client.make("shared", json!({ "IsMultiRegionTrail": true })).await;
    }
    other.ok("DeleteTrail", json!({ "Name": "shared" })).await;
    assert_eq!(one.described(json!({})).await, ["shared"]);
}

#[tokio::test]
async fn the_token_of_a_page_opens_nothing_of_anothers() {
    let world = World::new();
    let own = world.caller("222222222222", REGION);
    own.make("own", json!({})).await;
    world.caller("333333333333", REGION).make("secret", json!({})).await;
    // The token is the ARN of a trail of the account before.
    use base64::Engine;
    let token = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(own.arn("own"));
    let page = own.ok("ListTrails", json!({ "NextToken": token })).await;
    assert_eq!(page, json!({ "Trails": [] }));
}

#[tokio::test]
async fn calls_are_recorded_in_the_callers_account_and_region() {
    let world = World::new();
    world.caller(ACCOUNT, REGION).make("abc", json!({})).await;
    let arn = world.caller(ACCOUNT, REGION).arn("abc");
    let other = world.caller("222222222222", "us-east-1");
    other.refused("GetTrail", json!({ "Name": arn })).await;
    let filed: Vec<Value> = world
        .records()
        .iter()
        .map(|record| json!([record["recipientAccountId"], record["awsRegion"]]))
        .collect();
    assert_eq!(filed, [json!([ACCOUNT, REGION]), json!(["222222222222", "us-east-1"])]);
}
