//! Where events come in, and readers come and go.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use model::{AccountId, BatchId, Event};

use crate::filter::Filter;
use crate::line::{Subject, time_of};
use crate::place::Place;
use crate::queue::{Missed, Queue, Tail};

/// What an event in the inbox holds besides its record.
const EVENT_BYTES: usize = 256;
/// Events are compared with filters up to so many bytes at a time, and the last event.
const COMPARED_BYTES: usize = 256 << 10;

/// How much there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Readers.
    pub tails_max: usize,
    /// Readers of one account.
    pub tails_per_account_max: usize,
    /// Bytes that wait for a reader.
    pub queue_bytes: usize,
    /// Bytes that wait to be compared with filters. More than one commit of the journal has.
    pub inbox_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            tails_max: 64,
            tails_per_account_max: 32,
            queue_bytes: 1 << 20,
            inbox_bytes: 16 << 20,
        }
    }
}

/// There is no place for another reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// Of anybody.
    #[error("{0} tails are open, and more are not allowed; end one, or try again later")]
    Full(usize),
    /// Of this account.
    #[error(
        "{0} tails of this account are open, and more are not allowed; end one, or try again later"
    )]
    OfAccount(usize),
    /// No more at all.
    #[error("the daemon stops; open the tail again when it is back")]
    Closed,
}

/// What metrics show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Readers.
    pub tails: usize,
    /// And how many there may be.
    pub tails_max: usize,
    /// Events that readers were told of, as missed, since the start.
    pub missed: u64,
    /// Events that wait to be compared with filters, in bytes.
    pub inbox_bytes: usize,
}

/// Events of one commit, or those that were lost before they could be compared.
#[derive(Debug)]
pub struct Group(Kind);

#[derive(Debug)]
enum Kind {
    Events {
        batch: BatchId,
        first: u32,
        events: Vec<Event>,
    },
    /// By reader.
    Lost(BTreeMap<u64, Missed>),
}

/// A place among the readers; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    hub: Arc<Hub>,
    number: u64,
}

/// The hub of an installation.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    state: Mutex<State>,
    missed: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// The last event that was committed.
    last: Place,
    /// Who has a seat.
    seats: Vec<(u64, AccountId)>,
    next_seat: u64,
    /// Of these, who reads.
    tails: Vec<Arc<Queue>>,
    inbox: VecDeque<Group>,
    inbox_bytes: usize,
    distributor: Option<Waker>,
    is_closed: bool,
}

impl Hub {
    /// A hub; events that come have places behind `last`.
    #[must_use]
    pub fn new(limits: Limits, last: Place) -> Arc<Hub> {
        let state = State {
            last,
            seats: Vec::new(),
            next_seat: 0,
            tails: Vec::new(),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            distributor: None,
            is_closed: false,
        };
        Arc::new(Hub { limits, state: Mutex::new(state), missed: AtomicU64::new(0) })
    }

    /// Events were committed; `first` is the place of the first of them in its batch. They are not
    /// compared with anything here, and this waits for nobody who reads.
    pub fn committed(&self, batch: BatchId, first: u64, events: Vec<Event>) {
        let first = u32::try_from(first).expect("a segment holds fewer than 2^32 events");
        let Some(more) = events.len().checked_sub(1) else { return };
        let mut state = self.lock();
        let more = u32::try_from(more).expect("a segment holds fewer than 2^32 events");
        state.last = Place { batch, index: first + more };
        if state.tails.is_empty() || state.is_closed {
            drop(state);
            return;
        }
        let bytes = bytes_of(&events);
        if state.inbox_bytes + bytes > self.limits.inbox_bytes {
            state.lose(batch, first, &events);
        } else {
            state.inbox_bytes += bytes;
            state.inbox.push_back(Group(Kind::Events { batch, first, events }));
        }
        let distributor = state.distributor.take();
        drop(state);
        if let Some(distributor) = distributor {
            distributor.wake();
        }
    }

    /// A seat for a reader of an account, if one is free.
    pub fn seat(self: &Arc<Hub>, account: &AccountId) -> Result<Seat, NoPlace> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(NoPlace::Closed);
        }
        if state.seats.len() >= self.limits.tails_max {
            return Err(NoPlace::Full(self.limits.tails_max));
        }
        let of_account = state.seats.iter().filter(|(_, owner)| owner == account).count();
        if of_account >= self.limits.tails_per_account_max {
            return Err(NoPlace::OfAccount(self.limits.tails_per_account_max));
        }
        let number = state.next_seat;
        state.next_seat += 1;
        state.seats.push((number, account.clone()));
        Ok(Seat { hub: Arc::clone(self), number })
    }

    /// The next group that is to be distributed; `None` when the hub is closed. For one caller.
    pub fn poll_group(&self, context: &mut Context<'_>) -> Poll<Option<Group>> {
        let mut state = self.lock();
        if let Some(group) = state.inbox.pop_front() {
            state.inbox_bytes -= group.bytes();
            return Poll::Ready(Some(group));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        state.distributor = Some(context.waker().clone());
        Poll::Pending
    }

    /// Compares some events of a group with all filters, from `begin` on and `count` at most, and
    /// puts them in the queues. Returns where to go on; `None` at the group's end, or when the hub
    /// is closed. For one caller, which goes through the groups in their order and has time:
    /// filters may be slow.
    pub fn distribute(&self, group: &Group, begin: usize, count: usize) -> Option<usize> {
        let tails = self.lock().tails.clone();
        match &group.0 {
            Kind::Lost(lost) => {
                for (number, missed) in lost {
                    if let Some(tail) = tails.iter().find(|tail| tail.number == *number) {
                        self.missed.fetch_add(missed.events, Ordering::Relaxed);
                        tail.miss(missed);
                    }
                }
                None
            }
            Kind::Events { batch, first, events } => {
                let some = some_of(events.get(begin..)?, count);
                let place = |number: usize| {
                    let number = u32::try_from(begin + number).expect("as the journal counts");
                    Place { batch: *batch, index: first + number }
                };
                let subjects: Vec<Subject<'_>> = some
                    .iter()
                    .enumerate()
                    .map(|(number, event)| Subject::new(event, place(number)))
                    .collect();
                for tail in &tails {
                    if self.lock().is_closed {
                        return None;
                    }
                    self.offer(tail, &subjects);
                }
                let end = begin + some.len();
                (end < events.len()).then_some(end)
            }
        }
    }

    fn offer(&self, tail: &Queue, subjects: &[Subject<'_>]) {
        let filter = tail.filter.ready();
        let taken = subjects
            .iter()
            .filter(|subject| subject.place() > tail.after && filter.takes(subject))
            .map(|subject| {
                (subject.place(), time_of(subject.event(), subject.place()), subject.line())
            });
        // Compared before the queue is locked: its reader need not wait for that.
        let taken: Vec<_> = taken.collect();
        let Some(last) = subjects.last() else { return };
        let missed = tail.put(taken, last.place());
        self.missed.fetch_add(missed, Ordering::Relaxed);
    }

    /// Ends all tails when they have told what waits in their queues; no more come.
    pub fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.inbox.clear();
        state.inbox_bytes = 0;
        let (tails, distributor) = (state.tails.clone(), state.distributor.take());
        drop(state);
        tails.iter().for_each(|tail| tail.close());
        if let Some(distributor) = distributor {
            distributor.wake();
        }
    }

    /// What metrics show.
    #[must_use]
    pub fn report(&self) -> Report {
        let state = self.lock();
        Report {
            tails: state.tails.len(),
            tails_max: self.limits.tails_max,
            missed: self.missed.load(Ordering::Relaxed),
            inbox_bytes: state.inbox_bytes,
        }
    }

    /// A reader takes its seat. It hears of what is committed from now on.
    fn follow(&self, number: u64, filter: Filter) -> Arc<Queue> {
        let mut state = self.lock();
        let queue = Queue::new(number, filter, state.last, self.limits.queue_bytes);
        let queue = Arc::new(queue);
        if state.is_closed {
            queue.close();
        }
        state.tails.push(Arc::clone(&queue));
        queue
    }

    fn leave(&self, number: u64) {
        let mut state = self.lock();
        state.seats.retain(|(seat, _)| *seat != number);
        state.tails.retain(|tail| tail.number != number);
        if state.tails.is_empty() {
            state.inbox.clear();
            state.inbox_bytes = 0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Begins to read: what is committed from now on.
    #[must_use]
    pub fn follow(self, filter: Filter) -> Tail {
        let queue = self.hub.follow(self.number, filter);
        Tail::new(self, queue)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.leave(self.number);
    }
}

impl State {
    /// There is no room in the inbox: each reader is to hear how many events of its scope are lost.
    /// They are not compared with the rest of its filter, for which there is no time: this is the
    /// journal's. So they are counted by what they are filed under first, of which a commit has
    /// few.
    fn lose(&mut self, batch: BatchId, first: u32, events: &[Event]) {
        if !matches!(self.inbox.back(), Some(Group(Kind::Lost(_)))) {
            self.inbox.push_back(Group(Kind::Lost(BTreeMap::new())));
        }
        let Some(Group(Kind::Lost(lost))) = self.inbox.back_mut() else { return };
        let mut filed: BTreeMap<_, Missed> = BTreeMap::new();
        for (index, event) in (first..).zip(events) {
            let place = Place { batch, index };
            let one = Missed::one(time_of(event, place), place);
            let under = (&event.account, &event.region, event.category);
            filed.entry(under).and_modify(|before| before.add(&one)).or_insert(one);
        }
        for tail in &self.tails {
            let (scope, is_at_most) = (tail.filter.scope(), !tail.filter.takes_all());
            for ((account, region, category), missed) in &filed {
                if scope.covers(account, region, *category) {
                    let missed = Missed { is_at_most, ..*missed };
                    let lost = lost.entry(tail.number);
                    lost.and_modify(|before| before.add(&missed)).or_insert(missed);
                }
            }
        }
    }
}

impl Group {
    fn bytes(&self) -> usize {
        match &self.0 {
            Kind::Events { events, .. } => bytes_of(events),
            Kind::Lost(_) => 0,
        }
    }
}

/// The first of some events: so many at most, and no more when they are large.
fn some_of(events: &[Event], count: usize) -> &[Event] {
    let mut bytes = 0;
    let is_small = |event: &&Event| {
        let fits = bytes < COMPARED_BYTES;
        bytes += event.record.len();
        fits
    };
    &events[..events.iter().take(count).take_while(is_small).count()]
}

fn bytes_of(events: &[Event]) -> usize {
    events.iter().map(|event| event.record.len() + EVENT_BYTES).sum()
}
