//! [`Objects`] in memory, with faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::time::Instant;

use crate::service::{GetError, Objects, ServiceError};

/// A handle; clones share the store.
#[derive(Clone, Default)]
pub(crate) struct MemoryObjects(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<(String, String), Bytes>,
    failures: u32,
    gets: Vec<(String, Instant)>,
}

impl MemoryObjects {
    pub(crate) fn put(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) {
        self.state().objects.insert((bucket.into(), key.into()), bytes.into());
    }

    /// The next `times` fetches fail.
    pub(crate) fn fail(&self, times: u32) {
        self.state().failures = times;
    }

    /// The keys that were asked for, in order, with the time.
    pub(crate) fn gets(&self) -> Vec<(String, Instant)> {
        self.state().gets.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Objects for MemoryObjects {
    async fn get(&self, bucket: &str, key: &str, bytes_max: usize) -> Result<Bytes, GetError> {
        let mut state = self.state();
        state.gets.push((key.into(), Instant::now()));
        if state.failures > 0 {
            state.failures -= 1;
            return Err(ServiceError::new("get", "planned").into());
        }
        let object = state.objects.get(&(bucket.into(), key.into())).ok_or(GetError::Missing)?;
        if object.len() > bytes_max {
            return Err(GetError::TooBig { bytes_max });
        }
        Ok(object.clone())
    }
}
