//! What a bucket holds of log files and digests, read from S3 and checked by the documentation and
//! not by Cairn's code: each digest lies where it says and names the one before it, intervals touch,
//! and each log file is in exactly one digest.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use futures_util::{StreamExt, stream};
use model::Timestamp;
use model::digest::sha256_hex;
use serde_json::Value;

use crate::support::bucket::keys;
use crate::support::localstack::LocalStack;

const READS_AT_A_TIME: usize = 8;
const SIGNATURE: &str = "signature";

/// An object, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// As it is in S3: gzip.
    pub body: Vec<u8>,
    /// Its user metadata.
    pub metadata: HashMap<String, String>,
    /// What it is encrypted with, as S3 tells it.
    pub kms_key: Option<String>,
}

/// A bucket.
#[derive(Debug)]
pub struct Holdings {
    pub bucket: String,
    /// Log files and digests by their keys.
    pub objects: BTreeMap<String, Stored>,
    /// Digests by the chains that they are of, each in the order of its keys.
    pub chains: BTreeMap<ChainName, Vec<DigestFile>>,
}

/// A chain, by what its keys have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainName {
    /// Of the listed files.
    pub account: String,
    /// Of the listed files.
    pub region: String,
    pub trail: String,
    pub home: String,
}

/// A digest.
#[derive(Clone, Debug)]
pub struct DigestFile {
    pub key: String,
    pub says: Value,
    pub sha256: String,
    pub signature: String,
}

impl Holdings {
    pub async fn read(localstack: &LocalStack, bucket: &str) -> Holdings {
        let keys = keys(localstack, bucket).await;
        let keys = keys.into_iter().filter(|key| !key.ends_with('/'));
        let objects = stream::iter(keys).map(async |key| {
            let object = Stored::read(localstack, bucket, &key).await;
            (key, object)
        });
        let objects: BTreeMap<String, Stored> = objects.buffered(READS_AT_A_TIME).collect().await;
        let mut chains: BTreeMap<ChainName, Vec<DigestFile>> = BTreeMap::new();
        for (key, object) in objects.iter().filter(|(key, _)| is_digest(key)) {
            let digest = DigestFile::read(key, object);
            chains.entry(digest.chain()).or_default().push(digest);
        }
        Holdings { bucket: bucket.into(), objects, chains }
    }

    /// The keys of the log files.
    pub fn log_files(&self) -> impl Iterator<Item = &String> {
        self.objects.keys().filter(|key| !is_digest(key))
    }

    /// The one chain of a Region.
    #[track_caller]
    pub fn chain(&self, region: &str) -> &[DigestFile] {
        let mut chains = self.chains.iter().filter(|(name, _)| name.region == region);
        let (Some((_, chain)), None) = (chains.next(), chains.next()) else {
            panic!("not one chain of {region} in {:?}", self.chains.keys())
        };
        chain
    }

    /// Checks all of it. Each digest is of one interval, each listed file is as it was listed, and each file is listed once.
    pub fn check(&self, interval: Duration) {
        let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, chain) in &self.chains {
            check_chain(&self.bucket, name, chain, interval);
            for file in chain.iter().flat_map(DigestFile::log_files) {
                let key = text(file, "s3Object");
                self.check_listed(file, key);
                assert!(key.contains(&format!("/{}/CloudTrail", name.account)), "{name:?} {key}");
                assert!(key.contains(&format!("/{}/", name.region)), "{name:?} {key}");
                *listed.entry(key).or_default() += 1;
            }
        }
        let once: BTreeMap<&str, usize> = self.log_files().map(|key| (key.as_str(), 1)).collect();
        assert_eq!(listed, once, "each log file is in exactly one digest");
    }

    fn check_listed(&self, file: &Value, key: &str) {
        assert_eq!(text(file, "s3Bucket"), self.bucket, "{key}");
        assert_eq!(text(file, "hashAlgorithm"), "SHA-256", "{key}");
        let object =
            self.objects.get(key).unwrap_or_else(|| panic!("listed, and not there: {key}"));
        let content = unzip(&object.body);
        assert_eq!(text(file, "hashValue"), sha256_hex(&content), "{key}");
        let records: Value = serde_json::from_slice(&content).unwrap();
        let times = records["Records"].as_array().unwrap().iter();
        let mut times: Vec<&str> = times.map(|record| text(record, "eventTime")).collect();
        times.sort_unstable();
        assert_eq!(text(file, "oldestEventTime"), times[0], "{key}");
        assert_eq!(text(file, "newestEventTime"), times[times.len() - 1], "{key}");
    }
}

impl Stored {
    pub async fn read(localstack: &LocalStack, bucket: &str, key: &str) -> Stored {
        let object = localstack.s3.get_object().bucket(bucket).key(key).send().await.unwrap();
        assert_eq!(object.content_type(), Some("application/json"), "{key}");
        assert_eq!(object.content_encoding(), Some("gzip"), "{key}");
        let kms_key = object.ssekms_key_id().map(str::to_owned);
        let metadata = object.metadata().cloned().unwrap_or_default();
        let body = object.body.collect().await.unwrap().to_vec();
        Stored { body, metadata, kms_key }
    }
}

impl DigestFile {
    fn read(key: &str, object: &Stored) -> DigestFile {
        let body = unzip(&object.body);
        assert_eq!(object.metadata["signature-algorithm"], "SHA256withRSA", "{key}");
        DigestFile {
            key: key.into(),
            says: serde_json::from_slice(&body).unwrap(),
            sha256: sha256_hex(&body),
            signature: object.metadata[SIGNATURE].clone(),
        }
    }

    pub fn says(&self, member: &str) -> &str {
        text(&self.says, member)
    }

    pub fn log_files(&self) -> &[Value] {
        self.says["logFiles"].as_array().unwrap()
    }

    /// The keys of the log files that it lists.
    pub fn listed(&self) -> Vec<&str> {
        self.log_files().iter().map(|file| text(file, "s3Object")).collect()
    }

    pub fn start(&self) -> Timestamp {
        Timestamp::parse(self.says("digestStartTime")).unwrap()
    }

    pub fn end(&self) -> Timestamp {
        Timestamp::parse(self.says("digestEndTime")).unwrap()
    }

    /// Whether a chain begins with it.
    pub fn is_starting(&self) -> bool {
        self.says["previousDigestS3Object"].is_null()
    }

    /// The chain that its key names: `…/ACCT_CloudTrail-Digest_REGION_TRAIL_HOME_STAMP.json.gz`.
    fn chain(&self) -> ChainName {
        let name = self.key.rsplit('/').next().unwrap();
        let (account, rest) = name.split_once("_CloudTrail-Digest_").unwrap();
        let (region, rest) = rest.split_once('_').unwrap();
        let (rest, _stamp) = rest.rsplit_once('_').unwrap();
        let (trail, home) = rest.rsplit_once('_').unwrap();
        let [account, region, trail, home] = [account, region, trail, home].map(str::to_owned);
        ChainName { account, region, trail, home }
    }
}

/// Whether a key is that of a digest.
pub fn is_digest(key: &str) -> bool {
    key.contains("/CloudTrail-Digest/")
}

/// What a gzip file holds, which must be whole.
pub fn unzip(body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    GzDecoder::new(body).read_to_end(&mut content).unwrap();
    content
}

/// A member that is text.
#[track_caller]
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("{member} is no text: {value}"))
}

fn check_chain(bucket: &str, name: &ChainName, chain: &[DigestFile], interval: Duration) {
    assert!(chain[0].is_starting(), "{name:?} begins with a starting digest");
    for (number, digest) in chain.iter().enumerate() {
        let DigestFile { key, says, .. } = digest;
        assert_eq!(says["awsAccountId"], *name.account, "{key}");
        assert_eq!(
            (digest.says("digestS3Bucket"), digest.says("digestS3Object")),
            (bucket, &**key)
        );
        assert_eq!(digest.says("digestSignatureAlgorithm"), "SHA256withRSA", "{key}");
        check_place(name, digest);
        let times = |member: &str| {
            let mut times: Vec<_> = digest.log_files().iter().map(|file| &file[member]).collect();
            times.sort_by_key(|time| time.as_str());
            times
        };
        let oldest = times("oldestEventTime").first().copied().cloned().unwrap_or_default();
        let newest = times("newestEventTime").last().copied().cloned().unwrap_or_default();
        assert_eq!(
            (&says["oldestEventTime"], &says["newestEventTime"]),
            (&oldest, &newest),
            "{key}"
        );
        assert_eq!(digest.end().since(digest.start()), interval, "{key}");
        match digest.is_starting() {
            true => check_starting(digest),
            false => check_link(bucket, digest, &chain[number - 1]),
        }
    }
}

/// The key is made of what the digest says.
fn check_place(name: &ChainName, digest: &DigestFile) {
    let ChainName { account, region, trail, home } = name;
    let stamp = digest.says("digestEndTime").replace(['-', ':'], "");
    let date = digest.says("digestEndTime")[..10].replace('-', "/");
    let expected = format!(
        "/CloudTrail-Digest/{region}/{date}/{account}_CloudTrail-Digest_{region}_{trail}_{home}_{stamp}.json.gz"
    );
    assert!(digest.key.ends_with(&expected), "{}: {expected}", digest.key);
}

fn check_starting(digest: &DigestFile) {
    for member in ["S3Bucket", "S3Object", "HashValue", "HashAlgorithm", "Signature"] {
        let member = format!("previousDigest{member}");
        assert_eq!(digest.says.get(&member), Some(&Value::Null), "{}: {member}", digest.key);
    }
}

fn check_link(bucket: &str, digest: &DigestFile, before: &DigestFile) {
    let key = &digest.key;
    assert_eq!(digest.start(), before.end(), "{key}: intervals touch");
    for (member, value) in [
        ("S3Bucket", bucket),
        ("S3Object", before.key.as_str()),
        ("HashValue", before.sha256.as_str()),
        ("HashAlgorithm", "SHA-256"),
        ("Signature", before.signature.as_str()),
    ] {
        assert_eq!(digest.says(&format!("previousDigest{member}")), value, "{key}: {member}");
    }
}
