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

use model::Category;
use serde::{Deserialize, Serialize};

use crate::check_advanced::{self, Form};
use crate::field::Operator;
use crate::invalid_selector::InvalidSelector;

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

    /// All values of its conditions.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        let lists = self.field_selectors.iter().flat_map(|field| {
            let FieldSelector { equals, starts_with, ends_with, .. } = field;
            let FieldSelector { not_equals, not_starts_with, not_ends_with, .. } = field;
            [equals, starts_with, ends_with, not_equals, not_starts_with, not_ends_with]
        });
        lists.flatten().map(String::as_str)
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
}
