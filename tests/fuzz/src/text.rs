//! Identifiers and small texts: what is accepted comes back as it was written, and is safe where it
//! goes: in a key, in an ARN, in a header.

use std::fmt::Display;
use std::str::FromStr;

use axum::http::{HeaderValue, Request, header};
use daemon::http::caller::believed;
use model::{
    AccountId, BucketName, KeyPrefix, OrganizationId, Region, Timestamp, TopicArn, TopicName,
    TrailArn, TrailName,
};

use crate::Target;

/// A text that may be any of them.
pub const TEXT: Target =
    Target { name: "text", run: text, seeds, words: WORDS, short_runs: 10_000 };

const WORDS: &[&str] = &[
    "arn:aws:",
    "arn:aws-cn:",
    "cloudtrail:",
    "sns:",
    ":trail/",
    "111111111111",
    "eu-west-1",
    "..",
    "/",
    "AWSLogs/",
    "-",
    "2026-05-04T03:02:01Z",
    "+05:00",
    "[UTC]",
    "Z",
    "T",
    " ",
    ".5",
    "-000001-",
    "AWS4-HMAC-SHA256 Credential=",
    ",",
    "\u{661}",
    "\u{0}",
    "é",
];

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "111111111111",
        "eu-west-1",
        "o-abc123defg",
        "log-bucket.a",
        "logs/a",
        "all",
        "news.fifo",
        "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all",
        "arn:aws-cn:sns:cn-north-1:111111111111:news",
        "arn:aws-cn:cloudtrail:eu-west-1:111111111111:trail/all",
        "2026-05-04T03:02:01Z",
        "2025-01-21 17:49:47.000000000",
        "-009999-01-01T00:00:00",
        "AWS4-HMAC-SHA256 Credential=111122223333/20260102/eu-west-1/x/aws4_request, Signature=0",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

/// Whether the text is one; if so it comes back as it was written.
fn is<T: FromStr + Display>(text: &str) -> bool {
    let Ok(parsed) = text.parse::<T>() else { return false };
    assert_eq!(parsed.to_string(), text);
    true
}

fn text(bytes: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let request = Request::builder().header(header::AUTHORIZATION, value).body(());
        let sender = believed(&request.expect("a request").into_parts().0);
        assert!(is::<AccountId>(sender.account.as_str()) && is::<Region>(sender.region.as_str()));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let is_segment = is::<AccountId>(text)
        || is::<Region>(text)
        || is::<OrganizationId>(text)
        || is::<BucketName>(text)
        || is::<TrailName>(text)
        || is::<TopicName>(text);
    if is_segment {
        // Each may stand between slashes in a key, or between colons in an ARN.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        assert!(text.bytes().all(is_plain) && text != "." && text != "..", "{text:?}");
    }
    if is::<KeyPrefix>(text) {
        assert!(!text.chars().any(char::is_control));
    }
    if is::<TrailArn>(text) || is::<TopicArn>(text) {
        assert!(text.starts_with("arn:aws") && text.is_ascii() && !text.contains(".."));
    }
    if let Some(time) = Timestamp::parse(text) {
        let is_stamp = |byte: u8| byte.is_ascii_digit() || b"-:T. Z".contains(&byte);
        assert!(text.bytes().all(is_stamp), "another form than those met: {text}");
        assert_eq!(Timestamp::from_millis(time.as_millis()), time);
        let shown = time.to_iso_seconds();
        assert_eq!(shown[..10], text[..10], "the day that was written");
        assert_eq!(shown[11..16], text[11..16], "the minute that was written");
    }
}
