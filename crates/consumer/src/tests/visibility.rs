//! The heartbeat: what is in hand is not handed out again.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::memory_queue::MemoryQueue;
use super::memory_queue::When::BeforeTheAct;
use super::world::{World, key, record};

#[tokio::test(start_paused = true)]
async fn a_file_that_takes_44_minutes_is_handed_out_once() {
    let mut world = World::new();
    world.announced_file(&key("slow"), &[&record("slow")]);
    world.sink.pace = Duration::from_secs(44 * 60);
    world.run().await;
    assert_eq!(world.queue.handed_out(), 1);
    assert_eq!(world.records(), [record("slow")]);
    let renewals = world.queue.calls("hide");
    assert!((86..=88).contains(&renewals), "{renewals}: every half minute");
}

/// Another reader, who looks every second until the queue is empty.
async fn find_nothing(queue: &MemoryQueue) {
    sleep(Duration::from_secs(1)).await;
    while queue.len() > 0 {
        assert_eq!(queue.visible(), 0);
        sleep(Duration::from_secs(1)).await;
    }
}

/// Each renewal must not only come, but come in time: another reader is always waiting.
#[tokio::test(start_paused = true)]
async fn another_reader_gets_nothing_that_is_in_hand() {
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        world.announced_file(&key(name), &[&record(name)]);
    }
    world.sink.pace = Duration::from_secs(40 * 60);
    let queue = world.queue.clone();
    tokio::join!(world.run(), find_nothing(&queue));
    assert_eq!(world.queue.handed_out(), 3);
}

/// The trap: a heartbeat that starts anew with each message never beats for those that wait.
#[tokio::test(start_paused = true)]
async fn messages_waiting_behind_many_quick_ones_stay_hidden() {
    let mut world = World::new();
    for index in 0..10 {
        let name = index.to_string();
        world.announced_file(&key(&name), &[&record(&name)]);
    }
    world.sink.pace = Duration::from_secs(20);
    let queue = world.queue.clone();
    tokio::join!(world.run(), find_nothing(&queue));
    assert_eq!(world.queue.handed_out(), 10);
    assert_eq!(world.records().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_is_tried_again_before_the_hiding_ends() {
    let mut world = World::new();
    world.announced_file(&key("slow"), &[&record("slow")]);
    world.sink.pace = Duration::from_secs(600);
    world.queue.fail("hide", BeforeTheAct, 2);
    let queue = world.queue.clone();
    tokio::join!(world.run(), find_nothing(&queue));
    assert_eq!(world.queue.handed_out(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_extended_while_the_store_is_waited_for() {
    let mut world = World::new();
    world.options.visibility_seconds = 2;
    world.announced_file(&key("a"), &[&record("a")]);
    world.objects.fail(3);
    let queue = world.queue.clone();
    tokio::join!(world.run(), find_nothing(&queue));
    assert_eq!(world.queue.handed_out(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_left_behind_comes_again_while_a_slow_one_is_worked_on() {
    let mut world = World::new();
    world.announced_file(&key("refused"), &[&record("refused")]);
    world.announced_file(&key("slow"), &[&record("slow")]);
    *world.sink.refusals.lock().unwrap() = 1;
    world.sink.pace = Duration::from_secs(600);
    let mut consumer = world.consumer();
    let run = consumer.run(&mut world.sink, std::future::pending());
    timeout(Duration::from_secs(700), run).await.unwrap_err();
    assert_eq!(world.queue.visible(), 1, "the hiding of a message left is not renewed");
}
