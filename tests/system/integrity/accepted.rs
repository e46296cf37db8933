//! The unmodified aws command line finds every chain valid: of a prefix, two accounts, two Regions, an
//! organization, a trail that was stopped and started again, and one that was deleted. What S3 holds
//! says how many digests and log files it must count. S3 and CloudTrail are real; Organizations is a
//! stand-in.

use futures_util::future::join_all;
use serde_json::json;

use super::aws::ValidateLogs;
use super::holdings::{ChainName, DigestFile, Holdings, unzip};
use super::stand_in::Organizations;
use super::{SECOND, SHORT, all_chains_are_over};
use crate::support::bucket::keys;
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::{Trail, trails};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;
use crate::support::wait::eventually;
use crate::trail_status::call;

const OWNER: &str = "750000000001";
const OTHER: &str = "750000000002";
const MANAGEMENT: &str = "750000000003";
const MEMBER: &str = "750000000004";
const ORGANIZATION: &str = "o-abc123defg";
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
const DIGESTS: usize = 26;
/// Numbers of digests after which something happens.
const STOP: usize = 9;
const START: usize = 13;
const DELETE: usize = 16;
/// Of so many intervals the last two are without events.
const CYCLE: usize = 5;

/// The buckets, by what lies in them.
struct Buckets {
    shared: String,
    organization: String,
    api: String,
    deleted: String,
}

#[tokio::test]
async fn every_chain_is_valid_for_the_aws_command_line() {
    let Some(localstack) = LocalStack::find().await else { return };
    let buckets = Buckets {
        shared: localstack.bucket("digests").await,
        organization: localstack.bucket("digests-org").await,
        api: localstack.bucket("digests-api").await,
        deleted: localstack.bucket("digests-deleted").await,
    };
    let site = Site::new(&configuration(&buckets, true));
    let daemon = site.start().await;
    for (name, bucket) in [("api", &buckets.api), ("deleted", &buckets.deleted)] {
        let made = json!({ "Name": name, "S3BucketName": bucket, "EnableLogFileValidation": true });
        call(&daemon, OWNER, "CreateTrail", &made).await;
        call(&daemon, OWNER, "StartLogging", &json!({ "Name": name })).await;
    }
    live(&localstack, &daemon, &buckets.shared).await;
    call(&daemon, OWNER, "StopLogging", &json!({ "Name": "api" })).await;
    site.configure(&configuration(&buckets, false));
    assert!(daemon.reload().await);
    daemon.settle().await;
    all_chains_are_over(&site).await;

    let organizations = Organizations::start(ORGANIZATION).await;
    let mut checks = Vec::new();
    for (bucket, chains) in
        [(&buckets.shared, 4), (&buckets.organization, 4), (&buckets.api, 1), (&buckets.deleted, 1)]
    {
        let holdings = Holdings::read(&localstack, bucket).await;
        holdings.check(SECOND);
        assert_eq!(holdings.chains.len(), chains, "{:?}", holdings.chains.keys());
        check_lives(&holdings);
        checks.extend(calls(&daemon, &organizations, &holdings));
    }
    join_all(checks.iter().map(|(call, chain)| call.finds_valid(chain))).await;
    daemon.stop().await;
}

/// The trails of the file. When they log no more, each has its final digest.
fn configuration(buckets: &Buckets, is_logging: bool) -> String {
    let validated = |name, account, bucket| {
        let trail = Trail::new(name, account, REGIONS[0], bucket).multi_region();
        let trail = trail.with("log_file_validation = true");
        trail.with(&format!("logging = {is_logging}"))
    };
    let all = [
        validated("prefixed", OWNER, &buckets.shared).prefix("logs/audit"),
        validated("second", OTHER, &buckets.shared),
        validated("organization", MANAGEMENT, &buckets.organization).with("organization = true"),
    ];
    format!(
        "{SHORT}[organization]\nid = {ORGANIZATION:?}\nmanagement_account = {MANAGEMENT:?}\n\
         members = [{MEMBER:?}]\n{}",
        trails(&all)
    )
}

/// Events of all accounts and Regions until there are enough digests, with intervals in between that
/// have none.
async fn live(localstack: &LocalStack, daemon: &Cairn, shared: &str) {
    for number in 0..DIGESTS {
        at_least(localstack, shared, number + 1).await;
        match number {
            STOP => drop(call(daemon, OWNER, "StopLogging", &json!({ "Name": "api" })).await),
            START => drop(call(daemon, OWNER, "StartLogging", &json!({ "Name": "api" })).await),
            DELETE => drop(call(daemon, OWNER, "DeleteTrail", &json!({ "Name": "deleted" })).await),
            _ if number % CYCLE < CYCLE - 2 => {
                for account in [OWNER, OTHER, MANAGEMENT, MEMBER] {
                    let events = REGIONS.map(|region| event(account, region, number));
                    daemon.record(&events).await;
                }
            }
            _ => {}
        }
    }
}

/// Waits for so many digests of a chain that begins at once.
async fn at_least(localstack: &LocalStack, shared: &str, count: usize) {
    eventually(&format!("{count} digests"), async || {
        let keys = keys(localstack, shared).await;
        let of_chain = |key: &&String| key.contains("_CloudTrail-Digest_eu-west-1_prefixed_");
        (keys.iter().filter(of_chain).count() >= count).then_some(())
    })
    .await;
}

/// That what should have happened has.
fn check_lives(holdings: &Holdings) {
    for (name, chain) in &holdings.chains {
        let begins: Vec<_> = (0..chain.len()).filter(|&at| chain[at].is_starting()).collect();
        let empty = chain.iter().filter(|digest| digest.log_files().is_empty()).count();
        assert!(empty > begins.len(), "{name:?} has empty intervals");
        assert!(empty < chain.len(), "{name:?} has others");
        match name.trail.as_str() {
            "api" => {
                assert_eq!(begins.len(), 2, "stopped and started again");
                assert!(chain[begins[1]].start() > chain[begins[1] - 1].end(), "with a gap");
                assert_last_listed(holdings, &chain[..begins[1]], "StopLogging");
            }
            "deleted" => {
                assert_eq!(begins.len(), 1);
                assert_last_listed(holdings, chain, "DeleteTrail");
            }
            _ => assert_eq!(begins.len(), 1, "{name:?}"),
        }
        if name.region == REGIONS[0] && name.trail == "prefixed" {
            assert!(chain.len() >= DIGESTS, "{}", chain.len());
        }
    }
}

/// The event that ended a chain is in what its final digest lists.
fn assert_last_listed(holdings: &Holdings, chain: &[DigestFile], event: &str) {
    let last = &chain[chain.len() - 1];
    let mut files = last.listed().into_iter().map(|key| &holdings.objects[key].body);
    let named = format!("\"eventName\":\"{event}\"");
    let has = |body: &Vec<u8>| String::from_utf8(unzip(body)).unwrap().contains(&named);
    assert!(files.any(has), "{event} is in no file of the final digest: {}", last.says);
}

/// What a person types for each chain of a bucket.
fn calls(
    daemon: &Cairn,
    organizations: &Organizations,
    holdings: &Holdings,
) -> Vec<(ValidateLogs, Vec<DigestFile>)> {
    let call = |(name, chain): (&ChainName, &Vec<DigestFile>)| {
        let ChainName { account, region, trail, home } = name;
        let owner = if trail == "organization" { MANAGEMENT } else { account };
        let arn = format!("arn:aws:cloudtrail:{home}:{owner}:trail/{trail}");
        let mut call = ValidateLogs::of(daemon.url(""), arn, region, chain);
        match trail.as_str() {
            "organization" => {
                call = call.with(&["--account-id", account]);
                call.organizations = Some(organizations.endpoint.clone());
            }
            // Nobody knows its bucket any more.
            "deleted" => call = call.with(&["--s3-bucket", &holdings.bucket]),
            _ => {}
        }
        (call, chain.clone())
    };
    holdings.chains.iter().map(call).collect()
}
