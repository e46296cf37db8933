//! The pair of log group and role by which a trail's events go to CloudWatch Logs.
//!
//! | group | role | in a new trail | in a change |
//! | --- | --- | --- | --- |
//! | left out | left out | none | as before |
//! | given | given | the pair | the pair |
//! | `""` or left out | `""` or left out, and one of them `""` | none | removed |
//! | given | `""` or left out | refused | refused |
//! | `""` or left out | given | refused | refused |
//!
//! Both are of the trail's owner, and the group of the trail's home Region.
//! Source: AWS CloudTrail API Reference, "UpdateTrail", `CloudWatchLogsLogGroupArn`.

use model::ids::partition_of;
use model::{AccountId, Region, TrailArn};
use trails::LogGroup;

use super::members::Members;
use crate::exception::Exception;

/// The pair that a trail will have.
pub(crate) fn of(
    members: &Members,
    trail: &TrailArn,
    before: Option<LogGroup>,
) -> Result<Option<LogGroup>, Exception> {
    let group = members.cloud_watch_logs_log_group_arn.as_deref();
    let role = members.cloud_watch_logs_role_arn.as_deref();
    if group.is_none() && role.is_none() {
        return Ok(before);
    }
    let both = "You must specify a log group and a role ARN.";
    match (group.unwrap_or_default(), role.unwrap_or_default()) {
        ("", "") => Ok(None),
        (_, "") => Err(bad_role(both)),
        ("", _) => Err(bad_group(both)),
        (group, role) => pair(group, role, trail).map(Some),
    }
}

fn pair(group: &str, role: &str, trail: &TrailArn) -> Result<LogGroup, Exception> {
    let (region, owner) = group_parts(group, trail)
        .ok_or_else(|| bad_group("CloudTrail cannot validate the specified log group ARN."))?;
    let role_owner = role_parts(role, trail)
        .ok_or_else(|| bad_role("CloudTrail cannot validate the specified role ARN."))?;
    if region != trail.home_region {
        let message = "You must specify a log group that is in the current region.";
        return Err(bad_group(message));
    }
    // As of one that is not there: nobody learns what others have.
    if role_owner != trail.account {
        let message =
            "Access denied. Verify in IAM that the role has adequate trust relationships.";
        return Err(bad_role(message));
    }
    if owner != trail.account {
        let message = "Access denied. Verify in IAM that the role has adequate permissions.";
        return Err(bad_group(message));
    }
    Ok(LogGroup { arn: group.to_owned(), role_arn: role.to_owned() })
}

/// Region and owner of `arn:PARTITION:logs:REGION:ACCOUNT:log-group:NAME:*`.
fn group_parts(arn: &str, trail: &TrailArn) -> Option<(Region, AccountId)> {
    let rest = in_partition(arn, trail)?.strip_prefix("logs:")?;
    let (region, rest) = rest.split_once(':')?;
    let (account, rest) = rest.split_once(':')?;
    let name = rest.strip_prefix("log-group:")?.strip_suffix(":*")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
    let is_name = (1..=512).contains(&name.len()) && name.bytes().all(fits);
    is_name.then_some((region.parse().ok()?, account.parse().ok()?))
}

/// The owner of `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`.
fn role_parts(arn: &str, trail: &TrailArn) -> Option<AccountId> {
    let rest = in_partition(arn, trail)?.strip_prefix("iam::")?;
    let (account, name) = rest.split_once(":role/")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
    let is_name = (1..=576).contains(&name.len()) && name.bytes().all(fits);
    is_name.then_some(account.parse().ok()?)
}

/// What follows the partition, if it is the trail's.
fn in_partition<'a>(arn: &'a str, trail: &TrailArn) -> Option<&'a str> {
    let rest = arn.strip_prefix("arn:")?.strip_prefix(partition_of(&trail.home_region))?;
    rest.strip_prefix(':')
}

fn bad_group(message: &str) -> Exception {
    Exception::new("InvalidCloudWatchLogsLogGroupArnException", message)
}

fn bad_role(message: &str) -> Exception {
    Exception::new("InvalidCloudWatchLogsRoleArnException", message)
}
