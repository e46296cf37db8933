//! A bucket as a trail leaves it: log files, and the chain of digests that lists them.
//!
//! One account in one Region. The log files are from 100 KB to 1 MB before compression, as many from
//! 100 to 200 KB as from 500 KB to 1 MB. Each takes a run of the same generated [`records`], beginning
//! somewhere else and with times of its own, in gzip of Cairn's default level. The digests are hourly:
//! `model::digest`, signed by a `keyring` key. The same bytes come out in every run, but for what
//! depends on the key, which is drawn.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use keyring::SigningKey;
use model::digest::{ALGORITHM, HASH_ALGORITHM, SIGNATURE, SIGNATURE_ALGORITHM, sha256_hex};
use model::log_file::{CLOSING, OPENING};
use model::{BatchId, ChainId, Digest, DigestKind, Folder, ListedFile, LogFileName, Timestamp};
use serde_json::json;

use crate::http::Connection;
use crate::limit;
use crate::null_s3::{NullS3, put_object};
use crate::records::{self, OWNER, Record, mix};

/// The Region of everything.
pub const REGION: &str = "us-east-1";
const BUCKET: &str = "bench";
/// One every five minutes.
const FILES_PER_HOUR: usize = 12;
const FILE_BYTES_MIN: f64 = 100e3;
/// By how much the largest is larger.
const FILE_BYTES_FACTOR: f64 = 10.0;
/// Different records, about 25 MB.
const RECORDS: usize = 20_000;
const EVENT_TIME: &str = "\"eventTime\":\"";
const HOUR: Duration = Duration::from_secs(3600);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
/// When the first digest begins. It lists nothing: the trail began to log an hour later.
const BEGIN: &str = "2026-03-14T00:29:23Z";

/// What was put.
#[derive(Debug)]
pub struct Chain {
    /// The ARN of the trail.
    pub trail: String,
    /// When the first digest begins.
    pub from: Timestamp,
    /// When the last one ends.
    pub to: Timestamp,
    /// How many digests there are.
    pub digests: usize,
    /// The log files.
    pub files: Vec<LogFile>,
}

/// A log file in the bucket.
#[derive(Debug)]
pub struct LogFile {
    /// The object.
    pub body: Vec<u8>,
    /// Bytes before compression.
    pub uncompressed: usize,
    listed: ListedFile,
}

impl Chain {
    /// Puts so many hours of log files and their digests; CloudTrail then tells the trail and the key.
    pub fn put(s3: &NullS3, hours: usize) -> Result<Chain> {
        let id = ChainId {
            trail: format!("arn:aws:cloudtrail:{REGION}:{OWNER}:trail/bench").parse()?,
            organization: None,
            account: OWNER.parse()?,
            region: REGION.parse()?,
        };
        let trail = id.trail.to_string();
        let from = Timestamp::parse(BEGIN).context("a moment")?;
        let files = log_files(&id, from.plus(HOUR), hours * FILES_PER_HOUR)?;
        let mut connection = Connection::open(s3.address())?;
        for LogFile { body, listed, .. } in &files {
            put_object(&mut connection, &path(&listed.s3_object), &[], body)?;
        }
        let key = SigningKey::generate()?;
        let (mut end, mut previous) = (from, None);
        for hour in std::iter::once(&[][..]).chain(files.chunks(FILES_PER_HOUR)) {
            end = end.plus(HOUR);
            let listed = hour.iter().map(|file| file.listed.clone()).collect();
            let digest = digest(&id, &key, end, listed, previous.as_ref());
            previous = Some(put_digest(&mut connection, digest, &key)?);
        }
        s3.cloudtrail("ListPublicKeys", &public_keys(&key, from))?;
        s3.cloudtrail("DescribeTrails", &trails(&trail))?;
        Ok(Chain { trail, from, to: end, digests: hours + 1, files })
    }
}

fn path(key: &str) -> String {
    format!("/{BUCKET}/{key}")
}

fn public_keys(key: &SigningKey, from: Timestamp) -> String {
    let seconds = |time: Timestamp| time.as_millis() / 1000;
    let keys = json!([{
        "Value": STANDARD.encode(key.public().pkcs1()),
        "Fingerprint": key.public().fingerprint(),
        "ValidityStartTime": seconds(from),
        "ValidityEndTime": seconds(from.plus(keyring::ring::VALIDITY)),
    }]);
    json!({"PublicKeyList": keys}).to_string()
}

fn trails(arn: &str) -> String {
    let trails = json!([{
        "Name": "bench",
        "TrailARN": arn,
        "HomeRegion": REGION,
        "S3BucketName": BUCKET,
        "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": false,
        "IsOrganizationTrail": false,
        "LogFileValidationEnabled": true,
        "HasCustomEventSelectors": false,
        "HasInsightSelectors": false,
    }]);
    json!({"trailList": trails}).to_string()
}

/// A digest in the bucket, as the next one names it.
struct Previous {
    object: String,
    hash: String,
    signature: String,
}

/// The digest of the hour that ends at `end`.
fn digest(
    id: &ChainId,
    key: &SigningKey,
    end: Timestamp,
    log_files: Vec<ListedFile>,
    previous: Option<&Previous>,
) -> Digest {
    let hour = i64::try_from(HOUR.as_millis()).expect("an hour is not long");
    let start = Timestamp::from_millis(end.as_millis() - hour);
    Digest {
        aws_account_id: id.account.to_string(),
        digest_start_time: start.to_iso_seconds(),
        digest_end_time: end.to_iso_seconds(),
        digest_s3_bucket: BUCKET.into(),
        digest_s3_object: id.key(None, end, DigestKind::Standard),
        digest_public_key_fingerprint: key.public().fingerprint(),
        digest_signature_algorithm: SIGNATURE_ALGORITHM.into(),
        newest_event_time: log_files.iter().filter_map(|file| file.newest_event_time.clone()).max(),
        oldest_event_time: log_files.iter().filter_map(|file| file.oldest_event_time.clone()).min(),
        previous_digest_s3_bucket: previous.map(|_| BUCKET.into()),
        previous_digest_s3_object: previous.map(|digest| digest.object.clone()),
        previous_digest_hash_value: previous.map(|digest| digest.hash.clone()),
        previous_digest_hash_algorithm: previous.map(|_| HASH_ALGORITHM.into()),
        previous_digest_signature: previous.map(|digest| digest.signature.clone()),
        log_files,
    }
}

fn put_digest(connection: &mut Connection, digest: Digest, key: &SigningKey) -> Result<Previous> {
    let bytes = digest.to_bytes();
    let hash = sha256_hex(&bytes);
    let signature = key.sign_hex(digest.string_to_sign(&hash).as_bytes())?;
    let [signed, algorithm] = [SIGNATURE, ALGORITHM].map(|name| format!("x-amz-meta-{name}"));
    let metadata = [(&*signed, &*signature), (&*algorithm, SIGNATURE_ALGORITHM)];
    let object = digest.digest_s3_object;
    put_object(connection, &path(&object), &metadata, &gzip(&bytes)?)?;
    Ok(Previous { object, hash, signature })
}

/// So many log files from `begin` on, made by as many threads as there are cores.
fn log_files(id: &ChainId, begin: Timestamp, count: usize) -> Result<Vec<LogFile>> {
    let pair = (id.account.to_string(), id.region.to_string());
    let records = &records::records(RECORDS, &[pair]);
    let numbers: Vec<usize> = (0..count).collect();
    let share = count.div_ceil(std::thread::available_parallelism()?.get());
    std::thread::scope(|scope| {
        let make = |number: &usize| log_file(id, begin, *number, records);
        let threads: Vec<_> = numbers
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(make).collect::<Result<Vec<_>>>()))
            .collect();
        let files = threads.into_iter().map(|thread| thread.join().expect("no thread panics"));
        Ok(files.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })
}

/// A log file of five minutes, over which its records are spread.
fn log_file(id: &ChainId, begin: Timestamp, number: usize, records: &[Record]) -> Result<LogFile> {
    let number = u32::try_from(number)?;
    let from = begin.plus(FIVE_MINUTES * number);
    let drawn = mix(number.into());
    let share = f64::from(u32::try_from(drawn >> 32)?) / f64::from(u32::MAX);
    let size = FILE_BYTES_MIN * FILE_BYTES_FACTOR.powf(share);
    let first = usize::try_from(drawn % u64::try_from(records.len())?)?;
    let (mut text, mut times) = (OPENING.to_vec(), Vec::new());
    for Record { text: record, .. } in records.iter().cycle().skip(first) {
        let share = text.len() as f64 / size;
        if share >= 1.0 {
            break;
        }
        let time = from.plus(FIVE_MINUTES.mul_f64(share)).to_iso_seconds();
        let (before, after) = record.split_once(EVENT_TIME).context("a record has a time")?;
        let after = after.get(time.len()..).context("and more behind it")?;
        text.extend([before, EVENT_TIME, &time, after, ","].map(str::as_bytes).concat());
        times.push(time);
    }
    text.pop();
    text.extend_from_slice(CLOSING);
    let sealed_at = from.plus(FIVE_MINUTES);
    let name = LogFileName {
        prefix: None,
        organization: None,
        account: id.account.clone(),
        folder: Folder::CloudTrail,
        region: id.region.clone(),
        sealed_at,
        batch: BatchId(u64::try_from(sealed_at.as_millis())?),
        journal: 1,
        trail: id.trail.clone(),
        part: 0,
    };
    let listed = ListedFile {
        s3_bucket: BUCKET.into(),
        s3_object: name.key(0),
        hash_value: sha256_hex(&text),
        hash_algorithm: HASH_ALGORITHM.into(),
        newest_event_time: times.last().cloned(),
        oldest_event_time: times.first().cloned(),
    };
    Ok(LogFile { body: gzip(&text)?, uncompressed: text.len(), listed })
}

fn gzip(text: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(limit::default_level()?));
    gzip.write_all(text)?;
    Ok(gzip.finish()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Read;

    use flate2::read::GzDecoder;
    use serde_json::Value;

    use super::*;

    #[test]
    fn log_files_are_those_of_a_busy_account() {
        let id = ChainId {
            trail: format!("arn:aws:cloudtrail:{REGION}:{OWNER}:trail/bench").parse().unwrap(),
            organization: None,
            account: OWNER.parse().unwrap(),
            region: REGION.parse().unwrap(),
        };
        let begin = Timestamp::parse("2026-03-14T01:29:23Z").unwrap();
        let files = log_files(&id, begin, 50).unwrap();
        let sizes: Vec<usize> = files.iter().map(|file| file.uncompressed).collect();
        assert!(sizes.iter().all(|size| (100_000..1_010_000).contains(size)), "{sizes:?}");
        assert!(sizes.iter().any(|size| *size < 200_000));
        assert!(sizes.iter().any(|size| *size > 800_000));
        assert!(files.is_sorted_by_key(|file| &file.listed.s3_object));
        let last = files.last().unwrap();
        let mut text = vec![];
        GzDecoder::new(last.body.as_slice()).read_to_end(&mut text).unwrap();
        assert_eq!(sha256_hex(&text), last.listed.hash_value);
        let read: Value = serde_json::from_slice(&text).unwrap();
        let records = read["Records"].as_array().unwrap();
        let times: Vec<_> = records.iter().map(|record| record["eventTime"].as_str()).collect();
        assert!(times.is_sorted());
        assert_eq!(times.first(), Some(&Some("2026-03-14T05:34:23Z")));
        assert_eq!(*times.last().unwrap(), last.listed.newest_event_time.as_deref());
    }
}
