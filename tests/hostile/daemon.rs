//! The daemon under attack: its own listener and pipeline, a real journal, a bucket in memory.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use accounts::{KeyPlace, Owner, Store};
use aws_config::{BehaviorVersion, SdkConfig};
use daemon::checks::Checks;
use daemon::config::{Auth, Flags, Settings};
use daemon::serve::{Daemon, real_parts};
use delivery::memory::MemoryStore;
use delivery::store::{Object, ObjectStore, Put, PutOutcome, StoreError};
use model::{BucketName, Timestamp};
use notifier::logs::memory::MemoryLogs;
use notifier::memory::MemoryTopic;
use producer::Now;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, interval};

use crate::case::{Case, record};
use crate::wire;

const DEADLINE: Duration = Duration::from_secs(60);
/// 2026-03-09T14:05:00Z
const NOW: i64 = 1_773_065_100_000;
const ACCOUNT: &str = "111111111111";
const CONFIGURATION: &str = r#"
listen = "127.0.0.1:0"
auth = "localstack"
accounts = [{ id = "000000000000" }, { id = "111111111111" }]
[journal]
segment_size = "4MiB"
quota = "64MiB"
[delivery]
interval = "1s"
[[channels]]
name = "shop"
account = "111111111111"
region = "eu-west-1"
"#;
/// One trail for each account: each takes all that there is of its account.
const TRAIL: &str = r#"
[[trails]]
name = "all"
region = "eu-west-1"
bucket = "logs"
multi_region = true
[[trails.advanced_event_selectors]]
[[trails.advanced_event_selectors.FieldSelectors]]
Field = "eventCategory"
Equals = ["Management", "Data", "ActivityAuditLog"]
"#;

/// The bucket, of which the test keeps a handle.
#[derive(Clone, Default)]
struct Bucket(Arc<MemoryStore>);

impl ObjectStore for Bucket {
    async fn put_new(&self, put: &Put) -> Result<PutOutcome, StoreError> {
        self.0.put_new(put).await
    }

    async fn read(
        &self,
        bucket: &BucketName,
        key: &str,
        bytes_max: u64,
    ) -> Result<Object, StoreError> {
        self.0.read(bucket, key, bytes_max).await
    }
}

pub struct World {
    daemon: Daemon<Bucket, MemoryTopic>,
    bucket: Bucket,
    _directory: TempDir,
}

impl World {
    /// Which believes its callers.
    pub async fn start() -> World {
        World::start_on(tempfile::tempdir().unwrap(), CONFIGURATION).await
    }

    /// Whose callers must sign. It is [`NOW`] all the time; gives the access key of an account.
    pub async fn start_signed() -> (World, String) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path(), KeyPlace::DataDirectory).unwrap();
        let (account, now) = (ACCOUNT.parse().unwrap(), Timestamp::from_millis(NOW));
        store.create_account(&account, None, now).unwrap();
        let key = store.create_key(&Owner { account, user: None }, now, &|| 7).unwrap().id;
        let configuration = CONFIGURATION.replace("\"localstack\"", "\"sigv4\"");
        (World::start_on(directory, &configuration).await, key)
    }

    async fn start_on(directory: TempDir, configuration: &str) -> World {
        let mut text = configuration.to_owned();
        for account in ["000000000000", "111111111111"] {
            let account = format!("bucket = \"logs\"\naccount = \"{account}\"");
            text.push_str(&TRAIL.replace("bucket = \"logs\"", &account));
        }
        let environment: [(&str, &str); 0] = [];
        let data_dir = Some(directory.path());
        let settings =
            Settings::parse(&text, "cairn.toml", environment, &Flags::default(), data_dir).unwrap();
        let mut parts = real_parts(directory.path()).unwrap();
        if settings.auth == Auth::Sigv4 {
            let clock = parts.clock;
            let wall = Timestamp::from_millis(NOW);
            parts.clock = Arc::new(move || Now { wall, ..clock() });
        }
        let bucket = Bucket::default();
        let checks =
            Checks::new(&SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build());
        let (topics, logs) = (MemoryTopic::new(), Arc::new(MemoryLogs::default()));
        let custody = keyring::Custody::Plain;
        let daemon = Daemon::start(&settings, parts, bucket.clone(), topics, logs, checks, custody)
            .await
            .unwrap();
        World { daemon, bucket, _directory: directory }
    }

    pub fn address(&self) -> SocketAddr {
        self.daemon.address()
    }

    /// Events that are durable.
    pub fn recorded(&self) -> u64 {
        let balances = self.daemon.snapshot().balances;
        balances.values().next().map_or(0, |balance| balance.recorded)
    }

    /// The daemon lives and takes an event of its own; gives the record.
    pub async fn take_a_good_event(&self, number: usize) -> String {
        let record = record(&format!("good-{number}"));
        let answer = wire::exchange(self.address(), &Case::bulk("a good event", &record)).await;
        assert!(answer.contains("200 OK") && answer.contains("\"recorded\":1"), "{answer}");
        record
    }

    /// All that was recorded is in the bucket, once and byte for byte, nothing else is, and the
    /// daemon's own counts say so.
    pub async fn check(self, mut expected: Vec<String>) {
        let deadline = Instant::now() + DEADLINE;
        let mut tick = interval(Duration::from_millis(20));
        while self.daemon.snapshot().balances.values().any(|balance| balance.waiting > 0) {
            tick.tick().await;
            assert!(Instant::now() < deadline, "{:?}", self.daemon.snapshot().balances);
        }
        let metrics = wire::send(self.address(), &Case::raw("metrics", METRICS)).await;
        let counts = Counts::read(&String::from_utf8(metrics).unwrap());
        for (trail, recorded) in counts.of("cairn_trail_recorded_events") {
            let [unselected, delivered, waiting] = ["unselected", "delivered", "waiting"]
                .map(|part| counts.of(&format!("cairn_trail_{part}_events"))[trail]);
            assert_eq!(*recorded, unselected + delivered + waiting, "{trail}");
            assert_eq!(*recorded, expected.len() as u64, "{trail}");
        }
        let mut delivered: Vec<String> = self.bucket.0.objects().iter().flat_map(records).collect();
        delivered.sort();
        expected.sort();
        assert_eq!(delivered, expected);
        self.daemon.stop().await.unwrap();
    }
}

const METRICS: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What `/metrics` says of trails.
struct Counts(BTreeMap<String, BTreeMap<String, u64>>);

impl Counts {
    fn read(text: &str) -> Counts {
        let mut counts = BTreeMap::<String, BTreeMap<String, u64>>::new();
        for line in text.lines().filter(|line| line.starts_with("cairn_trail_")) {
            let (name, rest) = line.split_once('{').unwrap();
            let (trail, value) = rest.split_once("} ").unwrap();
            counts.entry(name.into()).or_default().insert(trail.into(), value.parse().unwrap());
        }
        assert!(counts.len() >= 4, "{text}");
        Counts(counts)
    }

    fn of(&self, name: &str) -> &BTreeMap<String, u64> {
        &self.0[name]
    }
}

/// The records of an object, as they stand there; of the integration schema, their data.
fn records(put: &Put) -> Vec<String> {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(put.body.as_ref()).read_to_string(&mut text).unwrap();
    let file: BTreeMap<&str, Vec<&serde_json::value::RawValue>> =
        serde_json::from_str(&text).unwrap();
    let texts = file["Records"].iter().map(|record| record.get());
    texts
        .map(|text| {
            let value: Option<Value> = serde_json::from_str(text).ok();
            let is_activity = value.is_some_and(|value| value.get("eventData").is_some());
            let data = text.split_once("\"eventData\":").filter(|_| is_activity);
            data.map_or(text, |(_, data)| data.strip_suffix('}').unwrap()).to_owned()
        })
        .collect()
}
