//! A term of a filter, as people write it: `field=value` or `field!=value`.
//!
//! | term | holds for events |
//! | --- | --- |
//! | `eventName=DeleteUser` | of this name |
//! | `eventName=Delete*,*Put*` | whose name begins so, or has that in it |
//! | `errorCode=*` | that have any |
//! | `errorCode!=*` | that have none |
//! | `eventSource!=kms,sts` | of neither; also those that have no source |
//!
//! A field may have several values (`resources.ARN`): one that fits makes `=` hold, and `!=` not.

use std::str::FromStr;

use crate::field::{Field, Found, InvalidField};
use crate::line::Subject;
use crate::pattern::Pattern;

/// Most values of a term.
pub const VALUES_MAX: usize = 500;
/// Most characters of a value.
pub const VALUE_CHARACTERS_MAX: usize = 2048;

/// A term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    field: Field,
    is_negative: bool,
    values: Vec<Pattern>,
}

/// Text that is no term.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTerm {
    /// It compares nothing.
    #[error("{0:?} compares nothing: write FIELD=VALUE or FIELD!=VALUE, such as eventName=Delete*")]
    NoComparison(String),
    /// One of the values is empty.
    #[error(
        "field {field:?} has an empty value: {field}!=* is true of events without it, and \\, is a comma in a value"
    )]
    EmptyValue {
        /// The field.
        field: String,
    },
    /// Two equals signs.
    #[error("field {field:?} is compared by ==: write {field}={value}")]
    Doubled {
        /// The field.
        field: String,
        /// The value.
        value: String,
    },
    /// Too many values.
    #[error("field {field:?} has {count} values; at most {VALUES_MAX} are allowed")]
    TooManyValues {
        /// The field.
        field: String,
        /// How many.
        count: usize,
    },
    /// A value is too long.
    #[error("field {field:?} has a value of more than {VALUE_CHARACTERS_MAX} characters")]
    TooLong {
        /// The field.
        field: String,
    },
    /// A value that the field never has.
    #[error("field {field:?} is {allowed}, never {value:?}")]
    Never {
        /// The field.
        field: String,
        /// The value.
        value: String,
        /// What it is.
        allowed: &'static str,
    },
    /// The field cannot be asked for.
    #[error(transparent)]
    Field(#[from] InvalidField),
}

impl FromStr for Term {
    type Err = InvalidTerm;

    fn from_str(text: &str) -> Result<Term, InvalidTerm> {
        let (before, value) =
            text.split_once('=').ok_or_else(|| InvalidTerm::NoComparison(text.to_owned()))?;
        let (name, is_negative) = match before.strip_suffix('!') {
            Some(name) => (name.trim(), true),
            None => (before.trim(), false),
        };
        if name.is_empty() {
            return Err(InvalidTerm::NoComparison(text.to_owned()));
        }
        let field = || name.to_owned();
        if let Some(value) = value.strip_prefix('=') {
            return Err(InvalidTerm::Doubled { field: field(), value: value.to_owned() });
        }
        let parsed = Field::parse(name)?;
        let values = Pattern::list(value);
        if values.iter().any(Pattern::is_empty) {
            return Err(InvalidTerm::EmptyValue { field: field() });
        }
        if values.len() > VALUES_MAX {
            return Err(InvalidTerm::TooManyValues { field: field(), count: values.len() });
        }
        if values.iter().any(|value| value.characters() > VALUE_CHARACTERS_MAX) {
            return Err(InvalidTerm::TooLong { field: field() });
        }
        let is_flag = name.eq_ignore_ascii_case("readOnly");
        let is_never = |one: &&Pattern| !one.matches("true") && !one.matches("false");
        if is_flag && values.iter().any(|one| is_never(&one)) {
            let (value, allowed) = (value.to_owned(), "true or false");
            return Err(InvalidTerm::Never { field: field(), value, allowed });
        }
        Ok(Term { field: parsed, is_negative, values })
    }
}

impl Term {
    /// What it compares with.
    pub(crate) fn values(&self) -> &[Pattern] {
        &self.values
    }

    /// Whether it holds for an event.
    #[must_use]
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        self.field.any(subject, &mut |found| self.finds(found)) != self.is_negative
    }

    fn finds(&self, found: Found<'_>) -> bool {
        self.values.iter().any(|value| match found {
            Found::Text(text) => value.matches(text),
            Found::Object => value.is_anything(),
        })
    }
}

#[cfg(test)]
mod tests {
    use model::{BatchId, Event, Sender};

    use super::*;
    use crate::place::Place;

    const RECORD: &str = r#"{"eventName":"PutObject","eventSource":"s3.amazonaws.com",
        "userIdentity":{"arn":"arn:aws:iam::111111111111:user/alice","sessionContext":{"mfa":null}},
        "readOnly":false,"requestParameters":{"bucketName":"logs","size":3,"tags":["a","b"],
        "x.y":{"z":"deep"}},
        "resources":[{"ARN":"arn:aws:s3:::logs/1"},{"ARN":"arn:aws:s3:::logs","type":"AWS::S3::Bucket"}]}"#;

    fn holds(term: &str, record: &str) -> bool {
        let sender = Sender {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let event = Event::from_record(record.to_owned().into(), &sender).unwrap().event;
        let place = Place { batch: BatchId(1), index: 0 };
        term.parse::<Term>().unwrap().holds(&Subject::new(&event, place))
    }

    #[test]
    fn terms_hold_for_what_they_say() {
        for (term, expected) in [
            ("eventName=PutObject", true),
            ("eventName=Put*,Get*", true),
            ("eventName=GetObject,ListObjects", false),
            ("eventName!=GetObject,ListObjects", true),
            ("eventName!=Get*,Put*", false),
            ("eventname=PutObject", true),
            ("eventName=putobject", false),
            ("eventSource=s3", true),
            ("eventSource=s3.amazonaws.com", true),
            ("eventSource=s3*", true),
            ("eventSource!=s3", false),
            ("eventSource=amazonaws.com", false),
            ("userIdentity.arn=*user/alice", true),
            ("userIdentity=*", true),
            ("userIdentity=alice", false),
            ("userIdentity.sessionContext.mfa=*", false),
            ("errorCode=*", false),
            ("errorCode!=*", true),
            ("errorCode!=AccessDenied", true),
            ("readOnly=false", true),
            ("readOnly=true", false),
            ("requestParameters.bucketName=logs", true),
            ("requestParameters.BUCKETNAME=logs", true),
            ("requestParameters.size=3", true),
            ("requestParameters.tags=b", true),
            ("requestParameters.tags!=b", false),
            ("requestParameters.x.y.z=deep", true),
            ("requestParameters.x=*", false),
            ("resources.ARN=arn:aws:s3:::logs", true),
            ("resources.arn!=arn:aws:s3:::logs", false),
            ("resources.type=AWS::S3::Bucket", true),
            ("recipientAccountId=111111111111", true),
            ("awsRegion=eu-*", true),
            ("eventCategory=Management", true),
            (".mine=*", false),
        ] {
            assert_eq!(holds(term, RECORD), expected, "{term}");
        }
        assert!(holds("requestParameters.a=x,y", r#"{"requestParameters":{"a":"y"}}"#));
        assert!(holds(".mine=1", r#"{"mine":1}"#));
    }

    #[test]
    fn a_mistake_names_the_field_and_the_fix() {
        for (term, said) in [
            ("DeleteUser", "write FIELD=VALUE or FIELD!=VALUE"),
            ("=DeleteUser", "compares nothing"),
            ("!=DeleteUser", "compares nothing"),
            ("eventName=", "eventName!=* is true of events without it"),
            ("eventName=a,", "empty value"),
            ("eventName==a", "write eventName=a"),
            ("eventNme=a", "write eventName"),
            ("readOnly=yes", "is true or false, never \"yes\""),
        ] {
            let error = term.parse::<Term>().unwrap_err().to_string();
            assert!(error.contains(said), "{term}: {error}");
        }
        let many = format!("eventName={}", vec!["a"; 501].join(","));
        assert!(many.parse::<Term>().unwrap_err().to_string().contains("501 values"));
        let long = format!("eventName={}", "é".repeat(2049));
        assert!(long.parse::<Term>().unwrap_err().to_string().contains("2048 characters"));
    }
}
