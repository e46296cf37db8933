//! Each thing that stopped other readers of CloudTrail, one by one: it reaches no sink, holds up
//! nothing behind it, is counted, and its message goes.

use super::world::{World, enveloped, gzip, key, log_file, notice, record, s3_event};
use crate::Counts;

const MARKER: &str = "AWSLogs/111111111111/CloudTrail/";
const DIGEST: &str = "AWSLogs/111111111111/CloudTrail-Digest/eu-west-1/2026/03/09/d.json.gz";

/// The trap goes in first, raw and enveloped, a good file behind it.
async fn spring(body: &str, prepare: impl FnOnce(&World)) -> (World, Counts) {
    let mut world = World::new();
    prepare(&world);
    world.queue.put(body);
    world.queue.put(&enveloped(body));
    world.announced_file(&key("good"), &[&record("good")]);
    let counts = world.run().await;
    assert_eq!(world.keys(), [key("good")]);
    assert_eq!(world.queue.len(), 0, "all messages are deleted");
    assert_eq!((counts.received, counts.deleted), (3, 3));
    (world, counts)
}

#[tokio::test(start_paused = true)]
async fn a_validation_message_is_dropped_and_counted() {
    let (_, counts) = spring("CloudTrail validation message.", |_| ()).await;
    assert_eq!(counts.validation_messages, 2);
}

#[tokio::test(start_paused = true)]
async fn a_test_event_of_s3_is_dropped_and_counted() {
    let body = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"log-bucket"}"#;
    let (_, counts) = spring(body, |_| ()).await;
    assert_eq!(counts.test_events, 2);
}

#[tokio::test(start_paused = true)]
async fn a_digest_is_not_even_fetched() {
    let (world, counts) = spring(&notice(&[DIGEST]), |_| ()).await;
    assert_eq!(counts.digests, 2);
    assert_eq!(world.objects.gets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_marker_told_by_its_key_is_not_even_fetched() {
    let (world, counts) = spring(&s3_event("ObjectCreated:Put", MARKER, 0), |_| ()).await;
    assert_eq!(counts.markers, 2);
    assert_eq!(world.objects.gets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_object_under_the_key_of_a_log_file_is_a_marker() {
    let put = |world: &World| world.objects.put("log-bucket", &key("empty"), "");
    let (_, counts) = spring(&notice(&[&key("empty")]), put).await;
    assert_eq!(counts.markers, 2);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_told_by_s3_is_not_fetched() {
    let (world, counts) = spring(&s3_event("ObjectRemoved:Delete", &key("gone"), 1), |_| ()).await;
    assert_eq!(counts.not_created, 2);
    assert_eq!(world.objects.gets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_object_of_others_in_the_bucket_is_not_fetched() {
    let (world, counts) = spring(&s3_event("ObjectCreated:Put", "cat.png", 1), |_| ()).await;
    assert_eq!(counts.foreign, 2);
    assert_eq!(world.objects.gets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn log_files_of_all_folders_are_read() {
    let mut world = World::new();
    let folders = ["-Insight", "-NetworkActivity", "-Aggregated", "-ActivityAuditLog"];
    for folder in folders {
        let key = key(folder).replace("/CloudTrail/", &format!("/CloudTrail{folder}/"));
        world.file(&key, &[&record(folder)]);
        world.queue.put(&s3_event("ObjectCreated:Put", &key, 9));
    }
    let counts = world.run().await;
    assert_eq!(world.records(), folders.map(record));
    assert_eq!((counts.files, counts.records), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn gzip_is_told_by_its_first_bytes_and_never_by_name() {
    let mut world = World::new();
    world.objects.put("log-bucket", "packed.json", gzip(&log_file(&[&record("a")])));
    world.objects.put("log-bucket", "plain.json.gz", log_file(&[&record("b")]));
    world.queue.put(&notice(&["packed.json", "plain.json.gz"]));
    world.run().await;
    assert_eq!(world.records(), [record("a"), record("b")]);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_fetched_as_s3_meant_it() {
    let mut world = World::new();
    world.file(&format!("my logs+/{}", key("a")), &[&record("a")]);
    let encoded = format!("my+logs%2B/{}", key("a"));
    world.queue.put(&enveloped(&s3_event("ObjectCreated:Put", &encoded, 9)));
    world.run().await;
    assert_eq!(world.keys(), [format!("my logs+/{}", key("a"))]);
}
