//! Why the notifier did not do what it was asked, and what its caller does next.

use model::ids::TopicArn;
use outbox::OutboxError;

use crate::PublishError;
use crate::fanout::{allow, is_denial};

const KEY_STATEMENT: &str = r#"{"Action":["kms:GenerateDataKey*","kms:Decrypt"],"Effect":"Allow","Resource":"the topic's KmsMasterKeyId"}"#;

/// Why the notifier did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// CloudTrail announces nothing on FIFO topics.
    #[error("{topic} is a FIFO topic: a trail needs a standard topic")]
    Fifo {
        /// The topic.
        topic: TopicArn,
    },
    /// The topic did not take the validation message.
    #[error("{topic} does not take messages: {source}")]
    Refused {
        /// The topic.
        topic: TopicArn,
        /// What came back.
        source: PublishError,
    },
    /// The message is neither published nor parked, or it is published and still parked.
    #[error("messages cannot be parked: {0}")]
    Outbox(#[from] OutboxError),
}

/// What the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Waits and asks again, as long as the message waits.
    Retry,
    /// Answers its client.
    Refuse,
}

impl NotifierError {
    /// What the caller does next.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            NotifierError::Fifo { .. } | NotifierError::Refused { .. } => Remedy::Refuse,
            NotifierError::Outbox(_) => Remedy::Retry,
        }
    }

    /// The policy statement that is missing, as JSON, when that is why: in the policy of the
    /// publishing principal, and across accounts in the topic's too. Of a topic that is encrypted
    /// the key's ARN is not known here.
    #[must_use]
    pub fn missing_statement(&self) -> Option<String> {
        let NotifierError::Refused { topic, source } = self else { return None };
        match source.code.as_str() {
            "KMSAccessDenied" => Some(KEY_STATEMENT.to_owned()),
            code if is_denial(code) => Some(allow("sns:Publish", &topic.to_string())),
            _ => None,
        }
    }

    /// The error code and message with which CreateTrail and UpdateTrail refuse such a topic.
    #[must_use]
    pub fn api_error(&self) -> Option<(&'static str, String)> {
        match self {
            NotifierError::Fifo { .. } => Some(("InvalidSnsTopicNameException", self.to_string())),
            NotifierError::Refused { source, .. } if source.topic_at_fault => Some((
                "InsufficientSnsTopicPolicyException",
                "SNS Topic does not exist or the topic policy is incorrect!".to_owned(),
            )),
            NotifierError::Refused { .. } | NotifierError::Outbox(_) => None,
        }
    }
}
