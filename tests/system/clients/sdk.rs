//! AWS's SDK for Rust: typed answers, typed errors, pages and times.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::error::ProvideErrorMetadata;
use aws_sdk_cloudtrail::operation::RequestId;
use aws_sdk_cloudtrail::primitives::{DateTime, DateTimeFormat as Format};
use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector, AdvancedFieldSelector, EventSelector, ReadWriteType, Tag,
};

use crate::support::cairn::{Cairn, Site};
use crate::support::localstack::{LocalStack, sdk};

const ACCOUNT: &str = "610000000001";
const HOME: &str = "eu-west-1";
const REGIONS: [&str; 3] = [HOME, "us-east-1", "ap-southeast-2"];

async fn client(daemon: &Cairn, account: &str, region: &str) -> Client {
    Client::new(&sdk(&daemon.url(""), account, region).await)
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

/// A call must be refused with this exception, whose message contains this text.
macro_rules! refused {
    ($call:expr, $is:ident) => {
        refused!($call, $is, "")
    };
    ($call:expr, $is:ident, $text:expr) => {{
        let error = $call.send().await.unwrap_err();
        let status = error.raw_response().map(|response| response.status().as_u16());
        let error = error.into_service_error();
        assert!(error.$is(), "{error:?}");
        assert_eq!(status, Some(400), "{error:?}");
        assert!(error.request_id().is_some(), "{error:?}");
        let message = error.message().unwrap_or_default();
        assert!(!message.is_empty() && message.contains(&*$text), "{error:?}");
    }};
}

#[tokio::test]
async fn the_sdk_makes_changes_and_deletes_a_trail() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("sdk-trail").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let client = client(&daemon, ACCOUNT, HOME).await;
    let made = client
        .create_trail()
        .name("trail")
        .s3_bucket_name(&bucket)
        .is_multi_region_trail(true)
        .tags_list(tag("team", "audit"))
        .send()
        .await
        .unwrap();
    let arn = format!("arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/trail");
    assert_eq!(made.trail_arn(), Some(arn.as_str()));
    assert_eq!((made.include_global_service_events(), made.s3_key_prefix()), (Some(true), None));
    assert_eq!(made.recursive_logging(), Some(true));

    let updated = client.update_trail().name(&arn).s3_key_prefix("p").send().await.unwrap();
    assert_eq!(updated.s3_key_prefix(), Some("p"));
    let trail = client.get_trail().name("trail").send().await.unwrap().trail.unwrap();
    assert_eq!((trail.home_region(), trail.s3_key_prefix()), (Some(HOME), Some("p")));
    let described = client.describe_trails().trail_name_list("trail").trail_name_list("unknown");
    assert_eq!(described.send().await.unwrap().trail_list(), [trail]);
    client.delete_trail().name("trail").send().await.unwrap();
    assert!(client.describe_trails().send().await.unwrap().trail_list().is_empty());
    daemon.stop().await;
}

#[tokio::test]
async fn the_sdk_tells_errors_apart_by_their_types() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("sdk-errors").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let [home, other, _] = REGIONS;
    let elsewhere = client(&daemon, ACCOUNT, other).await;
    let client = client(&daemon, ACCOUNT, home).await;
    let create = |name: &str| client.create_trail().name(name).s3_bucket_name(&bucket);
    let arn = create("trail").send().await.unwrap().trail_arn.unwrap();

    let text = format!("Trail trail already exists for customer: {ACCOUNT}");
    refused!(create("trail"), is_trail_already_exists_exception, text);
    refused!(create("a--b"), is_invalid_trail_name_exception);
    let missing = localstack.name("missing");
    let text = format!("S3 bucket {missing} does not exist!");
    let lost = create("second").s3_bucket_name(&missing);
    refused!(lost, is_s3_bucket_does_not_exist_exception, text);
    let untold = create("second").sns_topic_name("no-such-topic");
    refused!(untold, is_insufficient_sns_topic_policy_exception);
    let regional = create("second").is_multi_region_trail(true);
    let regional = regional.include_global_service_events(false);
    refused!(regional, is_invalid_parameter_combination_exception);
    let text = format!("Unknown trail: unknown for the user: {ACCOUNT}");
    refused!(client.get_trail().name("unknown"), is_trail_not_found_exception, text);
    let bucket = client.delete_trail().name("arn:aws:s3:::bucket");
    refused!(bucket, is_cloud_trail_arn_invalid_exception);
    refused!(elsewhere.stop_logging().name(&arn), is_invalid_home_region_exception);
    let none = client.put_event_selectors().trail_name("trail").set_event_selectors(Some(vec![]));
    refused!(none, is_invalid_event_selectors_exception);
    let twice = client.add_tags().resource_id(&arn).tags_list(tag("a", "1"));
    refused!(twice.tags_list(tag("a", "2")), is_invalid_tag_parameter_exception);
    let query = client.generate_query().event_data_stores("store").prompt("any");
    refused!(query, is_unsupported_operation_exception, "GenerateQuery");
    daemon.stop().await;
}

#[tokio::test]
async fn the_sdk_pages_through_trails_and_tags_of_three_regions() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("sdk-pages").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let mut arns = Vec::new();
    for region in REGIONS {
        let client = client(&daemon, ACCOUNT, region).await;
        let create = client.create_trail().name(format!("in-{region}")).s3_bucket_name(&bucket);
        let create = create.is_multi_region_trail(true);
        let made = create.tags_list(tag("region", region)).send().await.unwrap();
        arns.push(made.trail_arn.unwrap());
    }
    arns.sort();
    let client = client(&daemon, ACCOUNT, HOME).await;
    let mut pages = client.list_trails().into_paginator().items().send();
    let mut listed = Vec::new();
    while let Some(trail) = pages.next().await {
        listed.push(trail.unwrap().trail_arn.unwrap());
    }
    listed.sort();
    assert_eq!(listed, arns);
    let own = format!("arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/in-{HOME}");
    let mut pages = client.list_tags().resource_id_list(&own).into_paginator().items().send();
    let tags = pages.next().await.unwrap().unwrap();
    assert_eq!((tags.resource_id(), tags.tags_list()), (Some(&*own), &[tag("region", HOME)][..]));
    assert!(pages.next().await.is_none());
    daemon.stop().await;
}

#[tokio::test]
async fn the_sdk_reads_times_as_numbers_and_as_texts() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("sdk-times").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let client = client(&daemon, ACCOUNT, HOME).await;
    client.create_trail().name("trail").s3_bucket_name(&bucket).send().await.unwrap();
    let fresh = client.get_trail_status().name("trail").send().await.unwrap();
    assert_eq!((fresh.is_logging(), fresh.start_logging_time()), (Some(false), None));
    assert_eq!(fresh.time_logging_started(), Some(""));

    client.start_logging().name("trail").send().await.unwrap();
    client.stop_logging().name("trail").send().await.unwrap();
    let status = client.get_trail_status().name("trail").send().await.unwrap();
    let [started, stopped] =
        [status.start_logging_time(), status.stop_logging_time()].map(Option::unwrap);
    assert!(started <= stopped, "{status:?}");
    for (time, text) in
        [(started, status.time_logging_started()), (stopped, status.time_logging_stopped())]
    {
        let seconds = DateTime::from_secs(time.secs()).fmt(Format::DateTime).unwrap();
        assert_eq!(text, Some(seconds.as_str()));
    }
    daemon.stop().await;
}

#[tokio::test]
async fn the_sdk_puts_and_gets_both_kinds_of_selectors() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("sdk-selectors").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let client = client(&daemon, ACCOUNT, HOME).await;
    client.create_trail().name("trail").s3_bucket_name(&bucket).send().await.unwrap();
    let basic = EventSelector::builder().read_write_type(ReadWriteType::WriteOnly).build();
    let put = client.put_event_selectors().trail_name("trail").event_selectors(basic);
    assert!(put.send().await.unwrap().advanced_event_selectors().is_empty());
    let got = client.get_event_selectors().trail_name("trail").send().await.unwrap();
    let [kept] = got.event_selectors() else { panic!("{got:?}") };
    assert_eq!(kept.read_write_type(), Some(&ReadWriteType::WriteOnly));
    assert_eq!(kept.include_management_events(), Some(true));

    let field = |name: &str, value: &str| {
        AdvancedFieldSelector::builder().field(name).equals(value).build().unwrap()
    };
    let advanced = AdvancedEventSelector::builder()
        .field_selectors(field("eventCategory", "Data"))
        .field_selectors(field("resources.type", "AWS::S3::Object"))
        .build()
        .unwrap();
    let put = client.put_event_selectors().trail_name("trail");
    let put = put.advanced_event_selectors(advanced.clone()).send().await.unwrap();
    assert_eq!(put.advanced_event_selectors(), std::slice::from_ref(&advanced));
    let got = client.get_event_selectors().trail_name("trail").send().await.unwrap();
    assert_eq!((got.event_selectors(), got.advanced_event_selectors()), (&[][..], &[advanced][..]));
    daemon.stop().await;
}
