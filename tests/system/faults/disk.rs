//! The disk fails: it is full, read-only, or writes fail. What was acknowledged is safe, callers are
//! told, and all goes on when the disk does.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::support::bucket::Bucket;
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::Trail;
use crate::support::generated::event;
use crate::support::http::Answer;
use crate::support::localstack::{LocalStack, endpoint};
use crate::support::namespace::Namespace;
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;

/// What senders are told of a full disk, whose files are no business of theirs.
const FULL: &str = "the journal is full and takes no events now; send again later";

const ACCOUNT: &str = "731000000001";
const MIB: u64 = 1 << 20;
const SMALL: &str = "[journal]\nsegment_size = \"1MiB\"\nquota = \"1GiB\"\n";

/// A daemon on a small disk, and what it acknowledged.
struct Stage {
    bucket: String,
    site: Site,
    acknowledged: BTreeSet<String>,
    /// All that was ever sent.
    sent: BTreeSet<String>,
}

impl Stage {
    async fn new(localstack: &LocalStack, what: &str, more: &str) -> Stage {
        let bucket = localstack.bucket(what).await;
        let trail = Trail::new("all", ACCOUNT, "eu-west-1", &bucket);
        let site = Site::new(&format!("{more}{trail}"));
        Stage { bucket, site, acknowledged: BTreeSet::new(), sent: BTreeSet::new() }
    }

    /// Sends records, each new and of about so many bytes; keeps them when they are acknowledged.
    async fn send(&mut self, daemon: &Cairn, count: usize, bytes: usize) -> Answer {
        let next = self.sent.len();
        let records: Vec<String> =
            (next..next + count).map(|number| large(number, bytes)).collect();
        self.sent.extend(records.iter().cloned());
        let answer = daemon.post(&[], records.join("\n")).await;
        if answer.status == 200 {
            assert_eq!(answer.json()["recorded"], count);
            self.acknowledged.extend(records);
        }
        answer
    }

    /// Sends until the daemon refuses.
    async fn send_until_refused(&mut self, daemon: &Cairn, count: usize, bytes: usize) -> Answer {
        eventually("an event is refused", async || {
            let answer = self.send(daemon, count, bytes).await;
            (answer.status != 200).then_some(answer)
        })
        .await
    }

    /// What was acknowledged is in the bucket once; of a call that was refused a part may be.
    async fn check(self, localstack: &LocalStack) {
        let read = Bucket::read(localstack, &self.bucket, ("", "")).await;
        let records = read.records();
        let there: BTreeSet<String> = records.iter().map(|record| (*record).to_owned()).collect();
        assert_eq!(records.len(), there.len(), "no event is there twice");
        assert!(self.acknowledged.is_subset(&there), "each acknowledged event is there");
        assert!(there.is_subset(&self.sent), "and nothing that nobody sent");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_events_and_takes_them_again_when_there_is_room() {
    let Some(localstack) = LocalStack::find().await else { return };
    let mut stage = Stage::new(&localstack, "ballast", SMALL).await;
    let Some(disk) = Namespace::with_disk(&stage.site.data(), 8 * MIB) else { return };
    let daemon = stage.site.start_by(&disk.launcher(), &endpoint()).await;
    let (fill, free) = ("head --bytes=64M /dev/zero > ballast || true", "rm ballast");
    disk.run(fill);
    let answer = stage.send(&daemon, 1, 1000).await;
    assert_eq!(answer.status, 503, "there is no room for a segment: {}", answer.text());
    problem(&daemon, "the journal refuses events").await;
    disk.run(free);
    ready(&daemon).await; // nobody needs to send an event for that
    assert_eq!(stage.send(&daemon, 10, 1000).await.status, 200);
    daemon.settle().await;

    // The same while events are on their way: what the journal has prepared is used up first.
    disk.run(fill);
    let answer = stage.send_until_refused(&daemon, 1, 1000).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    assert_eq!(answer.json()["error"], FULL);
    assert_eq!(daemon.get("/healthz").await.status, 200);
    let problem = problem(&daemon, "the journal refuses events").await;
    assert!(problem.contains("free the disk"), "{problem}");
    let is_told = problem.contains("the disk is full") || problem.contains("No space left");
    assert!(is_told, "{problem}");
    daemon.logged(0, "cairn is not ready").await;
    let metrics = daemon.metrics().await;
    metrics.conserved();
    assert_eq!(metrics.sum("cairn_journal_halted"), 0, "a full disk is no broken one");

    disk.run(free);
    ready(&daemon).await;
    assert_eq!(stage.send(&daemon, 10, 1000).await.status, 200);
    daemon.finish().await;
    stage.check(&localstack).await;
}

#[tokio::test]
async fn a_disk_that_the_journal_filled_is_freed_when_the_bucket_takes_files_again() {
    let Some(localstack) = LocalStack::find().await else { return };
    let more = format!("spill_max = \"1MiB\"\n{SMALL}");
    let mut stage = Stage::new(&localstack, "filled", &more).await;
    let Some(disk) = Namespace::with_disk(&stage.site.data(), 12 * MIB) else { return };
    let proxy = Proxy::start().await;
    proxy.fail(&[Call::Put, Call::Head], &stage.bucket, Fault::s3(403, "AccessDenied"));
    let daemon = stage.site.start_by(&disk.launcher(), proxy.endpoint()).await;

    let answer = stage.send_until_refused(&daemon, 10, 20_000).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"], FULL);
    let problem = problem(&daemon, "the journal refuses events").await;
    assert!(problem.contains("see the warnings for what does not take log files"), "{problem}");
    let health = daemon.get("/readyz").await.json();
    let warning = health["warnings"][0].as_str().unwrap();
    assert!(warning.contains(&stage.bucket) && warning.contains("AccessDenied"), "{warning}");
    // A refused call costs no disk: nothing is written to find out that there is no room.
    let free = |disk: &Namespace| -> u64 {
        disk.run("df --output=avail --block-size=1 . | tail -1").trim().parse().unwrap()
    };
    let before = free(&disk);
    assert!(before > MIB / 2, "room is left for what lets segments go: {before}");
    for _ in 0..20 {
        assert_eq!(stage.send(&daemon, 10, 20_000).await.status, 503);
        assert_eq!(free(&disk), before);
    }
    daemon.assert_conserved().await;

    proxy.heal();
    ready(&daemon).await;
    assert_eq!(stage.send(&daemon, 10, 1000).await.status, 200);
    daemon.finish().await;
    stage.check(&localstack).await;
}

#[tokio::test]
async fn a_disk_that_becomes_read_only_refuses_events_and_takes_them_again_when_it_is_not() {
    let Some(localstack) = LocalStack::find().await else { return };
    let mut stage = Stage::new(&localstack, "readonly", SMALL).await;
    let Some(disk) = Namespace::with_disk(&stage.site.data(), 32 * MIB) else { return };
    let daemon = stage.site.start_by(&disk.launcher(), &endpoint()).await;
    stage.send(&daemon, 10, 1000).await;
    daemon.settle().await;
    // The kernel refuses to remount what is open for writing. So the same files are mounted once more,
    // read-only and above: what is open stays so, and what is opened from now on is refused.
    disk.run("mount --bind . . && mount -o remount,bind,ro \"$1\"");
    let answer = stage.send_until_refused(&daemon, 1, 1000).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"], FULL);
    let problem = problem(&daemon, "the journal refuses events").await;
    assert!(problem.contains("Read-only file system"), "{problem}");
    let metrics = daemon.assert_conserved().await;
    assert_eq!(metrics.len(), 1);

    disk.run("cd / && umount --lazy \"$1\"");
    ready(&daemon).await;
    assert_eq!(stage.send(&daemon, 10, 1000).await.status, 200);
    daemon.finish().await;
    stage.check(&localstack).await;
}

#[tokio::test]
async fn a_write_that_fails_halts_the_journal_and_a_restart_recovers_what_was_acknowledged() {
    let Some(localstack) = LocalStack::find().await else { return };
    let mut stage = Stage::new(&localstack, "halted", SMALL).await;
    // A limit on the size of files is what makes a write to an open file fail on any machine.
    let trapped = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"].map(str::to_owned);
    let daemon = stage.site.start_by(&trapped, &endpoint()).await;
    assert_eq!(stage.send(&daemon, 10, 1000).await.status, 200);
    limit(&daemon, "--fsize=1024");
    let answer = stage.send_until_refused(&daemon, 1, 1000).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    let halted = "the journal is halted until the daemon is restarted; send again later";
    assert_eq!(answer.json()["error"], halted, "senders hear of no files");
    let problem = problem(&daemon, "the journal is halted").await;
    for part in ["cannot write: File too large", ".segment", "check the disk, then restart cairn"] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    let logged = daemon.logged(0, "cairn is not ready").await;
    assert!(logged["problem"].as_str().unwrap().contains("is halted"), "{logged}");
    assert_eq!(daemon.get("/healthz").await.status, 200);
    let metrics = daemon.metrics().await;
    metrics.conserved();
    assert_eq!(metrics.sum("cairn_journal_halted"), 1);
    // Nothing is tried again on a file of which nothing is known.
    assert_eq!(stage.send(&daemon, 1, 10).await.status, 503);
    daemon.kill();

    let daemon = stage.site.start().await;
    assert_eq!(stage.send(&daemon, 10, 1000).await.status, 200);
    daemon.finish().await;
    stage.check(&localstack).await;
}

#[tokio::test]
async fn a_daemon_without_file_descriptors_refuses_events_until_it_has_some() {
    let Some(localstack) = LocalStack::find().await else { return };
    let mut stage = Stage::new(&localstack, "descriptors", SMALL).await;
    let daemon = stage.site.start().await;
    daemon.metrics().await; // a connection that stays
    limit(&daemon, "--nofile=1:");
    let answer = stage.send_until_refused(&daemon, 1, 1000).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"], FULL);
    assert_eq!(daemon.metrics().await.sum("cairn_journal_halted"), 0);
    limit(&daemon, "--nofile=1024:");
    ready(&daemon).await;
    assert_eq!(stage.send(&daemon, 10, 1000).await.status, 200);
    daemon.finish().await;
    stage.check(&localstack).await;
}

/// Sets what the system allows the daemon, while it runs.
fn limit(daemon: &Cairn, limit: &str) {
    let id = daemon.id().to_string();
    let set = Command::new("prlimit").args([limit, "--pid", &id]).status().unwrap();
    assert!(set.success());
}

/// Waits until `/readyz` is red with a problem that says so.
async fn problem(daemon: &Cairn, part: &str) -> String {
    eventually(&format!("health says {part:?}"), async || {
        let health = daemon.get("/readyz").await;
        let problems = health.json()["problems"].as_array().unwrap().clone();
        assert_eq!(health.status == 503, !problems.is_empty(), "{}", health.text());
        let problems = problems.iter().filter_map(Value::as_str);
        problems.map(str::to_owned).find(|problem| problem.contains(part))
    })
    .await
}

async fn ready(daemon: &Cairn) {
    eventually("cairn is ready again", async || {
        (daemon.get("/readyz").await.status == 200).then_some(())
    })
    .await;
}

/// An event of about so many bytes that gzip makes little smaller.
fn large(number: usize, bytes: usize) -> String {
    let mut state = number as u64;
    let mut noise = String::with_capacity(bytes);
    while noise.len() < bytes {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.push_str(&format!("{:08x}", state >> 32));
    }
    event(ACCOUNT, "eu-west-1", number).replace("aws-cli/2", &noise)
}
