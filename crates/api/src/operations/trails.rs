//! GetTrail and DescribeTrails: trails as they are defined.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use trails::TrailDefinition;

use super::shapes::{Described, NamedTrail};
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{find, sees, trail_arn, unknown_trail};
use crate::operation::Input;

/// The output of GetTrail.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GotTrail {
    trail: Described,
}

/// The input of DescribeTrails.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DescribeTrails {
    trail_name_list: Option<Vec<String>>,
    include_shadow_trails: Option<bool>,
}

impl Input for DescribeTrails {}

/// The output of DescribeTrails.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrailList {
    trail_list: Vec<Described>,
}

/// A trail. One that is not there is called by its bare name, however it was named.
pub(crate) fn get(context: &Context<'_>, input: &NamedTrail) -> Result<GotTrail, Exception> {
    let arn = trail_arn(context.caller, &input.name)?;
    let one =
        find(context, &arn).ok_or_else(|| unknown_trail(context.caller, arn.name.as_str()))?;
    Ok(GotTrail { trail: Described::of(one) })
}

/// All trails that show in the Region, or those that are named; names of none are passed over.
pub(crate) fn describe(
    context: &Context<'_>,
    input: &DescribeTrails,
) -> Result<TrailList, Exception> {
    let Context { caller, definitions, .. } = context;
    let names = input.trail_name_list.as_deref().unwrap_or_default();
    let named =
        names.iter().map(|name| trail_arn(caller, name)).collect::<Result<BTreeSet<_>, _>>()?;
    let without_shadows = input.include_shadow_trails == Some(false);
    let is_listed = |one: &&TrailDefinition| {
        let arn = &one.trail.arn;
        let is_home = arn.home_region == caller.region;
        let is_shadow = !is_home || arn.account != caller.account;
        let is_meant = match named.is_empty() {
            true => is_home || one.trail.is_multi_region,
            false => named.contains(arn),
        };
        is_meant && !(without_shadows && is_shadow) && sees(definitions, &caller.account, one)
    };
    let trail_list = definitions.trails.iter().filter(is_listed).map(Described::of).collect();
    Ok(TrailList { trail_list })
}
