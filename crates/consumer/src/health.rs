//! Whether a service works, as far as we saw.
//!
//! What always holds: an outage is logged once when it begins and once when it ends, however many
//! calls fail in between, and the waits grow over the whole outage, whichever message met it.

use std::fmt::Display;
use std::time::Duration;

use crate::backoff::{Jitter, ceiling};

/// No service is left alone longer than this, so that work goes on soon after an outage.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Health {
    service: &'static str,
    failures: u32,
    jitter: Jitter,
}

impl Health {
    pub(crate) fn new(service: &'static str, jitter: Jitter) -> Health {
        Health { service, failures: 0, jitter }
    }

    /// Says how long to leave the service alone.
    pub(crate) fn failed(&mut self, error: &dyn Display) -> Duration {
        let service = self.service;
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!(service, %error, "service fails, will be retried");
        } else {
            tracing::debug!(service, %error, failures = self.failures, "service still fails");
        }
        self.jitter.up_to(ceiling(self.failures, WAIT_MAX))
    }

    pub(crate) fn worked(&mut self) {
        if self.failures > 0 {
            let failures = self.failures;
            tracing::info!(service = self.service, failures, "service works again");
        }
        self.failures = 0;
    }
}
