//! The queue of one reader: bounded in bytes. What finds no room is counted where it would stand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use model::Timestamp;

use crate::filter::Filter;
use crate::hub::Seat;
use crate::place::Place;

/// What a line holds besides its bytes.
pub const LINE_BYTES: usize = 128;

/// What a reader is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event's line.
    Line(Place, Bytes),
    /// Some are missing here.
    Missed(Missed),
}

/// Events that a reader is not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// How many.
    pub events: u64,
    /// Whether those are counted that the filter would have left out: there was no time to compare them.
    pub is_at_most: bool,
    /// When the earliest of them happened.
    pub from: Timestamp,
    /// And the latest.
    pub to: Timestamp,
    /// The last of them.
    pub place: Place,
}

/// A reader's end of its queue; gives up its seat when dropped.
#[derive(Debug)]
pub struct Tail {
    _seat: Seat,
    queue: Arc<Queue>,
}

/// One reader, as the hub knows it.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) number: u64,
    pub(crate) filter: Filter,
    /// Events up to here are not for it: they were recorded before it came.
    pub(crate) after: Place,
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    /// All up to here is in the queue, or was taken from it, or is not wanted.
    seen: Place,
    is_closed: bool,
    reader: Option<Waker>,
}

impl Missed {
    /// One event that found no room.
    #[must_use]
    pub fn one(time: Timestamp, place: Place) -> Missed {
        Missed { events: 1, is_at_most: false, from: time, to: time, place }
    }

    /// Adds others that come behind.
    pub fn add(&mut self, other: &Missed) {
        self.events += other.events;
        self.is_at_most |= other.is_at_most;
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.place = self.place.max(other.place);
    }
}

impl Queue {
    pub(crate) fn new(number: u64, filter: Filter, after: Place, bytes_max: usize) -> Queue {
        let state =
            State { items: VecDeque::new(), bytes: 0, seen: after, is_closed: false, reader: None };
        Queue { number, filter, after, bytes_max, state: Mutex::new(state) }
    }

    /// Puts lines in the queue, and says how many found no room. All up to `seen` is dealt with.
    pub(crate) fn put(
        &self,
        lines: impl IntoIterator<Item = (Place, Timestamp, Bytes)>,
        seen: Place,
    ) -> u64 {
        let (mut missed, mut has_news) = (0, false);
        let mut state = self.lock();
        for (place, time, line) in lines {
            has_news = true;
            let bytes = line.len() + LINE_BYTES;
            if state.bytes + bytes > self.bytes_max {
                missed += 1;
                state.miss(&Missed::one(time, place));
            } else {
                state.bytes += bytes;
                state.items.push_back(Item::Line(place, line));
            }
        }
        state.seen = state.seen.max(seen);
        let reader = if has_news { state.reader.take() } else { None };
        drop(state);
        wake(reader);
        missed
    }

    /// Tells of events that it was not offered.
    pub(crate) fn miss(&self, missed: &Missed) {
        let mut state = self.lock();
        state.miss(missed);
        state.seen = state.seen.max(missed.place);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn miss(&mut self, missed: &Missed) {
        match self.items.back_mut() {
            Some(Item::Missed(last)) => last.add(missed),
            _ => self.items.push_back(Item::Missed(*missed)),
        }
    }

    fn take(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        if let Item::Line(_, line) = &item {
            self.bytes -= line.len() + LINE_BYTES;
        }
        Some(item)
    }
}

impl Tail {
    pub(crate) fn new(seat: Seat, queue: Arc<Queue>) -> Tail {
        Tail { _seat: seat, queue }
    }

    /// The next item; `None` when the hub is closed and all is told.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Item>> {
        let mut state = self.queue.lock();
        if let Some(item) = state.take() {
            return Poll::Ready(Some(item));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether the hub is closed, for a reader that does not ask for items yet.
    pub fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.queue.lock();
        if state.is_closed {
            return Poll::Ready(());
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// The next item, if there is one now.
    pub fn try_next(&mut self) -> Option<Item> {
        self.queue.lock().take()
    }

    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.queue.filter
    }

    /// What it was told of begins behind this.
    #[must_use]
    pub fn after(&self) -> Place {
        self.queue.after
    }

    /// When nothing waits in the queue: all that it wants up to here it has been told.
    #[must_use]
    pub fn seen(&self) -> Option<Place> {
        let state = self.queue.lock();
        state.items.is_empty().then_some(state.seen)
    }
}

/// Outside the lock: who is woken may look at once.
fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}
