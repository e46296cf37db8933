//! `sigv4_us`: what it costs one thread to verify the signature of a small request, in microseconds.
//!
//! The request is a DescribeTrails as boto3 signs it. Measured is all that depends on it: reading the
//! signature, deriving the key of the secret, hashing the body, making the canonical request, and
//! comparing. The median of many rounds counts, each long enough for the CPU clock of the thread.

use anyhow::{Context, Result, ensure};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use sigv4::{Request, SignatureError, Signed, SigningKey};

use crate::figures::{Wanted, figure};
use crate::process::thread_cpu_seconds;

const REQUESTS: u32 = 1_000;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const BODY: &[u8] = br#"{"trailNameList": ["management-events"]}"#;
/// 2015-08-30T12:36:00Z, when the request was signed.
const NOW: i64 = 1_440_938_160;
const HEADERS: [(&str, &str); 8] = [
    ("host", "127.0.0.1:4580"),
    ("accept-encoding", "identity"),
    ("x-amz-target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.DescribeTrails"),
    ("content-type", "application/x-amz-json-1.1"),
    ("user-agent", "Boto3/1.40.55 md/Botocore#1.40.55 ua/2.1 os/linux lang/python#3.12"),
    ("x-amz-date", "20150830T123600Z"),
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/cloudtrail/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
         Signature=e300b797bfa333d527c4f61b7142f8a9b4863aff47206b422a4b7b3b5731e055",
    ),
    ("content-length", "40"),
];

/// The figure of this module.
pub fn names() -> Vec<String> {
    ["sigv4_us"].map(str::to_owned).into()
}

/// Measures and prints it.
pub fn measure(wanted: &Wanted) -> Result<()> {
    let mut headers = HeaderMap::new();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), value.parse()?);
    }
    let mut rounds = Vec::new();
    for _ in 0..wanted.pick(101, 1_001) {
        let begun = thread_cpu_seconds();
        for _ in 0..REQUESTS {
            verify(std::hint::black_box(&headers))?;
        }
        rounds.push((thread_cpu_seconds() - begun) / f64::from(REQUESTS) * 1e6);
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(rounds.len() / 2).context("there were rounds")?;
    headers.insert("x-amz-target", "CloudTrail_20131101.DeleteTrail".parse()?);
    ensure!(verify(&headers) == Err(SignatureError::Mismatch), "a changed request is refused");
    figure("sigv4_us", *median, "us")
}

fn verify(headers: &HeaderMap) -> Result<(), SignatureError> {
    let request = Request { method: "POST", path: "/", query: "", headers };
    let signed = Signed::read(request, NOW)?;
    let key = SigningKey::derive(SECRET, signed.scope());
    signed.verify(&key, &Sha256::digest(BODY).into())
}
