//! PutEventConfiguration and GetEventConfiguration, as far as trails use them: how data events are to
//! be summed up.
//!
//! What is asked for is checked, kept and told. Aggregated events are not made yet.
//! Source: AWS CloudTrail API Reference.

use model::TrailArn;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trails::{AggregationConfiguration, EventSelectors, TrailDefinition};

use super::event_data_stores::{self, TrailOrStore};
use super::with_trail;
use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{changeable, visible};
use crate::operation::{Input, Plan};

const TEMPLATES: [&str; 3] = ["API_ACTIVITY", "RESOURCE_ACCESS", "USER_ACTIONS"];
const TEMPLATES_MAX: usize = 50;

/// The input of PutEventConfiguration.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutEventConfiguration {
    #[serde(flatten)]
    subject: TrailOrStore,
    aggregation_configurations: Option<Vec<AggregationConfiguration>>,
    /// Of event data stores.
    max_event_size: Option<Value>,
    /// Of event data stores.
    context_key_selectors: Option<Value>,
}

impl Input for PutEventConfiguration {
    fn resource(&self, caller: &Caller) -> String {
        self.subject.resource(caller)
    }
}

/// The output of both.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ConfigurationOfTrail {
    #[serde(rename = "TrailARN")]
    trail_arn: TrailArn,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aggregation_configurations: Vec<AggregationConfiguration>,
}

/// PutEventConfiguration.
pub(crate) fn put(
    context: &Context<'_>,
    input: &PutEventConfiguration,
) -> Result<Plan<ConfigurationOfTrail>, Exception> {
    let name = input.subject.trail(event_data_stores::not_found)?;
    let one = changeable(context, name)?;
    if input.max_event_size.is_some() || input.context_key_selectors.is_some() {
        let message = "MaxEventSize and ContextKeySelectors are of event data stores; a trail has AggregationConfigurations.";
        return Err(Exception::new("InvalidParameterCombinationException", message));
    }
    let Some(aggregations) = &input.aggregation_configurations else {
        return Err(invalid("AggregationConfigurations is required for a trail."));
    };
    check(one, aggregations)?;
    let arn = &one.trail.arn;
    let output = ConfigurationOfTrail {
        trail_arn: arn.clone(),
        aggregation_configurations: aggregations.clone(),
    };
    let definitions = with_trail(context, arn, |one| one.aggregations = aggregations.clone());
    Ok(Plan { definitions, output, checks: Vec::new() })
}

/// GetEventConfiguration.
pub(crate) fn get(
    context: &Context<'_>,
    input: &TrailOrStore,
) -> Result<ConfigurationOfTrail, Exception> {
    let name = input.trail(event_data_stores::not_found)?;
    let one = visible(context, name)?;
    Ok(ConfigurationOfTrail {
        trail_arn: one.trail.arn.clone(),
        aggregation_configurations: one.aggregations.clone(),
    })
}

fn check(one: &TrailDefinition, given: &[AggregationConfiguration]) -> Result<(), Exception> {
    let configuration = match given {
        [] => return Ok(()),
        [configuration] => configuration,
        _ => return Err(invalid("AggregationConfigurations can have one entry only.")),
    };
    if configuration.event_category != "Data" {
        return Err(invalid("EventCategory of AggregationConfigurations must be Data."));
    }
    let templates = &configuration.templates;
    let is_known = |template: &String| TEMPLATES.contains(&template.as_str());
    if !(1..=TEMPLATES_MAX).contains(&templates.len()) || !templates.iter().all(is_known) {
        return Err(invalid(&format!(
            "Templates must have 1 to {TEMPLATES_MAX} entries of {}.",
            TEMPLATES.join(", ")
        )));
    }
    if !takes_data_events(&one.trail.selectors) {
        let message = format!("Trail {} does not log data events.", one.trail.arn.name);
        return Err(invalid(&message));
    }
    Ok(())
}

/// Whether a trail takes data events at all.
pub(super) fn takes_data_events(selectors: &EventSelectors) -> bool {
    match selectors {
        EventSelectors::Default => false,
        EventSelectors::Basic(selectors) => {
            selectors.iter().any(|selector| !selector.data_resources.is_empty())
        }
        EventSelectors::Advanced(selectors) => {
            let mut fields = selectors.iter().flat_map(|selector| &selector.field_selectors);
            fields.any(|one| one.field == "eventCategory" && one.equals.iter().any(|c| c == "Data"))
        }
    }
}

fn invalid(message: &str) -> Exception {
    Exception::new("InvalidParameterException", message)
}
