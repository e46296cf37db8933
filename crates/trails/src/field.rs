//! The fields that a field selector may name, its operators, and which of them go together with which
//! `eventCategory` of a trail.
//!
//! Source: AWS CloudTrail API Reference, `AdvancedFieldSelector`. What is documented for event data
//! stores only is left out. `Insight`, `Aggregated` and `ActivityAuditLog`, which AWS has for event
//! data stores only, are taken by Cairn's trails, by category alone.

use std::fmt;

use model::Category;

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `errorCode`
    ErrorCode,
    /// `eventCategory`
    EventCategory,
    /// `eventName`
    EventName,
    /// `eventSource`
    EventSource,
    /// `eventType`
    EventType,
    /// `readOnly`
    ReadOnly,
    /// `resources.ARN`
    ResourcesArn,
    /// `resources.type`
    ResourcesType,
    /// `sessionCredentialFromConsole`
    SessionCredentialFromConsole,
    /// `userIdentity.arn`
    UserIdentityArn,
    /// `vpcEndpointId`
    VpcEndpointId,
}

/// How a field selector compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `Equals`
    Equals,
    /// `StartsWith`
    StartsWith,
    /// `EndsWith`
    EndsWith,
    /// `NotEquals`
    NotEquals,
    /// `NotStartsWith`
    NotStartsWith,
    /// `NotEndsWith`
    NotEndsWith,
}

/// By their names, in the order in which a message lists them.
const FIELDS: [(Field, &str); 11] = [
    (Field::ErrorCode, "errorCode"),
    (Field::EventCategory, "eventCategory"),
    (Field::EventName, "eventName"),
    (Field::EventSource, "eventSource"),
    (Field::EventType, "eventType"),
    (Field::ReadOnly, "readOnly"),
    (Field::ResourcesArn, "resources.ARN"),
    (Field::ResourcesType, "resources.type"),
    (Field::SessionCredentialFromConsole, "sessionCredentialFromConsole"),
    (Field::UserIdentityArn, "userIdentity.arn"),
    (Field::VpcEndpointId, "vpcEndpointId"),
];

const EQUALS: &[Operator] = &[Operator::Equals];
const NOT_EQUALS: &[Operator] = &[Operator::NotEquals];
const EQUALS_OR_NOT: &[Operator] = &[Operator::Equals, Operator::NotEquals];
const ANY: &[Operator] = &[
    Operator::Equals,
    Operator::StartsWith,
    Operator::EndsWith,
    Operator::NotEquals,
    Operator::NotStartsWith,
    Operator::NotEndsWith,
];

/// A field, and the operators that it takes.
type Allowed = (Field, &'static [Operator]);

/// AWS documents `eventSource` with the values `kms.amazonaws.com` and `rdsdata.amazonaws.com` only;
/// other services are left out just as well.
const MANAGEMENT: &[Allowed] =
    &[(Field::EventCategory, EQUALS), (Field::EventSource, NOT_EQUALS), (Field::ReadOnly, EQUALS)];
const DATA: &[Allowed] = &[
    (Field::EventCategory, EQUALS),
    (Field::EventName, ANY),
    (Field::EventSource, ANY),
    (Field::EventType, ANY),
    (Field::ReadOnly, EQUALS),
    (Field::ResourcesArn, ANY),
    (Field::ResourcesType, EQUALS),
    (Field::SessionCredentialFromConsole, EQUALS_OR_NOT),
    (Field::UserIdentityArn, ANY),
];
const NETWORK_ACTIVITY: &[Allowed] = &[
    (Field::ErrorCode, EQUALS),
    (Field::EventCategory, EQUALS),
    (Field::EventName, ANY),
    (Field::EventSource, EQUALS),
    (Field::UserIdentityArn, ANY),
    (Field::VpcEndpointId, ANY),
];
const BY_CATEGORY_ALONE: &[Allowed] = &[(Field::EventCategory, EQUALS)];

/// What selectors of a category may name; `None` for a category that no trail takes.
pub(crate) fn allowed(category: Category) -> Option<&'static [Allowed]> {
    match category {
        Category::Management => Some(MANAGEMENT),
        Category::Data => Some(DATA),
        Category::NetworkActivity => Some(NETWORK_ACTIVITY),
        Category::Insight | Category::Aggregated | Category::ActivityAuditLog => {
            Some(BY_CATEGORY_ALONE)
        }
        Category::ConfigurationItem | Category::Evidence => None,
    }
}

impl Field {
    /// From the text of `Field`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Field> {
        FIELDS.iter().find(|(_, known)| *known == name).map(|(field, _)| *field)
    }

    /// The text of `Field`.
    #[must_use]
    pub fn name(self) -> &'static str {
        FIELDS.iter().find(|(known, _)| *known == self).expect("every field has a name").1
    }

    /// All names, for a message.
    pub(crate) fn names() -> String {
        FIELDS.map(|(_, name)| name).join(", ")
    }
}

impl Operator {
    /// Whether it bars values rather than wanting them.
    pub(crate) fn is_negative(self) -> bool {
        match self {
            Operator::Equals | Operator::StartsWith | Operator::EndsWith => false,
            Operator::NotEquals | Operator::NotStartsWith | Operator::NotEndsWith => true,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
