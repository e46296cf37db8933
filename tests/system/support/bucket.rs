//! What is in a bucket, read from S3 and checked as it is read.

use std::collections::BTreeMap;
use std::io::Read;

use aws_sdk_s3::types::{ChecksumMode, ServerSideEncryption};
use flate2::read::GzDecoder;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::filing::{Place, place};
use super::key::Key;
use super::localstack::LocalStack;
use super::wait::eventually;

const READS_AT_A_TIME: usize = 8;

/// A log file.
#[derive(Debug)]
pub struct LogFile {
    pub key_text: String,
    pub key: Key,
    /// Its records, byte for byte.
    pub records: Vec<String>,
}

/// The log files of a bucket.
#[derive(Debug)]
pub struct Bucket {
    pub files: Vec<LogFile>,
}

/// How often each record stands in each place: what "exactly once" is checked by.
pub type Contents = BTreeMap<Place, BTreeMap<String, usize>>;

#[derive(Deserialize)]
struct Container<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

impl Bucket {
    /// Reads a bucket into which `sender` (account, Region) sent records. Fails when a file is not
    /// as CloudTrail's are, or holds a record of another account, Region or folder.
    pub async fn read(localstack: &LocalStack, bucket: &str, sender: (&str, &str)) -> Bucket {
        let keys = keys(localstack, bucket).await;
        let keys = keys.into_iter().filter(|key| !key.ends_with('/'));
        let files = stream::iter(keys).map(async |key| {
            let file = LogFile::read(localstack, bucket, key).await;
            for record in &file.records {
                assert_eq!(place(record, sender), file.key.place, "{}: {record}", file.key_text);
            }
            file
        });
        Bucket { files: files.buffered(READS_AT_A_TIME).collect().await }
    }

    /// What lies under a prefix of a trail, and under its organization or none.
    pub fn contents(&self, prefix: Option<&str>, organization: Option<&str>) -> Contents {
        let mut contents = Contents::new();
        for file in &self.files {
            if file.key.prefix.as_deref() != prefix
                || file.key.organization.as_deref() != organization
            {
                continue;
            }
            let place = contents.entry(file.key.place.clone()).or_default();
            for record in &file.records {
                *place.entry(record.clone()).or_default() += 1;
            }
        }
        contents
    }

    /// All records, sorted; of all places.
    pub fn records(&self) -> Vec<&str> {
        let records = self.files.iter().flat_map(|file| &file.records);
        let mut records: Vec<&str> = records.map(String::as_str).collect();
        records.sort_unstable();
        records
    }

    /// The keys of the log files, sorted.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.files.iter().map(|file| file.key_text.as_str()).collect();
        keys.sort_unstable();
        keys
    }
}

impl LogFile {
    /// Reads one. Fails when it is not as CloudTrail's are.
    pub async fn read(localstack: &LocalStack, bucket: &str, key_text: String) -> LogFile {
        let asked = localstack.s3.get_object().bucket(bucket).key(&key_text);
        let object = asked.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        let key = Key::parse(&key_text).unwrap_or_else(|why| panic!("{why}: {key_text}"));
        assert_eq!(object.content_type(), Some("application/json"), "{key_text}");
        assert_eq!(object.content_encoding(), Some("gzip"), "{key_text}");
        assert_eq!(
            object.server_side_encryption(),
            Some(&ServerSideEncryption::Aes256),
            "{key_text}"
        );
        assert!(object.checksum_crc64_nvme().is_some(), "{key_text}: {object:?}");
        assert!(object.metadata().is_none_or(|metadata| metadata.is_empty()), "{key_text}");
        let body = object.body.collect().await.unwrap().into_bytes();
        let mut text = String::new();
        GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        LogFile { records: records(&text), key_text, key }
    }
}

/// Waits until so many trails have put their markers into buckets: empty objects named as folders.
pub async fn marked(localstack: &LocalStack, buckets: &[&str], trails: usize) {
    eventually(&format!("{trails} markers in {buckets:?}"), async || {
        let mut markers = 0;
        for bucket in buckets {
            let keys = keys(localstack, bucket).await;
            markers += keys.iter().filter(|key| key.ends_with("/CloudTrail/")).count();
        }
        assert!(markers <= trails, "{markers} markers in {buckets:?}");
        (markers == trails).then_some(())
    })
    .await;
}

/// The records of a log file, which has no byte beside `{"Records":[…,…]}`.
fn records(text: &str) -> Vec<String> {
    let container: Container<'_> = serde_json::from_str(text).unwrap();
    let records: Vec<String> = container.records.iter().map(|raw| raw.get().to_owned()).collect();
    assert!(!records.is_empty(), "CloudTrail writes no file without records");
    assert_eq!(text, format!("{{\"Records\":[{}]}}", records.join(",")));
    records
}

/// All keys of a bucket.
pub async fn keys(localstack: &LocalStack, bucket: &str) -> Vec<String> {
    let mut pages = localstack.s3.list_objects_v2().bucket(bucket).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        keys.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    keys
}
