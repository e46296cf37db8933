//! Stops and crashes while clients send: what was acknowledged is in S3, each event once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::support::bucket::Bucket;
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::{Trail, fan_out, trails};
use crate::support::generated::event;
use crate::support::http::Http;
use crate::support::localstack::{LocalStack, Queue};
use crate::support::wait::eventually;

const ACCOUNTS: [&str; 3] = ["780000000001", "780000000002", "780000000003"];
const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "ap-south-1"];
const CLIENTS: usize = 4;
const BATCH_EVENTS: usize = 20;

#[tokio::test]
async fn a_stop_under_load_loses_and_doubles_nothing() {
    let Some(localstack) = LocalStack::find().await else { return };
    let stage = Stage::new(&localstack, "stopped").await;
    let mut clients = Clients::default();
    let daemon = stage.site.start().await;
    let acknowledged = clients.send_to(&daemon);
    reach("acknowledged events", &acknowledged, 2_000).await;
    daemon.terminate();
    daemon.ended().await;
    clients.rest().await;
    // A stop delivers before it ends, so all is there already.
    let stopped = Bucket::read(&localstack, &stage.bucket, ("", "")).await;
    let there: BTreeSet<&str> = stopped.records().into_iter().collect();
    let missing = clients.acknowledged.iter().find(|event| !there.contains(event.as_str()));
    assert_eq!(missing, None, "of {} acknowledged events", clients.acknowledged.len());
    stage.finish(&localstack, clients).await;
}

#[tokio::test]
async fn crashes_under_load_lose_and_double_nothing() {
    let Some(localstack) = LocalStack::find().await else { return };
    let stage = Stage::new(&localstack, "crashed").await;
    let mut clients = Clients::default();
    for round in 0..3 {
        let files = stage.files(&localstack).await;
        let daemon = stage.site.start().await;
        let acknowledged = clients.send_to(&daemon);
        reach("acknowledged events", &acknowledged, 500).await;
        if round != 1 {
            // In the midst of a delivery: some files of a batch are there, others are not.
            let more = async || (stage.files(&localstack).await > files).then_some(());
            eventually("a file of this round is in S3", more).await;
        }
        daemon.kill();
        clients.rest().await;
    }
    stage.finish(&localstack, clients).await;
}

/// A daemon's place, two trails with notices in one bucket, and a copy of one account in another.
struct Stage {
    site: Site,
    bucket: String,
    copy: String,
}

impl Stage {
    async fn new(localstack: &LocalStack, what: &str) -> Stage {
        let bucket = localstack.bucket(what).await;
        let copy = localstack.bucket(&format!("{what}-copy")).await;
        let topic = localstack.topic(what);
        let trail = |name, account, bucket: &str| {
            Trail::new(name, account, "eu-west-1", bucket).multi_region()
        };
        let mut all: Vec<Trail> =
            ACCOUNTS.iter().map(|account| trail("all", account, &bucket).topic(&topic)).collect();
        all.push(trail("copy", ACCOUNTS[0], &copy).prefix("p"));
        let queues = fan_out(&topic, &localstack.name("enveloped"), &localstack.name("raw"));
        let site = Site::new(&format!("{}{queues}", trails(&all)));
        // Each trail says a word when all is set up, and queues hear only what is said after that.
        let daemon = site.start().await;
        localstack.queue_of_fan_out("raw").await.take_all(ACCOUNTS.len()).await;
        daemon.stop().await;
        Stage { site, bucket, copy }
    }

    /// How many objects there are.
    async fn files(&self, localstack: &LocalStack) -> usize {
        let listed = localstack.s3.list_objects_v2().bucket(&self.bucket).send().await.unwrap();
        listed.contents().iter().filter(|object| object.size() > Some(0)).count()
    }

    /// Starts once more; clients send again what was not acknowledged; then all must be there.
    async fn finish(self, localstack: &LocalStack, mut clients: Clients) {
        let daemon = self.site.start().await;
        for batch in std::mem::take(&mut clients.unanswered) {
            daemon.send(&batch).await;
            clients.acknowledged.extend(batch);
        }
        daemon.finish().await;
        let bucket = Bucket::read(localstack, &self.bucket, ("", "")).await;
        clients.acknowledged.sort();
        assert_same(&bucket.records(), &clients.acknowledged);
        let copy = Bucket::read(localstack, &self.copy, ("", "")).await;
        let is_copied =
            |event: &&String| event.contains(&format!(r#""recipientAccountId":"{}""#, ACCOUNTS[0]));
        let copied: Vec<String> = clients.acknowledged.iter().filter(is_copied).cloned().collect();
        assert_same(&copy.records(), &copied);
        let queue = localstack.queue_of_fan_out("raw").await;
        hear_of(&queue, &self.bucket, &bucket.keys().into_iter().collect()).await;
    }
}

/// Programs that send batch after batch and keep what was not answered, to send it again.
#[derive(Default)]
struct Clients {
    /// Batches that were sent ever.
    batches: Arc<AtomicUsize>,
    running: JoinSet<Sent>,
    acknowledged: Vec<String>,
    unanswered: Vec<Vec<String>>,
}

/// What one client did until its daemon went away.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<String>,
    unanswered: Vec<Vec<String>>,
}

impl Clients {
    /// Begins to send; counts what is acknowledged.
    fn send_to(&mut self, daemon: &Cairn) -> Arc<AtomicUsize> {
        let count = Arc::new(AtomicUsize::new(0));
        for client in 0..CLIENTS {
            let (url, batches, count) =
                (daemon.url("/v1/events"), Arc::clone(&self.batches), Arc::clone(&count));
            // Half of what was not answered before is sent again now, the rest at the end.
            let again = if client.is_multiple_of(2) { self.unanswered.pop() } else { None };
            self.running.spawn(send(url, batches, count, again));
        }
        count
    }

    /// Waits until all have noticed that the daemon is gone.
    async fn rest(&mut self) {
        while let Some(sent) = self.running.join_next().await {
            let Sent { acknowledged, unanswered } = sent.unwrap();
            self.acknowledged.extend(acknowledged);
            self.unanswered.extend(unanswered);
        }
    }
}

/// Sends until the daemon does not answer.
async fn send(
    url: String,
    batches: Arc<AtomicUsize>,
    count: Arc<AtomicUsize>,
    mut again: Option<Vec<String>>,
) -> Sent {
    let http = Http::new();
    let mut sent = Sent::default();
    loop {
        let batch = again.take().unwrap_or_else(|| batch(batches.fetch_add(1, Ordering::Relaxed)));
        match http.post(&url, &[], batch.join("\n")).await {
            Ok(answer) if answer.status == 200 => {
                count.fetch_add(batch.len(), Ordering::Relaxed);
                sent.acknowledged.extend(batch);
            }
            _ => {
                sent.unanswered.push(batch);
                return sent;
            }
        }
    }
}

fn batch(number: usize) -> Vec<String> {
    let first = number * BATCH_EVENTS;
    let event = |number: usize| event(ACCOUNTS[number % 3], REGIONS[number / 3 % 3], number);
    (first..first + BATCH_EVENTS).map(event).collect()
}

async fn reach(what: &str, count: &AtomicUsize, least: usize) {
    eventually(&format!("{least} {what}"), async || {
        (count.load(Ordering::Relaxed) >= least).then_some(())
    })
    .await;
}

/// Reads what a queue was told until each of these keys was among it; others may not be.
async fn hear_of(queue: &Queue, bucket: &str, keys: &BTreeSet<&str>) {
    let mut heard = BTreeSet::new();
    eventually("each file is announced", async || {
        for body in queue.take().await.iter().filter(|body| body.starts_with('{')) {
            let notice: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(notice["s3Bucket"], bucket);
            let key = notice["s3ObjectKey"][0].as_str().unwrap().to_owned();
            assert!(keys.contains(key.as_str()), "announced and not there: {key}");
            heard.insert(key);
        }
        (heard.len() == keys.len()).then_some(())
    })
    .await;
}

/// Both sorted. Tells what is lost, doubled or invented, without listing thousands.
#[track_caller]
fn assert_same(found: &[&str], expected: &[String]) {
    let doubled = found.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let there: BTreeSet<&str> = found.iter().copied().collect();
    let wanted: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let lost: Vec<_> = wanted.difference(&there).collect();
    let invented: Vec<_> = there.difference(&wanted).collect();
    assert!(
        lost.is_empty() && invented.is_empty() && doubled == 0,
        "of {} events {} lost, {doubled} doubled, {} invented; for instance {:?}",
        wanted.len(),
        lost.len(),
        invented.len(),
        lost.first().or(invented.first())
    );
}
