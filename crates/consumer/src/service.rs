//! The two services that the consumer reads from, as contracts.
//!
//! [`Queue`] is SQS, [`Objects`] is S3; each has an implementation on the AWS SDK and one in memory
//! with faults, which the tests use. Both are asked through `&self`, from one task at a time or
//! from several.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

/// A queue of messages, as SQS keeps them.
///
/// 1. `receive` hands out at most `messages_max` messages (1 to 10), each hidden from every reader
///    for `hidden` from then on. With none to hand out it waits up to `wait`, then answers with
///    none: that is no error.
/// 2. A message that is not deleted comes back after its hiding ends, with another receipt. Order
///    is not promised, and a message may come twice although it was deleted.
/// 3. `hide` makes the hiding of each message end `hidden` from now; zero ends it at once. A message
///    that is no longer hidden under its receipt is passed over and is no error.
/// 4. `delete` takes the message out for good. Deleting twice is no error.
/// 5. `send` succeeds once the other queue keeps the message, with `reason` as its attribute
///    `cairn-reason`.
/// 6. After an error the act may have happened or not.
/// 7. Dropping the future of `receive` may leave messages hidden which nobody holds; they come back.
pub trait Queue: Send + Sync {
    /// Takes messages, or waits for them.
    fn receive(
        &self,
        messages_max: u32,
        wait: Duration,
        hidden: Duration,
    ) -> impl Future<Output = Result<Vec<Message>, ServiceError>> + Send;

    /// Moves the end of the hiding of up to 10 messages.
    fn hide(
        &self,
        receipts: &[Receipt],
        hidden: Duration,
    ) -> impl Future<Output = Result<(), ServiceError>> + Send;

    /// Takes a message out for good.
    fn delete(&self, receipt: &Receipt) -> impl Future<Output = Result<(), ServiceError>> + Send;

    /// Puts a message into another queue.
    fn send(
        &self,
        queue_url: &str,
        body: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// A message as the queue handed it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What the sender wrote.
    pub body: String,
    /// What names this hand-out of the message.
    pub receipt: Receipt,
    /// How often the message was handed out, this time included; 1 when the queue does not count.
    pub receives: u32,
}

/// Names one hand-out of one message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// Objects by bucket and key, as S3 keeps them.
///
/// 1. `get` answers with the bytes that were put, whatever the object's `Content-Encoding` says.
/// 2. It answers with all of them or with an error.
/// 3. It never holds more than `bytes_max` bytes and one network chunk.
/// 4. [`GetError::Missing`] means that the store answered that there is no such object; whatever
///    else went wrong is [`GetError::Unavailable`], denied access included.
pub trait Objects: Send + Sync {
    /// Fetches a whole object.
    fn get(
        &self,
        bucket: &str,
        key: &str,
        bytes_max: usize,
    ) -> impl Future<Output = Result<Bytes, GetError>> + Send;
}

/// Why an object was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// The store has no such object, or not yet.
    #[error("the object does not exist")]
    Missing,
    /// The object has more than `bytes_max` bytes.
    #[error("the object is larger than {bytes_max} bytes")]
    TooBig {
        /// The limit that was asked for.
        bytes_max: usize,
    },
    /// The store could not be asked, or refused.
    #[error(transparent)]
    Unavailable(#[from] ServiceError),
}

/// A service that did not do what it was asked: network, throttling, denied access.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} failed: {cause}")]
pub struct ServiceError {
    /// The service's name for what was asked, such as `sqs:ReceiveMessage`.
    pub operation: &'static str,
    /// The service's answer, or what kept it from answering.
    pub cause: String,
}

impl ServiceError {
    /// An error of one operation.
    #[must_use]
    pub fn new(operation: &'static str, cause: impl Display) -> ServiceError {
        ServiceError { operation, cause: cause.to_string() }
    }
}
