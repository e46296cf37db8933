//! GetInsightSelectors and PutInsightSelectors: which unusual activity a trail looks for.
//!
//! What is asked for is checked, kept and told. Insights events are not made yet.
//! Source: AWS CloudTrail API Reference.

use model::TrailArn;
use serde::{Deserialize, Serialize};
use trails::{InsightSelector, TrailDefinition};

use super::event_configuration::takes_data_events;
use super::event_data_stores::TrailOrStore;
use super::with_trail;
use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{changeable, visible};
use crate::operation::{Input, Plan};

const TYPES: [&str; 2] = ["ApiCallRateInsight", "ApiErrorRateInsight"];
const CATEGORIES: [&str; 2] = ["Management", "Data"];

/// The input of PutInsightSelectors.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutInsightSelectors {
    #[serde(flatten)]
    subject: TrailOrStore,
    insight_selectors: Vec<InsightSelector>,
}

impl Input for PutInsightSelectors {
    fn resource(&self, caller: &Caller) -> String {
        self.subject.resource(caller)
    }
}

/// The output of both.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InsightsOfTrail {
    #[serde(rename = "TrailARN")]
    trail_arn: TrailArn,
    insight_selectors: Vec<InsightSelector>,
}

/// GetInsightSelectors.
pub(crate) fn get(
    context: &Context<'_>,
    input: &TrailOrStore,
) -> Result<InsightsOfTrail, Exception> {
    let one = visible(context, input.trail(no_stores)?)?;
    let trail_arn = one.trail.arn.clone();
    if one.insights.is_empty() {
        let message = format!(
            "Trail {trail_arn} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again."
        );
        return Err(Exception::new("InsightNotEnabledException", message));
    }
    Ok(InsightsOfTrail { trail_arn, insight_selectors: one.insights.clone() })
}

/// PutInsightSelectors: instead of those before. None turn Insights off.
pub(crate) fn put(
    context: &Context<'_>,
    input: &PutInsightSelectors,
) -> Result<Plan<InsightsOfTrail>, Exception> {
    let one = changeable(context, input.subject.trail(no_stores)?)?;
    check(one, &input.insight_selectors)?;
    let arn = &one.trail.arn;
    let insights = input.insight_selectors.clone();
    let output = InsightsOfTrail { trail_arn: arn.clone(), insight_selectors: insights.clone() };
    let definitions = with_trail(context, arn, |one| one.insights = insights);
    Ok(Plan { definitions, output, checks: Vec::new() })
}

fn check(one: &TrailDefinition, given: &[InsightSelector]) -> Result<(), Exception> {
    let invalid = |message| Err(Exception::new("InvalidInsightSelectorsException", message));
    for (index, InsightSelector { insight_type, event_categories }) in given.iter().enumerate() {
        if !TYPES.contains(&insight_type.as_str()) {
            return invalid(format!(
                "InsightType {insight_type} is unknown; use one of {}.",
                TYPES.join(", ")
            ));
        }
        if given[..index].iter().any(|other| other.insight_type == *insight_type) {
            return invalid(format!("InsightType {insight_type} is given twice."));
        }
        let categories = event_categories.as_deref().unwrap_or_default();
        if !categories.iter().all(|category| CATEGORIES.contains(&category.as_str())) {
            return invalid(format!("EventCategories can have {}.", CATEGORIES.join(", ")));
        }
        let is_of_data = categories.iter().any(|category| category == "Data");
        if is_of_data && !takes_data_events(&one.trail.selectors) {
            let message =
                "Insights for data events can only be enabled for trails that log data events.";
            return Err(Exception::new("InvalidParameterException", message));
        }
    }
    Ok(())
}

fn no_stores(_store: &str) -> Exception {
    let message = "Cairn does not have event data stores; name a trail by TrailName.";
    Exception::new("UnsupportedOperationException", message)
}
