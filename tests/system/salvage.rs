//! A journal segment that went bad on disk, and the operator's way back from it: what health says,
//! and what the help of `cairn salvage` tells to do.

use std::fs;
use std::os::unix::fs::FileExt;

use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{Trail, trails};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;
use crate::support::process::cairn;

const ACCOUNT: &str = "770000000001";

#[tokio::test]
async fn what_a_damaged_segment_still_holds_is_salvaged_and_delivered_once() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("salvaged").await;
    let site = Site::new("");
    let trail = trails(&[Trail::new("all", ACCOUNT, "eu-west-1", &bucket)]);
    site.configure_with_interval("1h", &trail);
    let daemon = site.start().await;
    let events: Vec<String> = (0..5).map(|number| event(ACCOUNT, "eu-west-1", number)).collect();
    for one in &events {
        daemon.record(&[one]).await;
    }
    let sender = ["--account", ACCOUNT, "--region", "eu-west-1"];
    let nameless = r#"{"eventVersion":"1.11","eventName":"Nameless"}"#;
    let file = site.file("nameless.json", nameless);
    let put = cairn(&[&["put", &file, "--endpoint", &daemon.url("")], &sender[..]].concat()).await;
    assert_eq!(put.code, Some(0), "{put:?}");
    daemon.kill();

    let segment = fs::read_dir(site.data().join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "segment"))
        .unwrap();
    let bytes = fs::read(&segment).unwrap();
    let lost = memchr::memmem::find(&bytes, events[1].as_bytes()).unwrap() + 100;
    let file = fs::File::options().write(true).open(&segment).unwrap();
    file.write_all_at(&[bytes[lost] ^ 1], lost as u64).unwrap();

    site.configure_with_interval("1s", &trail);
    let damaged = site.start().await;
    let health = damaged.get("/readyz").await;
    assert_eq!(health.status, 503);
    let problem = health.json()["problems"][0].as_str().unwrap().to_owned();
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(problem.contains(name) && problem.contains("cairn salvage --help"), "{problem}");
    damaged.stop().await;

    let taken_out = site.file(name, "");
    fs::rename(&segment, &taken_out).unwrap();
    let daemon = site.start().await;
    assert_eq!(daemon.get("/readyz").await.status, 200);
    let salvaged = cairn(&["salvage", &taken_out]).await;
    assert_eq!(salvaged.code, Some(1), "{salvaged:?}");
    assert!(salvaged.errors.contains("are lost"), "{}", salvaged.errors);
    assert!(salvaged.errors.contains("5 records; it has no seal"), "{}", salvaged.errors);
    assert!(salvaged.errors.contains("1 more records do not name"), "{}", salvaged.errors);
    let records = site.file("records.json", &salvaged.output);
    let put = cairn(&["put", &records, "--endpoint", &daemon.url("")]).await;
    assert_eq!(put.code, Some(0), "{put:?}");
    let more = cairn(&[&["salvage", &taken_out], &sender[..]].concat()).await;
    assert_eq!(more.output, format!(r#"{{"Records":[{nameless}]}}"#));
    let more = site.file("more.json", &more.output);
    let put = cairn(&[&["put", &more, "--endpoint", &daemon.url("")], &sender[..]].concat()).await;
    assert_eq!(put.code, Some(0), "{put:?}");
    daemon.finish().await;
    let mut expected: Vec<&str> = events.iter().map(String::as_str).collect();
    expected[1] = nameless;
    expected.sort_unstable();
    let bucket = Bucket::read(&localstack, &bucket, (ACCOUNT, "eu-west-1")).await;
    let mut there = bucket.records();
    there.sort_unstable();
    assert_eq!(there, expected);

    let other = site.file("other.segment", "not a segment");
    let refused = cairn(&["salvage", &other]).await;
    assert_eq!(refused.code, Some(2));
    assert!(refused.errors.contains("no journal segment"), "{refused:?}");
}
