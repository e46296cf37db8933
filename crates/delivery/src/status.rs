//! How a trail's deliveries fare, as `GetTrailStatus` will report it.
//! Source: AWS CloudTrail API Reference, `GetTrailStatus`.

use model::Timestamp;

use crate::store::StoreError;

/// The delivery part of `GetTrailStatus`. Times are absent before the first of their kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryStatus {
    /// `LatestDeliveryTime`: the last file that arrived.
    pub latest_delivery_time: Option<Timestamp>,
    /// `LatestDeliveryError`: S3's code of the last failure, until a file arrives again.
    pub latest_delivery_error: Option<String>,
    /// `LatestDeliveryAttemptTime`.
    pub latest_attempt_time: Option<Timestamp>,
    /// `LatestDeliveryAttemptSucceeded`: when an attempt last succeeded.
    pub latest_attempt_succeeded: Option<Timestamp>,
}

impl DeliveryStatus {
    pub(crate) fn succeeded(&mut self, now: Timestamp) {
        *self = DeliveryStatus {
            latest_delivery_time: Some(now),
            latest_delivery_error: None,
            latest_attempt_time: Some(now),
            latest_attempt_succeeded: Some(now),
        };
    }

    pub(crate) fn failed(&mut self, now: Timestamp, error: &StoreError) {
        self.latest_attempt_time = Some(now);
        if error.is_of_the_destination() {
            self.latest_delivery_error = Some(error.code.clone());
        }
    }
}
