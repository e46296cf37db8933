//! GetInsightSelectors and PutInsightSelectors. Cairn finds no Insights yet: none are ever enabled,
//! they can be turned off, and not on.
//!
//! Source: AWS CloudTrail API Reference.

use model::TrailArn;
use serde::{Deserialize, Serialize};

use super::event_data_stores::TrailOrStore;
use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{changeable, visible};
use crate::operation::{Input, Plan};

const TYPES: [&str; 2] = ["ApiCallRateInsight", "ApiErrorRateInsight"];

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

/// What a trail looks for.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InsightSelector {
    insight_type: String,
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
    let name = input.trail(no_stores)?;
    let arn = &visible(context, name)?.trail.arn;
    let message = format!(
        "Trail {arn} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again."
    );
    Err(Exception::new("InsightNotEnabledException", message))
}

/// PutInsightSelectors.
pub(crate) fn put(
    context: &Context<'_>,
    input: &PutInsightSelectors,
) -> Result<Plan<InsightsOfTrail>, Exception> {
    let name = input.subject.trail(no_stores)?;
    let arn = &changeable(context, name)?.trail.arn;
    let types = input.insight_selectors.iter().map(|selector| &selector.insight_type);
    if let Some(unknown) = types.into_iter().find(|one| !TYPES.contains(&one.as_str())) {
        let message = format!("InsightType {unknown} is unknown; use one of {}.", TYPES.join(", "));
        return Err(Exception::new("InvalidInsightSelectorsException", message));
    }
    if !input.insight_selectors.is_empty() {
        let message =
            "Cairn does not find Insights; only an empty list of InsightSelectors is taken.";
        return Err(Exception::new("UnsupportedOperationException", message));
    }
    let output = InsightsOfTrail { trail_arn: arn.clone(), insight_selectors: Vec::new() };
    Ok(Plan { definitions: context.definitions.clone(), output, checks: Vec::new() })
}

fn no_stores(_store: &str) -> Exception {
    let message = "Cairn does not have event data stores; name a trail by TrailName.";
    Exception::new("UnsupportedOperationException", message)
}
