//! Trails that come, go and change while events are recorded: each event goes to the trails that
//! were in force when it was recorded, as they were then.

use crate::support::bucket::Bucket;
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::{Trail, trails};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;

const ACCOUNT: &str = "770000000001";
/// So long that nothing is delivered before the change.
const LONG: &str = "1h";

/// How a daemon gets its new configuration.
#[derive(Clone, Copy, Debug)]
enum Change {
    Reload,
    Restart,
    Crash,
}

impl Change {
    async fn make(self, site: &Site, daemon: Cairn) -> Cairn {
        match self {
            Change::Reload => {
                assert!(daemon.reload().await, "the configuration is good");
                return daemon;
            }
            Change::Restart => daemon.stop().await,
            Change::Crash => drop(daemon.kill()),
        }
        site.start().await
    }
}

#[tokio::test]
async fn a_reload_gives_no_event_to_a_trail_that_was_not_in_force() {
    check(Change::Reload).await;
}

#[tokio::test]
async fn a_restart_gives_no_event_to_a_trail_that_was_not_in_force() {
    check(Change::Restart).await;
}

#[tokio::test]
async fn a_crash_before_the_change_gives_no_event_to_a_trail_that_was_not_in_force() {
    check(Change::Crash).await;
}

async fn check(change: Change) {
    let Some(localstack) = LocalStack::find().await else { return };
    let mut buckets = Vec::new();
    for what in ["kept", "former", "latter", "removed", "added", "switched"] {
        buckets.push(localstack.bucket(what).await);
    }
    let [kept, former, latter, removed, added, switched] = buckets.try_into().unwrap();
    let trail = |name, bucket: &str| Trail::new(name, ACCOUNT, "eu-west-1", bucket);
    let before = trails(&[
        trail("kept", &kept),
        trail("changed", &former),
        trail("removed", &removed),
        trail("switched", &switched),
    ]);
    let after = trails(&[
        trail("kept", &kept),
        trail("changed", &latter).prefix("new"),
        trail("added", &added),
        trail("switched", &switched).with("logging = false"),
    ]);
    let site = Site::new("");
    site.configure_with_interval(LONG, &before);
    let daemon = site.start().await;
    let early: Vec<String> = (0..20).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    daemon.record(&early).await;
    site.configure_with_interval(LONG, &after);
    let daemon = change.make(&site, daemon).await;
    let late: Vec<String> = (20..40).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    daemon.record(&late).await;
    // And back, with the trail that was removed: it gets what comes then, and nothing of between.
    site.configure_with_interval(LONG, &before);
    let daemon = change.make(&site, daemon).await;
    let last: Vec<String> = (40..60).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    daemon.record(&last).await;
    daemon.stop().await; // which seals and delivers; what the store refused follows
    site.configure_with_interval("1s", &before);
    site.start().await.finish().await;

    let [early, late, last] = [&early, &late, &last].map(|records| records.as_slice());
    for (bucket, prefix, expected) in [
        (kept, None, vec![early, late, last]),
        (former, None, vec![early, last]),
        (latter, Some("new"), vec![late]),
        (removed, None, vec![early, last]),
        (added, None, vec![late]),
        (switched, None, vec![early, last]),
    ] {
        let read = Bucket::read(&localstack, &bucket, ("", "")).await;
        let mut expected = expected.concat();
        expected.sort();
        assert_eq!(read.records(), expected, "{change:?}: {bucket}");
        let under_prefix: usize =
            read.contents(prefix, None).values().map(|events| events.len()).sum();
        assert_eq!(under_prefix, expected.len(), "{change:?}: {bucket} under {prefix:?}");
    }
}

#[tokio::test]
async fn a_reload_of_a_wrong_configuration_changes_nothing() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("as-before").await;
    let good = Trail::new("all", ACCOUNT, "eu-west-1", &bucket).to_string();
    let site = Site::new(&good);
    let daemon = site.start().await;
    let records: Vec<String> = (0..3).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    daemon.record(&records[..1]).await;
    let lines = daemon.log_lines();
    site.configure(&format!(
        "{good}[[trails]]\nname = \"x\"\naccount = \"1\"\nregion = \"eu-west-1\"\nbucket = \"b\"\n"
    ));
    assert!(!daemon.reload().await);
    let logged = daemon.logged(lines, "the reload failed").await;
    let error = logged["error"].as_str().unwrap();
    for part in ["trails[1].name", "trails[1].account"] {
        assert!(error.contains(part), "{error}");
    }
    daemon.record(&records[1..2]).await;
    site.configure(&good);
    assert!(daemon.reload().await);
    daemon.record(&records[2..]).await;
    daemon.finish().await;
    let bucket = Bucket::read(&localstack, &bucket, ("", "")).await;
    assert_eq!(bucket.records(), records);
}
