//! Whose events a caller sees: one rule for lookups, downloads and tails, however callers prove who
//! they are.
//!
//! | asked for | is shown to |
//! | --- | --- |
//! | the caller's own account | every caller whose account is served |
//! | other accounts | who administers the organization, if they are of it |
//! | all | who administers the organization: those of it |
//!
//! Who may write for an account may read what it wrote ([`Definitions::may_send`]). An account that
//! is not served any more sees nothing, not even its own; what it left behind is there for its
//! organization.

use std::collections::BTreeSet;

use model::AccountId;
use serde_json::{Value, json};
use trails::Definitions;

use crate::authorize::ACCESS_DENIED;
use crate::caller::Caller;
use crate::exception::Exception;

/// Which of several are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Named<T> {
    /// Nothing is said of it.
    #[default]
    Unsaid,
    /// All there are.
    All,
    /// These.
    These(BTreeSet<T>),
}

impl<T: Ord + Clone> Named<T> {
    /// As a filter, `None` is all; this one where nothing is said.
    #[must_use]
    pub fn or(&self, own: &T) -> Option<BTreeSet<T>> {
        match self {
            Named::Unsaid => Some(BTreeSet::from([own.clone()])),
            _ => self.or_all(),
        }
    }

    /// As a filter, `None` is all, also where nothing is said.
    #[must_use]
    pub fn or_all(&self) -> Option<BTreeSet<T>> {
        match self {
            Named::Unsaid | Named::All => None,
            Named::These(these) => Some(these.clone()),
        }
    }

    /// As a member of LookupEvents; none where nothing is said.
    #[must_use]
    pub fn words<'a>(&'a self, word: impl Fn(&'a T) -> &'a str) -> Option<Value> {
        match self {
            Named::Unsaid => None,
            Named::All => Some(json!(["ALL"])),
            Named::These(these) => Some(these.iter().map(word).collect()),
        }
    }
}

/// The accounts whose events a caller is shown of those that it asks for.
///
/// # Errors
/// `AccessDeniedException`, when it may not see one of them.
pub fn accounts(
    caller: &Caller,
    asked: &Named<AccountId>,
    definitions: &Definitions,
) -> Result<BTreeSet<AccountId>, Exception> {
    let own = &caller.account;
    if !definitions.serves(own) {
        let message = format!("account {own} is not served here");
        return Err(Exception::new(ACCESS_DENIED, message));
    }
    let may_see = |account: &AccountId| definitions.may_send(own, account);
    match asked {
        Named::Unsaid => Ok([own.clone()].into()),
        Named::These(accounts) => match accounts.iter().find(|account| !may_see(account)) {
            Some(other) => Err(denied(caller, &format!("account {other}"))),
            None => Ok(accounts.clone()),
        },
        Named::All => {
            let organization = definitions.organization.as_ref();
            let organization = organization.filter(|one| may_see(&one.management_account));
            let organization = organization.ok_or_else(|| denied(caller, "all accounts"))?;
            let members = organization.members.iter().chain([&organization.management_account]);
            Ok(members.cloned().collect())
        }
    }
}

fn denied(caller: &Caller, whose: &str) -> Exception {
    let message = format!(
        "User: {} is not authorized to perform: cloudtrail:LookupEvents on the events of {whose}: only \
         the management account of an organization and its delegated administrators see events of its \
         other accounts",
        caller.principal.arn()
    );
    Exception::new(ACCESS_DENIED, message)
}

#[cfg(test)]
mod tests {
    use trails::Organization;

    use super::*;

    /// The account of a digit.
    fn account(digit: u8) -> AccountId {
        digit.to_string().repeat(12).parse().unwrap()
    }

    fn these(digits: &[u8]) -> Named<AccountId> {
        Named::These(digits.iter().copied().map(account).collect())
    }

    /// 1 manages the organization, 2 is its delegated administrator, 3 a member; 9 is a stranger.
    fn organized() -> Definitions {
        Definitions {
            organization: Some(Organization {
                id: "o-abc123defg".parse().unwrap(),
                management_account: account(1),
                members: vec![account(2), account(3)],
            }),
            delegated_administrators: vec![account(2)],
            ..Definitions::default()
        }
    }

    fn check(definitions: &Definitions, caller: u8, asked: &Named<AccountId>, seen: Option<&[u8]>) {
        let region = "us-east-1".parse().unwrap();
        let caller = Caller::root(account(caller), region, "KEY".into());
        let found = accounts(&caller, asked, definitions);
        let seen = seen.map(|seen| seen.iter().copied().map(account).collect::<BTreeSet<_>>());
        let found = found.map_err(|exception| exception.code);
        assert_eq!(found, seen.ok_or(ACCESS_DENIED), "{} asks for {asked:?}", caller.account);
    }

    #[test]
    fn who_administers_the_organization_sees_its_accounts_and_others_see_their_own() {
        let of_all: &[u8] = &[1, 2, 3];
        for (caller, asked, seen) in [
            (1, Named::Unsaid, Some(&[1][..])),
            (1, Named::All, Some(of_all)),
            (1, these(&[3]), Some(&[3])),
            (1, these(&[1, 2]), Some(&[1, 2])),
            (1, these(&[9]), None),
            (1, these(&[3, 9]), None),
            (2, Named::Unsaid, Some(&[2])),
            (2, Named::All, Some(of_all)),
            (2, these(&[1, 3]), Some(&[1, 3])),
            (2, these(&[9]), None),
            (3, Named::Unsaid, Some(&[3])),
            (3, these(&[3]), Some(&[3])),
            (3, these(&[1]), None),
            (3, Named::All, None),
            (9, Named::Unsaid, Some(&[9])),
            (9, these(&[9]), Some(&[9])),
            (9, these(&[3]), None),
            (9, Named::All, None),
        ] {
            check(&organized(), caller, &asked, seen);
        }
    }

    #[test]
    fn without_an_organization_all_see_their_own() {
        let alone = Definitions::default();
        check(&alone, 1, &Named::Unsaid, Some(&[1]));
        check(&alone, 1, &these(&[1]), Some(&[1]));
        check(&alone, 1, &these(&[2]), None);
        check(&alone, 1, &Named::All, None);
    }

    #[test]
    fn who_is_not_served_sees_nothing_and_its_organization_sees_what_it_left() {
        let some = Definitions { accounts: vec![account(1)], ..organized() };
        for asked in [Named::Unsaid, Named::All, these(&[2])] {
            check(&some, 2, &asked, None);
        }
        check(&some, 1, &these(&[2]), Some(&[2]));
        check(&some, 1, &Named::All, Some(&[1, 2, 3]));
    }
}
