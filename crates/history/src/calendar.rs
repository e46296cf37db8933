//! The time of day by which rows grow old, as far as it can be believed.
//!
//! What is removed is gone, and a clock can be wrong: one that leaps ahead by years must not remove
//! everything. So the calendar goes at most twice as fast as the steady clock, also over a restart,
//! until the time of day has stayed ahead for a day.

use std::time::Duration;

use model::Timestamp;

/// How much faster than the steady clock the calendar may go.
const HASTE_MAX: u32 = 2;
/// How long a time of day that is further ahead must last to be believed.
const DOUBT_MAX: Duration = Duration::from_secs(24 * 3600);

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day.
    pub wall: Timestamp,
    /// Time since some start, by a clock that nobody sets.
    pub uptime: Duration,
}

/// The time of day, as far as it can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// What was believed last.
    today: Option<Timestamp>,
    /// When that was, by the steady clock.
    looked_at: Option<Duration>,
    /// Since when the time of day is ahead.
    doubted_since: Option<Duration>,
}

impl Calendar {
    /// Goes on from what an earlier process believed; `None` when there was none.
    #[must_use]
    pub fn resume(today: Option<Timestamp>) -> Calendar {
        Calendar { today, ..Calendar::default() }
    }

    /// What day it is. A time of day that is set back is believed at once: it removes nothing.
    pub fn look(&mut self, now: Moment) -> Timestamp {
        let passed = now.uptime.saturating_sub(self.looked_at.unwrap_or(now.uptime));
        let reached = self.today.map(|today| today.plus(passed * HASTE_MAX));
        let ahead = reached.filter(|reached| now.wall > *reached);
        let doubted_since = ahead.map(|_| self.doubted_since.unwrap_or(now.uptime));
        let has_lasted = |since: Duration| now.uptime.saturating_sub(since) >= DOUBT_MAX;
        self.doubted_since = doubted_since.filter(|since| !has_lasted(*since));
        let today = match (ahead, self.doubted_since) {
            (Some(reached), Some(_)) => reached,
            _ => now.wall,
        };
        self.today = Some(today);
        self.looked_at = Some(now.uptime);
        today
    }

    /// What was believed last.
    #[must_use]
    pub fn today(&self) -> Option<Timestamp> {
        self.today
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn at(wall: i64, uptime: i64) -> Moment {
        let uptime = Duration::from_secs(uptime.unsigned_abs());
        Moment { wall: Timestamp::from_millis(wall * 1000), uptime }
    }

    fn seconds(calendar: &mut Calendar, wall: i64, uptime: i64) -> i64 {
        calendar.look(at(wall, uptime)).as_millis() / 1000
    }

    #[test]
    fn a_clock_that_leaps_ahead_is_followed_at_a_walk() {
        let mut calendar = Calendar::default();
        assert_eq!(seconds(&mut calendar, 1_000, 0), 1_000, "the first look believes");
        assert_eq!(seconds(&mut calendar, 1_010, 10), 1_010);
        assert_eq!(seconds(&mut calendar, 99_999_999, 20), 1_030, "twice as fast, no faster");
        assert_eq!(seconds(&mut calendar, 1_030, 30), 1_030, "the clock is right again");
        assert_eq!(seconds(&mut calendar, 5, 40), 5, "a clock set back is believed");
    }

    #[test]
    fn a_leap_that_lasts_a_day_is_believed() {
        let mut calendar = Calendar::default();
        seconds(&mut calendar, 0, 0);
        assert_eq!(seconds(&mut calendar, 100 * DAY, 1), 2);
        assert_eq!(seconds(&mut calendar, 101 * DAY - 1, DAY), 2 * DAY);
        assert_eq!(seconds(&mut calendar, 101 * DAY, DAY + 1), 101 * DAY);
        assert_eq!(
            seconds(&mut calendar, 900 * DAY, DAY + 2),
            101 * DAY + 2,
            "and doubt begins anew"
        );
    }

    #[test]
    fn a_leap_over_a_restart_is_doubted_too() {
        let before = Some(Timestamp::from_millis(1_000_000));
        let mut calendar = Calendar::resume(before);
        assert_eq!(seconds(&mut calendar, 100 * DAY, 0), 1_000);
        assert_eq!(seconds(&mut calendar, 100 * DAY + 10, 10), 1_020);
    }
}
