//! What an error of an AWS service says: its code, and whether waiting helps.

use std::error::Error;
use std::time::Duration;

use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use outbox::brief;

const ATTEMPTS_MAX: u32 = 3;

/// Codes, in whole or in part, that say nothing about what was asked for: the service is busy, or
/// our credentials or our clock are wrong.
const NOT_WHAT_WAS_ASKED_FOR: [&str; 9] = [
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

/// Why a service did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// The service's code, such as `NotFoundException`; `NoAnswer` when the service said nothing.
    pub code: String,
    /// What the service said, or what went wrong on the way to it.
    pub message: String,
    /// Whether it refuses what was asked for, and will until somebody changes something. Otherwise
    /// the way there, our credentials or the service is at fault, or it is busy.
    pub is_refusal: bool,
}

impl Failure {
    /// Reads an error of the SDK.
    #[must_use]
    pub fn of<E>(error: &SdkError<E>) -> Failure
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let Some((status, service)) = status.zip(error.as_service_error()) else {
            let code = "NoAnswer".to_owned();
            return Failure { code, message: brief(error), is_refusal: false };
        };
        let code = service.code().map_or_else(|| format!("Http{status}"), str::to_owned);
        Failure {
            message: service.message().unwrap_or("the service said nothing more").to_owned(),
            is_refusal: (400..500).contains(&status)
                && status != 429
                && !NOT_WHAT_WAS_ASKED_FOR.iter().any(|part| code.contains(part)),
            code,
        }
    }
}

/// Bounds of a client, so that one call ends within `timeout`: three attempts of at most three tenths
/// of it.
#[must_use]
pub fn bounds(timeout: Duration) -> (TimeoutConfig, RetryConfig) {
    let attempt = timeout * 3 / 10;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(timeout);
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS_MAX)
        .with_initial_backoff(timeout / 50)
        .with_max_backoff(timeout / 20);
    (timeouts.build(), retries)
}
