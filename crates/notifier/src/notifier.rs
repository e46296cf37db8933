//! The notifier: publishes or parks what is new, retries what is parked.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model::ids::{TopicArn, TrailArn};
use model::notice::VALIDATION_MESSAGE;
use model::{Notice, Timestamp};
use outbox::{Due, Outbox, Statuses};

use crate::state::State;
use crate::{NotifierError, NotifierReport, Topic};

/// How many parked messages are published at a time, each on another topic.
const FLIGHTS_MAX: usize = 16;

/// How many parked messages one call of [`Notifier::retry_due`] tries at most: its `now` should
/// not grow old.
const ROUND_MAX: usize = 256;

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The topic has the message.
    Published,
    /// The disk has the message; it goes out when the topic takes it.
    Parked,
}

/// Announces log files on their trails' topics. See the crate's header.
#[derive(Debug)]
pub struct Notifier<T> {
    topic: T,
    /// Never locked over an await.
    state: Mutex<State>,
}

impl<T: Topic> Notifier<T> {
    /// A notifier that publishes on `topic` and parks in `outbox`, which nobody else may use.
    pub fn new(topic: T, outbox: Outbox) -> Notifier<T> {
        Notifier { topic, state: Mutex::new(State::new(outbox)) }
    }

    /// Announces a log file of a trail that is in its bucket. Tries once when nothing of the topic waits, and
    /// parks otherwise or when that fails. `random` is 0 to 1.
    pub async fn announce(
        &self,
        trail: &TrailArn,
        topic: &TopicArn,
        notice: &Notice,
        now: Timestamp,
        random: f64,
    ) -> Result<Announced, NotifierError> {
        refuse_fifo(topic)?;
        let message = notice.to_message();
        if self.parks(trail, topic, &message, now)? {
            return Ok(Announced::Parked);
        }
        let result = self.topic.publish(topic, &message).await;
        let mut state = self.state();
        match result {
            Ok(()) => {
                state.took(trail, topic, now);
                Ok(Announced::Published)
            }
            Err(error) => {
                state.refused(Some(trail), topic, &error, now, random);
                state.park(trail, topic, message, now)?;
                Ok(Announced::Parked)
            }
        }
    }

    /// Publishes what is parked and due, at most one message of a topic at a time, until the due
    /// topics are empty or refuse, or the call has done its share; then [`Notifier::next_due`]
    /// says when to call again. Returns how many were published.
    ///
    /// An error is the disk's. It ends nothing: the other topics have had their turn.
    pub async fn retry_due(
        &self,
        now: Timestamp,
        mut random: impl FnMut() -> f64,
    ) -> Result<usize, NotifierError> {
        let mut outcome = Ok(0);
        let mut waiting = VecDeque::new();
        let mut flights = FuturesUnordered::new();
        let mut tried = 0;
        loop {
            if tried < ROUND_MAX {
                waiting.extend(self.take_due(now));
            }
            while flights.len() < FLIGHTS_MAX
                && let Some(flight) = waiting.pop_front()
            {
                tried += 1;
                flights.push(self.retry(flight, now, random()));
            }
            match flights.next().await {
                None => return outcome,
                Some(Ok(published)) => {
                    outcome = outcome.map(|before| before + usize::from(published));
                }
                Some(Err(error)) => outcome = outcome.and(Err(error)),
            }
        }
    }

    /// Gives up what has been refused for too long by this date, which may be another than what
    /// pauses go by: a clock that jumped ahead must not give up everything. It is kept on disk.
    pub fn expire(&self, today: Timestamp) -> Result<(), NotifierError> {
        Ok(self.state().expire(today)?)
    }

    /// When [`Notifier::retry_due`] next has something to do; never more than the longest pause
    /// after `now`. `None` when nothing is parked.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.state().outbox.next_due(now)
    }

    /// Publishes `CloudTrail validation message.`, as CloudTrail does when a trail gets its topic.
    /// Nothing is parked and no status changes.
    pub async fn validate(&self, topic: &TopicArn) -> Result<(), NotifierError> {
        refuse_fifo(topic)?;
        let result = self.topic.publish(topic, VALIDATION_MESSAGE).await;
        result.map_err(|source| NotifierError::Refused { topic: topic.clone(), source })
    }

    /// How trails fare at their topics.
    #[must_use]
    pub fn statuses(&self) -> Statuses {
        self.state().statuses.clone()
    }

    /// How the notifier stands, for metrics. Takes time for every parked message.
    #[must_use]
    pub fn report(&self) -> NotifierReport {
        self.state().report()
    }

    /// Parks the message when it must not be tried now.
    fn parks(
        &self,
        trail: &TrailArn,
        topic: &TopicArn,
        message: &str,
        now: Timestamp,
    ) -> Result<bool, NotifierError> {
        let mut state = self.state();
        let refusing = state.outbox.is_refusing(&topic.to_string(), now);
        if refusing {
            state.park(trail, topic, message.to_owned(), now)?;
        }
        Ok(refusing)
    }

    fn take_due(&self, now: Timestamp) -> Vec<Flight<'_, T>> {
        let due = self.state().outbox.take_due(now);
        due.into_iter().map(|due| Flight { notifier: self, due }).collect()
    }

    /// Tries one parked message; returns whether it was published.
    async fn retry(
        &self,
        flight: Flight<'_, T>,
        now: Timestamp,
        random: f64,
    ) -> Result<bool, NotifierError> {
        let due = &flight.due;
        if self.state().forget_published(due, now, random)? {
            return Ok(false);
        }
        let loaded = self.state().load(due, now, random)?;
        let Some(parked) = loaded else { return Ok(false) };
        match self.topic.publish(&parked.topic, &parked.message).await {
            Ok(()) => {
                self.state().took_parked(parked.trail.as_ref(), due, now, random)?;
                Ok(true)
            }
            Err(error) => {
                let mut state = self.state();
                state.refused(parked.trail.as_ref(), &parked.topic, &error, now, random);
                Ok(false)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics holding the notifier's state")
    }
}

/// A parked message in flight. It lands when dropped, also with a future that nobody awaits any
/// more; else its lane would stand still until the next start.
struct Flight<'a, T: Topic> {
    notifier: &'a Notifier<T>,
    due: Due,
}

impl<T: Topic> Drop for Flight<'_, T> {
    fn drop(&mut self) {
        // A second panic while the first unwinds would end the process without its message.
        if let Ok(mut state) = self.notifier.state.lock() {
            state.outbox.release(self.due.item);
        }
    }
}

fn refuse_fifo(topic: &TopicArn) -> Result<(), NotifierError> {
    if topic.is_fifo() {
        return Err(NotifierError::Fifo { topic: topic.clone() });
    }
    Ok(())
}
