//! What the consumer reads: bodies of queue messages, and log files.

use std::io::Write as _;

use bytes::Bytes;
use consumer::{Announcement, unpack};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::Target;
use crate::json::{self, RECORD};

/// The body of a message.
pub const ANNOUNCEMENT: Target = Target {
    name: "announcement",
    run: announcement,
    seeds: announcement_seeds,
    words: ANNOUNCEMENT_WORDS,
    short_runs: 6_000,
};
/// A log file: a byte of options, the text or the gzip.
pub const UNPACK: Target = Target {
    name: "unpack",
    run: unpacked,
    seeds: unpack_seeds,
    words: json::WORDS,
    short_runs: 4_000,
};

const ANNOUNCEMENT_WORDS: &[&str] = &[
    "\"s3Bucket\":",
    "\"s3ObjectKey\":[",
    "\"Records\":[",
    "\"Type\":\"Notification\"",
    "\"Message\":\"",
    "\"TopicArn\":\"",
    "s3:TestEvent",
    "\"Event\":",
    "CloudTrail validation message.",
    "ObjectCreated:Put",
    "%2",
    "%ff",
    "+",
    "\\\"",
    "{}",
    "[]",
    "null",
    ",",
    "}",
    "]",
    "AWSLogs/",
];
/// Small, so that files reach it.
const BYTES_MAX: usize = 4096;

fn announcement_seeds() -> Vec<Vec<u8>> {
    let notice = r#"{"s3Bucket":"b","s3ObjectKey":["AWSLogs/111111111111/CloudTrail/x.json.gz"]}"#;
    let event = r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a+b%2Bc","size":12}}}]}"#;
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
    let wrapped = enveloped(notice);
    let confirmation = r#"{"Type":"SubscriptionConfirmation","SubscribeURL":"x","Message":"m"}"#;
    let validation = "CloudTrail validation message.";
    [notice, event, test, &wrapped, &enveloped(event), confirmation, validation]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

/// A message as SNS delivers it where raw delivery is off.
fn enveloped(message: &str) -> String {
    let arn = "arn:aws:sns:eu-west-1:111111111111:news";
    serde_json::json!({ "Type": "Notification", "TopicArn": arn, "Message": message }).to_string()
}

fn announcement(bytes: &[u8]) {
    let Ok(body) = std::str::from_utf8(bytes) else { return };
    let announcement = match Announcement::parse(body) {
        Ok(announcement) => announcement,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    if announcement != Announcement::Validation {
        json::assert_object(body.trim().as_bytes());
    }
    if let Announcement::Objects(objects) = &announcement {
        assert!(!objects.is_empty(), "an announcement of nothing");
        assert!(objects.len() <= body.len());
    }
    // SNS changes nothing of what a message says; one envelope is taken off, never two.
    let is_bare = json::value(body.as_bytes())
        .is_none_or(|value| value["Type"].is_null() && value["TopicArn"].is_null());
    if is_bare {
        assert_eq!(Announcement::parse(&enveloped(body)).ok(), Some(announcement));
    }
}

fn unpack_seeds() -> Vec<Vec<u8>> {
    let file = format!("{{\"x\":[{{}}],\"Records\":[{RECORD},{{\"eventID\":\"2\"}}]}}");
    let arrays = "[[{\"eventID\":\"1\"},[[{}]]],{\"a\":[{}]}]";
    [
        [b"\0", file.as_bytes()].concat(),
        [b"\x01", file.as_bytes()].concat(),
        [b"\0", arrays.as_bytes()].concat(),
        [b"\0".as_slice(), &gzip(arrays.as_bytes()), &gzip(b" ")].concat(),
        [b"\x02", file.as_bytes()].concat(),
    ]
    .into()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).and_then(|()| gzip.finish()).expect("memory takes everything")
}

fn unpacked(input: &[u8]) {
    let Some((options, bytes)) = input.split_first() else { return };
    let object = match options & 3 {
        1 => gzip(bytes),
        // A bomb: what is given, and a hundred times the limit of blanks behind it.
        2 => gzip(&[bytes, &[b' '; 100 * BYTES_MAX]].concat()),
        _ => bytes.to_vec(),
    };
    let records = match unpack(Bytes::from(object.clone()), BYTES_MAX) {
        Ok(records) => records,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_ne!(options & 3, 2, "a bomb is refused");
    let text = if object.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        let mut gzip = flate2::read::MultiGzDecoder::new(object.as_slice());
        std::io::Read::read_to_end(&mut gzip, &mut text).expect("whole gzip");
        text
    } else {
        object
    };
    assert!(text.len() + records.len() * consumer::RECORD_BYTES <= BYTES_MAX);
    for record in &records {
        json::assert_object(record.json().as_bytes());
        assert!(!record.line().contains(['\n', '\r']));
        assert_eq!(json::value(record.line().as_bytes()), json::value(record.json().as_bytes()));
    }
    let Some(value) = json::value(&text) else { return };
    let mut expected = Vec::new();
    match &value {
        Value::Object(members) => flatten(&members["Records"], &mut expected),
        other => flatten(other, &mut expected),
    }
    let found: Vec<Value> =
        records.iter().filter_map(|record| json::value(record.json().as_bytes())).collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
}

fn flatten<'a>(value: &'a Value, into: &mut Vec<&'a Value>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| flatten(element, into)),
        object => into.push(object),
    }
}
