//! Who calls: an account's root, or a user of it; and how records name the caller.
//!
//! A principal is small and complete: it carries the policies that were in force when the caller
//! was authenticated, so that judging a call needs no second look at the accounts. The root of any
//! account can be made without any accounts, as the mode `localstack` does.
//!
//! Sources: IAM User Guide, "IAM identifiers"; CloudTrail User Guide, "CloudTrail userIdentity
//! element".

use std::sync::Arc;

use model::{AccountId, Timestamp};
use serde_json::{Value, json};

use crate::names::{AccountAlias, UserName};
use crate::policy::Policy;

/// Who calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// The account that it belongs to.
    pub account: AccountId,
    /// That account's alias.
    pub alias: Option<AccountAlias>,
    /// The user; `None` is the account's root.
    pub user: Option<User>,
    /// When the credentials of a session were issued; `None` for access keys that stay.
    pub session_since: Option<Timestamp>,
}

/// A user as a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Its name.
    pub name: UserName,
    /// Its unique id, `AIDA…`.
    pub id: Arc<str>,
    /// Its inline policies, in the order of their names.
    pub policies: Arc<[Policy]>,
}

impl Principal {
    /// The root of an account, which needs no entry among the accounts.
    #[must_use]
    pub fn root(account: AccountId) -> Principal {
        Principal { account, alias: None, user: None, session_since: None }
    }

    /// `arn:aws:iam::ACCOUNT:root` or `arn:aws:iam::ACCOUNT:user/NAME`. A session has its user's.
    #[must_use]
    pub fn arn(&self) -> String {
        match &self.user {
            None => format!("arn:aws:iam::{}:root", self.account),
            Some(user) => format!("arn:aws:iam::{}:user/{}", self.account, user.name),
        }
    }

    /// The unique id: the account's number for its root, `AIDA…` for a user.
    #[must_use]
    pub fn id(&self) -> &str {
        self.user.as_ref().map_or(self.account.as_str(), |user| &user.id)
    }

    /// A record's `userIdentity` for a call that was signed with this access key.
    #[must_use]
    pub fn user_identity(&self, access_key_id: &str) -> Value {
        let name = match &self.user {
            Some(user) => Some(user.name.as_str()),
            None => self.alias.as_ref().map(AccountAlias::as_str),
        };
        let mut identity = json!({
            "type": if self.user.is_some() { "IAMUser" } else { "Root" },
            "principalId": self.id(),
            "arn": self.arn(),
            "accountId": self.account,
            "accessKeyId": access_key_id,
        });
        if let Some(name) = name {
            identity["userName"] = name.into();
        }
        if let Some(since) = self.session_since {
            identity["sessionContext"] = json!({
                "attributes": {
                    "creationDate": since.to_iso_seconds(),
                    "mfaAuthenticated": "false",
                },
            });
        }
        identity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Principal {
        let user = User {
            name: "amy".parse().unwrap(),
            id: "AIDAABCDEFGHIJKLMNOPQ".into(),
            policies: Arc::new([]),
        };
        Principal { user: Some(user), ..Principal::root("111111111111".parse().unwrap()) }
    }

    #[test]
    fn records_name_root_users_and_their_sessions_as_cloudtrail_does() {
        let root = Principal::root("111111111111".parse().unwrap());
        let expected = json!({
            "type": "Root", "principalId": "111111111111", "arn": "arn:aws:iam::111111111111:root",
            "accountId": "111111111111", "accessKeyId": "AKIA1",
        });
        assert_eq!(root.user_identity("AKIA1"), expected);
        let named = Principal { alias: Some("acme".parse().unwrap()), ..root };
        assert_eq!(named.user_identity("AKIA1")["userName"], "acme");
        let mut expected = json!({
            "type": "IAMUser", "principalId": "AIDAABCDEFGHIJKLMNOPQ",
            "arn": "arn:aws:iam::111111111111:user/amy",
            "accountId": "111111111111", "accessKeyId": "AKIA2", "userName": "amy",
        });
        assert_eq!(user().user_identity("AKIA2"), expected);
        let since = Timestamp::parse("2026-05-04T03:02:01Z");
        let session = Principal { session_since: since, ..user() };
        expected["sessionContext"] = json!({
            "attributes": { "creationDate": "2026-05-04T03:02:01Z", "mfaAuthenticated": "false" },
        });
        assert_eq!(session.user_identity("AKIA2"), expected);
    }
}
