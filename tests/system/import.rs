//! `cairn import`: what is in buckets and copies of them, in the history of a daemon that runs.
//!
//! What is in the history is looked up by `cairn lookup`, and read from the data directory when the
//! daemon has stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::ByteStream;
use cairn_tests::forge::{Forge, at, gzip, hours, printed};
use disk::RealDisk;
use futures_util::{StreamExt, stream};
use history::{Attribute, Found, History, Query, ScopeFilter, Settings, Summary};
use keyring::SigningKey;
use model::{ChainId, Folder, Timestamp};
use serde_json::Value;

use crate::lookup::{MANAGEMENT, MEMBER, OTHER, Signed};
use crate::support::cairn::{Cairn, Site};
use crate::support::filing::{Place, place};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;
use crate::support::process::{Ended, Process, cairn};
use crate::support::records::all;
use crate::support::wait::eventually;

/// `2026-03-09`
#[allow(clippy::disallowed_methods)] // what is young is told by the real clock alone
fn today() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap());
    now.to_iso_seconds()[..10].to_owned()
}

/// Everything is kept.
const KEEPS_ALL: &str = r#"[history]
retention = "36500d"
categories = "Management, Data, NetworkActivity, Insight, Aggregated, ActivityAuditLog"
"#;
const SENDER: (&str, &str) = ("999999999999", "eu-central-1");

/// Where a log file lies that holds records of a place, delivered on this day.
fn key(place: &Place, day: u32, number: usize) -> String {
    let Place { account, region, folder } = place;
    format!(
        "AWSLogs/{account}/{folder}/{region}/2026/03/{day:02}/{account}_{folder}_{region}_202603{day:02}T1405Z_{number:016}.json.gz"
    )
}

fn log_file(records: &[&str]) -> Vec<u8> {
    gzip(format!("{{\"Records\":[{}]}}", records.join(",")).as_bytes()).to_vec()
}

/// A copy of a bucket, as a directory beside the configuration.
fn copy(site: &Site, objects: &BTreeMap<String, Vec<u8>>) -> String {
    let root = site.data().with_file_name("copy");
    for (key, bytes) in objects {
        let path = root.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    root.to_str().unwrap().to_owned()
}

async fn import(daemon: &Cairn, arguments: &[&str]) -> Ended {
    let endpoint = daemon.url("");
    cairn(&[&["import", "--endpoint", &endpoint], arguments].concat()).await
}

/// The report of an import that ended with this code.
async fn report(daemon: &Cairn, arguments: &[&str], code: i32) -> Value {
    let ended = import(daemon, &[arguments, &["--json"]].concat()).await;
    assert_eq!((ended.code, ended.errors.as_str()), (Some(code), ""), "{ended:?}");
    serde_json::from_str(&ended.output).unwrap()
}

/// All rows in a data directory whose daemon has stopped.
fn rows(data: &Path) -> (History, Vec<Found>) {
    let disk = Arc::new(RealDisk::open(data).unwrap());
    let kept =
        Settings { retention: Duration::from_secs(36500 * 24 * 3600), ..Settings::default() };
    let history = History::open(disk, kept, &[]).unwrap();
    let mut query = Query {
        scopes: ScopeFilter::default(),
        attributes: Vec::new(),
        from: Timestamp::from_millis(i64::MIN),
        to: Timestamp::from_millis(i64::MAX),
        after: None,
        limit: 500,
    };
    let mut rows = Vec::new();
    loop {
        let page = history.lookup(&query).unwrap();
        rows.extend(page.rows);
        query.after = page.next;
        if query.after.is_none() {
            return (history, rows);
        }
    }
}

/// Whether a record tells of a call of these tests.
fn is_own_call(record: &str) -> bool {
    let own = ["StartImport", "LookupEvents"].map(|name| format!("\"eventName\":\"{name}\""));
    own.iter().any(|own| record.contains(own))
        && record.contains("\"sourceIPAddress\":\"127.0.0.1\"")
}

/// How often each record of an account is there; those that tell of calls of these tests left out.
fn counted(rows: &[Found]) -> BTreeMap<(String, String), usize> {
    let mut counted = BTreeMap::new();
    for Found { scope, record, .. } in rows {
        let record = String::from_utf8(record.to_vec()).unwrap();
        if !is_own_call(&record) {
            *counted.entry((scope.account.to_string(), record)).or_default() += 1;
        }
    }
    counted
}

/// Each record once.
fn once<'a>(
    records: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<(String, String), usize> {
    let one = |(account, record): (&str, &str)| ((account.to_owned(), record.to_owned()), 1);
    records.into_iter().map(one).collect()
}

#[tokio::test]
async fn all_records_are_imported_once_looked_up_by_each_attribute_and_exported_again() {
    let Some(localstack) = LocalStack::find().await else { return };
    let records = all();
    let mut places: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
    for record in &records {
        places.entry(place(record, SENDER)).or_default().push(record);
    }
    // Two trails deliver to the bucket, so that each event is there twice, in other company.
    let mut objects = BTreeMap::new();
    for (place, records) in &places {
        for (trail, size) in [100, 37].into_iter().enumerate() {
            for (number, some) in records.chunks(size).enumerate() {
                let number = trail * 1000 + number;
                objects.insert(key(place, 9, number), log_file(some));
            }
        }
    }
    let bucket = localstack.bucket("import").await;
    let puts = objects.iter().map(async |(key, bytes)| {
        let put = localstack.s3.put_object().bucket(&bucket).key(key);
        put.body(ByteStream::from(bytes.clone())).send().await.unwrap();
    });
    stream::iter(puts).buffer_unordered(16).count().await;

    let accounts: BTreeSet<&str> = places.keys().map(|place| place.account.as_str()).collect();
    let members: Vec<&str> = accounts.into_iter().filter(|account| *account != SENDER.0).collect();
    let site = Site::new(&format!(
        "{KEEPS_ALL}[organization]\nid = \"o-import0000\"\nmanagement_account = {:?}\nmembers = {members:?}\n",
        SENDER.0
    ));
    let daemon = site.start().await;
    let expected = once(places.iter().flat_map(|(place, records)| {
        records.iter().map(|record| (place.account.as_str(), *record))
    }));
    let source = format!("s3://{bucket}");
    let first = report(&daemon, &[&source], 0).await;
    let count = |report: &Value, name: &str| report["records"][name].as_u64().unwrap();
    assert_eq!(count(&first, "added"), expected.len() as u64, "{first}");
    let sent: usize = places.values().map(Vec::len).sum();
    assert_eq!(count(&first, "read"), 2 * sent as u64, "{first}");
    let left = 2 * sent as u64 - expected.len() as u64;
    assert_eq!(count(&first, "duplicates"), left, "{first}");
    assert_eq!(first["logFiles"]["read"], objects.len(), "{first}");
    let again = report(&daemon, &[&source], 0).await;
    assert_eq!((count(&again, "added"), count(&again, "duplicates")), (0, 2 * sent as u64));

    // As many come out by the command.
    let out = site.file("out.ndjson", "");
    let endpoint = daemon.url("");
    let typed = ["lookup", "--endpoint", &endpoint, "--account", SENDER.0, "--accounts", "all"];
    let more = ["--all-regions", "--all", "--category", "all", "--from", "1980-01-01", "-o", &out];
    let typed = [&typed[..], &more].concat();
    let exported = cairn(&typed).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let lines = fs::read_to_string(&out).unwrap();
    let ours = lines.lines().filter(|line| !is_own_call(line));
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap().to_string();
    let found: BTreeSet<String> = ours.map(parse).collect();
    let wanted: BTreeSet<String> = expected.keys().map(|(_, record)| parse(record)).collect();
    assert_eq!(found.len(), wanted.len());
    assert!(found == wanted, "the same records come out");
    daemon.stop().await;

    // And each is found by each of its attributes, byte for byte.
    let (history, rows) = rows(&site.data());
    assert!(counted(&rows) == expected, "each record is there once, byte for byte");
    let mut asked = 0;
    for row in &rows {
        for attribute in Attribute::ALL {
            let summary = Summary::of(&row.record);
            for value in summary.values(attribute) {
                let query = Query {
                    scopes: ScopeFilter::default(),
                    attributes: vec![(attribute, value.to_owned())],
                    from: row.position.time,
                    to: row.position.time,
                    after: None,
                    limit: 1000,
                };
                let found = history.lookup(&query).unwrap().rows;
                assert!(found.contains(row), "{attribute:?} {value}: {row:?}");
                asked += 1;
            }
        }
    }
    assert!(asked > 1000, "{asked} lookups");
}

#[tokio::test]
async fn what_is_no_sound_log_file_is_told_and_stops_nothing() {
    let site = Site::new(KEEPS_ALL);
    let daemon = site.start().await;
    let place = |account: &str| Place {
        account: account.into(),
        region: "eu-west-1".into(),
        folder: "CloudTrail".into(),
    };
    let (ours, other) = (place("111111111111"), place("222222222222"));
    let good: Vec<String> =
        (0..6).map(|number| event("111111111111", "eu-west-1", number)).collect();
    let sound = log_file(&[&good[0], &good[1]]);
    let cut_short = sound[..sound.len() - 20].to_vec();
    let mut rotten = sound.clone();
    rotten[0] = b'x';
    let long = format!("{{\"eventName\":\"x\",\"padding\":\"{}\"}}", "x".repeat(2 << 20));
    let mut objects = BTreeMap::from([
        (key(&ours, 9, 0), sound.clone()),
        (key(&ours, 9, 1), cut_short),
        (key(&ours, 9, 2), rotten),
        (key(&ours, 9, 3), gzip(b"{\"Records\":[{\"a\":1},").to_vec()),
        (key(&ours, 9, 4), gzip(b"{\"configurationItems\":[{}]}").to_vec()),
        (key(&ours, 9, 5), gzip(b"{\"Records\":[{\"a\":1} {\"b\":2}]}").to_vec()),
        (key(&ours, 9, 6), gzip(&vec![b' '; 1 << 20]).to_vec()),
        (key(&ours, 9, 7), Vec::new()),
        (
            key(&ours, 10, 0),
            log_file(&[&good[2], "{\"eventName\":1,\"eventName\":2}", &long, "{\"x\":tru}"]),
        ),
        (key(&ours, 10, 1), log_file(&[])),
        (key(&other, 10, 0), format!("{{\"Records\" : [ {} ]}}\n", good[3]).into_bytes()),
        ("AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/10/notes.txt".into(), b"x".to_vec()),
        ("AWSLogs/111111111111/Config/eu-west-1/2026/03/10/x.json.gz".into(), b"x".to_vec()),
    ]);
    // More than a log file can be, unpacked.
    objects.insert(key(&ours, 11, 0), {
        let many = vec!["{\"eventName\":\"y\"}"; 16 << 20];
        log_file(&many)
    });
    objects.insert(key(&ours, 12, 0), log_file(&[&good[4], &good[5]]));
    let copy = copy(&site, &objects);
    let report = report(&daemon, &[&copy], 1).await;
    let said: Vec<String> = report["wrong"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wrong| {
            let name = wrong["place"].as_str().unwrap().rsplit('/').next().unwrap();
            let record = wrong["record"].as_u64().map_or(String::new(), |n| format!(" {n}"));
            format!("{name}{record}: {}", wrong["message"].as_str().unwrap())
        })
        .collect();
    let prefix = "111111111111_CloudTrail_eu-west-1_202603";
    let said = said.join("\n").replace(prefix, "").replace("T1405Z_0000000000000", "-");
    expect_test::expect![[r#"
        09-001.json.gz: not imported: not whole gzip: incomplete deflate stream
        09-002.json.gz: not imported: not a log file: it does not begin with {"Records":[
        09-003.json.gz: not imported: byte 20 of the body: found the end, expected the ] that ends the array of records
        09-004.json.gz: not imported: not a log file: it does not begin with {"Records":[
        09-005.json.gz: not imported: byte 20 of the body: found '{', expected , or ] behind a record
        09-006.json.gz: not imported: not a log file: it does not begin with {"Records":[
        09-007.json.gz: not imported: not a log file: it does not begin with {"Records":[
        10-000.json.gz 2: record: longer than 1048576 bytes
        10-000.json.gz 3: record: not JSON: expected ident at line 1 column 9
        notes.txt: skipped: it has no log file's name
        11-000.json.gz: not imported: larger than a log file can be: over 256 MiB
        10-000.json.gz 1: eventName: found the member a second time, expected each member once (byte 25)"#]]
    .assert_eq(&said);
    assert_eq!(report["logFiles"]["read"], 13, "{report}");
    assert_eq!(report["logFiles"]["wrong"], 8, "{report}");
    assert_eq!(report["otherObjects"], 1, "{report}");
    assert_eq!(report["records"]["added"], 6, "{report}");
    assert_eq!(report["records"]["refused"], 3, "{report}");
    daemon.stop().await;
    let (_, rows) = rows(&site.data());
    assert_eq!(counted(&rows), once(good.iter().map(|one| ("111111111111", one.as_str()))));
}

#[tokio::test]
async fn log_files_that_are_not_as_their_digests_say_are_imported_only_on_request() {
    let site = Site::new(KEEPS_ALL);
    let daemon = site.start().await;
    let signer = SigningKey::generate().unwrap();
    let chain = ChainId {
        trail: "arn:aws:cloudtrail:us-east-1:111111111111:trail/audit".parse().unwrap(),
        organization: None,
        account: "111111111111".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    };
    let first = at("2026-03-09T10:30:15Z");
    let mut forge = Forge::new("bucket", chain, None);
    let minutes =
        |hour: u64, minute: u64| hours(first, hour).plus(Duration::from_secs(60 * minute));
    let before = forge.log_file(Folder::CloudTrail, minutes(0, 0));
    forge.pending.clear();
    let mut keys = Vec::new();
    let mut digests = Vec::new();
    for hour in 1..6 {
        keys.push(forge.log_file(Folder::CloudTrail, minutes(hour, 10)));
        keys.push(forge.log_file(Folder::CloudTrail, minutes(hour, 20)));
        digests.push(forge.digest(hours(first, hour), hours(first, hour + 1), &signer));
    }
    let foreign = forge.log_file(Folder::CloudTrail, minutes(2, 30));
    let mut objects: BTreeMap<String, Vec<u8>> = forge
        .memory
        .objects
        .iter()
        .map(|((_, key), stored)| (key.clone(), stored.bytes.to_vec()))
        .collect();
    let changed = gzip(br#"{"Records":[{"eventID":"forged","eventTime":"2026-03-09T11:40:00Z"}]}"#);
    objects.insert(keys[0].clone(), changed.to_vec());
    objects.remove(&digests[3]);
    let copy = copy(&site, &objects);
    let known = printed(signer.public(), at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    let known = site.file("keys.json", known);

    let report_1 = report(&daemon, &[&copy, "--keys", &known], 1).await;
    let named = |report: &Value, subject: &str| -> BTreeMap<String, String> {
        let all = report["wrong"].as_array().unwrap().iter();
        let all = all.filter(|wrong| wrong["subject"] == subject);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.map(|wrong| {
            let place = text(&wrong["place"]);
            let key = place.strip_prefix(&format!("{copy}/")).unwrap_or(&place).to_owned();
            (key, text(&wrong["message"]))
        })
        .collect()
    };
    let in_doubt = "not imported: the digest that may list it is missing or not valid";
    let expected = BTreeMap::from([
        (keys[0].clone(), "not imported: it is not as its digest says: the hash differs".into()),
        (foreign.clone(), "not imported: no digest lists it".into()),
        // Of the digest before the one that is gone, nothing tells the signature.
        (keys[4].clone(), in_doubt.into()),
        (keys[5].clone(), in_doubt.into()),
        (keys[6].clone(), in_doubt.into()),
        (keys[7].clone(), in_doubt.into()),
    ]);
    assert_eq!(named(&report_1, "logFile"), expected, "{report_1}");
    assert_eq!(report_1["logFiles"]["withoutDigests"], 1, "{before}: {report_1}");
    assert_eq!(report_1["logFiles"]["verified"], 3, "{report_1}");
    assert_eq!(report_1["logFiles"]["notYetListed"], 2, "{report_1}");
    assert!(report_1["digestsWrong"].as_u64().unwrap() > 0, "{report_1}");
    assert_eq!(report_1["records"]["added"], 6, "{report_1}");

    // Without keys nothing can be verified, and nobody is asked for them here.
    let ended = import(&daemon, &[&copy]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.errors.contains("--unverified imports without"), "{ended:?}");

    let lenient = report(&daemon, &[&copy, "--keys", &known, "--unverified"], 1).await;
    assert_eq!(lenient["logFiles"]["wrong"], 0, "{lenient}");
    assert_eq!(lenient["logFiles"]["unverified"], 6, "{lenient}");
    assert_eq!(lenient["records"]["added"], 6, "{lenient}");
    daemon.stop().await;
}

/// Some log files of ten days, of a MB a day.
fn ten_days(site: &Site) -> (String, Vec<String>) {
    let place = Place {
        account: "111111111111".into(),
        region: "eu-west-1".into(),
        folder: "CloudTrail".into(),
    };
    let padding = "x".repeat(1800);
    let mut all = Vec::new();
    let mut objects = BTreeMap::new();
    for day in 1..11 {
        for file in 0..8 {
            let records: Vec<String> = (0..100)
                .map(|number| {
                    let number = all.len() + number;
                    event("111111111111", "eu-west-1", number)
                        .replace("aws-cli/2", &format!("aws-cli/2 {padding}"))
                })
                .collect();
            let texts: Vec<&str> = records.iter().map(String::as_str).collect();
            objects.insert(key(&place, day, file), log_file(&texts));
            all.extend(records);
        }
    }
    (copy(site, &objects), all)
}

#[tokio::test]
async fn an_import_that_is_killed_goes_on_where_it_was() {
    let site = Site::new(KEEPS_ALL);
    let (copy, records) = ten_days(&site);
    let daemon = site.start().await;
    let resume = site.data().with_file_name("resume.json").to_str().unwrap().to_owned();
    let endpoint = daemon.url("");
    let typed = ["import", "--endpoint", &endpoint, &copy, "--resume", &resume, "--json"];
    let process = Process::start(&typed, Stdio::piped());
    eventually("some is imported", async || {
        let kept: Value = serde_json::from_str(&fs::read_to_string(&resume).ok()?).ok()?;
        kept["read"]["tally"]["through"].is_object().then_some(())
    })
    .await;
    process.kill();
    let other = cairn(&[&typed[..], &["--region", "eu-west-1"]].concat()).await;
    assert_eq!(other.code, Some(2), "{other:?}");
    assert!(other.errors.contains("it is of an import with other arguments"), "{other:?}");
    let ended = cairn(&typed).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report: Value = serde_json::from_str(&ended.output).unwrap();
    assert!(report["logFiles"]["importedBefore"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["logFiles"]["read"], 80, "of both runs: {report}");
    assert!(!Path::new(&resume).exists(), "it is at its end");
    daemon.stop().await;
    let (_, rows) = rows(&site.data());
    let expected = once(records.iter().map(|one| ("111111111111", one.as_str())));
    assert!(counted(&rows) == expected, "each record is there once");
}

#[tokio::test]
async fn a_daemon_that_is_killed_during_imports_loses_and_doubles_nothing() {
    let site = Site::new(KEEPS_ALL);
    let (copy, records) = ten_days(&site);
    for files in [1, 3] {
        let daemon = site.start().await;
        let endpoint = daemon.url("");
        let process = Process::start(&["import", "--endpoint", &endpoint, &copy], Stdio::piped());
        let directory = site.data().join("history");
        let tables = || {
            let names = fs::read_dir(&directory).unwrap().map(|one| one.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().ends_with(".parquet")).count()
        };
        eventually("some is imported", async || (tables() >= files).then_some(())).await;
        daemon.kill();
        process.kill();
    }
    let daemon = site.start().await;
    let last = report(&daemon, &[&copy], 0).await;
    let count = |name: &str| last["records"][name].as_u64().unwrap();
    assert_eq!(count("added") + count("duplicates"), records.len() as u64, "{last}");
    assert!(count("duplicates") > 0, "{last}");
    daemon.stop().await;
    let (_, rows) = rows(&site.data());
    let expected = once(records.iter().map(|one| ("111111111111", one.as_str())));
    assert!(counted(&rows) == expected, "each record is there once");
}

#[tokio::test]
async fn who_imports_may_administer_and_imports_its_own_account_or_its_organization() {
    let world = Signed::start().await;
    let place = |account: &str| Place {
        account: account.into(),
        region: "us-east-1".into(),
        folder: "CloudTrail".into(),
    };
    // As young as is kept by default.
    let now = today();
    let objects = [MANAGEMENT, MEMBER, OTHER].map(|account| {
        let record = event(account, "us-east-1", 1);
        let record = record.replace("2026-01-02", &now);
        let (year, rest) = now.split_once('-').unwrap();
        let (month, day) = rest.split_once('-').unwrap();
        let key = key(&place(account), 9, 1);
        let key = key.replace("2026/03/09", &format!("{year}/{month}/{day}"));
        (key.replace("20260309T", &format!("{year}{month}{day}T")), log_file(&[&record]))
    });
    let copy = copy(&world.site, &BTreeMap::from(objects));
    let (root, member) = (world.key(MANAGEMENT).await, world.key(MEMBER).await);
    let importer = world.user("importer", "cloudtrail:StartImport").await;
    let clerk = world.user("clerk", "cloudtrail:LookupEvents").await;
    let endpoint = world.daemon.url("");
    let import = async |key, more: &[&str]| {
        let typed = ["import", "--endpoint", &endpoint, &copy, "--json"];
        world.run(key, &[&typed[..], more].concat()).await
    };
    let added = |ended: &Ended| {
        let report: Value = serde_json::from_str(&ended.output).unwrap();
        report["records"]["added"].as_u64().unwrap()
    };

    let ended = import(&clerk, &["--account", MANAGEMENT]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = "not authorized to perform: cloudtrail:StartImport";
    assert!(ended.errors.contains(said), "{ended:?}");
    for (key, account) in [(&member, MANAGEMENT), (&importer, OTHER)] {
        let ended = import(key, &["--account", account]).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.errors.contains("only the management account"), "{ended:?}");
        assert!(ended.errors.contains("--account imports one account alone"), "{ended:?}");
    }
    let ended = import(&member, &["--account", MEMBER]).await;
    assert_eq!((ended.code, added(&ended)), (Some(0), 1), "{ended:?}");
    let ended = import(&importer, &["--account", MEMBER, "--account", MANAGEMENT]).await;
    assert_eq!((ended.code, added(&ended)), (Some(0), 1), "{ended:?}");

    // Each is an event of its caller's account, and so are those that were refused.
    let calls = world.lookup(&root, &["--event-name", "StartImport", "--all"]).await.output;
    let calls: Vec<Value> = calls.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |user: &str| -> Vec<&Value> {
        calls.iter().filter(|call| call["userIdentity"]["userName"] == user).collect()
    };
    let [taken, refused] = of("importer")[..] else { panic!("{calls:?}") };
    assert_eq!(taken["requestParameters"]["importSource"][0], copy.as_str(), "{taken}");
    assert_eq!(taken["requestParameters"]["records"], 2, "{taken}");
    let elements = &taken["responseElements"];
    assert_eq!((&elements["added"], &elements["duplicates"]), (&1.into(), &1.into()), "{taken}");
    assert_eq!((&taken["readOnly"], &taken["errorCode"]), (&false.into(), &Value::Null));
    assert_eq!(refused["errorCode"], "AccessDenied", "{refused}");
    assert_eq!(of("clerk")[0]["errorCode"], "AccessDenied");
    world.daemon.stop().await;
}
