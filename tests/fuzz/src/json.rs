//! The second reading of JSON: `serde_json::Value`, and where it is stricter than JSON itself.

use serde_json::Value;

/// What is both: text of JSON's grammar, and what a plain reader makes of it where it can.
#[derive(Debug)]
pub enum Second {
    /// The value.
    Value(Value),
    /// JSON by its grammar, which a plain reader does not represent: a number beyond 64-bit floats,
    /// half of a surrogate pair, values nested deeper than 127.
    Unrepresentable,
    /// No JSON.
    Broken,
}

/// Reads a text as one JSON value.
#[must_use]
pub fn read(text: &[u8]) -> Second {
    let error = match serde_json::from_slice(text) {
        Ok(value) => return Second::Value(value),
        Err(error) => error.to_string(),
    };
    let is_strictness = ["number out of range", "surrogate", "unexpected end of hex", "recursion"]
        .iter()
        .any(|reason| error.contains(reason));
    if is_strictness { Second::Unrepresentable } else { Second::Broken }
}

/// The value, if it is one.
#[must_use]
pub fn value(text: &[u8]) -> Option<Value> {
    match read(text) {
        Second::Value(value) => Some(value),
        Second::Unrepresentable | Second::Broken => None,
    }
}

/// Panics unless a text is one JSON object.
#[track_caller]
pub fn assert_object(text: &[u8]) {
    match read(text) {
        Second::Value(value) => assert!(value.is_object(), "not an object: {value}"),
        Second::Unrepresentable => assert!(text.starts_with(b"{") && text.ends_with(b"}")),
        Second::Broken => panic!("not JSON: {:?}", String::from_utf8_lossy(text)),
    }
}

/// A record as CloudTrail writes one.
pub const RECORD: &str = r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/amy","accountId":"222222222222"},"eventTime":"2026-05-04T03:02:01Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.1","userAgent":"[a\u002fb]","errorCode":"AccessDenied","requestParameters":{"key":"a\"b\\"},"responseElements":null,"additionalEventData":{"RequestDetails":{"endpointType":"global"}},"requestID":"R","eventID":"4f5e-1","readOnly":true,"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/k"},{"ARNPrefix":"arn:aws:s3:::b"}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"111111111111","eventCategory":"Data"}"#;
/// An aggregated one.
pub const AGGREGATED: &str = r#"{"eventVersion":"1.0","accountId":"111111111111","eventId":"77","eventCategory":"Aggregated","awsRegion":"eu-west-1","timeWindow":{"windowStart":"2026-01-02T03:00:00Z","windowEnd":"2026-01-02T03:05:00Z"}}"#;
/// Data of the integration schema.
pub const ACTIVITY: &str = r#"{"version":"1.0","userIdentity":{"type":"User","principalId":"amy","details":{"team":"a"}},"eventSource":"shop.example","eventName":"Order","eventTime":"2026-01-02T03:04:05Z","UID":"u-1","requestParameters":{"n":1},"responseElements":{},"sourceIPAddress":"192.0.2.1","recipientAccountId":"111111111111","additionalEventData":{"a":[]}}"#;
/// What JSON is made of, well and badly.
pub const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\ud83d\\ude00",
    "null",
    "true",
    "false",
    "1e999",
    "-",
    "NaN",
    "\u{feff}",
    "\n",
    "\r\n",
    "//",
    "{}",
    "[]",
    "\"\"",
    "\"eventID\":",
    "\"eventId\":",
    "\"recipientAccountId\":",
    "\"accountId\":",
    "\"awsRegion\":",
    "\"eventTime\":",
    "\"eventCategory\":",
    "\"resources\":",
    "\"Records\":[",
    "{\"Records\":[",
    "\"111111111111\"",
    "2026-05-04T03:02:01Z",
    "2026-05-04 03:02:01.5+05:00",
    "é",
    "\u{2028}",
];
