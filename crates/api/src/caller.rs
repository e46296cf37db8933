//! Who calls, and where: one account and one Region.

use accounts::Principal;
use model::{AccountId, Region};
use serde_json::Value;

/// The caller of a request, who is known by now.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The account that the call acts in: the principal's.
    pub account: AccountId,
    /// The Region that it acts in: that of the credential scope.
    pub region: Region,
    /// The access key that signed.
    pub access_key: String,
    /// Who it is, and what its policies allow.
    pub principal: Principal,
}

impl Caller {
    /// The caller that an access key speaks for.
    #[must_use]
    pub fn new(principal: Principal, region: Region, access_key: String) -> Caller {
        Caller { account: principal.account.clone(), region, access_key, principal }
    }

    /// The root of an account.
    #[must_use]
    pub fn root(account: AccountId, region: Region, access_key: String) -> Caller {
        Caller::new(Principal::root(account), region, access_key)
    }

    /// `userIdentity` of the call's record.
    #[must_use]
    pub fn user_identity(&self) -> Value {
        self.principal.user_identity(&self.access_key)
    }
}
