//! Amazon CloudWatch Logs, written to by a role of the log group's owner.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::{Credentials, Region};
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use model::notice::VALIDATION_MESSAGE;

use super::{LogStream, LogsError};
use crate::failure::{Failure, bounds};

/// How long one call takes at most, the SDK's own retries included.
const CALL_MAX: Duration = Duration::from_secs(10);

/// The session name of CloudTrail's own deliveries, by which trust policies and logs know them.
const SESSION: &str = "CLOUDWATCH_LOGS_DELIVERY_SESSION";

/// CloudWatch Logs, or an endpoint that speaks its protocol.
#[derive(Debug)]
pub struct CloudWatchLogs {
    logs: aws_sdk_cloudwatchlogs::Config,
    sts: aws_sdk_sts::Config,
}

impl CloudWatchLogs {
    /// Reached with these configurations' endpoints, each group in the Region of its ARN; roles are
    /// assumed with the credentials of `sts`.
    #[must_use]
    pub fn new(logs: &aws_sdk_cloudwatchlogs::Config, sts: &aws_sdk_sts::Config) -> CloudWatchLogs {
        CloudWatchLogs::with_timeout(logs, sts, CALL_MAX)
    }

    /// The same, with another bound on one call.
    #[must_use]
    pub fn with_timeout(
        logs: &aws_sdk_cloudwatchlogs::Config,
        sts: &aws_sdk_sts::Config,
        timeout: Duration,
    ) -> CloudWatchLogs {
        let (timeouts, retries) = bounds(timeout);
        CloudWatchLogs {
            logs: (logs.to_builder())
                .timeout_config(timeouts.clone())
                .retry_config(retries.clone())
                .build(),
            sts: sts.to_builder().timeout_config(timeouts).retry_config(retries).build(),
        }
    }

    /// Tries what CloudTrail tries when a trail gets its log group: assumes the role anew, makes the
    /// stream, and puts an event. The event is of 1970, which the service takes and does not keep:
    /// so it proves the permission and leaves nothing to be read.
    pub async fn check(&self, stream: &LogStream) -> Result<(), LogsError> {
        let credentials = self.assume(stream).await?;
        let config = self.logs.to_builder().region(region(stream));
        let client = Client::from_conf(config.credentials_provider(credentials).build());
        create_stream(&client, stream).await?;
        let event = InputLogEvent::builder().timestamp(0).message(VALIDATION_MESSAGE);
        let event = event.build().expect("it has a time and a message");
        let put = client.put_log_events().log_group_name(stream.group.name.as_str());
        let put = put.log_stream_name(&stream.name).log_events(event).send().await;
        put.map(drop).map_err(|error| logs_error(&error))
    }

    async fn assume(&self, stream: &LogStream) -> Result<Credentials, LogsError> {
        let config = self.sts.to_builder().region(region(stream)).build();
        let asked = aws_sdk_sts::Client::from_conf(config).assume_role();
        let answer = asked.role_arn(&stream.role_arn).role_session_name(SESSION).send().await;
        let answer = answer.map_err(|error| match Failure::of(&error) {
            failure if failure.is_refusal => LogsError::Role(failure),
            failure => LogsError::Unknown(failure),
        })?;
        let given = answer.credentials.ok_or_else(|| {
            let (code, message) =
                ("InvalidResponse".into(), "the answer has no credentials".into());
            LogsError::Unknown(Failure { code, message, is_refusal: false })
        })?;
        let expires = given.expiration.try_into().ok();
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            expires,
            SESSION,
        ))
    }
}

/// Makes the stream, unless it is there.
async fn create_stream(client: &Client, stream: &LogStream) -> Result<(), LogsError> {
    let create = client.create_log_stream().log_group_name(stream.group.name.as_str());
    match create.log_stream_name(&stream.name).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ResourceAlreadyExistsException") => Ok(()),
        Err(error) => Err(logs_error(&error)),
    }
}

fn region(stream: &LogStream) -> Region {
    Region::new(stream.group.region.as_str().to_owned())
}

fn logs_error<E>(error: &SdkError<E>) -> LogsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match Failure::of(error) {
        failure if failure.is_refusal => LogsError::Group(failure),
        failure => LogsError::Unknown(failure),
    }
}
