//! The only way to wait: for a condition, with a deadline, and saying for what.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

/// Far more than anything takes, also on a busy machine: only what never happens meets it.
const DEADLINE: Duration = Duration::from_secs(60);
const PERIOD: Duration = Duration::from_millis(20);
/// For what comes only after LocalStack did much else, and is over soon.
const LONG_DEADLINE: Duration = Duration::from_secs(300);
const SHORT_PERIOD: Duration = Duration::from_millis(1);

/// Asks until there is an answer.
#[track_caller]
pub fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    ask_every(PERIOD, DEADLINE, what, ask)
}

/// The same for what comes late and is over soon.
#[track_caller]
pub fn promptly<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    ask_every(SHORT_PERIOD, LONG_DEADLINE, what, ask)
}

#[track_caller]
fn ask_every<T>(
    period: Duration,
    patience: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + patience;
        let mut tick = interval(period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while Instant::now() < deadline {
            tick.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
        panic!("{place}: waited {patience:?} in vain for this: {what}");
    }
}
