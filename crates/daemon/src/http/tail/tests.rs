//! Tails, with a history in memory and a clock that stands still unless all wait.

use std::sync::Arc;

use accounts::{Accounts as Known, KeyPlace, Owner, Principal, Store};
use api::{Caller, Exception};
use axum::body::Body;
use axum::http::Request;
use disk::{Disk, SimulatedDisk};
use http_body_util::BodyExt;
use model::{AccountId, BatchId, Event, Sender, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use trails::{Definitions, Organization};

use super::{ALIVE, distribute, open};
use crate::http::auth::Auth;
use crate::http::room::ROOM_BYTES;
use crate::http::tests::World;

const ONE: &str = "111111111111";
const MEMBER: &str = "222222222222";
const OTHER: &str = "333333333333";

/// A listener, and whoever puts events in queues.
struct Tested {
    world: World,
    tasks: JoinSet<()>,
    committed: u64,
}

/// Reads a tail line by line.
struct Reader {
    body: Body,
    begun: Vec<u8>,
}

fn id(account: &str) -> AccountId {
    account.parse().unwrap()
}

fn root(account: &str) -> Caller {
    Caller::new(Principal::root(id(account)), "us-east-1".parse().unwrap(), "KEY".into())
}

/// An event of this number, as many seconds after 1970.
fn event(account: &str, number: u64, padding: usize) -> Event {
    let time = Timestamp::from_millis(i64::try_from(number).unwrap() * 1000);
    let record = json!({ "eventID": number.to_string(), "eventTime": time.to_iso_seconds(),
        "eventName": if number.is_multiple_of(2) { "GetThing" } else { "PutThing" },
        "recipientAccountId": account, "userAgent": "x".repeat(padding) });
    let sender = Sender { account: id(account), region: "us-east-1".parse().unwrap() };
    Event::from_record(record.to_string().into(), &sender).unwrap().event
}

impl Tested {
    fn new() -> Tested {
        Tested { world: World::new(64, ROOM_BYTES), tasks: JoinSet::new(), committed: 0 }
    }

    fn distributed(mut self) -> Tested {
        self.tasks.spawn(distribute(Arc::clone(&self.world.site.tails.hub)));
        self
    }

    /// As the journal does: the history first.
    fn commit(&mut self, account: &str, numbers: std::ops::Range<u64>, padding: usize) {
        for number in numbers {
            let events = vec![event(account, number, padding)];
            self.world.history.committed(BatchId(1_000), self.committed, &events);
            self.world.site.tails.hub.committed(BatchId(1_000), self.committed, events);
            self.committed += 1;
        }
    }

    async fn open(&self, caller: Caller, query: &str) -> Result<Reader, Exception> {
        let request = Request::get(format!("/v1/tail?{query}")).body(()).unwrap();
        let head = request.into_parts().0;
        let body = open(&self.world.site, caller, &head, "1".into()).await?;
        Ok(Reader { body, begun: Vec::new() })
    }

    /// The message of a refusal.
    async fn refused(&self, caller: Caller, query: &str) -> String {
        let refused = self.open(caller, query).await.err().expect("it is refused");
        format!("{} {}", refused.code, refused.message)
    }

    /// What was recorded last.
    fn recorded(&self) -> (Value, Result<(), Exception>) {
        self.world.recorded.lock().unwrap().calls.last().unwrap().clone()
    }

    /// Callers must sign, and these accounts are known.
    fn sign(&mut self, known: Known) -> watch::Sender<Arc<Known>> {
        let known = watch::Sender::new(Arc::new(known));
        Arc::get_mut(&mut self.world.site).unwrap().auth = Auth::Sigv4(known.subscribe());
        known
    }

    /// No other account is served any more.
    fn serve_only(&self, account: &str) {
        let accounts = vec![id(account)];
        self.world.define(Definitions { accounts, ..Definitions::default() });
    }

    fn organize(&self, members: &[&str]) {
        let organization = Organization {
            id: "o-abc123defg".parse().unwrap(),
            management_account: id(ONE),
            members: members.iter().map(|member| id(member)).collect(),
        };
        let definitions =
            Definitions { organization: Some(organization), ..Definitions::default() };
        self.world.define(definitions);
    }
}

impl Reader {
    /// The next line; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = self.body.frame().await?;
            self.begun.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
    }

    /// The ids of the next events, or what else is said.
    async fn take(&mut self, lines: usize) -> Vec<String> {
        let mut taken = Vec::new();
        for _ in 0..lines {
            let line = self.next().await.expect("it goes on");
            let id = line["event"]["eventID"].as_str().map(str::to_owned);
            taken.push(id.unwrap_or_else(|| line.to_string()));
        }
        taken
    }
}

fn ids(numbers: impl Iterator<Item = u64>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tail_tells_what_is_recorded_from_now_on_and_that_it_ends() {
    let mut tested = Tested::new().distributed();
    tested.commit(ONE, 0..2, 0);
    let mut reader = tested.open(root(ONE), "filter=eventName=Put*").await.unwrap();
    let begin = reader.next().await.unwrap();
    assert_eq!(begin["position"], "00000000000003e8.1");
    tested.commit(ONE, 2..6, 0);
    tested.commit(OTHER, 6..8, 0);
    let line = reader.next().await.unwrap();
    assert_eq!((&line["event"]["eventID"], &line["account"]), (&json!("3"), &json!(ONE)));
    assert_eq!(line["position"], "00000000000003e8.3");
    assert_eq!(reader.take(1).await, ["5"]);
    let before = Instant::now();
    let alive = reader.next().await.unwrap();
    assert!(alive["alive"].is_string(), "{alive}");
    assert_eq!(alive["position"], "00000000000003e8.7", "what is not for it is behind it");
    assert!(before.elapsed() <= ALIVE);
    tested.world.site.tails.hub.close();
    let end = reader.next().await.unwrap();
    assert_eq!((&end["end"], &end["position"]), (&json!("stopping"), &alive["position"]));
    assert_eq!(reader.next().await, None);
    let refused = tested.refused(root(ONE), "").await;
    assert!(refused.starts_with("ThrottlingException the daemon stops"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn who_comes_again_is_told_what_was_recorded_meanwhile_and_nothing_twice() {
    let mut tested = Tested::new().distributed();
    tested.commit(ONE, 0..10, 0);
    // The last one happened first, and was recorded last.
    tested.commit(ONE, 20..21, 0);
    tested.commit(ONE, 19..20, 0);
    let mut reader = tested.open(root(ONE), "after=00000000000003e8.4").await.unwrap();
    assert_eq!(reader.next().await.unwrap()["position"], "00000000000003e8.4");
    tested.commit(ONE, 21..23, 0);
    assert_eq!(reader.take(9).await, ids((5..10).chain([20, 19, 21, 22])));
    let mut reader = tested
        .open(root(ONE), "startTime=1970-01-01T00:00:08Z&filter=eventName=Get*")
        .await
        .unwrap();
    let begin = reader.next().await.unwrap();
    assert_eq!(begin["position"], Value::Null, "what it asked for is still to come");
    tested.commit(ONE, 23..25, 0);
    assert_eq!(reader.take(4).await, ids([8, 20, 22, 24].into_iter()));
    let mut reader = tested.open(root(OTHER), "startTime=1970-01-01").await.unwrap();
    tested.commit(OTHER, 30..31, 0);
    assert_eq!(reader.take(2).await[1..], ["30"], "the past of others is not told");
}

#[tokio::test(start_paused = true)]
async fn of_a_long_past_the_newest_comes_and_how_many_do_not() {
    let mut tested = Tested::new().distributed();
    tested.commit(ONE, 0..30, 200 << 10);
    let mut reader = tested.open(root(ONE), "startTime=1970-01-01").await.unwrap();
    reader.next().await.unwrap();
    let missed = reader.next().await.unwrap();
    let count = missed["missed"].as_u64().unwrap();
    assert!((5..30).contains(&count), "{missed}");
    assert_eq!(missed["startTime"], "1970-01-01T00:00:00Z");
    assert_eq!(
        missed["endTime"],
        Timestamp::from_millis(i64::try_from(count - 1).unwrap() * 1000).to_iso_seconds()
    );
    let rest = usize::try_from(30 - count).unwrap();
    assert_eq!(reader.take(rest).await, ids(count..30));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_hangs_is_told_how_many_it_missed_and_holds_up_nobody() {
    let mut tested = Tested::new().distributed();
    let mut slow = tested.open(root(ONE), "").await.unwrap();
    let mut quick = tested.open(root(ONE), "filter=eventID=39").await.unwrap();
    slow.next().await.unwrap();
    quick.next().await.unwrap();
    for number in 0..40 {
        tested.commit(ONE, number..number + 1, 100 << 10);
        tokio::task::yield_now().await;
    }
    assert_eq!(quick.take(1).await, ["39"]);
    tested.world.site.tails.hub.close();
    let (mut events, mut missed) = (0, 0);
    let end = loop {
        let line = slow.next().await.unwrap();
        match (line["event"].is_object(), line["missed"].as_u64()) {
            (true, None) => events += 1,
            (false, Some(count)) => missed += count,
            _ => break line,
        }
    };
    assert_eq!((events + missed, end["end"].as_str()), (40, Some("stopping")));
    assert!(missed > 20 && events > 5, "{events} and {missed}");
    assert_eq!(tested.world.site.tails.report().missed, missed);
    assert_eq!(end["position"], "00000000000003e8.39");
}

#[tokio::test(start_paused = true)]
async fn a_tail_is_recorded_as_the_lookup_that_it_is_or_not_opened() {
    let tested = Tested::new();
    tested.open(root(ONE), "filter=readOnly=true&regions=eu-west-1").await.unwrap();
    let (members, result) = tested.recorded();
    let expected = json!({ "Tail": true, "Filters": ["readOnly=true"], "Regions": ["eu-west-1"] });
    assert_eq!((members, result), (expected, Ok(())));
    let refused = tested.refused(root(ONE), "filter=evntName=a").await;
    assert!(refused.contains("write eventName"), "{refused}");
    assert_eq!(tested.recorded().1.unwrap_err().code, "ValidationException");
    tested.world.recorded.lock().unwrap().is_full = true;
    let refused = tested.refused(root(ONE), "").await;
    assert!(refused.starts_with("ServiceUnavailableException"), "{refused}");
    assert_eq!(tested.world.site.tails.report().tails, 0, "nobody reads unseen");
}

#[tokio::test(start_paused = true)]
async fn seats_are_limited_and_given_back() {
    let tested = Tested::new();
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(tested.open(root(ONE), "").await.unwrap());
    }
    let refused = tested.refused(root(ONE), "").await;
    assert!(refused.starts_with("ThrottlingException 32 tails of this account"), "{refused}");
    open.pop();
    open.push(tested.open(root(ONE), "").await.unwrap());
    for _ in 0..32 {
        open.push(tested.open(root(OTHER), "").await.unwrap());
    }
    let refused = tested.refused(root(MEMBER), "").await;
    assert!(refused.starts_with("ThrottlingException 64 tails are open"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn other_accounts_are_for_who_administers_the_organization() {
    let mut tested = Tested::new().distributed();
    let _known = tested.sign(Known::default());
    let denied = format!("AccessDeniedException User: arn:aws:iam::{MEMBER}:root is not");
    tested.organize(&[MEMBER]);
    for (caller, query) in [
        (MEMBER, "accountIds=ALL".to_owned()),
        (MEMBER, format!("accountIds={ONE}")),
        (MEMBER, format!("accountIds={MEMBER},{OTHER}")),
    ] {
        let refused = tested.refused(root(caller), &query).await;
        assert!(refused.starts_with(&denied), "{query}: {refused}");
        assert_eq!(tested.recorded().1.unwrap_err().code, "AccessDeniedException");
    }
    let refused = tested.refused(root(ONE), &format!("accountIds={OTHER}")).await;
    assert!(refused.contains(&format!("account {OTHER}")), "{refused}");
    let mut own = tested.open(root(ONE), "").await.unwrap();
    let mut all = tested.open(root(ONE), "accountIds=ALL").await.unwrap();
    let mut member = tested.open(root(ONE), &format!("accountIds={MEMBER}")).await.unwrap();
    for (number, account) in (0..).zip([OTHER, MEMBER, ONE]) {
        tested.commit(account, number..number + 1, 0);
    }
    assert_eq!(own.take(2).await[1..], ["2"]);
    assert_eq!(all.take(3).await[1..], ["1", "2"]);
    assert_eq!(member.take(2).await[1..], ["1"]);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_any_more_does_not_go_on() {
    let disk = Arc::new(SimulatedDisk::new()) as Arc<dyn Disk>;
    let mut store = Store::on(Arc::clone(&disk), KeyPlace::DataDirectory).unwrap();
    let begun = Timestamp::EPOCH;
    store.create_account(&id(ONE), None, begun).unwrap();
    let key = store.create_key(&Owner { account: id(ONE), user: None }, begun, &|| 7).unwrap().id;
    let read = || Known::read(&*disk, &KeyPlace::DataDirectory).unwrap();
    let mut tested = Tested::new().distributed();
    let known = tested.sign(read());
    tested.organize(&[MEMBER]);
    let caller = Caller { access_key: key.to_string(), ..root(ONE) };
    let mut own = tested.open(caller.clone(), "").await.unwrap();
    let mut all = tested.open(caller, "accountIds=ALL").await.unwrap();
    for reader in [&mut own, &mut all] {
        reader.next().await.unwrap();
        let alive = reader.next().await.unwrap();
        assert!(alive["alive"].is_string(), "as long as all is as it was: {alive}");
    }
    tested.organize(&[MEMBER, OTHER]);
    assert_eq!(all.next().await.unwrap()["end"], "changed");
    assert!(own.next().await.unwrap()["alive"].is_string(), "its own account is as it was");
    store.delete_key(&key, begun).unwrap();
    known.send_replace(Arc::new(read()));
    let end = own.next().await.unwrap();
    assert_eq!(end["end"], "denied");
    assert!(end["message"].as_str().unwrap().contains("access key"), "{end}");
    assert_eq!(own.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn while_the_past_is_read_a_tail_is_alive_and_its_reader_judged() {
    let mut tested = Tested::new().distributed();
    tested.commit(ONE, 0..3, 0);
    let reads = Arc::clone(&tested.world.site.tails.reads);
    let (one, other) = (reads.turn(&id(OTHER)).await, reads.turn(&id(OTHER)).await);
    let mut patient = tested.open(root(ONE), "after=00000000000003e8.0").await.unwrap();
    let mut denied = tested.open(root(ONE), "startTime=1970-01-01").await.unwrap();
    for reader in [&mut patient, &mut denied] {
        assert!(reader.next().await.unwrap()["begin"].is_string());
    }
    let alive = patient.next().await.unwrap();
    assert!(alive["alive"].is_string(), "{alive}");
    assert_eq!(alive["position"], "00000000000003e8.0", "nothing behind it is told yet");
    tested.serve_only(OTHER);
    let end = denied.next().await.unwrap();
    assert_eq!((&end["end"], &end["position"]), (&json!("denied"), &Value::Null));
    assert!(end["message"].as_str().unwrap().contains("not served"), "{end}");
    tested.serve_only(ONE);
    drop((one, other));
    assert_eq!(patient.take(2).await, ["1", "2"]);
    let _turns = (reads.turn(&id(OTHER)).await, reads.turn(&id(OTHER)).await);
    let mut stopped = tested.open(root(ONE), "after=00000000000003e8.1").await.unwrap();
    stopped.next().await.unwrap();
    assert!(stopped.next().await.unwrap()["alive"].is_string());
    tested.world.site.tails.hub.close();
    let end = stopped.next().await.unwrap();
    assert_eq!((&end["end"], &end["position"]), (&json!("stopping"), &json!("00000000000003e8.1")));
}

#[tokio::test(start_paused = true)]
async fn who_reads_the_past_slowly_is_judged_too() {
    let mut tested = Tested::new().distributed();
    tested.commit(ONE, 0..8, 100 << 10);
    let mut reader = tested.open(root(ONE), "startTime=1970-01-01").await.unwrap();
    assert_eq!(reader.take(3).await[1..], ["0", "1"]);
    tokio::time::sleep(2 * ALIVE).await;
    tested.serve_only(OTHER);
    let end = reader.next().await.unwrap();
    assert_eq!((&end["end"], &end["position"]), (&json!("denied"), &json!("00000000000003e8.1")));
    assert_eq!(reader.next().await, None, "the rest of the past is not told");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_its_past_keeps_nobody_else_from_theirs() {
    let mut tested = Tested::new();
    for account in [ONE, MEMBER, OTHER] {
        tested.commit(account, 0..3, 0);
    }
    let mut idle = Vec::new();
    for account in [ONE, MEMBER] {
        for _ in 0..30 {
            idle.push(tested.open(root(account), "startTime=1970-01-01").await.unwrap());
        }
    }
    let mut other = tested.open(root(OTHER), "startTime=1970-01-01").await.unwrap();
    assert_eq!(other.take(4).await[1..], ["0", "1", "2"]);
    assert_eq!(idle[0].take(4).await[1..], ["0", "1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_turn_and_does_not_read_gives_it_back() {
    let mut tested = Tested::new();
    tested.commit(ONE, 0..3, 0);
    let reads = Arc::clone(&tested.world.site.tails.reads);
    let turns = (reads.turn(&id(OTHER)).await, reads.turn(&id(OTHER)).await);
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut reader = tested.open(root(ONE), "startTime=1970-01-01").await.unwrap();
        reader.next().await.unwrap();
        assert!(reader.next().await.unwrap()["alive"].is_string(), "it waits for a turn");
        idle.push(reader);
    }
    drop(turns);
    let turn = tokio::time::timeout(ALIVE, reads.turn(&id(OTHER))).await;
    turn.expect("nobody sits on a turn");
    assert_eq!(idle[1].take(3).await, ["0", "1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn over_http_refusals_are_as_of_the_other_routes() {
    let mut tested = Tested::new();
    let ask = |query: &str| {
        format!("GET /v1/tail?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    };
    let answer = tested.world.connect().call(&ask("filter=evntName=a")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("x-amzn-errortype: ValidationException"), "{answer}");
    let long = format!("filter=eventName={}", vec!["a".repeat(2_000); 5].join(","));
    let answer = tested.world.connect().call(&ask(&long)).await;
    assert!(answer.contains("have 10000 bytes together; at most 8192 are allowed"), "{answer}");
    tested.world.site.tails.hub.close();
    let answer = tested.world.connect().call(&ask("")).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: "), "{answer}");
    tested.sign(Known::default());
    let answer = tested.world.connect().call(&ask("")).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("MissingAuthenticationTokenException"), "{answer}");
}
