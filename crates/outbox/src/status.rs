//! How each trail fares at one kind of destination, as GetTrailStatus tells it.
//!
//! | rule | |
//! | --- | --- |
//! | a success clears the error | and its time stays while later tries fail |
//! | only trails that are defined are noted | a file may arrive when its trail is no more |
//! | an error is the destination's own | a time-out, or a service that is busy, leaves all as it was |
//!
//! Source: AWS CloudTrail API Reference, `GetTrailStatus`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Timestamp, TrailArn};
use serde::{Deserialize, Serialize};

/// How one trail fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When the destination last took something.
    pub latest_time: Option<Timestamp>,
    /// The code with which it refused since then.
    pub latest_error: Option<String>,
}

/// How all trails fare. A clone is another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct Statuses(Arc<Mutex<BTreeMap<TrailArn, Status>>>);

impl Statuses {
    /// How a trail fares; of one that nothing is known of, nothing.
    #[must_use]
    pub fn of(&self, trail: &TrailArn) -> Status {
        self.lock().get(trail).cloned().unwrap_or_default()
    }

    /// The trail and its destination are defined: from now on it is noted how it fares.
    pub fn define(&self, trail: &TrailArn) {
        self.lock().entry(trail.clone()).or_default();
    }

    /// The destination took something of the trail's.
    pub fn succeeded(&self, trail: &TrailArn, now: Timestamp) {
        if let Some(status) = self.lock().get_mut(trail) {
            *status = Status { latest_time: Some(now), latest_error: None };
        }
    }

    /// The destination refused with this code, by its own fault.
    pub fn refused(&self, trail: &TrailArn, code: &str) {
        if let Some(status) = self.lock().get_mut(trail) {
            status.latest_error = Some(code.to_owned());
        }
    }

    /// The trail has another destination, or its destination proved itself.
    pub fn clear_error(&self, trail: &TrailArn) {
        if let Some(status) = self.lock().get_mut(trail) {
            status.latest_error = None;
        }
    }

    /// The trail, or its destination, is no more.
    pub fn forget(&self, trail: &TrailArn) {
        self.lock().remove(trail);
    }

    /// What was known of a trail before the start.
    pub fn restore(&self, trail: &TrailArn, status: Status) {
        self.lock().insert(trail.clone(), status);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TrailArn, Status>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_clears_the_error_and_its_time_stays_while_later_tries_fail() {
        let (statuses, trail) =
            (Statuses::default(), "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all");
        let trail = trail.parse().unwrap();
        let check = |time: Option<i64>, error: Option<&str>| {
            let expected = Status {
                latest_time: time.map(Timestamp::from_millis),
                latest_error: error.map(str::to_owned),
            };
            assert_eq!(statuses.of(&trail), expected);
        };
        check(None, None);
        statuses.define(&trail);
        statuses.refused(&trail, "AccessDenied");
        check(None, Some("AccessDenied"));
        statuses.succeeded(&trail, Timestamp::from_millis(1));
        check(Some(1), None);
        statuses.refused(&trail, "NoSuchBucket");
        check(Some(1), Some("NoSuchBucket"));
        statuses.clear_error(&trail);
        check(Some(1), None);
        statuses.forget(&trail);
        check(None, None);
    }

    #[test]
    fn a_trail_that_is_no_more_is_not_noted() {
        let (statuses, trail) =
            (Statuses::default(), "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all");
        let trail = trail.parse().unwrap();
        statuses.define(&trail);
        statuses.forget(&trail);
        statuses.succeeded(&trail, Timestamp::from_millis(1));
        statuses.refused(&trail, "NoSuchBucket");
        assert!(statuses.lock().is_empty());
    }
}
