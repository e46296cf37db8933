//! A bucket with three chains: one account in two Regions by the trail `audit`, and the same account
//! and Region by another trail, `second`.
//!
//! ```text
//! audit  eu-west-1  five hours from 10:30:15 on; two files in the 2nd, the 4th and the 5th each
//! audit  us-east-1  the same; two files in the 3rd, and a backfill digest with another
//! second eu-west-1  the same; two files in the 5th
//! ```
#![allow(dead_code)] // not every test uses all

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cairn_integrity::source::{Memory, Stored};
use cairn_integrity::{
    Count, Counters, Event, Finding, Kept, Keys, Problem, Progress, Scope, Selection, Source,
    Standing, Summary, Validation, find_folders, validate,
};
use cairn_tests::forge::{Forge, at, hours, keys};
use keyring::SigningKey;
use model::{ChainId, Folder};

pub const BUCKET: &str = "trail-logs";
pub const FIRST: &str = "2026-03-09T10:30:15Z";
pub const DIGESTS: u64 = 5;
const MINUTES_12: Duration = Duration::from_secs(720);

pub fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate().unwrap())
}

/// A key that nobody published.
pub fn foreign_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate().unwrap())
}

pub fn chain(trail: &str, region: &str) -> ChainId {
    ChainId {
        trail: format!("arn:aws:cloudtrail:us-east-1:111111111111:trail/{trail}").parse().unwrap(),
        organization: None,
        account: "111111111111".parse().unwrap(),
        region: region.parse().unwrap(),
    }
}

/// The bucket, and how it is looked at.
#[derive(Clone)]
pub struct World {
    pub memory: Memory,
    /// The digests of `audit` in eu-west-1.
    pub digests: Vec<String>,
    /// The log files of `audit` in eu-west-1.
    pub files: Vec<String>,
    /// All keys of the bucket.
    pub all: Vec<String>,
    pub scope: Scope,
    pub keys: Keys,
}

/// The hours of a chain, with files in these of them: the keys of digests and log files.
pub fn hours_of(forge: &mut Forge, with_files: &[u64]) -> (Vec<String>, Vec<String>) {
    let (mut digests, mut files) = (Vec::new(), Vec::new());
    for hour in 0..DIGESTS {
        let start = hours(at(FIRST), hour);
        if with_files.contains(&hour) {
            files.push(forge.log_file(Folder::CloudTrail, start.plus(MINUTES_12)));
            files.push(forge.log_file(Folder::CloudTrail, start.plus(MINUTES_12 * 3)));
        }
        digests.push(forge.digest(start, hours(start, 1), key()));
    }
    (digests, files)
}

impl World {
    pub fn new() -> World {
        let mut first = Forge::new(BUCKET, chain("audit", "eu-west-1"), None);
        let (digests, files) = hours_of(&mut first, &[1, 3, 4]);
        let mut other = Forge::new(BUCKET, chain("audit", "us-east-1"), None);
        hours_of(&mut other, &[2]);
        let late = hours(at(FIRST), 4);
        other.log_file(Folder::CloudTrail, late);
        other.backfill(hours(at(FIRST), 3), late, key(), hours(late, 1));
        let mut second = Forge::new(BUCKET, chain("second", "eu-west-1"), None);
        hours_of(&mut second, &[4]);
        let mut memory = first.memory;
        memory.objects.extend(other.memory.objects);
        memory.objects.extend(second.memory.objects);
        let all = memory.objects.keys().map(|(_, key)| key.clone()).collect();
        let now = at("2026-03-20T00:00:00Z");
        let scope = Scope {
            bucket: BUCKET.into(),
            trail: None,
            from: None,
            to: now,
            now,
            tells_valid: false,
        };
        let keys = keys(key(), at("2026-03-01T00:00:00Z"), at("2026-03-31T00:00:00Z"));
        World { memory, digests, files, all, scope, keys }
    }

    pub fn remove(&mut self, key: &str) -> Stored {
        self.memory.objects.remove(&(BUCKET.into(), key.into())).unwrap()
    }

    pub fn object(&mut self, key: &str) -> &mut Stored {
        self.memory.objects.get_mut(&(BUCKET.into(), key.into())).unwrap()
    }

    pub fn put(&mut self, key: &str, stored: Stored) {
        self.memory.objects.insert((BUCKET.into(), key.into()), stored);
    }

    /// Nothing is done yet.
    pub fn anew(&self) -> Arc<Progress> {
        Arc::new(Progress::new(Kept::new(String::new(), self.scope.now)))
    }

    pub async fn validate(&self) -> (Vec<Finding>, Summary) {
        self.validate_in(Source::memory(self.memory.clone()), self.anew()).await
    }

    pub async fn validate_in(
        &self,
        source: Source,
        progress: Arc<Progress>,
    ) -> (Vec<Finding>, Summary) {
        let folders = find_folders(&source, BUCKET, &Selection::default()).await.unwrap();
        let validation = Validation {
            source,
            scope: self.scope.clone(),
            keys: self.keys.clone(),
            concurrency: 4,
            counters: Arc::new(Counters::default()),
            progress,
        };
        let mut found = Vec::new();
        let mut tell = |event: Event| {
            if let Event::Found(finding) = event {
                found.push(finding);
            }
            Ok(())
        };
        let summary = validate(validation, folders, &mut tell).await.unwrap();
        (found, summary)
    }

    /// The findings, with names cut to what tells them apart, and the sums.
    pub async fn report(&self) -> String {
        let (found, summary) = self.validate().await;
        report(&found, &summary)
    }

    /// What is found that is no note.
    pub async fn problems(&self) -> BTreeSet<Problem> {
        let (found, _) = self.validate().await;
        let wrong = found.iter().filter(|found| found.status != Standing::Note);
        wrong.map(|found| found.problem).collect()
    }
}

pub fn report(found: &[Finding], summary: &Summary) -> String {
    let mut text = String::new();
    // Of each world the chains ended long ago, which is noted.
    for finding in found.iter().filter(|finding| finding.problem != Problem::Ended) {
        let line = Event::Found(finding.clone()).to_string();
        writeln!(text, "{}", short(&line)).unwrap();
    }
    let count = |count: Count| format!("{}/{}/{}", count.valid, count.invalid, count.unverified);
    let Summary { digest_files, backfill_digest_files, log_files, other_invalid, .. } = summary;
    let (digests, files) = (count(*digest_files), count(*log_files));
    let backfill = count(*backfill_digest_files);
    writeln!(
        text,
        "{digests} digests, {backfill} backfill, {files} log files, {other_invalid} other"
    )
    .unwrap();
    for (some, what) in [
        (summary.log_files_not_checked, "not checked"),
        (summary.log_files_not_yet_listed, "not yet listed"),
        (summary.log_files_not_covered, "not covered"),
        (summary.notes, "notes"),
    ] {
        if some > 0 {
            writeln!(text, "{some} {what}").unwrap();
        }
    }
    text
}

/// Without the folders, the account and the fingerprint.
pub fn short(line: &str) -> String {
    let line = line.replace("AWSLogs/111111111111/", "").replace("2026/03/09/111111111111_", "");
    let line = line.replace("CloudTrail-Digest/eu-west-1/CloudTrail-Digest_eu-west-1_", "eu_");
    let line = line.replace("CloudTrail-Digest/us-east-1/CloudTrail-Digest_us-east-1_", "us_");
    let line = line.replace("CloudTrail/eu-west-1/CloudTrail_eu-west-1_", "eu_");
    let line = line.replace("CloudTrail/us-east-1/CloudTrail_us-east-1_", "us_");
    let line = line.replace("_us-east-1_2026", "_2026").replace("s3://trail-logs/", "");
    let line = line.replace(&key().public().fingerprint(), "KEY").replace(".json.gz", "");
    line.replace(&foreign_key().public().fingerprint(), "FOREIGN").replace('\t', " ")
}
