//! A bucket that is not there yet: files wait on disk, and go out when it is.

use serde_json::Value;

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{Trail, fan_out, trails};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;
use crate::support::wait::{eventually, promptly};

const ACCOUNT: &str = "760000000001";
const NEIGHBOUR: &str = "760000000002";

#[tokio::test]
async fn files_for_a_missing_bucket_are_parked_and_arrive_once_when_it_is_made() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (missing, present) = (localstack.name("missing"), localstack.bucket("present").await);
    let topic = localstack.topic("parked");
    let all = [
        Trail::new("waits", ACCOUNT, "eu-west-1", &missing).multi_region().topic(&topic),
        Trail::new("goes", NEIGHBOUR, "eu-west-1", &present).multi_region(),
    ];
    let queues = fan_out(&topic, &localstack.name("enveloped"), &localstack.name("raw"));
    let site = Site::new(&format!("{}{queues}", trails(&all)));
    let daemon = site.start().await;
    let raw = localstack.queue_of_fan_out("raw").await;
    assert_eq!(raw.take_all(1).await, ["CloudTrail validation message."]);

    let regions = ["eu-west-1", "us-east-1", "ap-south-1"];
    let of = |account: &str, begin| -> Vec<String> {
        regions.iter().zip(begin..).map(|(region, n)| event(account, region, n)).collect()
    };
    let mut sent = of(ACCOUNT, 0);
    daemon.record(&sent).await;
    daemon.record(&of(NEIGHBOUR, 0)).await;
    eventually("the neighbour's files are there and the others are parked", async || {
        let metrics = daemon.metrics().await;
        let parked =
            metrics.sum("cairn_parked_items") == 3 && metrics.sum("cairn_trail_files") == 3;
        let is_retired = metrics.sum("cairn_journal_sealed_segments") == 0;
        metrics.conserved();
        (parked && is_retired).then_some(())
    })
    .await;
    let health = daemon.get("/readyz").await;
    assert_eq!(health.status, 200, "what is parked is safe: {}", health.text());
    let warning = health.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.contains("trail/waits") && warning.contains("NoSuchBucket"), "{warning}");
    assert_eq!(raw.held().await, 0, "nothing is announced that is not there");

    // Parked files outlive the daemon.
    daemon.kill();
    let daemon = site.start().await;
    let recovered = daemon.assert_conserved().await;
    let found: Vec<(u64, u64)> = recovered.values().map(|it| (it.recorded, it.waiting)).collect();
    assert_eq!(
        found,
        [(3, 3), (0, 0)],
        "what is parked is recorded, and nothing else: {recovered:?}"
    );
    sent.extend(of(ACCOUNT, 10));
    daemon.record(&sent[3..]).await;
    localstack.s3.create_bucket().bucket(&missing).send().await.unwrap();
    let metrics = daemon.settle().await;
    assert_eq!(metrics.sum("cairn_trail_delivered_events"), 6);
    let health: Value = daemon.get("/readyz").await.json();
    assert_eq!(health, serde_json::json!({"status": "ready", "problems": [], "warnings": []}));
    daemon.stop().await;

    let bucket = Bucket::read(&localstack, &missing, ("", "")).await;
    sent.sort();
    assert_eq!(bucket.records(), sent);
    // A trail that is as it was is not validated again: there is nothing beside the notices.
    let mut announced = raw.take_all(6).await;
    announced.sort();
    let keys = bucket.keys();
    let expected =
        keys.iter().map(|key| format!(r#"{{"s3Bucket":"{missing}","s3ObjectKey":["{key}"]}}"#));
    assert_eq!(announced, expected.collect::<Vec<_>>(), "each file is announced once");
}

#[tokio::test]
async fn a_start_counts_an_event_once_that_is_both_in_the_journal_and_parked() {
    let Some(localstack) = LocalStack::find().await else { return };
    let missing = localstack.name("never");
    let site =
        Site::new(&Trail::new("waits", ACCOUNT, "eu-west-1", &missing).multi_region().to_string());
    let parked = || std::fs::read_dir(site.data().join("spill")).unwrap().count();
    let mut daemon = site.start().await;
    for crash in 1..=6 {
        let before = parked();
        daemon.record(&[event(ACCOUNT, "eu-west-1", crash)]).await;
        // Its batch is retired a moment later, or not any more.
        promptly("the file is parked", async || (parked() > before).then_some(())).await;
        daemon.kill();
        daemon = site.start().await;
        let balances = daemon.assert_conserved().await;
        let found: Vec<(u64, u64)> =
            balances.values().map(|balance| (balance.recorded, balance.waiting)).collect();
        assert_eq!(found, [(crash as u64, crash as u64)], "{balances:?}");
    }
    daemon.stop().await;
}
