//! A trail's records reach its log group on a real LocalStack, whatever is killed or deleted.

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::Client;
use serde_json::json;

use crate::support::cairn::{Cairn, Site};
use crate::support::generated::event;
use crate::support::localstack::{LocalStack, endpoint, sdk};
use crate::support::wait::eventually;
use crate::trail_status::{call, has, status};

const ACCOUNT: &str = "740000000002";
const REGION: &str = "eu-west-1";
const TIME: &str = "LatestCloudWatchLogsDeliveryTime";
const ERROR: &str = "LatestCloudWatchLogsDeliveryError";

/// The messages of the account's stream; none where there is no stream.
async fn messages(logs: &Client, group: &str) -> Vec<String> {
    let stream = format!("{ACCOUNT}_CloudTrail_{REGION}");
    let events = logs.filter_log_events().log_group_name(group).log_stream_names(stream);
    let Ok(answer) = events.send().await else { return Vec::new() };
    let events = answer.events.unwrap_or_default();
    events.into_iter().map(|event| event.message.unwrap()).collect()
}

/// Waits until records are in the group; others may be too: those of the calls of this test.
async fn holds(logs: &Client, group: &str, records: &[String]) {
    eventually("the log group holds the records", async || {
        let messages: BTreeSet<String> = messages(logs, group).await.into_iter().collect();
        records.iter().all(|record| messages.contains(record)).then_some(())
    })
    .await;
}

async fn trail(daemon: &Cairn, bucket: &str, group: &str) {
    let trail = json!({
        "Name": "logged", "S3BucketName": bucket,
        "CloudWatchLogsLogGroupArn": format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"),
        "CloudWatchLogsRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/CloudTrail_CloudWatchLogs_Role"),
    });
    call(daemon, ACCOUNT, "CreateTrail", &trail).await;
    call(daemon, ACCOUNT, "StartLogging", &json!({ "Name": "logged" })).await;
}

#[tokio::test]
async fn records_reach_the_log_group_though_killed_and_though_the_group_is_gone_for_a_while() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("logged").await;
    let logs = Client::new(&sdk(&endpoint(), ACCOUNT, REGION).await);
    let group = localstack.name("logged");
    logs.create_log_group().log_group_name(&group).send().await.unwrap();
    let site = Site::new("");
    let daemon = site.start().await;
    trail(&daemon, &bucket, &group).await;
    let records: Vec<String> = (0..30).map(|n| event(ACCOUNT, REGION, n)).collect();
    daemon.record(&records[..10]).await;
    holds(&logs, &group, &records[..10]).await;
    has(&daemon, ACCOUNT, "logged", TIME, true).await;

    logs.delete_log_group().log_group_name(&group).send().await.unwrap();
    daemon.record(&records[10..20]).await;
    let waiting = has(&daemon, ACCOUNT, "logged", ERROR, true).await;
    assert_eq!(waiting[ERROR], "ResourceNotFoundException");
    eventually("the files are in S3, and no batch waits for the group", async || {
        let metrics = daemon.metrics().await;
        let is_so = metrics.sum("cairn_journal_sealed_segments") == 0
            && metrics.sum("cairn_trail_waiting_events") == 0;
        is_so.then_some(())
    })
    .await;
    daemon.kill();

    let daemon = site.start().await;
    daemon.record(&records[20..]).await;
    logs.create_log_group().log_group_name(&group).send().await.unwrap();
    holds(&logs, &group, &records[10..]).await;
    has(&daemon, ACCOUNT, "logged", ERROR, false).await;
    assert!(status(&daemon, ACCOUNT, "logged").await.get(TIME).is_some());
    daemon.finish().await;
}
