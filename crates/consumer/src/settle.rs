//! What becomes of a message after its work: deleted, left, given back, or sent away as poison.
//!
//! What always holds: a message is deleted only when everything in it was accepted or skipped, or
//! when another queue has it. Whatever fails here leaves the message to come again.

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::{Jitter, ceiling};
use crate::counters::Counters;
use crate::hand::Hand;
use crate::health::Health;
use crate::options::{Options, Poison};
use crate::service::{Message, Queue, ServiceError};
use crate::stop::Stop;
use crate::worker::Verdict;

const DELETE_TRIES_MAX: u32 = 3;

/// A message that keeps failing costs at most four receives an hour.
const REDELIVERY_MAX: Duration = Duration::from_secs(900);

pub(crate) struct Settler {
    attempts_max: u32,
    poison: Poison,
    /// One for each operation: with a policy that lacks one of them, the others work.
    receiving: Health,
    deleting: Health,
    sending: Health,
    jitter: Jitter,
    counters: Arc<Counters>,
}

impl Settler {
    pub(crate) fn new(options: &Options, mut jitter: Jitter, counters: Arc<Counters>) -> Settler {
        Settler {
            attempts_max: options.attempts_max,
            poison: options.poison.clone(),
            receiving: Health::new("sqs:ReceiveMessage", jitter.split()),
            deleting: Health::new("sqs:DeleteMessage", jitter.split()),
            sending: Health::new("sqs:SendMessage", jitter.split()),
            jitter,
            counters,
        }
    }

    pub(crate) fn received(&mut self) {
        self.receiving.worked();
    }

    /// Says how long to leave the queue alone.
    pub(crate) fn not_received(&mut self, error: &ServiceError) -> Duration {
        self.counters.failed_calls.one();
        self.receiving.failed(error)
    }

    pub(crate) async fn settle(
        &mut self,
        message: &Message,
        verdict: Verdict,
        hand: &Hand<'_, impl Queue>,
        stop: &Stop,
    ) {
        let counted = match verdict {
            Verdict::Done if self.delete(message, hand, stop).await => &self.counters.deleted,
            Verdict::Interrupted => {
                hand.leave(&message.receipt, Duration::ZERO).await;
                &self.counters.released
            }
            Verdict::Poison(reason) if self.dead_letter(message, &reason, hand, stop).await => {
                &self.counters.dead_lettered
            }
            Verdict::Done | Verdict::Poison(_) | Verdict::Again | Verdict::Failing => {
                let hidden = self.redelivery(message.receives);
                hand.leave(&message.receipt, hidden).await;
                &self.counters.left
            }
        };
        counted.one();
    }

    async fn delete(
        &mut self,
        message: &Message,
        hand: &Hand<'_, impl Queue>,
        stop: &Stop,
    ) -> bool {
        for _ in 0..DELETE_TRIES_MAX {
            match hand.queue().delete(&message.receipt).await {
                Ok(()) => {
                    self.deleting.worked();
                    hand.forget(&message.receipt).await;
                    return true;
                }
                Err(error) => {
                    self.counters.failed_calls.one();
                    stop.sleep(self.deleting.failed(&error)).await;
                }
            }
        }
        false
    }

    /// True when the message is in the dead-letter queue and gone from its own.
    async fn dead_letter(
        &mut self,
        message: &Message,
        reason: &str,
        hand: &Hand<'_, impl Queue>,
        stop: &Stop,
    ) -> bool {
        if message.receives < self.attempts_max {
            tracing::debug!(reason, receives = message.receives, "message fails, will be retried");
            return false;
        }
        self.counters.poison.one();
        tracing::warn!(reason, receives = message.receives, "message is poison");
        let Poison::DeadLetter(url) = &self.poison else {
            return false;
        };
        if let Err(error) = hand.queue().send(url, &message.body, reason).await {
            self.counters.failed_calls.one();
            stop.sleep(self.sending.failed(&error)).await;
            return false;
        }
        self.sending.worked();
        self.delete(message, hand, stop).await
    }

    fn redelivery(&mut self, receives: u32) -> Duration {
        let wait = self.jitter.up_to(ceiling(receives, REDELIVERY_MAX));
        Duration::from_secs(wait.as_secs().max(1))
    }
}
