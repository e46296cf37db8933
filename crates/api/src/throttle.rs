//! How fast an account may do things: so many a second, and some seconds' worth at once.
//!
//! Each account has a bucket of permits that fills at the rate. What is kept of it is when it will be
//! full: a bucket that is full need not be known, so that memory is bounded by the accounts that did
//! something within the time that filling takes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Buckets that are known before full ones are looked for.
const BUCKETS: usize = 64;

/// The buckets of all whose rates are told apart.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    /// The time of one permit.
    interval: Duration,
    /// How long an empty bucket takes to fill: what it holds is a rate times this.
    fills_in: Duration,
    buckets: Mutex<Buckets<K>>,
}

#[derive(Debug)]
struct Buckets<K> {
    full_at: BTreeMap<K, Duration>,
    /// So many are known when full ones are forgotten: a fixed cost for each permit.
    sweep_at: usize,
}

impl<K: Ord + Clone> Throttle<K> {
    /// Full buckets that fill with so many permits a second, and hold what comes in so long.
    pub(crate) fn new(per_second: u32, fills_in: Duration) -> Throttle<K> {
        let buckets = Buckets { full_at: BTreeMap::new(), sweep_at: BUCKETS };
        let interval = Duration::from_secs(1) / per_second.max(1);
        Throttle { interval, fills_in, buckets: Mutex::new(buckets) }
    }

    /// Takes a permit of somebody's, if there is one. `now` is the time since some fixed moment.
    pub(crate) fn take(&self, whose: &K, now: Duration) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = buckets.full_at.get(whose).copied();
        let full_at = known.map_or(now, |full_at| full_at.max(now)) + self.interval;
        if full_at > now + self.fills_in {
            return false;
        }
        if known.is_none() && buckets.full_at.len() >= buckets.sweep_at {
            buckets.full_at.retain(|_, full_at| *full_at > now);
            buckets.sweep_at = BUCKETS.max(2 * buckets.full_at.len());
        }
        buckets.full_at.insert(whose.clone(), full_at);
        true
    }
}

#[cfg(test)]
mod tests {
    use model::AccountId;

    use super::*;

    fn throttle() -> Throttle<AccountId> {
        Throttle::new(10, Duration::from_secs(10))
    }

    fn account(number: usize) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    fn taken(throttle: &Throttle<AccountId>, account: &AccountId, now: Duration) -> usize {
        (0..1_000).filter(|_| throttle.take(account, now)).count()
    }

    #[test]
    fn an_account_takes_ten_seconds_worth_at_once_and_then_the_rate() {
        let throttle = throttle();
        let now = Duration::from_secs(1_000);
        assert_eq!(taken(&throttle, &account(1), now), 100);
        assert_eq!(taken(&throttle, &account(1), now + Duration::from_millis(99)), 0);
        assert_eq!(taken(&throttle, &account(1), now + Duration::from_secs(1)), 10);
        assert_eq!(taken(&throttle, &account(1), now + Duration::from_secs(500)), 100);
    }

    #[test]
    fn accounts_take_nothing_of_each_other() {
        let throttle = throttle();
        assert_eq!(taken(&throttle, &account(1), Duration::ZERO), 100);
        assert_eq!(taken(&throttle, &account(2), Duration::ZERO), 100);
    }

    #[test]
    fn full_buckets_are_forgotten_and_others_are_not() {
        let throttle = throttle();
        assert_eq!(taken(&throttle, &account(0), Duration::from_secs(95)), 100);
        for number in 1..=10_000 {
            let now = Duration::from_millis(u64::try_from(number).unwrap());
            assert!(throttle.take(&account(number), now));
        }
        let known = throttle.buckets.lock().unwrap().full_at.len();
        assert!(known <= 4 * BUCKETS, "{known}");
        assert!(!throttle.take(&account(0), Duration::from_secs(95)));
    }
}
