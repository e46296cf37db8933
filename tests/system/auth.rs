//! Who may call: a daemon in the mode `sigv4`, called by the aws command line, by AWS's own signer, and
//! by those who pretend.

use std::process::Command;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::cairn::{Cairn, Site};
use crate::support::generated::event;
use crate::support::http::{Answer, Http};
use crate::support::process::cairn;
use crate::support::signer::{Key, SignedRequest, Signer};
use crate::support::wait::eventually;

const ONE: &str = "731000000001";
const OTHER: &str = "731000000002";
const MEMBER: &str = "731000000003";
const REGION: &str = "us-east-1";
/// Callers must sign; the account one has a trail and a channel, and manages an organization.
const CONFIGURATION: &str = r#"auth = "sigv4"
[organization]
id = "o-auth000000"
management_account = "731000000001"
members = ["731000000003"]
[[trails]]
name = "own"
account = "731000000001"
region = "us-east-1"
bucket = "nobody-writes-here"
[[channels]]
name = "shop"
account = "731000000001"
region = "us-east-1"
"#;
const DESCRIBE: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.DescribeTrails";
const MISMATCH: &str =
    "The request signature we calculated does not match the signature you provided.";

/// A daemon, and what was drawn for its callers.
struct World {
    site: Site,
    daemon: Cairn,
    http: Http,
    /// What must be told to nobody.
    secrets: Vec<String>,
}

impl World {
    async fn start() -> World {
        let site = Site::new(CONFIGURATION);
        let mut world =
            World { daemon: site.start().await, site, http: Http::new(), secrets: Vec::new() };
        for account in [ONE, OTHER, MEMBER] {
            world.account(&format!("create {account}")).await;
        }
        world
    }

    /// Runs `cairn account`.
    async fn account(&mut self, arguments: &str) -> Value {
        let configuration = self.site.configuration().to_str().unwrap().to_owned();
        let mut typed = vec!["account", "--config", &configuration, "--json"];
        typed.extend(arguments.split(' '));
        let ended = cairn(&typed).await;
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{arguments}: {ended:?}");
        serde_json::from_str(&ended.output).unwrap()
    }

    async fn key_by(&mut self, command: &str, member: &str) -> Key {
        let made = self.account(command).await;
        let key = Key::read(&made[member]);
        self.secrets.push(key.secret.clone());
        self.secrets.extend(key.token.clone());
        self.wait_for(&key).await;
        key
    }

    /// A key of a root, or of a user with this policy.
    async fn key(&mut self, account: &str) -> Key {
        self.key_by(&format!("create-key {account}"), "AccessKey").await
    }

    async fn user(&mut self, name: &str, statements: &Value) -> Key {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        let file = self.site.file(&format!("{name}.json"), policy.to_string());
        self.account(&format!("create-user {ONE} {name} --policy {file}")).await;
        self.key_by(&format!("create-key {ONE} {name}"), "AccessKey").await
    }

    /// Waits until the daemon knows a key.
    async fn wait_for(&self, key: &Key) {
        eventually("the daemon knows the key", async || {
            let answer = self.describe(&key.signer("cloudtrail")).await;
            (code(&answer) != "UnrecognizedClientException").then_some(())
        })
        .await;
    }

    async fn send(&self, request: &SignedRequest, body: impl Into<bytes::Bytes>) -> Answer {
        self.http.post(&request.url, &request.headers(), body).await.unwrap()
    }

    fn signed_describe(&self, signer: &Signer) -> SignedRequest {
        let headers = [("x-amz-target", DESCRIBE), ("content-type", "application/x-amz-json-1.1")];
        signer.post(&self.daemon.url("/"), &headers, b"{}")
    }

    async fn describe(&self, signer: &Signer) -> Answer {
        self.send(&self.signed_describe(signer), "{}").await
    }

    async fn bulk(&self, key: &Key, body: &str) -> Answer {
        let request = key.signer("cloudtrail-data").post(
            &self.daemon.url("/v1/events"),
            &[],
            body.as_bytes(),
        );
        self.send(&request, body.to_owned()).await
    }

    /// Calls an operation of the API.
    async fn call(&self, key: &Key, operation: &str, members: &Value) -> Value {
        let target = DESCRIBE.replace("DescribeTrails", operation);
        let (headers, body) = ([("x-amz-target", target.as_str())], members.to_string());
        let url = self.daemon.url("/");
        let request = key.signer("cloudtrail").post(&url, &headers, body.as_bytes());
        let answer = self.send(&request, body).await;
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
        answer.json()
    }

    async fn put(&self, key: &Key, channel: &str, record: &str) -> Answer {
        let body = json!({ "auditEvents": [{ "id": "1", "eventData": record }] }).to_string();
        let url = self.daemon.url(&format!("/PutAuditEvents?channelArn={channel}"));
        let request = key.signer("cloudtrail-data").post(&url, &[], body.as_bytes());
        self.send(&request, body).await
    }

    /// The ARN of the configuration's channel, as the log has it.
    async fn channel(&self) -> String {
        let logged = self.daemon.logged(0, "channel takes audit events").await;
        logged["arn"].as_str().unwrap().to_owned()
    }

    /// Stops it; in all that it said there is no secret.
    async fn finish(self) {
        self.daemon.terminate();
        let ended = self.daemon.ended().await;
        for secret in &self.secrets {
            assert!(!ended.errors.contains(secret), "the log has a secret");
        }
        for line in ended.errors.lines() {
            assert!(!line.contains("Signature="), "the log has a signature: {line}");
        }
    }
}

/// The exception of an answer.
fn code(answer: &Answer) -> String {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    json["__type"].as_str().unwrap_or_default().to_owned()
}

/// Checks a refusal, in which nothing stands that is not its caller's to know.
#[track_caller]
fn refused(world: &World, what: &str, answer: &Answer, status: u16, expected: &str, text: &str) {
    let found = answer.text();
    assert_eq!((answer.status, code(answer).as_str()), (status, expected), "{what}: {found}");
    assert!(found.contains(text), "{what}: {found}");
    for secret in &world.secrets {
        assert!(!found.contains(secret), "{what}: {found}");
    }
    let data = world.site.data();
    assert!(!found.contains(data.to_str().unwrap()), "{what}: {found}");
}

#[tokio::test]
async fn a_call_is_taken_only_with_the_signature_of_a_key() {
    let mut world = World::start().await;
    let key = world.key(ONE).await;
    let signer = key.signer("cloudtrail");
    let answer = world.describe(&signer).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["trailList"][0]["Name"], "own");

    let right = || world.signed_describe(&signer);
    let with_key = |id: &str, secret: &str| Signer {
        key: Key { id: id.into(), secret: secret.into(), token: None },
        ..signer.clone()
    };
    let at = |shift_seconds| Signer { shift_seconds, ..signer.clone() };
    let moved = right().header("x-amz-date").replace('Z', "X");
    let wrong_signature = |request: &SignedRequest| {
        let turned: String = request.signature.chars().rev().collect();
        request.header("authorization").replace(&request.signature, &turned)
    };
    let other_day = right().header("authorization").replacen("/20", "/19", 1);
    let other_region = right().header("authorization").replace(REGION, "eu-west-1");
    let unsigned_host = right().header("authorization").replace(";host;", ";");
    let cases: Vec<(&str, SignedRequest, &str, &str, &str)> = vec![
        (
            "no signature",
            right().without("authorization"),
            "{}",
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        (
            "another scheme",
            right().set("authorization", "Basic eDp5"),
            "{}",
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        (
            "a key that nobody has",
            world.signed_describe(&with_key("AKIAAAAAAAAAAAAAAAAA", "x")),
            "{}",
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            "an account in place of a key",
            world.signed_describe(&with_key(ONE, "test")),
            "{}",
            "UnrecognizedClientException",
            "is invalid.",
        ),
        (
            "another secret",
            world.signed_describe(&with_key(&key.id, "x")),
            "{}",
            "InvalidSignatureException",
            MISMATCH,
        ),
        ("another body", right(), "{ }", "InvalidSignatureException", MISMATCH),
        (
            "a changed header",
            right().set("x-amz-target", &DESCRIBE.replace("Describe", "List")),
            "{}",
            "InvalidSignatureException",
            MISMATCH,
        ),
        (
            "a signed header that is gone",
            right().without("x-amz-target"),
            "{}",
            "IncompleteSignatureException",
            "x-amz-target",
        ),
        (
            "another signature",
            right().set("authorization", &wrong_signature(&right())),
            "{}",
            "InvalidSignatureException",
            MISMATCH,
        ),
        (
            "a date that is none",
            right().set("x-amz-date", &moved),
            "{}",
            "IncompleteSignatureException",
            "Date must be",
        ),
        (
            "a day that is not that of the date",
            right().set("authorization", &other_day),
            "{}",
            "InvalidSignatureException",
            "Date in Credential scope does not match",
        ),
        (
            "another Region",
            right().set("authorization", &other_region),
            "{}",
            "InvalidSignatureException",
            MISMATCH,
        ),
        (
            "a host that is not signed",
            right().set("authorization", &unsigned_host),
            "{}",
            "InvalidSignatureException",
            "SignedHeader",
        ),
        (
            "another service",
            world.signed_describe(&key.signer("s3")),
            "{}",
            "InvalidSignatureException",
            "correct service: 'cloudtrail'",
        ),
        (
            "a session token where none belongs",
            right().set("x-amz-security-token", "x"),
            "{}",
            "UnrecognizedClientException",
            "is invalid.",
        ),
        (
            "a replay after 16 minutes",
            world.signed_describe(&at(-16 * 60)),
            "{}",
            "InvalidSignatureException",
            "Signature expired",
        ),
        (
            "a call from 16 minutes ahead",
            world.signed_describe(&at(16 * 60)),
            "{}",
            "InvalidSignatureException",
            "Signature not yet current",
        ),
    ];
    for (what, request, body, expected, text) in &cases {
        let answer = world.send(request, (*body).to_owned()).await;
        refused(&world, what, &answer, 400, expected, text);
        assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.1"), "{what}");
    }
    for shift_seconds in [-14 * 60, 14 * 60] {
        let answer = world.describe(&at(shift_seconds)).await;
        assert_eq!(answer.status, 200, "{shift_seconds}: {}", answer.text());
    }
    world.finish().await;
}

#[tokio::test]
async fn other_routes_refuse_as_rest_services_do() {
    let mut world = World::start().await;
    let key = world.key(ONE).await;
    let record = event(ONE, REGION, 1);
    let recorded =
        async |world: &World| world.daemon.metrics().await.sum("cairn_trail_recorded_events");
    let before = recorded(&world).await;
    for path in ["/v1/events", "/PutAuditEvents?channelArn=x"] {
        let url = world.daemon.url(path);
        let answer = world.http.post(&url, &[], record.clone()).await.unwrap();
        let (status, missing) = (403, "MissingAuthenticationTokenException");
        refused(&world, path, &answer, status, missing, "Missing Authentication Token");
        assert_eq!(answer.header("x-amzn-errortype"), Some(missing), "{path}");
        let signed = key.signer("cloudtrail-data").post(&url, &[], record.as_bytes());
        let answer = world.send(&signed, record.replace('1', "2")).await;
        refused(&world, path, &answer, status, "InvalidSignatureException", MISMATCH);
        let signed = key.signer("s3").post(&url, &[], record.as_bytes());
        let answer = world.send(&signed, record.clone()).await;
        let text = "correct service: 'cloudtrail-data'";
        refused(&world, path, &answer, status, "InvalidSignatureException", text);
    }
    assert_eq!(recorded(&world).await, before, "nothing of it is recorded");
    world.finish().await;
}

#[tokio::test]
async fn a_session_needs_its_token_and_ends() {
    let mut world = World::start().await;
    world
        .user("amy", &json!([{ "Effect": "Allow", "Action": "cloudtrail:*", "Resource": "*" }]))
        .await;
    let command = format!("create-session {ONE} amy --duration 15m");
    let session = world.key_by(&command, "Credentials").await;
    let signer = session.signer("cloudtrail");
    assert_eq!(world.describe(&signer).await.status, 200);
    for token in [None, Some("another".to_owned())] {
        let signer = Signer { key: Key { token, ..session.clone() }, ..signer.clone() };
        let answer = world.describe(&signer).await;
        let expected = "UnrecognizedClientException";
        refused(&world, "another token", &answer, 400, expected, "is invalid.");
    }
    world.account(&format!("delete-key {}", session.id)).await;
    eventually("the session has ended", async || {
        (world.describe(&signer).await.status == 400).then_some(())
    })
    .await;
    world.finish().await;
}

#[tokio::test]
async fn keys_come_into_use_and_go_out_of_it_while_the_daemon_runs() {
    let mut world = World::start().await;
    let key = world.key(ONE).await;
    let signer = key.signer("cloudtrail");
    for (command, status) in [
        (format!("deactivate-key {}", key.id), 400),
        (format!("activate-key {}", key.id), 200),
        (format!("delete-key {}", key.id), 400),
    ] {
        world.account(&command).await;
        let answer = eventually(&command, async || {
            let answer = world.describe(&signer).await;
            (answer.status == status).then_some(answer)
        })
        .await;
        if status == 400 {
            refused(
                &world,
                &command,
                &answer,
                status,
                "UnrecognizedClientException",
                "is invalid.",
            );
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn a_damaged_file_changes_nothing_and_health_warns_until_it_is_mended() {
    let mut world = World::start().await;
    let key = world.key(ONE).await;
    let file = world.site.data().join("accounts.json");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, b"nonsense").unwrap();
    let warns = async |world: &World| {
        let health = world.daemon.get("/readyz").await.json();
        health["warnings"].to_string().contains("the accounts cannot be read")
    };
    eventually("health warns", async || warns(&world).await.then_some(())).await;
    assert_eq!(world.describe(&key.signer("cloudtrail")).await.status, 200);
    std::fs::write(&file, good).unwrap();
    eventually("all is well", async || (!warns(&world).await).then_some(())).await;
    assert_eq!(world.describe(&key.signer("cloudtrail")).await.status, 200);
    world.finish().await;
}

#[tokio::test]
async fn without_an_account_the_daemon_says_which_command_makes_one() {
    let site = Site::new("auth = \"sigv4\"\n");
    let daemon = site.start().await;
    daemon.logged(0, "cairn account create-key").await;
    let health = daemon.get("/readyz").await;
    assert_eq!(health.status, 200);
    let warnings = health.json()["warnings"].to_string();
    assert!(warnings.contains("cairn account create 111122223333"), "{warnings}");
    let configuration = site.configuration();
    let doctor = cairn(&["doctor", "--config", configuration.to_str().unwrap()]).await;
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.output.contains("cairn account create 111122223333"), "{doctor:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn users_do_what_their_policies_allow() {
    let mut world = World::start().await;
    let reads = json!([{ "Effect": "Allow", "Action": "cloudtrail:Describe*", "Resource": "*" }]);
    let none = json!([{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }]);
    let denied = json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "cloudtrail:*", "Resource": "*" },
    ]);
    let elsewhere = json!([{
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": { "NotIpAddress": { "aws:SourceIp": "127.0.0.0/8" } },
    }]);
    for (name, statements, text) in [
        ("reader", reads, None),
        (
            "stranger",
            none,
            Some("because no identity-based policy allows the cloudtrail:DescribeTrails action"),
        ),
        ("denied", denied, Some("with an explicit deny in an identity-based policy")),
        ("elsewhere", elsewhere, Some("because no identity-based policy allows")),
    ] {
        let key = world.user(name, &statements).await;
        let answer = world.describe(&key.signer("cloudtrail")).await;
        match text {
            None => assert_eq!(answer.status, 200, "{name}: {}", answer.text()),
            Some(text) => {
                refused(&world, name, &answer, 400, "AccessDeniedException", text);
                let user = format!("User: arn:aws:iam::{ONE}:user/{name} is not authorized");
                assert!(answer.text().contains(&user), "{}", answer.text());
                // Nor may it send.
                if name == "stranger" {
                    let answer = world.bulk(&key, &event(ONE, REGION, 1)).await;
                    let text = "cloudtrail-data:PutAuditEvents on resource: *";
                    refused(&world, name, &answer, 403, "AccessDeniedException", text);
                }
            }
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn nobody_writes_into_the_log_of_another_account() {
    let mut world = World::start().await;
    let (one, other, member) =
        (world.key(ONE).await, world.key(OTHER).await, world.key(MEMBER).await);
    for (what, key, account, recorded) in [
        ("its own", &one, ONE, 1),
        ("its own", &other, OTHER, 1),
        ("a stranger's", &other, ONE, 0),
        ("a stranger's", &one, OTHER, 0),
        ("a member's, by who manages the organization", &one, MEMBER, 1),
        ("the manager's, by a member", &member, ONE, 0),
    ] {
        let answer = world.bulk(key, &event(account, REGION, 1)).await;
        let body = answer.json();
        assert_eq!(body["recorded"], recorded, "{what}: {body}");
        if recorded == 0 {
            let error = body["refusals"][0]["error"].as_str().unwrap();
            assert!(error.contains(&format!("of account {account}")), "{error}");
        }
    }
    // The channel of an account is not there for others, and takes records of its owner's alone.
    let channel = world.channel().await;
    let answer = world.put(&other, &channel, &event(ONE, REGION, 2)).await;
    refused(&world, "another's channel", &answer, 400, "ChannelNotFound", "was not found");
    let nowhere = channel.replace(ONE, OTHER);
    let answer = world.put(&other, &nowhere, &event(ONE, REGION, 2)).await;
    refused(&world, "no channel", &answer, 400, "ChannelNotFound", "was not found");
    let answer = world.put(&one, &channel, &event(ONE, REGION, 3)).await.json();
    assert_eq!(answer["successful"].as_array().map(Vec::len), Some(1), "{answer}");
    let answer = world.put(&one, &channel, &event(OTHER, REGION, 4)).await.json();
    assert_eq!(answer["failed"][0]["errorCode"], "InvalidRecipient", "{answer}");
    // Nor does anybody see another's trails.
    let answer = world.describe(&other.signer("cloudtrail")).await;
    assert_eq!(answer.json()["trailList"], json!([]), "{}", answer.text());
    world.finish().await;
}

#[tokio::test]
async fn another_account_sends_to_a_channel_whose_policy_lets_it_in() {
    let mut world = World::start().await;
    let (one, other) = (world.key(ONE).await, world.key(OTHER).await);
    let store = format!(
        "arn:aws:cloudtrail:{REGION}:{ONE}:eventdatastore/EXAMPLE-f852-4e8f-8bd1-bcf6cEXAMPLE"
    );
    let destinations = json!([{ "Type": "EVENT_DATA_STORE", "Location": store }]);
    let members = json!({ "Name": "partner", "Source": "Custom", "Destinations": destinations });
    let made = world.call(&one, "CreateChannel", &members).await;
    let channel = made["ChannelArn"].as_str().unwrap();
    let with_word = |word: &str| format!("{channel}&externalId={word}");
    let record = event(ONE, REGION, 1);
    let answer = world.put(&other, &with_word("shared-word"), &record).await;
    refused(&world, "before", &answer, 400, "ChannelNotFound", "was not found");
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": OTHER },
        "Action": "cloudtrail-data:PutAuditEvents",
        "Resource": channel,
        "Condition": { "StringEquals": { "cloudtrail:ExternalId": "shared-word" } },
    }]});
    let members = json!({ "ResourceArn": channel, "ResourcePolicy": policy.to_string() });
    world.call(&one, "PutResourcePolicy", &members).await;
    let answer = world.put(&other, &with_word("shared-word"), &record).await;
    assert_eq!(answer.json()["successful"].as_array().map(Vec::len), Some(1), "{}", answer.text());
    let answer = world.put(&other, &with_word("other-word"), &record).await;
    refused(
        &world,
        "another word",
        &answer,
        400,
        "ChannelInsufficientPermission",
        "does not allow",
    );
    // It brings no records of its own account into this one's channel.
    let answer = world.put(&other, &with_word("shared-word"), &event(OTHER, REGION, 2)).await;
    assert_eq!(answer.json()["failed"][0]["errorCode"], "InvalidRecipient", "{}", answer.text());
    world.finish().await;
}

#[tokio::test]
async fn large_bodies_come_in_signed_chunks_or_unsigned() {
    let mut world = World::start().await;
    let key = world.key(ONE).await;
    let url = world.daemon.url("/v1/events");
    let records: Vec<String> = (0..4_000).map(|number| event(ONE, REGION, number)).collect();
    let body = records.join("\n").repeat(1 + (4 << 20) / records.join("\n").len());
    assert!(body.len() > 4 << 20);
    let answer = world.bulk(&key, &body).await;
    refused(&world, "too large", &answer, 413, "ValidationException", "UNSIGNED-PAYLOAD");

    let unsigned = Signer { payload: Some("UNSIGNED-PAYLOAD"), ..key.signer("cloudtrail-data") };
    let some = records[..100].join("\n");
    let answer = world.send(&unsigned.post(&url, &[], b""), some.clone()).await;
    assert_eq!(answer.json()["recorded"], 100, "{}", answer.text());

    let chunked = Signer {
        payload: Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ..key.signer("cloudtrail-data")
    };
    let all = records.join("\n");
    let length = all.len().to_string();
    let headers = [("x-amz-decoded-content-length", length.as_str())];
    let request = chunked.post(&url, &headers, b"");
    let chunks = in_chunks(&key, &request, all.as_bytes());
    let answer = world.send(&request, chunks.clone()).await;
    let body = answer.json();
    assert_eq!((&body["records"], &body["refused"]), (&json!(4_000), &json!(0)), "{body}");

    // A changed byte in the second chunk: the first one is used, and nothing behind it.
    let fresh: Vec<String> = (5_000..9_000).map(|number| event(ONE, REGION, number)).collect();
    let all = fresh.join("\n");
    let length = all.len().to_string();
    let request = chunked.post(&url, &[("x-amz-decoded-content-length", length.as_str())], b"");
    let mut chunks = in_chunks(&key, &request, all.as_bytes());
    let at = CHUNK_BYTES + 300;
    chunks[at] ^= 1;
    let answer = world.send(&request, chunks).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let body = answer.json();
    assert!(body["error"].as_str().unwrap().contains("signature we calculated"), "{body}");
    let whole = all[..CHUNK_BYTES].matches('\n').count() as u64;
    assert_eq!(body["recorded"], whole, "{body}");
    world.finish().await;
}

const CHUNK_BYTES: usize = 64 << 10;

/// A body in signed chunks, as S3's clients send it.
fn in_chunks(key: &Key, request: &SignedRequest, body: &[u8]) -> Vec<u8> {
    let date = request.header("x-amz-date");
    let scope = format!("{}/{REGION}/cloudtrail-data/aws4_request", &date[..8]);
    let secret = format!("AWS4{}", key.secret).into_bytes();
    let signing = scope.split('/').fold(secret, |key, part| hmac(&key, part));
    let mut previous = request.signature.clone();
    let mut out = Vec::new();
    for chunk in body.chunks(CHUNK_BYTES).chain([&b""[..]]) {
        let (nothing, hash) = (hex(&Sha256::digest(b"")), hex(&Sha256::digest(chunk)));
        let text =
            format!("AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{nothing}\n{hash}");
        previous = hex(&hmac(&signing, &text));
        out.extend(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_presigned_url_is_a_signature() {
    let mut world = World::start().await;
    let key = world.key(ONE).await;
    let presigned = |expires| Signer { expires_seconds: Some(expires), ..key.signer("cloudtrail") };
    let request = world.signed_describe(&presigned(60));
    assert!(request.url.contains("X-Amz-Signature="), "{request:?}");
    let answer = world.send(&request, "{}").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = world.send(&request, "{ }").await;
    refused(&world, "another body", &answer, 400, "InvalidSignatureException", MISMATCH);
    let late = Signer { shift_seconds: -120, ..presigned(60) };
    let answer = world.describe(&late).await;
    refused(&world, "too late", &answer, 400, "InvalidSignatureException", "Signature expired");
    world.finish().await;
}

#[tokio::test]
async fn cairn_put_signs_what_it_sends() {
    let mut world = World::start().await;
    let key = world.key(ONE).await;
    let records: Vec<String> = (0..10).map(|number| event(ONE, REGION, number)).collect();
    let file = world.site.file("events.ndjson", records.join("\n"));
    let endpoint = format!("http://{}", world.daemon.address());
    let put = async |id: &str, secret: &str| {
        let file = file.clone();
        let environment = [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)];
        run(&environment, &["put", "--endpoint", &endpoint, &file])
    };
    let (code, said) = put(&key.id, &key.secret).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("10 records: 10 recorded"), "{said}");
    let (code, said) = put(&key.id, "wrong").await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("InvalidSignatureException") && said.contains(&key.id), "{said}");
    let (code, said) = put("", "").await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cairn account create-key"), "{said}");
    world.finish().await;
}

/// Runs a `cairn` with this in its environment; gives its code, and what it said.
fn run(environment: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(crate::support::process::binary())
        .args(arguments)
        .env_clear()
        .envs(crate::support::localstack::environment("http://127.0.0.1:1"))
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn the_aws_command_line_and_boto3_call_as_their_users_are_told() {
    let mut world = World::start().await;
    let key = world.key(ONE).await;
    let url = world.daemon.url("");
    let script = "import boto3, sys\n\
        client = boto3.client('cloudtrail', endpoint_url=sys.argv[1])\n\
        print(client.describe_trails()['trailList'][0]['Name'])";
    let aws = ["cloudtrail", "describe-trails", "--endpoint-url", &url, "--output", "json"];
    for (program, arguments) in [("aws", &aws[..]), ("python", &["-c", script, &url])] {
        let run = |secret: &str| {
            let output = Command::new(program)
                .args(arguments)
                .env("AWS_ACCESS_KEY_ID", &key.id)
                .env("AWS_SECRET_ACCESS_KEY", secret)
                .env("AWS_REGION", REGION)
                .env("AWS_DEFAULT_REGION", REGION)
                .env("AWS_CONFIG_FILE", "/dev/null")
                .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
                .env("AWS_EC2_METADATA_DISABLED", "true")
                .env_remove("AWS_SESSION_TOKEN")
                .env_remove("AWS_ENDPOINT_URL")
                .output()
                .unwrap_or_else(|error| panic!("{program}: {error}; run by localstack/with"));
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (output.status.success(), text(output.stdout), text(output.stderr))
        };
        let (is_good, said, errors) = run(&key.secret);
        assert!(is_good && said.contains("own"), "{program}: {said}{errors}");
        let (is_good, _, errors) = run("wrong");
        assert!(!is_good && errors.contains("InvalidSignatureException"), "{program}: {errors}");
    }
    world.finish().await;
}
