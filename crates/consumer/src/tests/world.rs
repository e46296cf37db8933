//! A queue, a store and a sink around one consumer, and the words tests are told in.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::timeout;

use super::memory_objects::MemoryObjects;
use super::memory_queue::MemoryQueue;
use crate::{Consumer, Counts, Ended, Jitter, LogFile, Options, Sink};

pub(crate) const BUCKET: &str = "log-bucket";
pub(crate) const FOLDER: &str = "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09";

pub(crate) const WEEK: Duration = Duration::from_secs(7 * 86_400);

pub(crate) struct World {
    pub(crate) queue: MemoryQueue,
    pub(crate) objects: MemoryObjects,
    pub(crate) sink: MemorySink,
    pub(crate) options: Options,
}

/// Accepts everything, unless told otherwise.
#[derive(Clone, Default)]
pub(crate) struct MemorySink {
    pub(crate) accepted: Arc<Mutex<Vec<LogFile>>>,
    /// Refuse so many files first, all their records taken or not.
    pub(crate) refusals: Arc<Mutex<u32>>,
    /// How long each file takes.
    pub(crate) pace: Duration,
}

impl Sink for MemorySink {
    type Error = &'static str;

    async fn accept(&mut self, file: LogFile) -> Result<(), Self::Error> {
        tokio::time::sleep(self.pace).await;
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err("planned");
        }
        self.accepted.lock().unwrap().push(file);
        Ok(())
    }
}

impl World {
    pub(crate) fn new() -> World {
        World {
            queue: MemoryQueue::default(),
            objects: MemoryObjects::default(),
            sink: MemorySink::default(),
            // Longer than any redelivery takes.
            options: Options { idle_polls_max: Some(60), ..Options::default() },
        }
    }

    pub(crate) fn consumer(&self) -> Consumer<MemoryQueue, MemoryObjects> {
        let (queue, objects) = (self.queue.clone(), self.objects.clone());
        Consumer::new(queue, objects, Jitter::seeded(7), self.options.clone()).unwrap()
    }

    /// Puts a file of records into the store, packed.
    pub(crate) fn file(&self, key: &str, records: &[&str]) {
        self.objects.put(BUCKET, key, gzip(&log_file(records)));
    }

    /// Puts a file into the store and announces it.
    pub(crate) fn announced_file(&self, key: &str, records: &[&str]) {
        self.file(key, records);
        self.queue.put(&notice(&[key]));
    }

    /// Runs until the queue has been empty for long; nothing may be unaccounted for.
    pub(crate) async fn run(&mut self) -> Counts {
        let mut consumer = self.consumer();
        let run = consumer.run(&mut self.sink, std::future::pending());
        let ended = timeout(WEEK, run).await.expect("the queue never gets empty");
        assert_eq!(ended, Ok(Ended::Idle));
        let counts = consumer.gauge().read();
        check_conservation(&counts);
        counts
    }

    /// The records that the sink accepted, in order.
    pub(crate) fn records(&self) -> Vec<String> {
        let accepted = self.sink.accepted.lock().unwrap();
        let records = accepted.iter().flat_map(|file| &file.records);
        records.map(|record| record.json().to_owned()).collect()
    }

    /// The keys of the files that the sink accepted, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.sink.accepted.lock().unwrap().iter().map(|file| file.key.clone()).collect()
    }
}

#[track_caller]
pub(crate) fn check_conservation(counts: &Counts) {
    let settled = counts.deleted + counts.dead_lettered + counts.left + counts.released;
    assert_eq!(counts.received, settled, "{counts:?}");
}

pub(crate) fn key(name: &str) -> String {
    format!("{FOLDER}/{name}.json.gz")
}

pub(crate) fn record(event_id: &str) -> String {
    format!(r#"{{"eventID":"{event_id}","recipientAccountId":"111111111111"}}"#)
}

pub(crate) fn notice(keys: &[&str]) -> String {
    serde_json::json!({"s3Bucket": BUCKET, "s3ObjectKey": keys}).to_string()
}

pub(crate) fn s3_event(name: &str, key: &str, size_bytes: u64) -> String {
    let s3 = serde_json::json!({
        "bucket": {"name": BUCKET, "arn": "arn:aws:s3:::log-bucket"},
        "object": {"key": key, "size": size_bytes, "sequencer": "0A"},
    });
    serde_json::json!({"Records": [{"eventSource": "aws:s3", "eventName": name, "s3": s3}]})
        .to_string()
}

pub(crate) fn enveloped(message: &str) -> String {
    serde_json::json!({
        "Type": "Notification",
        "MessageId": "e1",
        "TopicArn": "arn:aws:sns:eu-west-1:111111111111:trail",
        "Message": message,
        "SignatureVersion": "1",
    })
    .to_string()
}

pub(crate) fn log_file(records: &[&str]) -> String {
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}
