//! An object store in memory that keeps the contract of [`ObjectStore`] and can be told to fail:
//! for tests and for the simulation.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use model::BucketName;

use crate::store::{Object, ObjectStore, Put, PutOutcome, StoreError};

/// When a planned error strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The store did nothing.
    Before(StoreError),
    /// The store did what was asked, but its answer was lost.
    After(StoreError),
}

/// The store; a clone is another handle to it. Buckets need not be created.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<(String, String), Put>,
    faults: VecDeque<Option<Fault>>,
    refusing: BTreeMap<String, StoreError>,
    forgets_metadata: bool,
    puts: u64,
}

impl MemoryStore {
    /// The next calls of `put_new` meet these faults, in order; `None` lets one pass.
    pub fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.with(|state| state.faults.extend(faults));
    }

    /// From now on a bucket refuses everything; `None` ends that.
    pub fn refuse(&self, bucket: &str, error: Option<StoreError>) {
        self.with(|state| match error {
            Some(error) => state.refusing.insert(bucket.into(), error),
            None => state.refusing.remove(bucket),
        });
    }

    /// From now on user metadata is not kept.
    pub fn forget_metadata(&self) {
        self.with(|state| state.forgets_metadata = true);
    }

    /// Puts an object that Cairn knows nothing of.
    pub fn plant(&self, put: Put) {
        self.with(|state| state.objects.insert((put.bucket.to_string(), put.key.clone()), put));
    }

    /// Somebody removes an object.
    pub fn remove(&self, bucket: &str, key: &str) {
        self.with(|state| state.objects.remove(&(bucket.to_owned(), key.to_owned())));
    }

    /// All objects, by bucket and key.
    #[must_use]
    pub fn objects(&self) -> Vec<Put> {
        self.with(|state| state.objects.values().cloned().collect())
    }

    /// How many PUTs reached the store.
    #[must_use]
    pub fn puts(&self) -> u64 {
        self.with(|state| state.puts)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, put: &Put) -> Result<PutOutcome, StoreError> {
        self.with(|state| {
            if let Some(error) = state.refusing.get(put.bucket.as_str()) {
                return Err(error.clone());
            }
            let fault = state.faults.pop_front().flatten();
            if let Some(Fault::Before(error)) = fault {
                return Err(error);
            }
            state.puts += 1;
            let place = (put.bucket.to_string(), put.key.clone());
            let outcome = match state.objects.contains_key(&place) {
                true => PutOutcome::Exists,
                false => PutOutcome::Stored,
            };
            let mut stored = put.clone();
            if state.forgets_metadata {
                stored.metadata.clear();
            }
            state.objects.entry(place).or_insert(stored);
            match fault {
                Some(Fault::After(error)) => Err(error),
                _ => Ok(outcome),
            }
        })
    }
}

impl ObjectStore for MemoryStore {
    async fn put_new(&self, put: &Put) -> Result<PutOutcome, StoreError> {
        self.put(put)
    }

    async fn read(
        &self,
        bucket: &BucketName,
        key: &str,
        bytes_max: u64,
    ) -> Result<Object, StoreError> {
        self.with(|state| match state.refusing.get(bucket.as_str()) {
            Some(error) => Err(error.clone()),
            None => {
                let object = state.objects.get(&(bucket.to_string(), key.to_owned()));
                Ok(match object {
                    None => Object::Missing,
                    Some(put) if put.body.len() as u64 > bytes_max => Object::TooLong,
                    Some(put) => Object::Whole(put.body.clone(), put.metadata.clone()),
                })
            }
        })
    }
}
