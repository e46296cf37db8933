//! Messages that fail however often they are tried.

use tokio::time::timeout;

use super::memory_queue::Dead;
use super::memory_queue::When::{AfterTheAct, BeforeTheAct};
use super::world::{BUCKET, WEEK, World, check_conservation, gzip, key, notice, record};
use crate::{Counts, Poison};

fn dead_lettering() -> World {
    let mut world = World::new();
    world.options.poison = Poison::DeadLetter("dead".into());
    world
}

/// Runs for a week of queue time.
async fn run_for_a_week(world: &mut World) -> Counts {
    world.options.idle_polls_max = None;
    let mut consumer = world.consumer();
    timeout(WEEK, consumer.run(&mut world.sink, std::future::pending())).await.unwrap_err();
    let counts = consumer.gauge().read();
    check_conservation(&counts);
    counts
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_message_left_to_the_queue_is_never_deleted() {
    let mut world = World::new();
    world.queue.put("hello");
    world.announced_file(&key("good"), &[&record("good")]);
    let counts = run_for_a_week(&mut world).await;
    assert_eq!(world.records(), [record("good")]);
    assert_eq!((world.queue.len(), counts.deleted), (1, 1));
    assert_eq!(counts.poison, counts.left - 4, "from the fifth time on");
    assert!(counts.left < 7 * 24 * 16, "{} receives are a flood", counts.left);
    assert_eq!(world.queue.calls("send"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_message_is_tried_to_the_limit_and_then_sent_away_with_the_reason() {
    let mut world = dead_lettering();
    world.queue.put("hello");
    let counts = world.run().await;
    let reason = "the message is not JSON as CloudTrail, S3 or SNS send it: \
                  expected an object";
    let dead = Dead { url: "dead".into(), body: "hello".into(), reason: reason.into() };
    assert_eq!(world.queue.dead(), [dead]);
    assert_eq!(world.queue.len(), 0);
    assert_eq!((counts.left, counts.poison, counts.dead_lettered), (4, 1, 1));
    assert_eq!(counts.deleted, 0);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_is_poison_and_its_neighbours_are_read() {
    let bomb = gzip(&" ".repeat(2 << 20));
    for (bad, reason) in [
        (gzip("{}"), "missing field `Records`"),
        (b"\x1f\x8b\x08cut".to_vec(), "not whole gzip"),
        (b"hello".to_vec(), "not a CloudTrail log file"),
        (bomb, "larger than 1048576 bytes"),
        (vec![b'['; (1 << 16) + 1], "larger than 65536 bytes"),
    ] {
        let mut world = dead_lettering();
        (world.options.compressed_bytes_max, world.options.uncompressed_bytes_max) =
            (1 << 16, 1 << 20);
        world.file(&key("good"), &[&record("good")]);
        world.objects.put(BUCKET, &key("bad"), bad);
        world.queue.put(&notice(&[&key("bad"), &key("good")]));
        let counts = world.run().await;
        assert_eq!(world.keys(), [key("good")]);
        let dead = &world.queue.dead()[0];
        assert!(dead.reason.contains(reason), "{}", dead.reason);
        assert!(dead.reason.contains(&format!("s3://{BUCKET}/{}", key("bad"))), "{}", dead.reason);
        assert_eq!((world.queue.len(), counts.dead_lettered), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn poison_stays_while_the_dead_letter_queue_cannot_be_reached() {
    for (when, copies) in [(BeforeTheAct, 1), (AfterTheAct, 4)] {
        let mut world = dead_lettering();
        world.queue.put("hello");
        world.queue.fail("send", when, 3);
        let counts = run_for_a_week(&mut world).await;
        assert_eq!((world.queue.len(), world.queue.dead().len()), (0, copies));
        assert_eq!((counts.left, counts.dead_lettered), (4 + 3, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn poison_that_was_sent_away_and_cannot_be_deleted_is_not_lost() {
    let mut world = dead_lettering();
    world.queue.put("hello");
    world.queue.fail("delete", BeforeTheAct, 3);
    let counts = world.run().await;
    assert_eq!((world.queue.len(), world.queue.dead().len()), (0, 2));
    assert_eq!((counts.left, counts.dead_lettered), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn an_outage_makes_no_poison_however_long_it_lasts() {
    let mut world = dead_lettering();
    world.announced_file(&key("a"), &[&record("a")]);
    world.objects.fail(200);
    *world.sink.refusals.lock().unwrap() = 20;
    let counts = run_for_a_week(&mut world).await;
    assert_eq!(world.records(), [record("a")]);
    assert_eq!((counts.poison, counts.deleted), (0, 1));
    assert!(counts.left > 20);
}
