//! Whether a trail's log group takes events by its role.

use model::OrganizationId;
use notifier::logs::{CloudWatchLogs, LogStream, LogsError, stream_name};
use trails::{LogGroup, Trail};

use super::Found;

/// Assumes the role, makes the stream, puts an event that is not kept.
pub(super) async fn check(
    logs: &CloudWatchLogs,
    group: &LogGroup,
    trail: &Trail,
    organization: Option<&OrganizationId>,
) -> Result<Option<String>, Found> {
    let arn = group.arn.parse().map_err(|error| {
        let message = "CloudTrail cannot validate the specified log group ARN.";
        Found::refused("InvalidCloudWatchLogsLogGroupArnException", message, &error)
    })?;
    let name = stream_name(&trail.arn, organization, &trail.arn.account);
    let stream = LogStream { group: arn, role_arn: group.role_arn.clone(), name };
    logs.check(&stream).await.map(|()| None).map_err(|error| match &error {
        LogsError::Role(_) => Found::refused(
            "InvalidCloudWatchLogsRoleArnException",
            "Access denied. Verify in IAM that the role has adequate trust relationships.",
            &error,
        ),
        LogsError::Group(_) => Found::refused(
            "InvalidCloudWatchLogsLogGroupArnException",
            "Access denied. Verify in IAM that the role has adequate permissions.",
            &error,
        ),
        LogsError::Unknown(_) => Found::unknown(&error),
    })
}
