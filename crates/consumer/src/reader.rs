//! From an announced object to the records in it that are new.
//!
//! A store that fails is asked a few times with growing waits while the message stays in hand, so
//! that a hiccup costs no receive of the message (a queue's redrive policy counts those). A store
//! that keeps failing gives the message up to redelivery, so that one forbidden bucket does not
//! hold up all others. The waits grow over the whole outage, not per object.

use std::sync::Arc;

use bytes::Bytes;

use crate::announcement::Announced;
use crate::backoff::Jitter;
use crate::counters::Counters;
use crate::health::Health;
use crate::log_file::Record;
use crate::options::Options;
use crate::service::{GetError, Objects};
use crate::stop::Stop;
use crate::unpack::{InvalidLogFile, unpack};
use crate::window::{Fingerprint, Window};

const TRIES_MAX: u32 = 4;

pub(crate) struct Reader<O> {
    objects: O,
    compressed_bytes_max: usize,
    uncompressed_bytes_max: usize,
    window: Window,
    health: Health,
    counters: Arc<Counters>,
}

/// A log file as read.
pub(crate) enum Read {
    /// The object is empty, so a marker.
    Empty,
    Records {
        /// Those not accepted before.
        new: Vec<Record>,
        duplicates: usize,
    },
}

/// Why an object was not read.
pub(crate) enum Unread {
    Missing,
    Invalid(InvalidLogFile),
    Unavailable,
    Interrupted,
}

impl<O: Objects> Reader<O> {
    pub(crate) fn new(
        objects: O,
        options: &Options,
        jitter: Jitter,
        counters: Arc<Counters>,
    ) -> Reader<O> {
        Reader {
            objects,
            compressed_bytes_max: options.compressed_bytes_max,
            uncompressed_bytes_max: options.uncompressed_bytes_max,
            window: Window::new(options.window_records),
            health: Health::new("s3", jitter),
            counters,
        }
    }

    pub(crate) async fn read(&mut self, object: &Announced, stop: &Stop) -> Result<Read, Unread> {
        let bytes = self.fetch(object, stop).await?;
        if bytes.is_empty() {
            return Ok(Read::Empty);
        }
        let mut new = self.unpack(bytes).await?;
        let all = new.len();
        self.window.retain_new(&mut new);
        Ok(Read::Records { duplicates: all - new.len(), new })
    }

    /// To be called once the sink has accepted them.
    pub(crate) fn remember(&mut self, accepted: &[Fingerprint]) {
        self.window.remember(accepted);
    }

    async fn fetch(&mut self, object: &Announced, stop: &Stop) -> Result<Bytes, Unread> {
        for _ in 0..TRIES_MAX {
            let got =
                self.objects.get(&object.bucket, &object.key, self.compressed_bytes_max).await;
            let Err(GetError::Unavailable(error)) = got else {
                self.health.worked();
                return got.map_err(|error| answered(&error));
            };
            self.counters.failed_calls.one();
            stop.sleep(self.health.failed(&error)).await;
            if stop.is_set() {
                return Err(Unread::Interrupted);
            }
        }
        Err(Unread::Unavailable)
    }

    async fn unpack(&self, bytes: Bytes) -> Result<Vec<Record>, Unread> {
        let bytes_max = self.uncompressed_bytes_max;
        match tokio::task::spawn_blocking(move || unpack(bytes, bytes_max)).await {
            Ok(unpacked) => unpacked.map_err(Unread::Invalid),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down.
                Err(_) => Err(Unread::Interrupted),
            },
        }
    }
}

/// The store works and said no.
fn answered(error: &GetError) -> Unread {
    match *error {
        GetError::Missing => Unread::Missing,
        GetError::TooBig { bytes_max } => Unread::Invalid(InvalidLogFile::TooBig { bytes_max }),
        GetError::Unavailable(_) => Unread::Unavailable,
    }
}
