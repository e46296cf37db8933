//! A store in memory, a simulated disk, a clock that the test sets; and a reader that believes nothing.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cairn_delivery::digests::OnTheirWay;
use cairn_delivery::memory::MemoryStore;
use cairn_delivery::{Delivered, Digests, Put, StoreError};
use disk::SimulatedDisk;
use flate2::read::GzDecoder;
use keyring::{KeyRing, KeySettings, PublicKey, SigningKey};
use model::digest::sha256_hex;
use model::log_file::LogFileHeader;
use model::{BatchId, Destination, Digest, Folder, LogFileName, Timestamp, TrailArn};
use outbox::RetrySettings;
use trails::{Definitions, LoggingTimes, Trail, TrailDefinition};

pub const HOUR: Duration = Duration::from_secs(3600);
pub const ACCOUNT: &str = "111111111111";
pub const HOME: &str = "eu-west-1";

/// A digest as it lies in its bucket.
#[derive(Clone, Debug)]
pub struct Found {
    pub put: Put,
    pub digest: Digest,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

pub struct World {
    pub store: MemoryStore,
    pub disk: SimulatedDisk,
    pub digests: Digests<MemoryStore>,
    pub definitions: Definitions,
    pub now: Cell<Timestamp>,
    /// Batches that are not retired.
    pub sealed: Vec<BatchId>,
    pub parked: Vec<LogFileHeader>,
}

/// Drawing a key takes long; one is enough.
fn key() -> Result<SigningKey, keyring::InvalidKey> {
    static DER: OnceLock<Vec<u8>> = OnceLock::new();
    let der = DER.get_or_init(|| SigningKey::generate().unwrap().to_pkcs8().unwrap().to_vec());
    SigningKey::from_pkcs8(der)
}

/// A moment of March 2026, which has as many days as one likes.
pub fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once('T').unwrap();
    let first = Timestamp::parse(&format!("2026-03-01T{time}Z")).unwrap();
    first.plus(24 * HOUR * (day.parse::<u32>().unwrap() - 1))
}

pub fn trail_arn(name: &str) -> TrailArn {
    format!("arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{name}").parse().unwrap()
}

pub fn error(code: &str) -> StoreError {
    StoreError { code: code.into(), message: "no".into() }
}

impl World {
    /// One trail, `all`, that logs to `bucket` since 15:29:23 on the ninth.
    pub fn new() -> World {
        let trail = Trail { is_multi_region: true, ..Trail::new(trail_arn("all"), bucket()) };
        let definition = TrailDefinition { validates_log_files: true, ..trail.into() };
        let mut world = World::empty(at("09T15:29:23"));
        world.change(|definitions| definitions.trails.push(definition));
        world
    }

    fn empty(now: Timestamp) -> World {
        let (disk, store) = (SimulatedDisk::new(), MemoryStore::default());
        let digests = open(&store, &disk, &[], &[], now);
        let (sealed, parked) = (Vec::new(), Vec::new());
        let definitions = Definitions::default();
        World { store, disk, digests, definitions, now: Cell::new(now), sealed, parked }
    }

    /// The definitions change; the registry keeps when logging was started.
    pub fn change(&mut self, change: impl FnOnce(&mut Definitions)) {
        let before = self.definitions.clone();
        change(&mut self.definitions);
        let Definitions { trails, logging, .. } = &mut self.definitions;
        for TrailDefinition { trail, .. } in trails {
            let was = before.trail(&trail.arn).is_some_and(|one| one.trail.is_logging);
            if trail.is_logging && !was {
                let started = Some(self.now.get());
                logging.insert(trail.arn.clone(), LoggingTimes { started, stopped: None });
            }
        }
        let boundary = self.sealed.iter().max().copied().unwrap_or(BatchId(0));
        self.digests.define(&self.definitions, self.now.get(), boundary).unwrap();
    }

    pub fn trail(&mut self) -> &mut TrailDefinition {
        &mut self.definitions.trails[0]
    }

    /// A crash, and a start that finds what was synced.
    pub fn crash(&mut self) {
        self.disk.lose_power(&mut |_| 0);
        self.digests = open(&self.store, &self.disk, &self.sealed, &self.parked, self.now.get());
        let boundary = self.sealed.iter().max().copied().unwrap_or(BatchId(0));
        self.digests.define(&self.definitions, self.now.get(), boundary).unwrap();
    }

    /// The clock shows another time, and digests are written that are due then.
    pub async fn pass_to(&self, text: &str) {
        self.now.set(at(text));
        self.tick().await;
    }

    /// Writes what is due.
    pub async fn tick(&self) {
        let drained = |trail: &TrailArn, boundary| {
            !self.sealed.iter().any(|batch| *batch <= boundary)
                && !self.parked.iter().any(|file| file.name.trail == *trail)
        };
        let now = self.now.get();
        for _ in 0..3 {
            for due in self.digests.take_due(now, drained).await.unwrap() {
                self.digests.advance(&due, || now, 1.0).await;
            }
        }
    }

    /// A log file of one record is in the bucket.
    pub fn put(&self, trail: &str, region: &str, batch: u64, part: u32) -> Delivered {
        let content = format!(r#"{{"Records":[{{"eventID":"{region} {batch} {part}"}}]}}"#);
        let name = LogFileName {
            prefix: None,
            organization: None,
            account: ACCOUNT.parse().unwrap(),
            folder: Folder::CloudTrail,
            region: region.parse().unwrap(),
            sealed_at: self.now.get(),
            batch: BatchId(batch),
            journal: 1,
            trail: trail_arn(trail),
            part,
        };
        let key = name.key(0);
        let destination = Destination { bucket: bucket(), kms_key: None, topic: None };
        let header = LogFileHeader {
            name,
            destination,
            sha256: sha256_hex(content.as_bytes()),
            records: 1,
            uncompressed_bytes: content.len() as u64,
            oldest: Some(self.now.get()),
            newest: Some(self.now.get()),
        };
        Delivered { header, key }
    }

    /// A batch of one file in a Region is delivered and retired.
    pub async fn deliver(&self, region: &str, batch: u64) -> String {
        let delivered = self.put("all", region, batch, 0);
        self.digests.note(&delivered);
        self.digests.keep(BatchId(batch), self.now.get()).await.unwrap();
        self.digests.retired(BatchId(batch)).await;
        delivered.key
    }

    /// All digests of a Region, in the order of their keys; each is where it says, and signed.
    pub fn found(&self, region: &str) -> Vec<Found> {
        let objects = self.store.objects();
        let is_of = |put: &&Put| put.key.contains(&format!("/CloudTrail-Digest/{region}/"));
        objects.iter().filter(is_of).map(|put| self.read(put)).collect()
    }

    fn read(&self, put: &Put) -> Found {
        let mut bytes = Vec::new();
        GzDecoder::new(&put.body[..]).read_to_end(&mut bytes).unwrap();
        let digest: Digest = serde_json::from_slice(&bytes).unwrap();
        let sha256 = sha256_hex(&bytes);
        assert_eq!(digest.digest_s3_object, put.key);
        assert_eq!(digest.digest_s3_bucket, put.bucket.as_str());
        let public = PublicKey::from_pkcs1(key().unwrap().public().pkcs1().to_vec());
        assert_eq!(digest.digest_public_key_fingerprint, public.fingerprint());
        let signature = &put.metadata["signature"];
        assert!(public.verifies_hex(digest.string_to_sign(&sha256).as_bytes(), signature));
        assert_eq!(put.metadata["signature-algorithm"], "SHA256withRSA");
        Found { put: put.clone(), digest, sha256 }
    }

    /// The chain of a Region, each linked to the one before: where it begins and ends, and how many
    /// files it lists. A `|` stands before one that is linked to none.
    pub fn chain(&self, region: &str) -> String {
        let found = self.found(region);
        let mut told = Vec::new();
        let mut previous: BTreeMap<bool, &Found> = BTreeMap::new();
        for one in &found {
            let digest = &one.digest;
            let is_backfill = one.put.key.ends_with("_backfill.json.gz");
            let mark = match &digest.previous_digest_s3_object {
                None => {
                    assert_eq!(digest.previous_digest_signature, None);
                    assert_eq!(digest.previous_digest_hash_value, None);
                    "|"
                }
                Some(key) => {
                    let before = previous[&is_backfill];
                    assert_eq!(*key, before.put.key);
                    let bucket = digest.previous_digest_s3_bucket.as_deref();
                    assert_eq!(bucket, Some(before.put.bucket.as_str()));
                    let hash = digest.previous_digest_hash_value.as_deref();
                    assert_eq!(hash, Some(before.sha256.as_str()));
                    let signature = digest.previous_digest_signature.as_ref();
                    assert_eq!(signature, Some(&before.put.metadata["signature"]));
                    if !is_backfill {
                        assert_eq!(digest.digest_start_time, before.digest.digest_end_time);
                    }
                    ""
                }
            };
            let kind = if is_backfill { "backfill " } else { "" };
            let short = |time: &str| time[8..19].to_owned();
            let (start, end) = (short(&digest.digest_start_time), short(&digest.digest_end_time));
            told.push(format!("{mark}{kind}{start} {end} {}", digest.log_files.len()));
            previous.insert(is_backfill, one);
        }
        told.join("\n")
    }

    /// All files that digests list, in order.
    pub fn listed(&self) -> Vec<String> {
        let digests = [HOME, "us-east-1"].into_iter().flat_map(|region| self.found(region));
        let files = digests.flat_map(|one| one.digest.log_files);
        let mut keys: Vec<String> = files.map(|file| file.s3_object).collect();
        keys.sort();
        keys
    }

    /// What is left in a directory of the disk.
    pub fn left_in(&self, directory: &str) -> Vec<String> {
        disk::Disk::list(&self.disk, directory).unwrap()
    }
}

pub fn bucket() -> model::BucketName {
    "bucket".parse().unwrap()
}

fn open(
    store: &MemoryStore,
    disk: &SimulatedDisk,
    batches: &[BatchId],
    parked: &[LogFileHeader],
    now: Timestamp,
) -> Digests<MemoryStore> {
    let found = OnTheirWay { batches, parked };
    let process = || disk.process();
    let (disk, retry) = (Arc::new(process()), RetrySettings::default());
    let settings = KeySettings::default();
    let keys = KeyRing::open(Arc::new(process()), Arc::new(key), settings).unwrap();
    Digests::open(store.clone(), disk, Arc::new(keys), HOUR, retry, &found, now).unwrap()
}
