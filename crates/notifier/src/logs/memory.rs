//! Log streams in memory that keep the contract of [`LogSink`] and nothing beyond it, for tests: they
//! can refuse, and lose the answer after the act.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use model::{LogGroupArn, Timestamp};

use super::{LogSink, LogStream, LogsError};

/// All log groups there are, each empty and willing. A clone is another handle to the same ones.
#[derive(Clone, Debug, Default)]
pub struct MemoryLogs(Arc<Mutex<State>>);

/// An accident of one put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The stream does not get the events.
    Before(LogsError),
    /// The stream gets the events and the answer is lost.
    After(LogsError),
}

#[derive(Debug, Default)]
struct State {
    events: BTreeMap<LogStream, Vec<(Timestamp, String)>>,
    refusals: BTreeMap<LogGroupArn, LogsError>,
    planted: VecDeque<Option<Fault>>,
    puts: u64,
}

impl MemoryLogs {
    /// Makes every put into a group fail until [`MemoryLogs::accept`].
    pub fn refuse(&self, group: &LogGroupArn, error: LogsError) {
        self.lock().refusals.insert(group.clone(), error);
    }

    /// Ends what [`MemoryLogs::refuse`] began.
    pub fn accept(&self, group: &LogGroupArn) {
        self.lock().refusals.remove(group);
    }

    /// The next puts meet these accidents, in order; `None` lets one pass.
    pub fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.lock().planted.extend(faults);
    }

    /// What a stream got, in order.
    #[must_use]
    pub fn events(&self, stream: &LogStream) -> Vec<(Timestamp, String)> {
        self.lock().events.get(stream).cloned().unwrap_or_default()
    }

    /// How often somebody tried to put.
    #[must_use]
    pub fn puts(&self) -> u64 {
        self.lock().puts
    }

    fn act(&self, stream: &LogStream, messages: &[&str], at: Timestamp) -> Result<(), LogsError> {
        let mut state = self.lock();
        state.puts += 1;
        let fault = state.planted.pop_front().flatten();
        if let Some(Fault::Before(error)) = fault {
            return Err(error);
        }
        if let Some(error) = state.refusals.get(&stream.group) {
            return Err(error.clone());
        }
        let events = state.events.entry(stream.clone()).or_default();
        events.extend(messages.iter().map(|message| (at, (*message).to_owned())));
        match fault {
            Some(Fault::After(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics holding the log groups")
    }
}

impl LogSink for MemoryLogs {
    fn put<'a>(
        &'a self,
        stream: &'a LogStream,
        messages: &'a [&'a str],
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), LogsError>> {
        ready(self.act(stream, messages, at)).boxed()
    }
}
