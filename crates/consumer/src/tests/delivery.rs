//! The delivery contract: a message goes only when its records are safe.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::memory_queue::When::{AfterTheAct, BeforeTheAct};
use super::world::{World, enveloped, key, notice, record};
use crate::{Ended, LogFile};

#[tokio::test(start_paused = true)]
async fn records_come_with_their_bucket_and_key() {
    let mut world = World::new();
    world.file(&key("a"), &[&record("1"), &record("2")]);
    world.queue.put(&enveloped(&notice(&[&key("a")])));
    let counts = world.run().await;
    let accepted = world.sink.accepted.lock().unwrap();
    assert_eq!((accepted[0].bucket.as_str(), &accepted[0].key), ("log-bucket", &key("a")));
    let identity = accepted[0].records[1].identity().unwrap();
    assert_eq!((identity.account.as_str(), identity.event_id.as_str()), ("111111111111", "2"));
    assert_eq!((counts.files, counts.records, counts.deleted), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_message_is_there_until_the_sink_has_accepted_its_last_file() {
    let world = World::new();
    world.file(&key("a"), &[&record("a")]);
    world.file(&key("b"), &[&record("b")]);
    world.queue.put(&notice(&[&key("a"), &key("b")]));
    let queue = world.queue.clone();
    let mut sink = |_: LogFile| {
        let queue = queue.clone();
        async move {
            sleep(Duration::from_secs(1)).await;
            if queue.len() == 1 { Ok(()) } else { Err("deleted before the answer") }
        }
    };
    let mut consumer = world.consumer();
    assert_eq!(consumer.run(&mut sink, std::future::pending()).await, Ok(Ended::Idle));
    assert_eq!(consumer.gauge().read().refused, 0);
    assert_eq!(world.queue.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_file_comes_again() {
    let mut world = World::new();
    world.announced_file(&key("a"), &[&record("a")]);
    *world.sink.refusals.lock().unwrap() = 3;
    let counts = world.run().await;
    assert_eq!(world.records(), [record("a")]);
    assert_eq!((counts.refused, counts.left, counts.deleted), (3, 3, 1));
    assert_eq!(world.queue.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusing_sink_is_not_offered_the_next_file_at_once() {
    let mut world = World::new();
    world.file(&key("a"), &[&record("a")]);
    world.file(&key("b"), &[&record("b")]);
    world.queue.put(&notice(&[&key("a"), &key("b")]));
    *world.sink.refusals.lock().unwrap() = 1;
    world.run().await;
    let gets: Vec<String> = world.objects.gets().into_iter().map(|(key, _)| key).collect();
    assert_eq!(gets, [key("a"), key("a"), key("b")]);
}

#[tokio::test(start_paused = true)]
async fn a_file_accepted_beside_a_missing_one_comes_once() {
    let mut world = World::new();
    world.file(&key("a"), &[&record("a")]);
    world.queue.put(&notice(&[&key("a"), &key("late")]));
    let (objects, late) = (world.objects.clone(), key("late"));
    let appear = async {
        sleep(Duration::from_secs(100)).await;
        objects.put("log-bucket", &late, super::world::log_file(&[&record("late")]));
    };
    let (counts, ()) = tokio::join!(world.run(), appear);
    assert_eq!(world.records(), [record("a"), record("late")]);
    assert!(counts.missing > 0 && counts.duplicates > 0);
    assert_eq!(counts.deleted, 1);
}

#[tokio::test(start_paused = true)]
async fn a_missing_object_is_asked_for_again_and_never_given_up() {
    let mut world = World::new();
    world.options.poison = crate::Poison::DeadLetter("dead".into());
    world.options.idle_polls_max = None;
    world.queue.put(&notice(&[&key("never")]));
    let hours = Duration::from_secs(48 * 3_600);
    let mut consumer = world.consumer();
    timeout(hours, consumer.run(&mut world.sink, std::future::pending())).await.unwrap_err();
    let asked = world.objects.gets().len();
    assert!((48 * 4..48 * 16).contains(&asked), "{asked} times");
    assert_eq!((world.queue.len(), world.queue.dead().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_failed_deletion_is_tried_again() {
    for when in [BeforeTheAct, AfterTheAct] {
        let mut world = World::new();
        world.announced_file(&key("a"), &[&record("a")]);
        world.queue.fail("delete", when, 2);
        let counts = world.run().await;
        assert_eq!((world.records().len(), world.queue.len()), (1, 0));
        assert_eq!((counts.deleted, counts.left), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_deleted_comes_again_and_its_records_do_not() {
    let mut world = World::new();
    world.announced_file(&key("a"), &[&record("a")]);
    world.queue.fail("delete", BeforeTheAct, 5);
    let counts = world.run().await;
    assert_eq!(world.records(), [record("a")]);
    assert_eq!((counts.left, counts.deleted, counts.duplicates), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_dies_in_the_middle_loses_nothing() {
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        world.announced_file(&key(name), &[&record(name)]);
    }
    world.sink.pace = Duration::from_secs(10);
    let mut dying = world.consumer();
    let death = Duration::from_secs(15);
    timeout(death, dying.run(&mut world.sink, std::future::pending())).await.unwrap_err();
    assert_eq!(world.records(), [record("a")]);
    world.run().await;
    assert_eq!(world.records(), ["a", "b", "c"].map(record));
}

#[tokio::test(start_paused = true)]
async fn a_run_can_be_handed_to_another_thread() {
    fn check_send<T: Send>(future: T) -> T {
        future
    }
    let mut world = World::new();
    let mut consumer = world.consumer();
    let run = check_send(consumer.run(&mut world.sink, std::future::pending()));
    assert_eq!(run.await, Ok(Ended::Idle));
}
