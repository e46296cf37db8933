//! Downloads over HTTP, from a history in memory. The clock stands still unless all wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::Caller;
use axum::http::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use history::PAGE_BYTES;
use model::{BatchId, Event, Sender, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trails::{Definitions, Organization};

use super::answer;
use super::downloads::{DOWNLOADS_MAX, Download, ROWS_MAX};
use super::query::Asked;
use crate::http::patience::LIMIT;
use crate::http::room::ROOM_BYTES;
use crate::http::tests::{MIB, World, get};

const ONE: &str = "111111111111";
const MEMBER: &str = "222222222222";
const OTHER: &str = "333333333333";
/// Shorter than what is still to be sent when a client stops reading.
const BUFFER_BYTES: usize = 16 << 10;

fn world() -> World {
    World::new(64, ROOM_BYTES)
}

/// An event of this number, as many seconds after a moment.
fn event(account: &str, number: usize, padding: usize) -> Event {
    let time = Timestamp::from_millis(1_770_000_000_000 + 1000 * i64::try_from(number).unwrap());
    let record = json!({
        "eventTime": time.to_iso_seconds(), "eventID": format!("{number}"), "eventName": "Act",
        "eventSource": "x.amazonaws.com", "awsRegion": "us-east-1", "readOnly": number.is_multiple_of(2),
        "recipientAccountId": account, "userIdentity": { "type": "IAMUser", "userName": "amy" },
        "userAgent": "x".repeat(padding),
    });
    let sender = Sender { account: account.parse().unwrap(), region: "us-east-1".parse().unwrap() };
    let record = Bytes::from(record.to_string());
    Event::from_record(record, &sender).unwrap().event
}

fn events(account: &str, numbers: std::ops::Range<usize>, padding: usize) -> Vec<Event> {
    numbers.map(|number| event(account, number, padding)).collect()
}

fn request(account: &str, query: &str) -> String {
    format!(
        "GET /v1/history?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={account}/20260102/us-east-1/cloudtrail/aws4_request\r\n\r\n"
    )
}

/// What is in a chunked body, if its end is there.
fn body(answer: &str) -> Option<String> {
    let (head, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let mut body = String::new();
    loop {
        let (length, chunks) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).unwrap();
        body += chunks.get(..length)?;
        rest = chunks.get(length + 2..)?;
        if length == 0 {
            return Some(body);
        }
    }
}

async fn ask(world: &mut World, account: &str, query: &str) -> String {
    world.connect().call(&request(account, query)).await
}

/// The ids of the events of a download.
async fn ids(world: &mut World, account: &str, query: &str) -> Vec<String> {
    let answer = ask(world, account, query).await;
    ids_of(&body(&answer).unwrap_or_else(|| panic!("it is cut short: {answer}")))
}

fn ids_of(lines: &str) -> Vec<String> {
    let id = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["eventID"].as_str().unwrap().to_owned()
    };
    lines.lines().map(id).collect()
}

fn numbers(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// A download that is asked for by itself.
fn download(world: &World, query: &str) -> Download {
    let asked = Asked::read(&format!("/v1/history?{query}").parse().unwrap()).unwrap();
    let scopes = history::ScopeFilter::default();
    let downloads = Arc::clone(&world.site.downloads);
    let account = ONE.parse().unwrap();
    let place = downloads.enter(&account).unwrap();
    Download::new(downloads, account, place, Box::new(|| true), asked.query(scopes), &asked)
}

/// The answer to an account that asks for all.
async fn begun(world: &World, account: &str) -> Response {
    let request = Request::get("/v1/history").body(()).unwrap();
    let head = request.into_parts().0;
    let (account, region) = (account.parse().unwrap(), "us-east-1".parse().unwrap());
    let caller = Caller::root(account, region, "KEY".into());
    let call = api::Request {
        target: String::new(),
        is_target_signed: true,
        body: Bytes::new(),
        request_id: String::new(),
        source_ip: String::new(),
        user_agent: None,
        host: None,
    };
    answer(Arc::clone(&world.site), &caller, &head, call).await.unwrap()
}

#[tokio::test]
async fn a_download_has_all_events_of_its_query_newest_first() {
    let mut world = world();
    world.history.committed(BatchId(1), 0, &events(ONE, 0..5, 0));
    world.history.committed(BatchId(1), 5, &events(OTHER, 5..8, 0));
    for (query, expected) in [
        ("", vec![4, 3, 2, 1, 0]),
        ("limit=2", vec![4, 3]),
        ("limit=5", vec![4, 3, 2, 1, 0]),
        ("limit=6", vec![4, 3, 2, 1, 0]),
        ("EventId=3", vec![3]),
        ("event-id=3&EventName=Act", vec![3]),
        ("EventId=3&EventName=Other", vec![]),
        ("ReadOnly=false", vec![3, 1]),
        ("ReadOnly=true&limit=1", vec![4]),
        ("startTime=2026-02-02T02:40:02Z", vec![4, 3, 2]),
        ("endTime=2026-02-02T02:40:02Z", vec![2, 1, 0]),
        ("startTime=2026-02-02T03:40:02%2B01:00&endTime=2026-02-02T02:40:02Z", vec![2]),
        ("endTime=2026-02-02", vec![]),
        ("regions=eu-west-1", vec![]),
        ("regions=eu-west-1,us-east-1&limit=1", vec![4]),
        ("regions=all&eventCategories=ALL&limit=1", vec![4]),
        ("eventCategories=data", vec![]),
        (&*format!("accountIds={ONE}&limit=1"), vec![4]),
    ] {
        let expected = numbers(expected.into_iter());
        assert_eq!(ids(&mut world, ONE, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn each_format_says_what_it_is() {
    let mut world = world();
    world.history.committed(BatchId(1), 0, &events(ONE, 0..2, 0));
    let answer = ask(&mut world, ONE, "format=json").await;
    assert!(answer.contains("content-type: application/json\r\n"), "{answer}");
    assert!(answer.contains("attachment; filename=\"event_history.json\""), "{answer}");
    let json: Value = serde_json::from_str(&body(&answer).unwrap()).unwrap();
    assert_eq!(
        (&json["Records"][0]["eventID"], &json["Records"][1]["eventID"]),
        (&json!("1"), &json!("0"))
    );
    let answer = ask(&mut world, ONE, "format=csv&limit=1").await;
    assert!(
        answer.contains("content-type: text/csv; charset=utf-8; header=present\r\n"),
        "{answer}"
    );
    let csv = body(&answer).unwrap();
    let row = "amy,,2026-02-02T02:40:01Z,x.amazonaws.com,Act,us-east-1,,,,";
    assert!(csv.starts_with("User name,AWS access key,Event time,"), "{csv}");
    assert!(csv.split("\r\n").nth(1).unwrap().starts_with(row), "{csv}");
    let nothing = ask(&mut world, ONE, "format=json&EventId=9").await;
    assert_eq!(body(&nothing).unwrap(), "{\"Records\":[]}\n");
}

#[tokio::test]
async fn a_mistake_is_named_with_what_would_be_right() {
    let mut world = world();
    for (query, kind, message) in [
        ("format=xml", "ValidationException", "expected ndjson, json or csv"),
        ("Event=x", "ValidationException", "known are format, startTime"),
        ("startTime=noon", "InvalidTimeRangeException", "such as 2026-03-09T14:05:00Z"),
        ("startTime=2026-03-09T14:05:00+01:00", "InvalidTimeRangeException", "+ is written %2B"),
        (
            "startTime=2026-03-09&endTime=2026-03-08",
            "InvalidTimeRangeException",
            "is later than endTime",
        ),
        ("ReadOnly=True", "InvalidLookupAttributesException", "expected true or false"),
        ("Username=", "InvalidLookupAttributesException", "expected 1 to 2000"),
        ("limit=0", "InvalidMaxResultsException", "expected a number from 1"),
        ("limit=1&limit=2", "ValidationException", "limit stands twice"),
        ("accountIds=1", "ValidationException", "expected ids of 12 digits"),
        ("regions=", "ValidationException", "expected Regions such as"),
        ("eventCategories=managment", "ValidationException", "expected management, data"),
    ] {
        let answer = ask(&mut world, ONE, query).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{query}: {answer}");
        assert!(answer.contains(&format!("x-amzn-errortype: {kind}\r\n")), "{query}: {answer}");
        assert!(answer.contains(message), "{query}: {answer}");
    }
    let many = "EventName=a&".repeat(11);
    assert!(ask(&mut world, ONE, &many).await.contains("at most 10 attributes"));
    let old = request(ONE, "").replace("HTTP/1.1", "HTTP/1.0");
    assert!(world.connect().call(&old).await.contains(" 505 "));
    let with_body = request(ONE, "").replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx");
    assert!(world.connect().call(&with_body).await.contains("takes no body"));
}

#[tokio::test]
async fn others_events_are_for_those_who_administer_the_organization() {
    let mut world = world();
    for (number, account) in [ONE, MEMBER, OTHER].into_iter().enumerate() {
        world.history.committed(BatchId(1), number as u64, &[event(account, number, 0)]);
    }
    for account in [MEMBER, OTHER, &*format!("{ONE},{OTHER}"), "all"] {
        let answer = ask(&mut world, ONE, &format!("accountIds={account}")).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.contains("AccessDeniedException"), "{answer}");
    }
    let organization = Organization {
        id: "o-history000".parse().unwrap(),
        management_account: ONE.parse().unwrap(),
        members: vec![MEMBER.parse().unwrap()],
    };
    world.define(Definitions { organization: Some(organization), ..Definitions::default() });
    assert_eq!(ids(&mut world, ONE, "accountIds=ALL").await, ["1", "0"]);
    assert_eq!(ids(&mut world, ONE, &format!("accountIds={MEMBER}")).await, ["1"]);
    assert_eq!(ids(&mut world, ONE, "").await, ["0"]);
    for (account, accounts) in [(ONE, OTHER), (MEMBER, ONE), (MEMBER, "all"), (OTHER, "all")] {
        let answer = ask(&mut world, account, &format!("accountIds={accounts}")).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{account} for {accounts}: {answer}");
    }
}

#[tokio::test]
async fn nobody_reads_the_history_unseen() {
    let mut world = world();
    world.history.committed(BatchId(1), 0, &events(ONE, 0..2, 0));
    let query = "format=csv&EventName=Act&Username=amy&startTime=2026-01-01&regions=all&limit=7";
    ask(&mut world, ONE, query).await;
    ask(&mut world, ONE, &format!("accountIds={OTHER}")).await;
    ask(&mut world, ONE, "limit=x").await;
    let calls = std::mem::take(&mut world.recorded.lock().unwrap().calls);
    let attribute = |key, value| json!({ "AttributeKey": key, "AttributeValue": value });
    let members = json!({
        "LookupAttributes": [attribute("EventName", "Act"), attribute("Username", "amy")],
        "MatchAll": true, "StartTime": "2026-01-01T00:00:00Z", "Regions": ["ALL"],
        "MaxResults": 7, "DownloadFormat": "csv",
    });
    assert_eq!(calls[0], (members, Ok(())));
    let code = |call: &(Value, Result<(), api::Exception>)| call.1.clone().unwrap_err().code;
    assert_eq!(calls[1].0["AccountIds"], json!([OTHER]));
    assert_eq!(code(&calls[1]), "AccessDeniedException");
    assert_eq!(code(&calls[2]), "InvalidMaxResultsException");
    assert_eq!(calls.len(), 3);

    world.recorded.lock().unwrap().is_full = true;
    let answer = ask(&mut world, ONE, "").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && !answer.contains("eventID"), "{answer}");
}

#[tokio::test]
async fn events_that_arrive_meanwhile_neither_double_nor_hide_any() {
    let world = world();
    let count = 2 * ROWS_MAX + 10;
    // All of one second, so that their places decide.
    let event = |number: usize| {
        let mut event = event(ONE, number, 0);
        event.time = Some(Timestamp::from_millis(1_770_000_000_000));
        event
    };
    for number in 0..count {
        world.history.committed(BatchId(5), number as u64, &[event(number)]);
    }
    let chunks = download(&world, "").chunks();
    let mut chunks = std::pin::pin!(chunks);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut arrived = count;
    while let Some(chunk) = chunks.try_next().await.unwrap() {
        for id in ids_of(std::str::from_utf8(&chunk).unwrap()) {
            *seen.entry(id).or_default() += 1;
        }
        for batch in [4, 5, 6] {
            world.history.committed(BatchId(batch), arrived as u64, &[event(arrived)]);
            arrived += 1;
        }
    }
    let once = |number: &usize| seen.get(&number.to_string()) == Some(&1);
    assert_eq!((0..count).filter(once).count(), count);
    assert!(seen.values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_page_is_looked_up_when_the_one_before_was_taken_and_holds_no_more_than_it_may() {
    let world = world();
    world.history.committed(BatchId(5), 0, &events(ONE, 1..41, 200 << 10));
    let chunks = download(&world, "").chunks();
    let mut chunks = std::pin::pin!(chunks);
    let first = chunks.next().await.unwrap().unwrap();
    assert!((PAGE_BYTES..PAGE_BYTES + (256 << 10) + 10).contains(&first.len()), "{}", first.len());
    // Older than all: it is on the last page if that was not looked up yet.
    world.history.committed(BatchId(5), 41, &[event(ONE, 0, 0)]);
    let mut ids = ids_of(std::str::from_utf8(&first).unwrap());
    while let Some(chunk) = chunks.try_next().await.unwrap() {
        assert!(chunk.len() < PAGE_BYTES + (256 << 10) + 10, "{}", chunk.len());
        ids.extend(ids_of(std::str::from_utf8(&chunk).unwrap()));
    }
    assert_eq!(ids, numbers((0..41).rev()));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_holds_nothing_up_and_is_dropped() {
    let mut world = world();
    world.history.committed(BatchId(1), 0, &events(ONE, 0..4_000, 1_000));
    let mut idle = world.connect_with(BUFFER_BYTES);
    idle.send(request(ONE, "")).await;
    assert!(idle.hear_some().await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(world.site.downloads.state(), (1, DOWNLOADS_MAX));
    // Others read, write and look up as ever.
    world.history.committed(BatchId(2), 0, &events(OTHER, 0..3, 0));
    assert_eq!(ids(&mut world, OTHER, "").await, ["2", "1", "0"]);
    assert_eq!(ids(&mut world, ONE, "EventId=7").await, ["7"]);
    let begun = Instant::now();
    while world.site.downloads.state().0 > 0 {
        sleep(Duration::from_secs(1)).await;
        assert!(begun.elapsed() <= 2 * LIMIT, "its place is given back");
    }
    let heard = idle.hear().await;
    assert!(heard.len() < 2 * MIB && !heard.ends_with("\r\n0\r\n\r\n"), "it is cut off");
}

#[tokio::test(start_paused = true)]
async fn so_many_download_at_a_time_and_half_of_them_from_one_account() {
    let mut world = world();
    for account in [ONE, MEMBER, OTHER] {
        world.history.committed(BatchId(1), 0, &events(account, 0..2_000, 1_000));
    }
    let mut clients = Vec::new();
    for account in [ONE, MEMBER] {
        for _ in 0..DOWNLOADS_MAX / 2 {
            let mut client = world.connect_with(BUFFER_BYTES);
            client.send(request(account, "")).await;
            assert!(client.hear_some().await.starts_with("HTTP/1.1 200 OK"));
            clients.push(client);
        }
        let answer = ask(&mut world, account, "limit=1").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{account}: {answer}");
        assert!(answer.contains("retry-after: 2\r\n"), "{answer}");
    }
    assert!(ask(&mut world, OTHER, "limit=1").await.starts_with("HTTP/1.1 503 "));
    let mut whole = clients.remove(0);
    whole.hear().await;
    assert!(ask(&mut world, OTHER, "limit=1").await.starts_with("HTTP/1.1 200 "));
    drop(clients);
    let begun = Instant::now();
    while world.site.downloads.state().0 > 0 {
        sleep(Duration::from_secs(1)).await;
        assert!(begun.elapsed() <= LIMIT, "places of clients that went away are given back");
    }
}

#[tokio::test]
async fn a_download_that_the_daemon_s_end_cuts_short_is_seen_to_be_so() {
    let world = world();
    world.history.committed(BatchId(1), 0, &events(ONE, 0..2 * ROWS_MAX, 0));
    let chunks = download(&world, "").chunks();
    let mut chunks = std::pin::pin!(chunks);
    assert!(chunks.next().await.unwrap().is_ok());
    world.close.send_replace(true);
    assert!(chunks.next().await.unwrap().is_err());

    let mut world = self::world();
    world.history.committed(BatchId(1), 0, &events(ONE, 0..4_000, 1_000));
    let mut client = world.connect_with(BUFFER_BYTES);
    client.send(request(ONE, "")).await;
    let begun = client.hear_some().await;
    world.close.send_replace(true);
    let answer = begun + &client.hear().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(body(&answer), None, "there is no last chunk");
}

#[tokio::test]
async fn a_presigned_url_says_who_asks_also_where_everybody_is_believed() {
    let mut world = world();
    world.history.committed(BatchId(1), 0, &events(MEMBER, 0..2, 0));
    let url = format!(
        "/v1/history?X-Amz-Credential={MEMBER}%2F20260102%2Fus-east-1%2Fcloudtrail%2Faws4_request\
         &X-Amz-Signature=0&limit=1"
    );
    let answer = world.connect().call(&get(&url)).await;
    assert_eq!(ids_of(&body(&answer).unwrap()), ["1"]);
}

#[tokio::test]
async fn a_download_ends_when_its_caller_is_not_served_any_more() {
    let world = world();
    world.history.committed(BatchId(1), 0, &events(ONE, 0..2 * ROWS_MAX, 0));
    let answer = begun(&world, ONE).await;
    let mut chunks = answer.into_body().into_data_stream();
    assert!(chunks.next().await.unwrap().is_ok());
    let accounts = vec![OTHER.parse().unwrap()];
    world.define(Definitions { accounts, ..Definitions::default() });
    assert!(chunks.next().await.unwrap().is_err());
}

#[tokio::test]
async fn a_download_ends_when_its_caller_may_not_see_it_any_more() {
    let mut world = world();
    let organization = Organization {
        id: "o-history000".parse().unwrap(),
        management_account: ONE.parse().unwrap(),
        members: vec![MEMBER.parse().unwrap()],
    };
    world.define(Definitions { organization: Some(organization), ..Definitions::default() });
    world.history.committed(BatchId(1), 0, &events(MEMBER, 0..4_000, 1_000));
    let mut client = world.connect_with(BUFFER_BYTES);
    client.send(request(ONE, "accountIds=ALL")).await;
    let begun = client.hear_some().await;
    assert!(begun.starts_with("HTTP/1.1 200 OK"), "{begun}");
    world.define(Definitions::default());
    let answer = begun + &client.hear().await;
    assert_eq!(body(&answer), None, "there is no last chunk");
}
