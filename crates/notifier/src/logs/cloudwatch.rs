//! Amazon CloudWatch Logs, written to by a role of the log group's owner.
//!
//! One client for each role and Region, as many as were used last. The role's credentials are kept by the SDK until shortly
//! before they end; a check assumes the role anew, since what it may have changed.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::{Credentials, Region};
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::put_log_events::PutLogEventsOutput;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lru::LruCache;
use model::Timestamp;
use model::notice::VALIDATION_MESSAGE;

use super::{LogSink, LogStream, LogsError};
use crate::failure::{Failure, bounds};

/// How long one call takes at most, the SDK's own retries included.
const CALL_MAX: Duration = Duration::from_secs(10);

/// Clients that are kept. A trail may be given any number of roles, one after another; a client that
/// is made anew assumes its role once more.
const CLIENTS_MAX: NonZeroUsize = NonZeroUsize::new(256).expect("it is not 0");

/// The session name of CloudTrail's own deliveries, by which trust policies and logs know them.
const SESSION: &str = "CLOUDWATCH_LOGS_DELIVERY_SESSION";

/// CloudWatch Logs, or an endpoint that speaks its protocol.
#[derive(Debug)]
pub struct CloudWatchLogs {
    logs: aws_sdk_cloudwatchlogs::Config,
    sts: aws_sdk_sts::Config,
    /// By role and Region.
    clients: Mutex<LruCache<(String, String), Client>>,
}

/// The credentials of a role.
#[derive(Debug)]
struct Role {
    sts: aws_sdk_sts::Client,
    arn: String,
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
            clients: Mutex::new(LruCache::new(CLIENTS_MAX)),
        }
    }

    /// Tries what CloudTrail tries when a trail gets its log group: assumes the role anew, makes the
    /// stream, and puts an event. The event is of 1970, which the service takes and does not keep:
    /// so it proves the permission and leaves nothing to be read.
    pub async fn check(&self, stream: &LogStream) -> Result<(), LogsError> {
        let credentials = self.role(stream).assume().await?;
        let config = self.logs.to_builder().region(region(stream));
        let client = Client::from_conf(config.credentials_provider(credentials).build());
        create_stream(&client, stream).await?;
        let epoch = Timestamp::from_millis(0);
        put_events(&client, stream, &[VALIDATION_MESSAGE], epoch).await.map(drop)
    }

    fn role(&self, stream: &LogStream) -> Role {
        let config = self.sts.to_builder().region(region(stream)).build();
        Role { sts: aws_sdk_sts::Client::from_conf(config), arn: stream.role_arn.clone() }
    }

    fn client(&self, stream: &LogStream) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (stream.role_arn.clone(), stream.group.region.to_string());
        let make = || {
            let config = self.logs.to_builder().region(region(stream));
            Client::from_conf(config.credentials_provider(self.role(stream)).build())
        };
        clients.get_or_insert(key, make).clone()
    }

    async fn put_batch(
        &self,
        stream: &LogStream,
        messages: &[&str],
        at: Timestamp,
    ) -> Result<(), LogsError> {
        let client = self.client(stream);
        let put = match put_events(&client, stream, messages, at).await {
            Err(LogsError::Group(failure)) if failure.code == "ResourceNotFoundException" => {
                create_stream(&client, stream).await?;
                put_events(&client, stream, messages, at).await?
            }
            put => put?,
        };
        // The answer is 200 though events are too old or too new: a clock is wrong, theirs or ours.
        if put.rejected_log_events_info.is_some() {
            let message = "the service finds the time of delivery too old or too new".to_owned();
            let failure = Failure { code: "RejectedLogEvents".into(), message, is_refusal: false };
            return Err(LogsError::Unknown(failure));
        }
        Ok(())
    }
}

impl LogSink for CloudWatchLogs {
    fn put<'a>(
        &'a self,
        stream: &'a LogStream,
        messages: &'a [&'a str],
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), LogsError>> {
        self.put_batch(stream, messages, at).boxed()
    }
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let assumed = self.assume();
        future::ProvideCredentials::new(async {
            assumed.await.map_err(CredentialsError::provider_error)
        })
    }
}

impl Role {
    async fn assume(&self) -> Result<Credentials, LogsError> {
        let asked = self.sts.assume_role().role_arn(&self.arn);
        let answer = asked.role_session_name(SESSION).send().await;
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

async fn put_events(
    client: &Client,
    stream: &LogStream,
    messages: &[&str],
    at: Timestamp,
) -> Result<PutLogEventsOutput, LogsError> {
    let event = |message: &&str| {
        let event = InputLogEvent::builder().timestamp(at.as_millis()).message(*message);
        event.build().expect("it has a time and a message")
    };
    let put = client.put_log_events().log_group_name(stream.group.name.as_str());
    let put = put.log_stream_name(&stream.name);
    let events = messages.iter().map(event).collect();
    put.set_log_events(Some(events)).send().await.map_err(|error| logs_error(&error))
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
    // What kept the role's credentials away comes wrapped.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<LogsError>() {
            return error.clone();
        }
        cause = error.source();
    }
    match Failure::of(error) {
        failure if failure.is_refusal => LogsError::Group(failure),
        failure => LogsError::Unknown(failure),
    }
}
