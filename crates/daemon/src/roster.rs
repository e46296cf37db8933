//! Who may call: the accounts in force, followed while `cairn account` changes them.
//!
//! A change is in force within a second. A file that cannot be read changes nothing: the accounts read
//! before hold, the log says so, and health warns until it can be read again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accounts::{Accounts, AccountsError, KeyPlace, Watch};
use disk::Disk;
use tokio::sync::watch;

use crate::config::Settings;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The accounts in force.
pub struct Roster {
    disk: Arc<dyn Disk>,
    key: KeyPlace,
    watch: Mutex<Watch>,
    accounts: watch::Sender<Arc<Accounts>>,
    trouble: watch::Sender<Option<String>>,
}

/// What health says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterState {
    /// Whether there is no account: then every call is refused.
    pub is_empty: bool,
    /// Why the file cannot be read now.
    pub trouble: Option<String>,
}

impl Roster {
    /// Reads the accounts; without a file there are none.
    pub fn open(settings: &Settings, disk: Arc<dyn Disk>) -> Result<Roster, AccountsError> {
        let mut watch = Watch::new(&settings.data_dir);
        let accounts = watch.poll(&*disk, &settings.accounts_key)?.unwrap_or_default();
        Ok(Roster {
            disk,
            key: settings.accounts_key.clone(),
            watch: Mutex::new(watch),
            accounts: watch::Sender::new(Arc::new(accounts)),
            trouble: watch::Sender::new(None),
        })
    }

    /// The accounts, now and later.
    #[must_use]
    pub fn accounts(&self) -> watch::Receiver<Arc<Accounts>> {
        self.accounts.subscribe()
    }

    /// How it fares.
    #[must_use]
    pub fn state(&self) -> RosterState {
        RosterState {
            is_empty: self.accounts.borrow().ids().next().is_none(),
            trouble: self.trouble.borrow().clone(),
        }
    }

    /// Follows the file, without end.
    pub async fn follow(self: Arc<Roster>) {
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            self.look();
        }
    }

    fn look(&self) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        match watch.poll(&*self.disk, &self.key) {
            Ok(None) if self.trouble.borrow().is_none() => {}
            // It is again as it was when it was read last.
            Ok(None) => self.mend(),
            Ok(Some(accounts)) => {
                let count = accounts.ids().count();
                self.accounts.send_replace(Arc::new(accounts));
                tracing::info!(accounts = count, "the accounts were changed");
                self.mend();
            }
            Err(error) => {
                let trouble = error.to_string();
                let is_new = self.trouble.borrow().as_ref() != Some(&trouble);
                if is_new {
                    tracing::error!(error = trouble, "the accounts read before hold");
                    self.trouble.send_replace(Some(trouble));
                }
            }
        }
    }

    fn mend(&self) {
        if self.trouble.send_replace(None).is_some() {
            tracing::info!("the accounts can be read again");
        }
    }
}
