//! What can go wrong with accounts: the file, its key, and changes that are refused.

use std::io;

use disk::document::DocumentError;
use model::AccountId;

use crate::file::FILE;
use crate::names::{PolicyName, UserName};
use crate::policy::InvalidPolicy;

/// Why the accounts cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The disk refused.
    #[error("{FILE}: {0}")]
    Disk(#[from] io::Error),
    /// The file is not what this version writes; it is left as it is.
    #[error("{FILE} is unreadable ({0}); restore it from a backup")]
    Unreadable(serde_json::Error),
    /// The file is not what was written; it is left as it is.
    #[error("{FILE} is damaged (its checksum does not match); restore it from a backup")]
    Damaged,
    /// The file was written by a newer version.
    #[error("{FILE} has format {0}, which this version does not read; use the newer version")]
    Newer(u32),
    /// The key's file cannot be read or made.
    #[error("{0}: {1}")]
    KeyFile(String, #[source] io::Error),
    /// The key's file holds something else.
    #[error(
        "{0} holds no key; expected 64 hexadecimal digits, as `openssl rand -hex 32` writes them"
    )]
    KeyForm(String),
    /// There are secrets, and no key.
    #[error(
        "{0} is missing, which the secrets in {FILE} are encrypted with; restore it, or say where it is by accounts_key. If it is lost, move {FILE} away and create accounts and keys anew"
    )]
    KeyMissing(String),
    /// The secrets were encrypted with another key.
    #[error("{0} is not the key that the secrets in {FILE} are encrypted with; restore that one")]
    KeyOther(String),
    /// A secret or a policy in the file is not what Cairn writes, though the checksum holds.
    #[error("{FILE}: {0}; restore it from a backup")]
    Corrupt(String),
    /// A change is refused; nothing is changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The account is there already.
    #[error("account {0} exists already")]
    AccountExists(AccountId),
    /// There is no such account.
    #[error("there is no account {0}; create it with: cairn account create {0}")]
    NoAccount(AccountId),
    /// Another account has this alias.
    #[error("account {0} has this alias; aliases are unique")]
    AliasTaken(AccountId),
    /// The user is there already.
    #[error("account {0} has a user {1} already (case does not count)")]
    UserExists(AccountId, UserName),
    /// There is no such user.
    #[error("account {0} has no user {1}; create it with: cairn account create-user {0} {1}")]
    NoUser(AccountId, UserName),
    /// There is no such policy.
    #[error("user {0} has no policy {1}; cairn account show lists them")]
    NoPolicy(UserName, PolicyName),
    /// There is no such key.
    #[error("there is no access key {0}; cairn account show lists an account's keys")]
    NoKey(String),
    /// The policy cannot be understood.
    #[error("the policy is refused: {0}")]
    Policy(#[from] InvalidPolicy),
    /// More than there may be.
    #[error("{0} has {1} {2} already, and may have no more; delete one first")]
    TooMany(String, usize, &'static str),
    /// A session would be too short or too long.
    #[error("a session lasts from 15 minutes to 36 hours")]
    Duration,
}

impl From<DocumentError> for AccountsError {
    fn from(error: DocumentError) -> AccountsError {
        match error {
            DocumentError::Disk(error) => AccountsError::Disk(error),
            DocumentError::Unreadable(error) => AccountsError::Unreadable(error),
            DocumentError::Damaged => AccountsError::Damaged,
            DocumentError::Newer { found, .. } => AccountsError::Newer(found),
        }
    }
}
