//! GetTrailStatus tells how a trail's deliveries fare, whatever becomes of the process in between.

use serde_json::{Value, json};

use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::{Trail, fan_out};
use crate::support::generated::event;
use crate::support::http::Http;
use crate::support::localstack::LocalStack;
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;

const ACCOUNT: &str = "740000000001";

/// The answer to a call of CloudTrail's API.
pub async fn call(daemon: &Cairn, account: &str, operation: &str, members: &Value) -> Value {
    let target = format!("CloudTrail_20131101.{operation}");
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/eu-west-1/cloudtrail/aws4_request, \
         SignedHeaders=host, Signature=0"
    );
    let headers = [("x-amz-target", target.as_str()), ("authorization", &authorization)];
    let answer = Http::new().post(&daemon.url("/"), &headers, members.to_string()).await.unwrap();
    assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
    answer.json()
}

pub async fn status(daemon: &Cairn, account: &str, trail: &str) -> Value {
    call(daemon, account, "GetTrailStatus", &json!({ "Name": trail })).await
}

/// Waits until a member of the status is, or is not, there.
pub async fn has(
    daemon: &Cairn,
    account: &str,
    trail: &str,
    member: &str,
    is_there: bool,
) -> Value {
    eventually(&format!("{member} is there: {is_there}"), async || {
        let status = status(daemon, account, trail).await;
        (status.get(member).is_some() == is_there).then_some(status)
    })
    .await
}

const ERRORS: [&str; 2] = ["LatestDeliveryError", "LatestNotificationError"];
const TIMES: [&str; 2] = ["LatestDeliveryTime", "LatestNotificationTime"];

#[tokio::test]
async fn what_was_said_before_a_stop_is_said_after_it_and_success_clears_errors() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("fares").await;
    let topic = localstack.topic("fares");
    let trail = Trail::new("fares", ACCOUNT, "eu-west-1", &bucket).topic(&topic);
    let [enveloped, raw] = ["fares", "fares-raw"].map(|name| localstack.name(name));
    let site = Site::new(&format!("{trail}{}", fan_out(&topic, &enveloped, &raw)));
    let proxy = Proxy::start().await;
    let daemon = site.start_on(proxy.endpoint()).await;
    let fresh = status(&daemon, ACCOUNT, "fares").await;
    for member in ERRORS.iter().chain(&TIMES) {
        assert!(fresh.get(member).is_none(), "{member}: {fresh}");
    }
    daemon.record(&[event(ACCOUNT, "eu-west-1", 1)]).await;
    has(&daemon, ACCOUNT, "fares", TIMES[0], true).await;
    has(&daemon, ACCOUNT, "fares", TIMES[1], true).await;

    // The topic first: what the bucket refuses is not announced.
    proxy.fail(&[Call::Publish], "", Fault::sns(403, "AuthorizationError"));
    daemon.record(&[event(ACCOUNT, "eu-west-1", 2)]).await;
    has(&daemon, ACCOUNT, "fares", ERRORS[1], true).await;
    proxy.fail(&[Call::Put], &bucket, Fault::s3(403, "AccessDenied"));
    daemon.record(&[event(ACCOUNT, "eu-west-1", 3)]).await;
    let before = has(&daemon, ACCOUNT, "fares", ERRORS[0], true).await;
    assert_eq!(
        (&before[ERRORS[0]], &before[ERRORS[1]]),
        (&"AccessDenied".into(), &"AuthorizationError".into())
    );
    daemon.stop().await;

    let daemon = site.start_on(proxy.endpoint()).await;
    let after = status(&daemon, ACCOUNT, "fares").await;
    for member in ERRORS {
        assert_eq!(after[member], before[member], "{after}");
    }
    for member in TIMES {
        assert!(after[member].as_f64() >= before[member].as_f64(), "{member}: {before} {after}");
    }
    proxy.heal();
    for member in ERRORS {
        has(&daemon, ACCOUNT, "fares", member, false).await;
    }
    daemon.finish().await;
}

#[tokio::test]
async fn a_trail_of_the_name_of_a_deleted_one_begins_anew_though_killed() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("anew").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let made = json!({ "Name": "anew", "S3BucketName": bucket });
    let named = json!({ "Name": "anew" });
    call(&daemon, ACCOUNT, "CreateTrail", &made).await;
    call(&daemon, ACCOUNT, "StartLogging", &named).await;
    daemon.record(&[event(ACCOUNT, "eu-west-1", 1)]).await;
    has(&daemon, ACCOUNT, "anew", TIMES[0], true).await;
    daemon.settle().await;
    daemon.stop().await;

    let daemon = site.start().await;
    assert!(status(&daemon, ACCOUNT, "anew").await.get(TIMES[0]).is_some(), "it is kept");
    daemon.settle().await;
    call(&daemon, ACCOUNT, "DeleteTrail", &named).await;
    daemon.settle().await;
    call(&daemon, ACCOUNT, "CreateTrail", &made).await;
    assert!(status(&daemon, ACCOUNT, "anew").await.get(TIMES[0]).is_none());
    daemon.kill();
    let daemon = site.start().await;
    assert!(status(&daemon, ACCOUNT, "anew").await.get(TIMES[0]).is_none(), "after kill -9 too");
    daemon.finish().await;
}
