//! Amazon SNS as a [`Topic`].
//!
//! One client for each Region, since an SNS endpoint knows only its own Region's topics. The SDK's
//! standard retry mode stays, bounded so that one publish ends within [`PUBLISH_TIMEOUT`] (contract,
//! 4): three attempts of at most three seconds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sns::{Client, Config};
use model::ids::{Region, TopicArn};

use crate::failure::{Failure, bounds};
use crate::{PublishError, Topic};

/// How long one publish takes at most, the SDK's own retries included.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

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
        let (timeouts, retries) = bounds(timeout);
        let config = config.to_builder().timeout_config(timeouts).retry_config(retries).build();
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
        sent.map(|_| ()).map_err(|error| PublishError::from(Failure::of(&error)))
    }
}

impl From<Failure> for PublishError {
    fn from(failure: Failure) -> PublishError {
        let Failure { code, message, is_refusal } = failure;
        PublishError { code, message, topic_at_fault: is_refusal }
    }
}

/// A client of the same configuration for another Region.
pub(crate) fn client_in(config: &Config, region: &Region) -> Client {
    let region = aws_sdk_sns::config::Region::new(region.as_str().to_owned());
    Client::from_conf(config.to_builder().region(region).build())
}
