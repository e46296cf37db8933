//! `cairn account`: accounts, users, access keys and policies, changed also while a daemon runs.

mod output;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use accounts::{AccountAlias, AccountsError, Owner, POLICY_BYTES_MAX, PolicyName, Store, UserName};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use model::AccountId;

use self::output::Output;
use crate::cli::Verdict;
use crate::config::{Flags, Settings, parse_duration};
use crate::serve::{entropy, wall_clock};

/// What `--administrator` gives: all actions on all resources of the account.
const ADMINISTRATOR: (&str, &str) = (
    "AdministratorAccess",
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
);

/// Flags of `cairn account`.
#[derive(Debug, Args)]
pub struct Account {
    #[command(subcommand)]
    change: Change,
    /// The configuration file of the daemon
    #[arg(long, value_name = "FILE", env = "CAIRN_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// The data directory of the daemon
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<String>,
    /// The key that secrets are encrypted with [default: accounts.key in the data directory]
    #[arg(long, value_name = "FILE", global = true)]
    accounts_key: Option<String>,
    /// Print the result as JSON, in the shapes of `aws iam` and `aws sts`
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Create an account
    Create {
        /// 12 digits
        account: AccountId,
        /// Its alias, which records show as the name of its root
        #[arg(long)]
        alias: Option<AccountAlias>,
    },
    /// List the accounts
    List,
    /// Show an account's users, keys and policies, without secrets
    Show {
        /// 12 digits
        account: AccountId,
    },
    /// Delete an account with its users and keys; trails and events stay
    Delete {
        /// 12 digits
        account: AccountId,
    },
    /// Create a user
    CreateUser {
        /// 12 digits
        account: AccountId,
        /// 1 to 64 letters, digits and characters of +=,.@_-
        user: UserName,
        /// What it may do: a file with an IAM policy, which gets the file's name; - is stdin
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// It may do everything in its account
        #[arg(long, conflicts_with = "policy")]
        administrator: bool,
    },
    /// Delete a user with its keys, sessions and policies
    DeleteUser {
        /// 12 digits
        account: AccountId,
        /// The user's name
        user: UserName,
    },
    /// Give a user an inline policy, in place of one of that name
    PutPolicy {
        /// 12 digits
        account: AccountId,
        /// The user's name
        user: UserName,
        /// A file with an IAM policy; - is stdin
        file: PathBuf,
        /// The policy's name [default: the file's]
        #[arg(long)]
        name: Option<PolicyName>,
    },
    /// Take an inline policy from a user
    DeletePolicy {
        /// 12 digits
        account: AccountId,
        /// The user's name
        user: UserName,
        /// The policy's name
        name: PolicyName,
    },
    /// Create an access key and show its secret, once
    CreateKey {
        /// 12 digits
        account: AccountId,
        /// The user; without one the key is the root's, which may do everything in its account
        user: Option<UserName>,
    },
    /// Take an access key out of use
    DeactivateKey {
        /// AKIA…
        key: String,
    },
    /// Put an access key to use again
    ActivateKey {
        /// AKIA…
        key: String,
    },
    /// Delete an access key, or end a session
    DeleteKey {
        /// AKIA… or ASIA…
        key: String,
    },
    /// Create temporary credentials of a user and show them, once
    CreateSession {
        /// 12 digits
        account: AccountId,
        /// The user's name
        user: UserName,
        /// How long they last, from 15m to 36h
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
        duration: Duration,
    },
}

impl Account {
    /// Makes the change, or shows what there is.
    pub fn run(self) -> anyhow::Result<Verdict> {
        let flags =
            Flags { data_dir: self.data_dir, accounts_key: self.accounts_key, ..Flags::default() };
        let settings = Settings::load(self.config.as_deref(), std::env::vars_os(), &flags)?;
        if !matches!(self.change, Change::Create { .. }) && !settings.data_dir.is_dir() {
            let directory = settings.data_dir.display();
            bail!("{directory} is no data directory; name the daemon's by --config or --data-dir");
        }
        let store = Store::open(&settings.data_dir, settings.accounts_key);
        let made =
            store.map_err(anyhow::Error::from).and_then(|mut store| make(&mut store, self.change));
        match made {
            Ok(output) => {
                let text = if self.json { output.json() } else { output.text() };
                write!(std::io::stdout(), "{text}")?;
                Ok(Verdict::Good)
            }
            Err(error) => match error.downcast_ref() {
                Some(AccountsError::Refused(refusal)) => {
                    writeln!(std::io::stderr(), "cairn: {refusal}")?;
                    Ok(Verdict::Bad)
                }
                _ => Err(error),
            },
        }
    }
}

fn make(store: &mut Store, change: Change) -> anyhow::Result<Output> {
    let now = wall_clock();
    Ok(match change {
        Change::Create { account, alias } => {
            store.create_account(&account, alias, now)?;
            Output::account_created(&account)
        }
        Change::List => Output::list(store.accounts()),
        Change::Show { account } => {
            Output::show(&account, store.account(&account).map_err(AccountsError::from)?)
        }
        Change::Delete { account } => {
            store.delete_account(&account, now)?;
            Output::done(format!("account {account} is deleted"))
        }
        Change::CreateUser { account, user, policy, administrator } => {
            let policy = match policy {
                Some(file) => Some((name_of(&file)?, read_policy(&file)?)),
                None if administrator => {
                    let (name, text) = ADMINISTRATOR;
                    Some((name.parse().expect("it is a policy's name"), text.to_owned()))
                }
                None => None,
            };
            let has_policy = policy.is_some();
            let id = store.create_user(&account, &user, policy, now, &entropy)?;
            Output::user_created(&account, &user, &id, now, has_policy)
        }
        Change::DeleteUser { account, user } => {
            store.delete_user(&account, &user, now)?;
            Output::done(format!("user {user} of account {account} is deleted"))
        }
        Change::PutPolicy { account, user, file, name } => {
            let name = name.map_or_else(|| name_of(&file), Ok)?;
            store.put_policy(&account, &user, &name, &read_policy(&file)?, now)?;
            Output::done(format!("user {user} of account {account} has the policy {name}"))
        }
        Change::DeletePolicy { account, user, name } => {
            store.delete_policy(&account, &user, &name, now)?;
            Output::done(format!(
                "user {user} of account {account} no longer has the policy {name}"
            ))
        }
        Change::CreateKey { account, user } => {
            let owner = Owner { account, user };
            let key = store.create_key(&owner, now, &entropy)?;
            Output::key_created(&owner, key, now)
        }
        Change::DeactivateKey { key } => {
            let owner = store.set_key_active(&key, false, now)?;
            Output::done(format!("access key {key} of {} is out of use", output::shown(&owner)))
        }
        Change::ActivateKey { key } => {
            let owner = store.set_key_active(&key, true, now)?;
            Output::done(format!("access key {key} of {} is in use", output::shown(&owner)))
        }
        Change::DeleteKey { key } => {
            let owner = store.delete_key(&key, now)?;
            Output::done(format!("access key {key} of {} is deleted", output::shown(&owner)))
        }
        Change::CreateSession { account, user, duration } => {
            let key = store.create_session(&account, &user, duration, now, &entropy)?;
            Output::key_created(&Owner { account, user: Some(user) }, key, now)
        }
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration with its unit, such as 1h".into())
}

/// The policy that a file is called by.
fn name_of(file: &Path) -> anyhow::Result<PolicyName> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let stem = if stem == "-" { "stdin" } else { stem };
    stem.parse().with_context(|| {
        format!(
            "{}: its name cannot be the policy's; say which by put-policy --name",
            file.display()
        )
    })
}

fn read_policy(file: &Path) -> anyhow::Result<String> {
    // One byte more than there may be: what is longer is refused as such.
    let bytes_max = POLICY_BYTES_MAX as u64 + 1;
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().take(bytes_max).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(file);
        file.and_then(|file| file.take(bytes_max).read_to_string(&mut text))
    };
    read.with_context(|| file.display().to_string())?;
    Ok(text)
}
