//! The keys of an installation, and the file that keeps them.

use std::sync::Arc;
use std::time::Duration;

use disk::Disk;
use model::{Region, Timestamp};
use tokio::sync::Mutex;

use crate::key::{PublicKey, SigningKey};

/// How long a key is valid.
pub const VALIDITY: Duration = Duration::from_secs(30 * 24 * 3600);

/// A public key as `ListPublicKeys` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKey {
    /// The key.
    pub key: PublicKey,
    /// `ValidityStartTime`.
    pub not_before: Timestamp,
    /// `ValidityEndTime`.
    pub not_after: Timestamp,
}

/// Why a key cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The key could not be made, or is damaged.
    #[error(transparent)]
    Key(#[from] crate::key::InvalidKey),
    /// The disk.
    #[error("the keys that sign digests: {0}")]
    Disk(#[from] std::io::Error),
}

/// The keys of an installation.
pub struct KeyRing {
    #[allow(dead_code)]
    disk: Arc<dyn Disk>,
    generate: Generate,
    keys: Mutex<Vec<(Region, PublishedKey, Arc<SigningKey>)>>,
}

/// Makes a key; a simulation gives keys that it knows.
pub type Generate = Arc<dyn Fn() -> Result<SigningKey, crate::key::InvalidKey> + Send + Sync>;

impl KeyRing {
    /// Reads the keys that there are.
    pub fn open(disk: Arc<dyn Disk>, generate: Generate) -> Result<KeyRing, KeyRingError> {
        Ok(KeyRing { disk, generate, keys: Mutex::default() })
    }

    /// The key of a Region that signs what ends at `at`; it is made, and durable, when there is none
    /// that is valid then.
    pub async fn signing_key(
        &self,
        region: &Region,
        at: Timestamp,
    ) -> Result<Arc<SigningKey>, KeyRingError> {
        let mut keys = self.keys.lock().await;
        let held = keys
            .iter()
            .rev()
            .find(|(of, key, _)| of == region && key.not_before <= at && at <= key.not_after);
        if let Some((_, _, key)) = held {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new((self.generate)()?);
        let published = PublishedKey {
            key: key.public().clone(),
            not_before: at,
            not_after: at.plus(VALIDITY),
        };
        keys.push((region.clone(), published, Arc::clone(&key)));
        Ok(key)
    }

    /// The keys of a Region that are valid at some moment from `from` to `to`.
    pub async fn published(
        &self,
        region: &Region,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<PublishedKey> {
        let keys = self.keys.lock().await;
        let of_region = keys.iter().filter(|(of, ..)| of == region).map(|(_, key, _)| key);
        of_region.filter(|key| key.not_before <= to && from <= key.not_after).cloned().collect()
    }
}
