//! The suites in `tests/clients`, each with a daemon of its own: a specification of the API by what
//! boto3 and the aws command line are answered.

use std::fmt::Write as _;
use std::sync::Arc;

use daemon::serve;
use keyring::{KeyRing, KeySettings, SigningKey};
use model::Timestamp;

use super::python::{Program, localstack_script, say};
use crate::support::cairn::Site;
use crate::support::localstack::{LocalStack, endpoint};
use crate::support::proxy::{Call, Fault, Proxy};

const MANAGEMENT: &str = "600000000001";
const MEMBERS: [&str; 4] = ["600000000002", "600000000003", "600000000004", "600000000005"];

#[tokio::test]
async fn boto3_manages_trails() {
    run("boto3_trails").await;
}

#[tokio::test]
async fn boto3_is_told_what_is_wrong_with_a_trail_s_destinations() {
    run("boto3_destinations").await;
}

#[tokio::test]
async fn boto3_reads_a_trail_s_status() {
    run("boto3_status").await;
}

#[tokio::test]
async fn boto3_puts_and_gets_selectors() {
    run("boto3_selectors").await;
}

#[tokio::test]
async fn boto3_puts_and_gets_insight_selectors() {
    run("boto3_insights").await;
}

#[tokio::test]
async fn boto3_tags() {
    run("boto3_tags").await;
}

#[tokio::test]
async fn boto3_meets_trails_of_three_regions() {
    run("boto3_regions").await;
}

#[tokio::test]
async fn boto3_sees_nothing_of_another_account() {
    run("boto3_accounts").await;
}

#[tokio::test]
async fn boto3_manages_an_organization_s_trails() {
    run("boto3_organization").await;
}

#[tokio::test]
async fn boto3_manages_channels() {
    run("boto3_channels").await;
}

#[tokio::test]
async fn boto3_and_the_aws_command_line_list_public_keys() {
    run("boto3_public_keys").await;
}

#[tokio::test]
async fn boto3_and_the_aws_command_line_look_up_events() {
    run("boto3_lookup").await;
}

/// The same, when no batch becomes a file meanwhile.
#[tokio::test]
async fn boto3_and_the_aws_command_line_look_up_events_in_memory() {
    run_with_interval("boto3_lookup", "1h").await;
}

#[tokio::test]
async fn the_aws_command_line_manages_trails() {
    run("aws_cli").await;
}

#[tokio::test]
async fn calls_and_answers_are_aws_json_on_the_wire() {
    run("wire").await;
}

/// Runs one of them to its good end.
async fn run(suite: &'static str) {
    run_with_interval(suite, "1s").await;
}

async fn run_with_interval(suite: &'static str, interval: &str) {
    let Some(_) = LocalStack::find().await else { return };
    let proxy = Proxy::start().await;
    deny(&proxy);
    let members = MEMBERS;
    let site = Site::new("");
    let organization = format!(
        "[organization]\nid = \"o-abc123defg\"\nmanagement_account = {MANAGEMENT:?}\nmembers = {members:?}\n"
    );
    site.configure_with_interval(interval, &organization);
    let keys = make_keys(&site).await;
    let daemon = site.start_on(proxy.endpoint()).await;
    let program = Program {
        command: vec![localstack_script(), "python".into()],
        arguments: ["-m", "unittest", "--verbose", suite].map(str::to_owned).to_vec(),
        variables: vec![
            ("CAIRN_URL", daemon.url("")),
            ("AWS_ENDPOINT_URL", endpoint()),
            ("CAIRN_KEYS", keys),
            ("CAIRN_ORGANIZATION", format!("{MANAGEMENT} {}", MEMBERS.join(" "))),
        ],
    };
    let said = program.run(suite).await;
    let ran = said.lines().find(|line| line.starts_with("Ran ")).unwrap_or_else(|| {
        panic!("{suite} does not say what it ran:\n{said}");
    });
    assert!(!ran.starts_with("Ran 0 ") && !said.contains("skipped"), "{suite}:\n{said}");
    say(&format!("{suite}: {ran}"));
    daemon.stop().await;
}

/// Makes keys that sign digests, as hours of these Regions would have: `REGION DAYS FINGERPRINT`, days
/// ago, a line each.
async fn make_keys(site: &Site) -> String {
    let parts = serve::real_parts(&site.data()).unwrap();
    let (disk, generate) = (Arc::clone(&parts.disk), Arc::new(SigningKey::generate));
    let ring = KeyRing::open(disk, generate, KeySettings::default()).unwrap();
    let mut made = String::new();
    for (region, days) in [("eu-west-1", 0), ("eu-west-1", 100), ("us-east-1", 0)] {
        let at = Timestamp::from_millis(parts.now().wall.as_millis() - days * 24 * 3_600_000);
        let key = ring.signing_key(&region.parse().unwrap(), at).await.unwrap();
        writeln!(made, "{region} {days} {}", key.public().fingerprint()).unwrap();
    }
    made
}

/// LocalStack enforces no policies: what the names of buckets and topics promise is denied on the way.
/// The names are those of `denied` in `tests/clients/support.py`.
fn deny(proxy: &Proxy) {
    let s3 = Fault::s3(403, "AccessDenied");
    proxy.fail(&[Call::Other], "-acl-denied?acl", s3.clone());
    proxy.fail(&[Call::Other], "-acl-denied/?acl", s3.clone());
    proxy.fail(&[Call::Other, Call::Put], "-put-denied/", s3);
    proxy.fail(&[Call::Publish], "-publish-denied", Fault::sns(403, "AuthorizationError"));
    proxy.fail(&[Call::Publish], "-suspended-denied", Fault::sns(403, "InvalidClientTokenId"));
    proxy.fail(&[Call::Other], "assume-denied", Fault::sns(403, "AccessDenied"));
    let (status, content_type) = (400, "application/x-amz-json-1.1");
    let body = r#"{"__type":"AccessDeniedException","message":"a fault of this test"}"#.into();
    let kms = Fault::Answer { status, content_type, body };
    proxy.fail(&[Call::Other], "-key-denied", kms);
}
