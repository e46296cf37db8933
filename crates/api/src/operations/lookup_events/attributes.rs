//! `LookupAttributes`: what events are looked up by.

use history::Attribute;
use serde::{Deserialize, Serialize};

use super::LookupEvents;
use crate::exception::Exception;

/// Attributes that events have all of, with `MatchAll`.
const ATTRIBUTES_MAX: usize = 10;
const VALUE_CHARACTERS_MAX: usize = 2_000;
/// What Insights are looked up by.
const OF_INSIGHTS: [Attribute; 3] =
    [Attribute::EventId, Attribute::EventName, Attribute::EventSource];

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LookupAttribute {
    attribute_key: String,
    attribute_value: String,
}

/// Those of a call.
pub(super) fn of(input: &LookupEvents) -> Result<Vec<(Attribute, String)>, Exception> {
    let given = &input.lookup_attributes;
    let max = if input.match_all { ATTRIBUTES_MAX } else { 1 };
    if given.len() > max {
        let message = format!(
            "LookupAttributes has {} attributes, and may have {max}. {}",
            given.len(),
            if input.match_all { "Use fewer." } else { "MatchAll: true takes several." }
        );
        return Err(refuse(message));
    }
    let is_insight = input.event_category.is_some();
    given.iter().map(|one| one.parse(is_insight)).collect()
}

impl LookupAttribute {
    fn parse(&self, is_insight: bool) -> Result<(Attribute, String), Exception> {
        let LookupAttribute { attribute_key: key, attribute_value: value } = self;
        let Some(attribute) = Attribute::from_name(key) else {
            let known = Attribute::ALL.map(Attribute::name).join(", ");
            return Err(refuse(format!("AttributeKey {key:?} is not known. Use one of {known}.")));
        };
        if is_insight && !OF_INSIGHTS.contains(&attribute) {
            let known = OF_INSIGHTS.map(Attribute::name).join(", ");
            return Err(refuse(format!(
                "Insights are not looked up by {key}. Use one of {known}."
            )));
        }
        let characters = value.chars().count();
        if !(1..=VALUE_CHARACTERS_MAX).contains(&characters) {
            return Err(refuse(format!(
                "The AttributeValue of {key} has {characters} characters. Use 1 to \
                 {VALUE_CHARACTERS_MAX}."
            )));
        }
        if attribute == Attribute::ReadOnly && !matches!(value.as_str(), "true" | "false") {
            return Err(refuse("The AttributeValue of ReadOnly must be true or false.".into()));
        }
        Ok((attribute, value.clone()))
    }
}

fn refuse(message: String) -> Exception {
    Exception::new("InvalidLookupAttributesException", message)
}
