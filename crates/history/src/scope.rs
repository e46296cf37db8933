//! Whose events they are, and of what kind: what every lookup is limited to.

use std::collections::BTreeSet;

use model::{AccountId, Category, Region};
use serde::{Deserialize, Serialize};

/// What a row is filed under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The account whose history it is in.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// What kind of event it is.
    pub category: Category,
}

/// Which scopes a lookup looks at. `None` is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeFilter {
    /// These accounts.
    pub accounts: Option<BTreeSet<AccountId>>,
    /// These Regions.
    pub regions: Option<BTreeSet<Region>>,
    /// These kinds.
    pub categories: Option<BTreeSet<Category>>,
}

impl ScopeFilter {
    /// Whether a scope is meant.
    #[must_use]
    pub fn includes(&self, scope: &Scope) -> bool {
        fn is_in<T: Ord>(set: Option<&BTreeSet<T>>, one: &T) -> bool {
            set.is_none_or(|set| set.contains(one))
        }
        is_in(self.accounts.as_ref(), &scope.account)
            && is_in(self.regions.as_ref(), &scope.region)
            && is_in(self.categories.as_ref(), &scope.category)
    }
}
