//! `describe_trails_per_s`, `trail_status_per_s`: calls of CloudTrail's own API a second, with Signature
//! Version 4 on.
//!
//! Sixteen connections that each wait for an answer before they call again; each call is signed by the
//! root key of the trail's account, verified, authorized, answered and recorded, which means synced:
//! at the end the daemon must have delivered one record for each. A call is signed once, beforehand,
//! and sent over and over. Wall-clock figures.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;

use crate::daemon::Site;
use crate::figures::{Wanted, figure, say};
use crate::load;
use crate::records::{self, OWNER};
use crate::requests::Request;

const CONNECTIONS: usize = 16;
/// Where calls go.
pub const REGION: &str = "us-east-1";

/// Figure, operation, members, and what the answer says.
const CALLS: [[&str; 4]; 2] = [
    ["describe_trails_per_s", "DescribeTrails", "{}", "\"trailList\":[{"],
    ["trail_status_per_s", "GetTrailStatus", "{\"Name\":\"bench\"}", "\"IsLogging\":true"],
];

/// Measures and prints what was asked for.
pub fn measure(wanted: &Wanted) -> Result<()> {
    for [name, operation, members, answer] in CALLS {
        if !wanted.any(&[name.to_owned()]) {
            continue;
        }
        let (site, key) = Site::signed(&records::pairs(1))?;
        let daemon = site.start()?;
        let host = daemon.address().to_string();
        let call = signed(&host, operation, members, &key)?;
        let request = Request::call(&call, members, answer);
        let time = Duration::from_secs(wanted.pick(1, 4));
        let requests = vec![vec![request]; CONNECTIONS];
        let sent = load::during(daemon.address(), requests, time)?;
        let calls = sent.waits.len();
        let ended = daemon.finish(u64::try_from(calls)?)?;
        say(&format!(
            "{operation}: {calls} calls in {:.2} s, half in {:.3} ms, 99 of 100 in {:.3} ms; CPU s: cairn {:.2}",
            sent.seconds,
            sent.percentile_ms(50),
            sent.percentile_ms(99),
            ended.spent.cpu_seconds,
        ));
        #[allow(clippy::cast_precision_loss)] // fewer than 2^53
        figure(name, calls as f64 / sent.seconds, "1/s")?;
    }
    Ok(())
}

/// The headers of a call to a daemon that believes its callers.
#[must_use]
pub fn unsigned(operation: &str) -> String {
    let scope = format!("{OWNER}/20260101/{REGION}/cloudtrail/aws4_request");
    format!(
        "host: 127.0.0.1\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: CloudTrail_20131101.{operation}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n"
    )
}

/// The headers of a signed call.
pub fn signed(host: &str, operation: &str, members: &str, key: &Credentials) -> Result<String> {
    let target = format!("CloudTrail_20131101.{operation}");
    let content = "application/x-amz-json-1.1";
    let headers = [("host", host), ("content-type", content), ("x-amz-target", &target)];
    let identity = key.clone().into();
    #[allow(clippy::disallowed_methods)] // the daemon compares with its own clock
    let now = SystemTime::now();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("cloudtrail")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .context("the signature")?
        .into();
    let body = SignableBody::Bytes(members.as_bytes());
    let url = format!("http://{host}/");
    let signable = SignableRequest::new("POST", url, headers.into_iter(), body);
    let output = sign(signable.context("the request to be signed")?, &parameters);
    let (instructions, _) = output.context("the signature")?.into_parts();
    let added = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let lines = own.into_iter().chain(added).map(|(name, value)| format!("{name}: {value}\r\n"));
    Ok(lines.collect())
}

/// The access key that `cairn account create-key --json` printed.
pub fn key_of(printed: &[u8]) -> Result<Credentials> {
    let printed: serde_json::Value = serde_json::from_slice(printed)?;
    let member = |name: &str| {
        let text = printed["AccessKey"][name].as_str();
        text.map(str::to_owned).with_context(|| format!("AccessKey has no {name} of {OWNER}"))
    };
    let (id, secret) = (member("AccessKeyId")?, member("SecretAccessKey")?);
    Ok(Credentials::new(id, secret, None, None, "bench"))
}
