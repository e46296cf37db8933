//! Advanced event selectors: which events a trail takes.
//!
//! Selectors are ORed, the field selectors inside one are ANDed. For one field, `Equals`,
//! `StartsWith` and `EndsWith` are ORed over all their values, the negative operators are ANDed,
//! and both groups must hold. Matching is case-sensitive and knows no wildcards. A field that the
//! record lacks fails a positive operator and passes a negative one. Of `resources.type` and
//! `resources.ARN`, any entry of `resources` may meet a positive operator, and none may be hit by a
//! negative one.
//!
//! Beyond AWS, a trail may also select `Insight`, `Aggregated` and `ActivityAuditLog` by category,
//! and `Data` without naming a resource type.
//! Source: AWS CloudTrail API Reference, `AdvancedFieldSelector`.

use std::borrow::Cow;

use model::Category;
use model::record::Resource;
use serde::{Deserialize, Serialize};

use crate::trail_set::Facts;

/// The fields that a selector may name.
pub const FIELDS: [&str; 11] = [
    "errorCode",
    "eventCategory",
    "eventName",
    "eventSource",
    "eventType",
    "readOnly",
    "resources.ARN",
    "resources.type",
    "sessionCredentialFromConsole",
    "userIdentity.arn",
    "vpcEndpointId",
];
/// Most values over all conditions of one trail.
pub const VALUES_MAX: usize = 500;

/// One selector, in the shape of the AWS API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AdvancedEventSelector {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All of these must hold.
    pub field_selectors: Vec<FieldSelector>,
}

/// A condition on one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FieldSelector {
    /// One of [`FIELDS`].
    pub field: String,
    /// The value is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<String>,
    /// The value begins with one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts_with: Vec<String>,
    /// The value ends with one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends_with: Vec<String>,
    /// The value is none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_equals: Vec<String>,
    /// The value begins with none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_starts_with: Vec<String>,
    /// The value ends with none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_ends_with: Vec<String>,
}

/// Selectors that CloudTrail refuses with `InvalidEventSelectorsException`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelector {
    /// No field selector on `eventCategory` with `Equals`.
    #[error("The following fields are required: [eventCategory].")]
    NoCategory,
    /// An unknown category.
    #[error(
        "eventCategory {0:?} is unknown; use one of Management, Data, NetworkActivity, Insight, Aggregated, ActivityAuditLog"
    )]
    UnknownCategory(String),
    /// An unknown field.
    #[error("field {0:?} is unknown; use one of {list}", list = FIELDS.join(", "))]
    UnknownField(String),
    /// A field selector without an operator.
    #[error(
        "field {0:?} needs at least one value under Equals, StartsWith, EndsWith, NotEquals, NotStartsWith or NotEndsWith"
    )]
    NoValues(String),
    /// A value outside 1 to 2048 characters.
    #[error("field {0:?} has a value outside 1 to 2048 characters")]
    ValueLength(String),
    /// Too many values.
    #[error("the selectors hold {0} values; at most {VALUES_MAX} are allowed")]
    TooManyValues(usize),
}

/// Checks the selectors of one trail; none at all stand for the default and are valid.
pub fn check(selectors: &[AdvancedEventSelector]) -> Result<(), InvalidSelector> {
    for selector in selectors {
        selector.check()?;
    }
    let fields = selectors.iter().flat_map(|selector| &selector.field_selectors);
    match fields.map(|field| field.values().count()).sum() {
        count if count > VALUES_MAX => Err(InvalidSelector::TooManyValues(count)),
        _ => Ok(()),
    }
}

impl AdvancedEventSelector {
    /// One selector for each category, without further conditions.
    #[must_use]
    pub fn of_categories(categories: &[Category]) -> Vec<AdvancedEventSelector> {
        let field_selectors = |category: &Category| {
            let equals = vec![category.name().to_owned()];
            vec![FieldSelector {
                field: "eventCategory".into(),
                equals,
                ..FieldSelector::default()
            }]
        };
        let selector = |category| AdvancedEventSelector {
            name: None,
            field_selectors: field_selectors(category),
        };
        categories.iter().map(selector).collect()
    }

    pub(crate) fn matches(&self, facts: &Facts<'_>) -> bool {
        self.field_selectors.iter().all(|field| field.matches(facts))
    }

    fn check(&self) -> Result<(), InvalidSelector> {
        let mut categories =
            self.field_selectors.iter().filter(|field| field.field == "eventCategory");
        let category = categories.next().filter(|field| !field.equals.is_empty());
        let category = category.ok_or(InvalidSelector::NoCategory)?;
        for name in &category.equals {
            Category::from_name(name)
                .ok_or_else(|| InvalidSelector::UnknownCategory(name.clone()))?;
        }
        self.field_selectors.iter().try_for_each(FieldSelector::check)
    }
}

impl FieldSelector {
    fn check(&self) -> Result<(), InvalidSelector> {
        if !FIELDS.contains(&self.field.as_str()) {
            return Err(InvalidSelector::UnknownField(self.field.clone()));
        }
        if self.values().next().is_none() {
            return Err(InvalidSelector::NoValues(self.field.clone()));
        }
        let fits = |value: &String| (1..=2048).contains(&value.chars().count());
        if self.values().all(fits) {
            Ok(())
        } else {
            Err(InvalidSelector::ValueLength(self.field.clone()))
        }
    }

    fn values(&self) -> impl Iterator<Item = &String> {
        [&self.equals, &self.starts_with, &self.ends_with]
            .into_iter()
            .chain([&self.not_equals, &self.not_starts_with, &self.not_ends_with])
            .flatten()
    }

    fn matches(&self, facts: &Facts<'_>) -> bool {
        match self.field.as_str() {
            // Known without parsing the record: most trails ask for no more.
            "eventCategory" => self.admits(&[facts.category.name()]),
            "resources.type" => self.admits(&values(&facts.resources(), |resource| &resource.kind)),
            "resources.ARN" => self.admits(&values(&facts.resources(), |resource| &resource.arn)),
            field => self.admits(facts.text(field).as_deref().as_slice()),
        }
    }

    /// Whether the values that a record has for the field are admitted.
    fn admits(&self, values: &[&str]) -> bool {
        let wants_some =
            !(self.equals.is_empty() && self.starts_with.is_empty() && self.ends_with.is_empty());
        let is_wanted = !wants_some || values.iter().any(|value| self.wants(value));
        is_wanted && !values.iter().any(|value| self.bars(value))
    }

    fn wants(&self, value: &str) -> bool {
        any(&self.equals, |wanted| value == wanted)
            || any(&self.starts_with, |wanted| value.starts_with(wanted))
            || any(&self.ends_with, |wanted| value.ends_with(wanted))
    }

    fn bars(&self, value: &str) -> bool {
        any(&self.not_equals, |barred| value == barred)
            || any(&self.not_starts_with, |barred| value.starts_with(barred))
            || any(&self.not_ends_with, |barred| value.ends_with(barred))
    }
}

/// One member of all resources that have it.
fn values<'r>(
    resources: &'r [Resource<'_>],
    pick: impl Fn(&'r Resource<'_>) -> &'r Option<Cow<'r, str>>,
) -> Vec<&'r str> {
    resources.iter().filter_map(|resource| pick(resource).as_deref()).collect()
}

fn any(values: &[String], test: impl Fn(&str) -> bool) -> bool {
    values.iter().any(|value| test(value))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::{Event, Sender};

    use super::*;

    const RECORD: &str = r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject","readOnly":true,"userIdentity":{"arn":"arn:aws:sts::1:assumed-role/R/s"},"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b1/k"},{"type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::b1"}],"eventCategory":"Data"}"#;

    fn selectors(fields: &str) -> Vec<AdvancedEventSelector> {
        let category = r#"{"Field":"eventCategory","Equals":["Data"]}"#;
        serde_json::from_str(&format!(r#"[{{"FieldSelectors":[{category}{fields}]}}]"#)).unwrap()
    }

    fn check_match(fields: &str, expected: bool) {
        let sender = Sender {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let event =
            Event::from_record(Bytes::from_static(RECORD.as_bytes()), &sender).unwrap().event;
        let selectors = selectors(fields);
        check(&selectors).unwrap();
        let facts = Facts::of(&event);
        assert_eq!(selectors.iter().any(|selector| selector.matches(&facts)), expected, "{fields}");
    }

    #[test]
    fn conditions_follow_the_rules_of_the_api() {
        for (fields, expected) in [
            ("", true),
            (r#",{"Field":"readOnly","Equals":["true"]}"#, true),
            (r#",{"Field":"readOnly","Equals":["false"]}"#, false),
            (r#",{"Field":"resources.type","Equals":["AWS::S3::Object"]}"#, true),
            (r#",{"Field":"resources.type","Equals":["AWS::Lambda::Function"]}"#, false),
            (
                r#",{"Field":"resources.ARN","StartsWith":["arn:aws:s3:::b2/","arn:aws:s3:::b1/"]}"#,
                true,
            ),
            (r#",{"Field":"resources.ARN","NotStartsWith":["arn:aws:s3:::b1/"]}"#, false),
            (r#",{"Field":"resources.ARN","NotStartsWith":["arn:aws:s3:::b2/"]}"#, true),
            (r#",{"Field":"eventName","Equals":["PutObject"],"StartsWith":["Get"]}"#, true),
            (r#",{"Field":"eventName","StartsWith":["Get"],"NotEquals":["GetObject"]}"#, false),
            (r#",{"Field":"eventName","NotEndsWith":["Bucket"]}"#, true),
            (r#",{"Field":"eventName","Equals":["getobject"]}"#, false),
            (r#",{"Field":"errorCode","Equals":["AccessDenied"]}"#, false),
            (r#",{"Field":"errorCode","NotEquals":["AccessDenied"]}"#, true),
            (
                r#",{"Field":"userIdentity.arn","StartsWith":["arn:aws:sts::1:assumed-role/R/"]}"#,
                true,
            ),
        ] {
            check_match(fields, expected);
        }
    }

    #[test]
    fn what_the_api_refuses_is_refused() {
        let refuse =
            |text: &str| check(&serde_json::from_str::<Vec<_>>(text).unwrap()).unwrap_err();
        assert_eq!(refuse(r#"[{"FieldSelectors":[]}]"#), InvalidSelector::NoCategory);
        let unknown = r#"[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Dat"]}]}]"#;
        assert_eq!(refuse(unknown), InvalidSelector::UnknownCategory("Dat".into()));
        let field = |field: &str| {
            format!(
                r#"[{{"FieldSelectors":[{{"Field":"eventCategory","Equals":["Data"]}},{field}]}}]"#
            )
        };
        assert_eq!(
            refuse(&field(r#"{"Field":"x","Equals":["1"]}"#)),
            InvalidSelector::UnknownField("x".into())
        );
        assert_eq!(
            refuse(&field(r#"{"Field":"eventName"}"#)),
            InvalidSelector::NoValues("eventName".into())
        );
        let many: Vec<String> = (0..500).map(|n| format!("\"{n}\"")).collect();
        let many = field(&format!(r#"{{"Field":"eventName","Equals":[{}]}}"#, many.join(",")));
        assert_eq!(refuse(&many), InvalidSelector::TooManyValues(501));
    }
}
