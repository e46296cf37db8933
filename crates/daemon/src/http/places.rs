//! Places for what an account keeps open as long as it likes: so many, half of them for one
//! account. Who finds none is told so at once, and comes again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::AccountId;

/// Places of one kind.
#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    taken: Mutex<HashMap<AccountId, usize>>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    account: AccountId,
}

impl Places {
    /// So many.
    pub(super) fn new(max: usize) -> Arc<Places> {
        Arc::new(Places { max, taken: Mutex::default() })
    }

    /// How many are taken, and how many there are.
    pub(super) fn state(&self) -> (usize, usize) {
        (self.lock().values().sum(), self.max)
    }

    /// A place for an account, if there is one.
    pub(super) fn enter(self: &Arc<Places>, account: &AccountId) -> Option<Place> {
        let mut taken = self.lock();
        let of_account = taken.get(account).copied().unwrap_or_default();
        let all: usize = taken.values().sum();
        if all >= self.max || of_account >= self.max / 2 {
            return None;
        }
        taken.insert(account.clone(), of_account + 1);
        Some(Place { places: Arc::clone(self), account: account.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.account);
            }
        }
    }
}
