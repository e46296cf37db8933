//! Everything that is sent comes out of S3 byte for byte, in the right place, exactly once.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::bucket::{Bucket, Contents, marked};
use crate::support::cairn::Site;
use crate::support::configuration::{ALL, Trail, trails};
use crate::support::filing::place;
use crate::support::localstack::LocalStack;
use crate::support::process::cairn;
use crate::support::records::{all, expected};

const SENDER: (&str, &str) = ("999999999999", "eu-central-1");

#[tokio::test]
async fn every_record_arrives_byte_for_byte_in_its_place_exactly_once() {
    let Some(localstack) = LocalStack::find().await else { return };
    let records = all();
    let accounts: BTreeSet<String> =
        records.iter().map(|record| place(record, SENDER).account).collect();
    let (main, second) = (localstack.bucket("main").await, localstack.bucket("second").await);
    let several: Vec<&String> = accounts.iter().step_by(3).collect();
    let mut all_trails = Vec::new();
    for account in &accounts {
        let trail = |name, bucket| {
            Trail::new(name, account, "us-east-1", bucket).multi_region().categories(&ALL)
        };
        all_trails.push(trail("all", &main));
        if several.contains(&account) {
            all_trails.push(trail("prefixed", &main).prefix("copy/of it"));
            all_trails.push(trail("second", &second));
        }
    }
    let site = Site::new(&trails(&all_trails));
    let daemon = site.start().await;
    let sent = send(&site, &daemon.url(""), &records).await;
    let events: usize = expected(&records, SENDER).values().map(BTreeMap::len).sum();
    assert_eq!(sent, (records.len(), events), "records sent, events recorded");
    marked(&localstack, &[&main, &second], all_trails.len()).await;
    let metrics = daemon.finish().await;

    let want = expected(&records, SENDER);
    let of_several: Contents = want
        .iter()
        .filter(|(place, _)| several.contains(&&place.account))
        .map(|(p, e)| (p.clone(), e.clone()))
        .collect();
    let bucket = Bucket::read(&localstack, &main, SENDER).await;
    assert_same(&bucket.contents(None, None), &want);
    assert_same(&bucket.contents(Some("copy/of it"), None), &of_several);
    let copies = Bucket::read(&localstack, &second, SENDER).await;
    assert_same(&copies.contents(None, None), &of_several);
    let files = bucket.files.len() + copies.files.len();
    assert_eq!(metrics.sum("cairn_trail_files"), files as u64);
    let delivered: usize = [&want, &of_several, &of_several].map(count).iter().sum();
    assert_eq!(metrics.sum("cairn_trail_delivered_events"), delivered as u64);
}

/// Sends everything by `cairn put`, in three files of different forms. Gives how many records were
/// seen, and how many were new.
async fn send(site: &Site, endpoint: &str, records: &[String]) -> (usize, usize) {
    let third = records.len() / 3;
    let (lines, rest) = records.split_at(third);
    let (container, array) = rest.split_at(third);
    let files = [
        site.file("lines.ndjson", lines.join("\n")),
        site.file("file.json", format!("{{\"Records\":[{}]}}", container.join(","))),
        site.file("array.json", format!("[{}]\n", array.join(",\n"))),
    ];
    let (account, region) = SENDER;
    let mut arguments =
        vec!["put", "--endpoint", endpoint, "--account", account, "--region", region, "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let put = cairn(&arguments).await;
    assert_eq!(put.code, Some(0), "{put:?}");
    let totals: serde_json::Value = serde_json::from_str(&put.output).unwrap();
    assert_eq!(totals["refused"], 0, "{totals}");
    let count = |name: &str| usize::try_from(totals[name].as_u64().unwrap()).unwrap();
    assert_eq!(count("records"), count("recorded") + count("duplicates"), "{totals}");
    (count("records"), count("recorded"))
}

fn count(contents: &Contents) -> usize {
    contents.values().flat_map(BTreeMap::values).sum()
}

/// Names the first difference: whole contents would fill the screen.
#[track_caller]
fn assert_same(found: &Contents, expected: &Contents) {
    let places: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    for place in places {
        let (found, expected) = (found.get(place), expected.get(place));
        let (Some(found), Some(expected)) = (found, expected) else {
            panic!(
                "{place:?}: found {:?} records, expected {:?}",
                found.map(BTreeMap::len),
                expected.map(BTreeMap::len)
            );
        };
        for record in found.keys().chain(expected.keys()) {
            assert_eq!(
                found.get(record),
                expected.get(record),
                "{place:?}: times that this is there: {record}"
            );
        }
    }
}
