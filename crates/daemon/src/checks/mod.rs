//! What CreateTrail and UpdateTrail try outside before a trail may be as it is asked for.
//!
//! | what | tried | refused with |
//! | --- | --- | --- |
//! | [`bucket`] | the ACL is read and the markers are put, whatever became of the other | `S3BucketDoesNotExistException`, `InsufficientS3BucketPolicyException`, those of the key |
//! | [`key`] | a data key is made, which names the key by its ARN | `KmsKeyNotFoundException`, `InsufficientEncryptionPolicyException`, `KmsException` |
//! | [`topic`] | the validation message is published | `InsufficientSnsTopicPolicyException` |
//! | [`log_group`] | the role is assumed, the stream made, an event put | `InvalidCloudWatchLogsRoleArnException`, `InvalidCloudWatchLogsLogGroupArnException` |
//!
//! Each service is asked in the Region of what is named, with the daemon's own credentials. One that
//! does not answer, is busy, or refuses these credentials says nothing of the trail: the caller gets
//! a 500, which the SDKs try again, and the log says why. A check may leave markers and a stream
//! behind, as AWS's do.
//!
//! Source: AWS CloudTrail API Reference, `CreateTrail`; User Guide, policies for buckets, keys, topics.

pub mod bucket;
pub mod key;
pub mod log_group;
pub mod topic;

use std::time::Duration;

use api::{Check, Exception, Problem};
use aws_config::SdkConfig;
use aws_sdk_s3::config::Builder as S3Builder;
use delivery::S3Store;
use notifier::logs::CloudWatchLogs;
use notifier::sns::SnsTopic;
use trails::Definitions;

use crate::aws;

/// How long one call of a check takes at most, the SDK's own retries included.
const CALL_MAX: Duration = Duration::from_secs(10);

/// The AWS clients that checks are made with.
#[derive(Debug)]
pub struct Checks {
    store: S3Store,
    topics: SnsTopic,
    keys: aws_sdk_kms::Config,
    logs: CloudWatchLogs,
}

/// Why a trail may not be as it is asked for.
struct Found {
    /// For the caller.
    problem: Problem,
    /// For the log: what the service said.
    cause: String,
}

impl Found {
    /// What the trail names is missing, or refuses.
    fn refused(code: &'static str, message: impl Into<String>, cause: &impl ToString) -> Found {
        Found { problem: Exception::new(code, message), cause: cause.to_string() }
    }

    /// It could not be found out.
    fn unknown(cause: &impl ToString) -> Found {
        Found { problem: Exception::internal(), cause: cause.to_string() }
    }
}

impl Checks {
    /// With the SDK's shared settings.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Checks {
        Checks::with_timeout(config, CALL_MAX)
    }

    /// The same, with another bound on one call.
    #[must_use]
    pub fn with_timeout(config: &SdkConfig, timeout: Duration) -> Checks {
        let is_path_style = aws::is_path_style(config);
        let (timeouts, retries) = notifier::failure::bounds(timeout);
        let keys = aws_sdk_kms::config::Builder::from(config);
        Checks {
            store: S3Store::with_timeout(S3Builder::from(config), is_path_style, timeout),
            topics: SnsTopic::with_timeout(&config.into(), timeout),
            keys: keys.timeout_config(timeouts).retry_config(retries).build(),
            logs: CloudWatchLogs::with_timeout(&config.into(), &config.into(), timeout),
        }
    }

    /// Tries what a plan needs. Of a key it returns the ARN.
    pub async fn check(
        &self,
        check: &Check,
        definitions: &Definitions,
    ) -> Result<Option<String>, Problem> {
        let organization = definitions.organization.as_ref();
        let organization = organization.map(|organization| &organization.id);
        let result = match check {
            Check::Bucket { trail, validates_log_files } => {
                let organization = organization.filter(|_| trail.is_organization);
                bucket::check(&self.store, trail, organization, *validates_log_files).await
            }
            Check::Key { key, trail } => key::check(&self.keys, key, trail).await,
            Check::Topic { trail } => topic::check(&self.topics, trail).await,
            Check::LogGroup { group, trail } => {
                let organization = organization.filter(|_| trail.is_organization);
                log_group::check(&self.logs, group, trail, organization).await
            }
        };
        result.map_err(|Found { problem, cause }| {
            tracing::warn!(
                exception = problem.code,
                cause,
                "a trail may not be as it is asked for"
            );
            problem
        })
    }
}
