//! Who may call Cairn, and what they may do.
//!
//! The idea: two files and one function. `accounts.json` holds accounts, users, their policies and
//! their keys, whose secrets are encrypted with `accounts.key`; [`authorize()`] judges a call by the
//! caller's policies and the resource's own.
//!
//! ```text
//!   cairn account ─► Store ─► accounts.json ─► Watch ─► Accounts ─ find(access key) ─► Credential
//!                      └ seals with accounts.key ┘                                        │
//!                                                               Principal, its policies ◄─┘
//!                                      action, resource, context ─► authorize ─► Decision
//! ```
//!
//! What always holds: the file holds no secret in the clear, and the hash of session tokens only; a
//! change is durable when it returns and atomic whatever happens; an [`Accounts`] that was given
//! out never changes; a policy grants nothing that it does not name, and what one denies no other
//! allows.
//!
//! Time and randomness are passed in. What fails: [`AccountsError`], for each a sentence that says
//! what to do.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accounts;
mod authorize;
mod credential;
mod draw;
mod error;
mod file;
mod key;
mod names;
pub mod policy;
mod principal;
mod secret;
mod state;
mod store;

pub use accounts::{Accounts, Watch};
pub use authorize::{Decision, Denial, authorize};
pub use credential::{Credential, TokenRefused};
pub use draw::Entropy;
pub use error::{AccountsError, Refusal};
pub use file::FILE;
pub use key::{KEY_FILE, KeyPlace};
pub use names::{AccountAlias, InvalidName, PolicyName, UserName};
pub use policy::{Call, Context, InvalidPolicy, POLICY_BYTES_MAX, Policy, PolicyKind};
pub use principal::{Principal, User};
pub use secret::Secret;
pub use state::{AccessKey, Account, Session, UserEntry};
pub use store::{KEYS_MAX, LOCK_FILE, NewKey, Owner, POLICIES_MAX, SESSIONS_MAX, Store};
