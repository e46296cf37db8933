//! Makes digests as CloudTrail would have, in memory: for tests of those who read them.
//!
//! Written from the documentation alone, and by nothing of Cairn but the names of `model::digest` and
//! the key that signs. What it makes can be put into a real bucket, or a directory, as it is.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use integrity::source::{Memory, Stored};
use integrity::{Keys, KnownKey};
use keyring::{PublicKey, SigningKey};
use model::digest::{
    ALGORITHM, GENERATED, HASH_ALGORITHM, SIGNATURE, SIGNATURE_ALGORITHM, sha256_hex,
};
use model::{ChainId, Digest, DigestKind, Folder, KeyPrefix, ListedFile, Timestamp};

/// One chain of digests in the making. The objects are in [`Forge::memory`].
pub struct Forge {
    /// The bucket that all goes to.
    pub bucket: String,
    /// The chain.
    pub chain: ChainId,
    /// What stands before `AWSLogs/`.
    pub prefix: Option<KeyPrefix>,
    /// All objects so far.
    pub memory: Memory,
    /// The log files that the next digest will list.
    pub pending: Vec<ListedFile>,
    /// The digest that the next one follows: key, hash, signature.
    pub previous: Option<(String, String, String)>,
    previous_backfill: Option<(String, String, String)>,
    files: u32,
}

/// A moment of a test: `2026-03-09T14:29:23Z`.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a moment")
}

/// An hour later, so many times.
#[must_use]
pub fn hours(from: Timestamp, count: u64) -> Timestamp {
    from.plus(Duration::from_secs(3600 * count))
}

/// Gzip of these bytes.
#[must_use]
pub fn gzip(content: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("memory takes it");
    encoder.finish().expect("memory takes it").into()
}

/// The keys that verify what one key signed in this time.
#[must_use]
pub fn keys(key: &SigningKey, from: Timestamp, to: Timestamp) -> Keys {
    let mut keys = Keys::default();
    let key = key.public().clone();
    keys.add(KnownKey { key, valid: Some((from, to)), region: None });
    keys
}

/// What `aws cloudtrail list-public-keys` would print of a key.
#[must_use]
pub fn printed(key: &PublicKey, from: Timestamp, to: Timestamp) -> String {
    let (from, to) = (from.as_millis() / 1000, to.as_millis() / 1000);
    serde_json::json!({ "PublicKeyList": [{
        "Value": STANDARD.encode(key.pkcs1()),
        "ValidityStartTime": from,
        "ValidityEndTime": to,
        "Fingerprint": key.fingerprint(),
    }]})
    .to_string()
}

/// Puts a digest, as it is, under the key that it names; gives back its hash and signature.
///
/// # Panics
/// When the key cannot sign.
pub fn put_digest(
    memory: &mut Memory,
    digest: &Digest,
    key: &SigningKey,
    put_at: Timestamp,
) -> (String, String) {
    let bytes = digest.to_bytes();
    let sha256 = sha256_hex(&bytes);
    let signature = key.sign_hex(digest.string_to_sign(&sha256).as_bytes()).expect("it signs");
    let mut metadata = integrity::Metadata::new();
    metadata.insert(SIGNATURE.into(), signature.clone());
    metadata.insert(ALGORITHM.into(), SIGNATURE_ALGORITHM.into());
    if DigestKind::of_key(&digest.digest_s3_object) == DigestKind::Backfill {
        metadata.insert(GENERATED.into(), put_at.to_iso_seconds().replace('Z', ".000Z"));
    }
    let stored = Stored { bytes: gzip(&bytes), metadata: Some(metadata), modified: Some(put_at) };
    let place = (digest.digest_s3_bucket.clone(), digest.digest_s3_object.clone());
    memory.objects.insert(place, stored);
    (sha256, signature)
}

/// The digest of a key, unpacked.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn read_digest(memory: &Memory, bucket: &str, key: &str) -> Digest {
    let stored = &memory.objects[&(bucket.to_owned(), key.to_owned())];
    let content = flate2::read::MultiGzDecoder::new(&stored.bytes[..]);
    serde_json::from_reader(content).expect("a digest")
}

impl Forge {
    /// An empty chain.
    #[must_use]
    pub fn new(bucket: &str, chain: ChainId, prefix: Option<KeyPrefix>) -> Forge {
        Forge {
            bucket: bucket.to_owned(),
            chain,
            prefix,
            memory: Memory::default(),
            pending: Vec::new(),
            previous: None,
            previous_backfill: None,
            files: 0,
        }
    }

    /// Puts a log file, delivered at this moment, that the next digest will list; gives back its key.
    pub fn log_file(&mut self, folder: Folder, delivered: Timestamp) -> String {
        self.files += 1;
        let event = delivered.to_iso_seconds();
        let content = format!(
            r#"{{"Records":[{{"eventVersion":"1.11","eventID":"{}","eventTime":"{event}"}}]}}"#,
            self.files
        );
        let key = self.log_key(folder, delivered);
        let stored = Stored {
            bytes: gzip(content.as_bytes()),
            metadata: Some(integrity::Metadata::new()),
            modified: Some(delivered),
        };
        self.memory.objects.insert((self.bucket.clone(), key.clone()), stored);
        self.pending.push(ListedFile {
            s3_bucket: self.bucket.clone(),
            s3_object: key.clone(),
            hash_value: sha256_hex(content.as_bytes()),
            hash_algorithm: HASH_ALGORITHM.into(),
            newest_event_time: Some(event.clone()),
            oldest_event_time: Some(event),
        });
        key
    }

    /// The key of a log file that is delivered at this moment; each call gives another.
    pub fn log_key(&mut self, folder: Folder, delivered: Timestamp) -> String {
        self.files += 1;
        let ChainId { account, region, .. } = &self.chain;
        let stamp = delivered.round_up_to(Duration::from_secs(300));
        let (date, stamp, name) = (stamp.to_date_folders(), stamp.to_name_stamp(), folder.name());
        let root = self
            .chain
            .directory(self.prefix.as_ref())
            .replace(&format!("/CloudTrail-Digest/{region}"), &format!("/{name}/{region}"));
        let (number, trail) = (self.files, &self.chain.trail.name);
        let trail: String = trail.as_str().chars().take(8).collect();
        format!("{root}/{date}/{account}_{name}_{region}_{stamp}_{trail:x<8}{number:08}.json.gz")
    }

    /// The digest that comes next, as it would be, without putting it.
    #[must_use]
    pub fn next(&self, start: Timestamp, end: Timestamp, key: &SigningKey) -> Digest {
        let previous = self.previous.as_ref();
        self.made(start, end, key, DigestKind::Standard, previous)
    }

    fn made(
        &self,
        start: Timestamp,
        end: Timestamp,
        key: &SigningKey,
        kind: DigestKind,
        previous: Option<&(String, String, String)>,
    ) -> Digest {
        let newest = self.pending.iter().filter_map(|file| file.newest_event_time.clone()).max();
        let oldest = self.pending.iter().filter_map(|file| file.oldest_event_time.clone()).min();
        Digest {
            aws_account_id: self.chain.account.to_string(),
            digest_start_time: start.to_iso_seconds(),
            digest_end_time: end.to_iso_seconds(),
            digest_s3_bucket: self.bucket.clone(),
            digest_s3_object: self.chain.key(self.prefix.as_ref(), end, kind),
            digest_public_key_fingerprint: key.public().fingerprint(),
            digest_signature_algorithm: SIGNATURE_ALGORITHM.into(),
            newest_event_time: newest,
            oldest_event_time: oldest,
            previous_digest_s3_bucket: previous.map(|_| self.bucket.clone()),
            previous_digest_s3_object: previous.map(|(key, ..)| key.clone()),
            previous_digest_hash_value: previous.map(|(_, sha256, _)| sha256.clone()),
            previous_digest_hash_algorithm: previous.map(|_| HASH_ALGORITHM.into()),
            previous_digest_signature: previous.map(|(.., signature)| signature.clone()),
            log_files: self.pending.clone(),
        }
    }

    /// Signs and puts the next digest, a minute after its end; gives back its key.
    pub fn digest(&mut self, start: Timestamp, end: Timestamp, key: &SigningKey) -> String {
        let digest = self.next(start, end, key);
        self.put(&digest, key, end.plus(Duration::from_secs(60)))
    }

    /// Signs and puts this digest as the next; gives back its key.
    pub fn put(&mut self, digest: &Digest, key: &SigningKey, put_at: Timestamp) -> String {
        let (sha256, signature) = put_digest(&mut self.memory, digest, key, put_at);
        let object = digest.digest_s3_object.clone();
        self.previous = Some((object.clone(), sha256, signature));
        self.pending.clear();
        object
    }

    /// Signs and puts a backfill digest of what is pending; gives back its key.
    pub fn backfill(
        &mut self,
        start: Timestamp,
        end: Timestamp,
        key: &SigningKey,
        made_at: Timestamp,
    ) -> String {
        let previous = self.previous_backfill.take();
        let digest = self.made(start, end, key, DigestKind::Backfill, previous.as_ref());
        let (sha256, signature) = put_digest(&mut self.memory, &digest, key, made_at);
        let object = digest.digest_s3_object;
        self.previous_backfill = Some((object.clone(), sha256, signature));
        self.pending.clear();
        object
    }

    /// The chain begins again: the next digest follows none.
    pub fn restart(&mut self) {
        self.previous = None;
    }
}
