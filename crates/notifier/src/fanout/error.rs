//! Why a fan-out was not set up: what was attempted, on what, and the permission it takes.

use std::error::Error;
use std::fmt;

use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use model::ids::TopicArn;
use serde_json::json;

use super::{InvalidPolicy, QueueRef};

/// Parts of the codes that mean "not allowed".
const DENIED: [&str; 3] = ["AuthorizationError", "AccessDenied", "UnauthorizedOperation"];

/// Why a fan-out was not set up.
#[derive(Debug, thiserror::Error)]
pub enum FanoutError {
    /// CloudTrail announces nothing on FIFO topics.
    #[error(
        "InvalidSnsTopicNameException: {topic} is a FIFO topic: a trail needs a standard topic"
    )]
    FifoTopic {
        /// The topic.
        topic: TopicArn,
    },
    /// A FIFO queue cannot be subscribed to a standard topic.
    #[error("{queue} is a FIFO queue, which cannot get the messages of a standard topic")]
    FifoQueue {
        /// The queue.
        queue: QueueRef,
    },
    /// A call did not succeed.
    #[error("cannot {step}: {reason}{}", step.hint(reason))]
    Call {
        /// What was attempted.
        step: Step,
        /// What came back.
        reason: Reason,
    },
    /// What was made is not what is configured: the credentials are of another account.
    #[error(
        "{wanted} does not exist, and these credentials make {made} instead: \
         use credentials of its account, or make it there"
    )]
    OtherAccount {
        /// The configured ARN.
        wanted: String,
        /// The ARN that came back.
        made: String,
    },
    /// The queue's policy is not understood, so it was left alone.
    #[error("cannot add to the policy of {queue}: {source}")]
    Policy {
        /// The queue's ARN.
        queue: String,
        /// Why.
        source: InvalidPolicy,
    },
    /// The answer lacks what it must have.
    #[error("the answer to {action} for {resource} lacks {missing}")]
    Answer {
        /// The operation.
        action: &'static str,
        /// The resource.
        resource: String,
        /// What is missing.
        missing: &'static str,
    },
    /// The queue's owner has not confirmed the subscription yet.
    #[error("{queue} is subscribed to {topic}, but its owner has not confirmed the subscription")]
    Unconfirmed {
        /// The queue's ARN.
        queue: String,
        /// The topic.
        topic: TopicArn,
    },
}

impl FanoutError {
    /// The IAM policy statement that the caller's principal lacks, as JSON, when that is why.
    #[must_use]
    pub fn missing_statement(&self) -> Option<String> {
        match self {
            FanoutError::Call { step, reason } if reason.is_denied() => Some(step.statement()),
            _ => None,
        }
    }
}

/// One call, for the error that it may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The IAM action, such as `sns:Subscribe`.
    pub action: &'static str,
    /// The ARN, name or URL it acts on.
    pub resource: String,
}

impl Step {
    pub(super) fn new(action: &'static str, resource: &impl ToString) -> Step {
        Step { action, resource: resource.to_string() }
    }

    /// The error of this call.
    pub(super) fn failed<E>(&self, error: &SdkError<E>) -> FanoutError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let service = error.as_service_error();
        let reason = Reason {
            code: service.and_then(|service| service.code()).map(str::to_owned),
            message: service
                .and_then(|service| service.message())
                .map_or_else(|| DisplayErrorContext(error).to_string(), str::to_owned),
        };
        FanoutError::Call { step: self.clone(), reason }
    }

    /// The error of an answer without `missing`.
    pub(super) fn lacks(&self, missing: &'static str) -> FanoutError {
        FanoutError::Answer { action: self.action, resource: self.resource.clone(), missing }
    }

    /// The IAM policy statement that allows this call. Of a queue whose ARN is not known yet, only
    /// the name is.
    fn statement(&self) -> String {
        if self.resource.starts_with("arn:") {
            return allow(self.action, &self.resource);
        }
        let name = self.resource.rsplit('/').next().unwrap_or_default();
        allow(self.action, &format!("arn:*:sqs:*:*:{name}"))
    }

    fn hint(&self, reason: &Reason) -> String {
        if !reason.is_denied() {
            return String::new();
        }
        format!("; the caller's IAM policy lacks {}", self.statement())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on {}", self.action, self.resource)
    }
}

/// Whether this error code means "not allowed".
pub(crate) fn is_denial(code: &str) -> bool {
    DENIED.iter().any(|part| code.contains(part))
}

/// An IAM policy statement, as JSON.
pub(crate) fn allow(action: &str, resource: &str) -> String {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource }).to_string()
}

/// What a failed call came back with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The service's code; `None` when it did not answer.
    pub code: Option<String>,
    /// What it said, or what went wrong on the way.
    pub message: String,
}

impl Reason {
    fn is_denied(&self) -> bool {
        self.code.as_deref().is_some_and(is_denial)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(formatter, "{code}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}
