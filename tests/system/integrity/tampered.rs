//! Tamperings, one by one, and what the two validators say of each, side by side: the unmodified
//! `aws cloudtrail validate-logs`, line by line, and `cairn validate`, which catches all of them.
//! What comes of it is the table `tamperings.md`; `UPDATE_EXPECT=1` writes it.
//!
//! The chains are forged by the daemon's own keys, of hours that are over, and the daemon tells the
//! public keys. Each tampering is done to one of some like chains and taken back: a copy of a bucket
//! would be none, for digests name theirs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cairn_tests::forge::Forge;
use disk::RealDisk;
use expect_test::expect_file;
use futures_util::future::join_all;
use keyring::{KeyRing, KeySettings, SigningKey};
use model::{ChainId, Folder, Region, Timestamp};
use serde_json::Value;

use super::aws::{Said, ValidateLogs};
use super::forger::{Changes, Victim, rewritten, store, zip};
use super::holdings::{Holdings, Stored, text};
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::{Trail, trails};
use crate::support::localstack::{LocalStack, endpoint};
use crate::support::process::Process;

const ACCOUNTS: [&str; 3] = ["750000000021", "750000000022", "750000000023"];
const HOME: &str = "eu-west-1";
const REGIONS: [&str; 2] = [HOME, "us-east-1"];
const DIGESTS: u32 = 14;
const HOUR: Duration = Duration::from_secs(3600);
/// Deleted neighbours.
const COUNTS: [usize; 3] = [1, 2, 4];
const DAY: u64 = 24 * 3600;
/// A key that was made so long ago is not valid any more, and is still listed.
const EXPIRED: Duration = Duration::from_secs(60 * DAY);

/// What is done to a bucket, and what must be said of it.
struct Tampering {
    changes: Changes,
    /// The lines of the aws command line; none: it passes.
    aws: Vec<String>,
    /// What `cairn validate` finds, and of which object.
    cairn: Vec<(&'static str, String)>,
}

struct Row {
    name: String,
    make: Box<dyn Fn(&Victim) -> Tampering>,
}

/// What both said.
struct Outcome {
    number: usize,
    aws: String,
    cairn: String,
    mistake: Option<String>,
}

#[tokio::test]
async fn each_tampering_is_caught_by_cairn_and_those_that_it_knows_by_the_aws_command_line() {
    let Some(localstack) = LocalStack::find().await else { return };
    let mut buckets = Vec::new();
    for number in 0..ACCOUNTS.len() {
        buckets.push(localstack.bucket(&format!("tampered-{number}")).await);
    }
    let site = Site::new(&configuration(&buckets));
    let last = last_end();
    let mut victims = Vec::new();
    let foreign = Arc::new(SigningKey::generate().unwrap());
    let ring = ring(&site);
    for (bucket, account) in buckets.iter().zip(ACCOUNTS) {
        for region in REGIONS {
            let key = ring.signing_key(&region.parse().unwrap(), last).await.unwrap();
            make(&localstack, bucket, account, region, &key, last).await;
        }
        let holdings = Holdings::read(&localstack, bucket).await;
        holdings.check(HOUR);
        let home: Region = HOME.parse().unwrap();
        victims.push(Victim {
            stolen: ring.signing_key(&home, last).await.unwrap(),
            expired: ring.signing_key(&home, before(last, EXPIRED)).await.unwrap(),
            foreign: Arc::clone(&foreign),
            region: HOME.to_owned(),
            holdings,
        });
    }
    drop(ring);
    let daemon = site.start().await;

    let rows = rows();
    let queue: Mutex<VecDeque<(usize, &Row)>> = Mutex::new(rows.iter().enumerate().collect());
    let works = victims.iter().zip(ACCOUNTS).map(async |(victim, account)| {
        let mut outcomes = Vec::new();
        let nothing = Row::new("nothing", |_| Tampering::missed(Changes::new(), &[]));
        outcomes.push(check(&localstack, &daemon, victim, account, (usize::MAX, &nothing)).await);
        loop {
            let Some(next) = queue.lock().unwrap().pop_front() else { break };
            outcomes.push(check(&localstack, &daemon, victim, account, next).await);
        }
        outcomes.push(check(&localstack, &daemon, victim, account, (usize::MAX, &nothing)).await);
        outcomes
    });
    let mut outcomes: Vec<Outcome> = join_all(works).await.into_iter().flatten().collect();
    let mistakes: Vec<&str> =
        outcomes.iter().filter_map(|outcome| outcome.mistake.as_deref()).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n\n"));
    outcomes.retain(|outcome| outcome.number < rows.len());
    outcomes.sort_by_key(|outcome| outcome.number);
    expect_file!["tamperings.md"].assert_eq(&table(&rows, &outcomes));
    daemon.stop().await;
}

/// The trails, each with an account and a bucket. They log nothing: what is there is forged.
fn configuration(buckets: &[String]) -> String {
    let trail = |(bucket, account): (&String, &str)| {
        Trail::new("trail", account, HOME, bucket).multi_region().with("logging = false")
    };
    let all: Vec<Trail> = buckets.iter().zip(ACCOUNTS).map(trail).collect();
    trails(&all)
}

/// The keys of the daemon that will be, which publishes them.
fn ring(site: &Site) -> KeyRing {
    let disk = Arc::new(RealDisk::open(&site.data()).unwrap());
    KeyRing::open(disk, Arc::new(SigningKey::generate), KeySettings::default()).unwrap()
}

/// Puts a Region's chain and log files into a bucket: of each three hours one has no log files.
async fn make(
    localstack: &LocalStack,
    bucket: &str,
    account: &str,
    region: &str,
    key: &SigningKey,
    last: Timestamp,
) {
    let chain = ChainId {
        trail: format!("arn:aws:cloudtrail:{HOME}:{account}:trail/trail").parse().unwrap(),
        organization: None,
        account: account.parse().unwrap(),
        region: region.parse().unwrap(),
    };
    let mut forge = Forge::new(bucket, chain, None);
    for number in 0..DIGESTS {
        let end = before(last, HOUR * (DIGESTS - 1 - number));
        let start = before(end, HOUR);
        for minutes in [10, 20].iter().filter(|_| number > 0 && number % 3 < 2) {
            forge.log_file(Folder::CloudTrail, start.plus(Duration::from_secs(60 * minutes)));
        }
        forge.digest(start, end, key);
    }
    for ((_, key), object) in &forge.memory.objects {
        let metadata = object.metadata.clone().unwrap_or_default().into_iter().collect();
        let object = Stored { body: object.bytes.to_vec(), metadata, kms_key: None };
        store(localstack, bucket, key, Some(&object)).await;
    }
}

/// A whole second, a day ago.
fn last_end() -> Timestamp {
    let ago = before(now(), Duration::from_secs(DAY));
    Timestamp::from_millis(ago.as_millis() / 1000 * 1000)
}

#[allow(clippy::disallowed_methods)] // the daemon goes by the real clock
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn before(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(time.as_millis() - i64::try_from(by.as_millis()).unwrap())
}

/// Does it, asks both, and takes it back.
async fn check(
    localstack: &LocalStack,
    daemon: &Cairn,
    victim: &Victim,
    account: &str,
    (number, row): (usize, &Row),
) -> Outcome {
    let Tampering { changes, aws, cairn } = (row.make)(victim);
    victim.tamper(localstack, &changes).await;
    let arn = format!("arn:aws:cloudtrail:{HOME}:{account}:trail/trail");
    let call = ValidateLogs::of(daemon.url(""), arn.clone(), &victim.region, victim.chain());
    let (said, found) = tokio::join!(call.run(), validate(daemon, victim, &arn, &call));
    victim.restore(localstack, &changes).await;
    let mut mistake = String::new();
    let errors: String = aws.iter().map(|line| format!("{line}\n\n")).collect();
    let code = Some(i32::from(!aws.is_empty()));
    if (&said.errors, said.code) != (&errors, code) || !has_sums(&said) {
        write!(mistake, "\naws: {said:#?}\ninstead of {code:?}: {errors:#?}").unwrap();
    }
    let expected: BTreeSet<(String, String)> =
        cairn.into_iter().map(|(problem, key)| (problem.to_owned(), key)).collect();
    if found.problems() != expected || found.code != Some(i32::from(!expected.is_empty())) {
        write!(mistake, "\ncairn: {found:#?}\ninstead of {expected:#?}").unwrap();
    }
    if let Some(unnamed) = found.missing_intervals(victim, &changes) {
        write!(mistake, "\ncairn does not name an interval: {unnamed}\n{found:#?}").unwrap();
    }
    let mistake = (!mistake.is_empty()).then(|| format!("{}: {mistake}", row.name));
    Outcome { number, aws: cell_of_aws(&aws), cairn: found.cell(), mistake }
}

/// Whether it came to its end and counts nothing as invalid when it ends well.
fn has_sums(said: &Said) -> bool {
    let ended = said.output.contains("\nResults requested for ");
    ended && (said.code == Some(0)) != said.output.contains("INVALID")
}

/// What `cairn validate` found.
#[derive(Debug)]
struct Found {
    code: Option<i32>,
    /// Findings that are no notes.
    findings: Vec<Value>,
    /// What it wrote beside.
    _errors: String,
}

async fn validate(daemon: &Cairn, victim: &Victim, arn: &str, call: &ValidateLogs) -> Found {
    let cloudtrail = format!("AWS_ENDPOINT_URL_CLOUDTRAIL={}", daemon.url(""));
    let launcher = ["/usr/bin/env".to_owned(), cloudtrail];
    let (from, to) = (call.from.to_iso_seconds(), call.to.to_iso_seconds());
    let arguments = ["validate", "--json", "--trail-arn", arn];
    let bucket = ["--s3-bucket", &victim.holdings.bucket];
    let arguments = [&arguments[..], &bucket, &["--start-time", &from, "--end-time", &to]].concat();
    let process = Process::start_by(&launcher, &endpoint(), &arguments, Stdio::piped());
    let ended = process.ended().await;
    let lines = ended.output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let findings = lines.filter(|line| line["type"] == "finding" && line["status"] != "note");
    let findings = findings.filter(|line| line["status"] != "NOTE").collect();
    Found { code: ended.code, findings, _errors: ended.errors }
}

impl Found {
    fn problems(&self) -> BTreeSet<(String, String)> {
        let pair = |found: &Value| (text(found, "problem").into(), text(found, "s3Object").into());
        self.findings.iter().map(pair).collect()
    }

    /// A digest that was deleted, is told to be missing, and whose time is not.
    fn missing_intervals(&self, victim: &Victim, changes: &Changes) -> Option<String> {
        let lost = victim.chain().iter().filter(|digest| changes.get(&digest.key) == Some(&None));
        let mut lost = lost.map(|digest| (digest, self.of("notFound", &digest.key)));
        lost.find_map(|(digest, found)| {
            let found = found?;
            let is_named = ["digestStartTime", "digestEndTime"]
                .iter()
                .all(|member| text(found, "message").contains(digest.says(member)));
            let has_end = text(found, "message").contains(digest.says("digestEndTime"));
            let is_first = text(found, "message").contains("is not known");
            (!(is_named || (is_first && has_end))).then(|| digest.key.clone())
        })
    }

    fn of(&self, problem: &str, key: &str) -> Option<&Value> {
        self.findings.iter().find(|found| found["problem"] == problem && found["s3Object"] == key)
    }

    fn cell(&self) -> String {
        let kind = |found: &Value| match text(found, "subject") {
            "logFile" => "log file",
            "digest" => "digest",
            "folder" => "folder",
            other => panic!("{other}"),
        };
        let told = self.findings.iter();
        counted(told.map(|found| (kind(found), text(found, "problem").to_owned())))
    }
}

fn cell_of_aws(lines: &[String]) -> String {
    if lines.is_empty() {
        return "**passes**".into();
    }
    counted(lines.iter().map(|line| {
        let (_, mut why) = line.split_once("INVALID: ").unwrap();
        if let Some((before, _)) = why.split_once(" in region") {
            why = before;
        }
        (if line.starts_with("Log") { "log file" } else { "digest" }, why.to_owned())
    }))
}

fn counted<'a>(told: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for one in told {
        *counts.entry(one).or_default() += 1;
    }
    let cells = counts.into_iter().map(|((kind, why), count)| match count {
        1 => format!("{kind}: {why}"),
        _ => format!("{count} {kind}s: {why}"),
    });
    cells.collect::<Vec<_>>().join("; ")
}

fn table(rows: &[Row], outcomes: &[Outcome]) -> String {
    let mut table = String::from(
        "| tampering | `aws cloudtrail validate-logs` | `cairn validate` |\n| --- | --- | --- |\n",
    );
    for (row, outcome) in rows.iter().zip(outcomes) {
        writeln!(table, "| {} | {} | {} |", row.name, outcome.aws, outcome.cairn).unwrap();
    }
    table
}

impl Row {
    fn new(name: impl Into<String>, make: impl Fn(&Victim) -> Tampering + 'static) -> Row {
        Row { name: name.into(), make: Box::new(make) }
    }
}

impl Tampering {
    /// Both tell it.
    fn told(changes: Changes, aws: &[String], cairn: &[(&'static str, &str)]) -> Tampering {
        let cairn = cairn.iter().map(|&(problem, key)| (problem, key.to_owned())).collect();
        Tampering { changes, aws: aws.to_vec(), cairn }
    }

    /// The aws command line passes.
    fn missed(changes: Changes, cairn: &[(&'static str, &str)]) -> Tampering {
        Tampering::told(changes, &[], cairn)
    }
}

impl Victim {
    /// Numbers of digests that list files; none of them is the first or one of the last.
    fn listing(&self) -> Vec<usize> {
        let is_listing = |&at: &usize| !self.chain()[at].log_files().is_empty();
        let listing: Vec<usize> = (2..self.chain().len() - 2).filter(is_listing).collect();
        assert!(listing.len() >= 3, "{listing:?}");
        listing
    }

    /// A digest that lists files, in the middle.
    fn middle(&self) -> usize {
        let listing = self.listing();
        listing[listing.len() / 2]
    }

    fn key(&self, at: usize) -> &str {
        &self.chain()[at].key
    }

    /// Two log files, the newer one first.
    fn files(&self) -> [&str; 2] {
        let listing = self.listing();
        [listing[listing.len() - 1], listing[0]].map(|at| self.chain()[at].listed()[0])
    }

    fn log_line(&self, key: &str, why: &str) -> String {
        format!("Log file\ts3://{}/{key}\tINVALID: {why}", self.holdings.bucket)
    }

    fn digest_line(&self, key: &str, why: &str) -> String {
        format!("Digest file\ts3://{}/{key}\tINVALID: {why}", self.holdings.bucket)
    }

    /// One log file is another object.
    fn replace(
        &self,
        change: impl FnOnce(&Stored) -> Stored,
        why: &str,
        problem: &'static str,
    ) -> Tampering {
        let [file, _] = self.files();
        let changes = Changes::from([(file.to_owned(), Some(change(self.object(file))))]);
        Tampering::told(changes, &[self.log_line(file, why)], &[(problem, file)])
    }

    /// One digest is another object, and its log files are none that anybody vouches for.
    fn spoil(
        &self,
        change: impl FnOnce(&mut Stored),
        why: &str,
        problem: &'static str,
    ) -> Tampering {
        let key = self.key(self.middle());
        let mut object = self.object(key).clone();
        change(&mut object);
        let changes = Changes::from([(key.to_owned(), Some(object))]);
        Tampering::told(changes, &[self.digest_line(key, why)], &[(problem, key)])
    }

    fn without(&self, digests: &[usize]) -> Changes {
        digests.iter().map(|&at| (self.key(at).to_owned(), None)).collect()
    }
}

const NOT_FOUND: &str = "not found";
const OTHER_HASH: &str = "hash value doesn't match";
const NO_FORMAT: &str = "invalid format";
const BAD_SIGNATURE: &str = "signature verification failed";
const MOVED: &str = "has been moved from its original location";

fn rows() -> Vec<Row> {
    let mut rows = log_files();
    rows.extend(digests());
    rows.extend(deletions());
    rows.extend(forgeries());
    rows
}

fn log_files() -> Vec<Row> {
    vec![
        Row::new("a log file changed", |victim| {
            let change = |content: String| content.replacen("1.11", "1.10", 1);
            victim.replace(|object| rewritten(object, change), OTHER_HASH, "hashDiffers")
        }),
        Row::new("a log file truncated", |victim| {
            let half = |object: &Stored| object.body[..object.body.len() / 2].to_vec();
            let change = |object: &Stored| Stored { body: half(object), ..object.clone() };
            victim.replace(change, OTHER_HASH, "invalidFormat")
        }),
        Row::new("a log file that is no gzip", |victim| {
            let body = b"{\"Records\":[]}".to_vec();
            let change = |object: &Stored| Stored { body, ..object.clone() };
            victim.replace(change, NO_FORMAT, "invalidFormat")
        }),
        Row::new("a log file deleted", |victim| {
            let [file, _] = victim.files();
            let changes = Changes::from([(file.to_owned(), None)]);
            Tampering::told(changes, &[victim.log_line(file, NOT_FOUND)], &[("notFound", file)])
        }),
        Row::new("two log files swapped", |victim| {
            let [one, other] = victim.files();
            let changes = [(one, other), (other, one)];
            let changes = changes.map(|(to, of)| (to.to_owned(), Some(victim.object(of).clone())));
            let lines = [one, other].map(|file| victim.log_line(file, OTHER_HASH));
            let found = [one, other].map(|file| ("hashDiffers", file));
            Tampering::told(changes.into(), &lines, &found)
        }),
        Row::new("a log file moved", |victim| {
            let [file, _] = victim.files();
            let to = renamed(file);
            let object = victim.object(file).clone();
            let changes = Changes::from([(file.to_owned(), None), (to.clone(), Some(object))]);
            let lines = [victim.log_line(file, NOT_FOUND)];
            Tampering::told(changes, &lines, &[("notFound", file), ("notListed", &to)])
        }),
        Row::new("a log file that no digest lists", |victim| {
            let [file, _] = victim.files();
            let to = renamed(file);
            let changes = Changes::from([(to.clone(), Some(victim.object(file).clone()))]);
            Tampering::missed(changes, &[("notListed", &to)])
        }),
    ]
}

/// The key of another log file of the same time.
fn renamed(file: &str) -> String {
    let (before, unique) = file.rsplit_once('_').unwrap();
    let unique: String = unique[..16].chars().rev().collect();
    format!("{before}_{unique}.json.gz")
}

fn digests() -> Vec<Row> {
    vec![
        Row::new("a digest changed", |victim| {
            let at = victim.middle();
            let other = "0".repeat(64);
            let changes = victim.edit(at, |says| says["logFiles"][0]["hashValue"] = other.into());
            let key = victim.key(at);
            let lines = [victim.digest_line(key, BAD_SIGNATURE)];
            Tampering::told(changes, &lines, &[("signatureInvalid", key)])
        }),
        Row::new("a digest that is no JSON", |victim| {
            victim.spoil(|object| object.body = zip(b"{"), NO_FORMAT, "invalidFormat")
        }),
        Row::new("a digest in the place of another", |victim| {
            let at = victim.middle();
            let (key, object) = (victim.key(at), victim.object(victim.key(at - 1)).clone());
            let changes = Changes::from([(key.to_owned(), Some(object))]);
            Tampering::told(changes, &[victim.digest_line(key, MOVED)], &[("moved", key)])
        }),
        Row::new("a digest copied to another day", |victim| {
            let key = victim.key(victim.middle());
            let (folder, name) = key.rsplit_once('/').unwrap();
            let copy = format!("{}01/{name}", &folder[..folder.len() - 2]);
            let changes = Changes::from([(copy.clone(), Some(victim.object(key).clone()))]);
            Tampering::missed(changes, &[("notADigest", &copy)])
        }),
        Row::new("a signature changed", |victim| {
            let change = |object: &mut Stored| {
                let signature = object.metadata.get_mut("signature").unwrap();
                let other = if signature.ends_with('0') { "1" } else { "0" };
                signature.replace_range(signature.len() - 1.., other);
            };
            victim.spoil(change, BAD_SIGNATURE, "signatureInvalid")
        }),
        Row::new("a signature removed", |victim| {
            let change = |object: &mut Stored| drop(object.metadata.remove("signature"));
            victim.spoil(change, BAD_SIGNATURE, "signatureMissing")
        }),
        Row::new("the signature of another digest", |victim| {
            let other = victim.object(victim.key(victim.middle() - 1)).metadata.clone();
            let change = |object: &mut Stored| object.metadata = other;
            victim.spoil(change, BAD_SIGNATURE, "signatureInvalid")
        }),
        Row::new("a digest signed by a foreign key", |victim| {
            let at = victim.middle();
            let name = victim.foreign.public().fingerprint();
            let change = |says: &mut Value| {
                says["digestPublicKeyFingerprint"] = name.clone().into();
            };
            let changes = victim.forge_alone(at, &victim.foreign, change);
            let why = format!("public key not found in region {HOME} for fingerprint {name}");
            let key = victim.key(at);
            Tampering::told(changes, &[victim.digest_line(key, &why)], &[("keyUnknown", key)])
        }),
        Row::new("the same, under the true key's fingerprint", |victim| {
            let (at, key) = (victim.middle(), victim.key(victim.middle()));
            let changes = victim.forge_alone(at, &victim.foreign, |_| {});
            let lines = [victim.digest_line(key, BAD_SIGNATURE)];
            Tampering::told(changes, &lines, &[("signatureInvalid", key)])
        }),
    ]
}

fn deletions() -> Vec<Row> {
    let mut rows = Vec::new();
    for count in COUNTS {
        let named = move |place: &str| match count {
            1 => format!("the {place} digest deleted"),
            _ => format!("the {place} {count} digests deleted"),
        };
        // The one that the next digest names; what was before it nobody tells.
        rows.push(Row::new(named("first"), move |victim| {
            let gone: Vec<usize> = (0..count).collect();
            let last = victim.key(count - 1);
            let lines = [victim.digest_line(last, NOT_FOUND)];
            Tampering::told(victim.without(&gone), &lines, &[("notFound", last)])
        }));
        rows.push(Row::new(named("middle"), move |victim| {
            let gone: Vec<usize> = (4..4 + count).collect();
            let lines = [victim.digest_line(victim.key(3 + count), NOT_FOUND)];
            let found: Vec<_> = gone.iter().map(|&at| ("notFound", victim.key(at))).collect();
            Tampering::told(victim.without(&gone), &lines, &found)
        }));
        rows.push(Row::new(named("newest"), move |victim| {
            let length = victim.chain().len();
            let gone: Vec<usize> = (length - count..length).collect();
            let mut found = vec![("noDigestAfter", victim.key(length - count))];
            // Of a trail that is over, one chain may be a digest behind the others: then it is the log
            // files of that hour that tell.
            if count > 1 {
                found.extend(gone.iter().map(|&at| ("notFound", victim.key(at))));
            }
            Tampering::missed(victim.without(&gone), &found)
        }));
    }
    rows.push(Row::new("all digests of a Region deleted", |victim| {
        let gone: Vec<usize> = (0..victim.chain().len()).collect();
        let (folder, _) = victim.key(0).split_once(&format!("/{}/", victim.region)).unwrap();
        let folder = format!("{folder}/{}/", victim.region);
        Tampering::missed(victim.without(&gone), &[("noDigests", &folder)])
    }));
    rows
}

/// By somebody who has a private key.
fn forgeries() -> Vec<Row> {
    vec![
        Row::new("`previousDigestHashValue` wrong", |victim| {
            let at = victim.middle();
            let change = |says: &mut Value| says["previousDigestHashValue"] = "0".repeat(64).into();
            let changes = victim.forge(at, &victim.stolen, change);
            Tampering::missed(changes, &[("previousHashDiffers", victim.key(at))])
        }),
        Row::new("`previousDigestSignature` wrong", |victim| {
            let at = victim.middle();
            let other = victim.chain()[at - 2].signature.clone();
            let change = |says: &mut Value| says["previousDigestSignature"] = other.into();
            let changes = victim.forge(at, &victim.stolen, change);
            Tampering::missed(changes, &[("previousSignatureDiffers", victim.key(at))])
        }),
        Row::new("a digest replaced by one that lists less", |victim| {
            let at = victim.middle();
            let change = |says: &mut Value| says["logFiles"] = Value::Array(Vec::new());
            let changes = victim.forge_alone(at, &victim.stolen, change);
            let next = victim.key(at + 1);
            let mut found = vec![("previousHashDiffers", next), ("previousSignatureDiffers", next)];
            found.extend(victim.chain()[at].listed().iter().map(|file| ("notListed", *file)));
            Tampering::missed(changes, &found)
        }),
        Row::new("the same, and all after it signed anew", |victim| {
            let at = victim.middle();
            let change = |says: &mut Value| says["logFiles"] = Value::Array(Vec::new());
            let changes = victim.forge(at, &victim.stolen, change);
            let listed = victim.chain()[at].listed();
            let found: Vec<_> = listed.into_iter().map(|file| ("notListed", file)).collect();
            Tampering::missed(changes, &found)
        }),
        Row::new("intervals that do not touch: a digest left out", |victim| {
            let at = victim.middle();
            let before = &victim.chain()[at - 1];
            let mut changes = victim.forge(at + 1, &victim.stolen, |says| follow(says, before));
            changes.insert(victim.key(at).to_owned(), None);
            Tampering::missed(changes, &[("intervalsDoNotTouch", victim.key(at + 1))])
        }),
        Row::new("intervals that overlap", |victim| {
            let at = victim.middle();
            let start = victim.chain()[at - 1].says("digestStartTime").to_owned();
            let change = |says: &mut Value| says["digestStartTime"] = start.into();
            let changes = victim.forge(at, &victim.stolen, change);
            Tampering::missed(changes, &[("intervalsDoNotTouch", victim.key(at))])
        }),
        Row::new("a digest that the next one passes over", |victim| {
            let at = victim.middle();
            let before = &victim.chain()[at - 1];
            let changes = victim.forge(at + 1, &victim.stolen, |says| follow(says, before));
            Tampering::missed(changes, &[("fork", victim.key(at + 1))])
        }),
        Row::new("a log file listed by two digests", |victim| {
            let [newer, older] = victim.files();
            let listing = victim.listing();
            let at = listing[listing.len() - 1];
            let twice = victim.chain()[listing[0]].log_files()[0].clone();
            assert_ne!(newer, older);
            let changes = victim.forge(at, &victim.stolen, |says| list(says, twice));
            Tampering::missed(changes, &[("listedTwice", older)])
        }),
        Row::new("a log file listed twice by a digest", |victim| {
            let at = victim.middle();
            let twice = victim.chain()[at].log_files()[0].clone();
            let file = victim.chain()[at].listed()[0];
            let changes = victim.forge(at, &victim.stolen, |says| list(says, twice));
            Tampering::missed(changes, &[("listedTwice", file)])
        }),
        Row::new("a digest signed by a key that had expired", |victim| {
            let at = victim.middle();
            let name = victim.expired.public().fingerprint();
            let change = |says: &mut Value| says["digestPublicKeyFingerprint"] = name.into();
            let changes = victim.forge(at, &victim.expired, change);
            Tampering::missed(changes, &[("keyNotValid", victim.key(at))])
        }),
    ]
}

/// Names another digest as the one before.
fn follow(says: &mut Value, before: &super::holdings::DigestFile) {
    says["previousDigestS3Object"] = before.key.clone().into();
    says["previousDigestHashValue"] = before.sha256.clone().into();
    says["previousDigestSignature"] = before.signature.clone().into();
}

fn list(says: &mut Value, file: Value) {
    says["logFiles"].as_array_mut().unwrap().push(file);
}
