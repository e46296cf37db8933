//! `cairn consume` on real queues: everything that such a queue may hold, one by one.

use std::io::{Read, Write};
use std::process::Stdio;

use aws_sdk_s3::types::{Event, NotificationConfiguration, QueueConfiguration};
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::generated::event;
use crate::support::localstack::{LocalStack, Queue};
use crate::support::process::{Ended, Process, cairn};
use crate::support::wait::eventually;

const ACCOUNT: &str = "790000000001";
const FOLDER: &str = "AWSLogs/790000000001/CloudTrail/eu-west-1/2026/01/02";
/// So often a message is received before it counts as poison.
const ATTEMPTS: usize = 5;

#[tokio::test]
async fn messages_that_announce_no_object_are_dropped() {
    let Some(localstack) = LocalStack::find().await else { return };
    let queue = localstack.queue("plain").await;
    queue.send("CloudTrail validation message.").await;
    queue.send(&enveloped("CloudTrail validation message.")).await;
    // S3 sends `s3:TestEvent` when notifications are set up.
    let bucket = localstack.bucket("tested").await;
    notify(&localstack, &bucket, &queue).await;
    eventually("S3 sends its test event", async || (queue.held().await == 3).then_some(())).await;
    let read = consume(&queue).await;
    assert_eq!((lines(&read), counts(&read)), (vec![], (3, 0, 0, 0)));
    assert_eq!(queue.held().await, 0);
}

#[tokio::test]
async fn s3_events_are_followed_and_objects_without_records_skipped() {
    let Some(localstack) = LocalStack::find().await else { return };
    let queue = localstack.queue("events").await;
    let bucket = localstack.bucket("a-bucket").await;
    notify(&localstack, &bucket, &queue).await;
    let records: Vec<String> = (0..4).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    let insight = format!(
        r#"{{"eventID":"i","eventType":"AwsCloudTrailInsight","recipientAccountId":"{ACCOUNT}"}}"#
    );
    let folder = |name: &str| FOLDER.replace("CloudTrail", name);
    for (key, body) in [
        // In the event this key is `a+b%2Bc+%C3%BC%26%3D%25/…`.
        (format!("a b+c ü&=%/{FOLDER}/one.json.gz"), gzip(&file(&records[..2]))),
        (
            format!("{}/two.json.gz", folder("CloudTrail-Insight")),
            gzip(&file(std::slice::from_ref(&insight))),
        ),
        // Aggregated files were seen as bare and as nested arrays.
        (
            format!("{}/three.json.gz", folder("CloudTrail-Aggregated")),
            gzip(&format!("[{},[{}]]", records[2], records[3])),
        ),
        (
            format!("{}/digest.json.gz", folder("CloudTrail-Digest")),
            gzip("{\"digestS3Bucket\":\"b\"}"),
        ),
        ("AWSLogs/790000000001/CloudTrail/".into(), vec![]),
        (format!("{FOLDER}/empty.json.gz"), vec![]),
        ("report.csv".into(), b"not,cloudtrail".to_vec()),
    ] {
        put(&localstack, &bucket, &key, body).await;
    }
    eventually("S3 tells of all objects", async || (queue.held().await == 8).then_some(())).await;
    let read = consume(&queue).await;
    let mut expected = records;
    expected.push(insight);
    expected.sort();
    assert_eq!(lines(&read), expected);
    assert_eq!(counts(&read), (8, 3, 5, 0));
    assert_eq!(queue.held().await, 0);
}

#[tokio::test]
async fn what_is_announced_twice_or_stands_in_two_files_comes_out_once() {
    let Some(localstack) = LocalStack::find().await else { return };
    let queue = localstack.queue("twice").await;
    let bucket = localstack.bucket("doubled").await;
    let records: Vec<String> = (0..3).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    let keys = ["one", "two"].map(|name| format!("{FOLDER}/{name}.json.gz"));
    put(&localstack, &bucket, &keys[0], gzip(&file(&records[..2]))).await;
    put(&localstack, &bucket, &keys[1], gzip(&file(&records[1..]))).await;
    for body in [
        notice(&bucket, &[&keys[0]]),
        notice(&bucket, &[&keys[0]]),
        enveloped(&notice(&bucket, &[&keys[1], &keys[0]])),
        s3_event(&bucket, &keys[1]),
    ] {
        queue.send(&body).await;
    }
    let read = consume(&queue).await;
    assert_eq!(lines(&read), records);
    let (messages, _, written, duplicates) = counts(&read);
    assert_eq!((messages, written, duplicates), (4, 3, 7));
    assert_eq!(queue.held().await, 0);
}

#[tokio::test]
async fn a_file_that_something_unpacked_on_the_way_is_read_all_the_same() {
    let Some(localstack) = LocalStack::find().await else { return };
    let queue = localstack.queue("unpacked").await;
    let bucket = localstack.bucket("unpacked").await;
    let records: Vec<String> = (0..3).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    let key = format!("{FOLDER}/plain.json.gz");
    put(&localstack, &bucket, &key, file(&records).into_bytes()).await;
    queue.send(&notice(&bucket, &[&key])).await;
    let read = consume(&queue).await;
    assert_eq!((lines(&read), queue.held().await), (records, 0));
}

#[tokio::test]
async fn poison_goes_to_the_dead_letter_queue_as_it_is_and_others_are_read() {
    let Some(localstack) = LocalStack::find().await else { return };
    let (queue, dead) = (localstack.queue("poisoned").await, localstack.queue("dead").await);
    let bucket = localstack.bucket("poisoned").await;
    let (good, bad) = (format!("{FOLDER}/good.json.gz"), format!("{FOLDER}/bad.json.gz"));
    let record = event(ACCOUNT, "eu-west-1", 1);
    let packed = gzip(&file(std::slice::from_ref(&record)));
    put(&localstack, &bucket, &bad, packed[..packed.len() / 2].to_vec()).await;
    put(&localstack, &bucket, &good, packed).await;
    let mut poison = ["nonsense".to_owned(), "{\"s3Bucket\":7}".into(), notice(&bucket, &[&bad])];
    for body in &poison {
        queue.send(body).await;
    }
    // Tried often enough before, so that the next time is the last.
    queue.receive_in_vain(ATTEMPTS - 1).await;
    queue.send(&notice(&bucket, &[&good])).await;
    let read = consume_with(&queue, &["--dead-letter", &dead.url]).await;
    assert_eq!(lines(&read), [record]);
    assert_eq!((queue.held().await, dead.held().await), (0, 3));
    let received = localstack.sqs.receive_message().queue_url(&dead.url).max_number_of_messages(10);
    let received = received.message_attribute_names("All").send().await.unwrap();
    let mut bodies = Vec::new();
    for message in received.messages() {
        let reason = &message.message_attributes().unwrap()["cairn-reason"];
        assert!(!reason.string_value().unwrap().is_empty());
        bodies.push(message.body().unwrap());
    }
    bodies.sort_unstable();
    poison.sort();
    assert_eq!(bodies, poison);
}

#[tokio::test]
async fn poison_and_files_that_are_not_there_are_left_in_the_queue_without_a_dead_letter_queue() {
    let Some(localstack) = LocalStack::find().await else { return };
    let queue = localstack.queue("left").await;
    let bucket = localstack.bucket("left").await;
    queue.send("nonsense").await;
    queue.receive_in_vain(ATTEMPTS).await;
    queue.send(&notice(&bucket, &[&format!("{FOLDER}/not-there.json.gz")])).await;
    let read = consume(&queue).await;
    assert_eq!(lines(&read), Vec::<String>::new());
    assert!(read.errors.contains("poison"), "it says so: {read:?}");
    assert_eq!(queue.held().await, 2, "both are left");
}

#[tokio::test]
async fn a_message_is_deleted_only_after_its_records_were_written() {
    let Some(localstack) = LocalStack::find().await else { return };
    let queue = localstack.queue("unwritten").await;
    let bucket = localstack.bucket("unwritten").await;
    let records: Vec<String> = (0..500).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    let key = format!("{FOLDER}/much.json.gz");
    put(&localstack, &bucket, &key, gzip(&file(&records))).await;
    queue.send(&notice(&bucket, &[&key])).await;

    // Nobody reads the pipe any more, as behind `| head`: consume ends, and leaves the message.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let broken = Process::start(&["consume", "--queue", &queue.name, "--wait", "1"], writer.into());
    let ended = broken.ended().await;
    assert_eq!((ended.code, queue.held().await), (Some(0), 1), "{ended:?}");
    assert!(ended.errors.contains("Broken pipe"), "{ended:?}");

    // Killed in the midst of writing: the pipe holds less than the file, and is read no further.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let stuck = Process::start(&["consume", "--queue", &queue.name, "--wait", "1"], writer.into());
    let mut first = [0; 100];
    reader.read_exact(&mut first).unwrap();
    stuck.kill();
    assert_eq!(queue.held().await, 1, "not deleted, though hidden");

    // Another queue stands for the time at which the message is seen again.
    let later = localstack.queue("later").await;
    later.send(&notice(&bucket, &[&key])).await;
    let read = consume(&later).await;
    let mut expected = records;
    expected.sort();
    assert_eq!((lines(&read), later.held().await), (expected, 0));
}

#[tokio::test]
async fn consume_ends_at_so_many_records_and_at_a_signal() {
    let Some(localstack) = LocalStack::find().await else { return };
    let queue = localstack.queue("ending").await;
    let bucket = localstack.bucket("ending").await;
    for name in ["one", "two", "three"] {
        let number = name.len() * 10;
        let records: Vec<String> =
            (0..4).map(|n| event(ACCOUNT, "eu-west-1", number + n)).collect();
        let key = format!("{FOLDER}/{name}.json.gz");
        put(&localstack, &bucket, &key, gzip(&file(&records))).await;
    }
    queue.send(&notice(&bucket, &[&format!("{FOLDER}/one.json.gz")])).await;
    queue.send(&notice(&bucket, &[&format!("{FOLDER}/three.json.gz")])).await;
    let read = cairn(&["consume", "--queue", &queue.url, "--max-records", "3", "--json"]).await;
    assert_eq!(lines(&read).len(), 4, "whole messages only: {read:?}");
    assert_eq!(queue.held().await, 1, "the other message is left");

    let running = Process::start(&["consume", "--queue", &queue.name], Stdio::piped());
    eventually("the rest is read", async || (running.output().lines().count() == 4).then_some(()))
        .await;
    running.signal(Signal::TERM);
    assert_eq!((running.ended().await.code, queue.held().await), (Some(0), 0));
    let missing = cairn(&["consume", "--queue", &localstack.name("no-queue")]).await;
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.errors.contains("was not found"), "{missing:?}");
}

/// Reads until the queue gives nothing more.
async fn consume(queue: &Queue) -> Ended {
    consume_with(queue, &[]).await
}

async fn consume_with(queue: &Queue, more: &[&str]) -> Ended {
    let mut arguments =
        vec!["consume", "--queue", &queue.name, "--idle-polls", "1", "--wait", "1", "--json"];
    arguments.extend(more);
    let read = cairn(&arguments).await;
    assert_eq!(read.code, Some(0), "{read:?}");
    read
}

/// The records that came out, sorted.
fn lines(read: &Ended) -> Vec<String> {
    let mut lines: Vec<String> = read.output.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Messages, files, records, duplicates.
fn counts(read: &Ended) -> (u64, u64, u64, u64) {
    let counts: Value = serde_json::from_str(read.errors.lines().last().unwrap()).unwrap();
    let of = |name: &str| counts[name].as_u64().unwrap();
    (of("messages"), of("files"), of("records"), of("duplicates"))
}

fn file(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn notice(bucket: &str, keys: &[&String]) -> String {
    json!({"s3Bucket": bucket, "s3ObjectKey": keys}).to_string()
}

fn s3_event(bucket: &str, key: &str) -> String {
    json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]})
    .to_string()
}

fn enveloped(message: &str) -> String {
    json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:us-east-1:000000000000:t",
        "Message": message, "Timestamp": "2026-01-02T03:04:05.678Z"})
    .to_string()
}

async fn put(localstack: &LocalStack, bucket: &str, key: &str, body: Vec<u8>) {
    let put = localstack.s3.put_object().bucket(bucket).key(key).content_encoding("gzip");
    put.body(body.into()).send().await.unwrap();
}

/// Has S3 tell a queue of new objects.
async fn notify(localstack: &LocalStack, bucket: &str, queue: &Queue) {
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{}", queue.name);
    let queue = QueueConfiguration::builder().queue_arn(arn).events(Event::S3ObjectCreated);
    let notifications =
        NotificationConfiguration::builder().queue_configurations(queue.build().unwrap());
    let asked = localstack.s3.put_bucket_notification_configuration().bucket(bucket);
    asked.notification_configuration(notifications.build()).send().await.unwrap();
}
