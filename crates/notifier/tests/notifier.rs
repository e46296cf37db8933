//! Announcements reach their topic at least once, whatever refuses, hangs or crashes.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::sync::Arc;

use cairn_notifier::memory::{Fault, MemoryTopic};
use cairn_notifier::{Announced, Notifier, NotifierError, PublishError, Remedy};
use disk::SimulatedDisk;
use disk::simulated::{Fault as DiskFault, Operation};
use futures_util::FutureExt;
use model::ids::{TopicArn, TrailArn};
use model::{Notice, Timestamp};
use outbox::{Outbox, RetrySettings, Status};

const BOUND: u64 = 1 << 20;
const DAY: i64 = 24 * 3600 * 1000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

fn topic(name: &str) -> TopicArn {
    format!("arn:aws:sns:eu-west-1:111122223333:{name}").parse().unwrap()
}

fn notice(key: impl ToString) -> Notice {
    Notice { bucket: "log-bucket".into(), keys: vec![key.to_string()] }
}

fn messages(keys: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    keys.into_iter().map(|key| notice(key).to_message()).collect()
}

fn denied() -> PublishError {
    PublishError::refused("AuthorizationError", "not authorized to perform: SNS:Publish")
}

struct World {
    disk: SimulatedDisk,
    topics: MemoryTopic,
    notifier: Notifier<MemoryTopic>,
}

/// The trail that has this topic.
fn trail(topic: &TopicArn) -> TrailArn {
    format!("arn:aws:cloudtrail:eu-west-1:111122223333:trail/to-{}", topic.name)
        .replace('.', "-")
        .parse()
        .unwrap()
}

impl World {
    fn new() -> World {
        let (disk, topics) = (SimulatedDisk::new(), MemoryTopic::new());
        let notifier = start(&disk, &topics, BOUND);
        World { disk, topics, notifier }
    }

    fn lose_power(&mut self) {
        self.disk.lose_power(&mut |_| 0);
        self.notifier = start(&self.disk, &self.topics, BOUND);
    }

    async fn announce(&self, topic: &TopicArn, key: impl ToString, millis: i64) -> Announced {
        self.notifier.announce(&trail(topic), topic, &notice(key), at(millis), 1.0).await.unwrap()
    }

    async fn retry(&self, millis: i64) -> usize {
        self.notifier.retry_due(at(millis), || 1.0).await.unwrap()
    }

    fn waiting(&self) -> u64 {
        self.notifier.report().lanes.iter().map(|lane| lane.items).sum()
    }
}

fn start(disk: &SimulatedDisk, topics: &MemoryTopic, bound: u64) -> Notifier<MemoryTopic> {
    let disk = Arc::new(disk.clone());
    let outbox = Outbox::open(disk, "notices", bound, RetrySettings::default()).unwrap();
    Notifier::new(topics.clone(), outbox)
}

/// Stages run on a runtime of several threads.
#[test]
fn futures_can_move_between_threads() {
    fn check<T: Send>(_: T) {}
    let world = World::new();
    let (news, notice) = (topic("news"), notice("k"));
    let trail = trail(&news);
    check(world.notifier.announce(&trail, &news, &notice, at(0), 1.0));
    check(world.notifier.retry_due(at(0), || 1.0));
    check(world.notifier.validate(&news));
}

#[tokio::test]
async fn what_arrived_is_announced_byte_for_byte() {
    let world = World::new();
    assert_eq!(world.announce(&topic("news"), "a b/ü.json.gz", 0).await, Announced::Published);
    assert_eq!(
        world.topics.messages(&topic("news")),
        [r#"{"s3Bucket":"log-bucket","s3ObjectKey":["a b/ü.json.gz"]}"#]
    );
    assert_eq!((world.waiting(), world.notifier.next_due(at(0))), (0, None));
}

#[tokio::test]
async fn a_refusing_topic_is_tried_once_a_pause_and_gets_everything_in_order() {
    let (world, news) = (World::new(), topic("news"));
    world.topics.refuse(&news, denied());
    for key in 0..3 {
        assert_eq!(world.announce(&news, key, key).await, Announced::Parked);
    }
    assert_eq!(world.topics.tries(&news), 1, "what is newer queues behind");
    assert_eq!(world.notifier.next_due(at(3)), Some(at(1000)));
    assert_eq!(world.retry(999).await, 0);
    assert_eq!(world.topics.tries(&news), 1);
    assert_eq!(world.retry(1000).await, 0);
    assert_eq!(world.topics.tries(&news), 2);
    assert_eq!(world.notifier.next_due(at(1000)), Some(at(3000)));

    world.topics.accept(&news);
    assert_eq!(world.announce(&news, 3, 1500).await, Announced::Parked);
    assert_eq!(world.retry(3000).await, 4);
    assert_eq!(world.topics.messages(&news), messages(0..4));
    assert_eq!(world.announce(&news, 4, 3001).await, Announced::Published);
    assert_eq!((world.waiting(), world.notifier.next_due(at(3001))), (0, None));
}

#[tokio::test]
async fn a_parked_payload_is_the_documented_json() {
    let world = World::new();
    world.topics.refuse(&topic("news"), denied());
    world.announce(&topic("news"), "k", 0).await;
    let bytes = disk::read(&world.disk, "notices/0000000000000000").unwrap();
    let payload = r#"{"trail":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/to-news","topic":"arn:aws:sns:eu-west-1:111122223333:news","message":"{\"s3Bucket\":\"log-bucket\",\"s3ObjectKey\":[\"k\"]}"}"#;
    assert!(bytes.ends_with(payload.as_bytes()));
}

#[tokio::test]
async fn a_topic_that_refuses_or_hangs_holds_up_no_other() {
    let world = World::new();
    for name in ["good", "hangs", "refuses"] {
        world.topics.plant(&topic(name), Fault::Before(denied()));
        world.announce(&topic(name), name, 0).await;
    }
    world.topics.refuse(&topic("refuses"), denied());
    world.topics.plant(&topic("hangs"), Fault::HangBefore);
    let retry = world.notifier.retry_due(at(1000), || 1.0);
    assert!(retry.now_or_never().is_none(), "one topic still hangs");
    assert_eq!(world.topics.messages(&topic("good")), messages(["good"]));
    assert_eq!(world.topics.tries(&topic("refuses")), 2);
}

#[tokio::test]
async fn a_lost_answer_makes_a_second_message_and_no_loss() {
    let (world, news) = (World::new(), topic("news"));
    world.topics.plant(&news, Fault::After(PublishError::no_answer("connection reset")));
    assert_eq!(world.announce(&news, "k", 0).await, Announced::Parked);
    assert_eq!(world.retry(1000).await, 1);
    assert_eq!(world.topics.messages(&news), messages(["k", "k"]));
    assert_eq!(world.waiting(), 0);
}

#[tokio::test]
async fn a_crash_between_publish_and_removal_publishes_again() {
    let (mut world, news) = (World::new(), topic("news"));
    world.topics.plant(&news, Fault::Before(denied()));
    world.announce(&news, 1, 0).await;
    world.announce(&news, 2, 0).await;
    world.topics.plant(&news, Fault::HangAfter);
    assert!(world.notifier.retry_due(at(1000), || 1.0).now_or_never().is_none());
    world.lose_power();
    assert_eq!(world.announce(&news, 3, 1001).await, Announced::Parked, "no overtaking");
    assert_eq!(world.retry(1001).await, 3);
    assert_eq!(world.topics.messages(&news), messages([1, 1, 2, 3]));
    world.lose_power();
    assert_eq!(world.retry(9999).await, 0, "what was removed does not come back");
}

#[tokio::test]
async fn a_retry_that_nobody_awaits_any_more_leaves_its_message_due() {
    let (world, news) = (World::new(), topic("news"));
    world.topics.plant(&news, Fault::Before(denied()));
    world.announce(&news, "k", 0).await;
    world.topics.plant(&news, Fault::HangBefore);
    assert!(world.notifier.retry_due(at(1000), || 1.0).now_or_never().is_none());
    assert_eq!(world.notifier.next_due(at(1000)), Some(at(1000)));
    assert_eq!(world.retry(1000).await, 1);
    assert_eq!(world.topics.messages(&news), messages(["k"]));
}

#[tokio::test]
async fn a_message_that_the_disk_does_not_forget_is_published_once() {
    let (world, news) = (World::new(), topic("news"));
    world.topics.plant(&news, Fault::Before(denied()));
    world.announce(&news, "k", 0).await;
    world.disk.fail(DiskFault::forever(Operation::Remove));
    for second in 1..=60 {
        let _ = world.notifier.retry_due(at(second * 1000), || 1.0).await;
    }
    assert_eq!((world.topics.messages(&news), world.waiting()), (messages(["k"]), 1));
    world.disk.heal();
    assert_eq!(world.retry(400_000).await, 0);
    assert_eq!(world.waiting(), 0);
}

#[tokio::test]
async fn a_full_lane_makes_the_caller_wait_and_publishes_nothing_out_of_order() {
    let (disk, topics, news) = (SimulatedDisk::new(), MemoryTopic::new(), topic("news"));
    let notifier = start(&disk, &topics, 400);
    topics.refuse(&news, denied());
    let announce = |key: u64| {
        let notice = notice(key);
        let (notifier, news) = (&notifier, &news);
        async move { notifier.announce(&trail(news), news, &notice, at(0), 1.0).await }
    };
    assert_eq!(announce(1).await.unwrap(), Announced::Parked);
    assert_eq!(announce(2).await.unwrap(), Announced::Parked);
    let full = announce(3).await.unwrap_err();
    assert!(matches!(full, NotifierError::Outbox(outbox::OutboxError::Full { .. })));
    assert_eq!(full.remedy(), Remedy::Retry);
    topics.accept(&news);
    assert_eq!(notifier.retry_due(at(1000), || 1.0).await.unwrap(), 2);
    assert_eq!(announce(3).await.unwrap(), Announced::Published);
    assert_eq!(topics.messages(&news), messages([1, 2, 3]));
}

#[tokio::test]
async fn a_fifo_topic_is_refused_with_the_specified_error() {
    let (world, fifo) = (World::new(), topic("news.fifo"));
    let announced =
        world.notifier.announce(&trail(&fifo), &fifo, &notice("k"), at(0), 1.0).await.unwrap_err();
    let validated = world.notifier.validate(&fifo).await.unwrap_err();
    for error in [announced, validated] {
        assert_eq!(error.api_error().unwrap().0, "InvalidSnsTopicNameException");
        assert_eq!(error.remedy(), Remedy::Refuse);
    }
    assert_eq!((world.topics.tries(&fifo), world.waiting()), (0, 0));
}

#[tokio::test]
async fn the_validation_message_is_cloudtrails_and_leaves_no_trace() {
    let (world, news) = (World::new(), topic("news"));
    world.notifier.validate(&news).await.unwrap();
    assert_eq!(world.topics.messages(&news), ["CloudTrail validation message."]);
    world.topics.refuse(&news, denied());
    let error = world.notifier.validate(&news).await.unwrap_err();
    let (code, message) = error.api_error().unwrap();
    assert_eq!(code, "InsufficientSnsTopicPolicyException");
    assert_eq!(message, "SNS Topic does not exist or the topic policy is incorrect!");
    let statement = r#"{"Action":"sns:Publish","Effect":"Allow","Resource":"arn:aws:sns:eu-west-1:111122223333:news"}"#;
    assert_eq!(error.missing_statement().as_deref(), Some(statement));
    assert_eq!(world.notifier.statuses().of(&trail(&news)), Status::default());
    assert_eq!(world.waiting(), 0);
    world.topics.refuse(&news, PublishError::no_answer("timed out"));
    assert_eq!(world.notifier.validate(&news).await.unwrap_err().api_error(), None);
}

#[tokio::test]
async fn a_status_follows_the_rules_of_gettrailstatus() {
    let (world, news) = (World::new(), topic("news"));
    let check = |time: Option<i64>, error: Option<&str>| {
        let expected = Status { latest_time: time.map(at), latest_error: error.map(str::to_owned) };
        assert_eq!(world.notifier.statuses().of(&trail(&news)), expected);
    };
    check(None, None);
    world.notifier.statuses().define(&trail(&news));
    world.announce(&news, 1, 0).await;
    check(Some(0), None);
    world.topics.plant(&news, Fault::Before(PublishError::no_answer("timed out")));
    world.announce(&news, 2, 10).await;
    check(Some(0), None);
    world.topics.plant(&news, Fault::Before(denied()));
    world.retry(5000).await;
    check(Some(0), Some("AuthorizationError"));
    world.retry(10_000).await;
    check(Some(10_000), None);
    assert_eq!(world.notifier.statuses().of(&trail(&topic("other"))), Status::default());
}

#[tokio::test]
async fn what_is_damaged_is_kept_aside_and_stops_nothing() {
    let (world, news) = (World::new(), topic("news"));
    world.topics.plant(&news, Fault::Before(denied()));
    for key in 1..=2 {
        world.announce(&news, key, 0).await;
    }
    world.disk.flip_bit("notices/0000000000000000", 8 * 100).unwrap();
    assert_eq!(world.retry(1000).await, 1);
    assert_eq!(world.topics.messages(&news), messages([2]));
    assert_eq!(world.notifier.report().set_aside.len(), 1);
}

#[tokio::test]
async fn a_payload_of_another_shape_is_kept_aside_and_stops_nothing() {
    let (disk, topics) = (SimulatedDisk::new(), MemoryTopic::new());
    let settings = RetrySettings::default();
    let mut outbox = Outbox::open(Arc::new(disk.clone()), "notices", BOUND, settings).unwrap();
    outbox.park("lane", br#"{"topic":"no arn","message":"m"}"#, at(0)).unwrap();
    let payload = r#"{"topic":"arn:aws:sns:eu-west-1:111122223333:news","message":"m"}"#;
    outbox.park("lane", payload.as_bytes(), at(0)).unwrap();
    let notifier = Notifier::new(topics.clone(), outbox);
    assert_eq!(notifier.retry_due(at(0), || 1.0).await.unwrap(), 1);
    assert_eq!(topics.messages(&topic("news")), ["m"]);
    assert_eq!(notifier.report().set_aside.len(), 1);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_waits_for_the_disk() {
    let (world, news) = (World::new(), topic("news"));
    world.topics.plant(&news, Fault::Before(denied()));
    world.announce(&news, "k", 0).await;
    world.disk.fail(DiskFault::once(Operation::Open));
    assert!(world.notifier.retry_due(at(1000), || 1.0).await.is_err());
    assert_eq!(world.notifier.next_due(at(1000)), Some(at(3000)));
    assert_eq!(world.retry(3000).await, 1);
}

#[tokio::test]
async fn what_is_refused_for_thirty_days_is_given_up_and_kept() {
    let (world, news) = (World::new(), topic("news"));
    world.topics.refuse(&news, denied());
    world.announce(&news, "k", 0).await;
    world.retry(60 * DAY).await;
    world.notifier.expire(at(30 * DAY)).unwrap();
    assert_eq!((world.waiting(), world.notifier.report().expired), (1, 0));
    world.notifier.expire(at(30 * DAY + 1)).unwrap();
    let report = world.notifier.report();
    assert_eq!((report.expired, report.set_aside.len(), world.waiting()), (1, 1, 0));
}

#[tokio::test]
async fn one_call_does_its_share_and_says_that_more_is_due() {
    let (world, news) = (World::new(), topic("news"));
    world.topics.plant(&news, Fault::Before(denied()));
    for key in 0..300 {
        world.announce(&news, key, 0).await;
    }
    assert_eq!(world.retry(1000).await, 256);
    assert_eq!(world.notifier.next_due(at(1000)), Some(at(1000)));
    assert_eq!(world.retry(1000).await, 44);
    assert_eq!(world.topics.messages(&news), messages(0..300));
    let report = world.notifier.report();
    assert_eq!((report.published, report.parked, report.failed), (300, 300, 1));
}

#[tokio::test]
async fn dice_that_always_fall_on_zero_make_no_endless_round() {
    let (world, news) = (World::new(), topic("news"));
    world.topics.refuse(&news, denied());
    world.notifier.announce(&trail(&news), &news, &notice("k"), at(0), 0.0).await.unwrap();
    assert_eq!(world.notifier.retry_due(at(1), || 0.0).await.unwrap(), 0);
    assert_eq!(world.topics.tries(&news), 2);
}
