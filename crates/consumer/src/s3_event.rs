//! S3's own event notification, for users who wire the bucket to the queue without CloudTrail.
//!
//! Shape: `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},
//! "object":{"key":"a+b%2Bc","size":12}}}]}`. Keys are URL-encoded, with `+` for a blank. Events
//! come for every object of the bucket, whatever it is, and for deletions.
//!
//! Source: Amazon S3 User Guide, "Event message structure".

use serde::Deserialize;

use crate::announcement::Announced;
use crate::kind::ObjectKind;

/// Reads the `Records` array of an event notification.
pub(crate) fn parse(records: &str) -> Result<Vec<Announced>, InvalidS3Event> {
    let events: Vec<Event> = serde_json::from_str(records)?;
    if events.is_empty() {
        return Err(InvalidS3Event::NoRecords);
    }
    events.into_iter().map(announced).collect()
}

fn announced(event: Event) -> Result<Announced, InvalidS3Event> {
    let Some(key) = decode(&event.s3.object.key) else {
        return Err(InvalidS3Event::Key(event.s3.object.key));
    };
    let kind = kind(&event.name, &key, event.s3.object.size);
    Ok(Announced { bucket: event.s3.bucket.name, key, kind })
}

fn kind(event: &str, key: &str, size_bytes: Option<u64>) -> ObjectKind {
    // MinIO writes the name of the notification, which has a prefix, where AWS does not.
    if !event.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return ObjectKind::NotCreated;
    }
    match ObjectKind::of_key(key) {
        ObjectKind::LogFile if size_bytes == Some(0) => ObjectKind::Marker,
        kind => kind,
    }
}

/// `None` when the text is not URL-encoded UTF-8.
fn decode(encoded: &str) -> Option<String> {
    let mut plain = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(plain).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "eventName")]
    name: String,
    s3: Place,
}

#[derive(Deserialize)]
struct Place {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    size: Option<u64>,
}

/// Why a message is not an S3 event notification.
#[derive(Debug, thiserror::Error)]
pub enum InvalidS3Event {
    /// Not the JSON that S3 sends.
    #[error("not an S3 event notification: {0}")]
    Shape(#[from] serde_json::Error),
    /// `Records` is an empty array.
    #[error("an S3 event notification names at least one object in `Records`")]
    NoRecords,
    /// A key that S3 would have encoded otherwise.
    #[error("the key {0:?} is not URL-encoded UTF-8")]
    Key(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_decoded_as_s3_encodes_it() {
        for (encoded, plain) in [
            ("a/b.json.gz", Some("a/b.json.gz")),
            ("my+logs/x", Some("my logs/x")),
            ("a%2Bb%25", Some("a+b%")),
            ("caf%C3%A9%2f", Some("café/")),
            ("café", Some("café")),
            ("50%", None),
            ("5%2", None),
            ("%zz", None),
            ("%+1", None),
            ("%ff", None),
        ] {
            assert_eq!(decode(encoded).as_deref(), plain, "{encoded}");
        }
    }
}
