//! Two daemons where there should be one, and one that stands still for a while.

use rustix::process::Signal;

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{Trail, trails};
use crate::support::generated::event;
use crate::support::http::Http;
use crate::support::localstack::LocalStack;
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;

const ACCOUNT: &str = "736000000001";

#[tokio::test]
async fn a_second_daemon_on_a_data_directory_is_refused_and_harms_nothing() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("two").await;
    let site = Site::new(&trails(&[Trail::new("all", ACCOUNT, "eu-west-1", &bucket)]));
    let first = site.start().await;
    let mut records = vec![event(ACCOUNT, "eu-west-1", 0)];
    first.record(&records).await;
    for _ in 0..2 {
        let second = site.launch().ended().await;
        assert_eq!(second.code, Some(2), "{second:?}");
        let said = second.errors.lines().last().unwrap();
        let data = site.data();
        let expected = format!(
            "{}: another cairn is running on it; stop that one, or set another data_dir",
            data.display()
        );
        assert!(said.ends_with(&expected), "{said}");
    }
    records.push(event(ACCOUNT, "eu-west-1", 1));
    first.record(&records[1..]).await;
    assert_eq!(first.get("/healthz").await.status, 200);
    assert_eq!(first.get("/readyz").await.status, 200);
    first.finish().await;
    site.start().await.stop().await; // the lock ends with its holder
    assert_eq!(Bucket::read(&localstack, &bucket, ("", "")).await.records(), records);
}

#[tokio::test]
async fn a_copy_of_a_data_directory_beside_the_original_puts_nothing_in_the_others_place() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("copied").await;
    let configuration = trails(&[Trail::new("all", ACCOUNT, "eu-west-1", &bucket)]);
    let (original, copy) = (Site::new(&configuration), Site::new(&configuration));
    let daemon = original.start().await;
    let mut records = vec![event(ACCOUNT, "eu-west-1", 0)];
    daemon.record(&records).await;
    daemon.finish().await;
    super::copy_directory(&original.data(), &copy.data());
    let identity = |site: &Site| std::fs::read(site.data().join("journal/identity")).unwrap();
    assert_eq!(identity(&original), identity(&copy));

    let daemons = [original.start().await, copy.start().await];
    for round in 0..3 {
        for (daemon, first) in daemons.iter().zip([10, 20]) {
            let event = event(ACCOUNT, "eu-west-1", first + round);
            daemon.record(&[&event]).await;
            records.push(event);
        }
        for daemon in &daemons {
            daemon.settle().await;
        }
    }
    for daemon in daemons {
        daemon.finish().await;
    }
    records.sort();
    assert_eq!(Bucket::read(&localstack, &bucket, ("", "")).await.records(), records);
}

#[tokio::test]
async fn a_daemon_that_stands_still_for_a_while_goes_on_where_it_was() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("frozen").await;
    let site = Site::new(&trails(&[Trail::new("all", ACCOUNT, "eu-west-1", &bucket)]));
    let proxy = Proxy::start().await;
    let daemon = site.start_on(proxy.endpoint()).await;
    let mut records: Vec<String> = (0..3).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    // It is stopped when its PUT was carried out, and finds the connection cut when it wakes up.
    proxy.fail(&[Call::Put], &bucket, Fault::CutAfter);
    daemon.record(&records[..2]).await;
    proxy.met_times(1).await;
    daemon.signal(Signal::STOP);
    proxy.heal();
    let (url, body) = (daemon.url("/v1/events"), records[2].clone());
    let (http, mut caller) = (Http::new(), tokio::task::JoinSet::new());
    caller.spawn(async move { http.post(&url, &[], body).await });
    let status = format!("/proc/{}/stat", daemon.id());
    eventually("it stands still", async || {
        std::fs::read_to_string(&status).unwrap().contains(") T ").then_some(())
    })
    .await;
    assert!(caller.try_join_next().is_none(), "nobody is told what is not so");

    daemon.signal(Signal::CONT);
    let answer = caller.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!((answer.status, answer.json()["recorded"].as_u64()), (200, Some(1)));
    let metrics = daemon.finish().await;
    assert_eq!(metrics.sum("cairn_foreign_objects"), 0);
    records.sort();
    assert_eq!(Bucket::read(&localstack, &bucket, ("", "")).await.records(), records);
}
