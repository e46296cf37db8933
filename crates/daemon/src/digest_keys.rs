//! The keys that sign digests, in the daemon: opened at the start, and tended while it runs.

use std::sync::Arc;
use std::time::Duration;

use keyring::{Custody, KeyRing, KeyRingError, KeySettings, SigningKey};

use crate::parts::Parts;

/// How often keys are tended.
const PAUSE: Duration = Duration::from_secs(3600);
/// The same while the disk or KMS cannot be used.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Opens the keys of the data directory.
pub fn open(
    parts: &Parts,
    validity: Duration,
    custody: Custody,
) -> Result<Arc<KeyRing>, KeyRingError> {
    let settings = KeySettings { validity, custody };
    let ring = KeyRing::open(Arc::clone(&parts.disk), Arc::new(SigningKey::generate), settings)?;
    Ok(Arc::new(ring))
}

/// Encrypts and destroys private keys when it is time for it. Does not end.
pub async fn tend(keys: Arc<KeyRing>, parts: Parts) {
    let mut failed = None;
    loop {
        let failure = keys.tend(parts.now().wall).await.err().map(|error| error.to_string());
        if let Some(error) = failure.as_ref().filter(|_| failure != failed) {
            tracing::warn!(%error, "the keys that sign digests cannot be tended; trying again");
        }
        if failure.is_none() && failed.is_some() {
            tracing::info!("the keys that sign digests are tended again");
        }
        let pause = if failure.is_some() { PAUSE_AFTER_FAILURE } else { PAUSE };
        failed = failure;
        tokio::time::sleep(pause).await;
    }
}
