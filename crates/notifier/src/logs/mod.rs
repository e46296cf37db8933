//! CloudWatch Logs: where a trail's records go besides its bucket, how they are sent, and why a stream
//! does not take them.
//!
//! | what | value |
//! | --- | --- |
//! | stream | `ACCT_CloudTrail_REGION`, of an organization trail `O-ID_ACCT_CloudTrail_REGION`; the account whose records they are, the trail's home Region |
//! | role | assumed with the session name that CloudTrail uses |
//!
//! Source: CloudTrail User Guide, "Sending events to CloudWatch Logs" and its role policy.

mod batch;
mod cloudwatch;
pub mod memory;
mod sender;
mod sink;

pub use cloudwatch::CloudWatchLogs;
use model::{AccountId, LogGroupArn, OrganizationId, TrailArn};

pub use sender::{LogSender, LogsReport, Reference};
pub use sink::LogSink;

use crate::failure::Failure;

/// A stream of a log group, and the role by which it is written to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogStream {
    /// The group.
    pub group: LogGroupArn,
    /// `arn:aws:iam::ACCOUNT:role/NAME`
    pub role_arn: String,
    /// The stream's name.
    pub name: String,
}

/// The name of the stream for one account's records of a trail.
#[must_use]
pub fn stream_name(
    trail: &TrailArn,
    organization: Option<&OrganizationId>,
    account: &AccountId,
) -> String {
    let own = format!("{account}_CloudTrail_{}", trail.home_region);
    organization.map_or(own.clone(), |organization| format!("{organization}_{own}"))
}

/// Why a stream did not take records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogsError {
    /// The role may not be assumed, or is not there.
    #[error("the role cannot be assumed: {0}")]
    Role(Failure),
    /// The group is not there, or the role may not write to it.
    #[error("the log group does not take records: {0}")]
    Group(Failure),
    /// The services were not reached, are busy, or refuse the daemon's own credentials.
    #[error("CloudWatch Logs cannot be asked: {0}")]
    Unknown(Failure),
}
