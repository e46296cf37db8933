//! The world outside: object store and topics in memory, which fail before or after the act, and
//! in whose middle the process may end.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use delivery::memory::MemoryStore;
use delivery::{ObjectStore, Put, PutOutcome, StoreError};
use model::{BucketName, TopicArn};
use notifier::memory::MemoryTopic;
use notifier::{PublishError, Topic};

use crate::dice::Dice;
use crate::mistakes::Mistake;

/// Store and topics. A clone is another handle to the same.
#[derive(Clone)]
pub struct Outside {
    pub store: Arc<MemoryStore>,
    pub topics: MemoryTopic,
    pub weather: Arc<Weather>,
    pub mistake: Mistake,
}

/// What may happen in a call.
pub struct Weather {
    dice: Dice,
    pub is_calm: AtomicBool,
    /// The process ends in the call that counts this down to zero.
    kill_in: AtomicU64,
    pub is_killed: AtomicBool,
}

/// What happens in a call.
#[derive(Clone, Copy, PartialEq)]
enum Strike {
    Nothing,
    Fault { after: bool },
    Kill { after: bool },
}

impl Weather {
    pub fn new(dice: Dice) -> Weather {
        let kill_in = AtomicU64::new(u64::MAX);
        Weather {
            dice,
            is_calm: AtomicBool::new(false),
            kill_in,
            is_killed: AtomicBool::new(false),
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
        if self.dice.one_in(12) { Strike::Fault { after } } else { Strike::Nothing }
    }

    /// Does `act` with what happens before and after it.
    async fn around<T, E>(
        &self,
        act: impl Future<Output = Result<T, E>>,
        error: E,
    ) -> Result<T, E> {
        let strike = self.strike();
        match strike {
            Strike::Fault { after: false } => return Err(error),
            Strike::Kill { after: false } => pending().await,
            _ => {}
        }
        let result = act.await;
        match strike {
            Strike::Fault { after: true } => Err(error),
            Strike::Kill { after: true } => pending().await,
            _ => result,
        }
    }
}

pub fn store_error(code: &str) -> StoreError {
    StoreError { code: code.into(), message: "simulated".into() }
}

impl ObjectStore for Outside {
    async fn put_new(&self, put: &Put) -> Result<PutOutcome, StoreError> {
        let put = self.mistake.in_put(put, &self.weather.dice);
        self.weather.around(self.store.put_new(&put), store_error("Timeout")).await
    }

    async fn read(&self, bucket: &BucketName, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.weather.around(self.store.read(bucket, key), store_error("Unreachable")).await
    }
}

impl Topic for Outside {
    async fn publish(&self, topic: &TopicArn, message: &str) -> Result<(), PublishError> {
        if self.mistake == Mistake::SwallowNotices && self.weather.dice.one_in(4) {
            return Ok(());
        }
        let error = PublishError::no_answer("simulated");
        self.weather.around(self.topics.publish(topic, message), error).await
    }
}
