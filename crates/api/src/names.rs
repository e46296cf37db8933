//! How callers name trails: by name, in their own account and Region, or by ARN.

use model::ids::partition_of;
use model::{AccountId, InvalidId, TrailArn, TrailName};
use trails::{Definitions, Origin, TrailDefinition};

use crate::caller::Caller;
use crate::context::Context;
use crate::exception::Exception;

/// The trail that a caller means, whether it exists or not.
pub(crate) fn trail_arn(caller: &Caller, name_or_arn: &str) -> Result<TrailArn, Exception> {
    if name_or_arn.starts_with("arn:") {
        return name_or_arn.parse().map_err(|error: InvalidId| {
            Exception::new("CloudTrailARNInvalidException", format!("{error}."))
        });
    }
    Ok(TrailArn {
        account: caller.account.clone(),
        home_region: caller.region.clone(),
        name: trail_name(name_or_arn)?,
    })
}

/// The ARN that policies are asked about; of what is no ARN, what it would be.
pub(crate) fn trail_resource(caller: &Caller, name_or_arn: &str) -> String {
    if name_or_arn.starts_with("arn:") {
        return name_or_arn.to_owned();
    }
    let partition = partition_of(&caller.region);
    format!("arn:{partition}:cloudtrail:{}:{}:trail/{name_or_arn}", caller.region, caller.account)
}

/// Checks a trail's name.
/// Source: AWS CloudTrail User Guide, "Naming requirements".
pub(crate) fn trail_name(name: &str) -> Result<TrailName, Exception> {
    let length = name.chars().count();
    let is_edge = |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let message = match () {
        () if length < 3 => format!(
            "Trail name too short. Minimum allowed length: 3 characters. Specified name length: {length} characters."
        ),
        () if length > 128 => format!(
            "Trail name too long. Maximum allowed length: 128 characters. Specified name length: {length} characters."
        ),
        () if !is_edge(name.chars().next()) => "Trail name must starts with a letter or number.".into(),
        () if !is_edge(name.chars().last()) => "Trail name must ends with a letter or number.".into(),
        () if !name.chars().all(is_allowed) => "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).".into(),
        () => match name.parse() {
            Ok(name) => return Ok(name),
            Err(_) => "Trail name cannot have two of the characters period (.), hyphen (-) and underscore (_) side by side, and cannot be an IP address.".into(),
        },
    };
    Err(Exception::new("InvalidTrailNameException", message))
}

/// `TrailNotFoundException`.
pub(crate) fn unknown_trail(caller: &Caller, name_or_arn: &str) -> Exception {
    let message = format!("Unknown trail: {name_or_arn} for the user: {}", caller.account);
    Exception::new("TrailNotFoundException", message)
}

/// `NotOrganizationMasterAccountException`.
pub(crate) fn not_management_account() -> Exception {
    let message = "Only the organization's management account, or a delegated administrator, can make or change organization trails.";
    Exception::new("NotOrganizationMasterAccountException", message)
}

/// The management account of the caller's organization.
pub(crate) fn management_account<'a>(context: &Context<'a>) -> Result<&'a AccountId, Exception> {
    let organization = context.definitions.organization.as_ref();
    let organization = organization.filter(|one| one.contains(&context.caller.account));
    organization.map(|one| &one.management_account).ok_or_else(|| {
        let message = "The account belongs to no organization. Organization trails need one.";
        Exception::new("OrganizationsNotInUseException", message)
    })
}

/// Whether an account sees a trail: its own, and its organization's.
pub(crate) fn sees(definitions: &Definitions, account: &AccountId, one: &TrailDefinition) -> bool {
    let organization = definitions.organization.as_ref();
    one.trail.arn.account == *account
        || (one.trail.is_organization && organization.is_some_and(|o| o.contains(account)))
}

/// A trail that the caller may look at.
pub(crate) fn visible<'a>(
    context: &Context<'a>,
    name_or_arn: &str,
) -> Result<&'a TrailDefinition, Exception> {
    let arn = trail_arn(context.caller, name_or_arn)?;
    find(context, &arn).ok_or_else(|| unknown_trail(context.caller, name_or_arn))
}

/// A trail, if it exists and the caller may look at it.
pub(crate) fn find<'a>(context: &Context<'a>, arn: &TrailArn) -> Option<&'a TrailDefinition> {
    let found = context.definitions.trail(arn);
    found.filter(|one| sees(context.definitions, &context.caller.account, one))
}

/// A trail that the caller may change: one that it may manage, in its home Region, and not defined by
/// the configuration.
pub(crate) fn changeable<'a>(
    context: &Context<'a>,
    name_or_arn: &str,
) -> Result<&'a TrailDefinition, Exception> {
    let one = visible(context, name_or_arn)?;
    let Context { caller, definitions, .. } = context;
    let arn = &one.trail.arn;
    // What is another's and can be seen is the organization's.
    let is_delegate = definitions.delegated_administrators.contains(&caller.account);
    if arn.account != caller.account && !is_delegate {
        return Err(not_management_account());
    }
    if arn.home_region != caller.region {
        let message = format!(
            "Trail {} can only be changed in its home Region, {}.",
            arn.name, arn.home_region
        );
        return Err(Exception::new("InvalidHomeRegionException", message));
    }
    if one.origin == Origin::Configuration {
        let message = format!(
            "Trail {} is defined in the daemon's configuration file, and can only be changed there.",
            arn.name
        );
        return Err(Exception::new("OperationNotPermittedException", message));
    }
    Ok(one)
}

/// The ARN that policies are asked about for a channel that is named by its ARN or its last part.
pub(crate) fn channel_resource(caller: &Caller, arn_or_id: &str) -> String {
    if arn_or_id.starts_with("arn:") {
        return arn_or_id.to_owned();
    }
    let partition = partition_of(&caller.region);
    format!("arn:{partition}:cloudtrail:{}:{}:channel/{arn_or_id}", caller.region, caller.account)
}
