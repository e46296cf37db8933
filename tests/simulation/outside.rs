//! The world outside: object store and topics in memory, which fail before or after the act, are
//! slow, hang until the client's time-out, act after the client has given up, and in whose middle
//! the process may end.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use delivery::memory::MemoryStore;
use delivery::{Object, ObjectStore, Put, PutOutcome, StoreError};
use model::{BucketName, Timestamp, TopicArn};
use notifier::memory::MemoryTopic;
use notifier::{PublishError, Topic};
use producer::Now;

use crate::dice::Dice;
use crate::mistakes::Mistake;

/// What the S3 client allows one call (contract of [`ObjectStore`], 5).
const STORE_TIMEOUT: Duration = Duration::from_secs(55);
/// What the SNS client allows one call (contract of [`Topic`], 4).
const TOPIC_TIMEOUT: Duration = Duration::from_secs(10);

/// Bucket and key.
pub type Place = (String, String);

/// When objects appeared.
#[derive(Default)]
pub struct Appeared {
    /// The number of what digests were told last.
    pub number: usize,
    /// Of each object: that number then, and the time of day.
    pub first: BTreeMap<Place, (usize, Timestamp)>,
}

/// Store and topics. A clone is another handle to the same.
#[derive(Clone)]
pub struct Outside {
    pub store: Arc<MemoryStore>,
    pub topics: MemoryTopic,
    pub weather: Arc<Weather>,
    pub mistake: Mistake,
    /// PUTs that the store will carry out although nobody waits for them any more.
    late: Arc<Mutex<Vec<Put>>>,
    pub appeared: Arc<Mutex<Appeared>>,
    clock: Arc<Mutex<Now>>,
    /// Digests that [`Mistake::SaveChainBeforePut`] answers for, and puts with the next call.
    promised: Arc<Mutex<Vec<Put>>>,
}

/// What may happen in a call, and how often it did.
pub struct Weather {
    dice: Dice,
    pub is_calm: AtomicBool,
    /// The process ends in the call that counts this down to zero.
    kill_in: AtomicU64,
    pub is_killed: AtomicBool,
    pub faults: AtomicU64,
    pub slow: AtomicU64,
    pub hung: AtomicU64,
    pub late: AtomicU64,
}

/// What happens in a call.
#[derive(Clone, Copy, PartialEq)]
enum Strike {
    Nothing,
    Slow(Duration),
    Fault { after: bool },
    Hang { after: bool },
    Kill { after: bool },
}

impl Weather {
    fn new(dice: Dice) -> Weather {
        Weather {
            dice,
            is_calm: AtomicBool::new(false),
            kill_in: AtomicU64::new(u64::MAX),
            is_killed: AtomicBool::new(false),
            faults: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            hung: AtomicU64::new(0),
            late: AtomicU64::new(0),
        }
    }

    /// The process ends in the middle of the call after so many others.
    pub fn kill_in(&self, calls: u64) {
        self.kill_in.store(calls, Ordering::Relaxed);
    }

    pub fn restart(&self) {
        self.kill_in(u64::MAX);
        self.is_killed.store(false, Ordering::Relaxed);
    }

    fn strike(&self) -> Strike {
        if self.is_calm.load(Ordering::Relaxed) {
            return Strike::Nothing;
        }
        let left = self.kill_in.load(Ordering::Relaxed);
        self.kill_in.store(left.saturating_sub(1), Ordering::Relaxed);
        let after = self.dice.one_in(2);
        if left == 0 {
            self.is_killed.store(true, Ordering::Relaxed);
            return Strike::Kill { after };
        }
        match self.dice.below(48) {
            0..4 => count(&self.faults, Strike::Fault { after }),
            4..8 => count(&self.slow, Strike::Slow(Duration::from_secs(1 + self.dice.below(20)))),
            8 => count(&self.hung, Strike::Hang { after }),
            _ => Strike::Nothing,
        }
    }

    /// Does `act` with what happens before and after it.
    async fn around<T, E>(
        &self,
        strike: Strike,
        timeout: Duration,
        act: impl Future<Output = Result<T, E>>,
        error: E,
    ) -> Result<T, E> {
        match strike {
            Strike::Fault { after: false } => return Err(error),
            Strike::Kill { after: false } => pending().await,
            Strike::Hang { after: false } => {
                tokio::time::sleep(timeout).await;
                return Err(error);
            }
            Strike::Slow(pause) => tokio::time::sleep(pause.min(timeout)).await,
            _ => {}
        }
        let result = act.await;
        match strike {
            Strike::Fault { after: true } => Err(error),
            Strike::Kill { after: true } => pending().await,
            Strike::Hang { after: true } => {
                tokio::time::sleep(timeout).await;
                Err(error)
            }
            _ => result,
        }
    }

    fn store_error(&self) -> StoreError {
        let codes = ["Timeout", "Unreachable", "SlowDown", "InternalError", "ServiceUnavailable"];
        store_error(self.dice.pick(&codes))
    }
}

fn count(counter: &AtomicU64, strike: Strike) -> Strike {
    counter.fetch_add(1, Ordering::Relaxed);
    strike
}

/// Whether a key is a digest's.
pub fn is_digest(key: &str) -> bool {
    key.contains("/CloudTrail-Digest/")
}

pub fn store_error(code: &str) -> StoreError {
    StoreError { code: code.into(), message: "simulated".into() }
}

impl Outside {
    pub fn new(dice: Dice, mistake: Mistake, clock: Arc<Mutex<Now>>) -> Outside {
        Outside {
            store: Arc::default(),
            topics: MemoryTopic::new(),
            weather: Arc::new(Weather::new(dice)),
            mistake,
            late: Arc::default(),
            appeared: Arc::default(),
            clock,
            promised: Arc::default(),
        }
    }

    /// The store carries out what it was asked before its callers went away.
    pub async fn act_late(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap());
        for put in late {
            self.weather.late.fetch_add(1, Ordering::Relaxed);
            // A bucket that refuses by now refuses this too.
            let _ = self.put_in_store(&put).await;
        }
    }

    /// The process has ended, and with it what it had only promised.
    pub fn restart(&self) {
        self.weather.restart();
        self.promised.lock().unwrap().clear();
    }

    async fn put_in_store(&self, put: &Put) -> Result<PutOutcome, StoreError> {
        let outcome = self.store.put_new(put).await?;
        if outcome == PutOutcome::Stored {
            let (mut appeared, now) =
                (self.appeared.lock().unwrap(), self.clock.lock().unwrap().wall);
            let moment = (appeared.number, now);
            appeared.first.insert((put.bucket.to_string(), put.key.clone()), moment);
        }
        Ok(outcome)
    }

    /// What [`Mistake::SaveChainBeforePut`] has promised is put.
    async fn keep_promises(&self) {
        let promised = std::mem::take(&mut *self.promised.lock().unwrap());
        for put in promised {
            let _ = self.put_in_store(&put).await;
        }
    }

    fn promise(&self, put: &Put) -> bool {
        let promises = self.mistake == Mistake::SaveChainBeforePut && is_digest(&put.key);
        if promises {
            self.promised.lock().unwrap().push(put.clone());
        }
        promises
    }

    fn promised(&self, bucket: &BucketName, key: &str) -> Option<Put> {
        let promised = self.promised.lock().unwrap();
        promised.iter().find(|put| put.bucket == *bucket && put.key == key).cloned()
    }

    fn timeout(&self, timeout: Duration) -> Duration {
        match self.mistake {
            // A thousand years, which no run waits for.
            Mistake::HangForEver => Duration::from_secs(1000 * 365 * 24 * 3600),
            _ => timeout,
        }
    }

    /// A call whose act has not come when nobody waits any more may come later.
    fn perhaps_late(&self, strike: Strike, put: &Put) {
        let is_unacted =
            matches!(strike, Strike::Kill { after: false } | Strike::Hang { after: false });
        if is_unacted && self.weather.dice.one_in(2) {
            self.late.lock().unwrap().push(put.clone());
        }
    }
}

impl ObjectStore for Outside {
    async fn put_new(&self, put: &Put) -> Result<PutOutcome, StoreError> {
        self.keep_promises().await;
        if self.promise(put) {
            return Ok(PutOutcome::Stored);
        }
        let put = self.mistake.in_put(put, &self.weather.dice);
        let strike = self.weather.strike();
        self.perhaps_late(strike, &put);
        let (act, timeout) = (self.put_in_store(&put), self.timeout(STORE_TIMEOUT));
        let outcome = self.weather.around(strike, timeout, act, self.weather.store_error()).await?;
        match (self.mistake, outcome) {
            (Mistake::TakeExistingForOurs, _) => Ok(PutOutcome::Stored),
            (Mistake::ReplaceObjects, PutOutcome::Exists) => {
                self.store.plant(put);
                Ok(PutOutcome::Stored)
            }
            _ => Ok(outcome),
        }
    }

    async fn read(
        &self,
        bucket: &BucketName,
        key: &str,
        bytes_max: u64,
    ) -> Result<Object, StoreError> {
        if let Some(put) = self.promised(bucket, key) {
            return Ok(Object::Whole(put.body, put.metadata));
        }
        let (act, timeout) = (self.store.read(bucket, key, bytes_max), self.timeout(STORE_TIMEOUT));
        let strike = self.weather.strike();
        self.weather.around(strike, timeout, act, self.weather.store_error()).await
    }
}

impl Topic for Outside {
    async fn publish(&self, topic: &TopicArn, message: &str) -> Result<(), PublishError> {
        if self.mistake == Mistake::SwallowNotices && self.weather.dice.one_in(4) {
            return Ok(());
        }
        let error = match self.weather.dice.one_in(2) {
            true => PublishError::no_answer("simulated"),
            false => PublishError::refused("Throttled", "simulated"),
        };
        let (act, timeout) = (self.topics.publish(topic, message), self.timeout(TOPIC_TIMEOUT));
        self.weather.around(self.weather.strike(), timeout, act, error).await
    }
}
