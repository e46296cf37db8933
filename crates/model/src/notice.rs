//! The message that announces log files: what CloudTrail publishes on a trail's SNS topic.
//!
//! Shape of the SNS `Message` (a JSON string, no subject, no attributes):
//! `{"s3Bucket":"log-bucket","s3ObjectKey":["AWSLogs/111111111111/CloudTrail/….json.gz"]}`.
//! Keys are plain, not URL-encoded. `s3ObjectKey` is always an array and never empty.
//! Source: AWS CloudTrail User Guide, "Configuring Amazon SNS notifications for CloudTrail".

use serde::{Deserialize, Serialize};

/// What CloudTrail publishes once when a trail is created or changed; readers drop it.
pub const VALIDATION_MESSAGE: &str = "CloudTrail validation message.";

/// One announcement: a bucket and the keys of the log files that are now in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The bucket's name.
    #[serde(rename = "s3Bucket")]
    pub bucket: String,
    /// Keys of the log files, plain.
    #[serde(rename = "s3ObjectKey")]
    pub keys: Vec<String>,
}

impl Notice {
    /// The message as SNS sends it, compact, in CloudTrail's member order.
    #[must_use]
    pub fn to_message(&self) -> String {
        serde_json::to_string(self).expect("strings always serialize")
    }

    /// Reads a message body; unknown members are ignored.
    pub fn parse(message: &str) -> Result<Notice, InvalidNotice> {
        let notice: Notice = serde_json::from_str(message)?;
        if notice.keys.is_empty() {
            return Err(InvalidNotice::NoKeys);
        }
        Ok(notice)
    }
}

/// Why a message is not a CloudTrail notice.
#[derive(Debug, thiserror::Error)]
pub enum InvalidNotice {
    /// Not the JSON that CloudTrail sends.
    #[error("not a CloudTrail notice: {0}")]
    Shape(#[from] serde_json::Error),
    /// `s3ObjectKey` is an empty array.
    #[error("a CloudTrail notice names at least one key in `s3ObjectKey`")]
    NoKeys,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_reads_as_cloudtrail_writes_it() {
        let notice = Notice {
            bucket: "log-bucket".into(),
            keys: vec!["logs/AWSLogs/111111111111/CloudTrail/x.json.gz".into()],
        };
        let message = r#"{"s3Bucket":"log-bucket","s3ObjectKey":["logs/AWSLogs/111111111111/CloudTrail/x.json.gz"]}"#;
        assert_eq!(notice.to_message(), message);
        assert_eq!(Notice::parse(message).unwrap(), notice);
    }

    #[test]
    fn a_message_without_keys_is_refused() {
        assert!(Notice::parse(r#"{"s3Bucket":"b","s3ObjectKey":[]}"#).is_err());
        assert!(Notice::parse(VALIDATION_MESSAGE).is_err());
    }
}
