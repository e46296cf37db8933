//! The time of day jumps by hours in both directions, while the daemon runs and while it does not.
//!
//! The real daemon runs in this process, because no other clock of this machine can be set by a test.

use std::time::Duration;

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{Trail, trails};
use crate::support::generated::event;
use crate::support::inside::{Clock, Inside};
use crate::support::localstack::LocalStack;
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;

const GOES: &str = "734000000001";
const PARKED: &str = "734000000002";
const MINUTE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_secs(1);

#[tokio::test]
async fn clocks_that_jump_by_hours_lose_double_and_delay_nothing() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (goes, parked) = (localstack.bucket("goes").await, localstack.bucket("jumped").await);
    let all = [
        Trail::new("goes", GOES, "eu-west-1", &goes),
        Trail::new("parked", PARKED, "eu-west-1", &parked),
    ];
    let site = Site::new(&trails(&all));
    let (proxy, clock) = (Proxy::start().await, Clock::new());
    let mut daemon = Inside::start(&site, proxy.endpoint(), &clock, MINUTE).await;
    proxy.fail(&[Call::Put], &parked, Fault::s3(403, "AccessDenied"));
    let tries = || proxy.count(Call::Put, &parked);
    let mut number = 0;
    let mut sent = [Vec::new(), Vec::new()];

    for hours in [6, -12, 24] {
        let mut record = async |daemon: &Inside| {
            let events = [GOES, PARKED].map(|account| event(account, "eu-west-1", number));
            number += 1;
            daemon.record(&events).await;
            for (sent, event) in sent.iter_mut().zip(events) {
                sent.push(event);
            }
        };
        // A jump while events wait for the interval: the interval is of time that goes by.
        record(&daemon).await;
        let before = daemon.metrics().await.sum("cairn_trail_delivered_events");
        clock.jump(hours);
        clock.is_seen().await;
        let metrics = daemon.metrics().await;
        assert_eq!(metrics.sum("cairn_journal_open_events"), 2, "sealed by a jump of {hours} h");
        clock.pass(INTERVAL);
        daemon.reaches("cairn_trail_delivered_events", before + 1).await;
        daemon.reaches("cairn_parked_items", 1).await;

        // A jump while files are parked: at most one more try, and none that is left out.
        let asked_again = async |tried: usize| {
            eventually(
                &format!("the bucket is asked again, around a jump of {hours} h"),
                async || (tries() > tried).then_some(()),
            )
            .await;
        };
        let tried = tries();
        clock.pass(5 * MINUTE);
        asked_again(tried).await;
        clock.is_seen().await;
        let tried = tries();
        clock.jump(hours);
        clock.is_seen().await;
        assert!(tries() <= tried + 1, "a storm after a jump of {hours} h");
        let tried = tries();
        clock.pass(5 * MINUTE);
        asked_again(tried).await;

        // A jump while the daemon is away, with an open segment.
        record(&daemon).await;
        daemon.crash();
        clock.jump(-3 * hours);
        daemon = Inside::start(&site, proxy.endpoint(), &clock, MINUTE).await;
        daemon.reaches("cairn_journal_sealed_segments", 0).await;
        let metrics = daemon.metrics().await;
        assert_eq!(metrics.sum("cairn_parked_given_up_files"), 0, "nothing is given up");
        record(&daemon).await;
        clock.pass(INTERVAL);
        daemon.reaches("cairn_journal_open_events", 0).await;
        daemon.reaches("cairn_journal_sealed_segments", 0).await;
        // All goes out, whatever the clock has been through.
        proxy.heal();
        clock.pass(5 * MINUTE);
        daemon.settle().await;
        proxy.fail(&[Call::Put], &parked, Fault::s3(403, "AccessDenied"));
    }
    proxy.heal();
    daemon.stop().await;
    for (bucket, sent) in [goes, parked].iter().zip(&mut sent) {
        sent.sort();
        let read = Bucket::read(&localstack, bucket, ("", "")).await;
        assert_eq!(read.records(), *sent, "{bucket}");
    }
}
