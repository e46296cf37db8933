//! LookupEvents.
#![allow(clippy::needless_pass_by_value)] // JSON is written where it is used

use cairn_api::Quotas;
use expect_test::expect;
use serde_json::{Value, json};

use crate::world::{Client, NOW, World};
use crate::{ACCOUNT, REGION};

const OTHER: &str = "222222222222";
/// Seconds since 1970 at which the world begins.
const SECOND: i64 = NOW / 1_000;
const DAY: i64 = 24 * 3_600;
const KEYS: &str = "EventId, EventName, ReadOnly, Username, ResourceType, ResourceName, EventSource, \
                    AccessKeyId";

/// A record, so many seconds ago.
fn record(id: &str, ago: i64, more: Value) -> Value {
    let time = model::Timestamp::from_millis((SECOND - ago) * 1_000).to_iso_seconds();
    let mut record = json!({ "eventID": id, "eventTime": time, "eventCategory": "Management" });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    record
}

/// The world with some events of an account, each a second older than the one before.
fn world_of(events: &[(&str, Value)]) -> World {
    let world = World::new();
    for (ago, (id, more)) in (0..).zip(events) {
        world.happen(ACCOUNT, REGION, &record(id, ago, more.clone()));
    }
    world
}

/// The ids of the events that are found.
async fn found(client: &Client, members: Value) -> String {
    ids(&client.ok("LookupEvents", members).await)
}

fn ids(answer: &Value) -> String {
    let events = answer["Events"].as_array().unwrap();
    let ids: Vec<&str> = events.iter().map(|event| event["EventId"].as_str().unwrap()).collect();
    ids.join(" ")
}

fn by(key: &str, value: &str) -> Value {
    json!({ "LookupAttributes": [{ "AttributeKey": key, "AttributeValue": value }] })
}

#[tokio::test]
async fn an_event_is_told_with_all_that_is_known_of_it_and_its_record() {
    let world = World::new();
    let record = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE1:amy", "accessKeyId": "ASIAEXAMPLE1",
        },
        "eventTime": "2026-03-09T14:05:05Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "CreateBucket",
        "requestParameters": { "bucketName": "the \"bucket\"" },
        "eventID": "0b3a6c4e-5f2b-4a1e-9d6b-2f0c8c1f7a11",
        "readOnly": false,
        "eventCategory": "Management",
    });
    // Which is not told.
    let mut enriched = record.clone();
    enriched["eventContext"] = json!({ "requestContext": { "aws:ViaAWSService": "false" } });
    world.happen(ACCOUNT, REGION, &enriched);
    let answer = world.caller(ACCOUNT, REGION).send("LookupEvents", "{}".into()).await;
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body).unwrap();
    let escaped = serde_json::to_string(&record.to_string()).unwrap();
    expect![[r#"{"Events":[{"EventId":"0b3a6c4e-5f2b-4a1e-9d6b-2f0c8c1f7a11","EventName":"CreateBucket","ReadOnly":"false","AccessKeyId":"ASIAEXAMPLE1","EventTime":1773065105,"EventSource":"s3.amazonaws.com","Username":"amy","Resources":[{"ResourceType":"AWS::S3::Bucket","ResourceName":"the \"bucket\""}],"CloudTrailEvent":RECORD}]}"#]].assert_eq(&text.replace(&escaped, "RECORD"));
}

#[tokio::test]
async fn what_is_not_known_is_absent_and_nothing_found_is_an_empty_list() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    assert_eq!(client.ok("LookupEvents", json!({})).await, json!({ "Events": [] }));
    world.happen(ACCOUNT, REGION, &json!({ "eventTime": "2026-03-09T14:05:05Z" }));
    let text = r#"{"eventTime":"2026-03-09T14:05:05Z"}"#;
    let event = json!({ "EventTime": SECOND - 1, "Resources": [], "CloudTrailEvent": text });
    assert_eq!(client.ok("LookupEvents", json!({})).await, json!({ "Events": [event] }));
}

#[tokio::test]
async fn events_are_looked_up_by_each_attribute_and_values_are_whole_and_exact() {
    let amy = json!({ "type": "IAMUser", "userName": "amy", "accessKeyId": "AKIAEXAMPLE1" });
    let world = world_of(&[
        ("1", json!({ "userIdentity": amy, "readOnly": true })),
        ("2", json!({ "eventName": "CreateKey", "eventSource": "kms.amazonaws.com" })),
        ("3", json!({ "requestParameters": { "bucketName": "logs" }, "readOnly": false })),
        ("4", json!({ "eventName": "CreateKey", "userIdentity": { "type": "Root" } })),
    ]);
    let client = world.caller(ACCOUNT, REGION);
    for (key, value, expected) in [
        ("EventId", "2", "2"),
        ("EventName", "CreateKey", "2 4"),
        ("EventName", "createKey", ""),
        ("EventName", "Create", ""),
        ("EventSource", "kms.amazonaws.com", "2"),
        ("ReadOnly", "true", "1"),
        ("ReadOnly", "false", "3"),
        ("Username", "amy", "1"),
        ("Username", "root", "4"),
        ("AccessKeyId", "AKIAEXAMPLE1", "1"),
        ("ResourceName", "logs", "3"),
        ("ResourceType", "AWS::S3::Bucket", "3"),
        ("ResourceType", "AWS::No::Thing", ""),
    ] {
        assert_eq!(found(&client, by(key, value)).await, expected, "{key} {value}");
    }
}

#[tokio::test]
async fn the_newest_events_come_first_and_both_ends_of_a_range_belong_to_it() {
    let world = World::new();
    for ago in [3, 0, 2, 1] {
        world.happen(ACCOUNT, REGION, &record(&ago.to_string(), ago, json!({})));
    }
    let client = world.caller(ACCOUNT, REGION);
    let at = |ago: i64| SECOND - ago;
    for (members, expected) in [
        (json!({}), "0 1 2 3"),
        (json!({ "StartTime": at(2) }), "0 1 2"),
        (json!({ "EndTime": at(2) }), "2 3"),
        (json!({ "StartTime": at(2), "EndTime": at(1) }), "1 2"),
        (json!({ "StartTime": at(2), "EndTime": at(2) }), "2"),
        (json!({ "StartTime": "2026-03-09T14:05:04Z", "EndTime": "2026-03-09T14:05:05Z" }), "1 2"),
        // Events tell whole seconds, so whole seconds are compared.
        (json!({ "StartTime": (at(2) as f64) + 0.9, "EndTime": at(1) }), "1 2"),
    ] {
        assert_eq!(found(&client, members.clone()).await, expected, "{members}");
    }
}

#[tokio::test]
async fn ninety_days_are_looked_up_unless_a_start_says_more_and_no_event_is_too_new() {
    let world = World::new();
    for (id, ago) in [("old", 91 * DAY), ("in time", 90 * DAY - 1), ("ahead", -60)] {
        world.happen(ACCOUNT, REGION, &record(id, ago, json!({})));
    }
    let client = world.caller(ACCOUNT, REGION);
    assert_eq!(found(&client, json!({})).await, "ahead in time");
    let since = json!({ "StartTime": SECOND - 100 * DAY });
    assert_eq!(found(&client, since).await, "ahead in time old");
}

#[tokio::test]
async fn an_account_sees_its_own_management_events_of_the_region_that_it_calls() {
    let world = World::new();
    for (id, account, region, category) in [
        ("mine", ACCOUNT, REGION, "Management"),
        ("elsewhere", ACCOUNT, "us-east-1", "Management"),
        ("other's", OTHER, REGION, "Management"),
        ("data", ACCOUNT, REGION, "Data"),
        ("insight", ACCOUNT, REGION, "Insight"),
    ] {
        let more = json!({ "eventCategory": category });
        world.happen(account, region, &record(id, 0, more));
    }
    let caller = |account, region| world.caller(account, region);
    assert_eq!(found(&caller(ACCOUNT, REGION), json!({})).await, "mine");
    assert_eq!(found(&caller(ACCOUNT, "us-east-1"), json!({})).await, "elsewhere");
    assert_eq!(found(&caller(OTHER, REGION), json!({})).await, "other's");
    let insights = json!({ "EventCategory": "insight" });
    assert_eq!(found(&caller(ACCOUNT, REGION), insights).await, "insight");
}

#[tokio::test]
async fn what_is_not_valid_is_refused_with_the_exception_that_says_what() {
    let client = World::new().caller(ACCOUNT, REGION);
    let two = json!({ "LookupAttributes": [
        { "AttributeKey": "EventId", "AttributeValue": "1" },
        { "AttributeKey": "EventId", "AttributeValue": "1" },
    ] });
    let insight = |key: &str| {
        let mut members = by(key, "x");
        members["EventCategory"] = "insight".into();
        members
    };
    let day_ago = SECOND - DAY;
    let told = async |members: Value| {
        let (code, message) = client.refused("LookupEvents", members).await;
        format!("{code}: {message}")
    };
    let attributes = "InvalidLookupAttributesException";
    for (members, message) in [
        (two, "LookupAttributes has 2 attributes, and may have 1. MatchAll: true takes several."),
        (by("eventId", "1"), r#"AttributeKey "eventId" is not known. Use one of KEYS."#),
        (by("Region", "1"), r#"AttributeKey "Region" is not known. Use one of KEYS."#),
        (by("EventId", ""), "The AttributeValue of EventId has 0 characters. Use 1 to 2000."),
        (
            by("EventId", &"é".repeat(2_001)),
            "The AttributeValue of EventId has 2001 characters. Use 1 to 2000.",
        ),
        (by("ReadOnly", "True"), "The AttributeValue of ReadOnly must be true or false."),
        (
            insight("Username"),
            "Insights are not looked up by Username. Use one of EventId, EventName, EventSource.",
        ),
    ] {
        let message = message.replace("KEYS", KEYS);
        assert_eq!(told(members).await, format!("{attributes}: {message}"));
    }
    for (members, expected) in [
        (
            json!({ "EventCategory": "Insight" }),
            "InvalidEventCategoryException: EventCategory \"Insight\" is not valid. Use insight, or \
             leave it out for management events.",
        ),
        (
            json!({ "MaxResults": 0 }),
            "InvalidMaxResultsException: MaxResults is 0. Use a number from 1 to 50.",
        ),
        (
            json!({ "MaxResults": 51 }),
            "InvalidMaxResultsException: MaxResults is 51. Use a number from 1 to 50.",
        ),
        (
            json!({ "MaxResults": -1 }),
            "InvalidMaxResultsException: MaxResults is -1. Use a number from 1 to 50.",
        ),
        (
            json!({ "StartTime": SECOND + 2 }),
            "InvalidTimeRangeException: StartTime 2026-03-09T14:05:08Z is in the future.",
        ),
        (
            json!({ "StartTime": SECOND, "EndTime": day_ago }),
            "InvalidTimeRangeException: StartTime 2026-03-09T14:05:06Z is after EndTime \
             2026-03-08T14:05:06Z.",
        ),
        (
            json!({ "EndTime": SECOND - 91 * DAY }),
            "InvalidTimeRangeException: StartTime 2025-12-09T14:05:06Z, 90 days ago by default, is \
             after EndTime 2025-12-08T14:05:06Z.",
        ),
        (
            json!({ "NextToken": "" }),
            "InvalidNextTokenException: NextToken is not valid. Use the one of the page before, with \
             the same parameters, or none.",
        ),
    ] {
        assert_eq!(told(members).await, expected);
    }
    for members in [by("EventId", &"é".repeat(2_000)), by("EventName", &"_".repeat(1_001))] {
        assert_eq!(found(&client, members).await, "");
    }
    for members in [
        json!({ "MaxResults": "5" }),
        json!({ "LookupAttributes": {} }),
        json!({ "StartTime": "yesterday" }),
        json!({ "MatchAll": "true" }),
    ] {
        let (code, _) = client.refused("LookupEvents", members.clone()).await;
        assert_eq!(code, "SerializationException", "{members}");
    }
}

fn crowd(world: &World, from: i64, to: i64) {
    for number in from..to {
        let name = if number % 3 == 0 { "Third" } else { "Other" };
        let record = record(&number.to_string(), to - number, json!({ "eventName": name }));
        world.happen(ACCOUNT, REGION, &record);
    }
}

/// The ids on all pages, and how many each has.
async fn pages(client: &Client, mut members: Value) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let answer = client.ok("LookupEvents", members.clone()).await;
        let ids = ids(&answer);
        let ids: Vec<&str> = ids.split_whitespace().collect();
        sizes.push(ids.len());
        all.extend(ids.into_iter().map(str::to_owned));
        match answer.get("NextToken") {
            Some(token) => members["NextToken"] = token.clone(),
            None => return (all, sizes),
        }
    }
}

#[tokio::test]
async fn many_events_come_in_pages_of_fifty_or_of_as_many_as_are_wanted() {
    let world = World::new();
    crowd(&world, 0, 150);
    let client = world.caller(ACCOUNT, REGION);
    let expected: Vec<String> = (0..150).rev().map(|number| number.to_string()).collect();
    assert_eq!(pages(&client, json!({})).await, (expected.clone(), vec![50, 50, 50]));
    let (all, sizes) = pages(&client, json!({ "MaxResults": 40 })).await;
    assert_eq!((all, sizes), (expected, vec![40, 40, 40, 30]));
    let (all, sizes) = pages(&client, by("EventName", "Third")).await;
    assert_eq!((all.len(), sizes), (50, vec![50]));
}

#[tokio::test]
async fn events_that_arrive_between_two_pages_move_no_other() {
    let world = World::new();
    crowd(&world, 0, 100);
    let client = world.caller(ACCOUNT, REGION);
    let first = client.ok("LookupEvents", json!({})).await;
    world.happen(ACCOUNT, REGION, &record("newer", -1, json!({})));
    let second = client.ok("LookupEvents", json!({ "NextToken": first["NextToken"] })).await;
    let expected: Vec<String> = (0..50).rev().map(|number| number.to_string()).collect();
    assert_eq!(ids(&second), expected.join(" "));
    assert_eq!(second.get("NextToken"), None);
}

#[tokio::test]
async fn a_token_is_good_for_the_same_parameters_of_the_same_caller_only() {
    let world = World::new();
    crowd(&world, 0, 100);
    let client = world.caller(ACCOUNT, REGION);
    let mut members = by("EventName", "Other");
    members["MaxResults"] = 10.into();
    let token = client.ok("LookupEvents", members.clone()).await["NextToken"].clone();
    members["NextToken"] = token.clone();
    // How many are wanted is no part of what is wanted.
    members["MaxResults"] = 20.into();
    client.ok("LookupEvents", members.clone()).await;
    let with = |name: &str, value: Value| {
        let mut members = members.clone();
        members[name] = value;
        members
    };
    let other_attribute = by("EventName", "Third")["LookupAttributes"].clone();
    let text = token.as_str().unwrap();
    for members in [
        json!({ "NextToken": token }),
        with("LookupAttributes", other_attribute),
        with("StartTime", (SECOND - DAY).into()),
        with("EndTime", SECOND.into()),
        with("Regions", json!(["ALL"])),
        with("NextToken", text[1..].into()),
        with("NextToken", format!("{text}A").into()),
    ] {
        let refused = client.refused("LookupEvents", members.clone()).await;
        assert_eq!(refused.0, "InvalidNextTokenException", "{members}");
    }
    for (account, region) in [(OTHER, REGION), (ACCOUNT, "us-east-1")] {
        let refused = world.caller(account, region).refused("LookupEvents", members.clone()).await;
        assert_eq!(refused.0, "InvalidNextTokenException", "{account} {region}");
    }
}

#[tokio::test]
async fn what_goes_beyond_aws_is_shown_to_nobody_unseen_and_the_rest_is_found_though_the_journal_is_full()
 {
    let world = world_of(&[("1", json!({}))]).with_organization(ACCOUNT, &[OTHER]);
    let client = world.caller(ACCOUNT, REGION);
    world.fill_journal();
    assert_eq!(found(&client, json!({})).await, "1");
    assert_eq!(found(&client, by("EventId", "1")).await, "1");
    for members in [
        json!({ "AccountIds": ["ALL"] }),
        json!({ "AccountIds": [ACCOUNT] }),
        json!({ "Regions": ["ALL"] }),
        json!({ "EventCategories": ["ALL"] }),
        json!({ "MatchAll": true }),
    ] {
        let answer = client.send("LookupEvents", members.to_string()).await;
        let body = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, 503, "{members}: {body}");
        assert!(body.contains("ServiceUnavailable") && !body.contains("EventId"), "{body}");
    }
    let (code, _) = client.refused("LookupEvents", json!({ "AccountIds": ["1"] })).await;
    assert_eq!(code, "ValidationException", "what is wrong with it is told all the same");
    assert_eq!(world.unrecorded(), 8);
}

#[tokio::test]
async fn a_page_that_grows_too_long_ends_early_and_the_next_goes_on() {
    let world = World::new();
    for number in 0..30 {
        let more = json!({ "annotation": "x".repeat(200_000) });
        world.happen(ACCOUNT, REGION, &record(&number.to_string(), number, more));
    }
    let (all, sizes) = pages(&world.caller(ACCOUNT, REGION), json!({})).await;
    let expected: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    assert_eq!((all, sizes), (expected, vec![11, 11, 8]));
}

#[tokio::test]
async fn a_lookup_is_recorded_with_small_first_letters_and_times_as_texts() {
    let world = World::new();
    let client = world.caller(ACCOUNT, REGION);
    let mut members = by("EventName", "CreateKey");
    members["StartTime"] = json!(SECOND as f64 - 59.25);
    members["EndTime"] = json!(SECOND);
    members["MaxResults"] = json!(5);
    client.ok("LookupEvents", members).await;
    client.refused("LookupEvents", json!({ "MaxResults": 51 })).await;
    let told: Vec<Value> = world
        .records()
        .iter()
        .map(|record| {
            json!([
                record["eventName"],
                record["errorCode"],
                record["readOnly"],
                record["requestParameters"],
                record["responseElements"],
            ])
        })
        .collect();
    let lookup = json!({
        "lookupAttributes": [{ "attributeKey": "EventName", "attributeValue": "CreateKey" }],
        "startTime": "2026-03-09T14:04:06Z", "endTime": "2026-03-09T14:05:06Z", "maxResults": 5,
    });
    let refused = json!({ "maxResults": 51 });
    assert_eq!(
        told,
        [
            json!(["LookupEvents", null, true, lookup, null]),
            json!(["LookupEvents", "InvalidMaxResultsException", true, refused, null]),
        ]
    );
}

#[tokio::test]
async fn policies_decide_who_looks_up() {
    let world = world_of(&[("1", json!({}))]);
    let statement = |effect: &str, action: &str| json!([{ "Effect": effect, "Action": action, "Resource": "*" }]);
    let allowed = world.user(ACCOUNT, REGION, &statement("Allow", "cloudtrail:LookupEvents"));
    assert_eq!(found(&allowed, json!({})).await, "1");
    let denied = world.user(ACCOUNT, REGION, &statement("Allow", "cloudtrail:Describe*"));
    let (code, message) = denied.refused("LookupEvents", by("EventName", "x")).await;
    assert_eq!(code, "AccessDeniedException");
    expect!["User: arn:aws:iam::111111111111:user/amy is not authorized to perform: cloudtrail:LookupEvents on resource: * because no identity-based policy allows the cloudtrail:LookupEvents action"].assert_eq(&message);
    assert_eq!(world.records().pop().unwrap()["requestParameters"], Value::Null);
}

#[tokio::test]
async fn a_rate_that_the_operator_sets_holds_for_each_account_and_region() {
    let world = World::with_quotas(Quotas { lookups_per_second: 2, ..Quotas::default() });
    let client = world.caller(ACCOUNT, REGION);
    for _ in 0..2 {
        client.ok("LookupEvents", json!({})).await;
    }
    let refused = client.refused("LookupEvents", json!({})).await;
    assert_eq!(refused, ("ThrottlingException".into(), "Rate exceeded".into()));
    world.caller(OTHER, REGION).ok("LookupEvents", json!({})).await;
    world.caller(ACCOUNT, "us-east-1").ok("LookupEvents", json!({})).await;
    world.pass(500);
    client.ok("LookupEvents", json!({})).await;
    client.refused("LookupEvents", json!({})).await;
    // There is none unless it is set.
    let world = World::new();
    for _ in 0..100 {
        world.caller(ACCOUNT, REGION).ok("LookupEvents", json!({})).await;
    }
}

mod beyond_aws {
    use super::*;

    const MEMBER: &str = "333333333333";

    #[tokio::test]
    async fn events_with_several_attributes_at_once() {
        let amy = json!({ "type": "IAMUser", "userName": "amy" });
        let world = world_of(&[
            ("1", json!({ "userIdentity": amy, "eventName": "CreateKey" })),
            ("2", json!({ "userIdentity": amy, "eventName": "DeleteKey" })),
            ("3", json!({ "eventName": "CreateKey" })),
        ]);
        let client = world.caller(ACCOUNT, REGION);
        let attribute =
            |key: &str, value: &str| json!({ "AttributeKey": key, "AttributeValue": value });
        let both = [attribute("Username", "amy"), attribute("EventName", "CreateKey")];
        let members = json!({ "MatchAll": true, "LookupAttributes": both });
        assert_eq!(found(&client, members).await, "1");
        let without = json!({ "MatchAll": false, "LookupAttributes": both });
        let (code, message) = client.refused("LookupEvents", without).await;
        assert_eq!(code, "InvalidLookupAttributesException");
        assert!(message.contains("MatchAll"), "{message}");
        let many = vec![attribute("Username", "amy"); 11];
        let members = json!({ "MatchAll": true, "LookupAttributes": many });
        let (code, _) = client.refused("LookupEvents", members).await;
        assert_eq!(code, "InvalidLookupAttributesException");
    }

    #[tokio::test]
    async fn events_of_some_regions_and_of_all() {
        let world = World::new();
        for (ago, region) in (0..).zip(["eu-west-1", "us-east-1", "ap-southeast-2"]) {
            world.happen(ACCOUNT, region, &record(region, ago, json!({})));
            world.happen(OTHER, region, &record("other's", ago, json!({})));
        }
        let client = world.caller(ACCOUNT, REGION);
        for (regions, expected) in [
            (json!(["us-east-1"]), "us-east-1"),
            (json!(["us-east-1", "ap-southeast-2"]), "us-east-1 ap-southeast-2"),
            (json!(["ALL"]), "eu-west-1 us-east-1 ap-southeast-2"),
        ] {
            let members = json!({ "Regions": regions });
            assert_eq!(found(&client, members).await, expected, "{regions}");
        }
        for regions in [json!([]), json!(["Ireland!"]), json!(["ALL", "eu-west-1"])] {
            let (code, message) =
                client.refused("LookupEvents", json!({ "Regions": regions })).await;
            assert_eq!(code, "ValidationException", "{message}");
            assert!(message.contains("Regions"), "{message}");
        }
    }

    #[tokio::test]
    async fn events_of_the_organization_s_accounts_for_those_who_speak_for_it() {
        let world =
            World::new().with_organization(ACCOUNT, &[OTHER, MEMBER]).with_administrators(&[OTHER]);
        for (ago, account) in (0..).zip([ACCOUNT, OTHER, MEMBER, "444444444444"]) {
            world.happen(account, REGION, &record(account, ago, json!({})));
        }
        let accounts = |accounts: Value| json!({ "AccountIds": accounts });
        let all = [ACCOUNT, OTHER, MEMBER].join(" ");
        for account in [ACCOUNT, OTHER] {
            let client = world.caller(account, REGION);
            assert_eq!(found(&client, json!({})).await, account);
            assert_eq!(found(&client, accounts(json!(["ALL"]))).await, all);
            assert_eq!(found(&client, accounts(json!([MEMBER]))).await, MEMBER);
            let foreign = accounts(json!([MEMBER, "444444444444"]));
            let (code, _) = client.refused("LookupEvents", foreign).await;
            assert_eq!(code, "AccessDeniedException");
            let (code, _) = client.refused("LookupEvents", accounts(json!(["1"]))).await;
            assert_eq!(code, "ValidationException");
        }
        let member = world.caller(MEMBER, REGION);
        assert_eq!(found(&member, accounts(json!([MEMBER]))).await, MEMBER);
        for foreign in [json!(["ALL"]), json!([ACCOUNT])] {
            let (code, message) = member.refused("LookupEvents", accounts(foreign)).await;
            assert_eq!(code, "AccessDeniedException");
            assert!(
                message.starts_with("User: arn:aws:iam::333333333333:root is not"),
                "{message}"
            );
        }
        // Without an organization, nobody speaks for anybody else.
        let alone = World::new().caller(ACCOUNT, REGION);
        let (code, _) = alone.refused("LookupEvents", accounts(json!(["ALL"]))).await;
        assert_eq!(code, "AccessDeniedException");
    }

    #[tokio::test]
    async fn events_of_any_category() {
        let world = World::new();
        for (ago, category) in (0..).zip(["Management", "Data", "Insight"]) {
            let more = json!({ "eventCategory": category });
            world.happen(ACCOUNT, REGION, &record(category, ago, more));
        }
        let client = world.caller(ACCOUNT, REGION);
        for (categories, expected) in [
            (json!(["Data"]), "Data"),
            (json!(["Management", "Data"]), "Management Data"),
            (json!(["ALL"]), "Management Data Insight"),
        ] {
            let members = json!({ "EventCategories": categories });
            assert_eq!(found(&client, members).await, expected, "{categories}");
        }
        for members in [
            json!({ "EventCategories": ["data"] }),
            json!({ "EventCategories": [] }),
            json!({ "EventCategories": ["Data"], "EventCategory": "insight" }),
        ] {
            let (code, message) = client.refused("LookupEvents", members).await;
            assert_eq!(code, "InvalidEventCategoryException", "{message}");
        }
    }

    #[tokio::test]
    async fn larger_pages() {
        let world = World::new();
        crowd(&world, 0, 1_200);
        let client = world.caller(ACCOUNT, REGION);
        let members = json!({ "MaxResults": 1_000, "Regions": [REGION] });
        let (all, sizes) = pages(&client, members).await;
        assert_eq!((all.len(), sizes), (1_200, vec![1_000, 200]));
        let too_large = json!({ "MaxResults": 1_001, "Regions": [REGION] });
        let (code, message) = client.refused("LookupEvents", too_large).await;
        assert_eq!(code, "InvalidMaxResultsException");
        assert!(message.contains("1 to 1000"), "{message}");
    }
}
