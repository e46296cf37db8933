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

use crate::check_advanced::{self, Form};
use crate::field::Operator;
use crate::invalid_selector::InvalidSelector;
use crate::trail_set::Facts;

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
    /// The name of a [`Field`](crate::Field).
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

    /// Checks one selector of a configuration, whatever others the trail has.
    pub fn check(&self) -> Result<(), InvalidSelector> {
        check_advanced::check_one(self, Form::Configuration)
    }
}

impl FieldSelector {
    /// Its operators with their values.
    pub(crate) fn operators(&self) -> [(Operator, &[String]); 6] {
        [
            (Operator::Equals, &self.equals),
            (Operator::StartsWith, &self.starts_with),
            (Operator::EndsWith, &self.ends_with),
            (Operator::NotEquals, &self.not_equals),
            (Operator::NotStartsWith, &self.not_starts_with),
            (Operator::NotEndsWith, &self.not_ends_with),
        ]
    }

    /// The values of all operators.
    pub(crate) fn values(&self) -> impl Iterator<Item = &String> {
        self.operators().into_iter().flat_map(|(_, values)| values)
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
        selectors.iter().try_for_each(AdvancedEventSelector::check).unwrap();
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
            (r#",{"Field":"eventType","Equals":["AwsApiCall"]}"#, false),
            (r#",{"Field":"eventType","NotEquals":["AwsApiCall"]}"#, true),
            (
                r#",{"Field":"userIdentity.arn","StartsWith":["arn:aws:sts::1:assumed-role/R/"]}"#,
                true,
            ),
        ] {
            check_match(fields, expected);
        }
    }
}
