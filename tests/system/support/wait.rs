//! The only way to wait: for a condition, with a deadline, and saying for what.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

/// Far more than anything takes, also on a busy machine: only what never happens meets it.
const DEADLINE: Duration = Duration::from_secs(60);
const PERIOD: Duration = Duration::from_millis(20);
/// For what is over soon.
const SHORT_PERIOD: Duration = Duration::from_millis(1);

/// Asks until there is an answer.
#[track_caller]
pub fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    ask_every(PERIOD, what, ask)
}

/// The same, asking so often that what is over soon is not missed.
#[track_caller]
pub fn promptly<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    ask_every(SHORT_PERIOD, what, ask)
}

#[track_caller]
fn ask_every<T>(
    period: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + DEADLINE;
        let mut tick = interval(period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while Instant::now() < deadline {
            tick.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
        panic!("{place}: waited {DEADLINE:?} in vain for this: {what}");
    }
}
