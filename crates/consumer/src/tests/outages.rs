//! Failing services are asked ever more rarely, and spoken of once.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::{Event, Level, Metadata, Subscriber};

use super::memory_queue::When::BeforeTheAct;
use super::world::{World, key, record, s3_event};
use crate::{Ended, Poison};

const HOUR: Duration = Duration::from_secs(3_600);

/// Keeps what is logged above debug, as `LEVEL service message`.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Line {
    service: String,
    message: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "service" {
            self.service = value.into();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &SpanRecord<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let level = *event.metadata().level();
        if level <= Level::INFO && event.metadata().target().starts_with("cairn") {
            let mut line = Line::default();
            event.record(&mut line);
            self.0.lock().unwrap().push(format!("{level} {} {}", line.service, line.message));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn outage(service: &str) -> [String; 2] {
    [
        format!("WARN {service} service fails, will be retried"),
        format!("INFO {service} service works again"),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_store_is_asked_rarely_and_logged_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut world = World::new();
    for index in 0..50 {
        let name = index.to_string();
        world.announced_file(&key(&name), &[&record(&name)]);
    }
    world.objects.fail(500);
    let begun = Instant::now();
    let counts = world.run().await;
    let gets = world.objects.gets();
    let spread = gets[499].1 - begun;
    assert!(spread > Duration::from_secs(500 * 12), "500 calls in {spread:?}");
    assert_eq!(world.records().len(), 50);
    assert_eq!(counts.failed_calls, 500);
    assert_eq!(*log.0.lock().unwrap(), outage("s3"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_queue_is_asked_rarely_and_logged_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut world = World::new();
    world.options.idle_polls_max = None;
    world.announced_file(&key("a"), &[&record("a")]);
    world.queue.fail("receive", BeforeTheAct, 240);
    let mut consumer = world.consumer();
    timeout(HOUR / 2, consumer.run(&mut world.sink, pending())).await.unwrap_err();
    assert!(world.queue.calls("receive") < 200, "{} polls", world.queue.calls("receive"));
    timeout(HOUR * 2, consumer.run(&mut world.sink, pending())).await.unwrap_err();
    assert_eq!(world.records(), [record("a")]);
    assert_eq!(*log.0.lock().unwrap(), outage("sqs:ReceiveMessage"));
}

/// The trap: polls go on working, and would end the outage in the log with every batch.
#[tokio::test(start_paused = true)]
async fn a_policy_that_forbids_deletion_is_logged_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut world = World::new();
    for index in 0..50 {
        let name = index.to_string();
        world.announced_file(&key(&name), &[&record(&name)]);
    }
    world.queue.fail("delete", BeforeTheAct, 400);
    world.run().await;
    assert_eq!(world.records().len(), 50);
    assert_eq!(*log.0.lock().unwrap(), outage("sqs:DeleteMessage"));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_forbids_renewals_is_logged_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut world = World::new();
    world.sink.pace = Duration::from_secs(40);
    world.options.batch_messages_max = 1;
    for index in 0..50 {
        let name = index.to_string();
        world.announced_file(&key(&name), &[&record(&name)]);
    }
    world.queue.fail("hide", BeforeTheAct, 60);
    world.run().await;
    let messages = [
        "WARN  messages may come twice, they are not kept hidden",
        "INFO  messages are kept hidden again",
    ];
    assert_eq!(*log.0.lock().unwrap(), messages);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_queue_that_fails_is_logged_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut world = World::new();
    world.options.poison = Poison::DeadLetter("dead".into());
    world.queue.put("hello");
    world.queue.put("hello again");
    world.queue.fail("send", BeforeTheAct, 3);
    let counts = world.run().await;
    assert_eq!(counts.dead_lettered, 2);
    let mut lines = log.0.lock().unwrap().clone();
    lines.retain(|line| line != "WARN  message is poison");
    assert_eq!(lines, outage("sqs:SendMessage"));
}

#[tokio::test(start_paused = true)]
async fn objects_of_others_are_spoken_of_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut world = World::new();
    for _ in 0..3 {
        world.queue.put(&s3_event("ObjectCreated:Put", "cat.png", 1));
    }
    assert_eq!(world.run().await.foreign, 3);
    assert_eq!(log.0.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_does_not_drain_the_store() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut world = World::new();
    for index in 0..50 {
        let name = index.to_string();
        world.announced_file(&key(&name), &[&record(&name)]);
    }
    *world.sink.refusals.lock().unwrap() = 300;
    let begun = Instant::now();
    world.run().await;
    let spread = world.objects.gets()[299].1 - begun;
    assert!(spread > Duration::from_secs(300 * 12), "300 files in {spread:?}");
    assert_eq!(world.records().len(), 50);
    assert_eq!(*log.0.lock().unwrap(), outage("sink"));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_may_end_idle_gives_up_on_a_queue_that_only_fails() {
    let mut world = World::new();
    world.options.idle_polls_max = Some(3);
    world.queue.fail("receive", BeforeTheAct, 3);
    let ended = world.consumer().run(&mut world.sink, pending()).await;
    assert_eq!(ended.unwrap_err().to_string(), "receive failed: planned");
    assert_eq!(world.consumer().run(&mut world.sink, pending()).await, Ok(Ended::Idle));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_does_not_wait_is_not_polled_without_pause() {
    let mut world = World::new();
    world.options.idle_polls_max = None;
    world.queue.impatient();
    let mut consumer = world.consumer();
    timeout(HOUR, consumer.run(&mut world.sink, pending())).await.unwrap_err();
    assert!(world.queue.calls("receive") <= 3_601);
}
