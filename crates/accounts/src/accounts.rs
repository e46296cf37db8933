//! The accounts as the daemon uses them: an immutable snapshot, found by access key in one step.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use std::{fs, io};

use std::os::unix::fs::MetadataExt;

use disk::Disk;
use model::AccountId;

use crate::credential::{Credential, SessionProof};
use crate::error::AccountsError;
use crate::file::{self, FILE};
use crate::key::{Key, KeyPlace, Sealed, shown};
use crate::policy::{Policy, PolicyKind};
use crate::principal::{Principal, User};
use crate::secret::Secret;
use crate::state::{Account, State, UserEntry};

/// Every account and every key that may sign calls. Secrets are decrypted and in memory only.
#[derive(Debug, Default)]
pub struct Accounts {
    credentials: HashMap<String, Credential>,
    accounts: BTreeSet<AccountId>,
}

impl Accounts {
    /// Reads the accounts; without a file there are none. Takes no lock: the file is replaced as a
    /// whole.
    pub fn read(disk: &dyn Disk, key: &KeyPlace) -> Result<Accounts, AccountsError> {
        let Some(state) = file::read(disk)? else { return Ok(Accounts::default()) };
        let key = key_of(&state, key, disk)?;
        let mut accounts = Accounts::default();
        for (id, account) in &state.accounts {
            accounts.add(id, account, key.as_ref())?;
        }
        Ok(accounts)
    }

    /// The credential of an access key. Deactivated keys are not found.
    #[must_use]
    pub fn find(&self, access_key_id: &str) -> Option<&Credential> {
        self.credentials.get(access_key_id)
    }

    /// Whether the account exists.
    #[must_use]
    pub fn contains(&self, account: &AccountId) -> bool {
        self.accounts.contains(account)
    }

    /// All accounts, in order.
    pub fn ids(&self) -> impl Iterator<Item = &AccountId> {
        self.accounts.iter()
    }

    fn add(
        &mut self,
        id: &AccountId,
        account: &Account,
        key: Option<&Key>,
    ) -> Result<(), AccountsError> {
        self.accounts.insert(id.clone());
        let root = Principal { alias: account.alias.clone(), ..Principal::root(id.clone()) };
        for (key_id, entry) in account.keys.iter().filter(|(_, entry)| entry.is_active) {
            self.insert(key_id, &entry.secret, root.clone(), None, key)?;
        }
        for (name, entry) in &account.users {
            let user = User {
                name: name.clone(),
                id: entry.id.as_str().into(),
                policies: policies(entry)?,
            };
            let principal = Principal { user: Some(user), ..root.clone() };
            for (key_id, entry) in entry.keys.iter().filter(|(_, entry)| entry.is_active) {
                self.insert(key_id, &entry.secret, principal.clone(), None, key)?;
            }
            for (key_id, session) in &entry.sessions {
                let since = Some(session.created);
                let principal = Principal { session_since: since, ..principal.clone() };
                let proof = SessionProof {
                    expires: session.expires,
                    token_sha256: session.token_sha256.clone(),
                };
                self.insert(key_id, &session.secret, principal, Some(proof), key)?;
            }
        }
        Ok(())
    }

    fn insert(
        &mut self,
        key_id: &str,
        sealed: &Sealed,
        principal: Principal,
        session: Option<SessionProof>,
        key: Option<&Key>,
    ) -> Result<(), AccountsError> {
        let corrupt = || AccountsError::Corrupt(format!("the secret of {key_id} is damaged"));
        let secret: Secret = key.and_then(|key| key.open(key_id, sealed)).ok_or_else(corrupt)?;
        let access_key_id = key_id.to_owned();
        let credential = Credential { access_key_id, secret, principal, session };
        self.credentials.insert(key_id.to_owned(), credential);
        Ok(())
    }
}

/// The key of a state that has secrets.
pub(crate) fn key_of(
    state: &State,
    place: &KeyPlace,
    disk: &dyn Disk,
) -> Result<Option<Key>, AccountsError> {
    let Some(id) = &state.key_id else { return Ok(None) };
    match Key::read(place, disk)? {
        None => Err(AccountsError::KeyMissing(shown(place))),
        Some(key) if key.id() != id => Err(AccountsError::KeyOther(shown(place))),
        Some(key) => Ok(Some(key)),
    }
}

fn policies(user: &UserEntry) -> Result<Arc<[Policy]>, AccountsError> {
    let parsed = user.policies.iter().map(|(name, text)| {
        Policy::parse(text, PolicyKind::Identity)
            .map_err(|error| AccountsError::Corrupt(format!("policy {name}: {error}")))
    });
    parsed.collect()
}

/// Follows the file while others change it.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    seen: Option<Stamp>,
}

/// By what a replaced file is told from the one before: each has its own inode and time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size_bytes: u64,
    modified: SystemTime,
}

impl Watch {
    /// Begins with nothing seen: what is there counts as changed.
    #[must_use]
    pub fn new(data_dir: &Path) -> Watch {
        Watch { path: data_dir.join(FILE), seen: None }
    }

    /// The accounts, if the file changed since the last call that answered `Ok`; one `stat` if not.
    pub fn poll(
        &mut self,
        disk: &dyn Disk,
        key: &KeyPlace,
    ) -> Result<Option<Accounts>, AccountsError> {
        // Taken before reading: a change in between is seen the next time.
        let stamp = stamp(&self.path)?;
        if stamp == self.seen {
            return Ok(None);
        }
        let accounts = Accounts::read(disk, key)?;
        self.seen = stamp;
        Ok(Some(accounts))
    }
}

fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(Stamp {
            inode: found.ino(),
            size_bytes: found.len(),
            modified: found.modified()?,
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
