//! UpdateTrail. What it leaves out stays, and is tried outside again all the same.

use trails::TrailDefinition;

use super::members::{Members, draft};
use super::room;
use super::shapes::Settings;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{changeable, management_account, not_management_account};
use crate::operation::Plan;

pub(crate) fn update(
    context: &Context<'_>,
    members: &Members,
) -> Result<Plan<Settings>, Exception> {
    let before = changeable(context, &members.name)?;
    check_conversion(context, members, before)?;
    let draft = draft(context, members, before.trail.arn.clone(), Some(before))?;
    let trail = &draft.definition.trail;
    if trail.is_multi_region && !before.trail.is_multi_region {
        check_other_regions(context, &draft.definition)?;
    }
    let mut output = Settings::of(&draft.definition);
    if members.sns_topic_name.as_deref() == Some("") {
        // Only the answer to the call that clears them has them so.
        (output.sns_topic_name, output.sns_topic_arn) = (Some(String::new()), Some(String::new()));
    }
    let mut definitions = context.definitions.clone();
    for one in definitions.trails.iter_mut().filter(|one| one.trail.arn == trail.arn) {
        one.clone_from(&draft.definition);
    }
    Ok(Plan { definitions, output, checks: draft.checks })
}

/// Only the management account makes an account's trail the organization's, or the reverse.
fn check_conversion(
    context: &Context<'_>,
    members: &Members,
    before: &TrailDefinition,
) -> Result<(), Exception> {
    let wanted = members.is_organization_trail.unwrap_or(before.trail.is_organization);
    if wanted == before.trail.is_organization {
        return Ok(());
    }
    let is_manager = *management_account(context)? == context.caller.account;
    if is_manager { Ok(()) } else { Err(not_management_account()) }
}

/// A trail that joins other Regions needs its name and a place there.
fn check_other_regions(context: &Context<'_>, one: &TrailDefinition) -> Result<(), Exception> {
    let refuse = |message| Err(Exception::new("InvalidParameterCombinationException", message));
    let name = &one.trail.arn.name;
    if let Some(region) = room::clash(context.definitions, &one.trail) {
        return refuse(format!(
            "Trail {name} cannot apply to all Regions: {region} has another trail of that name."
        ));
    }
    if let Some(region) = room::full(context, &one.trail) {
        let quota = context.quotas.trails_per_region;
        return refuse(format!(
            "Trail {name} cannot apply to all Regions: {region} already has {quota} trails."
        ));
    }
    Ok(())
}
