//! What a consumer has done, readable while it runs.
//!
//! Conservation: `received = deleted + dead_lettered + left + released` whenever no message is in
//! hand, and `records` counts each record once that the sink accepted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Counters that a running consumer moves.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter,)+ }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)+ }

        impl Counters {
            pub(crate) fn read(&self) -> Counts {
                Counts { $($name: self.$name.read(),)+ }
            }
        }
    };
}

counters! {
    /// Messages handed out by the queue, each time.
    received,
    /// Messages deleted because all they announce was accepted or skipped.
    deleted,
    /// Messages sent to the dead-letter queue and deleted.
    dead_lettered,
    /// Messages left in the queue to come again: something failed.
    left,
    /// Messages given back at once because of a stop.
    released,
    /// Times a message failed as poison at or beyond the limit of attempts, whatever was done.
    poison,
    /// Log files whose records the sink accepted, or had accepted before.
    files,
    /// Records accepted by the sink.
    records,
    /// Records suppressed because the sink had accepted them before.
    duplicates,
    /// Skipped: `CloudTrail validation message.`.
    validation_messages,
    /// Skipped: `s3:TestEvent`.
    test_events,
    /// Skipped: digest files.
    digests,
    /// Skipped: empty objects that try a bucket.
    markers,
    /// Skipped: objects that are not CloudTrail's, named by S3 events.
    foreign,
    /// Skipped: S3 events that tell of something else than a new object.
    not_created,
    /// Times an announced object was not there.
    missing,
    /// Times the sink refused a file.
    refused,
    /// Calls to the queue or the object store that failed.
    failed_calls,
}

/// One counter; only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
