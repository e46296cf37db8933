//! Chains that something came in between of: they are what they would have been without it.

use futures_util::future::join_all;
use serde_json::json;

use super::aws::ValidateLogs;
use super::holdings::{DigestFile, Holdings, is_digest};
use super::{SECOND, SHORT, all_chains_are_over};
use crate::support::bucket::keys;
use crate::support::cairn::{Cairn, Site};
use crate::support::generated::event;
use crate::support::localstack::{LocalStack, endpoint, sdk};
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;
use crate::trail_status::{call, has, status};

const ACCOUNT: &str = "750000000011";
const HOME: &str = "eu-west-1";
/// Where LocalStack makes a bucket, and so where its key must be.
const BUCKETS: &str = "us-east-1";
const REGIONS: [&str; 2] = [HOME, BUCKETS];
const TIME: &str = "LatestDigestDeliveryTime";
const ERROR: &str = "LatestDigestDeliveryError";
/// Part of every digest's key, and of no log file's.
const DIGEST: &str = "CloudTrail-Digest";
/// How often a digest is tried while it is refused: the time of some digests passes.
const TRIES: usize = 3;
/// Were what an outage holds up in one digest, so many and the first would list files, and no more.
const FAULTS: usize = 3;

/// A trail by the API, in all Regions, that writes digests.
async fn start_trail(daemon: &Cairn, bucket: &str, kms_key: Option<&str>) {
    let mut made = json!({
        "Name": "trail", "S3BucketName": bucket, "EnableLogFileValidation": true,
        "IsMultiRegionTrail": true,
    });
    if let Some(key) = kms_key {
        made["KmsKeyId"] = key.into();
    }
    call(daemon, ACCOUNT, "CreateTrail", &made).await;
    call(daemon, ACCOUNT, "StartLogging", &json!({ "Name": "trail" })).await;
}

async fn record(daemon: &Cairn, number: usize) {
    daemon.record(&REGIONS.map(|region| event(ACCOUNT, region, number))).await;
}

/// Stops the trail, and gives what is there when its chains are over: sound, and valid for the aws
/// command line.
async fn over(localstack: &LocalStack, site: &Site, daemon: &Cairn, bucket: &str) -> Holdings {
    call(daemon, ACCOUNT, "StopLogging", &json!({ "Name": "trail" })).await;
    daemon.settle().await;
    all_chains_are_over(site).await;
    let holdings = Holdings::read(localstack, bucket).await;
    holdings.check(SECOND);
    assert_eq!(holdings.chains.len(), REGIONS.len());
    let arn = format!("arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/trail");
    let calls = REGIONS.map(|region| {
        let chain = holdings.chain(region);
        (ValidateLogs::of(daemon.url(""), arn.clone(), region, chain), chain)
    });
    join_all(calls.iter().map(|(call, chain)| call.finds_valid(chain))).await;
    holdings
}

/// One chain, from its first second to its last.
fn assert_one(chain: &[DigestFile]) {
    let begins = chain.iter().filter(|digest| digest.is_starting()).count();
    assert_eq!(begins, 1, "it never begins again");
}

/// Waits for another key that is, or is not, a digest's.
async fn one_more(localstack: &LocalStack, bucket: &str, of_digests: bool) {
    let of_kind = async || {
        let keys = keys(localstack, bucket).await.into_iter();
        keys.filter(|key| !key.ends_with('/') && is_digest(key) == of_digests).count()
    };
    let before = of_kind().await;
    eventually("one more object", async || (of_kind().await > before).then_some(())).await;
}

#[tokio::test]
async fn digests_that_a_bucket_refused_are_written_in_order() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("digests-refused").await;
    let site = Site::new(SHORT);
    let proxy = Proxy::start().await;
    let daemon = site.start_on(proxy.endpoint()).await;
    start_trail(&daemon, &bucket, None).await;
    record(&daemon, 0).await;
    let fresh = has(&daemon, ACCOUNT, "trail", TIME, true).await;
    assert!(fresh.get(ERROR).is_none(), "{fresh}");
    let faults = [
        (Call::Put, Fault::s3(403, "AccessDenied"), Some("AccessDenied")),
        // It is there, and nobody knows. A bucket that cannot be reached has refused nothing.
        (Call::Put, Fault::CutAfter, None),
        // It is there, and what it holds cannot be read back.
        (Call::Get, Fault::s3(403, "AccessDenied"), Some("AccessDenied")),
    ];
    for (number, (kind, fault, code)) in faults.into_iter().enumerate() {
        let before = status(&daemon, ACCOUNT, "trail").await;
        let met = proxy.met();
        proxy.fail(&[kind], DIGEST, fault);
        record(&daemon, 2 * number + 1).await;
        proxy.met_times(met + TRIES).await;
        if let Some(code) = code {
            let refused = has(&daemon, ACCOUNT, "trail", ERROR, true).await;
            assert_eq!(refused[ERROR], code, "{refused}");
            assert!(refused.get("LatestDeliveryError").is_none(), "log files are taken: {refused}");
        }
        record(&daemon, 2 * number + 2).await;
        one_more(&localstack, &bucket, false).await;
        proxy.heal();
        eventually("a digest is delivered again", async || {
            let healed = status(&daemon, ACCOUNT, "trail").await;
            let is_later = healed[TIME].as_f64() > before[TIME].as_f64();
            (healed.get(ERROR).is_none() && is_later).then_some(())
        })
        .await;
    }
    let holdings = over(&localstack, &site, &daemon, &bucket).await;
    for chain in holdings.chains.values() {
        assert_one(chain);
        let listing = chain.iter().filter(|digest| !digest.log_files().is_empty()).count();
        assert!(listing > FAULTS + 1, "files are listed for when they came: {listing}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_daemon_that_is_killed_writes_one_chain() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("digests-killed").await;
    let site = Site::new(SHORT);
    let mut daemon = site.start().await;
    start_trail(&daemon, &bucket, None).await;
    record(&daemon, 0).await;
    one_more(&localstack, &bucket, true).await;
    for number in 0..6 {
        record(&daemon, number + 1).await;
        match number % 3 {
            0 => {} // acknowledged, and in no file
            1 => one_more(&localstack, &bucket, false).await,
            _ => one_more(&localstack, &bucket, true).await,
        }
        daemon.kill();
        daemon = site.start().await;
    }
    let holdings = over(&localstack, &site, &daemon, &bucket).await;
    holdings.chains.values().for_each(|chain| assert_one(chain));
    daemon.stop().await;
}

#[tokio::test]
async fn digests_of_a_trail_with_a_kms_key_are_encrypted_with_it() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("digests-kms").await;
    let kms = aws_sdk_kms::Client::new(&sdk(&endpoint(), "test", BUCKETS).await);
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    let site = Site::new(SHORT);
    let daemon = site.start().await;
    start_trail(&daemon, &bucket, Some(&key)).await;
    record(&daemon, 0).await;
    one_more(&localstack, &bucket, true).await;
    let holdings = over(&localstack, &site, &daemon, &bucket).await;
    for (name, object) in &holdings.objects {
        assert_eq!(object.kms_key.as_ref(), Some(&key), "{name}");
    }
    daemon.stop().await;
}
