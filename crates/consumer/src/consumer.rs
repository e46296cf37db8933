//! The loop: poll, work, settle, until something ends it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Jitter;
use crate::counters::{Counters, Counts};
use crate::hand::Hand;
use crate::options::{InvalidOptions, Options};
use crate::reader::Reader;
use crate::service::{Message, Objects, Queue, ServiceError};
use crate::settle::Settler;
use crate::sink::Sink;
use crate::stop::Stop;
use crate::worker::Worker;

const POLL_MIN: Duration = Duration::from_secs(1);

/// Reads log files that one queue announces.
pub struct Consumer<Q, O> {
    queue: Q,
    options: Options,
    worker: Worker<O>,
    settler: Settler,
    renewals_fail: bool,
    counters: Arc<Counters>,
}

/// Why a run ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was stopped.
    Stopped,
    /// The queue was empty for [`Options::idle_polls_max`] polls.
    Idle,
    /// [`Options::records_max`] records were accepted.
    Enough,
}

/// Reads a consumer's counters from anywhere, while it runs and after.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<Counters>);

impl Gauge {
    /// The counters now.
    #[must_use]
    pub fn read(&self) -> Counts {
        self.0.read()
    }
}

impl<Q: Queue, O: Objects> Consumer<Q, O> {
    /// A consumer that has read nothing yet. `jitter` spreads its waits after failures.
    pub fn new(
        queue: Q,
        objects: O,
        mut jitter: Jitter,
        options: Options,
    ) -> Result<Consumer<Q, O>, InvalidOptions> {
        options.check()?;
        let counters = Arc::new(Counters::default());
        let reader = Reader::new(objects, &options, jitter.split(), Arc::clone(&counters));
        let worker = Worker::new(reader, jitter.split(), Arc::clone(&counters));
        let settler = Settler::new(&options, jitter, Arc::clone(&counters));
        Ok(Consumer { queue, options, worker, settler, renewals_fail: false, counters })
    }

    /// The counters, to be read while the consumer runs.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.counters))
    }

    /// Reads until `stop` completes or the options say to end.
    ///
    /// After `stop` the message at work is finished, unless the object store fails, and those not
    /// begun are given back. Dropping the future instead loses nothing either: its messages come
    /// again after their visibility timeout. A second run remembers what the first one accepted.
    ///
    /// Failing services are retried for ever; only a consumer that may end idle gives up, with the
    /// error of the last poll, once none of [`Options::idle_polls_max`] polls brought a message.
    pub async fn run(
        &mut self,
        sink: &mut impl Sink,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Ended, ServiceError> {
        let (wish, stopped) = Stop::new();
        let polling = self.poll_on(sink, &stopped);
        tokio::pin!(polling, stop);
        tokio::select! {
            biased;
            () = &mut stop => wish.send_replace(true),
            ended = &mut polling => return ended,
        };
        polling.await
    }

    async fn poll_on(&mut self, sink: &mut impl Sink, stop: &Stop) -> Result<Ended, ServiceError> {
        let goal = self.options.records_max.map(|more| self.counters.records.read() + more);
        let mut idle_polls = 0;
        loop {
            let polled = tokio::select! {
                biased;
                () = stop.wished() => return Ok(Ended::Stopped),
                polled = self.poll() => polled,
            };
            idle_polls += 1;
            let last = self.options.idle_polls_max.is_some_and(|most| idle_polls >= most);
            match polled {
                Ok(batch) if batch.is_empty() && last => return Ok(Ended::Idle),
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => {
                    idle_polls = 0;
                    self.batch(batch, sink, stop, goal).await;
                }
                Err(error) => {
                    let wait = self.settler.not_received(&error);
                    if last {
                        return Err(error);
                    }
                    stop.sleep(wait).await;
                }
            }
            if reached(&self.counters, goal) {
                return Ok(Ended::Enough);
            }
        }
    }

    async fn poll(&mut self) -> Result<Vec<Message>, ServiceError> {
        let asked = Instant::now();
        let Options { batch_messages_max, .. } = self.options;
        let (wait, hidden) = (self.options.wait(), self.options.visibility());
        let messages = self.queue.receive(batch_messages_max, wait, hidden).await?;
        self.settler.received();
        self.counters.received.add(messages.len());
        if messages.is_empty() && asked.elapsed() < POLL_MIN {
            // An endpoint that does not wait would otherwise be asked as fast as it answers.
            tokio::time::sleep(POLL_MIN).await;
        }
        Ok(messages)
    }

    async fn batch(
        &mut self,
        messages: Vec<Message>,
        sink: &mut impl Sink,
        stop: &Stop,
        goal: Option<u64>,
    ) {
        let queue = &self.queue;
        let hand = Hand::new(queue, &messages, self.options.visibility());
        let (worker, settler) = (&mut self.worker, &mut self.settler);
        let counters = &self.counters;
        let work = async {
            for message in &messages {
                if stop.is_set() || reached(counters, goal) {
                    break;
                }
                let verdict = worker.work(message, sink, stop).await;
                settler.settle(message, verdict, &hand, stop).await;
            }
            counters.released.add(hand.release().await);
        };
        tokio::select! {
            () = work => {}
            never = hand.keep_hidden(&mut self.renewals_fail) => match never {},
        }
    }
}

fn reached(counters: &Counters, goal: Option<u64>) -> bool {
    goal.is_some_and(|goal| counters.records.read() >= goal)
}
