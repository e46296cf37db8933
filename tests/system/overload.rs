//! More than the daemon can take: connections, bytes and calls. What it acknowledges is in S3 once,
//! what it refuses it refuses honestly, its memory stays within bounds, and who sends little is not
//! made to pay for who sends much. (Exact statements on turns and times are made in process: see
//! `crates/producer/tests/intake.rs` and `crates/daemon/src/http/tests.rs`.)

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_cloudtraildata::types::AuditEvent;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use crate::support::bucket::Bucket;
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::Trail;
use crate::support::generated::event;
use crate::support::localstack::{LocalStack, sdk};
use crate::support::wait::eventually;

const REGION: &str = "eu-west-1";
const MIB: usize = 1 << 20;
/// Descriptors of the test beside its connections.
const DESCRIPTORS_LEFT: u64 = 1_000;
/// Far more than any answer takes.
const DEADLINE: Duration = Duration::from_secs(60);
/// Connections that are opened at a time; the system's queue holds no more than some.
const OPENING: usize = 64;

/// The peak of a daemon's memory, in MiB. `ARCHITECTURE.md` states what it is made of.
fn peak_mib(daemon: &Cairn) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

/// Makes sure that this process may have so many connections, and the daemons that it starts too.
fn allow_descriptors(connections: u64) {
    let wanted = connections + DESCRIPTORS_LEFT;
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        maximum >= wanted,
        "this test needs {wanted} file descriptors, and the hard limit is {maximum}: raise it \
         (`ulimit -Hn {wanted}`, or LimitNOFILE)"
    );
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    }
}

/// The head of a request of an account.
fn head(request: &str, account: &str, length: usize) -> String {
    format!(
        "{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\nAuthorization: {}\r\n\r\n",
        authorization(account)
    )
}

fn authorization(account: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260102/{REGION}/cloudtrail-data/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// Sends a request on a connection and reads the head of its answer.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<String> {
    // Who is answered early need not get rid of all it has to say.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let reading = async {
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut answer).await? == 0 {
                break;
            }
        }
        Ok(())
    };
    let read = tokio::time::timeout(DEADLINE, reading).await;
    read.expect("an answer, or the end of the connection")
        .map(|()| String::from_utf8(answer).unwrap())
}

fn trail(account: &str, bucket: &str) -> String {
    Trail::new("all", account, REGION, bucket).to_string()
}

/// How often each record is in the bucket.
async fn counts(localstack: &LocalStack, bucket: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in Bucket::read(localstack, bucket, ("000000000000", REGION)).await.records() {
        *counts.entry(record.to_owned()).or_default() += 1;
    }
    counts
}

fn once_each(records: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    records.into_iter().map(|record| (record, 1)).collect()
}

#[tokio::test]
async fn eleven_thousand_connections_most_of_them_silent_keep_nobody_out() {
    const CONNECTIONS: usize = 11_000;
    const OPEN_MIN: u64 = 10_000;
    /// 10,240 connections of about 20 KiB, and what a daemon has without them.
    const PEAK_MIB: usize = 300;
    allow_descriptors(CONNECTIONS as u64);
    let site = Site::new("");
    let daemon = site.start().await;
    let request = head("GET /healthz", "1", 0);
    let connections = stream::iter(0..CONNECTIONS).map(async |number| {
        let mut stream = TcpStream::connect(daemon.address()).await.unwrap();
        if number % 4 == 0 {
            // Stops in the midst of its head.
            stream.write_all(&request.as_bytes()[..20]).await.unwrap();
        } else {
            let answer = ask(&mut stream, request.as_bytes()).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{number}: {answer:?}");
        }
        stream
    });
    let mut connections: Vec<TcpStream> = connections.buffered(OPENING).collect().await;
    // The last of them may be on their way from one count to the other.
    eventually("all connections are counted", async || {
        let metrics = daemon.metrics().await;
        let (open, max) = (metrics.sum("cairn_connections"), metrics.sum("cairn_connections_max"));
        assert!(open <= max, "{open} of {max} connections are open");
        let closed = metrics.sum("cairn_closed_connections_total");
        (open >= OPEN_MIN && closed + open >= CONNECTIONS as u64).then_some(())
    })
    .await;
    // Who comes last is served as ever, and so is who was heard of a short while ago.
    daemon.record(&[event("740000000001", REGION, 1)]).await;
    assert_eq!(daemon.get("/readyz").await.status, 200);
    for stream in connections.iter_mut().rev().step_by(10).take(800) {
        let answer = ask(stream, request.as_bytes()).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{answer:?}");
    }
    let peak = peak_mib(&daemon);
    assert!(peak <= PEAK_MIB, "{peak} MiB");
    drop(connections);
    eventually("the connections are gone", async || {
        (daemon.metrics().await.sum("cairn_connections") < 100).then_some(())
    })
    .await;
    daemon.stop().await;
}

#[tokio::test]
async fn without_file_descriptors_the_longest_idle_connections_make_room() {
    const IDLE: usize = 30;
    const NEWCOMERS: usize = 10;
    let site = Site::new("");
    let daemon = site.start().await;
    let request = head("GET /healthz", "1", 0);
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        let mut stream = TcpStream::connect(daemon.address()).await.unwrap();
        ask(&mut stream, request.as_bytes()).await.unwrap();
        idle.push(stream);
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).unwrap().count();
    let process = Pid::from_raw(i32::try_from(daemon.id()).unwrap());
    let none_left = Rlimit { current: Some(open as u64), ..getrlimit(Resource::Nofile) };
    let before = prlimit(process, Resource::Nofile, none_left).unwrap();
    let mut newcomers = Vec::new();
    for _ in 0..NEWCOMERS {
        let mut stream = TcpStream::connect(daemon.address()).await.unwrap();
        let answer = ask(&mut stream, request.as_bytes()).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        newcomers.push(stream);
    }
    daemon.logged(0, "no connection can be accepted").await;
    prlimit(process, Resource::Nofile, before).unwrap();
    let closed = daemon.metrics().await.sum("cairn_closed_connections_total");
    assert!((1..=IDLE as u64).contains(&closed), "{closed} closed");
    assert_eq!(ask(&mut idle[0], request.as_bytes()).await.unwrap_or_default(), "");
    let answer = ask(&mut idle[IDLE - 1], request.as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "the newest stay: {answer}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_stream_of_200_mb_is_taken_in_pieces_and_arrives() {
    const RECORDS: usize = 1_000;
    /// A segment in the making and one on its way, with their files, and the daemon itself.
    const PEAK_MIB: usize = 250;
    let Some(localstack) = LocalStack::find().await else { return };
    let account = "740000000011";
    let bucket = localstack.bucket("huge").await;
    let site = Site::new(&trail(account, &bucket));
    let daemon = site.start().await;
    let records: Vec<String> = (0..RECORDS)
        .map(|number| {
            let padding = "x".repeat(200_000);
            event(account, REGION, number).replace("aws-cli/2", &format!("aws-cli/2 {padding}"))
        })
        .collect();
    let body = records.join("\n");
    assert!(body.len() > 200_000_000);
    let answer = daemon.post(&[], body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["recorded"], RECORDS);
    daemon.settle().await;
    let peak = peak_mib(&daemon);
    assert!(peak <= PEAK_MIB, "{peak} MiB");
    daemon.stop().await;
    assert!(counts(&localstack, &bucket).await == once_each(records), "S3 differs");
}

const PUT: &str = "/PutAuditEvents?channelArn=x";
const BULK: &str = "/v1/events";

/// Bodies that want much memory, each in its way; all of them wrong, so that none fills the disk.
fn greedy_bodies() -> Vec<(&'static str, Bytes)> {
    let text = |text: String| Bytes::from(text);
    let gzip = |text: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        Bytes::from(encoder.finish().unwrap())
    };
    let event = json!({ "id": "1", "eventData": "x".repeat(3_900_000) });
    let large = text(json!({ "auditEvents": [event] }).to_string());
    let many = r#"{"id":"","eventData":""},"#.repeat(150_000);
    let many = text(format!(r#"{{"auditEvents":[{many}{{}}]}}"#));
    let endless = text(format!("{{\"a\":\"{}", "x".repeat(4 * MIB)));
    vec![
        (PUT, large.clone()),
        (BULK, endless.clone()),
        (PUT, many.clone()),
        (BULK, text("1\n".repeat(10_000))),
        (PUT, large),
        (BULK, endless),
        (PUT, many),
        (BULK, gzip(&vec![b'x'; 8 * MIB])),
    ]
}

#[tokio::test]
async fn calls_that_want_ten_times_the_memory_get_it_in_turns_or_are_refused() {
    const CALLS: usize = 240;
    /// 64 MiB for all calls, and the daemon itself.
    const PEAK_MIB: usize = 250;
    let site = Site::new("");
    let daemon = site.start().await;
    let bodies = greedy_bodies();
    let wanted: usize = (0..CALLS).map(|n| bodies[n % bodies.len()].1.len()).sum();
    assert!(wanted > 10 * 64 * MIB, "{wanted}");
    // Calls that hold their whole body wait for its last byte until all of them are as far as they
    // get, and some were refused.
    let is_held = |number: usize| bodies[number % bodies.len()].0 == PUT;
    let all_are_here = Barrier::new((0..CALLS).filter(|number| is_held(*number)).count() + 1);
    let answers = stream::iter(0..CALLS).map(async |number| {
        let (path, body) = &bodies[number % bodies.len()];
        let account = format!("74000000002{}", number % 3);
        let mut stream = TcpStream::connect(daemon.address()).await.unwrap();
        let head = head(&format!("POST {path}"), &account, body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        let rest = if is_held(number) { body.len() - 1 } else { 0 };
        stream.write_all(&body[..rest]).await.unwrap();
        if is_held(number) {
            all_are_here.wait().await;
        }
        let answer = ask(&mut stream, &body[rest..]).await.unwrap();
        answer.split(' ').nth(1).unwrap_or("none").to_owned()
    });
    let mut statuses = BTreeMap::<String, usize>::new();
    let mut answers = Box::pin(answers.buffer_unordered(CALLS));
    let counting = async {
        while let Some(status) = answers.next().await {
            *statuses.entry(status).or_default() += 1;
            assert_eq!(daemon.get("/healthz").await.status, 200);
        }
    };
    let waiting = async {
        eventually("some calls get no memory", async || {
            (refused_calls(&daemon).await > 0).then_some(())
        })
        .await;
        all_are_here.wait().await;
    };
    tokio::join!(counting, waiting);
    drop(answers);
    let peak = peak_mib(&daemon);
    assert!(peak <= PEAK_MIB, "{peak} MiB; {statuses:?}");
    let honest = ["200", "400", "503"];
    assert!(statuses.keys().all(|status| honest.contains(&status.as_str())), "{statuses:?}");
    let both = ["400", "503"].map(|status| statuses.contains_key(status));
    assert_eq!(both, [true; 2], "{statuses:?}");
    let metrics = daemon.metrics().await;
    assert_eq!(metrics.sum("cairn_call_bytes"), 0, "given back: {metrics:#?}");
    assert_eq!(metrics.sum("cairn_calls"), 0);
    daemon.record(&[event("740000000021", REGION, 1)]).await;
    daemon.stop().await;
}

/// Begins a call whose body does not come yet.
async fn begin(daemon: &Cairn, account: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.address()).await.unwrap();
    let head = head("POST /PutAuditEvents?channelArn=none", account, length);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Calls of an account that hold all the memory that it may have until the last bytes of their
/// bodies come: a call holds 16 KiB, and what it has of its body twice.
async fn hold_all(daemon: &Cairn, account: &str) -> Vec<TcpStream> {
    const CALL: u64 = 16 << 10;
    const RESERVE: u64 = 8 << 20;
    let mut calls = Vec::new();
    let may_hold = (daemon.metrics().await.sum("cairn_call_bytes_max") - RESERVE) / 2;
    let mut held = 0;
    while held < may_hold {
        let length = (1 << 20).min((may_hold - held - CALL) / 2);
        let bytes = usize::try_from(length).unwrap();
        let mut stream = begin(daemon, account, bytes).await;
        stream.write_all(&vec![b'x'; bytes - 1]).await.unwrap();
        calls.push(stream);
        held += CALL + 2 * length;
        eventually("the call holds its memory", async || {
            (daemon.metrics().await.sum("cairn_call_bytes") == held).then_some(())
        })
        .await;
    }
    calls
}

async fn refused_calls(daemon: &Cairn) -> u64 {
    daemon.metrics().await.sum("cairn_refused_calls_total")
}

#[tokio::test]
async fn an_account_that_takes_all_it_can_is_refused_and_others_are_not() {
    const REFUSED: usize = 10;
    let Some(localstack) = LocalStack::find().await else { return };
    let (greedy, quiet) = ("740000000031", ["740000000032", "740000000033", "740000000034"]);
    let bucket = localstack.bucket("fair").await;
    let trails: String = quiet.iter().map(|account| trail(account, &bucket)).collect();
    let site = Site::new(&trails);
    let daemon = site.start().await;
    let held = hold_all(&daemon, greedy).await;
    let mut refused = Vec::new();
    for _ in 0..REFUSED {
        refused.push(begin(&daemon, greedy, MIB).await);
    }
    let mut sent = Vec::new();
    for number in 0..60 {
        let account = quiet[number % quiet.len()];
        let record = event(account, REGION, number);
        let answer =
            daemon.post(&[("authorization", &authorization(account))], record.clone()).await;
        assert_eq!(answer.status, 200, "a quiet account is not refused: {}", answer.text());
        assert_eq!(answer.json()["recorded"], 1);
        sent.push(record);
    }
    // The greedy one is told to come again, and what it was given room for is read.
    eventually("the calls without memory are refused", async || {
        (refused_calls(&daemon).await == REFUSED as u64).then_some(())
    })
    .await;
    for mut stream in refused {
        let answer = ask(&mut stream, &[b'x'; MIB]).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(
            answer.contains("ThrottlingException") && answer.contains("retry-after: 2"),
            "{answer}"
        );
    }
    for mut stream in held {
        let answer = ask(&mut stream, b"x").await.unwrap();
        assert!(answer.contains("x-amzn-errortype: ChannelNotFound"), "{answer}");
    }
    daemon.finish().await;
    assert!(counts(&localstack, &bucket).await == once_each(sent), "S3 differs");
}

#[tokio::test]
async fn the_unmodified_sdk_comes_again_and_gets_its_events_recorded() {
    let account = "740000000041";
    let site = Site::new("");
    let channel = format!(
        "[[channels]]\nname = \"app\"\naccount = {account:?}\nregion = {REGION:?}\nsource = \"Custom\"\n"
    );
    site.configure_with_interval("1h", &channel); // what is recorded stays in the open segment
    let daemon = site.start().await;
    let channel = daemon.logged(0, "channel takes audit events").await["arn"].clone();
    let held = hold_all(&daemon, account).await;
    let config = sdk(&daemon.url(""), account, REGION).await;
    let client = aws_sdk_cloudtraildata::Client::new(&config);
    let put = client.put_audit_events().channel_arn(channel.as_str().unwrap()).audit_events(
        AuditEvent::builder().id("1").event_data(event(account, REGION, 1)).build().unwrap(),
    );
    let make_room = async {
        let is_refused = async || (refused_calls(&daemon).await > 0).then_some(());
        eventually("the call of the SDK is refused", is_refused).await;
        drop(held);
    };
    let (answer, ()) = tokio::join!(put.send(), make_room);
    let answer = answer.unwrap();
    assert_eq!((answer.successful().len(), answer.failed().len()), (1, 0), "{answer:?}");
    assert_eq!(daemon.metrics().await.sum("cairn_journal_open_events"), 1);
    daemon.stop().await;
}

#[tokio::test]
async fn what_many_senders_of_small_batches_are_told_is_true() {
    const SENDERS: usize = 300;
    const CALLS: usize = 12;
    let Some(localstack) = LocalStack::find().await else { return };
    let accounts = ["740000000051", "740000000052", "740000000053"];
    let bucket = localstack.bucket("tiny").await;
    let trails: String = accounts.iter().map(|account| trail(account, &bucket)).collect();
    // Small: the journal is full at times, until its batches are delivered.
    let site =
        Site::new(&format!("{trails}[journal]\nsegment_size = \"1MiB\"\nquota = \"4MiB\"\n"));
    let daemon = site.start().await;
    let told = AtomicU64::new(0);
    let senders = stream::iter(0..SENDERS).map(async |sender| {
        // Of one of the accounts are all but a few senders.
        let account = accounts[if sender % 50 == 0 { 1 + sender / 50 % 2 } else { 0 }];
        let authorization = authorization(account);
        let mut sent = Vec::new();
        for call in 0..CALLS {
            let number = sender * CALLS + call;
            let records: Vec<String> =
                (0..=number % 3).map(|part| event(account, REGION, number * 3 + part)).collect();
            let was_refused = AtomicBool::new(false);
            eventually("the call is taken, sent again as often as it takes", async || {
                let headers = [("authorization", authorization.as_str())];
                let answer = daemon.post(&headers, records.join("\n")).await;
                let counts = answer.json();
                if answer.status == 200 {
                    let known = counts["duplicates"].as_u64().unwrap();
                    let recorded = counts["recorded"].as_u64().unwrap();
                    assert_eq!(recorded + known, records.len() as u64, "{counts}");
                    // A call that was refused half-way left events that are known when it returns.
                    assert!(known == 0 || was_refused.load(Ordering::Relaxed), "{counts}");
                    told.fetch_add(known, Ordering::Relaxed);
                    return Some(());
                }
                assert_eq!(
                    (answer.status, answer.header("retry-after")),
                    (503, Some("2")),
                    "{counts}"
                );
                was_refused.store(true, Ordering::Relaxed);
                None
            })
            .await;
            sent.extend(records);
        }
        sent
    });
    let sent: Vec<Vec<String>> = senders.buffer_unordered(SENDERS).collect().await;
    let metrics = daemon.settle().await;
    let known = metrics.sum("cairn_journal_duplicate_events");
    assert!(known >= told.load(Ordering::Relaxed), "{metrics:#?}");
    daemon.stop().await;
    assert!(counts(&localstack, &bucket).await == once_each(sent.concat()), "S3 differs");
}
