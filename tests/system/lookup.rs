//! `cairn lookup`, and downloads by `GET /v1/history`, from a daemon that runs.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::clients::python::{Program, localstack_script};
use crate::support::cairn::{Cairn, Site};
use crate::support::generated;
use crate::support::http::{Answer, Http};
use crate::support::process::{Ended, Process, cairn};
use crate::support::signer::{Key, Signer};
use crate::support::wait::eventually;

pub const MANAGEMENT: &str = "733000000001";
pub const MEMBER: &str = "733000000002";
pub const OTHER: &str = "733000000003";
const REGION: &str = "us-east-1";
const ORGANIZATION: &str = r#"[organization]
id = "o-lookup0000"
management_account = "733000000001"
members = ["733000000002"]
"#;

/// Yesterday, when all events happened: of what is long past the history keeps nothing.
static DAY: LazyLock<String> = LazyLock::new(|| {
    #[allow(clippy::disallowed_methods)] // the daemon goes by the real clock
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let yesterday = i64::try_from(now.as_millis()).unwrap() - 24 * 3_600_000;
    Timestamp::from_millis(yesterday).to_iso_seconds()[..10].to_owned()
});

/// Before the calls of the tests, which are recorded too.
fn end() -> String {
    format!("{}T23:59:59Z", *DAY)
}

fn event(account: &str, region: &str, number: usize) -> String {
    generated::event(account, region, number).replace("\"2026-01-02T", &format!("\"{}T", *DAY))
}

/// A daemon that makes no log file meanwhile.
async fn start(configuration: &str) -> (Site, Cairn) {
    let site = Site::new(configuration);
    site.configure_with_interval("1h", configuration);
    let daemon = site.start().await;
    (site, daemon)
}

/// An event that an attacker chose the words of.
fn hostile(number: usize, agent: &str) -> String {
    json!({
        "eventVersion": "1.11",
        "userIdentity": { "type": "IAMUser", "userName": "mallory", "accessKeyId": "AKIAMALLORY" },
        "eventTime": format!("{}T23:00:{number:02}Z", *DAY),
        "eventSource": "s3.amazonaws.com", "eventName": "ListBuckets", "awsRegion": REGION,
        "sourceIPAddress": "192.0.2.66", "userAgent": agent, "errorCode": "AccessDenied",
        "errorMessage": "=HYPERLINK(\"http://x.example\")", "requestID": "-1", "readOnly": true,
        "eventID": format!("hostile-{number}"), "eventType": "AwsApiCall",
        "recipientAccountId": MANAGEMENT, "eventCategory": "Management",
    })
    .to_string()
}

async fn lookup_as(account: &str, daemon: &Cairn, arguments: &[&str]) -> Ended {
    let endpoint = daemon.url("");
    let typed = ["lookup", "--endpoint", &endpoint, "--account", account];
    cairn(&[&typed, arguments].concat()).await
}

async fn lookup(daemon: &Cairn, arguments: &[&str]) -> Ended {
    lookup_as(MANAGEMENT, daemon, arguments).await
}

/// What a lookup that went well wrote.
async fn found(daemon: &Cairn, arguments: &[&str]) -> String {
    let ended = lookup(daemon, arguments).await;
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{arguments:?}: {ended:?}");
    ended.output
}

/// The numbers of `event`s in lines of records.
fn numbers(lines: &str) -> Vec<u64> {
    let number = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["requestParameters"]["number"].as_u64()
    };
    lines.lines().filter_map(number).collect()
}

fn id_of(record: &str) -> String {
    let record: Value = serde_json::from_str(record).unwrap();
    record["eventID"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_format_has_the_same_events() {
    let (site, daemon) = start("").await;
    let agents =
        ["=cmd|' /c calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'", "a,\"b\"\nc;d"];
    let mut records: Vec<String> = (0..1_500).map(|n| event(MANAGEMENT, REGION, n)).collect();
    records.extend(agents.iter().enumerate().map(|(number, agent)| hostile(number, agent)));
    daemon.record(&records).await;

    let end = end();
    let lines = found(&daemon, &["--to", &end]).await;
    let mut seen: Vec<&str> = lines.lines().collect();
    let mut sent: Vec<&str> = records.iter().map(String::as_str).collect();
    let times: Vec<Value> = seen
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["eventTime"].clone())
        .collect();
    assert!(times.is_sorted_by(|one, two| one.as_str() >= two.as_str()), "newest first");
    let ids: Vec<String> = seen.iter().map(|line| id_of(line)).collect();
    seen.sort_unstable();
    sent.sort_unstable();
    assert!(seen == sent, "the bytes of each record, once");

    let in_lines = found(&daemon, &["--to", &end, "--output", "ids"]).await;
    assert!(in_lines.lines().eq(&ids));
    let files = ["events.json", "events.csv", "events.ndjson"].map(|name| site.file(name, "old"));
    for file in &files {
        let ended = lookup(&daemon, &["--to", &end, "-o", file]).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(0), ""), "{ended:?}");
        let told = format!("{} events in {file} (", records.len());
        assert!(ended.errors.starts_with(&told), "{ended:?}");
    }
    let json: Value = serde_json::from_slice(&fs::read(&files[0]).unwrap()).unwrap();
    let in_json = json["Records"].as_array().unwrap().iter();
    assert!(in_json.map(|record| record["eventID"].as_str().unwrap()).eq(&ids));
    assert!(fs::read_to_string(&files[2]).unwrap() == lines);

    let program = Program {
        command: vec![localstack_script(), "python".into()],
        arguments: vec!["check_csv.py".into(), files[1].clone(), files[0].clone()],
        variables: Vec::new(),
    };
    let said = program.run("check_csv.py").await;
    let checked: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    // Of each hostile event the message and the request id, of most the agent.
    assert_eq!(checked, json!({ "rows": records.len(), "defused": 3 * agents.len() - 1 }));

    let table = found(&daemon, &["--output", "table", "EventId=hostile-0"]).await;
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[0].starts_with("TIME (UTC)           USER"), "{table}");
    assert!(
        rows[1].starts_with(&format!("{} 23:00:00  mallory  ListBuckets  s3", *DAY)),
        "{table}"
    );
    assert!(rows[1].ends_with("AccessDenied: =HYPERLINK(\"http://x.example\")"), "{table}");
    assert_eq!(rows.len(), 2);
    daemon.stop().await;
}

#[tokio::test]
async fn filters_are_those_of_lookup_events_and_hold_together() {
    let (_site, daemon) = start("").await;
    let records: Vec<String> = (0..5).map(|n| event(MANAGEMENT, REGION, n)).collect();
    daemon.record(&records).await;
    daemon.record(&[event(MANAGEMENT, "eu-west-1", 7), event(OTHER, REGION, 8)]).await;
    daemon.record(&[hostile(1, "x")]).await;
    let record: Value = serde_json::from_str(&records[2]).unwrap();
    let (id, time) = (record["eventID"].as_str().unwrap(), record["eventTime"].as_str().unwrap());
    let name_is = format!("EventId={id}");
    for (arguments, expected) in [
        (vec!["--event-id", id], vec![2]),
        (vec![&*name_is, "--event-name", "StartInstances"], vec![2]),
        (vec![&*name_is, "--event-name", "StopInstances"], vec![]),
        (vec!["event-source=ec2.amazonaws.com", "--limit", "2"], vec![4, 3]),
        (vec!["--read-only", "false"], vec![4, 3, 2, 1, 0]),
        (vec!["--username", "mallory", "--read-only", "false"], vec![]),
        (vec!["--read-only", "true"], vec![]),
        (vec!["--access-key-id", "AKIANOBODY"], vec![]),
        (vec!["--from", time], vec![4, 3, 2]),
        (vec!["--to", time], vec![2, 1, 0]),
        (vec!["--from", time, "--to", time], vec![2]),
        (vec!["--since", "1ms", "--event-source", "ec2.amazonaws.com"], vec![]),
        (vec!["--region", "eu-west-1"], vec![7]),
        (vec!["--region", "eu-west-1,us-east-1"], vec![7, 4, 3, 2, 1, 0]),
        (vec!["--all-regions", "--category", "all"], vec![7, 4, 3, 2, 1, 0]),
        (vec!["--category", "insight"], vec![]),
    ] {
        assert_eq!(numbers(&found(&daemon, &arguments).await), expected, "{arguments:?}");
    }
    let mallory = ["--access-key-id", "AKIAMALLORY", "username=mallory", "--output", "ids"];
    let mallory = found(&daemon, &mallory).await;
    assert_eq!(mallory, "hostile-1\n");

    let nothing = lookup(&daemon, &["--output", "table", "--username", "nobody"]).await;
    assert_eq!((nothing.code, nothing.output.as_str()), (Some(0), ""));
    assert!(nothing.errors.contains("no events were found; --all-regions looks"), "{nothing:?}");

    // Each was recorded as a call of its caller.
    let calls = found(&daemon, &["--event-name", "LookupEvents"]).await;
    let last: Value = serde_json::from_str(calls.lines().next().unwrap()).unwrap();
    let attribute = json!({ "attributeKey": "Username", "attributeValue": "nobody" });
    assert_eq!(last["requestParameters"]["lookupAttributes"], json!([attribute]), "{last}");
    assert_eq!(last["userAgent"], concat!("cairn-lookup/", env!("CARGO_PKG_VERSION")));
    assert_eq!((&last["readOnly"], &last["responseElements"]), (&json!(true), &Value::Null));
    daemon.stop().await;
}

#[tokio::test]
async fn other_accounts_are_for_those_who_administer_the_organization() {
    let (_site, daemon) = start(ORGANIZATION).await;
    for (number, account) in [MANAGEMENT, MEMBER, OTHER].into_iter().enumerate() {
        daemon.record(&[event(account, REGION, number)]).await;
    }
    let starts = ["--event-name", "StartInstances", "--accounts"];
    let with = |accounts| starts.iter().copied().chain([accounts]).collect::<Vec<_>>();
    assert_eq!(numbers(&found(&daemon, &with("all")).await), [1, 0]);
    assert_eq!(numbers(&found(&daemon, &with(MEMBER)).await), [1]);
    assert_eq!(numbers(&found(&daemon, &starts[..2]).await), [0]);
    let table = found(&daemon, &[&with("all")[..], &["--output", "table"]].concat()).await;
    assert!(table.lines().nth(1).unwrap().contains(&format!("  {MEMBER}  ")), "{table}");
    for (account, accounts) in [(MANAGEMENT, OTHER), (MEMBER, MANAGEMENT), (OTHER, "all")] {
        let ended = lookup_as(account, &daemon, &["--accounts", accounts]).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.errors.contains("AccessDeniedException: User: arn:"), "{ended:?}");
    }
    daemon.stop().await;
}

/// A daemon whose callers must sign.
pub struct Signed {
    pub site: Site,
    pub daemon: Cairn,
    http: Http,
}

impl Signed {
    pub async fn start() -> Signed {
        let (site, daemon) = start(&format!("auth = \"sigv4\"\n{ORGANIZATION}")).await;
        let signed = Signed { site, daemon, http: Http::new() };
        for account in [MANAGEMENT, MEMBER] {
            signed.account(&format!("create {account}")).await;
        }
        signed
    }

    pub async fn account(&self, arguments: &str) -> Value {
        let configuration = self.site.configuration().to_str().unwrap().to_owned();
        let mut typed = vec!["account", "--config", &configuration, "--json"];
        typed.extend(arguments.split(' '));
        let ended = cairn(&typed).await;
        assert_eq!(ended.code, Some(0), "{arguments}: {ended:?}");
        serde_json::from_str(&ended.output).unwrap()
    }

    pub async fn key(&self, whose: &str) -> Key {
        let key = Key::read(&self.account(&format!("create-key {whose}")).await["AccessKey"]);
        eventually("the daemon knows the key", async || {
            let answer = self.get(&key.signer("cloudtrail"), "limit=1").await;
            (!answer.text().contains("UnrecognizedClientException")).then_some(())
        })
        .await;
        key
    }

    /// A user of the management account, with one statement.
    pub async fn user(&self, name: &str, action: &str) -> Key {
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
        let file = self.site.file(&format!("{name}.json"), policy.to_string());
        self.account(&format!("create-user {MANAGEMENT} {name} --policy {file}")).await;
        self.key(&format!("{MANAGEMENT} {name}")).await
    }

    async fn get(&self, signer: &Signer, query: &str) -> Answer {
        let url = self.daemon.url(&format!("/v1/history?{query}"));
        let request = signer.get(&url);
        let sent = self.http.send(hyper::Method::GET, &request.url, &request.headers(), "").await;
        sent.unwrap()
    }

    /// `cairn lookup` with an access key in the environment.
    pub async fn lookup(&self, key: &Key, arguments: &[&str]) -> Ended {
        let endpoint = self.daemon.url("");
        self.run(key, &[&["lookup", "--endpoint", &endpoint], arguments].concat()).await
    }

    /// Any command with an access key in the environment.
    pub async fn run(&self, key: &Key, typed: &[&str]) -> Ended {
        let launcher = [
            "env".to_owned(),
            format!("AWS_ACCESS_KEY_ID={}", key.id),
            format!("AWS_SECRET_ACCESS_KEY={}", key.secret),
        ];
        Process::start_by(&launcher, "http://127.0.0.1:1", typed, Stdio::piped()).ended().await
    }

    async fn record(&self, key: &Key, record: &str) {
        let url = self.daemon.url("/v1/events");
        let request = key.signer("cloudtrail-data").post(&url, &[], record.as_bytes());
        let answer = self.http.post(&request.url, &request.headers(), record.to_owned()).await;
        assert_eq!(answer.unwrap().json()["recorded"], 1);
    }
}

#[tokio::test]
async fn a_download_needs_a_signature_and_a_policy_and_is_recorded() {
    let world = Signed::start().await;
    let (root, member) = (world.key(MANAGEMENT).await, world.key(MEMBER).await);
    let auditor = world.user("auditor", "cloudtrail:LookupEvents").await;
    let clerk = world.user("clerk", "cloudtrail:DescribeTrails").await;
    world.record(&root, &event(MANAGEMENT, REGION, 1)).await;
    world.record(&member, &event(MEMBER, REGION, 2)).await;

    let starts = "event-name=StartInstances";
    for key in [&root, &auditor] {
        let ended = world.lookup(key, &[starts, "--accounts", "all"]).await;
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{ended:?}");
        assert_eq!(numbers(&ended.output), [2, 1]);
    }
    let odd = ["Username=a b+c/d=é&*~", "--resource-name", "arn:aws:s3:::x/y?z"];
    assert_eq!(world.lookup(&root, &odd).await.code, Some(0), "what is odd is signed right");
    let ended = world.lookup(&member, &[starts]).await;
    assert_eq!(numbers(&ended.output), [2]);
    let ended = world.lookup(&member, &["--accounts", MANAGEMENT]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = format!("on the events of account {MANAGEMENT}: only");
    assert!(ended.errors.contains(&said), "{ended:?}");
    let ended = world.lookup(&clerk, &[starts]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.errors.contains("user/clerk is not authorized to perform"), "{ended:?}");
    let nobody = Key { id: "AKIANOBODY".into(), ..root.clone() };
    let ended = world.lookup(&nobody, &[]).await;
    assert!(ended.errors.contains("UnrecognizedClientException"), "{ended:?}");
    assert!(ended.errors.contains("`cairn account show` lists"), "{ended:?}");

    // A presigned URL is a link to a download.
    let presigned = Signer { expires_seconds: Some(60), ..root.signer("cloudtrail") };
    let answer = world.get(&presigned, "format=csv&EventName=StartInstances").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.text().lines().count(), 2);
    let url = presigned.get(&world.daemon.url("/v1/history?format=csv&limit=1")).url;
    let answer = world.http.get(&url.replace("limit=1", "limit=2")).await.unwrap();
    assert_eq!(answer.status, 403, "{}", answer.text());
    let answer = world.daemon.get("/v1/history").await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("MissingAuthenticationTokenException"), "{}", answer.text());
    let wrong_service = world.get(&root.signer("cloudtrail-data"), "").await;
    assert_eq!(wrong_service.status, 403, "{}", wrong_service.text());

    let calls = world.lookup(&root, &["--event-name", "LookupEvents"]).await.output;
    let calls: Vec<Value> = calls.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |user: &str| -> Vec<&Value> {
        calls.iter().filter(|call| call["userIdentity"]["userName"] == user).collect()
    };
    let by_auditor = of("auditor");
    let whole = by_auditor.iter().find(|call| call["requestParameters"]["maxResults"].is_null());
    assert_eq!(whole.unwrap()["requestParameters"]["accountIds"], json!(["ALL"]));
    assert!(of("clerk").iter().all(|call| call["errorCode"] == "AccessDenied"), "{calls:?}");
    assert!(!of("clerk").is_empty() && of("clerk")[0]["requestParameters"].is_null());
    // What the member did stands in its own history.
    assert!(calls.iter().all(|call| call["recipientAccountId"] == MANAGEMENT));
    let member_s = world.lookup(&member, &["--event-name", "LookupEvents"]).await.output;
    assert!(member_s.contains("\"errorCode\":\"AccessDenied\""), "{member_s}");
    world.daemon.stop().await;
}

#[tokio::test]
async fn a_download_has_each_event_once_while_others_arrive_and_a_slow_client_holds_nothing_up() {
    let (_site, daemon) = start("").await;
    let count = 3_000;
    let records: Vec<String> = (0..count).map(|n| event(MANAGEMENT, REGION, n)).collect();
    daemon.record(&records).await;
    let mut slow = connect(&daemon).await;
    let authorization =
        format!("Credential={MANAGEMENT}/20260101/{REGION}/cloudtrail/aws4_request");
    let request = format!(
        "GET /v1/history HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 {authorization}\r\nConnection: close\r\n\r\n"
    );
    slow.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 64];
    slow.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    // It reads no more for now. Others write and look up as ever.
    for round in 1..=20 {
        let more: Vec<String> =
            (0..50).map(|n| event(MANAGEMENT, REGION, round * 10_000 + n)).collect();
        daemon.record(&more).await;
        let id = id_of(&more[49]);
        assert_eq!(found(&daemon, &["--event-id", &id]).await, format!("{}\n", more[49]));
    }
    slow.read_to_end(&mut answer).await.unwrap();
    let lines = unchunked(&String::from_utf8(answer).unwrap()).expect("it is whole");
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines.lines() {
        *seen.entry(id_of(line)).or_default() += 1;
    }
    let once = |record: &&String| seen.get(&id_of(record)) == Some(&1);
    assert_eq!(records.iter().filter(once).count(), count);
    assert!(seen.values().all(|times| *times == 1), "none is there twice");
    daemon.stop().await;
}

/// The body of an answer in chunks, if all of it is there.
fn unchunked(answer: &str) -> Option<String> {
    let (_, mut rest) = answer.split_once("\r\n\r\n")?;
    let mut body = String::new();
    loop {
        let (length, chunks) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        body += chunks.get(..length)?;
        rest = chunks.get(length + 2..)?;
        if length == 0 {
            return Some(body);
        }
    }
}

/// A connection whose buffers are small.
async fn connect(daemon: &Cairn) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(daemon.address().parse().unwrap()).await.unwrap()
}

/// Runs a lookup against what answers each call with the next of these texts.
async fn against(answers: &[&str], arguments: &[&str]) -> Ended {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let typed = [&["lookup", "--account", OTHER, "--endpoint", &endpoint], arguments].concat();
    let serving = async {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            while !request.ends_with(b"\r\n\r\n") {
                request.resize(4096, 0);
                let length = stream.read(&mut request).await.unwrap();
                request.truncate(length);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    let (ended, ()) = tokio::join!(cairn(&typed), serving);
    ended
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_a_whole_one() {
    let broken =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n15\r\n{\"eventID\":\"broken\"}\n\r\n";
    let whole = format!("{broken}0\r\n\r\n");
    let ended = against(&[broken], &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.output, "{\"eventID\":\"broken\"}\n");
    assert!(ended.errors.contains("broke off after 1 events"), "{ended:?}");
    assert!(ended.errors.contains("what the output holds is not whole"), "{ended:?}");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson").to_str().unwrap().to_owned();
    let ended = against(&[broken], &["-o", &file]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let part = ended.errors.split_once("what ").unwrap().1;
    let part = part.split_once(" holds is not whole").unwrap().0;
    assert!(part.contains("/.events.ndjson."), "{ended:?}");
    assert!(fs::metadata(&file).is_err());
    assert_eq!(fs::read_to_string(part).unwrap(), "{\"eventID\":\"broken\"}\n");

    let busy = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 58\r\nconnection: close\r\n\r\n{\"message\":\"too many downloads\",\"__type\":\"ThrottlingException\"}";
    let busy = busy.replace("58", &busy.split("\r\n\r\n").nth(1).unwrap().len().to_string());
    let ended = against(&[&busy, &whole], &["-o", &file]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.errors.contains("too many downloads; trying again"), "{ended:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"eventID\":\"broken\"}\n");

    let old = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let ended = against(&[old], &[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.errors.contains("has no event history"), "{ended:?}");
    let ended = cairn(&["lookup", "--account", OTHER, "--endpoint", "http://127.0.0.1:1"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.errors.contains("is `cairn serve` running there?"), "{ended:?}");
}
