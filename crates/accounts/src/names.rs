//! The names that an operator gives, parsed once: users, policies, account aliases.
//!
//! Sources: IAM API Reference, `UserName` of CreateUser, `PolicyName` of PutUserPolicy,
//! `AccountAlias` of CreateAccountAlias.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that IAM would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct InvalidName {
    /// The text, cut to 200 characters.
    pub found: String,
    /// What is expected, to follow "is not".
    pub expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    return Ok($name(text.to_owned()));
                }
                Err(InvalidName { found: text.chars().take(200).collect(), expected: $expected })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A user's name, unique in its account without regard to case.
    UserName,
    "a user name: 1 to 64 letters, digits and characters of +=,.@_-",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(is_name_byte)
);
name!(
    /// An inline policy's name, unique for its user.
    PolicyName,
    "a policy name: 1 to 128 letters, digits and characters of +=,.@_-",
    |text| (1..=128).contains(&text.len()) && text.bytes().all(is_name_byte)
);
name!(
    /// An account's alias: the `userName` of its root in records.
    AccountAlias,
    "an account alias: 3 to 63 lower-case letters, digits and single hyphens between them",
    |text| {
        (3..=63).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--")
    }
);

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr>(valid: &[&str], invalid: &[&str]) {
        for text in valid {
            assert!(text.parse::<T>().is_ok(), "{text:?} is valid");
        }
        for text in invalid {
            assert!(text.parse::<T>().is_err(), "{text:?} is invalid");
        }
    }

    #[test]
    fn names_follow_the_rules_of_iam() {
        let (long, too_long) = ("a".repeat(64), "a".repeat(65));
        check::<UserName>(
            &["a", "amy@example.com", "A+=,.@_-9", &long],
            &["", "a b", "a/b", "é", &too_long],
        );
        check::<PolicyName>(&["read-only", &too_long], &["", "a:b", &"a".repeat(129)]);
        check::<AccountAlias>(&["abc", "a-1-b"], &["ab", "Abc", "-abc", "abc-", "a--b", "a.b"]);
    }
}
