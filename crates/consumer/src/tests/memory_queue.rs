//! [`Queue`] in memory, with SQS's hiding and its faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::service::{Message, Queue, Receipt, ServiceError};

/// A loop that forgets to wait ends here, as time does not pass in it.
const FLOOD: usize = 200_000;

/// A handle; clones share the queue.
#[derive(Clone, Default)]
pub(crate) struct MemoryQueue {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    messages: Vec<Stored>,
    dead: Vec<Dead>,
    faults: BTreeMap<&'static str, Fault>,
    calls: Vec<&'static str>,
    handed_out: u32,
    impatient: bool,
}

struct Stored {
    body: String,
    receives: u32,
    visible_at: Instant,
    receipt: Receipt,
}

/// A message that was sent to another queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dead {
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) reason: String,
}

/// Where a call fails: the difference is what the queue did, which the caller cannot see.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    BeforeTheAct,
    AfterTheAct,
}

struct Fault {
    when: When,
    times: u32,
}

impl MemoryQueue {
    pub(crate) fn put(&self, body: &str) {
        let receipt = Receipt("none yet".into());
        let message =
            Stored { body: body.into(), receives: 0, visible_at: Instant::now(), receipt };
        self.state().messages.push(message);
        self.changed.notify_waiters();
    }

    /// The next `times` calls of an operation fail.
    pub(crate) fn fail(&self, operation: &'static str, when: When, times: u32) {
        self.state().faults.insert(operation, Fault { when, times });
    }

    /// Answers polls at once, whatever wait they ask for.
    pub(crate) fn impatient(&self) {
        self.state().impatient = true;
    }

    /// How many messages are not deleted.
    pub(crate) fn len(&self) -> usize {
        self.state().messages.len()
    }

    /// How many messages a reader would get now.
    pub(crate) fn visible(&self) -> usize {
        let now = Instant::now();
        self.state().messages.iter().filter(|message| message.visible_at <= now).count()
    }

    /// How often messages were handed out.
    pub(crate) fn handed_out(&self) -> u32 {
        self.state().handed_out
    }

    pub(crate) fn dead(&self) -> Vec<Dead> {
        self.state().dead.clone()
    }

    pub(crate) fn calls(&self, operation: &'static str) -> usize {
        self.state().calls.iter().filter(|&&called| called == operation).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn act<T>(
        &self,
        operation: &'static str,
        act: impl FnOnce(&mut State) -> T,
    ) -> Result<T, ServiceError> {
        let mut state = self.state();
        state.calls.push(operation);
        assert!(state.calls.len() < FLOOD, "a flood of {operation}");
        let fault = state.faults.get_mut(operation).filter(|fault| fault.times > 0);
        let failing = fault.map(|fault| {
            fault.times -= 1;
            fault.when
        });
        let error = || ServiceError::new(operation, "planned");
        if failing == Some(When::BeforeTheAct) {
            return Err(error());
        }
        let acted = act(&mut state);
        self.changed.notify_waiters();
        if failing.is_some() { Err(error()) } else { Ok(acted) }
    }
}

impl State {
    fn hand_out(&mut self, messages_max: u32, hidden: Duration) -> Vec<Message> {
        let now = Instant::now();
        let mut handed_out = Vec::new();
        let visible = self.messages.iter_mut().filter(|message| message.visible_at <= now);
        for stored in visible.take(messages_max as usize) {
            self.handed_out += 1;
            stored.receives += 1;
            stored.visible_at = now + hidden;
            stored.receipt = Receipt(format!("receipt {}", self.handed_out));
            handed_out.push(Message {
                body: stored.body.clone(),
                receipt: stored.receipt.clone(),
                receives: stored.receives,
            });
        }
        handed_out
    }

    fn hide(&mut self, receipts: &[Receipt], hidden: Duration) {
        let now = Instant::now();
        for message in &mut self.messages {
            if receipts.contains(&message.receipt) && message.visible_at > now {
                message.visible_at = now + hidden;
            }
        }
    }
}

impl Queue for MemoryQueue {
    async fn receive(
        &self,
        messages_max: u32,
        wait: Duration,
        hidden: Duration,
    ) -> Result<Vec<Message>, ServiceError> {
        assert!((1..=10).contains(&messages_max), "SQS hands out 1 to 10");
        let deadline = Instant::now() + if self.state().impatient { Duration::ZERO } else { wait };
        self.act("receive", |_| ())?;
        loop {
            let changed = self.changed.notified();
            let messages = self.state().hand_out(messages_max, hidden);
            if !messages.is_empty() || Instant::now() >= deadline {
                return Ok(messages);
            }
            let next = self.state().messages.iter().map(|message| message.visible_at).min();
            let until = next.map_or(deadline, |next| next.min(deadline));
            let _ = timeout_at(until, changed).await;
        }
    }

    async fn hide(&self, receipts: &[Receipt], hidden: Duration) -> Result<(), ServiceError> {
        assert!((1..=10).contains(&receipts.len()), "SQS takes 1 to 10");
        assert_eq!(hidden.subsec_nanos(), 0, "SQS counts in seconds");
        self.act("hide", |state| state.hide(receipts, hidden))
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), ServiceError> {
        self.act("delete", |state| state.messages.retain(|message| message.receipt != *receipt))
    }

    async fn send(&self, queue_url: &str, body: &str, reason: &str) -> Result<(), ServiceError> {
        let dead = Dead { url: queue_url.into(), body: body.into(), reason: reason.into() };
        self.act("send", |state| state.dead.push(dead))
    }
}
