//! GetTrailStatus: whether a trail logs, since when, and how its deliveries fare.
//!
//! Times come twice: as numbers, left out until there is one, and as the texts that AWS no longer
//! wants used and still writes, empty until there is one.
//! Source: AWS CloudTrail API Reference, "GetTrailStatus".

use model::Timestamp;
use serde::Serialize;

use super::shapes::NamedTrail;
use crate::context::Context;
use crate::exception::Exception;
use crate::names::{find, trail_arn, unknown_trail};
use crate::site::TrailStatus;
use crate::wire::epoch;

/// The output of GetTrailStatus.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Status {
    is_logging: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_delivery_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_notification_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "epoch")]
    latest_delivery_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "epoch")]
    latest_notification_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "epoch")]
    start_logging_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "epoch")]
    stop_logging_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_cloud_watch_logs_delivery_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "epoch")]
    latest_cloud_watch_logs_delivery_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "epoch")]
    latest_digest_delivery_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_digest_delivery_error: Option<String>,
    latest_delivery_attempt_time: String,
    latest_delivery_attempt_succeeded: String,
    latest_notification_attempt_time: String,
    latest_notification_attempt_succeeded: String,
    time_logging_started: String,
    time_logging_stopped: String,
}

/// The status of a trail. One that is not there is called by its ARN, however it was named.
pub(crate) fn get(context: &Context<'_>, input: &NamedTrail) -> Result<Status, Exception> {
    let arn = trail_arn(context.caller, &input.name)?;
    let one = find(context, &arn).ok_or_else(|| unknown_trail(context.caller, &arn.to_string()))?;
    let logging = context.definitions.logging.get(&arn).copied().unwrap_or_default();
    let now = (context.status)(&arn);
    // What went to a log group says nothing once the trail has none.
    let now = match one.log_group {
        Some(_) => now,
        None => TrailStatus {
            latest_cloudwatch_logs_delivery_time: None,
            latest_cloudwatch_logs_delivery_error: None,
            ..now
        },
    };
    Ok(Status {
        is_logging: one.trail.is_logging,
        latest_delivery_attempt_time: text(now.latest_delivery_time),
        latest_delivery_attempt_succeeded: text(now.latest_delivery_time),
        latest_notification_attempt_time: text(now.latest_notification_time),
        latest_notification_attempt_succeeded: text(now.latest_notification_time),
        time_logging_started: text(logging.started),
        time_logging_stopped: text(logging.stopped),
        start_logging_time: logging.started,
        stop_logging_time: logging.stopped,
        latest_delivery_time: now.latest_delivery_time,
        latest_delivery_error: now.latest_delivery_error,
        latest_notification_time: now.latest_notification_time,
        latest_notification_error: now.latest_notification_error,
        latest_cloud_watch_logs_delivery_time: now.latest_cloudwatch_logs_delivery_time,
        latest_cloud_watch_logs_delivery_error: now.latest_cloudwatch_logs_delivery_error,
        latest_digest_delivery_time: now.latest_digest_delivery_time,
        latest_digest_delivery_error: now.latest_digest_delivery_error,
    })
}

fn text(time: Option<Timestamp>) -> String {
    time.map(Timestamp::to_iso_seconds).unwrap_or_default()
}
