//! The listener under clients that are slow, silent, many or greedy. The journal is stepped and the
//! clock stands still unless all wait, so that each statement is exact.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::tail::{Hub, Place};
use accounts::{Accounts, KeyPlace, Owner, Store};
use api::Exception;
use axum::Router;
use disk::simulated::{Fault, Operation};
use disk::{Disk, SimulatedDisk};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::FutureExt;
use history::History;
use model::AccountId;
use producer::{Desk, Intake, Journal, Now, Writer};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use trails::{Channel, Definitions, TrailSet};

use super::auth::Auth;
use super::connections::{Connections, HEAD_BYTES_MAX, HEAD_MAX, attend, serve};
use super::history::{Downloads, RecordLookup};
use super::patience::{BYTES_PER_SECOND, LIMIT};
use super::permits::Peer;
use super::room::{CALL_BYTES, NoRoom, RESERVE_BYTES, ROOM_BYTES, Room};
use super::tail::Tails;
use super::whole::UNPROVEN_BYTES;
use super::{DRAINS_MAX, Site, ops_router, router};
use crate::health::Snapshot;
use crate::metrics::Metrics;
use crate::parts::Parts;
use crate::reads::Reads;

const JOURNAL: producer::JournalSettings = producer::JournalSettings {
    segment_bytes: 1 << 20,
    quota_bytes: 64 << 20,
    window_events: 100_000,
};
pub(super) const MIB: usize = 1 << 20;
/// What never ends ends here.
const TOO_LONG: Duration = Duration::from_secs(600);

/// A listener whose journal works when it is told to.
pub(super) struct World {
    pub(super) site: Arc<Site>,
    disk: SimulatedDisk,
    desk: Arc<Mutex<Desk>>,
    tasks: JoinSet<()>,
    pub(super) close: watch::Sender<bool>,
    pub(super) history: Arc<History>,
    pub(super) recorded: Arc<Mutex<Recorded>>,
    defined: watch::Sender<Arc<Definitions>>,
}

/// Downloads that were recorded, and whether more can be.
#[derive(Default)]
pub(super) struct Recorded {
    pub(super) calls: Vec<(Value, Result<(), Exception>)>,
    pub(super) is_full: bool,
}

fn recorder(recorded: &Arc<Mutex<Recorded>>) -> RecordLookup {
    let recorded = Arc::clone(recorded);
    Arc::new(move |_, _, members, result| {
        let mut recorded = recorded.lock().unwrap();
        let answer = match recorded.is_full {
            true => Err(Exception::unavailable("the journal takes no events now")),
            false => {
                recorded.calls.push((members, result));
                Ok(())
            }
        };
        async move { answer }.boxed()
    })
}

/// One end of a connection.
pub(super) struct Client<I = DuplexStream>(pub(super) I);

impl World {
    pub(super) fn new(connections_max: usize, room_bytes: usize) -> World {
        let simulated = SimulatedDisk::new();
        let disk = Arc::new(simulated.process()) as Arc<dyn Disk>;
        let clock = Arc::new(Now::default);
        let parts = Parts { disk: Arc::clone(&disk), clock, entropy: Arc::new(|| 7) };
        let random = Box::new(|| 7);
        let trails = Arc::new(TrailSet::default());
        let history = History::open(Arc::clone(&disk), history::Settings::default(), &[]).unwrap();
        let history = Arc::new(history);
        let recorded = Arc::default();
        let (record, close) = (recorder(&recorded), watch::Sender::new(false));
        let reads = Reads::new(2);
        let downloads =
            Downloads::new(Arc::clone(&history), Arc::clone(&reads), record, close.subscribe());
        let journal = Journal::open(disk, JOURNAL, trails, parts.now().wall, random).unwrap();
        let writer = Writer::new(journal, Duration::from_secs(300));
        let (intake, desk, state) = Intake::open(writer);
        let (queue, journal) = (intake.clone(), state.clone());
        let look = move || Snapshot {
            journal: state.borrow().clone(),
            has_no_trail: false,
            roster: Default::default(),
            queue: queue.queue(),
            pipeline: Default::default(),
            balances: BTreeMap::new(),
            files: BTreeMap::new(),
            delivery: Vec::new(),
            set_aside: Vec::new(),
            foreign_objects: 0,
            notifier: Default::default(),
            logs: Default::default(),
            digests: delivery::DigestsReport::default(),
            history: Default::default(),
            history_behind: 0,
        };
        let metrics = Arc::new(Metrics::default());
        let connections = Connections::new(connections_max, Arc::clone(&metrics));
        let room = Room::new(room_bytes);
        let (region, name) = ("us-east-1".parse().unwrap(), "app".parse().unwrap());
        let channel = Channel::configured(account(1), region, name, "Custom".into());
        let definitions = Definitions { channels: vec![channel], ..Definitions::default() };
        let defined = watch::Sender::new(Arc::new(definitions));
        let definitions = defined.subscribe();
        let look = Arc::new(look);
        let drains = Semaphore::new(DRAINS_MAX);
        let api: super::CloudTrail = Arc::new(|_, _| unreachable!("no test calls it"));
        let (auth, unproven) = (Auth::Localstack, Room::new(UNPROVEN_BYTES));
        let hub = Hub::new(::tail::Limits::default(), Place::end_of(model::BatchId(0)));
        let site = Site {
            parts,
            intake,
            journal,
            definitions,
            api,
            metrics,
            auth,
            room,
            unproven,
            drains,
            history: Arc::clone(&history),
            imports: Arc::new(Semaphore::new(super::import::IMPORTS_MAX)),
            connections,
            downloads,
            tails: Tails::new(hub, Arc::clone(&history), reads),
            look,
        };
        let desk = Arc::new(Mutex::new(desk));
        World {
            site: Arc::new(site),
            disk: simulated,
            desk,
            tasks: JoinSet::new(),
            close,
            history,
            recorded,
            defined,
        }
    }

    /// Other definitions come into force.
    pub(super) fn define(&self, definitions: Definitions) {
        self.defined.send_replace(Arc::new(definitions));
    }

    /// Whose callers must sign.
    pub(super) fn signed(mut self, accounts: Accounts) -> World {
        let site = Arc::get_mut(&mut self.site).expect("nobody uses it yet");
        site.auth = Auth::Sigv4(watch::Sender::new(Arc::new(accounts)).subscribe());
        self
    }

    /// A connection whose buffers hold so much.
    pub(super) fn connect_with(&mut self, buffer_bytes: usize) -> Client {
        let routes = router(Arc::clone(&self.site));
        self.connect_from("127.0.0.1", routes, buffer_bytes)
    }

    /// A connection from an address.
    fn connect_from(&mut self, address: &str, router: Router, buffer_bytes: usize) -> Client {
        let place = self.site.connections.enter().expect("there is a place");
        let (near, far) = tokio::io::duplex(buffer_bytes);
        let peer = Peer(address.parse().unwrap());
        self.tasks.spawn(attend(far, peer, router, place, self.close.subscribe()));
        Client(near)
    }

    pub(super) fn connect(&mut self) -> Client {
        self.connect_with(64 << 10)
    }

    /// Carries out all that waits for the journal.
    fn step(&self) {
        let mut desk = self.desk.lock().unwrap();
        while desk.has_commands() {
            desk.serve(Now::default());
        }
    }

    /// From now on the journal works by itself.
    fn work(&mut self) {
        let desk = Arc::clone(&self.desk);
        self.tasks.spawn(async move {
            loop {
                {
                    let mut desk = desk.lock().unwrap();
                    while desk.has_commands() {
                        desk.serve(Now::default());
                    }
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
    }

    async fn metrics(&mut self) -> String {
        self.connect().call(&get("/metrics")).await
    }

    fn calls(&self) -> usize {
        self.site.room.state().calls
    }
}

impl<I: AsyncReadExt + AsyncWriteExt + Unpin> Client<I> {
    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// All that comes until the other side closes.
    pub(super) async fn hear(&mut self) -> String {
        let mut heard = Vec::new();
        // A connection that is cut says no more than what it said.
        let hearing = tokio::time::timeout(TOO_LONG, self.0.read_to_end(&mut heard));
        let _ = hearing.await.expect("the connection ends");
        String::from_utf8(heard).unwrap()
    }

    /// The head of an answer, and its body as far as it came with it.
    pub(super) async fn hear_some(&mut self) -> String {
        let mut some = vec![0; 4096];
        let length = self.0.read(&mut some).await.unwrap();
        String::from_utf8(some[..length].to_vec()).unwrap()
    }

    pub(super) async fn call(&mut self, request: &str) -> String {
        self.send(request).await;
        self.hear().await
    }
}

pub(super) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// The head of a call of an account.
fn head(path: &str, account: u64, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={account:012}/20260102/us-east-1/s/aws4_request\r\n\r\n"
    )
}

fn record(number: usize, bytes: usize) -> String {
    format!("{{\"eventID\":\"{number}\",\"padding\":\"{}\"}}\n", "x".repeat(bytes))
}

/// Gzip as large as what it packs.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bulk(account: u64, number: usize) -> String {
    let record = record(number, 10);
    head("/v1/events", account, record.len()) + &record
}

/// Lets all tasks go on until they wait; the clock stands still.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_send_a_head_is_cut_off() {
    for said in ["", "POST /v1/events HT", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: "] {
        let mut world = World::new(8, ROOM_BYTES);
        let mut client = world.connect();
        client.send(said).await;
        let begun = Instant::now();
        assert_eq!(client.hear().await, "", "{said}");
        assert_eq!(begun.elapsed().as_secs(), HEAD_MAX.as_secs(), "{said}");
        let metrics = world.metrics().await;
        assert!(
            metrics.contains("cairn_closed_connections_total{reason=\"silent\"} 1"),
            "{metrics}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_drips_its_head_is_cut_off_at_the_same_time() {
    let mut world = World::new(8, ROOM_BYTES);
    let mut client = world.connect();
    let begun = Instant::now();
    client.send("GET /healthz HTTP/1.1\r\nX: ").await;
    while client.0.write_all(b"x").await.is_ok() {
        sleep(Duration::from_secs(1)).await;
    }
    let taken = begun.elapsed().as_secs();
    assert!((HEAD_MAX.as_secs()..HEAD_MAX.as_secs() + 2).contains(&taken), "{taken} s");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let mut world = World::new(8, ROOM_BYTES);
    let long = "x".repeat(HEAD_BYTES_MAX);
    let answer = world.connect().call(&format!("GET /healthz HTTP/1.1\r\nX: {long}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_used_is_kept_for_the_next_call_as_long() {
    let mut world = World::new(8, ROOM_BYTES);
    let mut client = world.connect();
    for _ in 0..3 {
        client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(client.hear_some().await.starts_with("HTTP/1.1 200 OK"));
        sleep(HEAD_MAX - Duration::from_secs(1)).await;
    }
    let begun = Instant::now();
    assert_eq!(client.hear().await, "");
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_sent_in_one_go_are_answered_one_after_the_other() {
    let mut world = World::new(8, ROOM_BYTES);
    world.work();
    let keep_alive = |call: String| call.replace("Connection: close\r\n", "");
    let calls: String = (0..5).map(|number| keep_alive(bulk(1, number))).collect();
    let health = keep_alive(get("/healthz")).repeat(5);
    let mut client = world.connect();
    let answers = client.call(&(calls + &health + &get("/readyz"))).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 11, "{answers}");
    assert_eq!(answers.matches("\"recorded\":1").count(), 5, "{answers}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_cut_off_and_gives_its_memory_back() {
    for path in ["/v1/events", "/PutAuditEvents", "/"] {
        let mut world = World::new(8, ROOM_BYTES);
        let mut client = world.connect();
        client.send(head(path, 1, MIB)).await;
        settle().await;
        assert!(world.site.room.state().bytes >= CALL_BYTES, "{path}");
        let begun = Instant::now();
        let (mut hear, mut say) = tokio::io::split(client.0);
        world.tasks.spawn(async move {
            while say.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(5)).await;
            }
        });
        let mut answer = Vec::new();
        let _ = hear.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("too slow"), "{answer}");
        let taken = begun.elapsed();
        // The rest of the body is waited for once more before the answer is lost with it.
        assert!((LIMIT..LIMIT * 2).contains(&taken), "{path}: {taken:?}");
        assert_eq!((world.site.room.state().bytes, world.calls()), (0, 0), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_slowly_but_on_is_taken_to_its_end() {
    let mut world = World::new(8, ROOM_BYTES);
    world.work();
    let mut client = world.connect();
    let line = record(1, 16 << 10);
    let lines = 40;
    client.send(head("/v1/events", 1, line.len() * lines)).await;
    let begun = Instant::now();
    for _ in 0..lines {
        client.send(&line).await;
        sleep(Duration::from_secs(line.len() as u64 / u64::from(BYTES_PER_SECOND) - 1)).await;
    }
    // And a pause in the end.
    let answer = client.hear().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(r#""recorded":1,"duplicates":39"#), "{answer}");
    assert!(begun.elapsed() > LIMIT, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let mut world = World::new(8, ROOM_BYTES);
    let mut client = world.connect_with(64);
    let begun = Instant::now();
    client.send("GET /metrics HTTP/1.1\r\n").await;
    client.send("Host: localhost\r\n\r\n").await;
    let ended = tokio::time::timeout(TOO_LONG, world.tasks.join_next()).await;
    assert!(ended.is_ok_and(|ended| ended.is_some_and(|ended| ended.is_ok())));
    assert_eq!(begun.elapsed().as_secs(), LIMIT.as_secs());
    assert_eq!(world.site.connections.state().0, 0);
}

#[tokio::test]
async fn a_newcomer_closes_the_connection_that_waits_longest_for_a_request() {
    let mut world = World::new(4, ROOM_BYTES);
    let mut clients: Vec<Client> = (0..4).map(|_| world.connect()).collect();
    // The first is at work, the second has just been: the third waits longest.
    clients[0].send(bulk(1, 1)).await;
    settle().await;
    clients[1].send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(clients[1].hear_some().await.starts_with("HTTP/1.1 200 OK"));
    settle().await;
    for newcomers in 1..=20 {
        let answer = world.connect().call(&get("/healthz")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "newcomer {newcomers}: {answer}");
        settle().await;
    }
    assert_eq!(clients[2].hear().await, "", "closed");
    clients[1].send(get("/healthz")).await;
    assert!(clients[1].hear().await.starts_with("HTTP/1.1 200 OK"), "the newer ones stay");
    clients[3].send(get("/healthz")).await;
    assert!(clients[3].hear().await.starts_with("HTTP/1.1 200 OK"), "one place was enough");
    world.step();
    assert!(clients[0].hear().await.starts_with("HTTP/1.1 200 OK"), "nor is work cut off");
    let metrics = world.metrics().await;
    assert!(
        metrics.contains("cairn_closed_connections_total{reason=\"made room\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn nobody_locks_others_out_by_being_silent() {
    let mut world = World::new(16, ROOM_BYTES);
    let mut silent = Vec::new();
    for _ in 0..10 {
        for number in 0..50 {
            let mut client = world.connect();
            // Some say nothing, some a part of a head.
            client.send(&"POST /v1/events HTTP/1.1\r\n"[..number % 25]).await;
            silent.push(client);
        }
        for path in ["/healthz", "/readyz", "/metrics"] {
            let answer = world.connect().call(&get(path)).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{path}: {answer}");
        }
        assert!(world.site.connections.state().0 <= 16);
    }
}

#[tokio::test]
async fn a_newcomer_is_turned_away_with_503_when_all_are_at_work_and_they_are_answered() {
    let world = World::new(2, ROOM_BYTES);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (close, closed) = oneshot::channel::<()>();
    let closed = async move { drop(closed.await) };
    let connections = Arc::clone(&world.site.connections);
    let serving = serve(listener, router(Arc::clone(&world.site)), connections, closed);
    let calling = async {
        let mut at_work = Vec::new();
        for number in 0..2 {
            let mut client = Client(TcpStream::connect(address).await.unwrap());
            client.send(bulk(1, number)).await;
            while world.site.intake.queue().calls <= number {
                tokio::task::yield_now().await;
            }
            at_work.push(client);
        }
        for _ in 0..3 {
            let answer = Client(TcpStream::connect(address).await.unwrap()).hear().await;
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                head.contains("Retry-After: 2") && head.contains("Connection: close"),
                "{head}"
            );
            assert!(head.contains("x-amzn-errortype: ThrottlingException"), "{head}");
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
            serde_json::from_str::<Value>(body).unwrap();
        }
        // Calls that are under way when the door closes are answered.
        drop(close);
        tokio::task::yield_now().await;
        world.step();
        for mut client in at_work {
            let answer = client.hear().await;
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        }
    };
    tokio::join!(serving, calling);
    assert_eq!(world.site.connections.state().0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_memory_waits_and_is_refused_with_what_an_sdk_tries_again() {
    // Half of it is what an account may hold, three quarters of that by entering: one small call.
    let small = 132 << 10;
    let mut world = World::new(64, 2 * small * 4 / 3);
    let room = Arc::clone(&world.site.room);
    let mut held = room.enter(&account(1), small, Duration::ZERO).await.unwrap();
    assert!(held.try_hold(small * 4 / 3));
    for (path, seconds) in [("/PutAuditEvents", 2), ("/v1/events", 30)] {
        let (begun, body) = (Instant::now(), record(2, 500));
        let mut refused = world.connect();
        let answer = refused.call(&(head(path, 1, body.len()) + &body)).await;
        assert_eq!(begun.elapsed().as_secs(), seconds, "{path}");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{path}: {answer}");
        assert!(answer.contains("retry-after: 2"), "{path}: {answer}");
        assert!(answer.contains("x-amzn-errortype: ThrottlingException"), "{path}: {answer}");
        assert!(answer.contains("send again in a moment"), "{path}: {answer}");
    }
    // Neither health nor other accounts have to wait for it.
    let begun = Instant::now();
    let mut other = world.connect();
    other.send(bulk(2, 3)).await;
    settle().await;
    world.step();
    assert!(other.hear().await.contains("\"recorded\":1"));
    let metrics = world.metrics().await;
    assert!(metrics.contains("cairn_refused_calls_total{reason=\"memory\"} 2"), "{metrics}");
    assert!(metrics.contains("cairn_calls 1"), "the one that holds it: {metrics}");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // And with memory it is taken.
    drop(held);
    let mut again = world.connect();
    again.send(bulk(1, 2)).await;
    settle().await;
    world.step();
    assert!(again.hear().await.contains("\"recorded\":1"));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_turn_does_not_come_is_refused_with_what_an_sdk_tries_again() {
    let mut world = World::new(64, ROOM_BYTES);
    let answer = world.connect().call(&bulk(1, 1)).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 2"), "{answer}");
    assert!(answer.contains(r#""records":1,"recorded":0"#), "{answer}");
    world.step();
    let metrics = world.metrics().await;
    assert!(metrics.contains("cairn_refused_calls_total{reason=\"busy\"} 1"), "{metrics}");
    assert!(metrics.contains("cairn_journal_open_events 0"), "nothing of it: {metrics}");
}

#[tokio::test(start_paused = true)]
async fn so_is_one_of_put_audit_events_and_with_it_its_whole_call() {
    let mut world = World::new(64, ROOM_BYTES);
    let arn = world.site.definitions.borrow().channels[0].arn();
    let data = record(1, 10);
    let body = serde_json::json!({ "auditEvents": [{ "id": "1", "eventData": data }] }).to_string();
    let path = format!("/PutAuditEvents?channelArn={arn}");
    let request = head(&path, 1, body.len()) + &body;
    let begun = Instant::now();
    let answer = world.connect().call(&request).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 2"), "{answer}");
    assert!(answer.contains("x-amzn-errortype: ThrottlingException"), "{answer}");
    assert_eq!(begun.elapsed().as_secs(), 2);
    let mut again = world.connect();
    again.send(&request).await;
    settle().await;
    world.step();
    let answer = again.hear().await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("successful"), "{answer}");
    let metrics = world.metrics().await;
    assert!(metrics.contains("cairn_journal_open_events 1"), "{metrics}");
}

#[tokio::test]
async fn a_client_that_goes_away_gives_all_back() {
    let mut world = World::new(8, ROOM_BYTES);
    let mut client = world.connect();
    client.send(bulk(1, 1)).await;
    let mut other = world.connect();
    other.send(&head("/v1/events", 1, 1000)).await;
    settle().await;
    assert_eq!((world.calls(), world.site.intake.queue().calls), (2, 1));
    drop((client, other));
    settle().await;
    assert_eq!((world.calls(), world.site.intake.queue().calls), (0, 0));
    assert_eq!((world.site.room.state().bytes, world.site.connections.state().0), (0, 0));
}

#[tokio::test]
async fn without_memory_for_more_a_group_goes_to_the_journal_before_it_is_full() {
    let mut world = World::new(8, 2 * 450 * 1024);
    let body: String = (0..100).map(|number| record(number, 10_000)).collect();
    let mut client = world.connect_with(2 * MIB);
    client.send(head("/v1/events", 1, body.len())).await;
    client.send(&body[..300_000]).await;
    settle().await;
    let state = world.site.room.state();
    assert_eq!(world.site.intake.queue().calls, 1, "{state:?}");
    assert!(world.site.intake.queue().bytes < 300 * 1024, "{state:?}");
    let rest = async {
        client.send(&body[300_000..]).await;
        client.hear().await
    };
    let stepping = async {
        loop {
            settle().await;
            world.step();
        }
    };
    let answer = tokio::select! {
        answer = rest => answer,
        () = stepping => unreachable!("it has no end"),
    };
    assert!(answer.contains(r#""records":100,"recorded":100"#), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_fill_the_memory_of_their_account_do_not_wait_for_each_other() {
    for (record_bytes, records, recorded, is_gzip) in [
        (1_400, 100, 100, false),
        (1_400, 100, 100, true),
        (40_000, 25, 25, false),
        (40_000, 25, 25, true),
        (250_000, 4, 4, false),
        // Held before it shows that it cannot be cut to its limit.
        (1_000_000, 3, 0, false),
    ] {
        let mut world = World::new(64, 2 * MIB);
        world.work();
        let mut answers = JoinSet::new();
        for call in 0..32 {
            let numbers = records * call..records * (call + 1);
            let body: String = numbers.map(|number| record(number, record_bytes)).collect();
            let body = if is_gzip { gzip(body.as_bytes()) } else { body.into_bytes() };
            let mut client = world.connect();
            // Without `Content-Encoding`: what it is shows when it comes.
            let request = [head("/v1/events", 1, body.len()).as_bytes(), &body].concat();
            answers.spawn(async move {
                client.send(request).await;
                client.hear().await
            });
        }
        while let Some(answer) = answers.join_next().await {
            let answer = answer.unwrap();
            let all = format!(r#""records":{records},"recorded":{recorded}"#);
            assert!(answer.contains(&all), "{record_bytes} {is_gzip}: {answer}");
        }
        assert_eq!((world.site.room.state().bytes, world.calls()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_body_is_taken_in_groups_as_small_as_the_memory_wants() {
    // A tenth of what full groups take.
    let mut world = World::new(8, MIB);
    world.work();
    let body: String = (0..2_000).map(|number| record(number, 2_000)).collect();
    let room = Arc::clone(&world.site.room);
    let mut answers = JoinSet::new();
    for account in 1..=3 {
        let mut client = world.connect();
        let request = head("/v1/events", account, body.len()) + &body;
        answers.spawn(async move { client.call(&request).await });
    }
    let mut most = 0;
    while !answers.is_empty() {
        tokio::select! {
            answer = answers.join_next() => {
                let answer = answer.unwrap().unwrap();
                assert!(answer.contains(r#""records":2000,"recorded":2000"#), "{answer}");
            }
            () = sleep(Duration::from_millis(10)) => most = most.max(room.state().bytes),
        }
    }
    assert!(most > MIB / 2 && most <= MIB, "{most}");
    assert_eq!(room.state().bytes, 0);
}

fn account(number: u64) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_account_holds_half_of_the_memory_at_most_however_slow_it_is() {
    let room = Room::new(MIB);
    let wait = Duration::from_secs(2);
    let mut greedy = room.enter(&account(1), MIB / 8 * 3, wait).await.unwrap();
    let begun = Instant::now();
    // What is left is for those inside.
    assert_eq!(room.enter(&account(1), 1024, wait).await.unwrap_err(), NoRoom);
    assert_eq!(begun.elapsed(), wait);
    assert!(greedy.try_hold(MIB / 2));
    assert!(!greedy.try_hold(MIB / 2 + 1));
    // Others find room at once.
    let mut others = Vec::new();
    for number in 2..10 {
        others.push(room.enter(&account(number), MIB / 64 * 3, wait).await.unwrap());
        assert!(others.last_mut().unwrap().try_hold(MIB / 16));
    }
    assert_eq!(begun.elapsed(), wait);
    assert_eq!((room.state().bytes, room.state().calls), (MIB, 9));
    drop(greedy);
    // What is given back goes to those who wait.
    let (one, twenty) = (account(1), account(20));
    let (first, second) =
        tokio::join!(room.enter(&one, MIB / 8, wait), room.enter(&twenty, MIB / 8, wait));
    assert_eq!((begun.elapsed(), room.state().bytes), (wait, MIB / 4 * 3));
    drop((first, second, others));
    assert_eq!((room.state().bytes, room.state().calls, room.state().waiting), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn calls_inside_get_the_reserve_one_after_the_other_when_there_is_no_more() {
    let room = Room::new(MIB);
    let wait = Duration::from_secs(2);
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(room.enter(&account(1), MIB / 8, wait).await.unwrap());
    }
    let [first, second, third] = &mut calls[..] else { unreachable!("three came in") };
    assert!(first.try_hold(MIB / 4));
    assert!(!second.try_hold(MIB / 2));
    let begun = Instant::now();
    second.hold(MIB / 2, wait).await.unwrap();
    assert!(second.has_reserve());
    // Whose it is has it whole, and never waits.
    second.hold(MIB / 8 + RESERVE_BYTES, wait).await.unwrap();
    assert_eq!(room.state().bytes, room.state().bytes_max - MIB / 2);
    assert_eq!(second.hold(MIB / 4 + RESERVE_BYTES, wait).await, Err(NoRoom));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // The others wait in the order of arrival, for a bounded time.
    assert_eq!(third.hold(MIB / 2, wait).await, Err(NoRoom));
    assert_eq!(begun.elapsed(), wait);
    let (one, three, ()) = tokio::join!(first.hold(MIB, wait), third.hold(MIB / 4, wait), async {
        tokio::task::yield_now().await;
        second.keep(MIB / 8);
    });
    assert_eq!((one, three, begun.elapsed()), (Ok(()), Err(NoRoom), 2 * wait));
    assert!(first.has_reserve() && !second.has_reserve() && !third.has_reserve());
    drop(calls);
    assert_eq!((room.state().bytes, room.state().calls, room.state().waiting), (0, 0, 0));
    assert!(room.enter(&account(1), MIB / 8, wait).await.unwrap().try_hold(MIB / 2));
}

#[tokio::test(start_paused = true)]
async fn who_announces_much_and_sends_nothing_keeps_nobody_out() {
    let mut world = World::new(256, ROOM_BYTES);
    let mut slow = Vec::new();
    for number in 0..96 {
        let mut client = world.connect();
        client.send(head("/PutAuditEvents", 1 + number % 3, 4 * MIB)).await;
        slow.push(client);
    }
    settle().await;
    let begun = Instant::now();
    let answer = world.connect().call(&(head("/PutAuditEvents", 9, 2) + "{}")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn of_refused_senders_only_so_many_are_read_on() {
    const SENDERS: usize = 3 * DRAINS_MAX;
    let mut world = World::new(2 * SENDERS, ROOM_BYTES);
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let path = ["/v1/events", "/PutAuditEvents"][number % 2];
        let encoded = head(path, 1, MIB).replace("Host:", "Content-Encoding: br\r\nHost:");
        let mut client = world.connect();
        client.send(encoded.replace("Connection: close\r\n", "")).await;
        client.send([b'x'; 1000]).await;
        senders.push(client);
    }
    settle().await;
    assert_eq!(world.site.drains.available_permits(), 0);
    let begun = Instant::now();
    for (number, sender) in senders.iter_mut().enumerate() {
        let is_read_on = number < DRAINS_MAX;
        if is_read_on {
            sender.send(vec![b'x'; MIB - 1000]).await;
        }
        let answer = sender.hear_some().await;
        assert!(answer.starts_with("HTTP/1.1 415 "), "{number}: {answer}");
        assert_eq!(answer.contains("connection: close"), !is_read_on, "{number}: {answer}");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(world.site.drains.available_permits(), DRAINS_MAX);
}

#[tokio::test]
async fn the_reserve_is_kept_for_a_record_that_is_not_whole_and_not_for_its_group() {
    let share = 450 << 10;
    let mut world = World::new(8, 2 * share);
    let room = Arc::clone(&world.site.room);
    let line = record(1, 250_000);
    let mut client = world.connect_with(MIB);
    client.send(head("/v1/events", 1, MIB) + &line[..2]).await;
    settle().await;
    // Nothing is left of the share.
    let mut other = room.enter(&account(1), CALL_BYTES, Duration::ZERO).await.unwrap();
    assert!(other.try_hold(CALL_BYTES + share - room.state().bytes));
    assert_eq!(room.state().bytes, share);
    client.send(&line[2..200_000]).await;
    settle().await;
    let bytes = room.state().bytes;
    assert!((share + 100_000..share + MIB).contains(&bytes), "{bytes}");
    client.send(&line[200_000..]).await;
    settle().await;
    world.step();
    settle().await;
    assert_eq!(room.state().bytes, share);
    assert!(world.metrics().await.contains("cairn_journal_open_events 1"));
}

#[tokio::test]
async fn a_call_of_put_audit_events_holds_what_came_of_its_body_twice() {
    let mut world = World::new(8, ROOM_BYTES);
    let mut client = world.connect_with(4 * MIB);
    client.send(head("/PutAuditEvents", 1, 4 * MIB)).await;
    for came in 1..=3 {
        client.send(vec![b'x'; MIB]).await;
        settle().await;
        assert_eq!(world.site.room.state().bytes, CALL_BYTES + 2 * came * MIB);
    }
}

#[tokio::test]
async fn others_than_this_machine_hear_the_status_alone_unless_they_ask_operations() {
    let mut world = World::new(8, ROOM_BYTES);
    for (address, host, is_told) in [
        ("127.0.0.1", "localhost", true),
        ("::1", "[::1]:4580", true),
        ("192.0.2.1", "localhost", false),
    ] {
        for (path, said) in [("/readyz", "\"warnings\""), ("/metrics", "cairn_calls")] {
            let routes = router(Arc::clone(&world.site));
            let request = get(path).replace("localhost", host);
            let answer = world.connect_from(address, routes, 64 << 10).call(&request).await;
            assert_eq!(answer.contains(said), is_told, "{address} {path}: {answer}");
            let status = if path == "/readyz" { "\"status\":\"ready\"" } else { "ops_listen" };
            assert!(is_told || answer.contains(status), "{address} {path}: {answer}");
            let routes = ops_router(Arc::clone(&world.site));
            let answer = world.connect_from(address, routes, 64 << 10).call(&request).await;
            assert!(answer.contains(said), "{address} {path}: {answer}");
        }
    }
    // A page that was made to pass for this machine.
    let accounts = Accounts::default();
    let mut world = World::new(8, ROOM_BYTES).signed(accounts);
    for headers in ["Host: evil.example", "Host: localhost\r\nOrigin: http://localhost"] {
        let request = get("/readyz").replace("Host: localhost", headers);
        let answer = world.connect().call(&request).await;
        assert!(answer.contains(r#"{"status":"ready"}"#), "{headers}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_only_knows_a_key_keeps_out_neither_other_accounts_nor_what_is_proven() {
    let disk = Arc::new(SimulatedDisk::new()) as Arc<dyn Disk>;
    let mut store = Store::on(Arc::clone(&disk), KeyPlace::DataDirectory).unwrap();
    let begun = model::Timestamp::EPOCH;
    let mut keys = Vec::new();
    for number in 1..=2 {
        store.create_account(&account(number), None, begun).unwrap();
        let owner = Owner { account: account(number), user: None };
        keys.push(store.create_key(&owner, begun, &|| number).unwrap().id);
    }
    let accounts = Accounts::read(&*disk, &KeyPlace::DataDirectory).unwrap();
    let mut world = World::new(256, ROOM_BYTES).signed(accounts);
    let head = |key: &str, length: usize| {
        format!(
            "POST /PutAuditEvents HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
             X-Amz-Date: 19700101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential={key}/19700101/us-east-1/cloudtrail-data/aws4_request, SignedHeaders=host, Signature={}\r\n\r\n",
            "0".repeat(64)
        )
    };
    let mut slow = Vec::new();
    for _ in 0..32 {
        let mut client = world.connect_with(2 * MIB);
        client.send(head(&keys[0], 4 * MIB)).await;
        client.send(vec![b'x'; MIB]).await;
        slow.push(client);
    }
    settle().await;
    let (room, unproven) = (world.site.room.state(), world.site.unproven.state());
    assert_eq!((room.calls, room.bytes), (0, 0), "nothing of it is used");
    let half = UNPROVEN_BYTES / 2;
    assert!((half / 2..=half + RESERVE_BYTES).contains(&unproven.bytes), "{unproven:?}");
    let begun = Instant::now();
    let answer = world.connect().call(&(head(&keys[1], 2) + "{}")).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("InvalidSignatureException"), "{answer}");
    // Of a key that nobody has, no body is waited for.
    let answer = world.connect().call(&(head("AKIANOBODY", 2) + "{}")).await;
    assert!(answer.contains("UnrecognizedClientException"), "{answer}");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

fn import(number: usize) -> String {
    let record = record(number, 10);
    let body = format!(
        r#"{{"account":"000000000001","region":"us-east-1","delivered":"2026-01-02T00:00:00Z","records":[{}]}}"#,
        record.trim_end()
    );
    head("/v1/history/import", 1, body.len()) + &body
}

/// Records of `StartImport` in the journal, oldest first, each from its name on.
fn imports(world: &World) -> Vec<String> {
    let names = world.disk.list("journal").unwrap();
    let segments = names.iter().filter(|name| name.contains("segment"));
    let bytes = segments.flat_map(|name| world.disk.peek(&format!("journal/{name}")).unwrap());
    let text = String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned();
    text.split("\"eventName\":\"StartImport\"").skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_import_that_the_disk_refuses_is_recorded_as_refused() {
    let mut world = World::new(8, ROOM_BYTES);
    world.work();
    let answer = world.connect().call(&import(1)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\"added\":1"), "{answer}");
    world.disk.fail(Fault::forever(Operation::Rename));
    let answer = world.connect().call(&import(2)).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let [first, told, refused] = &imports(&world)[..] else { panic!("{:?}", imports(&world)) };
    for told in [first, told] {
        assert!(told.contains("\"added\":1") && !told.contains("errorCode"), "{told}");
    }
    assert!(refused.contains("\"errorCode\":\"ServiceUnavailable"), "{refused}");
    assert!(refused.contains("\"records\":1") && !refused.contains("\"added\""), "{refused}");
}

#[tokio::test]
async fn no_import_is_read_while_the_journal_takes_nothing() {
    let mut world = World::new(8, ROOM_BYTES);
    world.work();
    world.disk.fail(Fault::forever(Operation::Sync));
    let answer = world.connect().call(&bulk(1, 1)).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let unread = head("/v1/history/import", 1, 4) + "what";
    let answer = world.connect().call(&unread).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("the journal is halted"), "{answer}");
}
