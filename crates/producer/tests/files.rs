//! From a sealed segment to log files: golden bytes and names, and each event in exactly one file
//! of each trail that takes it.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use cairn_producer::{Batch, Journal, JournalSettings, render};
use disk::{Disk, SimulatedDisk};
use expect_test::expect;
use flate2::read::GzDecoder;
use model::log_file::UNCOMPRESSED_BYTES_MAX;
use model::{Category, Event, LogFile, Timestamp, TrailArn};
use proptest::prelude::*;
use support::{at, from_record};
use trails::{AdvancedEventSelector, Organization, Trail, TrailSet};

fn trail(name: &str, account: &str) -> Trail {
    let arn = format!("arn:aws:cloudtrail:eu-west-1:{account}:trail/{name}");
    let trail = Trail::new(arn.parse().unwrap(), "logs".parse().unwrap());
    Trail { is_multi_region: true, ..trail }
}

fn record(account: &str, region: &str, category: Category, id: u32) -> Event {
    let category = category.name();
    from_record(&format!(
        r#"{{"eventID":"{id}","eventCategory":"{category}","awsRegion":"{region}","recipientAccountId":"{account}"}}"#
    ))
}

fn management(account: &str, id: u32) -> Event {
    record(account, "eu-west-1", Category::Management, id)
}

/// A sealed batch of these events.
fn batch(trails: TrailSet, events: &[Event]) -> Batch {
    let disk = SimulatedDisk::new();
    let bytes: usize = events.iter().map(|event| event.record.len() + 128).sum();
    let segment_bytes = bytes as u64 + (1 << 20);
    let quota_bytes = 2 * segment_bytes;
    let settings = JournalSettings { segment_bytes, quota_bytes, window_events: 0 };
    let shared = Arc::new(disk.clone()) as Arc<dyn Disk>;
    let mut journal =
        Journal::open(shared, settings, Arc::new(trails), at(0), Box::new(|| 42)).unwrap();
    for event in events {
        journal.stage(event, at(0)).unwrap();
    }
    journal.seal(Timestamp::parse("2026-03-09T14:01:13Z").unwrap()).unwrap();
    Batch::read(&disk, journal.state().sealed[0].batch).unwrap()
}

fn set(trails: &[Trail]) -> TrailSet {
    TrailSet { version: 1, organization: None, trails: trails.to_vec() }
}

fn files(batch: &Batch) -> Vec<LogFile> {
    let plan = batch.plan().unwrap();
    plan.contents.iter().flat_map(|content| render(batch, content, 6).unwrap()).collect()
}

fn inside(file: &LogFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(file.body.as_ref()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The `eventID`s in a file, in order.
fn ids(file: &LogFile) -> Vec<String> {
    let content: serde_json::Value = serde_json::from_slice(&inside(file)).unwrap();
    let records = content["Records"].as_array().unwrap();
    records.iter().map(|record| record["eventID"].as_str().unwrap().to_owned()).collect()
}

fn keys(batch: &Batch) -> String {
    files(batch).iter().map(|file| file.header.name.key(0) + "\n").collect()
}

#[test]
fn a_log_file_has_exactly_these_bytes() {
    // Odd on purpose: white space, a repeated member, escapes, and no times in order.
    let records = [
        r#"{ "eventID" : "1", "eventTime":"2026-05-04T03:02:09Z","recipientAccountId":"111111111111","awsRegion":"eu-west-1"}"#,
        r#"{"eventID":"2","eventTime":"2026-05-04T03:02:01Z","x":"\u00e9é\/","x":1e400,"recipientAccountId":"111111111111","awsRegion":"eu-west-1"}"#,
        r#"{"eventID":"3","eventTime":"long ago","recipientAccountId":"111111111111","awsRegion":"eu-west-1"}"#,
    ];
    let batch = batch(set(&[trail("all", "111111111111")]), &records.map(from_record));
    let [file] = files(&batch).try_into().unwrap();
    let expected = format!(r#"{{"Records":[{}]}}"#, records.join(","));
    assert_eq!(inside(&file), expected.as_bytes());
    let header = &file.header;
    assert_eq!(header.uncompressed_bytes, expected.len() as u64);
    assert_eq!((header.records, header.destination.bucket.as_str()), (3, "logs"));
    assert_eq!(header.oldest, Timestamp::parse("2026-05-04T03:02:01Z"));
    assert_eq!(header.newest, Timestamp::parse("2026-05-04T03:02:09Z"));
    // Python: hashlib.sha256(...).hexdigest() over the same text.
    expect!["caaeeb365d892f53ff57ed7efa7ef4c34e36de57de7ba7a28d2fc5281c61c34a"]
        .assert_eq(&header.sha256);
    // Magic, deflate, no flags, no time, no name; a reader needs no more.
    assert_eq!(file.body[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    expect!["AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/111111111111_CloudTrail_eu-west-1_20260309T1405Z_0VHfquAaap8CT4H9.json.gz"].assert_eq(&header.name.key(0));
}

#[test]
fn accounts_share_a_bucket_and_an_account_has_several() {
    let elsewhere = Trail {
        bucket: "elsewhere".parse().unwrap(),
        prefix: Some("audit/2".parse().unwrap()),
        ..trail("two", "111111111111")
    };
    let trails = [trail("one", "111111111111"), elsewhere, trail("one", "222222222222")];
    let events = [management("111111111111", 1), management("222222222222", 2)];
    let batch = batch(set(&trails), &events);
    let places: Vec<String> = files(&batch)
        .iter()
        .map(|file| format!("{}/{}", file.header.destination.bucket, file.header.name.key(0)))
        .collect();
    expect![[r#"
        logs/AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/111111111111_CloudTrail_eu-west-1_20260309T1405Z_0VHfquAaJM7DEsHf.json.gz
        elsewhere/audit/2/AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/111111111111_CloudTrail_eu-west-1_20260309T1405Z_0VHfquAa2ibn4Uzz.json.gz
        logs/AWSLogs/222222222222/CloudTrail/eu-west-1/2026/03/09/222222222222_CloudTrail_eu-west-1_20260309T1405Z_0VHfquAas6l1q9YL.json.gz
    "#]].assert_eq(&(places.join("\n") + "\n"));
}

#[test]
fn each_category_goes_to_its_folder_and_each_region_to_its_own() {
    let categories = [
        Category::Management,
        Category::Data,
        Category::NetworkActivity,
        Category::Insight,
        Category::Aggregated,
        Category::ActivityAuditLog,
    ];
    let selectors = AdvancedEventSelector::of_categories(&categories);
    let trails = [Trail { selectors: selectors.into(), ..trail("all", "111111111111") }];
    let events: Vec<Event> = (0..)
        .zip(categories)
        .map(|(id, category)| record("111111111111", "eu-west-1", category, id))
        .chain([record("111111111111", "us-east-1", Category::Data, 9)])
        .collect();
    let batch = batch(set(&trails), &events);
    expect![[r#"
        AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/09/111111111111_CloudTrail_eu-west-1_20260309T1405Z_0VHfquAaap8CT4H9.json.gz
        AWSLogs/111111111111/CloudTrail-Insight/eu-west-1/2026/03/09/111111111111_CloudTrail-Insight_eu-west-1_20260309T1402Z_0VHfquAa20XDcznG.json.gz
        AWSLogs/111111111111/CloudTrail-NetworkActivity/eu-west-1/2026/03/09/111111111111_CloudTrail-NetworkActivity_eu-west-1_20260309T1402Z_0VHfquAaXxjnsCcY.json.gz
        AWSLogs/111111111111/CloudTrail-Aggregated/eu-west-1/2026/03/09/111111111111_CloudTrail-Aggregated_eu-west-1_20260309T1402Z_0VHfquAaKUxKsxof.json.gz
        AWSLogs/111111111111/CloudTrail-ActivityAuditLog/eu-west-1/2026/03/09/111111111111_CloudTrail-ActivityAuditLog_eu-west-1_20260309T1402Z_0VHfquAaijji5R3n.json.gz
        AWSLogs/111111111111/CloudTrail/us-east-1/2026/03/09/111111111111_CloudTrail_us-east-1_20260309T1405Z_0VHfquAasBEEhli4.json.gz
    "#]].assert_eq(&keys(&batch));
}

#[test]
fn the_files_of_an_organization_trail_carry_its_id_and_each_member_has_its_own() {
    let organization = Organization {
        id: "o-abc123defg".parse().unwrap(),
        management_account: "100000000000".parse().unwrap(),
        members: vec!["200000000000".parse().unwrap()],
    };
    let org = Trail { is_organization: true, ..trail("org", "100000000000") };
    let trails = TrailSet {
        version: 1,
        organization: Some(organization),
        trails: vec![org, trail("own", "200000000000")],
    };
    let events =
        ["100000000000", "200000000000", "300000000000"].map(|account| management(account, 1));
    expect![[r#"
        AWSLogs/o-abc123defg/100000000000/CloudTrail/eu-west-1/2026/03/09/100000000000_CloudTrail_eu-west-1_20260309T1405Z_0VHfquAaZbB5XINi.json.gz
        AWSLogs/o-abc123defg/200000000000/CloudTrail/eu-west-1/2026/03/09/200000000000_CloudTrail_eu-west-1_20260309T1405Z_0VHfquAassu0OHqq.json.gz
        AWSLogs/200000000000/CloudTrail/eu-west-1/2026/03/09/200000000000_CloudTrail_eu-west-1_20260309T1405Z_0VHfquAaxoSCL1gN.json.gz
    "#]].assert_eq(&keys(&batch(trails, &events)));
}

#[test]
fn trails_that_take_the_same_events_share_one_content() {
    let data = AdvancedEventSelector::of_categories(&[Category::Data]);
    let trails = [
        trail("one", "111111111111"),
        Trail { bucket: "elsewhere".parse().unwrap(), ..trail("two", "111111111111") },
        Trail { selectors: data.into(), ..trail("three", "111111111111") },
    ];
    let events = [
        management("111111111111", 1),
        record("111111111111", "eu-west-1", Category::Data, 2),
        management("111111111111", 3),
    ];
    let batch = batch(set(&trails), &events);
    let plan = batch.plan().unwrap();
    let shared: Vec<(Vec<u32>, usize)> =
        plan.contents.iter().map(|one| (one.events.clone(), one.files.len())).collect();
    assert_eq!(shared, [(vec![0, 2], 2), (vec![1], 1)]);
    let files = render(&batch, &plan.contents[0], 6).unwrap();
    assert_eq!(files[0].body, files[1].body);
    assert_ne!(files[0].header.name.key(0), files[1].header.name.key(0));
}

#[test]
fn a_batch_planned_again_gives_the_same_names_and_bytes() {
    let trails = [trail("one", "111111111111"), trail("two", "222222222222")];
    let events: Vec<Event> = (0..40)
        .map(|id| management(["111111111111", "222222222222"][id as usize % 2], id))
        .collect();
    let batch = batch(set(&trails), &events);
    assert_eq!(files(&batch), files(&batch));
}

#[test]
fn nothing_goes_out_where_no_trail_takes_anything() {
    let stopped = Trail { is_logging: false, ..trail("off", "111111111111") };
    let batch = batch(set(std::slice::from_ref(&stopped)), &[management("111111111111", 1)]);
    let plan = batch.plan().unwrap();
    assert!(plan.contents.is_empty());
    assert_eq!(plan.unselected, BTreeMap::from([(stopped.arn, 1)]));
}

/// A file may hold 50 MB and not a byte more, wrapper included.
#[test]
fn a_file_is_split_at_its_limit_and_the_parts_have_their_own_names() {
    let sized = |id: u32, bytes: usize| {
        let head = format!(
            r#"{{"eventID":"{id:06}","awsRegion":"eu-west-1","recipientAccountId":"111111111111","pad":""#
        );
        let padding = "x".repeat(bytes - head.len() - 2);
        from_record(&format!("{head}{padding}\"}}"))
    };
    const RECORD: usize = 256 * 1024;
    // So many full records and their commas; the last one decides whether all fit.
    let full = (UNCOMPRESSED_BYTES_MAX - 14) / (RECORD + 1);
    let rest = UNCOMPRESSED_BYTES_MAX - 14 - full * (RECORD + 1);
    for (last, parts) in [(rest, 1), (rest + 1, 2)] {
        let mut events: Vec<Event> =
            (0..u32::try_from(full).unwrap()).map(|id| sized(id, RECORD)).collect();
        events.push(sized(999_999, last));
        assert!(events.iter().all(|event| event.record.len() <= RECORD));
        let batch = batch(set(&[trail("all", "111111111111")]), &events);
        let files = files(&batch);
        assert_eq!(files.len(), parts, "a last record of {last} bytes");
        assert!(files.iter().all(|file| file.header.uncompressed_bytes <= 50 * 1024 * 1024));
        let first = files[0].header.uncompressed_bytes;
        assert!(parts == 2 || first == UNCOMPRESSED_BYTES_MAX as u64, "filled to the last byte");
        let names: BTreeSet<String> = files.iter().map(|file| file.header.name.key(0)).collect();
        assert_eq!(names.len(), parts);
        let found: Vec<String> = files.iter().flat_map(ids).collect();
        assert!(found.is_sorted() && found.len() == events.len(), "order is kept over parts");
    }
}

const ACCOUNTS: [&str; 3] = ["111111111111", "222222222222", "333333333333"];
const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "ap-south-2"];
const CATEGORIES: [Category; 4] =
    [Category::Management, Category::Data, Category::Insight, Category::ActivityAuditLog];

#[derive(Clone, Debug)]
struct Rules {
    account: usize,
    home: usize,
    is_multi_region: bool,
    is_organization: bool,
    is_logging: bool,
    categories: Vec<Category>,
    bucket: usize,
}

fn rules() -> impl Strategy<Value = Rules> {
    let categories = proptest::sample::subsequence(CATEGORIES.to_vec(), 0..=4);
    let flags = (any::<bool>(), any::<bool>(), prop_oneof![4 => Just(true), 1 => Just(false)]);
    (0..3_usize, 0..3_usize, flags, categories, 0..2_usize).prop_map(
        |(account, home, (is_multi_region, is_organization, is_logging), categories, bucket)| {
            Rules {
                account,
                home,
                is_multi_region,
                // The first account manages the organization, which the third is not a member of.
                is_organization: is_organization && account == 0,
                is_logging,
                categories,
                bucket,
            }
        },
    )
}

fn to_trail(number: usize, rules: &Rules) -> Trail {
    let arn = format!(
        "arn:aws:cloudtrail:{}:{}:trail/trail{number}",
        REGIONS[rules.home], ACCOUNTS[rules.account]
    );
    Trail {
        arn: arn.parse().unwrap(),
        bucket: ["logs", "elsewhere"][rules.bucket].parse().unwrap(),
        is_multi_region: rules.is_multi_region,
        is_organization: rules.is_organization,
        is_logging: rules.is_logging,
        selectors: AdvancedEventSelector::of_categories(&rules.categories).into(),
        ..trail("x00", "111111111111")
    }
}

/// The same rules once more, as plainly as they can be said.
fn takes(rules: &Rules, (account, region, category): (usize, usize, usize)) -> bool {
    let sees = rules.account == account || (rules.is_organization && account < 2);
    let covers = rules.is_multi_region || rules.home == region;
    let default = rules.categories.is_empty() && CATEGORIES[category] == Category::Management;
    rules.is_logging
        && sees
        && covers
        && (default || rules.categories.contains(&CATEGORIES[category]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_event_is_in_exactly_one_file_of_each_trail_that_takes_it(
        rules in proptest::collection::vec(rules(), 0..6),
        events in proptest::collection::vec((0..3_usize, 0..3_usize, 0..4_usize), 1..40),
    ) {
        let organization = Organization {
            id: "o-abc123defg".parse().unwrap(),
            management_account: ACCOUNTS[0].parse().unwrap(),
            members: vec![ACCOUNTS[1].parse().unwrap()],
        };
        let mut trails: Vec<Trail> =
            rules.iter().enumerate().map(|(number, rules)| to_trail(number, rules)).collect();
        let arns: Vec<TrailArn> = trails.iter().map(|trail| trail.arn.clone()).collect();
        trails.sort_by(|a, b| a.arn.cmp(&b.arn));
        let set = TrailSet { version: 1, organization: Some(organization), trails };
        let sent: Vec<Event> = (0..).zip(&events).map(|(id, (account, region, category))| {
            record(ACCOUNTS[*account], REGIONS[*region], CATEGORIES[*category], id)
        }).collect();
        let batch = batch(set, &sent);

        let mut found: BTreeMap<TrailArn, Vec<u32>> = BTreeMap::new();
        let mut names = BTreeSet::new();
        for file in files(&batch) {
            let name = &file.header.name;
            prop_assert!(names.insert((file.header.destination.bucket.clone(), name.key(0))));
            let ids: Vec<u32> = ids(&file).iter().map(|id| id.parse().unwrap()).collect();
            prop_assert!(!ids.is_empty() && ids.is_sorted());
            prop_assert_eq!(ids.len() as u64, file.header.records);
            for id in &ids {
                let event = &sent[*id as usize];
                prop_assert_eq!(&event.account, &name.account);
                prop_assert_eq!(&event.region, &name.region);
                prop_assert_eq!(event.category.folder(), name.folder);
            }
            found.entry(name.trail.clone()).or_default().extend(ids);
        }
        let plan = batch.plan().unwrap();
        for (arn, rules) in arns.iter().zip(&rules) {
            let expected: Vec<u32> =
                (0..).zip(&events).filter(|(_, event)| takes(rules, **event)).map(|(id, _)| id).collect();
            let mut found = found.remove(arn).unwrap_or_default();
            found.sort_unstable();
            prop_assert_eq!(&found, &expected, "{}", arn);
            prop_assert_eq!(plan.unselected[arn], (events.len() - expected.len()) as u64);
        }
        prop_assert!(found.is_empty(), "nobody asked for these: {found:?}");
    }
}
