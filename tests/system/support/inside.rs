//! A daemon inside the test's own process, under a clock that only the test moves: what takes hours
//! elsewhere, and clocks that jump.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daemon::checks::Checks;
use daemon::config::{Flags, Settings};
use daemon::parts::Parts;
use daemon::serve::{Daemon, real_parts};
use delivery::S3Store;
use model::Timestamp;
use notifier::sns::SnsTopic;
use producer::Now;
use serde_json::Value;

use super::cairn::Site;
use super::http::{Answer, Http};
use super::localstack::sdk;
use super::metrics::Metrics;
use super::wait::eventually;

const BEGIN_MILLIS: i64 = 1_773_064_800_000;
/// So often is the clock read in more than a second of real time, whatever else there is to do:
/// every task has looked at it several times.
const LOOKS: u64 = 40;
/// With it pauses are as long as they may be, but for a hair.
const LARGE: u64 = 0xffff_f000_0000_0000;

/// Both clocks. They stand still unless they are moved.
#[derive(Clone)]
pub struct Clock(Arc<State>);

struct State {
    now: Mutex<Now>,
    looks: AtomicU64,
}

/// A daemon in this process.
pub struct Inside {
    daemon: Daemon<S3Store, SnsTopic>,
    http: Http,
}

impl Clock {
    pub fn new() -> Clock {
        let now = Now { wall: Timestamp::from_millis(BEGIN_MILLIS), uptime: Duration::ZERO };
        Clock(Arc::new(State { now: Mutex::new(now), looks: AtomicU64::new(0) }))
    }

    /// Time goes by.
    pub fn pass(&self, time: Duration) {
        let mut now = self.0.now.lock().unwrap();
        *now = Now { wall: now.wall.plus(time), uptime: now.uptime + time };
    }

    /// The time of day is set forward or back; no time goes by.
    pub fn jump(&self, hours: i64) {
        let mut now = self.0.now.lock().unwrap();
        now.wall = Timestamp::from_millis(now.wall.as_millis() + hours * 3_600_000);
    }

    /// Waits until everybody has looked at the clock as it stands, several times.
    pub async fn is_seen(&self) {
        let looks = || self.0.looks.load(Ordering::Relaxed);
        let before = looks();
        eventually("everybody looks at the clock", async || {
            (looks() >= before + LOOKS).then_some(())
        })
        .await;
    }

    fn look(&self) -> Now {
        self.0.looks.fetch_add(1, Ordering::Relaxed);
        *self.0.now.lock().unwrap()
    }
}

impl Inside {
    /// Starts on a site, under a clock. One call of S3 ends within `s3_timeout`.
    pub async fn start(site: &Site, endpoint: &str, clock: &Clock, s3_timeout: Duration) -> Inside {
        let none: [(&str, &str); 0] = [];
        let settings =
            Settings::load(Some(&site.configuration()), none, &Flags::default()).unwrap();
        // The one before may still hold the lock, until its journal's thread ends.
        let real =
            eventually("the data directory is free", async || real_parts(&settings.data_dir).ok())
                .await;
        let (clock, draws) = (clock.clone(), AtomicU64::new(0));
        let parts = Parts {
            clock: Arc::new(move || clock.look()),
            entropy: Arc::new(move || LARGE | draws.fetch_add(1, Ordering::Relaxed)),
            ..real
        };
        let config = sdk(endpoint, "test", "us-east-1").await;
        let s3 = aws_sdk_s3::config::Builder::from(&config);
        let store = S3Store::with_timeout(s3, true, s3_timeout);
        let topics = daemon::aws::topics(&config);
        let (logs, checks) = (Arc::new(daemon::aws::logs(&config)), Checks::new(&config));
        let custody = keyring::Custody::Plain;
        let daemon =
            Daemon::start(&settings, parts, store, topics, logs, checks, custody).await.unwrap();
        Inside { daemon, http: Http::new() }
    }

    /// Records events, all of which must be new.
    pub async fn record(&self, records: &[String]) {
        let url = self.url("/v1/events");
        let answer = self.http.post(&url, &[], records.join("\n")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["recorded"], records.len(), "{}", answer.text());
    }

    /// The metrics, in which the conservation law holds.
    pub async fn metrics(&self) -> Metrics {
        let metrics = Metrics::parse(&self.get("/metrics").await.text());
        metrics.conserved();
        metrics
    }

    /// What `/readyz` says, of a daemon that is ready.
    pub async fn warnings(&self) -> Vec<Value> {
        let health = self.get("/readyz").await;
        assert_eq!(health.status, 200, "{}", health.text());
        health.json()["warnings"].as_array().unwrap().clone()
    }

    /// Waits until a metric has a value.
    pub async fn reaches(&self, metric: &str, value: u64) {
        eventually(&format!("{metric} is {value}"), async || {
            (self.metrics().await.sum(metric) == value).then_some(())
        })
        .await;
    }

    /// Waits until nothing is on its way.
    pub async fn settle(&self) {
        eventually("nothing waits for delivery", async || {
            self.metrics().await.is_settled().then_some(())
        })
        .await;
    }

    pub async fn stop(self) {
        self.daemon.stop().await.unwrap();
    }

    /// Ends without a word, as in a crash.
    pub fn crash(self) {
        drop(self);
    }

    async fn get(&self, path: &str) -> Answer {
        self.http.get(&self.url(path)).await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.daemon.address())
    }
}
