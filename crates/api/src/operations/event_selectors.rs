//! PutEventSelectors and GetEventSelectors: which events a trail takes.
//!
//! Put answers with the selectors as they were sent, their defaults filled in; Get sorts the fields of
//! each advanced selector by their names. A trail that was never told any answers with the basic
//! selector that it goes by.
//! Source: AWS CloudTrail API Reference; the order is seen in answers of AWS.

use model::TrailArn;
use serde::{Deserialize, Serialize};
use trails::{
    AdvancedEventSelector, DataResource, EventSelector, EventSelectors, FieldSelector,
    InvalidSelector,
};

use super::with_trail;
use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{changeable, trail_resource, visible};
use crate::operation::{Input, Plan};

/// The input of PutEventSelectors.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutEventSelectors {
    trail_name: String,
    event_selectors: Option<Vec<GivenSelector>>,
    advanced_event_selectors: Option<Vec<GivenAdvancedSelector>>,
}

impl Input for PutEventSelectors {
    fn resource(&self, caller: &Caller) -> String {
        trail_resource(caller, &self.trail_name)
    }
}

/// The input of GetEventSelectors.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetEventSelectors {
    trail_name: String,
}

impl Input for GetEventSelectors {
    fn resource(&self, caller: &Caller) -> String {
        trail_resource(caller, &self.trail_name)
    }
}

/// A basic selector as it is sent: all is optional.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct GivenSelector {
    read_write_type: Option<String>,
    include_management_events: Option<bool>,
    data_resources: Vec<GivenResource>,
    exclude_management_event_sources: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct GivenResource {
    #[serde(rename = "Type")]
    kind: String,
    values: Vec<String>,
}

/// An advanced selector as it is sent. What is not known is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenAdvancedSelector {
    name: Option<String>,
    field_selectors: Vec<GivenField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenField {
    field: String,
    #[serde(flatten)]
    values: GivenValues,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct GivenValues {
    equals: Vec<String>,
    starts_with: Vec<String>,
    ends_with: Vec<String>,
    not_equals: Vec<String>,
    not_starts_with: Vec<String>,
    not_ends_with: Vec<String>,
}

/// The output of both: one of the two lists.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SelectorsOfTrail {
    #[serde(rename = "TrailARN")]
    trail_arn: TrailArn,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_selectors: Option<Vec<EventSelector>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advanced_event_selectors: Option<Vec<AdvancedEventSelector>>,
}

/// PutEventSelectors.
pub(crate) fn put(
    context: &Context<'_>,
    input: &PutEventSelectors,
) -> Result<Plan<SelectorsOfTrail>, Exception> {
    let arn = &changeable(context, &input.trail_name)?.trail.arn;
    let basic = input.event_selectors.as_ref();
    let basic = basic.map(|given| given.iter().map(GivenSelector::read).collect()).transpose();
    let advanced = input.advanced_event_selectors.as_ref();
    let advanced = advanced.map(|given| given.iter().map(GivenAdvancedSelector::read).collect());
    let selectors = basic.and_then(|basic| EventSelectors::of_call(basic, advanced));
    let selectors = selectors
        .map_err(|error| Exception::new("InvalidEventSelectorsException", error.to_string()))?;
    let output = SelectorsOfTrail::of(arn, &selectors);
    let definitions = with_trail(context, arn, |one| {
        one.trail.selectors = selectors;
        one.has_custom_selectors = true;
    });
    Ok(Plan { definitions, output, checks: Vec::new() })
}

/// GetEventSelectors.
pub(crate) fn get(
    context: &Context<'_>,
    input: &GetEventSelectors,
) -> Result<SelectorsOfTrail, Exception> {
    let trail = &visible(context, &input.trail_name)?.trail;
    let mut shown = SelectorsOfTrail::of(&trail.arn, &trail.selectors);
    for selector in shown.advanced_event_selectors.iter_mut().flatten() {
        selector.field_selectors.sort_by(|a, b| a.field.cmp(&b.field));
    }
    Ok(shown)
}

impl SelectorsOfTrail {
    fn of(arn: &TrailArn, selectors: &EventSelectors) -> SelectorsOfTrail {
        let (basic, advanced) = match selectors {
            EventSelectors::Default => (Some(vec![EventSelector::default()]), None),
            EventSelectors::Basic(selectors) => (Some(selectors.clone()), None),
            EventSelectors::Advanced(selectors) => (None, Some(selectors.clone())),
        };
        SelectorsOfTrail {
            trail_arn: arn.clone(),
            event_selectors: basic,
            advanced_event_selectors: advanced,
        }
    }
}

impl GivenSelector {
    fn read(&self) -> Result<EventSelector, InvalidSelector> {
        let resource = |one: &GivenResource| DataResource {
            kind: one.kind.clone(),
            values: one.values.clone(),
        };
        let read_write_type = self.read_write_type.as_deref().map(str::parse).transpose()?;
        Ok(EventSelector {
            read_write_type: read_write_type.unwrap_or_default(),
            include_management_events: self.include_management_events.unwrap_or(true),
            data_resources: self.data_resources.iter().map(resource).collect(),
            exclude_management_event_sources: self.exclude_management_event_sources.clone(),
        })
    }
}

impl GivenAdvancedSelector {
    fn read(&self) -> AdvancedEventSelector {
        let field = |one: &GivenField| FieldSelector {
            field: one.field.clone(),
            equals: one.values.equals.clone(),
            starts_with: one.values.starts_with.clone(),
            ends_with: one.values.ends_with.clone(),
            not_equals: one.values.not_equals.clone(),
            not_starts_with: one.values.not_starts_with.clone(),
            not_ends_with: one.values.not_ends_with.clone(),
        };
        AdvancedEventSelector {
            name: self.name.clone(),
            field_selectors: self.field_selectors.iter().map(field).collect(),
        }
    }
}
