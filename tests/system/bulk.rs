//! The bulk intake: every form of body, and answers that say what became of each record.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{ALL, Trail};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;

const ACCOUNT: &str = "740000000001";
const GZIP: &[(&str, &str)] = &[("content-encoding", "gzip")];

#[tokio::test]
async fn every_form_of_body_is_taken_and_its_records_arrive() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("bulk").await;
    let trail = Trail::new("all", ACCOUNT, "eu-west-1", &bucket).multi_region().categories(&ALL);
    let site = Site::new(&trail.to_string());
    let daemon = site.start().await;
    let records: Vec<String> = (0..16).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    let [a, b, c, d] = [0, 4, 8, 12].map(|begin| records[begin..begin + 4].to_vec());
    let container = format!("{{\n  \"Records\" : [ {} ]\n}}\n", b.join(" ,\n"));
    let mixed = format!("{}\r\n\r\n[{},{}]{}", d[0], d[1], d[2], d[3]);
    let concatenated = [gzip(&c[0]), gzip(&format!("\n{}\n", c[1..].join("\n")))].concat();
    for (headers, body) in [
        (&[][..], a.join("\n").into_bytes()),
        (&[("content-encoding", "identity")][..], container.into_bytes()),
        (GZIP, concatenated),
        (&[][..], mixed.into_bytes()),
    ] {
        let answer = daemon.post(headers, body.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let expected = json!({"records": 4, "recorded": 4, "duplicates": 0, "refused": 0, "refusals": [], "remarks": []});
        assert_eq!(answer.json(), expected);
        assert!(answer.header("x-amzn-requestid").is_some_and(|id| id.len() == 36));
        let again = daemon.post(headers, body).await.json();
        assert_eq!((&again["recorded"], &again["duplicates"]), (&json!(0), &json!(4)));
    }
    daemon.finish().await;
    let bucket = Bucket::read(&localstack, &bucket, ("", "")).await;
    let mut expected: Vec<&str> = records.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(bucket.records(), expected);
}

#[tokio::test]
async fn bad_records_are_refused_one_by_one_and_named() {
    let site = Site::new(&format!("[[accounts]]\nid = {ACCOUNT:?}\n"));
    let daemon = site.start().await;
    let good = |n| event(ACCOUNT, "eu-west-1", n);
    let body = [
        good(0),
        "nonsense".into(),
        "{\"half\":".into(),
        event("999999999999", "eu-west-1", 1),
        "{\"eventName\":\"a\",\"eventName\":\"b\"}".into(),
        good(2).replace("eu-west-1", "..."),
        "\"text\"".into(),
        good(3),
    ];
    let answer = daemon.post(&[], body.join("\n")).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(
        [&answer["records"], &answer["recorded"], &answer["duplicates"], &answer["refused"]],
        [8, 3, 0, 5].map(|n| json!(n)).each_ref(),
        "{answer}"
    );
    let refusals = answer["refusals"].as_array().unwrap();
    let refused: Vec<u64> =
        refusals.iter().map(|refusal| refusal["record"].as_u64().unwrap()).collect();
    assert_eq!(refused, [1, 2, 3, 4, 6]);
    let why = |n: usize| refusals[n]["error"].as_str().unwrap();
    assert_eq!(why(2), "account 999999999999 is not served here");
    for (n, part) in [(0, "record: "), (1, "byte "), (3, "eventName"), (4, "record: ")] {
        assert!(why(n).contains(part), "{} says {part:?}", why(n));
    }
    let remark = &answer["remarks"][0];
    assert_eq!(remark["record"], 5);
    assert!(remark["remark"].as_str().unwrap().contains("awsRegion"), "{remark}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says_is_refused_as_a_whole() {
    let site = Site::new("");
    site.configure_with_interval("1h", ""); // what is recorded stays in the open segment
    let daemon = site.start().await;
    let records: Vec<String> = (0..200).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    let text = records.join("\n");
    let whole = gzip(&text);

    let unknown = daemon.post(&[("content-encoding", "br")], text.clone()).await;
    let kind = unknown.header("x-amzn-errortype");
    assert_eq!((unknown.status, kind), (415, Some("UnsupportedMediaType")));
    let plain = daemon.post(GZIP, text).await;
    assert_eq!(plain.status, 400);
    assert!(plain.json()["error"].as_str().unwrap().contains("not whole gzip"), "{}", plain.text());
    let nothing = daemon.post(&[], "nonsense\n{").await;
    assert_eq!((nothing.status, &nothing.json()["refused"]), (400, &json!(2)));
    let empty = daemon.post(&[], "").await;
    assert_eq!((empty.status, &empty.json()["records"]), (200, &json!(0)));
    for (body, found) in [("[{}", "the end"), ("{\"Records\":[{} {}]}", "byte "), ("[7]", "byte 1")]
    {
        let broken = daemon.post(&[], body).await;
        assert_eq!(broken.status, 400, "{body}");
        assert!(broken.json()["error"].as_str().unwrap().contains(found), "{}", broken.text());
    }
    for cut in [1, 20, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        let answer = daemon.post(GZIP, whole[..cut].to_vec()).await;
        assert_eq!(answer.status, 400, "gzip that ends after {cut} of {} bytes", whole.len());
        assert!(answer.json()["error"].is_string(), "{}", answer.text());
    }
    // Whatever came through before: the whole may be sent again, and then each is recorded once.
    let before = daemon.metrics().await.sum("cairn_journal_open_events");
    let answer = daemon.post(GZIP, whole).await.json();
    assert_eq!((&answer["records"], &answer["refused"]), (&json!(200), &json!(0)));
    let after = daemon.metrics().await.sum("cairn_journal_open_events");
    assert_eq!(answer["recorded"], after - before, "{answer}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_sender_who_listens_only_after_the_last_byte_still_hears_why_it_is_refused() {
    let site = Site::new("");
    let daemon = site.start().await;
    // More than a connection holds on its way.
    let body = vec![b'x'; 16 << 20];
    for (path, encoding, status) in [
        ("/v1/events", "br", "415"),
        ("/v1/events", "gzip", "400"),
        ("/PutAuditEvents", "identity", "400"),
    ] {
        let mut stream = TcpStream::connect(daemon.address()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
            daemon.address(),
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap_or_else(|error| panic!("{path} {encoding}: {error}"));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {encoding}: {answer}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn put_sends_files_and_says_what_was_refused() {
    use crate::support::process::cairn;
    let site = Site::new("");
    let daemon = site.start().await;
    let url = daemon.url("");
    let good: Vec<String> = (0..5).map(|n| event(ACCOUNT, "eu-west-1", n)).collect();
    let packed = site.file("good.json.gz", gzip(&format!("{{\"Records\":[{}]}}", good.join(","))));
    let mixed = site.file("mixed.ndjson", format!("{}\nnonsense\n", good[0]));
    let put = cairn(&["put", "--endpoint", &url, &packed]).await;
    assert_eq!(
        (put.code, put.output.as_str()),
        (Some(0), "5 records: 5 recorded, 0 recorded before, 0 refused\n"),
        "{put:?}"
    );
    let put = cairn(&["put", "--endpoint", &url, &packed, &mixed]).await;
    assert_eq!(
        (put.code, put.output.as_str()),
        (Some(1), "7 records: 0 recorded, 6 recorded before, 1 refused\n"),
        "{put:?}"
    );
    assert!(put.errors.contains("mixed.ndjson: record 2, counted from 1: "), "{put:?}");
    daemon.stop().await;
    let put = cairn(&["put", "--endpoint", &url, &packed]).await;
    assert_eq!(put.code, Some(2), "no daemon answers: {put:?}");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
