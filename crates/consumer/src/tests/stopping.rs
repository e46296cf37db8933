//! Every end of a run, and what it leaves behind.

use std::future::{pending, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::world::{WEEK, World, check_conservation, key, record};
use crate::{Counts, Ended};

/// Ten messages, each of which takes ten seconds.
fn busy_world() -> World {
    let mut world = World::new();
    world.options.idle_polls_max = None;
    world.sink.pace = Duration::from_secs(10);
    for index in 0..10 {
        let name = index.to_string();
        world.announced_file(&key(&name), &[&record(&name)]);
    }
    world
}

async fn stop_after(world: &mut World, seconds: u64) -> (Duration, Counts) {
    let begun = Instant::now();
    let mut consumer = world.consumer();
    let stop = sleep(Duration::from_secs(seconds));
    let run = timeout(WEEK, consumer.run(&mut world.sink, stop));
    assert_eq!(run.await.expect("the run never ends"), Ok(Ended::Stopped));
    let counts = consumer.gauge().read();
    check_conservation(&counts);
    (begun.elapsed(), counts)
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_the_message_at_work_and_gives_the_others_back_at_once() {
    let mut world = busy_world();
    let (took, counts) = stop_after(&mut world, 25).await;
    assert_eq!(took, Duration::from_secs(30));
    assert_eq!(world.records().len(), 3);
    assert_eq!((counts.deleted, counts.released), (3, 7));
    assert_eq!((world.queue.len(), world.queue.visible()), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_poll_at_once() {
    let mut world = World::new();
    let (took, _) = stop_after(&mut world, 7).await;
    assert_eq!(took, Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_came_before_the_start_takes_no_message() {
    let mut world = busy_world();
    let ended = world.consumer().run(&mut world.sink, ready(())).await;
    assert_eq!(ended, Ok(Ended::Stopped));
    assert_eq!(world.queue.handed_out(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_store_that_fails() {
    let mut world = World::new();
    world.announced_file(&key("a"), &[&record("a")]);
    world.objects.fail(u32::MAX);
    let (took, counts) = stop_after(&mut world, 1).await;
    assert_eq!(took, Duration::from_secs(1));
    assert_eq!((counts.released, counts.left), (1, 0));
    assert_eq!(world.queue.visible(), 1, "another reader need not wait either");
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_queue_that_fails() {
    let mut world = busy_world();
    world.queue.fail("receive", super::memory_queue::When::BeforeTheAct, u32::MAX);
    let (took, _) = stop_after(&mut world, 100).await;
    assert_eq!(took, Duration::from_secs(100));
}

#[tokio::test(start_paused = true)]
async fn enough_records_end_a_run_after_their_message() {
    let mut world = busy_world();
    world.options.records_max = Some(3);
    let mut consumer = world.consumer();
    assert_eq!(consumer.run(&mut world.sink, pending()).await, Ok(Ended::Enough));
    assert_eq!((world.records().len(), world.queue.visible()), (3, 7));
    assert_eq!(consumer.run(&mut world.sink, pending()).await, Ok(Ended::Enough));
    assert_eq!((world.records().len(), world.queue.len()), (6, 4));
    check_conservation(&consumer.gauge().read());
}

#[tokio::test(start_paused = true)]
async fn an_empty_queue_ends_a_run_that_may_end_idle() {
    let mut world = World::new();
    world.options.idle_polls_max = Some(2);
    let begun = Instant::now();
    assert_eq!(world.consumer().run(&mut world.sink, pending()).await, Ok(Ended::Idle));
    assert_eq!(begun.elapsed(), Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn only_empty_polls_in_a_row_make_a_run_idle() {
    let mut world = World::new();
    world.options.idle_polls_max = Some(2);
    let (begun, queue) = (Instant::now(), world.queue.clone());
    let trickle = async {
        sleep(Duration::from_secs(30)).await;
        queue.put("CloudTrail validation message.");
    };
    tokio::join!(world.run(), trickle);
    assert_eq!(begun.elapsed(), Duration::from_secs(30 + 40));
}

#[tokio::test(start_paused = true)]
async fn the_counters_can_be_read_while_the_consumer_runs() {
    let mut world = busy_world();
    let mut consumer = world.consumer();
    let gauge = consumer.gauge();
    let look = async {
        sleep(Duration::from_secs(35)).await;
        gauge.read()
    };
    let run = consumer.run(&mut world.sink, sleep(Duration::from_secs(60)));
    let (_, counts) = tokio::join!(run, look);
    assert_eq!((counts.received, counts.records), (10, 3));
}
