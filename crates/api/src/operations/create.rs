//! CreateTrail.

use model::{AccountId, TrailArn};

use super::members::{Members, draft};
use super::room;
use super::shapes::Settings;
use super::tags::merged;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{management_account, not_management_account, trail_name};
use crate::operation::Plan;

pub(crate) fn create(
    context: &Context<'_>,
    members: &Members,
) -> Result<Plan<Settings>, Exception> {
    let name = trail_name(&members.name)?;
    let account = owner(context, members)?;
    let arn = TrailArn { account, home_region: context.caller.region.clone(), name };
    let mut draft = draft(context, members, arn, None)?;
    let given = members.tags_list.as_deref().unwrap_or_default();
    draft.definition.tags = merged(&[], given, context.quotas.tags)?;
    let trail = &draft.definition.trail;
    let arn = &trail.arn;
    let is_there = context.definitions.trail(arn).is_some();
    if is_there || room::clash(context.definitions, trail).is_some() {
        let message = format!("Trail {} already exists for customer: {}", arn.name, arn.account);
        return Err(Exception::new("TrailAlreadyExistsException", message));
    }
    room::check_region(context.definitions, &arn.account, &arn.home_region)?;
    if let Some(region) = room::full(context, trail) {
        let quota = context.quotas.trails_per_region;
        let message = format!("User: {} already has {quota} trails in {region}.", arn.account);
        return Err(Exception::new("MaximumNumberOfTrailsExceededException", message));
    }
    let output = Settings::of(&draft.definition);
    let mut definitions = context.definitions.clone();
    definitions.trails.push(draft.definition);
    Ok(Plan { definitions, output, checks: draft.checks })
}

/// Who owns the trail: the caller, or of an organization trail, whoever makes it, the management
/// account.
fn owner(context: &Context<'_>, members: &Members) -> Result<AccountId, Exception> {
    let account = &context.caller.account;
    if members.is_organization_trail != Some(true) {
        return Ok(account.clone());
    }
    let manager = management_account(context)?;
    if manager != account && !context.definitions.delegated_administrators.contains(account) {
        return Err(not_management_account());
    }
    Ok(manager.clone())
}
