//! A topic in memory that keeps the contract of [`Topic`] and nothing beyond it, for tests and the
//! simulation: it can refuse, lose the answer after the act, and never answer.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};

use model::ids::TopicArn;

use crate::{PublishError, Topic};

/// All topics there are, each empty and willing. A clone is another handle to the same ones.
#[derive(Clone, Debug, Default)]
pub struct MemoryTopic {
    topics: Arc<Mutex<BTreeMap<TopicArn, One>>>,
}

/// An accident of one publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The topic does not get the message.
    Before(PublishError),
    /// The topic gets the message and the answer is lost.
    After(PublishError),
    /// The topic does not get the message, and the call never ends.
    HangBefore,
    /// The topic gets the message, and the call never ends.
    HangAfter,
}

#[derive(Debug, Default)]
struct One {
    messages: Vec<String>,
    tries: u64,
    planted: VecDeque<Fault>,
    refusal: Option<PublishError>,
}

impl MemoryTopic {
    /// Topics without messages and faults.
    #[must_use]
    pub fn new() -> MemoryTopic {
        MemoryTopic::default()
    }

    /// Makes every publish on `topic` fail until [`MemoryTopic::accept`].
    pub fn refuse(&self, topic: &TopicArn, error: PublishError) {
        self.lock().entry(topic.clone()).or_default().refusal = Some(error);
    }

    /// Ends what [`MemoryTopic::refuse`] began.
    pub fn accept(&self, topic: &TopicArn) {
        self.lock().entry(topic.clone()).or_default().refusal = None;
    }

    /// Plants an accident for the next publish on `topic`, behind those planted before. They come
    /// before a refusal.
    pub fn plant(&self, topic: &TopicArn, fault: Fault) {
        self.lock().entry(topic.clone()).or_default().planted.push_back(fault);
    }

    /// What the topic got, in order.
    #[must_use]
    pub fn messages(&self, topic: &TopicArn) -> Vec<String> {
        self.lock().get(topic).map_or_else(Vec::new, |one| one.messages.clone())
    }

    /// How often somebody tried to publish on the topic.
    #[must_use]
    pub fn tries(&self, topic: &TopicArn) -> u64 {
        self.lock().get(topic).map_or(0, |one| one.tries)
    }

    /// Does what one publish does at once; `None` when it never ends.
    fn act(&self, topic: &TopicArn, message: &str) -> Option<Result<(), PublishError>> {
        let mut topics = self.lock();
        let one = topics.entry(topic.clone()).or_default();
        one.tries += 1;
        let fault = one.planted.pop_front();
        let refusal = one.refusal.clone().filter(|_| fault.is_none());
        if matches!(fault, None | Some(Fault::After(_) | Fault::HangAfter)) && refusal.is_none() {
            one.messages.push(message.to_owned());
        }
        match fault {
            Some(Fault::Before(error) | Fault::After(error)) => Some(Err(error)),
            Some(Fault::HangBefore | Fault::HangAfter) => None,
            None => Some(refusal.map_or(Ok(()), Err)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TopicArn, One>> {
        self.topics.lock().expect("nothing panics holding the topics")
    }
}

impl Topic for MemoryTopic {
    async fn publish(&self, topic: &TopicArn, message: &str) -> Result<(), PublishError> {
        match self.act(topic, message) {
            Some(result) => result,
            None => pending().await,
        }
    }
}
