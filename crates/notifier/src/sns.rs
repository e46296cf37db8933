//! Amazon SNS as a [`Topic`].
//!
//! One client for each Region, since an SNS endpoint knows only its own Region's topics. The SDK's
//! standard retry mode stays, bounded so that one publish ends within [`PUBLISH_TIMEOUT`] (contract,
//! 4): three attempts of at most three seconds.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::{Client, Config};
use model::ids::{Region, TopicArn};
use outbox::brief;

use crate::{PublishError, Topic};

/// How long one publish takes at most, the SDK's own retries included.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

const ATTEMPTS_MAX: u32 = 3;

/// Codes, in whole or in part, that say nothing about the topic: the service is busy, or our
/// credentials or our clock are wrong.
const NOT_THE_TOPIC: [&str; 9] = [
    "Throttl",
    "TooManyRequests",
    "ExpiredToken",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "RequestExpired",
];

/// Topics of Amazon SNS, or of an endpoint that speaks its protocol.
#[derive(Debug)]
pub struct SnsTopic {
    config: Config,
    clients: Mutex<BTreeMap<Region, Client>>,
}

impl SnsTopic {
    /// Topics reached with this configuration's credentials and endpoint, each in the Region of
    /// its ARN. `aws_sdk_sns::Config::from(&sdk_config)` makes one of the shared configuration.
    #[must_use]
    pub fn new(config: &Config) -> SnsTopic {
        SnsTopic::with_timeout(config, PUBLISH_TIMEOUT)
    }

    /// The same, with another bound on one publish.
    #[must_use]
    pub fn with_timeout(config: &Config, timeout: Duration) -> SnsTopic {
        let attempt = timeout * 3 / 10;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(attempt)
            .operation_attempt_timeout(attempt)
            .operation_timeout(timeout);
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS_MAX)
            .with_initial_backoff(timeout / 50)
            .with_max_backoff(timeout / 20);
        let config =
            config.to_builder().timeout_config(timeouts.build()).retry_config(retries).build();
        SnsTopic { config, clients: Mutex::default() }
    }

    fn client(&self, region: &Region) -> Client {
        // A half-made entry cannot be seen: whoever panicked has inserted nothing.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || client_in(&self.config, region);
        clients.entry(region.clone()).or_insert_with(make).clone()
    }
}

impl Topic for SnsTopic {
    async fn publish(&self, topic: &TopicArn, message: &str) -> Result<(), PublishError> {
        let request = self.client(&topic.region).publish();
        let sent = request.topic_arn(topic.to_string()).message(message).send().await;
        sent.map(|_| ()).map_err(|error| publish_error(&error))
    }
}

/// A client of the same configuration for another Region.
pub(crate) fn client_in(config: &Config, region: &Region) -> Client {
    let region = aws_sdk_sns::config::Region::new(region.as_str().to_owned());
    Client::from_conf(config.to_builder().region(region).build())
}

fn publish_error<E>(error: &SdkError<E>) -> PublishError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let Some((status, service)) = status.zip(error.as_service_error()) else {
        return PublishError::no_answer(&brief(error));
    };
    let code = service.code().map_or_else(|| format!("Http{status}"), str::to_owned);
    PublishError {
        message: service.message().unwrap_or("the service said nothing more").to_owned(),
        topic_at_fault: (400..500).contains(&status)
            && status != 429
            && !NOT_THE_TOPIC.iter().any(|part| code.contains(part)),
        code,
    }
}
