//! CloudTrail delivers at least once, and so does SQS; the sink sees a record once.

use super::world::{World, enveloped, key, notice, record};

#[tokio::test(start_paused = true)]
async fn a_record_in_two_files_comes_once() {
    let mut world = World::new();
    world.announced_file(&key("a"), &[&record("1"), &record("2")]);
    world.announced_file(&key("b"), &[&record("2"), &record("3")]);
    let counts = world.run().await;
    assert_eq!(world.records(), ["1", "2", "3"].map(record));
    assert_eq!((counts.records, counts.duplicates, counts.files), (3, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_record_twice_in_one_file_comes_once() {
    let mut world = World::new();
    world.announced_file(&key("a"), &[&record("1"), &record("1")]);
    let counts = world.run().await;
    assert_eq!(world.records(), [record("1")]);
    assert_eq!(counts.duplicates, 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_announced_twice_comes_once_and_both_messages_go() {
    let mut world = World::new();
    world.announced_file(&key("a"), &[&record("1")]);
    world.queue.put(&enveloped(&notice(&[&key("a")])));
    let counts = world.run().await;
    assert_eq!(world.keys(), [key("a")]);
    assert_eq!((counts.deleted, counts.files), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_second_run_remembers_the_first() {
    let mut world = World::new();
    let mut consumer = world.consumer();
    for _ in 0..2 {
        world.announced_file(&key("a"), &[&record("1")]);
        consumer.run(&mut world.sink, std::future::pending()).await.unwrap();
    }
    assert_eq!(world.records(), [record("1")]);
}

#[tokio::test(start_paused = true)]
async fn a_record_the_sink_refused_is_not_taken_for_seen() {
    let mut world = World::new();
    world.announced_file(&key("a"), &[&record("1")]);
    *world.sink.refusals.lock().unwrap() = 1;
    let counts = world.run().await;
    assert_eq!(world.records(), [record("1")]);
    assert_eq!(counts.duplicates, 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_event_id_is_never_suppressed() {
    let mut world = World::new();
    let thin = r#"{"recipientAccountId":"111111111111"}"#;
    world.announced_file(&key("a"), &[thin, thin]);
    world.announced_file(&key("b"), &[thin]);
    let counts = world.run().await;
    assert_eq!(world.records(), [thin, thin, thin]);
    assert_eq!(counts.duplicates, 0);
}

#[tokio::test(start_paused = true)]
async fn one_event_id_in_two_accounts_is_two_records() {
    let mut world = World::new();
    let other = record("1").replace("111111111111", "222222222222");
    world.announced_file(&key("a"), &[&record("1"), &other]);
    world.run().await;
    assert_eq!(world.records(), [record("1"), other]);
}

#[tokio::test(start_paused = true)]
async fn aggregated_records_are_known_by_their_own_members() {
    let mut world = World::new();
    let aggregated = r#"{"eventId":"1","accountId":"111111111111","eventVersion":"1.0"}"#;
    world.announced_file(&key("a"), &[aggregated]);
    world.announced_file(&key("b"), &[aggregated]);
    let counts = world.run().await;
    assert_eq!(world.records(), [aggregated]);
    assert_eq!(counts.duplicates, 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_beyond_the_window_may_come_again() {
    let mut world = World::new();
    world.options.window_records = 1;
    world.options.batch_messages_max = 1;
    for id in ["1", "2", "1"] {
        world.announced_file(&key("a"), &[&record(id)]);
        world.run().await;
    }
    let mut consumer = world.consumer();
    world.sink.accepted.lock().unwrap().clear();
    for id in ["1", "2", "2", "1"] {
        world.announced_file(&key("a"), &[&record(id)]);
        consumer.run(&mut world.sink, std::future::pending()).await.unwrap();
    }
    assert_eq!(world.records(), ["1", "2", "1"].map(record));
}
