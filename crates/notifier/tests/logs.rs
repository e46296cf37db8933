//! Records of log files reach their trail's log group at least once, whatever refuses or crashes.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cairn_notifier::failure::Failure;
use cairn_notifier::logs::memory::{Fault, MemoryLogs};
use cairn_notifier::logs::{
    CloudWatchLogs, LogSender, LogSink, LogStream, LogsError, Reference, stream_name,
};
use disk::SimulatedDisk;
use model::Timestamp;
use outbox::{Outbox, RetrySettings, Status};
use support::{Request, serve};

const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/all";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn file(key: &str) -> Reference {
    Reference {
        trail: TRAIL.parse().unwrap(),
        organization: None,
        account: "111122223333".parse().unwrap(),
        bucket: "log-bucket".parse().unwrap(),
        key: key.into(),
        sha256: "00".into(),
        uncompressed_bytes: 9,
    }
}

fn stream() -> LogStream {
    LogStream {
        group: "arn:aws:logs:eu-west-1:111122223333:log-group:group:*".parse().unwrap(),
        role_arn: "arn:aws:iam::111122223333:role/logs".into(),
        name: stream_name(&TRAIL.parse().unwrap(), None, &"111122223333".parse().unwrap()),
    }
}

fn gone() -> LogsError {
    let (code, message) = ("ResourceNotFoundException".into(), "no".into());
    LogsError::Group(Failure { code, message, is_refusal: true })
}

fn silent() -> LogsError {
    let (code, message) = ("NoAnswer".into(), "no".into());
    LogsError::Unknown(Failure { code, message, is_refusal: false })
}

/// A sender on a disk, in front of log groups.
struct World {
    disk: SimulatedDisk,
    logs: MemoryLogs,
    sender: LogSender,
}

impl World {
    fn new() -> World {
        let (disk, logs) = (SimulatedDisk::new(), MemoryLogs::default());
        let sender = start(&disk, &logs);
        World { disk, logs, sender }
    }

    fn lose_power(&mut self) {
        self.disk.lose_power(&mut |_| 0);
        self.sender = start(&self.disk, &self.logs);
    }

    /// Sends what is due; the content of each file is made of its key.
    async fn send(&self, millis: i64, content: impl Fn(&str) -> String) -> Vec<bool> {
        let mut sent = Vec::new();
        for due in self.sender.take_due(at(millis)) {
            let Some(file) = self.sender.load(&due, at(millis), 1.0) else { continue };
            let content = content(&file.key);
            let (stream, now) = (stream(), at(millis));
            let send = self.sender.send(&due, &file, &stream, content.as_bytes(), now, 1.0);
            sent.push(send.await);
        }
        sent
    }

    fn events(&self) -> Vec<(i64, String)> {
        let events = self.logs.events(&stream()).into_iter();
        events.map(|(at, message)| (at.as_millis(), message)).collect()
    }

    fn waiting(&self) -> u64 {
        self.sender.report().lanes.iter().map(|lane| lane.items).sum()
    }
}

fn start(disk: &SimulatedDisk, logs: &MemoryLogs) -> LogSender {
    start_with(disk, logs, 1 << 20)
}

fn start_with(disk: &SimulatedDisk, logs: &MemoryLogs, lane_bytes_max: u64) -> LogSender {
    let disk = Arc::new(disk.clone());
    let outbox = Outbox::open(disk, "logs", lane_bytes_max, RetrySettings::default()).unwrap();
    LogSender::new(Arc::new(logs.clone()), outbox)
}

/// One record, which tells the file's key.
fn one(key: &str) -> String {
    format!(r#"{{"Records":[{{"key":"{key}"}}]}}"#)
}

fn record(key: &str) -> String {
    format!(r#"{{"key":"{key}"}}"#)
}

#[tokio::test]
async fn what_was_handed_over_survives_power_loss_and_is_sent_at_the_time_of_sending() {
    let mut world = World::new();
    world.sender.hand_over(&file("a"), at(0)).unwrap();
    world.sender.hand_over(&file("b"), at(0)).unwrap();
    world.lose_power();
    assert_eq!((world.waiting(), world.events().len()), (2, 0));
    assert_eq!(world.send(5, one).await, [true]);
    assert_eq!(world.send(6, one).await, [true]);
    assert_eq!(world.events(), [(5, record("a")), (6, record("b"))]);
    assert_eq!((world.waiting(), world.sender.report().sent), (0, 2));
    world.lose_power();
    assert_eq!((world.waiting(), world.send(7, one).await.len()), (0, 0));
}

#[tokio::test]
async fn a_group_that_refuses_is_asked_again_and_told_of_in_the_status() {
    let world = World::new();
    let status = || world.sender.statuses().of(&TRAIL.parse().unwrap());
    world.sender.statuses().define(&TRAIL.parse().unwrap());
    world.sender.hand_over(&file("a"), at(0)).unwrap();
    world.logs.refuse(&stream().group, gone());
    assert_eq!(world.send(0, one).await, [false]);
    let error = Some("ResourceNotFoundException".to_owned());
    assert_eq!(status(), Status { latest_time: None, latest_error: error.clone() });
    assert!(world.send(1, one).await.is_empty(), "it pauses");
    world.logs.accept(&stream().group);
    assert_eq!(world.send(1000, one).await, [true]);
    assert_eq!(status(), Status { latest_time: Some(at(1000)), latest_error: None });
    world.logs.plan([Some(Fault::Before(silent()))]);
    world.sender.hand_over(&file("b"), at(1000)).unwrap();
    assert_eq!(world.send(1000, one).await, [false]);
    assert_eq!(status().latest_error, None, "nobody's silence is the group's fault");
}

#[tokio::test]
async fn a_lost_answer_makes_a_second_event_and_what_was_taken_is_not_sent_again() {
    let world = World::new();
    world.sender.hand_over(&file("a"), at(0)).unwrap();
    // Three batches: 256 KB of text fit four times into one.
    let long = "x".repeat(250 << 10);
    let content = |_: &str| {
        let records: Vec<String> = (0..9).map(|n| format!(r#"{{"n":{n},"x":"{long}"}}"#)).collect();
        format!(r#"{{"Records":[{}]}}"#, records.join(","))
    };
    world.logs.plan([None, Some(Fault::After(silent()))]);
    assert_eq!(world.send(0, content).await, [false]);
    assert_eq!(world.send(1000, content).await, [true]);
    let numbers: Vec<String> =
        world.events().into_iter().map(|(_, text)| text[5..6].to_owned()).collect();
    assert_eq!(numbers.concat(), "0123456745678", "the second batch twice, the first one once");
    assert_eq!(world.logs.puts(), 4);
}

#[tokio::test]
async fn what_cannot_be_sent_is_kept_aside_or_counted_and_stops_nothing() {
    let world = World::new();
    for key in ["a", "b", "c"] {
        world.sender.hand_over(&file(key), at(0)).unwrap();
    }
    world.disk.flip_bit("logs/0000000000000000", 8 * 100).unwrap();
    assert!(world.send(0, one).await.is_empty());
    assert_eq!(world.send(0, |_| "no log file".into()).await, [false]);
    assert_eq!(world.sender.report().set_aside.len(), 2);
    let large = "x".repeat(256 << 10);
    let content = |key: &str| format!(r#"{{"Records":["{large}",{}]}}"#, record(key));
    assert_eq!(world.send(0, content).await, [true]);
    assert_eq!(world.events(), [(0, record("c"))]);
    assert_eq!((world.sender.report().skipped, world.waiting()), (1, 0));
}

#[tokio::test]
async fn a_group_that_refuses_for_thirty_days_is_given_up() {
    let world = World::new();
    world.sender.hand_over(&file("a"), at(0)).unwrap();
    world.logs.refuse(&stream().group, gone());
    world.send(0, one).await;
    let day = |day: u64| Timestamp::EPOCH.plus(Duration::from_secs(day * 24 * 3600 + 1));
    world.sender.expire(day(29)).unwrap();
    assert_eq!((world.waiting(), world.sender.report().set_aside.len()), (1, 0));
    world.sender.expire(day(30)).unwrap();
    assert_eq!((world.waiting(), world.sender.report().set_aside.len()), (0, 1));
}

#[tokio::test]
async fn a_lane_that_is_full_gives_up_what_is_new_and_says_so_and_holds_up_nobody() {
    let world = World::new();
    let sender = start_with(&world.disk, &world.logs, 1);
    sender.statuses().define(&TRAIL.parse().unwrap());
    let status = || sender.statuses().of(&TRAIL.parse().unwrap()).latest_error;
    sender.hand_over(&file("a"), at(0)).unwrap();
    assert_eq!((status(), sender.report().given_up), (None, 0), "an empty lane takes one");
    sender.hand_over(&file("b"), at(0)).unwrap();
    assert_eq!((status().as_deref(), sender.report().given_up), (Some("BacklogFull"), 1));
    let other = Reference { account: "444455556666".parse().unwrap(), ..file("c") };
    sender.hand_over(&other, at(0)).unwrap();
    let due = sender.take_due(at(0));
    let keys: Vec<String> =
        due.iter().map(|due| sender.load(due, at(0), 1.0).unwrap().key).collect();
    assert_eq!(keys, ["a", "c"], "what waited stays, and another account's lane has room");
}

// CloudWatch Logs itself.

fn cloudwatch(url: &str) -> CloudWatchLogs {
    use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
    let credentials = || Credentials::new("DAEMON", "secret", None, None, "test");
    let logs = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(credentials());
    let sts = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(credentials());
    CloudWatchLogs::with_timeout(&logs.build(), &sts.build(), Duration::from_millis(500))
}

fn what(request: &Request) -> String {
    let target = request.headers.get("x-amz-target");
    target.map_or("AssumeRole".into(), |target| target.rsplit('.').next().unwrap().to_owned())
}

/// An answer of STS whose credentials end at this time.
fn assumed(until: &str) -> support::Answer {
    let credentials = format!(
        "<AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>S</SecretAccessKey>\
         <SessionToken>T</SessionToken><Expiration>{until}</Expiration>"
    );
    let result =
        format!("<AssumeRoleResult><Credentials>{credentials}</Credentials></AssumeRoleResult>");
    Some((200, format!("<AssumeRoleResponse>{result}</AssumeRoleResponse>")))
}

#[tokio::test]
async fn a_role_is_assumed_once_for_many_puts_and_again_when_its_credentials_end() {
    for (until, times) in [("2999-01-01T00:00:00Z", 1), ("2001-01-01T00:00:00Z", 3)] {
        let assumptions = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&assumptions);
        let url = serve(move |request| match what(request).as_str() {
            "AssumeRole" => {
                counted.fetch_add(1, Ordering::SeqCst);
                assumed(until)
            }
            _ => {
                assert!(request.headers["authorization"].contains("Credential=ROLE/"));
                assert_eq!(request.region(), "eu-west-1");
                Some((200, "{}".into()))
            }
        });
        let logs = cloudwatch(&url);
        for _ in 0..3 {
            logs.put(&stream(), &["m"], at(1)).await.unwrap();
        }
        assert_eq!(assumptions.load(Ordering::SeqCst), times, "{until}");
    }
}

#[tokio::test]
async fn of_many_roles_those_used_last_are_kept() {
    let assumed_roles = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&assumed_roles);
    let url = serve(move |request| match what(request).as_str() {
        "AssumeRole" => {
            seen.lock().unwrap().push(request.body.clone());
            assumed("2999-01-01T00:00:00Z")
        }
        _ => Some((200, "{}".into())),
    });
    let logs = cloudwatch(&url);
    let put = async |role: usize| {
        let stream =
            LogStream { role_arn: format!("arn:aws:iam::111122223333:role/r{role}-"), ..stream() };
        logs.put(&stream, &["m"], at(1)).await.unwrap();
    };
    put(0).await;
    put(1).await;
    for role in 2..257 {
        put(0).await;
        put(role).await;
    }
    put(1).await;
    let assumptions = |role: &str| {
        assumed_roles.lock().unwrap().iter().filter(|body| body.contains(role)).count()
    };
    assert_eq!((assumptions("r0-"), assumptions("r1-"), assumptions("r2-")), (1, 2, 1));
}

#[tokio::test]
async fn a_stream_that_is_missing_is_made_and_a_group_is_not() {
    for (has_group, expected) in [
        (true, "PutLogEvents CreateLogStream PutLogEvents"),
        (false, "PutLogEvents CreateLogStream"),
    ] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let url = serve(move |request| {
            let what = what(request);
            if what == "AssumeRole" {
                return assumed("2999-01-01T00:00:00Z");
            }
            let mut asked = seen.lock().unwrap();
            let is_made = asked.contains(&"CreateLogStream".to_owned());
            let is_well = has_group && (is_made || what == "CreateLogStream");
            asked.push(what);
            let missing = r#"{"__type":"ResourceNotFoundException","message":"no"}"#;
            Some(if is_well { (200, "{}".into()) } else { (400, missing.into()) })
        });
        let put = cloudwatch(&url).put(&stream(), &["m"], at(1)).await;
        assert_eq!(put.is_ok(), has_group, "{put:?}");
        assert!(has_group || matches!(put, Err(LogsError::Group(_))));
        assert_eq!(asked.lock().unwrap().join(" "), expected);
    }
}

#[tokio::test]
async fn an_error_says_who_refuses_and_events_that_are_not_kept_are_one() {
    let error = |target: &'static str, status: u16, body: &'static str| async move {
        let url = serve(move |request| match what(request) {
            what if what == target => Some((status, body.to_owned())),
            what if what == "AssumeRole" => assumed("2999-01-01T00:00:00Z"),
            _ => Some((200, "{}".into())),
        });
        cloudwatch(&url).put(&stream(), &["m"], at(1)).await.unwrap_err()
    };
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
    assert!(matches!(error("AssumeRole", 403, denied).await, LogsError::Role(_)));
    assert!(matches!(error("AssumeRole", 500, "").await, LogsError::Unknown(_)));
    let denied = r#"{"__type":"AccessDeniedException"}"#;
    assert!(matches!(error("PutLogEvents", 400, denied).await, LogsError::Group(_)));
    let busy = r#"{"__type":"ThrottlingException"}"#;
    assert!(matches!(error("PutLogEvents", 400, busy).await, LogsError::Unknown(_)));
    let rejected = r#"{"rejectedLogEventsInfo":{"tooNewLogEventStartIndex":0}}"#;
    let not_kept = error("PutLogEvents", 200, rejected).await;
    assert!(
        matches!(&not_kept, LogsError::Unknown(failure) if failure.code == "RejectedLogEvents"),
        "{not_kept}"
    );
}
