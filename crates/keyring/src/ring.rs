//! The keys of an installation: found, made, listed, destroyed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use disk::Disk;
use disk::document::DocumentError;
use model::{Region, Timestamp};

use crate::file::{self, Bytes, Entry, FILE, Private, State};
use crate::key::{InvalidKey, PublicKey, SigningKey};
use crate::kms::{Binding, Encrypted, Kms, KmsError};

/// How long a key is valid, unless configured.
pub const VALIDITY: Duration = days(30);
/// The shortest validity that may be configured.
pub const VALIDITY_MIN: Duration = days(1);
/// The longest.
pub const VALIDITY_MAX: Duration = days(365);
/// How long before its step a key is valid, or a quarter of its validity if that is less.
const OVERLAP: Duration = days(1);
/// The oldest digest that is still signed ended so long ago; and a day for clocks that differ.
const OWED_MAX: Duration = days(31 + 1);

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

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

/// What is configured.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// How long a key is valid; from [`VALIDITY_MIN`] to [`VALIDITY_MAX`].
    pub validity: Duration,
    /// How private keys are kept.
    pub custody: Custody,
}

/// How private keys are kept.
#[derive(Clone, Debug)]
pub enum Custody {
    /// In the data directory, under its permissions alone. Refused where KMS keeps some.
    Plain,
    /// The same, though KMS keeps some: those sign no more.
    NoLongerKms,
    /// In the data directory, encrypted by KMS. What is kept plain is encrypted first. What another
    /// KMS key encrypts signs no more.
    Kms(Kms),
}

impl Default for KeySettings {
    fn default() -> KeySettings {
        KeySettings { validity: VALIDITY, custody: Custody::Plain }
    }
}

/// Why a key cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The key could not be made.
    #[error("a key that signs digests could not be made: {0}")]
    Key(#[from] InvalidKey),
    /// The disk.
    #[error("{FILE}: {0}")]
    Disk(#[from] std::io::Error),
    /// KMS refuses, or does not answer.
    #[error(transparent)]
    Kms(#[from] KmsError),
    /// The file is not what this version writes; it is left as it is.
    #[error("{FILE} is unreadable ({0}); {RESTORE}")]
    Unreadable(serde_json::Error),
    /// The file is not what was written; it is left as it is.
    #[error("{FILE} is damaged (its checksum does not match); {RESTORE}")]
    Damaged,
    /// A key in the file is none, though the checksum holds.
    #[error("{FILE}: {0} is damaged; {RESTORE}")]
    Corrupt(String),
    /// The file was written by a newer version.
    #[error("{FILE} has format {0}, which this version does not read; use the newer version")]
    Newer(u32),
    /// KMS keeps private keys, and is not configured.
    #[error(
        "{FILE} holds keys that the KMS key {0} encrypts, and digests.kms_key is not set; set it to that key, or to \"none\" to have new keys without KMS"
    )]
    KmsMissing(String),
}

impl From<DocumentError> for KeyRingError {
    fn from(error: DocumentError) -> KeyRingError {
        match error {
            DocumentError::Disk(error) => KeyRingError::Disk(error),
            DocumentError::Unreadable(error) => KeyRingError::Unreadable(error),
            DocumentError::Damaged => KeyRingError::Damaged,
            DocumentError::Newer { found, .. } => KeyRingError::Newer(found),
        }
    }
}

/// What to do about a damaged file.
const RESTORE: &str = "restore it from a backup. Without one, move it away: new keys are made, and \
                       digests of before can then be validated only with public keys that were \
                       saved elsewhere";

/// Makes a key; a simulation gives keys that it knows.
pub type Generate = Arc<dyn Fn() -> Result<SigningKey, InvalidKey> + Send + Sync>;

/// The keys of an installation.
pub struct KeyRing {
    disk: Arc<dyn Disk>,
    generate: Generate,
    settings: KeySettings,
    /// As on disk. Held for moments only: listing never waits for KMS.
    state: Mutex<State>,
    /// Whoever holds this may change the state.
    turn: tokio::sync::Mutex<()>,
}

impl KeyRing {
    /// Reads the keys that there are. KMS is not asked yet.
    pub fn open(
        disk: Arc<dyn Disk>,
        generate: Generate,
        settings: KeySettings,
    ) -> Result<KeyRing, KeyRingError> {
        let state = file::read(&*disk)?;
        // The newest first: it names the KMS key of now.
        for entry in state.keys.iter().rev() {
            match (&entry.private, &settings.custody) {
                (Private::Plain(der), _) => drop(entry.unlock(&der.0)?),
                (Private::Kms { named, .. }, Custody::Plain) => {
                    return Err(KeyRingError::KmsMissing(named.clone()));
                }
                (Private::Kms { .. } | Private::Destroyed, _) => {}
            }
        }
        Ok(KeyRing { disk, generate, settings, state: Mutex::new(state), turn: Default::default() })
    }

    /// The key of a Region that signs what ends at `at`; it is made, and durable, when there is none.
    ///
    /// # Errors
    /// The disk or KMS cannot be used now. Nothing has changed; try again.
    pub async fn signing_key(
        &self,
        region: &Region,
        at: Timestamp,
    ) -> Result<Arc<SigningKey>, KeyRingError> {
        if let Some(key) = self.signer(region, at).and_then(|entry| entry.unlocked) {
            return Ok(key);
        }
        let _turn = self.turn.lock().await;
        self.encrypt_plain().await?;
        match self.signer(region, at) {
            Some(entry) => self.unlock(entry).await,
            None => self.make(region, at).await,
        }
    }

    /// The keys of a Region that are valid at some moment from `from` to `to`, the oldest first.
    #[must_use]
    pub fn published(&self, region: &Region, from: Timestamp, to: Timestamp) -> Vec<PublishedKey> {
        let state = self.state();
        let is_asked =
            |key: &&Entry| key.region == *region && key.not_before <= to && from <= key.not_after;
        let mut published: Vec<PublishedKey> =
            state.keys.iter().filter(is_asked).map(tell).collect();
        published.sort_by_key(|key| key.not_before);
        published
    }

    /// Encrypts what is kept plain and should not be, and destroys private keys that nothing can be
    /// signed with any more. To be called at the start, and from time to time.
    ///
    /// # Errors
    /// As of [`KeyRing::signing_key`].
    pub async fn tend(&self, now: Timestamp) -> Result<(), KeyRingError> {
        let _turn = self.turn.lock().await;
        self.destroy_old(now)?;
        self.encrypt_plain().await
    }

    /// The key that signs what ends at `at`, if there is one.
    fn signer(&self, region: &Region, at: Timestamp) -> Option<Entry> {
        let state = self.state();
        let signs = |key: &&Entry| {
            key.region == *region
                && key.not_before <= at
                && at <= key.not_after.min(key.not_before.plus(self.settings.validity))
                && self.settings.custody.keeps(&key.private)
        };
        state.keys.iter().filter(signs).max_by_key(|key| key.not_before).cloned()
    }

    async fn unlock(&self, entry: Entry) -> Result<Arc<SigningKey>, KeyRingError> {
        if let Some(key) = entry.unlocked {
            return Ok(key);
        }
        let key = match (&entry.private, &self.settings.custody) {
            (Private::Kms { arn, ciphertext, .. }, Custody::Kms(kms)) => {
                let encrypted = Encrypted { arn: arn.clone(), ciphertext: ciphertext.0.to_vec() };
                entry.unlock(&kms.decrypt(&encrypted, &entry.binding()).await?)?
            }
            (Private::Plain(der), _) => entry.unlock(&der.0)?,
            _ => unreachable!("no other key signs"),
        };
        let key = Arc::new(key);
        let mut state = self.state();
        let same = state.keys.iter_mut().find(|other| other.public == entry.public);
        same.expect("no key is forgotten").unlocked = Some(Arc::clone(&key));
        Ok(key)
    }

    async fn make(&self, region: &Region, at: Timestamp) -> Result<Arc<SigningKey>, KeyRingError> {
        let generate = Arc::clone(&self.generate);
        let key = Arc::new(off_thread(move || generate()).await?);
        let (not_before, not_after) = validity(at, self.settings.validity);
        let mut entry = Entry {
            region: region.clone(),
            not_before,
            not_after,
            public: Bytes::new(key.public().pkcs1()),
            private: Private::Plain(Bytes(key.to_pkcs8()?)),
            unlocked: Some(Arc::clone(&key)),
        };
        if let Custody::Kms(kms) = &self.settings.custody {
            entry.encrypt(kms).await?;
        }
        let fingerprint = key.public().fingerprint();
        self.change(|state| state.keys.push(entry))?;
        tracing::info!(%region, fingerprint, %not_before, %not_after, "a key that signs digests is made");
        Ok(key)
    }

    async fn encrypt_plain(&self) -> Result<(), KeyRingError> {
        let Custody::Kms(kms) = &self.settings.custody else { return Ok(()) };
        let mut keys = self.state().keys.clone();
        let is_plain = |key: &&mut Entry| matches!(key.private, Private::Plain(_));
        let mut encrypted = 0;
        for key in keys.iter_mut().filter(is_plain) {
            key.encrypt(kms).await?;
            encrypted += 1;
        }
        if encrypted > 0 {
            self.change(|state| state.keys = keys)?;
            tracing::info!(
                encrypted,
                kms_key = kms.named(),
                "keys that sign digests are encrypted"
            );
        }
        Ok(())
    }

    /// A step whose key was destroyed and whose time came back has a second one. That is kept: else a
    /// clock that jumps to and fro would make keys without end.
    fn destroy_old(&self, now: Timestamp) -> Result<(), KeyRingError> {
        let keys = self.state().keys.clone();
        let is_second = |key: &Entry| {
            let is_first = |other: &Entry| {
                matches!(other.private, Private::Destroyed)
                    && (&other.region, other.not_before) == (&key.region, key.not_before)
            };
            keys.iter().any(is_first)
        };
        let is_due = |key: &Entry| {
            !matches!(key.private, Private::Destroyed)
                && now > key.not_after.plus(OWED_MAX)
                && !is_second(key)
        };
        let due: Vec<&Bytes> =
            keys.iter().filter(|key| is_due(key)).map(|key| &key.public).collect();
        if due.is_empty() {
            return Ok(());
        }
        self.change(|state| {
            for key in state.keys.iter_mut().filter(|key| due.contains(&&key.public)) {
                (key.private, key.unlocked) = (Private::Destroyed, None);
            }
        })?;
        tracing::info!(
            destroyed = due.len(),
            "private keys that sign nothing any more are destroyed"
        );
        Ok(())
    }

    /// Changes the state, on disk first.
    fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), KeyRingError> {
        let mut state = self.state().clone();
        change(&mut state);
        file::write(&*self.disk, &state)?;
        *self.state() = state;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyRing({} keys)", self.state().keys.len())
    }
}

impl Custody {
    /// Whether private keys are kept like this one.
    fn keeps(&self, private: &Private) -> bool {
        match (self, private) {
            (Custody::Plain | Custody::NoLongerKms, Private::Plain(_)) => true,
            (Custody::Kms(kms), Private::Kms { named, .. }) => named == kms.named(),
            _ => false,
        }
    }
}

impl Entry {
    fn binding(&self) -> Binding<'_> {
        Binding { fingerprint: self.public().fingerprint(), region: &self.region }
    }

    async fn encrypt(&mut self, kms: &Kms) -> Result<(), KmsError> {
        let Private::Plain(der) = &self.private else { return Ok(()) };
        let Encrypted { arn, ciphertext } = kms.encrypt(&der.0, &self.binding()).await?;
        let ciphertext = Bytes::new(ciphertext);
        self.private = Private::Kms { named: kms.named().to_owned(), arn, ciphertext };
        Ok(())
    }
}

fn tell(entry: &Entry) -> PublishedKey {
    let Entry { not_before, not_after, .. } = *entry;
    PublishedKey { key: entry.public(), not_before, not_after }
}

/// When a key is valid that signs what ends at `at`: see the crate's drawing.
fn validity(at: Timestamp, validity: Duration) -> (Timestamp, Timestamp) {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let (validity, overlap) = (millis(validity), millis(OVERLAP.min(validity / 4)));
    let step = validity - overlap;
    let not_before = at.as_millis().div_euclid(step) * step - overlap;
    (Timestamp::from_millis(not_before), Timestamp::from_millis(not_before + validity))
}

/// Does what keeps a processor busy, away from the threads that serve.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
