//! How long a lane that failed is left alone.
//!
//! ```text
//!   failure         1      2      3   …     n
//!   pause up to    1 s    2 s    4 s  …   5 min      then a random share of it
//! ```

use std::time::Duration;

use model::Timestamp;

/// The longest part of an error's text that is remembered, in characters.
const ERROR_CHARS_MAX: usize = 1000;

/// No pause is shorter: a step of the clock lies between two tries.
const PAUSE_FLOOR: Duration = Duration::from_millis(1);

/// When a lane is tried again and when its items are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// The bound of the first pause. It doubles with each failure.
    pub pause_min: Duration,
    /// The bound that all pauses have.
    pub pause_max: Duration,
    /// The age at which an item of a refusing lane is set aside.
    pub give_up_after: Duration,
}

impl Default for RetrySettings {
    /// One second, five minutes, thirty days (as CloudTrail).
    fn default() -> RetrySettings {
        RetrySettings {
            pause_min: Duration::from_secs(1),
            pause_max: Duration::from_secs(300),
            give_up_after: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

impl RetrySettings {
    /// The pause after a failure that follows `failures` others; `random` is drawn from 0 to 1.
    #[must_use]
    pub fn pause(&self, failures: u32, random: f64) -> Duration {
        let doubled =
            self.pause_min.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
        let share = if random.is_nan() { 0.0 } else { random.clamp(0.0, 1.0) };
        doubled.min(self.pause_max).mul_f64(share).max(PAUSE_FLOOR)
    }
}

/// A lane's failures since its last success, at least one.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) since: Timestamp,
    pub(crate) failures: u32,
    pub(crate) last_error: String,
    /// The end of the pause; `None` once it was seen to be over.
    pub(crate) next_try: Option<Timestamp>,
}

impl Refusal {
    pub(crate) fn first(
        error: &str,
        now: Timestamp,
        random: f64,
        settings: &RetrySettings,
    ) -> Refusal {
        let next_try = Some(now.plus(settings.pause(0, random)));
        Refusal { since: now, failures: 1, last_error: shortened(error), next_try }
    }

    /// Counts a further failure. One that arrives while the lane pauses is of a try that began
    /// before the pause: it tells nothing new, and ten at a time must not make ten doublings.
    pub(crate) fn again(
        &mut self,
        error: &str,
        now: Timestamp,
        random: f64,
        settings: &RetrySettings,
    ) {
        self.last_error = shortened(error);
        if self.is_pausing(now, settings) {
            return;
        }
        self.next_try = Some(now.plus(settings.pause(self.failures, random)));
        self.failures = self.failures.saturating_add(1);
    }

    /// Whether the pause goes on. One of which more is left than a pause can last was begun before
    /// the clock was set back, and is over.
    pub(crate) fn is_pausing(&self, now: Timestamp, settings: &RetrySettings) -> bool {
        let left = self.next_try.map_or(Duration::ZERO, |next_try| next_try.since(now));
        left > Duration::ZERO && left <= settings.pause_max.max(PAUSE_FLOOR)
    }

    /// A pause seen to be over stays over; else it would go on when the clock was set back and
    /// comes near its end once more.
    pub(crate) fn settle(&mut self, now: Timestamp, settings: &RetrySettings) {
        if !self.is_pausing(now, settings) {
            self.next_try = None;
        }
    }
}

fn shortened(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_are_a_random_share_of_it() {
        let settings = RetrySettings::default();
        for (failures, random, millis) in [
            (0, 1.0, 1_000),
            (1, 1.0, 2_000),
            (8, 1.0, 256_000),
            (9, 1.0, 300_000),
            (32, 1.0, 300_000),
            (u32::MAX, 1.0, 300_000),
            (3, 0.25, 2_000),
            (3, 0.0, 1),
            (3, -1.0, 1),
            (3, 7.0, 8_000),
            (3, f64::NAN, 1),
        ] {
            let pause = settings.pause(failures, random);
            assert_eq!(pause, Duration::from_millis(millis), "{failures} failures, {random}");
        }
    }

    #[test]
    fn an_error_is_cut_between_characters() {
        assert_eq!(shortened(&"é".repeat(5_000)).chars().count(), ERROR_CHARS_MAX);
    }
}
