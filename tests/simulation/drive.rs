//! Steps the daemon's futures and the journal's desk, one after the other in one thread.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;

use producer::{Desk, Now};

use crate::outside::Weather;

/// Polls until the future is done, and serves the desk whenever commands wait; `None` when the
/// process is killed meanwhile. What is called at once is one group.
pub async fn drive<T>(
    desk: &mut Desk,
    now: Now,
    weather: &Weather,
    future: impl Future<Output = T>,
) -> Option<T> {
    // Without a budget: how much of it is used up depends on how fast other threads are.
    let mut future = pin!(tokio::task::unconstrained(future));
    std::future::poll_fn(|context| {
        loop {
            // The dead do nothing more, not even what would be done at once.
            if weather.is_killed.load(Ordering::Relaxed) {
                return Poll::Ready(None);
            }
            if let Poll::Ready(done) = future.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            if weather.is_killed.load(Ordering::Relaxed) {
                return Poll::Ready(None);
            }
            if !desk.has_commands() {
                return Poll::Pending;
            }
            desk.serve(now);
        }
    })
    .await
}
