//! How long to wait after a failure.
//!
//! Exponential with full jitter: a random part of a ceiling that doubles with every failure in a
//! row. Many readers that fail together then do not come back together.
//!
//! Source: AWS Architecture Blog, "Exponential Backoff And Jitter".

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Randomness for waiting times: splitmix64. Not for secrets.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// The same seed gives the same waits.
    #[must_use]
    pub fn seeded(seed: u64) -> Jitter {
        Jitter(seed)
    }

    /// Seeded from the randomness that the standard library takes from the system.
    #[must_use]
    pub fn random() -> Jitter {
        Jitter(RandomState::new().hash_one(0))
    }

    /// Another source, independent of this one.
    pub(crate) fn split(&mut self) -> Jitter {
        Jitter(self.next())
    }

    /// A waiting time from zero to `ceiling`.
    pub(crate) fn up_to(&mut self, ceiling: Duration) -> Duration {
        let per_mille = u32::try_from(self.next() % 1_001).expect("at most 1,000");
        ceiling * per_mille / 1_000
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Doubles from one second with every failure in a row, up to `most`.
pub(crate) fn ceiling(failures: u32, most: Duration) -> Duration {
    let doubled = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_its_limit() {
        let most = Duration::from_secs(30);
        let seconds = |failures| ceiling(failures, most).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(seconds), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!([0, 64, 65, u32::MAX].map(seconds), [1, 30, 30, 30]);
    }

    #[test]
    fn waits_fill_the_whole_range_below_the_ceiling() {
        let mut jitter = Jitter::seeded(1);
        let ceiling = Duration::from_secs(30);
        let waits: Vec<Duration> = (0..1_000).map(|_| jitter.up_to(ceiling)).collect();
        assert!(waits.iter().all(|&wait| wait <= ceiling));
        for second in 0..30 {
            assert!(waits.iter().any(|wait| wait.as_secs() == second), "none in second {second}");
        }
    }
}
