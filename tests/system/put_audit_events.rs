//! `PutAuditEvents`, called by AWS's own SDK.

use aws_sdk_cloudtraildata::Client;
use aws_sdk_cloudtraildata::error::ProvideErrorMetadata;
use aws_sdk_cloudtraildata::operation::put_audit_events::PutAuditEventsOutput;
use aws_sdk_cloudtraildata::types::AuditEvent;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::bucket::Bucket;
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::{ALL, Trail};
use crate::support::filing::place;
use crate::support::generated::event;
use crate::support::localstack::{LocalStack, sdk};
use crate::support::records::{all, expected};

const ACCOUNT: &str = "730000000001";
const REGION: &str = "eu-west-1";
/// The limits of one call.
const EVENTS_MAX: usize = 100;
const BYTES_MAX: usize = 1 << 20;

#[tokio::test]
async fn records_put_by_the_sdk_arrive_byte_for_byte_in_their_place() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("sdk").await;
    let records: Vec<String> = all().into_iter().step_by(4).collect();
    let sender = (ACCOUNT, REGION);
    let mut accounts: Vec<String> =
        records.iter().map(|record| place(record, sender).account).collect();
    accounts.sort();
    accounts.dedup();
    let trails: String = accounts
        .iter()
        .map(|account| {
            Trail::new("all", account, "us-east-1", &bucket).multi_region().categories(&ALL)
        })
        .map(|trail| trail.to_string())
        .collect();
    let site = Site::new(&format!("{trails}{}", channel("Custom")));
    let daemon = site.start().await;
    let channel = arn(&daemon).await;
    let client = client(&daemon, "test").await;
    for call in calls(&records) {
        let events =
            call.iter().enumerate().map(|(n, record)| audit_event(&format!("r-{n}"), record, true));
        let answer = put(&client, &channel, events).await;
        assert!(answer.failed().is_empty(), "{:?}", answer.failed());
        for (record, successful) in call.iter().zip(answer.successful()) {
            let record: Value = serde_json::from_str(record).unwrap();
            let named = record["eventID"].as_str().or_else(|| record["eventId"].as_str());
            assert!(named.is_none_or(|named| named == successful.event_id()), "{successful:?}");
        }
        assert_eq!(answer.successful().len(), call.len());
    }
    daemon.finish().await;
    let bucket = Bucket::read(&localstack, &bucket, sender).await;
    assert!(
        bucket.contents(None, None) == expected(&records, sender),
        "S3 differs from what was put"
    );
}

#[tokio::test]
async fn an_event_of_the_integration_schema_goes_to_trails_that_select_activity_and_to_no_others() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("activity").await;
    let default = Trail::new("default", ACCOUNT, REGION, &bucket).prefix("default");
    let activity =
        Trail::new("activity", ACCOUNT, REGION, &bucket).categories(&["ActivityAuditLog"]);
    let site = Site::new(&format!("{default}{activity}{}", channel("Custom")));
    let daemon = site.start().await;
    let channel = arn(&daemon).await;
    let client = client(&daemon, ACCOUNT).await;
    let sent = activity_event().to_string();
    let management = event(ACCOUNT, REGION, 1);
    let events = [audit_event("a", &sent, true), audit_event("b", &management, false)];
    let answer = put(&client, &channel, events.clone()).await;
    assert_eq!(answer.successful().len(), 2, "{answer:?}");
    let again = put(&client, &channel, events).await;
    assert_eq!(answer.successful(), again.successful(), "a retry gets the same eventIDs");
    daemon.finish().await;

    let bucket = Bucket::read(&localstack, &bucket, ("", "")).await;
    let records = bucket.records();
    assert_eq!(records.len(), 2, "each once: {records:?}");
    let folder_of = |prefix| {
        let contents = bucket.contents(prefix, None);
        assert_eq!(contents.len(), 1);
        contents.into_iter().next().map(|(place, events)| (place.folder, events)).unwrap()
    };
    let (folder, events) = folder_of(Some("default"));
    assert_eq!((folder.as_str(), events.keys().next().unwrap()), ("CloudTrail", &management));
    let (folder, events) = folder_of(None);
    assert_eq!(folder, "CloudTrail-ActivityAuditLog");
    let stored = events.into_keys().next().unwrap();
    assert!(stored.contains(&format!(r#""eventData":{sent}"#)), "as it was sent: {stored}");
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored["eventCategory"], "ActivityAuditLog");
    assert_eq!(stored["eventType"], "ActivityLog");
    assert_eq!(stored["eventID"], answer.successful()[0].event_id());
    assert_eq!(stored["recipientAccountId"], ACCOUNT);
    assert_eq!(stored["awsRegion"], REGION);
    assert_eq!(stored["metadata"]["channelARN"], channel);
}

#[tokio::test]
async fn a_bad_event_is_refused_with_its_code_and_spoils_no_other() {
    let site = Site::new(&channel("shop.example"));
    let daemon = site.start().await;
    let channel = arn(&daemon).await;
    let client = client(&daemon, ACCOUNT).await;
    let with = |name: &str, value: Value| {
        let mut event = activity_event();
        event[name] = value;
        event.to_string()
    };
    let without = |name: &str| {
        let mut event = activity_event();
        event.as_object_mut().unwrap().remove(name);
        event.to_string()
    };
    let long = "x".repeat(1025);
    let cases = [
        ("FieldNotFound", without("UID")),
        ("FieldNotFound", without("userIdentity")),
        ("FieldNotFound", with("userIdentity", json!({"type": "x"}))),
        ("FieldNotFound", without("recipientAccountId")),
        ("FieldTooLong", with("eventName", json!(long))),
        ("FieldTooLong", with("requestParameters", json!({"p": "x".repeat(100 * 1024)}))),
        ("InvalidData", with("eventTime", json!("yesterday"))),
        ("InvalidData", with("requestParameters", json!("no object"))),
        ("InvalidData", "{\"UID\":".into()),
        ("InvalidData", "[]".into()),
        ("InvalidRecipient", with("recipientAccountId", json!("999999999999"))),
        ("InvalidEventSource", with("eventSource", json!("other.example"))),
    ];
    let mut events = vec![audit_event("good", &activity_event().to_string(), true)];
    for (number, (_, data)) in cases.iter().enumerate() {
        events.push(audit_event(&number.to_string(), data, false));
    }
    let other = activity_event().to_string();
    let wrong_sum = AuditEvent::builder().id("sum").event_data(other).event_data_checksum("AAAA");
    events.push(wrong_sum.build().unwrap());
    events.push(audit_event("last", &event(ACCOUNT, REGION, 1), true));
    let answer = put(&client, &channel, events).await;
    let good: Vec<&str> = answer.successful().iter().map(|event| event.id()).collect();
    assert_eq!(good, ["good", "last"]);
    let codes: Vec<(&str, &str)> =
        answer.failed().iter().map(|event| (event.id(), event.error_code())).collect();
    let mut expected: Vec<(String, &str)> =
        cases.iter().enumerate().map(|(number, (code, _))| (number.to_string(), *code)).collect();
    expected.push(("sum".into(), "InvalidChecksum"));
    let expected: Vec<(&str, &str)> =
        expected.iter().map(|(id, code)| (id.as_str(), *code)).collect();
    assert_eq!(codes, expected, "{:#?}", answer.failed());
    assert!(answer.failed().iter().all(|event| !event.error_message().is_empty()));
    daemon.stop().await;
}

#[tokio::test]
async fn a_call_that_is_wrong_as_a_whole_is_refused_with_its_exception() {
    let site = Site::new("");
    site.configure_with_interval("1h", &channel("Custom")); // what is recorded stays where it is
    let daemon = site.start().await;
    let channel = arn(&daemon).await;
    let id = channel.rsplit('/').next().unwrap();
    let own = client(&daemon, ACCOUNT).await;
    let stranger = client(&daemon, "999999999999").await;
    let good = |id: &str| audit_event(id, &activity_event().to_string(), false);
    let one = vec![good("a")];
    let unknown = channel.replace(ACCOUNT, "111111111111");
    let topic = "arn:aws:sns:eu-west-1:111111111111:topic";
    let many: Vec<AuditEvent> = (0..=EVENTS_MAX).map(|n| good(&n.to_string())).collect();
    let big = audit_event("big", &"x".repeat(BYTES_MAX + 1), false);
    assert_eq!(code(&own, &channel, one.clone()).await, "");
    assert_eq!(code(&own, id, one.clone()).await, "", "a channel's id names it too");
    for (client, channel, events, expected) in [
        (&own, unknown.as_str(), one.clone(), "ChannelNotFound"),
        (&stranger, &channel, one.clone(), "ChannelNotFound"),
        (&own, topic, one, "InvalidChannelARN"),
        (&own, &channel, vec![good("a"), good("b"), good("a")], "DuplicatedAuditEventId"),
        (&own, &channel, many, "ValidationException"),
        (&own, &channel, vec![big], "ValidationException"),
        (&own, &channel, vec![good("not an id")], "ValidationException"),
        (&own, &channel, vec![], "ValidationException"),
    ] {
        assert_eq!(code(client, channel, events).await, expected, "{channel}");
    }
    assert_eq!(daemon.metrics().await.sum("cairn_journal_open_events"), 1, "only the good one");
    daemon.stop().await;
}

fn channel(source: &str) -> String {
    format!(
        "[[channels]]\nname = \"shop\"\naccount = {ACCOUNT:?}\nregion = {REGION:?}\nsource = {source:?}\n"
    )
}

async fn arn(daemon: &Cairn) -> String {
    daemon.logged(0, "channel takes audit events").await["arn"].as_str().unwrap().into()
}

async fn client(daemon: &Cairn, key: &str) -> Client {
    Client::new(&sdk(&daemon.url(""), key, REGION).await)
}

fn activity_event() -> Value {
    json!({
        "version": "1.0", "userIdentity": {"type": "User", "principalId": "amy", "details": {"team": "ü"}},
        "eventSource": "shop.example", "eventName": "Buy", "eventTime": "2026-01-02T03:04:05Z",
        "UID": "8d7e", "recipientAccountId": ACCOUNT, "sourceIPAddress": "192.0.2.1",
    })
}

fn audit_event(id: &str, data: &str, with_checksum: bool) -> AuditEvent {
    let checksum = with_checksum.then(|| STANDARD.encode(Sha256::digest(data)));
    AuditEvent::builder().id(id).event_data(data).set_event_data_checksum(checksum).build().unwrap()
}

async fn put(
    client: &Client,
    channel: &str,
    events: impl IntoIterator<Item = AuditEvent>,
) -> PutAuditEventsOutput {
    let events = Some(events.into_iter().collect());
    client.put_audit_events().channel_arn(channel).set_audit_events(events).send().await.unwrap()
}

/// The exception's name; empty when there was none.
async fn code(client: &Client, channel: &str, events: Vec<AuditEvent>) -> String {
    let call = client.put_audit_events().channel_arn(channel).set_audit_events(Some(events));
    match call.send().await {
        Ok(answer) => {
            assert!(answer.failed().is_empty(), "{answer:?}");
            String::new()
        }
        Err(error) => {
            let code = error.code().unwrap_or("none").to_owned();
            assert_eq!(error.raw_response().unwrap().status().as_u16(), 400, "{code}");
            code
        }
    }
}

/// Records in portions that one call takes.
fn calls(records: &[String]) -> Vec<&[String]> {
    let mut calls = Vec::new();
    let (mut begin, mut bytes) = (0, 0);
    for (index, record) in records.iter().enumerate() {
        if index - begin == EVENTS_MAX || bytes + record.len() > BYTES_MAX {
            calls.push(&records[begin..index]);
            (begin, bytes) = (index, 0);
        }
        bytes += record.len();
    }
    calls.push(&records[begin..]);
    calls
}
