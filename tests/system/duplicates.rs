//! What is sent again is recognised, also by a daemon that was not there the first time.

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::Trail;
use crate::support::generated::event;
use crate::support::localstack::LocalStack;

const ACCOUNT: &str = "750000000001";

#[tokio::test]
async fn what_is_sent_again_after_a_stop_or_a_crash_is_recorded_once() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("once").await;
    let site = Site::new(&Trail::new("all", ACCOUNT, "eu-west-1", &bucket).to_string());
    let records: Vec<String> = (0..100).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    let (first, second) = records.split_at(50);

    let daemon = site.start().await;
    daemon.record(first).await;
    daemon.finish().await;
    let daemon = site.start().await;
    let again = daemon.send(&records).await;
    assert_eq!(
        (&again["recorded"], &again["duplicates"]),
        (&50.into(), &50.into()),
        "after a stop"
    );
    assert_eq!(daemon.metrics().await.sum("cairn_journal_duplicate_events"), 50);
    daemon.kill();
    // Those of the first daemon are known from what it retired, the others from the journal itself.
    let daemon = site.start().await;
    let again = daemon.send(&records).await;
    assert_eq!(
        (&again["recorded"], &again["duplicates"]),
        (&0.into(), &100.into()),
        "after a crash"
    );
    let twin = second[0].replace("StartInstances", "StopInstances");
    daemon.record(&[&twin]).await; // the same eventID and other content: another event
    daemon.finish().await;

    let mut expected: Vec<&str> =
        records.iter().map(String::as_str).chain([twin.as_str()]).collect();
    expected.sort_unstable();
    assert_eq!(Bucket::read(&localstack, &bucket, ("", "")).await.records(), expected);
}
