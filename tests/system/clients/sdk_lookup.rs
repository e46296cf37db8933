//! LookupEvents by AWS's SDK for Rust: typed events and errors, pages while events arrive, a rate.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::error::ProvideErrorMetadata;
use aws_sdk_cloudtrail::types::{
    EventCategory, LookupAttribute, LookupAttributeKey as Key, Resource,
};

use model::Timestamp;

use crate::support::cairn::{Cairn, Site};
use crate::support::localstack::sdk;

const ACCOUNT: &str = "610000000002";
const REGION: &str = "eu-west-1";

async fn client(daemon: &Cairn) -> Client {
    Client::new(&sdk(&daemon.url(""), ACCOUNT, REGION).await)
}

fn by(key: Key, value: &str) -> LookupAttribute {
    LookupAttribute::builder().attribute_key(key).attribute_value(value).build().unwrap()
}

/// An hour ago, in seconds since 1970.
#[allow(clippy::disallowed_methods)] // the daemon compares with its own clock
static BEGIN: LazyLock<i64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() - 3_600
});

/// A record, so many seconds later.
fn record(number: usize) -> String {
    let seconds = *BEGIN + i64::try_from(number).unwrap();
    let time = Timestamp::from_millis(seconds * 1_000).to_iso_seconds();
    serde_json::json!({
        "eventTime": time, "eventSource": "s3.amazonaws.com", "eventName": "CreateBucket",
        "awsRegion": REGION, "recipientAccountId": ACCOUNT, "eventCategory": "Management",
        "eventID": format!("{number}"), "readOnly": false,
        "userIdentity": { "type": "IAMUser", "userName": "amy", "accessKeyId": "AKIAEXAMPLE1" },
        "requestParameters": { "bucketName": "logs" },
    })
    .to_string()
}

#[tokio::test]
async fn the_sdk_reads_an_event() {
    let site = Site::new("");
    let daemon = site.start().await;
    let client = client(&daemon).await;
    let record = record(61);
    daemon.record(&[&record]).await;
    let found = client.lookup_events().lookup_attributes(by(Key::ResourceName, "logs"));
    let found = found.send().await.unwrap();
    let [event] = found.events() else { panic!("{found:?}") };
    assert_eq!(found.next_token(), None);
    assert_eq!((event.event_id(), event.event_name()), (Some("61"), Some("CreateBucket")));
    assert_eq!((event.read_only(), event.username()), (Some("false"), Some("amy")));
    assert_eq!(event.access_key_id(), Some("AKIAEXAMPLE1"));
    assert_eq!(event.event_source(), Some("s3.amazonaws.com"));
    assert_eq!(event.event_time().unwrap().secs(), *BEGIN + 61);
    let bucket = Resource::builder().resource_type("AWS::S3::Bucket").resource_name("logs").build();
    assert_eq!(event.resources(), [bucket]);
    assert_eq!(event.cloud_trail_event(), Some(record.as_str()));
    let insights = client.lookup_events().event_category(EventCategory::Insight).send().await;
    assert!(insights.unwrap().events().is_empty());
    daemon.stop().await;
}

#[tokio::test]
async fn the_sdk_pages_through_events_while_others_arrive() {
    let site = Site::new("");
    let daemon = site.start().await;
    let client = client(&daemon).await;
    let records: Vec<String> = (0..230).map(record).collect();
    daemon.record(&records).await;
    let looked_up = client.lookup_events().lookup_attributes(by(Key::Username, "amy"));
    let mut pages = looked_up.max_results(20).into_paginator().send();
    let mut found = Vec::new();
    let mut next = 230;
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(page.events().len() <= 20);
        found.extend(page.events().iter().map(|event| event.event_id().unwrap().to_owned()));
        // Newer ones, which belong before what was seen.
        let newer: Vec<String> = (next..next + 7).map(record).collect();
        daemon.record(&newer).await;
        next += 7;
    }
    let expected: Vec<String> = (0..230).rev().map(|number| number.to_string()).collect();
    assert_eq!(found, expected);
    let looked_up = client.lookup_events().lookup_attributes(by(Key::EventName, "CreateBucket"));
    let mut pages = looked_up.into_paginator().items().send();
    let mut all = BTreeSet::new();
    while let Some(event) = pages.next().await {
        assert!(all.insert(event.unwrap().event_id.unwrap()), "twice");
    }
    assert_eq!(all.len(), next);
    daemon.stop().await;
}

#[tokio::test]
async fn the_sdk_tells_what_is_wrong_with_a_lookup_by_its_type() {
    let site = Site::new("");
    let daemon = site.start().await;
    let client = client(&daemon).await;
    let error = |call| async {
        let call: aws_sdk_cloudtrail::operation::lookup_events::builders::LookupEventsFluentBuilder =
            call;
        call.send().await.unwrap_err().into_service_error()
    };
    let call = || client.lookup_events();
    let two =
        call().lookup_attributes(by(Key::EventId, "1")).lookup_attributes(by(Key::EventId, "1"));
    assert!(error(two).await.is_invalid_lookup_attributes_exception());
    let unknown = call().lookup_attributes(by(Key::from("Region"), "1"));
    assert!(error(unknown).await.is_invalid_lookup_attributes_exception());
    assert!(error(call().max_results(51)).await.is_invalid_max_results_exception());
    assert!(error(call().next_token("token")).await.is_invalid_next_token_exception());
    let category = call().event_category(EventCategory::from("data"));
    assert!(error(category).await.is_invalid_event_category_exception());
    let [early, late] =
        [1_700_000_000, 1_800_000_000].map(aws_sdk_cloudtrail::primitives::DateTime::from_secs);
    let backwards = call().start_time(late).end_time(early);
    assert!(error(backwards).await.is_invalid_time_range_exception());
    daemon.stop().await;
}

#[tokio::test]
async fn a_rate_that_the_operator_sets_is_aws_s_throttling() {
    let site = Site::new("[quotas]\nlookups_per_second = 1\n");
    let daemon = site.start().await;
    let config = sdk(&daemon.url(""), ACCOUNT, REGION).await;
    let once = aws_sdk_cloudtrail::config::retry::RetryConfig::disabled();
    let config = aws_sdk_cloudtrail::config::Builder::from(&config).retry_config(once).build();
    let client = Client::from_conf(config);
    // Whatever the pace of this test, ten at once are more than one a second.
    let calls = (0..10).map(|_| client.lookup_events().send());
    let answers = futures_util::future::join_all(calls).await;
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert!(!refused.is_empty());
    for error in refused {
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 400);
        let error = error.into_service_error();
        assert_eq!(error.code(), Some("ThrottlingException"));
        assert_eq!(error.message(), Some("Rate exceeded"));
    }
    daemon.stop().await;
}
