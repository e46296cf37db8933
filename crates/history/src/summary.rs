//! What LookupEvents says of a record, and what it can be looked up by.
//!
//! Source: CloudTrail API Reference, `Event` and `Resource`.

use std::borrow::Cow;

use serde_json::Value;

use crate::key::Attribute;

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
    /// `eventName`.
    pub event_name: Option<Cow<'a, str>>,
    /// `eventSource`.
    pub event_source: Option<Cow<'a, str>>,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `userIdentity.accessKeyId`.
    pub access_key_id: Option<Cow<'a, str>>,
    /// An IAM user's name, a role session's name, `root`, a service, an account.
    pub username: Option<Cow<'a, str>>,
    /// What the event is about, by all names.
    pub resources: Vec<ResourceName<'a>>,
}

impl<'a> Summary<'a> {
    /// Of a record; what is no record has an empty one.
    #[must_use]
    pub fn of(record: &'a [u8]) -> Summary<'a> {
        let Ok(record) = serde_json::from_slice::<Value>(record) else {
            return Summary::default();
        };
        let text = |value: &Value| value.as_str().map(|text| Cow::Owned(text.to_owned()));
        let identity = &record["userIdentity"];
        Summary {
            event_id: text(&record["eventID"]),
            event_name: text(&record["eventName"]),
            event_source: text(&record["eventSource"]),
            read_only: record["readOnly"].as_bool(),
            access_key_id: text(&identity["accessKeyId"]),
            username: text(&identity["userName"]),
            resources: Vec::new(),
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
