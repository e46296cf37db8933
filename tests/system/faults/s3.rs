//! S3 fails: callers notice nothing, files wait on disk, and each is in its bucket once.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::bucket::Bucket;
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::{Trail, trails};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;
use crate::support::metrics::Metrics;
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;

const ACCOUNT: &str = "730000000001";
const NEIGHBOUR: &str = "730000000002";
/// Each try of a file is at most a HEAD, a PUT, another PUT and a GET, each of them twice.
const REQUESTS_PER_TRY: usize = 8;
/// Files of a batch that are on their way before the first failure is known.
const FILES: usize = 3;
const OBJECT: &[Call] = &[Call::Put, Call::Head, Call::Get];
/// Answers to a HEAD have no body, and so no code.
const WITH_BODY: &[Call] = &[Call::Put, Call::Get];

/// A fault, and what people are told of it.
struct Case {
    name: &'static str,
    faults: Vec<(&'static [Call], Fault)>,
    /// S3's code, or ours.
    code: &'static str,
    advice: &'static str,
}

fn cases() -> Vec<Case> {
    let one = |name, calls, fault, code, advice| Case {
        name,
        faults: vec![(calls, fault)],
        code,
        advice,
    };
    let [failing, busy, forbidden, gone] = [
        Fault::s3(500, "InternalError"),
        Fault::s3(503, "SlowDown"),
        Fault::s3(403, "AccessDenied"),
        Fault::s3(404, "NoSuchBucket"),
    ];
    vec![
        one("failing", WITH_BODY, failing, "InternalError", "see its status page"),
        one("busy", WITH_BODY, busy.clone(), "SlowDown", "it is asked too often"),
        one(
            "busy-head",
            &[Call::Head],
            busy,
            "Http503: the endpoint answered 503",
            "see its status page",
        ),
        one("forbidden", OBJECT, forbidden, "AccessDenied", "run `cairn doctor --config FILE`"),
        one("gone", OBJECT, gone, "NoSuchBucket", "create it (aws s3 mb"),
        one(
            "cut-before",
            OBJECT,
            Fault::CutBefore,
            "Unreachable",
            "nothing answers at the endpoint",
        ),
        one("cut-after", OBJECT, Fault::CutAfter, "Unreachable", "nothing answers at the endpoint"),
        one("page", OBJECT, Fault::html(), "InvalidResponse", "something else than S3 answers"),
        // The PUT is carried out, its answer is lost, and then what is there cannot be read whole.
        // Were that taken for a foreign object, the file would go to another name as well.
        Case {
            name: "cut-within",
            faults: vec![(&[Call::Put], Fault::CutAfter), (&[Call::Get], Fault::CutWithin)],
            code: "Unreachable",
            advice: "nothing answers at the endpoint",
        },
        Case {
            name: "page-read",
            faults: vec![(&[Call::Put], Fault::CutAfter), (&[Call::Get], Fault::html())],
            code: "InvalidResponse",
            advice: "something else than S3 answers",
        },
    ]
}

#[tokio::test]
async fn whatever_s3_does_callers_are_served_and_each_file_arrives_once() {
    let Some(localstack) = LocalStack::find().await else { return };
    join_all(cases().into_iter().map(|case| check(&localstack, case))).await;
}

/// One bucket refuses from the first object on; another one takes its files.
async fn check(localstack: &LocalStack, case: Case) {
    let Case { name, faults, code, advice } = case;
    let bucket = localstack.bucket(name).await;
    let neighbour = localstack.bucket(&format!("beside-{name}")).await;
    let proxy = Proxy::start().await;
    for (calls, fault) in faults {
        proxy.fail(calls, &format!("/{bucket}/"), fault);
    }
    let all = [
        Trail::new("refused", ACCOUNT, "eu-west-1", &bucket).multi_region(),
        Trail::new("goes", NEIGHBOUR, "eu-west-1", &neighbour).multi_region(),
    ];
    let site = Site::new(&trails(&all));
    let daemon = site.start_on(proxy.endpoint()).await;
    let (early, late) = (events(ACCOUNT, 0), events(ACCOUNT, 10));
    daemon.record(&early).await;
    daemon.record(&events(NEIGHBOUR, 0)).await;

    let parked = refused_twice(&daemon).await;
    assert_eq!(parked.sum("cairn_trail_waiting_events"), early.len() as u64, "{name}: {parked:?}");
    daemon.record(&late).await; // a caller notices nothing
    assert_eq!(daemon.get("/healthz").await.status, 200);
    let warning = eventually(&format!("{name}: health says why"), async || {
        let health = daemon.get("/readyz").await;
        assert_eq!(health.status, 200, "{name}: what waits is safe: {}", health.text());
        let warning = health.json()["warnings"][0].as_str().unwrap().to_owned();
        warning.contains(code).then_some(warning)
    })
    .await;
    for part in ["trail/refused", &bucket, advice] {
        assert!(warning.contains(part), "{name}: {part}: {warning}");
    }
    let logged = daemon.logged(0, "the bucket refuses log files").await;
    assert_eq!(logged["bucket"], bucket, "{name}");
    // No hot loop: what was asked is what so many tries take, and tries become rarer (`patience`).
    let met = proxy.met();
    let failures = daemon.metrics().await.sum("cairn_destination_failures");
    let tries = usize::try_from(failures).unwrap() + FILES + 1;
    assert!(met <= tries * REQUESTS_PER_TRY, "{name}: {met} requests in {tries} tries");

    proxy.heal();
    let metrics = daemon.settle().await;
    assert_eq!(metrics.sum("cairn_trail_delivered_events"), 9, "{name}");
    assert_eq!(metrics.sum("cairn_foreign_objects"), 0, "{name}");
    let health = daemon.get("/readyz").await.json();
    assert_eq!(health, json!({"status": "ready", "problems": [], "warnings": []}), "{name}");
    daemon.stop().await;
    let read = Bucket::read(localstack, &bucket, ("", "")).await;
    let mut expected = [early, late].concat();
    expected.sort();
    assert_eq!(read.records(), expected, "{name}: each event once");
    let read = Bucket::read(localstack, &neighbour, ("", "")).await;
    assert_eq!(read.records().len(), 3, "{name}: the neighbour");
}

/// Waits until the refused bucket was tried twice in vain, and the other one has its files.
async fn refused_twice(daemon: &Cairn) -> Metrics {
    eventually("two tries have failed, and the neighbour has its files", async || {
        let metrics = daemon.metrics().await;
        metrics.conserved();
        let is_so = metrics.sum("cairn_destination_failures") >= 2
            && metrics.sum("cairn_parked_items") == FILES as u64
            && metrics.sum("cairn_trail_files") == 3
            && metrics.sum("cairn_journal_sealed_segments") == 0;
        is_so.then_some(metrics)
    })
    .await
}

fn events(account: &str, first: usize) -> Vec<String> {
    let regions = ["eu-west-1", "us-east-1", "ap-south-1"];
    regions.iter().zip(first..).map(|(region, n)| event(account, region, n)).collect()
}
