//! Steps futures by hand, so that the dice decide whose turn it is and a seed repeats a run.
//!
//! Each future has a flag of its own for a waker. Work that a step hands to tokio's blocking thread
//! is done when the step has ended ([`Turnstile`]): there is one such thread, and it takes its work
//! in order, so that nothing ever happens beside a step.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Poll, Wake, Waker};

/// A future under way.
pub struct Task<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    flag: Arc<Flag>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl<T> Task<T> {
    pub fn new(future: impl Future<Output = T> + 'static) -> Task<T> {
        // Without a budget: a step ends where the future waits, and nowhere else.
        let future = Box::pin(tokio::task::unconstrained(future));
        Task { future, flag: Arc::new(Flag(AtomicBool::new(true))) }
    }

    /// Whether something has happened that it waited for.
    pub fn is_ready(&self) -> bool {
        self.flag.0.load(Ordering::Acquire)
    }

    /// One step; the result when it is done, after which it must not be stepped again.
    pub fn step(&mut self) -> Option<T> {
        self.flag.0.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&self.flag));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }
}

/// Holds tokio's blocking thread up, but while it is let through.
pub struct Turnstile {
    open: SyncSender<()>,
}

impl Turnstile {
    /// Of a runtime that has one blocking thread.
    pub fn new() -> Turnstile {
        let (turnstile, is_reached) = Turnstile::build();
        is_reached.recv().expect(REACHED);
        turnstile
    }

    /// Lets the thread do all that it has been given, and waits until it has.
    pub fn let_through(&mut self) {
        let (next, is_reached) = Turnstile::build();
        let last = std::mem::replace(self, next);
        last.open.send(()).expect("the thread waits here");
        is_reached.recv().expect(REACHED);
    }

    /// A barrier behind all that the thread was given; it tells when it is reached.
    fn build() -> (Turnstile, Receiver<()>) {
        let (reached, is_reached) = sync_channel(1);
        let (open, is_open) = sync_channel(1);
        tokio::task::spawn_blocking(move || {
            reached.send(()).expect("somebody waits for it");
            // Without anybody to open it the run is over.
            let _ = is_open.recv();
        });
        (Turnstile { open }, is_reached)
    }
}

const REACHED: &str = "the blocking thread does what it is given";
