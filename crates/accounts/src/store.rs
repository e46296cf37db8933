//! Changing accounts, also while a daemon runs.
//!
//! A change is made on a copy, written, and in force when the file is replaced: a crash leaves what
//! was before or what is after. Whoever changes holds a lock of its own (`accounts.lock`), never
//! the daemon's, and waits for another that does. A secret is given out once, by the change that
//! draws it.
//!
//! Limits: two access keys for a root and for each user, as in AWS; ten inline policies for a user.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use disk::{Disk, RealDisk};
use model::{AccountId, Timestamp};

use crate::accounts::key_of;
use crate::credential::token_sha256;
use crate::draw::{self, Entropy};
use crate::error::{AccountsError, Refusal};
use crate::file;
use crate::key::{Key, KeyPlace};
use crate::names::{AccountAlias, PolicyName, UserName};
use crate::policy::{Policy, PolicyKind};
use crate::secret::Secret;
use crate::state::{AccessKey, Account, Session, State, UserEntry};

/// The lock of those who change accounts, in the data directory.
pub const LOCK_FILE: &str = "accounts.lock";
/// Access keys of a root, and of a user.
pub const KEYS_MAX: usize = 2;
/// Inline policies of a user.
pub const POLICIES_MAX: usize = 10;
/// Sessions of a user at a time.
pub const SESSIONS_MAX: usize = 1000;
const SESSION_MIN: Duration = Duration::from_secs(15 * 60);
const SESSION_MAX: Duration = Duration::from_secs(36 * 60 * 60);

/// The accounts, open for changes.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    place: KeyPlace,
    state: State,
}

/// Whose access key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The account.
    pub account: AccountId,
    /// The user; `None` is the account's root.
    pub user: Option<UserName>,
}

/// An access key that was just drawn. Its secret is shown now or never.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// `AKIA…`, or `ASIA…` for a session.
    pub id: String,
    /// What calls are signed with.
    pub secret: Secret,
    /// What a session sends along, and when it ends.
    pub session: Option<(Secret, Timestamp)>,
}

impl Store {
    /// Opens the accounts of a data directory for changes, and waits for whoever has them open.
    pub fn open(data_dir: &Path, key: KeyPlace) -> Result<Store, AccountsError> {
        Store::on(Arc::new(RealDisk::open_beside(data_dir, LOCK_FILE)?), key)
    }

    /// Opens them on a disk that the caller has locked.
    pub fn on(disk: Arc<dyn Disk>, key: KeyPlace) -> Result<Store, AccountsError> {
        let state = file::read(&*disk)?.unwrap_or_default();
        Ok(Store { disk, place: key, state })
    }

    /// All accounts.
    #[must_use]
    pub fn accounts(&self) -> &BTreeMap<AccountId, Account> {
        &self.state.accounts
    }

    /// One account.
    pub fn account(&self, id: &AccountId) -> Result<&Account, Refusal> {
        self.state.accounts.get(id).ok_or_else(|| Refusal::NoAccount(id.clone()))
    }

    /// Creates an account without users and keys.
    pub fn create_account(
        &mut self,
        id: &AccountId,
        alias: Option<AccountAlias>,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        self.change(now, |state| {
            if state.accounts.contains_key(id) {
                return Err(Refusal::AccountExists(id.clone()));
            }
            let has_alias =
                |other: &&AccountId| alias.is_some() && state.accounts[*other].alias == alias;
            if let Some(other) = state.accounts.keys().find(has_alias) {
                return Err(Refusal::AliasTaken(other.clone()));
            }
            let (keys, users) = (BTreeMap::new(), BTreeMap::new());
            state.accounts.insert(id.clone(), Account { alias, created: now, keys, users });
            Ok(())
        })
    }

    /// Deletes an account with its users and keys.
    pub fn delete_account(&mut self, id: &AccountId, now: Timestamp) -> Result<(), AccountsError> {
        self.change(now, |state| {
            state.accounts.remove(id).map(drop).ok_or_else(|| Refusal::NoAccount(id.clone()))
        })
    }

    /// Creates a user, who may do what the policy allows; gives its id.
    pub fn create_user(
        &mut self,
        account: &AccountId,
        name: &UserName,
        policy: Option<(PolicyName, String)>,
        now: Timestamp,
        entropy: Entropy<'_>,
    ) -> Result<String, AccountsError> {
        if let Some((_, text)) = &policy {
            Policy::parse(text, PolicyKind::Identity).map_err(Refusal::from)?;
        }
        let id = draw::user_id(entropy);
        self.change(now, |state| {
            let users = &mut account_mut(state, account)?.users;
            let is_same = |other: &&UserName| other.as_str().eq_ignore_ascii_case(name.as_str());
            if let Some(other) = users.keys().find(is_same) {
                return Err(Refusal::UserExists(account.clone(), other.clone()));
            }
            let user = UserEntry {
                id: id.clone(),
                created: now,
                policies: policy.into_iter().collect(),
                keys: BTreeMap::new(),
                sessions: BTreeMap::new(),
            };
            users.insert(name.clone(), user);
            Ok(())
        })?;
        Ok(id)
    }

    /// Deletes a user with its keys, sessions and policies.
    pub fn delete_user(
        &mut self,
        account: &AccountId,
        name: &UserName,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        self.change(now, |state| {
            let removed = account_mut(state, account)?.users.remove(name);
            removed.map(drop).ok_or_else(|| Refusal::NoUser(account.clone(), name.clone()))
        })
    }

    /// Gives a user an inline policy, in place of one of that name.
    pub fn put_policy(
        &mut self,
        account: &AccountId,
        user: &UserName,
        name: &PolicyName,
        text: &str,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        Policy::parse(text, PolicyKind::Identity).map_err(Refusal::from)?;
        self.change(now, |state| {
            let policies = &mut user_mut(state, account, user)?.policies;
            if !policies.contains_key(name) && policies.len() >= POLICIES_MAX {
                return Err(Refusal::TooMany(user.to_string(), POLICIES_MAX, "policies"));
            }
            policies.insert(name.clone(), text.to_owned());
            Ok(())
        })
    }

    /// Takes an inline policy from a user.
    pub fn delete_policy(
        &mut self,
        account: &AccountId,
        user: &UserName,
        name: &PolicyName,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        self.change(now, |state| {
            let removed = user_mut(state, account, user)?.policies.remove(name);
            removed.map(drop).ok_or_else(|| Refusal::NoPolicy(user.clone(), name.clone()))
        })
    }

    /// Draws an access key.
    pub fn create_key(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        entropy: Entropy<'_>,
    ) -> Result<NewKey, AccountsError> {
        let (id, secret) = (draw::access_key_id(entropy), draw::secret(entropy));
        // Refused before a key to encrypt with is made.
        keys_with_room(&mut self.state.clone(), owner)?;
        let key = self.key(entropy)?;
        let sealed = key.seal(&id, &secret, entropy);
        self.change(now, |state| {
            state.key_id = Some(key.id().to_owned());
            let entry = AccessKey { created: now, is_active: true, secret: sealed };
            keys_with_room(state, owner)?.insert(id.clone(), entry);
            Ok(())
        })?;
        Ok(NewKey { id, secret, session: None })
    }

    /// Lets an access key sign calls, or no longer.
    pub fn set_key_active(
        &mut self,
        id: &str,
        is_active: bool,
        now: Timestamp,
    ) -> Result<Owner, AccountsError> {
        self.change(now, |state| {
            let (owner, keys) = owner_of(state, id)?;
            let no_key = || Refusal::NoKey(id.to_owned());
            keys.get_mut(id).ok_or_else(no_key)?.is_active = is_active;
            Ok(owner)
        })
    }

    /// Deletes an access key, or ends a session.
    pub fn delete_key(&mut self, id: &str, now: Timestamp) -> Result<Owner, AccountsError> {
        self.change(now, |state| {
            for (account, entry) in &mut state.accounts {
                for (name, user) in &mut entry.users {
                    if user.sessions.remove(id).is_some() {
                        return Ok(Owner { account: account.clone(), user: Some(name.clone()) });
                    }
                }
            }
            let (owner, keys) = owner_of(state, id)?;
            keys.remove(id);
            Ok(owner)
        })
    }

    /// Draws temporary credentials of a user.
    pub fn create_session(
        &mut self,
        account: &AccountId,
        user: &UserName,
        lasts: Duration,
        now: Timestamp,
        entropy: Entropy<'_>,
    ) -> Result<NewKey, AccountsError> {
        if !(SESSION_MIN..=SESSION_MAX).contains(&lasts) {
            return Err(Refusal::Duration.into());
        }
        user_mut(&mut self.state.clone(), account, user)?;
        let (id, secret) = (draw::session_key_id(entropy), draw::secret(entropy));
        let (token, expires) = (draw::session_token(entropy), now.plus(lasts));
        let key = self.key(entropy)?;
        let session = Session {
            created: now,
            expires,
            secret: key.seal(&id, &secret, entropy),
            token_sha256: token_sha256(token.expose()),
        };
        self.change(now, |state| {
            state.key_id = Some(key.id().to_owned());
            let sessions = &mut user_mut(state, account, user)?.sessions;
            if sessions.len() >= SESSIONS_MAX {
                return Err(Refusal::TooMany(user.to_string(), SESSIONS_MAX, "sessions"));
            }
            sessions.insert(id.clone(), session);
            Ok(())
        })?;
        Ok(NewKey { id, secret, session: Some((token, expires)) })
    }

    /// The key that secrets are encrypted with; drawn when there is none yet.
    fn key(&self, entropy: Entropy<'_>) -> Result<Key, AccountsError> {
        if let Some(key) = key_of(&self.state, &self.place, &*self.disk)? {
            return Ok(key);
        }
        match Key::read(&self.place, &*self.disk)? {
            Some(key) => Ok(key),
            None => Key::create(&self.place, &*self.disk, entropy),
        }
    }

    /// Makes a change on a copy and writes it; sessions that are over go with it.
    fn change<T>(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&mut State) -> Result<T, Refusal>,
    ) -> Result<T, AccountsError> {
        let mut state = self.state.clone();
        let users = state.accounts.values_mut().flat_map(|account| account.users.values_mut());
        users.for_each(|user| user.sessions.retain(|_, session| now < session.expires));
        let done = change(&mut state)?;
        state.version += 1;
        file::write(&*self.disk, &state)?;
        self.state = state;
        Ok(done)
    }
}

fn account_mut<'a>(state: &'a mut State, id: &AccountId) -> Result<&'a mut Account, Refusal> {
    state.accounts.get_mut(id).ok_or_else(|| Refusal::NoAccount(id.clone()))
}

fn user_mut<'a>(
    state: &'a mut State,
    account: &AccountId,
    name: &UserName,
) -> Result<&'a mut UserEntry, Refusal> {
    let user = account_mut(state, account)?.users.get_mut(name);
    user.ok_or_else(|| Refusal::NoUser(account.clone(), name.clone()))
}

fn keys_with_room<'a>(
    state: &'a mut State,
    owner: &Owner,
) -> Result<&'a mut BTreeMap<String, AccessKey>, Refusal> {
    let (keys, name) = match &owner.user {
        None => (&mut account_mut(state, &owner.account)?.keys, "the root".to_owned()),
        Some(user) => (&mut user_mut(state, &owner.account, user)?.keys, user.to_string()),
    };
    if keys.len() >= KEYS_MAX {
        return Err(Refusal::TooMany(name, KEYS_MAX, "access keys"));
    }
    Ok(keys)
}

fn owner_of<'a>(
    state: &'a mut State,
    key_id: &str,
) -> Result<(Owner, &'a mut BTreeMap<String, AccessKey>), Refusal> {
    for (id, account) in &mut state.accounts {
        if account.keys.contains_key(key_id) {
            return Ok((Owner { account: id.clone(), user: None }, &mut account.keys));
        }
        for (name, user) in &mut account.users {
            if user.keys.contains_key(key_id) {
                let owner = Owner { account: id.clone(), user: Some(name.clone()) };
                return Ok((owner, &mut user.keys));
            }
        }
    }
    Err(Refusal::NoKey(key_id.to_owned()))
}
