//! Users may do what their policies allow; a call that is refused is recorded all the same.

use serde_json::{Value, json};

use crate::world::World;

const ACCOUNT: &str = "111111111111";
const REGION: &str = "eu-west-1";
const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/kept";

fn world() -> World {
    World::new().with_configured_trail(ACCOUNT, REGION, "kept").with_tag(TRAIL, "team", "red")
}

fn allow(action: &str, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

fn deny(action: &str) -> Value {
    json!({ "Effect": "Deny", "Action": action, "Resource": "*" })
}

#[tokio::test]
async fn a_user_may_do_what_a_policy_allows_and_none_denies() {
    for (statements, operation, refusal) in [
        (json!([allow("cloudtrail:DescribeTrails", "*")]), "DescribeTrails", None),
        (json!([allow("cloudtrail:*", TRAIL)]), "StopLogging", None),
        (
            json!([allow("cloudtrail:Get*", "*")]),
            "StopLogging",
            Some("because no identity-based policy allows the cloudtrail:StopLogging action"),
        ),
        (
            json!([allow("*", "*"), deny("cloudtrail:StopLogging")]),
            "StopLogging",
            Some("with an explicit deny in an identity-based policy"),
        ),
        (
            json!([allow("cloudtrail:*", &TRAIL.replace("kept", "other"))]),
            "StopLogging",
            Some("because no identity-based policy"),
        ),
        // An operation that Cairn has not must be allowed too.
        (
            json!([allow("cloudtrail:StopLogging", "*")]),
            "LookupEvents",
            Some("because no identity-based policy allows the cloudtrail:LookupEvents action"),
        ),
    ] {
        let user = world().user(ACCOUNT, REGION, &statements);
        let answer = user.call(operation, json!({ "Name": "kept" })).await;
        let Some(refusal) = refusal else {
            // The configuration's trails are changed there: the call was let in.
            let code = answer.err().map(|refused| refused.code);
            assert!(code.is_none_or(|code| code == "OperationNotPermittedException"));
            continue;
        };
        let refused = answer.unwrap_err();
        assert_eq!((refused.code.as_str(), refused.status), ("AccessDeniedException", 400));
        let resource = if operation == "LookupEvents" { "*" } else { TRAIL };
        let text = format!(
            "User: arn:aws:iam::111111111111:user/amy is not authorized to perform: \
             cloudtrail:{operation} on resource: {resource} {refusal}"
        );
        assert!(refused.message.starts_with(&text), "{}", refused.message);
    }
}

#[tokio::test]
async fn conditions_see_where_a_call_comes_from_and_the_tags_of_what_it_names() {
    for (key, value, allows) in [
        ("aws:SourceIp", "127.0.0.1", true),
        ("aws:SourceIp", "192.0.2.1", false),
        ("aws:RequestedRegion", "eu-west-1", true),
        ("aws:RequestedRegion", "eu-west-2", false),
        ("aws:UserAgent", "aws-cli/1.44", true),
        ("aws:SecureTransport", "true", false),
        ("aws:username", "amy", true),
        ("aws:username", "bob", false),
        ("aws:ResourceTag/team", "red", true),
        ("aws:ResourceTag/team", "blue", false),
        ("aws:RequestTag/stage", "prod", true),
        ("aws:RequestTag/stage", "test", false),
    ] {
        let operator = match key {
            "aws:SourceIp" => "IpAddress",
            "aws:SecureTransport" => "Bool",
            _ => "StringEquals",
        };
        let mut statement = allow("*", "*");
        statement["Condition"] = json!({ operator: { key: value } });
        let statements = json!([statement]);
        let user = world().user(ACCOUNT, REGION, &statements);
        let tags = json!([{ "Key": "stage", "Value": "prod" }]);
        let refused = user.call("AddTags", json!({ "ResourceId": TRAIL, "TagsList": tags })).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code != "AccessDeniedException", allows, "{key} {value}");
    }
}

#[tokio::test]
async fn only_the_tags_that_a_call_gives_count_as_its_tags() {
    let mut statement = allow("*", "*");
    statement["Condition"] = json!({ "StringEquals": { "aws:RequestTag/team": "red" } });
    let user = world().user(ACCOUNT, REGION, &json!([statement]));
    let (red, blue) =
        (json!([{ "Key": "team", "Value": "red" }]), json!([{ "Key": "team", "Value": "blue" }]));
    let store = "arn:aws:cloudtrail:eu-west-1:111111111111:eventdatastore/EXAMPLE-f852-4e8f-8bd1-bcf6cEXAMPLE";
    let mut members = json!({ "Name": "shop", "Source": "Custom",
        "Destinations": [{ "Type": "EVENT_DATA_STORE", "Location": store }],
        "TagsList": red, "Tags": blue });
    let refused = user.call("CreateChannel", members.clone()).await.unwrap_err();
    assert_eq!(refused.code, "AccessDeniedException");
    members["Tags"] = red;
    user.call("CreateChannel", members).await.unwrap();
}

#[tokio::test]
async fn a_signature_that_names_no_operation_is_good_for_reads_only() {
    let caller = World::new().with_trail(ACCOUNT, REGION, "kept").caller(ACCOUNT, REGION);
    for (operation, status) in [("GetTrail", 200), ("StopLogging", 400), ("DeleteTrail", 400)] {
        let members = json!({ "Name": "kept" }).to_string();
        let answer = caller.send_with(operation, members, false).await;
        assert_eq!(answer.status, status, "{operation}");
        let body = String::from_utf8(answer.body).unwrap();
        assert_eq!(body.contains("InvalidSignatureException"), status == 400, "{operation}");
    }
}

#[tokio::test]
async fn a_refused_call_is_recorded_without_what_it_named() {
    let world = world();
    let user = world.user(ACCOUNT, REGION, &json!([deny("*")]));
    user.call("StopLogging", json!({ "Name": "kept" })).await.unwrap_err();
    let records = world.records();
    let record = records.last().unwrap();
    assert_eq!(record["errorCode"], "AccessDenied");
    assert_eq!(record["requestParameters"], Value::Null);
    assert_eq!(record["responseElements"], Value::Null);
    assert_eq!(record["eventName"], "StopLogging");
    let identity = &record["userIdentity"];
    assert_eq!((&identity["type"], &identity["userName"]), (&json!("IAMUser"), &json!("amy")));
    assert_eq!(identity["arn"], "arn:aws:iam::111111111111:user/amy");
}

#[tokio::test]
async fn the_root_of_an_account_needs_no_policy() {
    let world = world();
    let root = world.caller(ACCOUNT, REGION);
    assert!(root.call("DescribeTrails", json!({})).await.is_ok());
    assert_eq!(world.records().last().unwrap()["userIdentity"]["type"], "Root");
}
