//! Events live: a real daemon, its stream, and `cairn tail`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::support::cairn::{Cairn, Site};
use crate::support::generated;
use crate::support::process::{Process, binary, cairn};
use crate::support::signer::Key;
use crate::support::wait::eventually;

const ONE: &str = "741000000001";
const MEMBER: &str = "741000000002";
const OTHER: &str = "741000000003";
/// Far more than anything takes: only what never comes meets it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Reads a tail line by line.
struct Reader {
    body: Incoming,
    begun: Vec<u8>,
}

impl Reader {
    /// Opens a tail of an account, which is believed, and reads that it has begun.
    async fn open(daemon: &Cairn, account: &str, query: &str) -> Reader {
        let (status, body) = ask(daemon, account, query).await;
        assert_eq!(status, StatusCode::OK, "{query}");
        let mut reader = Reader { body, begun: Vec::new() };
        let begin = reader.next().await.unwrap();
        assert!(begin["begin"].is_string(), "{begin}");
        reader
    }

    /// The next line; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(DEADLINE, self.body.frame()).await;
            let frame = frame.expect("a tail says something now and then")?;
            self.begun.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
    }

    /// The next event's `requestParameters.number`, and where it stands.
    async fn event(&mut self) -> (u64, String) {
        loop {
            let line = self.next().await.expect("it goes on");
            if line.get("alive").is_none() {
                let number = line["event"]["requestParameters"]["number"].as_u64();
                let number = number.unwrap_or_else(|| panic!("an event: {line}"));
                return (number, line["position"].as_str().unwrap().to_owned());
            }
        }
    }

    async fn events(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(self.event().await.0);
        }
        numbers
    }
}

fn credential(account: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/cloudtrail/aws4_request")
}

async fn ask(daemon: &Cairn, account: &str, query: &str) -> (StatusCode, Incoming) {
    let client: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(daemon.url(&format!("/v1/tail?{query}")))
        .header("authorization", credential(account))
        .body(Empty::new())
        .unwrap();
    let answer = client.request(request).await.unwrap();
    (answer.status(), answer.into_body())
}

/// An event of an account that happens now.
fn event(account: &str, number: usize) -> String {
    let mut record: Value =
        serde_json::from_str(&generated::event(account, "eu-west-1", number)).unwrap();
    record["eventTime"] = now().to_iso_seconds().into();
    record.to_string()
}

#[allow(clippy::disallowed_methods)] // the daemon goes by the real clock
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// Events of an account with these numbers.
fn events(account: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| event(account, number)).collect()
}

#[tokio::test]
async fn events_are_told_when_they_are_acknowledged_each_account_its_own() {
    let site = Site::new(&format!(
        "[organization]\nid = \"o-tail000000\"\nmanagement_account = \"{ONE}\"\nmembers = [\"{OTHER}\"]\n"
    ));
    let daemon = site.start().await;
    let mut one = Reader::open(&daemon, ONE, "").await;
    let mut all = Reader::open(&daemon, ONE, "accountIds=ALL&filter=eventSource=ec2").await;
    let mut some = Reader::open(
        &daemon,
        ONE,
        "filter=requestParameters.number%3D1*,2&filter=eventName!=Run*&regions=eu-west-1",
    )
    .await;
    daemon.record(&events(ONE, 0..3)).await;
    // The others' tails were recorded as the lookups that they are.
    for query in
        [json!(["eventSource=ec2"]), json!(["requestParameters.number=1*,2", "eventName!=Run*"])]
    {
        let line = one.next().await.unwrap();
        assert_eq!(line["event"]["eventName"], "LookupEvents", "{line}");
        assert_eq!(line["event"]["requestParameters"]["tail"], true);
        assert_eq!(line["event"]["requestParameters"]["filters"], query);
    }
    assert_eq!(one.events(3).await, [0, 1, 2]);
    assert_eq!(all.events(3).await, [0, 1, 2]);
    assert_eq!(some.events(2).await, [1, 2]);
    daemon.record(&events(OTHER, 3..4)).await;
    let record = event(ONE, 10);
    daemon.record(&[&record]).await;
    let line = one.next().await.unwrap();
    assert_eq!(line["event"], serde_json::from_str::<Value>(&record).unwrap());
    assert_eq!((&line["account"], &line["category"]), (&json!(ONE), &json!("Management")));
    assert_eq!(all.events(2).await, [3, 10]);
    assert_eq!(some.events(1).await, [10]);
    assert_eq!(daemon.metrics().await.sum("cairn_tails"), 3);
    drop((all, some));
    eventually("who leaves gives up the seat", async || {
        (daemon.metrics().await.sum("cairn_tails") == 1).then_some(())
    })
    .await;
    daemon.terminate();
    let end = one.next().await.unwrap();
    assert_eq!(end["end"], "stopping", "{end}");
    assert_eq!(one.next().await, None, "and the connection is closed");
    daemon.ended().await;
}

#[tokio::test]
async fn a_tail_goes_on_where_it_was() {
    let site = Site::new("");
    let daemon = site.start().await;
    let mut reader = Reader::open(&daemon, ONE, "").await;
    daemon.record(&events(ONE, 0..2)).await;
    let (_, position) = reader.event().await;
    drop(reader);
    daemon.record(&events(ONE, 2..5)).await;
    let query = format!("after={position}&filter=eventSource=ec2");
    let mut reader = Reader::open(&daemon, ONE, &query).await;
    daemon.record(&events(ONE, 5..7)).await;
    assert_eq!(reader.events(6).await, [1, 2, 3, 4, 5, 6]);
    daemon.terminate();
    daemon.ended().await;
}

#[tokio::test]
async fn a_reader_that_hangs_is_told_how_many_it_missed_and_the_journal_does_not_wait() {
    const EVENTS: usize = 400;
    let site = Site::new("");
    let daemon = site.start().await;
    // Takes little by itself, and is not read until all is recorded.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut hanging = socket.connect(daemon.address().parse().unwrap()).await.unwrap();
    let request = format!(
        "GET /v1/tail?filter=eventSource=ec2 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\r\n",
        credential(ONE)
    );
    hanging.write_all(request.as_bytes()).await.unwrap();
    eventually("the tail is open", async || {
        (daemon.metrics().await.sum("cairn_tails") == 1).then_some(())
    })
    .await;
    let mut quick = Reader::open(&daemon, ONE, &format!("filter=.last={EVENTS}")).await;
    for number in 0..EVENTS {
        let small = event(ONE, number);
        let padding = "x".repeat(90_000);
        let more = format!(r#","additionalText":"{padding}","last":{}}}"#, number + 1);
        daemon.record(&[format!("{}{more}", small.strip_suffix('}').unwrap())]).await;
    }
    assert_eq!(quick.events(1).await, [EVENTS as u64 - 1]);
    let metrics = daemon.metrics().await;
    let missed_here = metrics.sum("cairn_tail_missed_events");
    assert!(missed_here > 0, "36 MB are more than all buffers on the way");
    daemon.terminate();
    let mut heard = Vec::new();
    tokio::time::timeout(DEADLINE, hanging.read_to_end(&mut heard)).await.unwrap().unwrap();
    let heard = String::from_utf8(heard).unwrap();
    // In lines of chunks: what is no JSON is a chunk's length.
    let text = unchunked(heard.split_once("\r\n\r\n").unwrap().1);
    let (mut told, mut missed, mut is_ended) = (BTreeSet::new(), 0, false);
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(number) = line["event"]["requestParameters"]["number"].as_u64() {
            assert!(told.insert(number), "none comes twice");
        } else if let Some(count) = line["missed"].as_u64() {
            assert!(line["startTime"].is_string() && line["position"].is_string(), "{line}");
            missed += count;
        } else {
            is_ended |= line["end"] == "stopping";
        }
    }
    assert_eq!(told.len() as u64 + missed, EVENTS as u64);
    assert_eq!(missed, missed_here);
    assert!(is_ended, "and it ends as it should");
    daemon.ended().await;
}

fn unchunked(mut rest: &str) -> String {
    let mut text = String::new();
    while let Some((length, chunks)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        text += &chunks[..length];
        rest = chunks[length..].strip_prefix("\r\n").unwrap();
    }
    text
}

/// Lets connections through to a daemon, until it is told not to.
struct Relay {
    address: String,
    is_open: Arc<AtomicBool>,
    cut: tokio::sync::watch::Sender<u32>,
    _tasks: JoinSet<()>,
}

impl Relay {
    async fn to(address: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (is_open, cut) = (Arc::new(AtomicBool::new(true)), tokio::sync::watch::Sender::new(0));
        let (open, cuts, to) = (Arc::clone(&is_open), cut.subscribe(), address.to_owned());
        let address = listener.local_addr().unwrap().to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                if !open.load(Ordering::SeqCst) {
                    continue;
                }
                let (to, mut cuts) = (to.clone(), cuts.clone());
                cuts.mark_unchanged();
                connections.spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Relay { address, is_open, cut, _tasks: tasks }
    }

    /// Cuts all connections, and lets none through.
    fn close(&self) {
        self.is_open.store(false, Ordering::SeqCst);
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }
}

/// The numbers of the records that a `cairn tail` wrote so far.
fn numbers(tail: &Process) -> Vec<u64> {
    let output = tail.output();
    let whole = output.rfind('\n').map_or("", |end| &output[..end]);
    let records = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter_map(|record| record["requestParameters"]["number"].as_u64()).collect()
}

async fn is_open(daemon: &Cairn, tails: u64) {
    eventually("the tail is open", async || {
        (daemon.metrics().await.sum("cairn_tails") == tails).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_command_connects_again_and_has_each_event_once() {
    let site = Site::new("");
    let daemon = site.start().await;
    let relay = Relay::to(daemon.address()).await;
    let endpoint = format!("http://{}", relay.address);
    let words = ["tail", "--account", ONE, "--endpoint", &endpoint, "eventSource=ec2"];
    let tail = Process::start(&words, Stdio::piped());
    is_open(&daemon, 1).await;
    daemon.record(&events(ONE, 0..3)).await;
    eventually("it has them", async || (numbers(&tail).len() == 3).then_some(())).await;
    relay.close();
    eventually("it is lost", async || (tail.count_lines("trying again") == 1).then_some(())).await;
    daemon.record(&events(ONE, 3..6)).await;
    relay.open();
    is_open(&daemon, 1).await;
    daemon.record(&events(ONE, 6..8)).await;
    eventually("it has all", async || (numbers(&tail).len() >= 8).then_some(())).await;
    assert_eq!(numbers(&tail), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(tail.count_lines("connected again"), 1);
    tail.signal(Signal::INT);
    let ended = tail.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn the_command_ends_quietly_when_nobody_reads_it() {
    let site = Site::new("");
    let daemon = site.start().await;
    let mut tail = Command::new(binary())
        .args(["tail", "--account", ONE, "--endpoint", &daemon.url(""), "eventSource=ec2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    is_open(&daemon, 1).await;
    let sent = events(ONE, 0..1);
    daemon.record(&sent).await;
    let mut line = String::new();
    let mut output = BufReader::new(tail.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), sent[0], "the record as it was sent");
    drop(output);
    daemon.record(&events(ONE, 1..2)).await;
    let status = eventually("it ends", async || tail.try_wait().unwrap()).await;
    let mut errors = String::new();
    tail.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
    daemon.stop().await;
}

#[tokio::test]
async fn the_command_says_what_is_wrong() {
    for (words, said) in [
        (vec!["evntName=a"], "write eventName"),
        (vec!["--since", "10"], "expected a duration"),
        (vec!["--endpoint", "http://127.0.0.1:1"], "is `cairn serve` running there?"),
        (vec!["--selectors", "[{"], "--selectors is not JSON"),
        (vec!["--selectors", "/nowhere"], "--selectors /nowhere"),
    ] {
        let ended = cairn(&[vec!["tail", "--account", ONE], words].concat()).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.errors.contains(said), "{said}: {ended:?}");
    }
}

#[tokio::test]
async fn signed_tails_see_what_policies_and_the_organization_let_them() {
    let configuration = format!(
        "auth = \"sigv4\"\n[organization]\nid = \"o-tail000000\"\nmanagement_account = \"{ONE}\"\nmembers = [\"{MEMBER}\"]\n"
    );
    let site = Site::new(&configuration);
    let daemon = site.start().await;
    let account = async |words: &str| {
        let configuration = site.configuration().to_str().unwrap().to_owned();
        let mut typed = vec!["account", "--config", &configuration, "--json"];
        typed.extend(words.split(' '));
        let ended = cairn(&typed).await;
        assert_eq!(ended.code, Some(0), "{words}: {ended:?}");
        serde_json::from_str::<Value>(&ended.output).unwrap()
    };
    for one in [ONE, MEMBER] {
        account(&format!("create {one}")).await;
    }
    let root = Key::read(&account(&format!("create-key {ONE}")).await["AccessKey"]);
    let member = Key::read(&account(&format!("create-key {MEMBER}")).await["AccessKey"]);
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Action": "cloudtrail:DescribeTrails", "Resource": "*" }] });
    let file = site.file("poor.json", policy.to_string());
    account(&format!("create-user {ONE} poor --policy {file}")).await;
    let poor = Key::read(&account(&format!("create-key {ONE} poor")).await["AccessKey"]);

    let url = daemon.url("");
    let run = |key: &Key, words: &[&str]| {
        let mut command = Command::new(binary());
        command
            .args(["tail", "--endpoint", &url])
            .args(words)
            .env_clear()
            .envs(crate::support::localstack::environment("http://127.0.0.1:1"))
            .env("AWS_ACCESS_KEY_ID", &key.id)
            .env("AWS_SECRET_ACCESS_KEY", &key.secret)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    // Known within a second: the last key that was made, and so all of them.
    let denied = eventually("the key is known", async || {
        let output = run(&poor, &[]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        (!said.contains("UnrecognizedClientException")).then_some(said)
    })
    .await;
    assert!(denied.contains("not authorized to perform: cloudtrail:LookupEvents"), "{denied}");
    let output = run(&member, &["--accounts", "all"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("not authorized to perform: cloudtrail:LookupEvents on the events of"),
        "{said}"
    );

    let mut own = run(&member, &["eventName=LookupEvents"]).spawn().unwrap();
    is_open(&daemon, 1).await;
    let mut all = run(&root, &["--accounts", "all", "eventName=LookupEvents"]).spawn().unwrap();
    is_open(&daemon, 2).await;
    // Calls of both accounts, which are recorded: refused ones too.
    run(&poor, &[]).output().unwrap();
    run(&member, &["--accounts", OTHER]).output().unwrap();
    let lines = |tail: &mut std::process::Child, count: usize| {
        let mut output = BufReader::new(tail.stdout.take().unwrap());
        let mut lines = Vec::new();
        for _ in 0..count {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            let record: Value = serde_json::from_str(&line).unwrap();
            lines.push((record["recipientAccountId"].clone(), record["errorCode"].clone()));
        }
        lines
    };
    let denied = json!("AccessDenied");
    assert_eq!(lines(&mut own, 1), [(json!(MEMBER), denied.clone())]);
    assert_eq!(
        lines(&mut all, 2),
        [(json!(ONE), denied.clone()), (json!(MEMBER), denied)],
        "who administers the organization sees both"
    );
    for tail in [&mut own, &mut all] {
        tail.kill().unwrap();
        tail.wait().unwrap();
    }
    daemon.stop().await;
}
