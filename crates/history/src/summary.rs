//! What LookupEvents says of a record, and what it can be looked up by.
//!
//! It is made for every event that is recorded and for every event that is found, so it borrows from
//! the record and reads only the members that it needs.
//!
//! Source: CloudTrail API Reference, `Event` and `Resource`.

use std::borrow::Cow;

use model::{Envelope, UserIdentity};

use crate::key::Attribute;
use crate::resources;

/// A resource that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceName<'a> {
    /// `AWS::IAM::User`; not known of all.
    pub kind: Option<Cow<'a, str>>,
    /// Its name, id or ARN.
    pub name: Cow<'a, str>,
}

/// What is shown of a record beside itself. All is absent that the record does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary<'a> {
    /// `eventID`.
    pub event_id: Option<Cow<'a, str>>,
    /// `eventName`; of an Insight, that of the calls that it is about.
    pub event_name: Option<Cow<'a, str>>,
    /// `eventSource`; of an Insight, that of the calls that it is about.
    pub event_source: Option<Cow<'a, str>>,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `userIdentity.accessKeyId`.
    pub access_key_id: Option<Cow<'a, str>>,
    /// Who: see [`username`].
    pub username: Option<Cow<'a, str>>,
    /// What the event is about, by all names: see [`resources`].
    pub resources: Vec<ResourceName<'a>>,
}

impl<'a> Summary<'a> {
    /// Of a record; what is no record has an empty one.
    #[must_use]
    pub fn of(record: &'a [u8]) -> Summary<'a> {
        let Ok(record) = Envelope::parse(record) else {
            return Summary::default();
        };
        let identity = record.user_identity();
        let event_name = record.event_name().or_else(|| record.insight_text("eventName"));
        let event_source = record.event_source().or_else(|| record.insight_text("eventSource"));
        Summary {
            event_id: record.event_id(),
            read_only: record.read_only(),
            username: username(&record, &identity),
            access_key_id: identity.access_key_id,
            resources: resources::of(&record, event_source.as_deref(), event_name.as_deref()),
            event_name,
            event_source,
        }
    }

    /// The values that the record has of an attribute.
    pub fn values(&self, attribute: Attribute) -> impl Iterator<Item = &str> {
        let one = match attribute {
            Attribute::EventId => self.event_id.as_deref(),
            Attribute::EventName => self.event_name.as_deref(),
            Attribute::ReadOnly => self.read_only.map(|is| if is { "true" } else { "false" }),
            Attribute::Username => self.username.as_deref(),
            Attribute::EventSource => self.event_source.as_deref(),
            Attribute::AccessKeyId => self.access_key_id.as_deref(),
            Attribute::ResourceType | Attribute::ResourceName => None,
        };
        let resources = self.resources.iter().filter_map(move |resource| match attribute {
            Attribute::ResourceType => resource.kind.as_deref(),
            Attribute::ResourceName => Some(&*resource.name),
            _ => None,
        });
        one.into_iter().chain(resources)
    }
}

/// Who acted, in one word:
///
/// | identity | username |
/// | --- | --- |
/// | `IAMUser` | the user's name |
/// | `Root` | `root` |
/// | `AssumedRole`, `FederatedUser` | the session's name |
/// | `AWSAccount` | the account's id |
/// | `IdentityCenterUser` | the user's name, where a sign-in says it; else the user's id |
/// | `AWSService` | none: captures of AWS's own answers have none |
/// | all others | `userName`, where there is one |
fn username<'a>(record: &Envelope<'a>, identity: &UserIdentity<'a>) -> Option<Cow<'a, str>> {
    let user_name = identity.user_name.clone();
    match identity.kind.as_deref().unwrap_or_default() {
        "Root" => Some("root".into()),
        "IAMUser" => user_name.or_else(|| after_last(identity.arn.clone()?, '/')),
        "AssumedRole" | "FederatedUser" => {
            let session = identity.principal_id.clone().and_then(|id| after_first(id, ':'));
            session.or_else(|| after_last(identity.arn.clone()?, '/')).or(user_name)
        }
        "AWSAccount" => user_name.or_else(|| identity.account_id.clone()),
        "IdentityCenterUser" => user_name
            .or_else(|| record.additional_text("UserName"))
            .or_else(|| identity.on_behalf_of.clone()),
        _ => user_name,
    }
}

/// What follows the first mark.
fn after_first(text: Cow<'_, str>, mark: char) -> Option<Cow<'_, str>> {
    let at = text.find(mark)? + mark.len_utf8();
    part(text, at)
}

/// What follows the last mark.
fn after_last(text: Cow<'_, str>, mark: char) -> Option<Cow<'_, str>> {
    let at = text.rfind(mark)? + mark.len_utf8();
    part(text, at)
}

fn part(text: Cow<'_, str>, from: usize) -> Option<Cow<'_, str>> {
    let part = match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..]),
        Cow::Owned(text) => Cow::Owned(text[from..].to_owned()),
    };
    Some(part).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(record: &Value, expected: &str) {
        let record = record.to_string();
        let Summary {
            event_id, event_name, event_source, read_only, access_key_id, username, ..
        } = Summary::of(record.as_bytes());
        let texts = [event_id, event_name, event_source, access_key_id, username];
        let texts = texts.map(|text| text.unwrap_or("-".into()));
        let read_only = read_only.map_or("-".into(), |is| is.to_string());
        assert_eq!(format!("{} {read_only}", texts.join(" ")), expected, "{record}");
    }

    fn username_of(identity: &Value) -> Option<String> {
        let record = json!({ "userIdentity": identity }).to_string();
        Summary::of(record.as_bytes()).username.map(Cow::into_owned)
    }

    #[test]
    fn what_a_record_says_is_told_and_what_it_does_not_is_absent() {
        check(
            &json!({
                "eventID": "1", "eventName": "ListKeys", "eventSource": "kms.amazonaws.com",
                "readOnly": true,
                "userIdentity": { "type": "IAMUser", "userName": "amy", "accessKeyId": "AKIA" },
            }),
            "1 ListKeys kms.amazonaws.com AKIA amy true",
        );
        check(&json!({ "readOnly": "false", "eventName": 7 }), "- - - - - false");
        check(&json!({ "userIdentity": { "type": "Root", "accessKeyId": "" } }), "- - - - root -");
        assert_eq!(Summary::of(b"[]"), Summary::default());
    }

    #[test]
    fn an_insight_is_looked_up_by_what_it_is_about() {
        let details = json!({ "eventSource": "ssm.amazonaws.com", "eventName": "PutParameter" });
        let record =
            json!({ "eventID": "1", "eventCategory": "Insight", "insightDetails": details });
        check(&record, "1 PutParameter ssm.amazonaws.com - - -");
    }

    #[test]
    fn a_member_that_cannot_be_read_hides_no_other() {
        let record = br#"{"eventName":"\ud800","eventID":"1","userIdentity":{"userName":"\ud800","type":"Root"}}"#;
        let summary = Summary::of(record);
        assert_eq!((summary.event_name, summary.event_id), (None, Some("1".into())));
        assert_eq!(summary.username, Some("root".into()));
    }

    #[test]
    fn who_acted_is_told_by_the_kind_of_identity() {
        for (identity, expected) in [
            (json!({ "type": "IAMUser", "userName": "amy" }), Some("amy")),
            (json!({ "type": "IAMUser", "arn": "arn:aws:iam::1:user/eng/amy" }), Some("amy")),
            (json!({ "type": "Root", "userName": "alias" }), Some("root")),
            (
                json!({
                    "type": "AssumedRole", "principalId": "AROA1:amy@example.com",
                    "arn": "arn:aws:sts::1:assumed-role/admin/amy@example.com",
                    "sessionContext": { "sessionIssuer": { "userName": "admin" } },
                }),
                Some("amy@example.com"),
            ),
            (json!({ "type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/r/s" }), Some("s")),
            (json!({ "type": "AssumedRole", "principalId": "AROA1:" }), None),
            (json!({ "type": "FederatedUser", "principalId": "111111111111:bob" }), Some("bob")),
            (json!({ "type": "SAMLUser", "userName": "bob" }), Some("bob")),
            (json!({ "type": "WebIdentityUser", "userName": "10769" }), Some("10769")),
            (json!({ "type": "AWSAccount", "accountId": "222222222222" }), Some("222222222222")),
            (json!({ "type": "AWSService", "invokedBy": "lambda.amazonaws.com" }), None),
            (
                json!({ "type": "IdentityCenterUser", "onBehalfOf": { "userId": "9-1" } }),
                Some("9-1"),
            ),
            (json!({ "type": "Unknown" }), None),
            (json!({ "userName": "amy" }), Some("amy")),
            (json!({ "accountId": "111111111111", "invokedBy": "AWS Internal" }), None),
            (json!("amy"), None),
            (Value::Null, None),
        ] {
            assert_eq!(username_of(&identity).as_deref(), expected, "{identity}");
        }
        let record = br#"{"userIdentity":{"type":"IdentityCenterUser","onBehalfOf":{"userId":"9"}},"additionalEventData":{"UserName":"amy"}}"#;
        assert_eq!(Summary::of(record).username.as_deref(), Some("amy"));
    }
}
