//! Errors of the AWS SDK in words an operator can act on.
//!
//! The SDK's own text for most errors is "service error"; what matters is in the code and message
//! of the answer, or, when there was none, down the chain of sources.

use std::error::Error;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use crate::service::ServiceError;

pub(crate) fn service<E, R>(operation: &'static str, error: &SdkError<E, R>) -> ServiceError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => ServiceError::new(operation, format!("{code}: {message}")),
        (Some(code), None) => ServiceError::new(operation, code),
        _ => ServiceError::new(operation, chain(error)),
    }
}

/// An error and all its sources.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
