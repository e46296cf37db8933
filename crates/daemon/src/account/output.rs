//! What `cairn account` prints: sentences for people, or JSON in the shapes of `aws iam` and
//! `aws sts`.
//!
//! Credentials are printed as lines for a shell, to be kept or evaluated; a comment goes before
//! them.

use std::collections::BTreeMap;
use std::fmt::Write;

use accounts::{AccessKey, Account, AccountAlias, NewKey, Owner, UserEntry, UserName};
use model::{AccountId, Timestamp};
use serde_json::{Value, json};

/// Both forms.
pub(super) struct Output {
    text: String,
    json: Value,
}

impl Output {
    pub(super) fn text(self) -> String {
        self.text
    }

    pub(super) fn json(self) -> String {
        format!("{:#}\n", self.json)
    }

    pub(super) fn done(what: String) -> Output {
        Output { json: json!({ "Message": what }), text: what + "\n" }
    }

    pub(super) fn account_created(account: &AccountId) -> Output {
        let text = format!(
            "account {account} is created; next, one of:\n  cairn account create-user {account} NAME --administrator\n  cairn account create-key {account}\n"
        );
        Output { text, json: json!({ "Account": { "Id": account } }) }
    }

    pub(super) fn user_created(
        account: &AccountId,
        user: &UserName,
        id: &str,
        now: Timestamp,
        has_policy: bool,
    ) -> Output {
        let mut text = format!("user {user} of account {account} is created; next:\n");
        if !has_policy {
            text += &format!(
                "  cairn account put-policy {account} {user} POLICY.json   (without one it may do nothing)\n"
            );
        }
        text += &format!("  cairn account create-key {account} {user}\n");
        let json = json!({ "User": {
            "Path": "/",
            "UserName": user,
            "UserId": id,
            "Arn": user_arn(account, user),
            "CreateDate": now.to_iso_seconds(),
        }});
        Output { text, json }
    }

    pub(super) fn key_created(owner: &Owner, key: NewKey, now: Timestamp) -> Output {
        let NewKey { id, secret, session } = key;
        let mut text = format!("# of {}, shown this once", shown(owner));
        if let Some((_, expires)) = &session {
            text += &format!("; until {expires}");
        }
        text += &format!("\nexport AWS_ACCESS_KEY_ID={id}\n");
        text += &format!("export AWS_SECRET_ACCESS_KEY={}\n", secret.expose());
        let json = match session {
            Some((token, expires)) => {
                text += &format!("export AWS_SESSION_TOKEN={}\n", token.expose());
                json!({ "Credentials": {
                    "AccessKeyId": id,
                    "SecretAccessKey": secret.expose(),
                    "SessionToken": token.expose(),
                    "Expiration": expires.to_iso_seconds(),
                }})
            }
            None => {
                // One of an earlier session would make the new key useless.
                text += "unset AWS_SESSION_TOKEN\n";
                let mut key = json!({
                    "AccessKeyId": id,
                    "Status": "Active",
                    "SecretAccessKey": secret.expose(),
                    "CreateDate": now.to_iso_seconds(),
                });
                if let Some(user) = &owner.user {
                    key["UserName"] = user.as_str().into();
                }
                json!({ "AccessKey": key })
            }
        };
        Output { text, json }
    }

    pub(super) fn list(accounts: &BTreeMap<AccountId, Account>) -> Output {
        let mut text = String::new();
        let mut list = Vec::new();
        for (id, account) in accounts {
            let alias = account.alias.as_ref().map_or("", AccountAlias::as_str);
            let users = account.users.len();
            let _ = writeln!(text, "{id}  {users:>4} users  {alias}");
            list.push(json!({
                "Id": id,
                "Alias": account.alias,
                "CreateDate": account.created.to_iso_seconds(),
                "Users": users,
            }));
        }
        if accounts.is_empty() {
            text += "there are no accounts; create one with: cairn account create 12DIGITS\n";
        }
        Output { text, json: json!({ "Accounts": list }) }
    }

    pub(super) fn show(id: &AccountId, account: &Account) -> Output {
        let alias = account.alias.as_ref().map(|alias| format!(", alias {alias}"));
        let mut text =
            format!("account {id}{}, created {}\n", alias.unwrap_or_default(), account.created);
        show_keys(&mut text, "root key ", &account.keys);
        for (name, user) in &account.users {
            let _ = writeln!(text, "user {name}, {}, created {}", user.id, user.created);
            for policy in user.policies.keys() {
                let _ = writeln!(text, "  policy {policy}");
            }
            show_keys(&mut text, "  key ", &user.keys);
            for (key, session) in &user.sessions {
                let _ = writeln!(text, "  session {key}, until {}", session.expires);
            }
        }
        let users: Vec<Value> =
            account.users.iter().map(|(name, user)| user_json(id, name, user)).collect();
        let json = json!({ "Account": {
            "Id": id,
            "Alias": account.alias,
            "CreateDate": account.created.to_iso_seconds(),
            "AccessKeys": keys_json(&account.keys),
            "Users": users,
        }});
        Output { text, json }
    }
}

/// Whose key it is, for people.
pub(super) fn shown(owner: &Owner) -> String {
    match &owner.user {
        None => format!("the root of account {}", owner.account),
        Some(user) => format!("user {user} of account {}", owner.account),
    }
}

fn user_arn(account: &AccountId, user: &UserName) -> String {
    format!("arn:aws:iam::{account}:user/{user}")
}

fn status(key: &AccessKey) -> &'static str {
    if key.is_active { "Active" } else { "Inactive" }
}

fn show_keys(text: &mut String, before: &str, keys: &BTreeMap<String, AccessKey>) {
    for (id, key) in keys {
        let _ = writeln!(text, "{before}{id}, {}, created {}", status(key), key.created);
    }
}

fn keys_json(keys: &BTreeMap<String, AccessKey>) -> Vec<Value> {
    let key = |(id, key): (&String, &AccessKey)| {
        json!({
            "AccessKeyId": id,
            "Status": status(key),
            "CreateDate": key.created.to_iso_seconds(),
        })
    };
    keys.iter().map(key).collect()
}

fn user_json(account: &AccountId, name: &UserName, user: &UserEntry) -> Value {
    let policies = user.policies.iter().map(|(name, text)| {
        let document: Value = serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into());
        json!({ "PolicyName": name, "PolicyDocument": document })
    });
    let sessions = user.sessions.iter().map(|(id, session)| {
        json!({ "AccessKeyId": id, "Expiration": session.expires.to_iso_seconds() })
    });
    json!({
        "UserName": name,
        "UserId": user.id,
        "Arn": user_arn(account, name),
        "CreateDate": user.created.to_iso_seconds(),
        "Policies": policies.collect::<Vec<_>>(),
        "AccessKeys": keys_json(&user.keys),
        "Sessions": sessions.collect::<Vec<_>>(),
    })
}
