//! What the notifier may assume of a topic, and nothing beyond it.
//!
//! 1. `Ok` means taken: the message goes to everybody who is subscribed at that moment.
//! 2. `Err` proves nothing: the message may have been taken, and only the answer was lost. Who
//!    needs it taken publishes again.
//! 3. The message goes out byte for byte, without a subject and without attributes.
//! 4. A call ends within about ten seconds, its own retries included.
//! 5. A call may be dropped before it ends, which proves as little as `Err`.
//! 6. Calls may overlap; no order is promised between them.
//! 7. The error carries the service's own code where the service answered.

use std::future::Future;

use model::ids::TopicArn;

/// Something that messages are published on. The module header numbers what it promises.
pub trait Topic: Send + Sync {
    /// Publishes `message` on `topic`.
    fn publish(
        &self,
        topic: &TopicArn,
        message: &str,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// Why a topic did not take a message, as far as is known. None of these is for ever: the message
/// is parked and tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct PublishError {
    /// The service's code, such as `AuthorizationError` or `NotFound`; `NoAnswer` when the service
    /// said nothing.
    pub code: String,
    /// What the service said, or what went wrong on the way to it.
    pub message: String,
    /// Whether the topic, its policy or its key has to be changed: then the code is the trail's
    /// `LatestNotificationError`. Otherwise the way there, our credentials or the service is at
    /// fault, or it is busy.
    pub topic_at_fault: bool,
}

impl PublishError {
    /// The topic, its policy or its key refuses.
    #[must_use]
    pub fn refused(code: &str, message: &str) -> PublishError {
        PublishError { code: code.to_owned(), message: message.to_owned(), topic_at_fault: true }
    }

    /// The service was not reached, or did not answer in time.
    #[must_use]
    pub fn no_answer(message: &str) -> PublishError {
        PublishError {
            code: "NoAnswer".to_owned(),
            message: message.to_owned(),
            topic_at_fault: false,
        }
    }
}
