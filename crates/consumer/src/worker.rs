//! One message's work: each object it announces goes to the sink or is skipped.
//!
//! A file that is missing or invalid does not keep the other files of its message from the sink.
//! A sink or a store that fails ends the message's work at once, because the others would meet the
//! same.

use std::sync::Arc;

use crate::announcement::{Announced, Announcement};
use crate::backoff::Jitter;
use crate::counters::Counters;
use crate::health::Health;
use crate::kind::ObjectKind;
use crate::log_file::{LogFile, Record};
use crate::reader::{Read, Reader, Unread};
use crate::service::{Message, Objects};
use crate::sink::Sink;
use crate::stop::Stop;
use crate::window::Fingerprint;

/// What is to become of a message, from best to worst.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Everything was accepted or skipped.
    Done,
    /// It will fail however often it is tried.
    Poison(String),
    /// A file is not there yet.
    Again,
    /// The sink or the store fails.
    Failing,
    /// A stop came before the message was done.
    Interrupted,
}

pub(crate) struct Worker<O> {
    reader: Reader<O>,
    sink_health: Health,
    counters: Arc<Counters>,
}

impl<O: Objects> Worker<O> {
    pub(crate) fn new(reader: Reader<O>, jitter: Jitter, counters: Arc<Counters>) -> Worker<O> {
        Worker { reader, sink_health: Health::new("sink", jitter), counters }
    }

    pub(crate) async fn work(
        &mut self,
        message: &Message,
        sink: &mut impl Sink,
        stop: &Stop,
    ) -> Verdict {
        match Announcement::parse(&message.body) {
            Ok(Announcement::Objects(objects)) => return self.objects(objects, sink, stop).await,
            Ok(Announcement::Validation) => self.counters.validation_messages.one(),
            Ok(Announcement::TestEvent) => self.counters.test_events.one(),
            Err(unreadable) => return Verdict::Poison(unreadable.to_string()),
        }
        Verdict::Done
    }

    async fn objects(
        &mut self,
        objects: Vec<Announced>,
        sink: &mut impl Sink,
        stop: &Stop,
    ) -> Verdict {
        let mut worst = Verdict::Done;
        for object in objects {
            let verdict = self.object(object, sink, stop).await;
            if verdict >= Verdict::Failing {
                return verdict;
            }
            worst = worst.max(verdict);
        }
        worst
    }

    async fn object(&mut self, object: Announced, sink: &mut impl Sink, stop: &Stop) -> Verdict {
        let skipped = match object.kind {
            ObjectKind::LogFile => return self.file(object, sink, stop).await,
            ObjectKind::Digest => &self.counters.digests,
            ObjectKind::Marker => &self.counters.markers,
            ObjectKind::Foreign => &self.counters.foreign,
            ObjectKind::NotCreated => &self.counters.not_created,
        };
        if object.kind == ObjectKind::Foreign && skipped.read() == 0 {
            let (bucket, key) = (&object.bucket, &object.key);
            tracing::warn!(bucket, key, "an object is not CloudTrail's, others are only counted");
        }
        skipped.one();
        tracing::debug!(bucket = object.bucket, key = object.key, kind = ?object.kind, "skipped");
        Verdict::Done
    }

    async fn file(&mut self, object: Announced, sink: &mut impl Sink, stop: &Stop) -> Verdict {
        match self.reader.read(&object, stop).await {
            Ok(Read::Records { new, duplicates }) => {
                let accepted = self.hand_over(object, new, sink, stop).await;
                if accepted == Verdict::Done {
                    self.counters.files.one();
                    self.counters.duplicates.add(duplicates);
                }
                accepted
            }
            Ok(Read::Empty) => {
                self.counters.markers.one();
                Verdict::Done
            }
            Err(unread) => self.unread(&object, unread),
        }
    }

    async fn hand_over(
        &mut self,
        object: Announced,
        records: Vec<Record>,
        sink: &mut impl Sink,
        stop: &Stop,
    ) -> Verdict {
        if records.is_empty() {
            return Verdict::Done;
        }
        let count = records.len();
        let prints: Vec<Fingerprint> = records.iter().filter_map(Record::fingerprint).collect();
        let file = LogFile { bucket: object.bucket, key: object.key, records };
        if let Err(error) = sink.accept(file).await {
            self.counters.refused.one();
            stop.sleep(self.sink_health.failed(&error)).await;
            return Verdict::Failing;
        }
        self.sink_health.worked();
        self.reader.remember(&prints);
        self.counters.records.add(count);
        Verdict::Done
    }

    fn unread(&self, object: &Announced, unread: Unread) -> Verdict {
        let (bucket, key) = (&object.bucket, &object.key);
        match unread {
            Unread::Missing => {
                self.counters.missing.one();
                tracing::debug!(bucket, key, "announced object is not there");
                Verdict::Again
            }
            Unread::Invalid(why) => Verdict::Poison(format!("s3://{bucket}/{key}: {why}")),
            Unread::Unavailable => Verdict::Failing,
            Unread::Interrupted => Verdict::Interrupted,
        }
    }
}
