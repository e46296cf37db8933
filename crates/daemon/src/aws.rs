//! The AWS clients, from the SDK's standard chain: environment, profile, instance or web identity.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Builder as S3Builder;
use delivery::S3Store;
use keyring::{Custody, Kms};
use notifier::logs::CloudWatchLogs;
use notifier::sns::SnsTopic;

use crate::config::DigestsKmsKey;

/// Used when neither the environment nor a profile names a Region.
const DEFAULT_REGION: &str = "us-east-1";

/// No call waits longer, the SDK's own retries included; a long poll of SQS takes 20 s.
const ATTEMPT_MAX: Duration = Duration::from_secs(40);
const OPERATION_MAX: Duration = Duration::from_secs(90);

/// A call of KMS for a key that signs digests ends by then, the SDK's own retries included.
const KMS_MAX: Duration = Duration::from_secs(10);

/// The Region that the environment or its profile says, without a question to anybody.
pub async fn region() -> Region {
    let environment = EnvironmentVariableRegionProvider::new();
    let chain = RegionProviderChain::first_try(environment);
    let chain = chain.or_else(ProfileFileRegionProvider::new());
    let found = chain.region().await;
    found.unwrap_or(Region::from_static(DEFAULT_REGION))
}

/// The settings that all clients share.
pub async fn load() -> SdkConfig {
    load_profile(None).await
}

/// The same, by a profile of the shared configuration, or by what the environment says.
pub async fn load_profile(profile: Option<&str>) -> SdkConfig {
    let chain = RegionProviderChain::default_provider();
    let region = chain.or_else(Region::from_static(DEFAULT_REGION));
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_MAX)
        .operation_timeout(OPERATION_MAX)
        .build();
    let loader =
        aws_config::defaults(BehaviorVersion::latest()).region(region).timeout_config(timeouts);
    match profile {
        None => loader.load().await,
        Some(profile) => {
            // Before what the environment says, which may be for somebody else.
            let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile);
            let loader = loader.profile_name(profile).credentials_provider(credentials.build());
            loader.load().await
        }
    }
}

/// Whether S3 is an endpoint of its own, which has no name for each bucket.
#[must_use]
pub fn is_path_style(config: &SdkConfig) -> bool {
    config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some()
}

/// The buckets.
#[must_use]
pub fn store(config: &SdkConfig) -> S3Store {
    S3Store::new(S3Builder::from(config), is_path_style(config))
}

/// The log groups.
#[must_use]
pub fn logs(config: &SdkConfig) -> CloudWatchLogs {
    CloudWatchLogs::new(&config.into(), &config.into())
}

/// How the private keys that sign digests are kept.
#[must_use]
pub fn custody(config: &SdkConfig, key: &DigestsKmsKey) -> Custody {
    match key {
        DigestsKmsKey::Unset => Custody::Plain,
        DigestsKmsKey::NoLonger => Custody::NoLongerKms,
        DigestsKmsKey::Named(named) => {
            let (timeouts, retries) = notifier::failure::bounds(KMS_MAX);
            let config = aws_sdk_kms::config::Builder::from(config)
                .timeout_config(timeouts)
                .retry_config(retries);
            Custody::Kms(Kms::new(&config.build(), named))
        }
    }
}

/// The topics.
#[must_use]
pub fn topics(config: &SdkConfig) -> SnsTopic {
    SnsTopic::new(&aws_sdk_sns::Config::from(config))
}
