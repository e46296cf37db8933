//! What is kept of accounts, users, keys and policies, as `accounts.json` has it.

use std::collections::BTreeMap;

use model::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::key::Sealed;
use crate::names::{AccountAlias, PolicyName, UserName};

/// All accounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Grows with each change.
    pub(crate) version: u64,
    /// Tells the key that the secrets are encrypted with; absent before the first one.
    pub(crate) key_id: Option<String>,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Its alias.
    pub alias: Option<AccountAlias>,
    /// When it was created.
    pub created: Timestamp,
    /// The access keys of its root, by their ids.
    pub keys: BTreeMap<String, AccessKey>,
    /// Its users.
    pub users: BTreeMap<UserName, UserEntry>,
}

/// A user of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserEntry {
    /// Its unique id, `AIDA…`: another one when a user of the same name is created later.
    pub id: String,
    /// When it was created.
    pub created: Timestamp,
    /// The texts of its inline policies.
    pub policies: BTreeMap<PolicyName, String>,
    /// Its access keys, by their ids.
    pub keys: BTreeMap<String, AccessKey>,
    /// Its sessions, by the ids of their access keys.
    pub sessions: BTreeMap<String, Session>,
}

/// An access key; its secret is encrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    /// When it was created.
    pub created: Timestamp,
    /// Whether calls that it signs are taken.
    pub is_active: bool,
    pub(crate) secret: Sealed,
}

/// Temporary credentials; their secret is encrypted, their token hashed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// When they were issued.
    pub created: Timestamp,
    /// When they end.
    pub expires: Timestamp,
    pub(crate) secret: Sealed,
    /// SHA-256, in base64.
    pub(crate) token_sha256: String,
}
