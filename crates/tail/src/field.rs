//! Fields of a record, as people name them: its members, and what is in them with dots between.
//!
//! | written | is |
//! | --- | --- |
//! | `eventName`, `userIdentity.arn`, `requestParameters.bucketName` | that member; names are found whatever the case of their letters |
//! | `resources.ARN` | of each entry of a list |
//! | `tlsDetails` | true of `=*` where there is any; nothing can be compared with an object |
//! | `.mine` | a member that CloudTrail's records do not have |
//!
//! `eventCategory`, `recipientAccountId` and `awsRegion` are those that the event is filed under: all
//! events have them, whatever the record says.
//! Source of the names: AWS CloudTrail User Guide, "CloudTrail record contents".

use serde_json::Value;

use crate::line::Subject;

/// Bytes of a field's name.
pub const NAME_BYTES_MAX: usize = 256;
/// Steps of a field's name.
pub const STEPS_MAX: usize = 16;
/// All events of AWS's services have a source that ends so.
const SERVICES: &str = ".amazonaws.com";

/// The members that records have.
const MEMBERS: [&str; 39] = [
    "accountId",
    "addendum",
    "additionalEventData",
    "annotation",
    "apiVersion",
    "awsRegion",
    "edgeDeviceDetails",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventContext",
    "eventData",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "insightDetails",
    "managementEvent",
    "metadata",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionCredentialFromConsole",
    "sharedEventID",
    "sourceIPAddress",
    "summaries",
    "timeWindow",
    "tlsDetails",
    "userAgent",
    "userIdentity",
    "vpcEndpointAccountId",
    "vpcEndpointId",
    "windowDetails",
];

/// What people may write who mean one of those, or something in one of them.
const MEANT: [(&str, &str); 20] = [
    ("account", "recipientAccountId"),
    ("accessKeyId", "userIdentity.accessKeyId"),
    ("action", "eventName"),
    ("arn", "userIdentity.arn, or resources.ARN"),
    ("bucket", "requestParameters.bucketName"),
    ("bucketName", "requestParameters.bucketName"),
    ("category", "eventCategory"),
    ("error", "errorCode"),
    ("event", "eventName"),
    ("ip", "sourceIPAddress"),
    ("name", "eventName"),
    ("principalId", "userIdentity.principalId"),
    ("region", "awsRegion"),
    ("resource", "resources.ARN"),
    ("roleName", "requestParameters.roleName"),
    ("service", "eventSource"),
    ("source", "eventSource"),
    ("time", "eventTime"),
    ("user", "userIdentity.userName, or userIdentity.arn"),
    ("userName", "userIdentity.userName, or requestParameters.userName"),
];

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    kind: Kind,
    steps: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Account,
    Region,
    Category,
    Source,
    Member,
}

/// A field that cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// CloudTrail has no such member.
    #[error("field {name:?} is unknown: {advice}; .{name} is a member of your own")]
    Unknown {
        /// As it was written.
        name: String,
        /// What may be meant.
        advice: String,
    },
    /// Nothing stands between two dots.
    #[error("field {0:?} has an empty part; write it as userIdentity.arn")]
    EmptyPart(String),
    /// It is too long.
    #[error("a field has more than {NAME_BYTES_MAX} bytes or {STEPS_MAX} parts")]
    TooLong,
}

/// A value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// One that can be compared.
    Text(&'a str),
    /// Something larger.
    Object,
}

impl Field {
    /// By its name.
    pub fn parse(name: &str) -> Result<Field, InvalidField> {
        let own = name.strip_prefix('.');
        let mut steps: Vec<String> = own.unwrap_or(name).split('.').map(str::to_owned).collect();
        if name.len() > NAME_BYTES_MAX || steps.len() > STEPS_MAX {
            return Err(InvalidField::TooLong);
        }
        if steps.iter().any(String::is_empty) {
            return Err(InvalidField::EmptyPart(name.to_owned()));
        }
        if own.is_some() {
            return Ok(Field { kind: Kind::Member, steps });
        }
        let Some(member) = MEMBERS.iter().find(|one| one.eq_ignore_ascii_case(&steps[0])) else {
            return Err(unknown(name, &steps[0]));
        };
        steps[0] = (*member).to_owned();
        let kind = match (*member, steps.len()) {
            ("recipientAccountId", 1) => Kind::Account,
            ("awsRegion", 1) => Kind::Region,
            ("eventCategory", 1) => Kind::Category,
            ("eventSource", 1) => Kind::Source,
            _ => Kind::Member,
        };
        Ok(Field { kind, steps })
    }

    /// Whether one of the values that an event has for it meets a test.
    pub(crate) fn any(
        &self,
        subject: &Subject<'_>,
        test: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> bool {
        let event = subject.event();
        match self.kind {
            Kind::Account => test(Found::Text(event.account.as_str())),
            Kind::Region => test(Found::Text(event.region.as_str())),
            Kind::Category => test(Found::Text(event.category.name())),
            Kind::Source => self.any_member(subject, &mut |found| {
                // `s3` is `s3.amazonaws.com` to people.
                let Found::Text(text) = found else { return test(found) };
                test(found) || text.strip_suffix(SERVICES).is_some_and(|one| test(Found::Text(one)))
            }),
            Kind::Member => self.any_member(subject, test),
        }
    }

    fn any_member(&self, subject: &Subject<'_>, test: &mut dyn FnMut(Found<'_>) -> bool) -> bool {
        subject.record().is_some_and(|record| any_below(record, &self.steps, test))
    }
}

/// Asks for what is at the end of these steps; a name may hold dots itself.
fn any_below(value: &Value, steps: &[String], test: &mut dyn FnMut(Found<'_>) -> bool) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| any_below(element, steps, test)),
        Value::Object(members) if !steps.is_empty() => members.iter().any(|(name, member)| {
            taken(name, steps).is_some_and(|taken| any_below(member, &steps[taken..], test))
        }),
        Value::Object(_) => test(Found::Object),
        _ if !steps.is_empty() => false,
        Value::Null => false,
        Value::String(text) => test(Found::Text(text)),
        Value::Bool(flag) => test(Found::Text(if *flag { "true" } else { "false" })),
        Value::Number(number) => test(Found::Text(&number.to_string())),
    }
}

/// How many steps a member's name is.
fn taken(name: &str, steps: &[String]) -> Option<usize> {
    let mut rest = name;
    for (number, step) in (1..).zip(steps) {
        let (begin, behind) = rest.split_at_checked(step.len())?;
        if !begin.eq_ignore_ascii_case(step) {
            return None;
        }
        if behind.is_empty() {
            return Some(number);
        }
        rest = behind.strip_prefix('.')?;
    }
    None
}

fn unknown(name: &str, member: &str) -> InvalidField {
    let is_near = |one: &&&str| distance(&one.to_lowercase(), &member.to_lowercase()) <= 2;
    let meant = MEANT.iter().find(|(written, _)| written.eq_ignore_ascii_case(member));
    let advice = match (meant, MEMBERS.iter().find(is_near)) {
        (Some((_, meant)), _) => format!("write {meant}"),
        (None, Some(near)) => format!("write {near}"),
        (None, None) => format!(
            "records have {}; parts of them follow a dot, as in userIdentity.arn",
            MEMBERS.join(", ")
        ),
    };
    InvalidField::Unknown { name: name.to_owned(), advice }
}

/// How many letters must be put in, left out or changed to make one of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (number, letter) in one.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], number + 1);
        for (place, against) in other.chars().enumerate() {
            let changed = before + usize::from(letter != against);
            before = row[place + 1];
            row[place + 1] = changed.min(before + 1).min(row[place] + 1);
        }
    }
    row[other.chars().count()]
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(name: &str, expected: &Expect) {
        expected.assert_eq(&Field::parse(name).unwrap_err().to_string());
    }

    #[test]
    fn a_mistake_is_told_with_what_may_be_meant() {
        check(
            "evntName",
            &expect![[
                r#"field "evntName" is unknown: write eventName; .evntName is a member of your own"#
            ]],
        );
        check(
            "bucketName",
            &expect![[
                r#"field "bucketName" is unknown: write requestParameters.bucketName; .bucketName is a member of your own"#
            ]],
        );
        check(
            "userIdentity..arn",
            &expect![[
                r#"field "userIdentity..arn" has an empty part; write it as userIdentity.arn"#
            ]],
        );
        check("", &expect![[r#"field "" has an empty part; write it as userIdentity.arn"#]]);
        let error = Field::parse("qqqqqqqq").unwrap_err().to_string();
        assert!(error.contains("records have accountId, addendum, "), "{error}");
        assert_eq!(Field::parse(&"a.".repeat(200)), Err(InvalidField::TooLong));
        assert_eq!(Field::parse(&format!("{}a", "a.".repeat(16))), Err(InvalidField::TooLong));
    }

    #[test]
    fn letters_may_be_small_or_capital() {
        assert_eq!(Field::parse("EVENTNAME"), Field::parse("eventName"));
        assert_eq!(Field::parse(".mine").unwrap().steps, ["mine"]);
        assert!(MEMBERS.is_sorted_by_key(|name| name.to_lowercase()), "for the message");
    }
}
