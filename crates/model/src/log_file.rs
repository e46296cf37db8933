//! A log file: the bytes, the name and the address of one object on its way to a bucket.
//!
//! Content: gzip of `{"Records":[…]}`, each record byte for byte as it was recorded, no white space
//! between them, no newline at the end, never empty.
//! Source: AWS CloudTrail User Guide, "CloudTrail log file examples".
//!
//! At rest (in a spool) a log file is `header length, u32 LE | header, JSON | gzip body`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ids::{BucketName, TopicArn};
use crate::key::LogFileName;
use crate::time::Timestamp;

/// What opens a log file, before the first record.
pub const OPENING: &[u8] = br#"{"Records":["#;
/// What closes it, after the last one.
pub const CLOSING: &[u8] = b"]}";
/// Largest log file before compression, in bytes.
pub const UNCOMPRESSED_BYTES_MAX: usize = 50 * 1024 * 1024;

/// Where a trail's log files go, and who is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Destination {
    /// The bucket.
    pub bucket: BucketName,
    /// The KMS key that encrypts the objects; without one S3 encrypts them with its own (SSE-S3).
    pub kms_key: Option<String>,
    /// The topic that is told of each file.
    pub topic: Option<TopicArn>,
}

/// One log file, compressed and addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// What is known of it.
    pub header: LogFileHeader,
    /// The gzip bytes.
    pub body: Bytes,
}

/// Everything about a log file but its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFileHeader {
    /// What its keys are derived from.
    pub name: LogFileName,
    /// Where it goes.
    pub destination: Destination,
    /// SHA-256 of the uncompressed bytes, lower-case hex, as digests list it.
    pub sha256: String,
    /// How many records are inside.
    pub records: u64,
    /// Size before compression.
    pub uncompressed_bytes: u64,
    /// The least `eventTime` inside.
    pub oldest: Option<Timestamp>,
    /// The greatest `eventTime` inside.
    pub newest: Option<Timestamp>,
}

/// Bytes that are no log file at rest.
#[derive(Debug, thiserror::Error)]
pub enum InvalidLogFile {
    /// The header's length lies beyond the bytes.
    #[error("a log file at rest is cut short: {0} bytes")]
    Short(usize),
    /// The header is not what this version writes.
    #[error("the header of a log file at rest is unreadable: {0}")]
    Header(#[from] serde_json::Error),
}

impl LogFile {
    /// The form at rest.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = serde_json::to_vec(&self.header).expect("a header always serializes");
        let length = u32::try_from(header.len()).expect("a header is a few hundred bytes");
        [&length.to_le_bytes(), header.as_slice(), &self.body].concat()
    }

    /// Reads the form at rest.
    pub fn from_bytes(bytes: &[u8]) -> Result<LogFile, InvalidLogFile> {
        let short = || InvalidLogFile::Short(bytes.len());
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (header, body) = rest.split_at_checked(length).ok_or_else(short)?;
        Ok(LogFile { header: serde_json::from_slice(header)?, body: Bytes::copy_from_slice(body) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::category::Folder;
    use crate::ids::BatchId;

    #[test]
    fn a_log_file_comes_back_from_rest_as_it_went() {
        let name = LogFileName {
            prefix: Some("p".parse().unwrap()),
            organization: None,
            account: "111111111111".parse().unwrap(),
            folder: Folder::Insight,
            region: "eu-west-1".parse().unwrap(),
            sealed_at: Timestamp::from_millis(5),
            batch: BatchId(u64::MAX),
            journal: u64::MAX,
            trail: "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all".parse().unwrap(),
            part: 3,
        };
        let destination = Destination {
            bucket: "bucket".parse().unwrap(),
            kms_key: None,
            topic: Some("arn:aws:sns:eu-west-1:111111111111:news".parse().unwrap()),
        };
        let header = LogFileHeader {
            name,
            destination,
            sha256: "00".into(),
            records: 1,
            uncompressed_bytes: 9,
            oldest: None,
            newest: Some(Timestamp::from_millis(-1)),
        };
        let file = LogFile { header, body: Bytes::from_static(b"\x1f\x8b body") };
        assert_eq!(LogFile::from_bytes(&file.to_bytes()).unwrap(), file);
        assert!(LogFile::from_bytes(&file.to_bytes()[..20]).is_err());
        assert!(LogFile::from_bytes(b"abc").is_err());
    }
}
