//! SNS fails: files are delivered all the same, and each is announced when the topic takes notices
//! again.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{Trail, fan_out};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;

const ACCOUNT: &str = "735000000001";

#[tokio::test]
async fn whatever_sns_does_files_are_delivered_and_announced_later() {
    let Some(localstack) = LocalStack::find().await else { return };
    let throttled = || Fault::sns(400, "Throttling");
    let cases = [
        ("sns-down", Fault::CutBefore, "NoAnswer", "nothing answers at the endpoint"),
        ("sns-cut-after", Fault::CutAfter, "NoAnswer", "nothing answers at the endpoint"),
        ("sns-failing", Fault::sns(500, "InternalFailure"), "InternalFailure", "its status page"),
        ("sns-busy", throttled(), "Throttling", "it is asked too often"),
        ("sns-429", Fault::sns(429, "TooManyRequestsException"), "TooManyRequests", "too often"),
        ("sns-forbidden", Fault::sns(403, "AuthorizationError"), "Authorization", "cairn doctor"),
        ("sns-gone", Fault::sns(404, "NotFound"), "NotFound", "list it under [[fanout]]"),
    ];
    join_all(
        cases.map(|(name, fault, code, advice)| check(&localstack, name, fault, code, advice)),
    )
    .await;
}

async fn check(localstack: &LocalStack, name: &str, fault: Fault, code: &str, advice: &str) {
    let bucket = localstack.bucket(name).await;
    let topic = localstack.topic(name);
    let trail = Trail::new("told", ACCOUNT, "eu-west-1", &bucket).multi_region().topic(&topic);
    let [enveloped, raw] = ["enveloped", "raw"].map(|queue| format!("{name}-{queue}"));
    let queues = fan_out(&topic, &localstack.name(&enveloped), &localstack.name(&raw));
    let site = Site::new(&format!("{trail}{queues}"));
    let proxy = Proxy::start().await;
    let daemon = site.start_on(proxy.endpoint()).await;
    let queue = localstack.queue_of_fan_out(&raw).await;
    assert_eq!(queue.take_all(1).await, ["CloudTrail validation message."], "{name}");

    proxy.fail(&[Call::Publish], "", fault);
    let regions = ["eu-west-1", "us-east-1", "ap-south-1"];
    let records: Vec<String> =
        regions.iter().zip(0..).map(|(region, n)| event(ACCOUNT, region, n)).collect();
    daemon.record(&records).await;
    eventually("files are delivered, and notices wait", async || {
        let metrics = daemon.metrics().await;
        metrics.conserved();
        let is_so = metrics.sum("cairn_trail_delivered_events") == 3
            && metrics.sum("cairn_parked_items") == 3
            && metrics.sum("cairn_journal_sealed_segments") == 0;
        is_so.then_some(())
    })
    .await;
    let warning = eventually(&format!("{name}: health says why"), async || {
        let health = daemon.get("/readyz").await;
        assert_eq!(health.status, 200, "{name}: {}", health.text());
        let warning = health.json()["warnings"][0].as_str().unwrap().to_owned();
        warning.contains(code).then_some(warning)
    })
    .await;
    for part in [&topic, "parked and tried again", advice] {
        assert!(warning.contains(part), "{name}: {part}: {warning}");
    }
    daemon.logged(0, "messages for the topic are parked and retried").await;
    assert_eq!(daemon.get("/healthz").await.status, 200);

    proxy.heal();
    let metrics = daemon.settle().await;
    assert_eq!(metrics.sum("cairn_parked_given_up_files"), 0, "{name}");
    let health = daemon.get("/readyz").await.json();
    assert_eq!(health, json!({"status": "ready", "problems": [], "warnings": []}), "{name}");
    daemon.stop().await;
    let read = Bucket::read(localstack, &bucket, ("", "")).await;
    let mut expected = records;
    expected.sort();
    assert_eq!(read.records(), expected, "{name}");
    let mut announced = BTreeSet::new();
    eventually(&format!("{name}: each file is announced"), async || {
        for body in queue.take().await {
            let notice: Value = serde_json::from_str(&body).unwrap();
            announced.insert(notice["s3ObjectKey"][0].as_str().unwrap().to_owned());
        }
        (announced.len() == 3).then_some(())
    })
    .await;
    let keys: BTreeSet<String> = read.keys().into_iter().map(str::to_owned).collect();
    assert_eq!(announced, keys, "{name}");
}
