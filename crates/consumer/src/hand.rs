//! The messages in hand: received, and neither deleted nor given back yet.
//!
//! What always holds: while a message is in hand, its hiding is renewed every half of the
//! visibility timeout, whether it is being worked on or waits for its turn behind a slow one. A
//! message that has been put down is not renewed any more, not even by a call that was under way.
//!
//! What fails: a renewal that keeps failing lets messages come again, elsewhere or here; so does
//! SQS itself 12 hours after the message was received. The window for duplicates is for that.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::service::{Message, Queue, Receipt, ServiceError};

pub(crate) struct Hand<'q, Q> {
    queue: &'q Q,
    visibility: Duration,
    /// Locked during every call that moves visibility, so that such calls do not overtake.
    held: Mutex<Vec<Receipt>>,
}

impl<'q, Q: Queue> Hand<'q, Q> {
    /// Takes messages in hand at the moment they were received.
    pub(crate) fn new(queue: &'q Q, messages: &[Message], visibility: Duration) -> Hand<'q, Q> {
        let held = messages.iter().map(|message| message.receipt.clone()).collect();
        Hand { queue, visibility, held: Mutex::new(held) }
    }

    pub(crate) fn queue(&self) -> &'q Q {
        self.queue
    }

    /// Renews for as long as it is polled. `failing` outlives the hand, so that a policy without
    /// `sqs:ChangeMessageVisibility` is logged once and not for every batch.
    pub(crate) async fn keep_hidden(&self, failing: &mut bool) -> Infallible {
        let period = self.visibility / 2;
        loop {
            sleep(if *failing { period / 4 } else { period }).await;
            let renewed = self.renew().await;
            match &renewed {
                Err(error) if !*failing => {
                    tracing::warn!(%error, "messages may come twice, they are not kept hidden");
                }
                Ok(()) if *failing => tracing::info!("messages are kept hidden again"),
                _ => {}
            }
            *failing = renewed.is_err();
        }
    }

    async fn renew(&self) -> Result<(), ServiceError> {
        let held = self.held.lock().await;
        if held.is_empty() { Ok(()) } else { self.queue.hide(&held, self.visibility).await }
    }

    /// Puts a message down that the queue has no more.
    pub(crate) async fn forget(&self, receipt: &Receipt) {
        self.held.lock().await.retain(|held| held != receipt);
    }

    /// Puts a message down; it comes again after `hidden`.
    pub(crate) async fn leave(&self, receipt: &Receipt, hidden: Duration) {
        self.forget(receipt).await;
        self.put_down(std::slice::from_ref(receipt), hidden).await;
    }

    /// Puts all messages down; they come again at once. Says how many there were.
    pub(crate) async fn release(&self) -> usize {
        let held = std::mem::take(&mut *self.held.lock().await);
        if !held.is_empty() {
            self.put_down(&held, Duration::ZERO).await;
        }
        held.len()
    }

    /// A failure is harmless: the message comes again when its present hiding ends.
    async fn put_down(&self, receipts: &[Receipt], hidden: Duration) {
        if let Err(error) = self.queue.hide(receipts, hidden).await {
            tracing::debug!(%error, "messages come again later than asked");
        }
    }
}
