//! How a destination that fails is asked again: by a law and not in a loop, shown under a clock that
//! the test moves; and one that takes a request and never answers.

use std::time::Duration;

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{Trail, trails};
use crate::support::generated::event;
use crate::support::inside::{Clock, Inside};
use crate::support::localstack::LocalStack;
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;

const REFUSED: &str = "733000000001";
const HEARD: &str = "733000000002";
const MINUTE: Duration = Duration::from_secs(60);
/// Pauses double up to five minutes.
const PAUSES_SECONDS: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];

#[tokio::test]
async fn buckets_and_topics_that_refuse_are_asked_once_a_pause_and_pauses_double() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (refused, heard) = (localstack.bucket("asked").await, localstack.bucket("heard").await);
    let topic = localstack.topic("asked");
    let proxy = Proxy::start().await;
    let all = [
        Trail::new("refused", REFUSED, "eu-west-1", &refused),
        Trail::new("heard", HEARD, "eu-west-1", &heard).topic(&topic),
    ];
    let site = Site::new(&trails(&all));
    let clock = Clock::new();
    let daemon = Inside::start(&site, proxy.endpoint(), &clock, MINUTE).await;
    // Refusals that the SDK does not ask about again by itself: a try is a request.
    proxy.fail(&[Call::Put], &refused, Fault::s3(403, "AccessDenied"));
    proxy.fail(&[Call::Publish], "", Fault::sns(403, "AuthorizationError"));
    let asked = || (proxy.count(Call::Put, &refused), proxy.count(Call::Publish, ""));
    let events = [event(REFUSED, "eu-west-1", 0), event(HEARD, "eu-west-1", 1)];
    daemon.record(&events).await;
    clock.pass(Duration::from_secs(1));
    daemon.reaches("cairn_parked_items", 2).await;

    for (pause, tries) in PAUSES_SECONDS.into_iter().zip(1..) {
        let pause = Duration::from_secs(pause);
        clock.pass(pause.mul_f64(0.9));
        clock.is_seen().await;
        assert_eq!(asked(), (tries, tries), "within a pause of {pause:?}");
        clock.pass(pause.mul_f64(0.11));
        eventually("both are asked again", async || {
            (asked() == (tries + 1, tries + 1)).then_some(())
        })
        .await;
    }
    proxy.heal();
    clock.pass(5 * MINUTE);
    // The topic was never made: it takes nothing, and files are not held up by that.
    eventually("the file is delivered", async || {
        (daemon.metrics().await.sum("cairn_trail_delivered_events") == 2).then_some(())
    })
    .await;
    daemon.stop().await;
    let read = Bucket::read(&localstack, &refused, ("", "")).await;
    assert_eq!(read.records(), [&events[0]]);
}

#[tokio::test]
async fn an_s3_that_never_answers_costs_a_time_out_and_then_files_wait_on_disk() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (silent, other) = (localstack.bucket("silent").await, localstack.bucket("other").await);
    let all = [
        Trail::new("silent", REFUSED, "eu-west-1", &silent),
        Trail::new("other", HEARD, "eu-west-1", &other),
    ];
    let site = Site::new(&trails(&all));
    let (proxy, clock) = (Proxy::start().await, Clock::new());
    let short = Duration::from_millis(5_500);
    let daemon = Inside::start(&site, proxy.endpoint(), &clock, short).await;
    proxy.fail(&[Call::Put, Call::Head], &silent, Fault::Silence);
    let mut sent = vec![event(REFUSED, "eu-west-1", 0)];
    daemon.record(&[sent[0].clone(), event(HEARD, "eu-west-1", 1)]).await;
    clock.pass(Duration::from_secs(1));
    proxy.met_times(1).await;
    sent.push(event(REFUSED, "eu-west-1", 2)); // nobody waits for S3
    daemon.record(&sent[1..]).await;
    daemon.reaches("cairn_parked_items", 1).await;
    daemon.reaches("cairn_trail_files", 1).await;
    let warnings = daemon.warnings().await;
    let warning = warnings[0].as_str().unwrap();
    for part in ["trail/silent", "Timeout", "nothing answers at the endpoint of AWS"] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
    clock.pass(Duration::from_secs(1));
    daemon.reaches("cairn_parked_items", 2).await; // behind the first, whatever becomes of that

    proxy.heal();
    clock.pass(5 * MINUTE);
    daemon.settle().await;
    daemon.stop().await;
    let read = Bucket::read(&localstack, &silent, ("", "")).await;
    assert_eq!(read.records(), sent);
}
