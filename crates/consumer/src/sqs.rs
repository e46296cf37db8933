//! [`Queue`] on the AWS SDK.
//!
//! Uses `ReceiveMessage`, `ChangeMessageVisibilityBatch`, `DeleteMessage` and, for a dead-letter
//! queue, `SendMessage`; a policy allows them as `sqs:ReceiveMessage`,
//! `sqs:ChangeMessageVisibility`, `sqs:DeleteMessage` and `sqs:SendMessage`.
//!
//! Source: Amazon SQS API Reference; its Developer Guide, "Message metadata" (which characters and
//! sizes an attribute may have).

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName,
};

use crate::sdk_error;
use crate::service::{Message, Queue, Receipt, ServiceError};

/// The message attribute that says why a message was sent to a dead-letter queue.
pub const REASON_ATTRIBUTE: &str = "cairn-reason";

const REASON_CHARS_MAX: usize = 1_024;

/// One SQS queue.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue under `url`, read with `client`'s region, endpoint and credentials.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> SqsQueue {
        SqsQueue { client, url: url.into() }
    }
}

impl Queue for SqsQueue {
    async fn receive(
        &self,
        messages_max: u32,
        wait: Duration,
        hidden: Duration,
    ) -> Result<Vec<Message>, ServiceError> {
        let request = self.client.receive_message().queue_url(&self.url);
        let answer = request
            .max_number_of_messages(messages_max.try_into().unwrap_or(10))
            .wait_time_seconds(seconds(wait))
            .visibility_timeout(seconds(hidden))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(|error| sdk_error::service("sqs:ReceiveMessage", &error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    async fn hide(&self, receipts: &[Receipt], hidden: Duration) -> Result<(), ServiceError> {
        const OPERATION: &str = "sqs:ChangeMessageVisibility";
        let entries =
            entries(receipts, hidden).map_err(|error| ServiceError::new(OPERATION, error))?;
        let request = self.client.change_message_visibility_batch().queue_url(&self.url);
        let answer = request
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| sdk_error::service(OPERATION, &error))?;
        match answer.failed.iter().find(|failure| !is_lapsed(failure)) {
            Some(failure) => Err(ServiceError::new(OPERATION, &failure.code)),
            None => Ok(()),
        }
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), ServiceError> {
        let request = self.client.delete_message().queue_url(&self.url);
        let answer = request.receipt_handle(&receipt.0).send().await;
        answer.map_err(|error| sdk_error::service("sqs:DeleteMessage", &error))?;
        Ok(())
    }

    async fn send(&self, queue_url: &str, body: &str, reason: &str) -> Result<(), ServiceError> {
        const OPERATION: &str = "sqs:SendMessage";
        let reason = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(attribute_text(reason))
            .build()
            .map_err(|error| ServiceError::new(OPERATION, error))?;
        let request = self.client.send_message().queue_url(queue_url).message_body(body);
        let answer = request.message_attributes(REASON_ATTRIBUTE, reason).send().await;
        answer.map_err(|error| sdk_error::service(OPERATION, &error))?;
        Ok(())
    }
}

fn seconds(duration: Duration) -> i32 {
    duration.as_secs().try_into().unwrap_or(i32::MAX)
}

/// A message without a receipt could not be deleted; SQS does not send one.
fn message(message: aws_sdk_sqs::types::Message) -> Option<Message> {
    let counted = message
        .attributes
        .as_ref()
        .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount))
        .and_then(|count| count.parse().ok());
    Some(Message {
        body: message.body.unwrap_or_default(),
        receipt: Receipt(message.receipt_handle?),
        receives: counted.unwrap_or(1),
    })
}

fn entries(
    receipts: &[Receipt],
    hidden: Duration,
) -> Result<Vec<ChangeMessageVisibilityBatchRequestEntry>, BuildError> {
    let entry = |(index, receipt): (usize, &Receipt)| {
        ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(index.to_string())
            .receipt_handle(&receipt.0)
            .visibility_timeout(seconds(hidden))
            .build()
    };
    receipts.iter().enumerate().map(entry).collect()
}

/// SQS blames the sender when the receipt is stale, the message gone, or held for 12 hours.
fn is_lapsed(failure: &BatchResultErrorEntry) -> bool {
    failure.sender_fault && !failure.code.contains("AccessDenied")
}

/// The reason quotes keys and bodies, which may hold what SQS refuses in an attribute; a refused
/// send would keep the message from ever leaving.
fn attribute_text(reason: &str) -> String {
    let allowed = |char: char| !char.is_control() && !matches!(char, '\u{fffe}' | '\u{ffff}');
    let clean = |char: char| if allowed(char) { char } else { '\u{fffd}' };
    reason.chars().take(REASON_CHARS_MAX).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_holds_only_what_an_attribute_may_hold() {
        assert_eq!(attribute_text("key \"a\nb\u{0}\u{ffff}é\""), "key \"a�b��é\"");
        assert_eq!(attribute_text(&"x".repeat(5_000)).len(), 1_024);
    }
}
