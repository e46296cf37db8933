//! The chains of one folder, digest by digest: who is signed, who follows whom, what is missing.
//!
//! ```text
//!   ── [14:29 15:29] ◄─ previous ── [15:29 16:29] ◄─ previous ── [16:29 17:29]
//!        bytes ── SHA-256 = previousDigestHashValue
//!        signature        = previousDigestSignature
//! ```
//!
//! Digests come in the order of their keys, which within a chain is the order of time. A chain holds
//! the last one alone. In a copy, which has no metadata, a digest waits for the next one to tell its
//! signature. What a digest without a valid signature says is not believed: neither of whom it
//! follows, nor which log files it lists.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{DigestKind, Folder, ListedFile, Timestamp, TrailArn};
use sha2::{Digest as _, Sha256};

use crate::digest::{Fault, ReadDigest};
use crate::finding::{Count, Event, Finding, Problem, Standing, Subject, Summary};
use crate::keys::Keys;
use crate::layout::{ChainName, DigestFolder, DigestName, LOG_FOLDERS};

/// Missing digests of one gap that are named one by one; a rest is told in one finding.
pub const MISSING_NAMED_MAX: usize = 10_000;

/// What is validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The bucket.
    pub bucket: String,
    /// Only the digests of this trail; other trails' are read, as they may list log files too.
    pub trail: Option<TrailArn>,
    /// Digests that end at or after this moment; `None` for all.
    pub from: Option<Timestamp>,
    /// Digests that begin before this moment.
    pub to: Timestamp,
    /// What time it is.
    pub now: Timestamp,
    /// Whether to tell what is valid too.
    pub tells_valid: bool,
}

impl Scope {
    /// Whether this folder may hold digests of the trail: only an organization's holds other
    /// accounts'.
    #[must_use]
    pub fn is_about(&self, folder: &DigestFolder) -> bool {
        let is_owner = |trail: &TrailArn| trail.account == folder.account;
        folder.organization.is_some() || self.trail.as_ref().is_none_or(is_owner)
    }
}

/// What is to be done next, in this order.
#[derive(Debug)]
pub enum Step {
    /// Tell it.
    Tell(Event),
    /// Look at a log file that a digest lists.
    Check(ChainName, String, ListedFile),
    /// All before it is done for the digest of this key.
    Done(ChainName, String),
}

/// How a chain ends, as far as it was looked at.
#[derive(Clone, Debug)]
pub struct ChainEnd {
    /// Where its digests lie.
    pub folder: DigestFolder,
    /// Which of them.
    pub chain: ChainName,
    /// The end of its last digest.
    pub end: Timestamp,
    /// How long an interval of it is.
    pub interval: Duration,
    /// From when until when valid digests follow each other, since it began and began again. The
    /// first digest's interval, in which nothing was logged, does not count.
    pub runs: Vec<(Timestamp, Timestamp)>,
}

/// The time between a chain's end and the first digest after it began again.
#[derive(Clone, Debug)]
pub struct Gap {
    /// The first digest after it.
    pub key: String,
    /// The end of the last digest before it.
    pub from: Timestamp,
    /// The end of the first digest after it: nothing was logged in its interval.
    pub to: Timestamp,
}

/// The chains of a folder.
pub struct Chains {
    scope: Arc<Scope>,
    folder: DigestFolder,
    keys: Arc<Keys>,
    chains: BTreeMap<ChainName, Chain>,
    /// The log files that were listed, each as 16 bytes of a hash of its bucket and key.
    listed: HashSet<u128>,
    /// The kinds of log files that were listed.
    pub folders_listed: HashSet<Folder>,
    /// Times for which each log file that was delivered is listed, by a chain at least.
    covered: Vec<(Timestamp, Timestamp)>,
    /// Times of digests that are missing, not valid or could not be read: what they list is not known.
    holes: Vec<(Timestamp, Timestamp)>,
    /// Where chains began again.
    pub gaps: Vec<Gap>,
    /// What it comes to so far.
    pub summary: Summary,
}

#[derive(Default)]
struct Chain {
    /// The last digest that is believed.
    last: Option<Link>,
    /// From when until when valid digests follow each other.
    runs: Vec<(Timestamp, Timestamp)>,
    /// The end of the newest digest that is verified.
    verified: Option<Timestamp>,
    /// Those behind it that are not, as no valid one: who follows one of them follows something.
    broken: Vec<Link>,
    /// Read, and its signature is told by the next.
    waiting: Option<(DigestName, ReadDigest)>,
    interval: Option<Duration>,
    /// The lengths of the last three, at most: the interval is the middle one.
    lengths: VecDeque<Duration>,
    /// One that begins at or after the end of the range was seen: all later ones are none of ours.
    is_over: bool,
    /// Of backfill digests: the keys that were seen, and those that others say they follow.
    seen: BTreeSet<String>,
    followed: BTreeSet<String>,
}

impl Chain {
    /// When a digest that ends then should begin, whatever it says.
    fn begin_of(&self, end: Timestamp) -> Timestamp {
        let interval = self.interval.unwrap_or(HOUR);
        let millis = i64::try_from(interval.as_millis()).unwrap_or_default();
        Timestamp::from_millis(end.as_millis() - millis)
    }

    /// Learns the interval. A final digest's may be short, and one after an outage long.
    fn learn(&mut self, length: Duration) {
        self.lengths.push_front(length);
        self.lengths.truncate(3);
        let mut lengths: Vec<_> = self.lengths.iter().collect();
        lengths.sort_unstable();
        self.interval = lengths.get(lengths.len() / 2).copied().copied();
    }

    /// The end of what is there, valid or told not to be; not what nobody signed of the future.
    fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let links = self.last.iter().chain(&self.broken);
        let is_end = |link: &&Link| link.proof.is_some() || (link.is_told && link.end <= now);
        links.filter(is_end).map(|link| link.end).max().max(self.verified)
    }

    /// The digest of a key, if it is the last one or one of those behind it.
    fn link(&self, key: &str) -> Option<&Link> {
        self.last.iter().chain(&self.broken).find(|link| link.key == key)
    }

    fn see(&mut self, name: &DigestName, key: &str) {
        if name.chain.kind == DigestKind::Backfill {
            self.seen.insert(key.to_owned());
        }
    }
}

/// The last digest of a chain.
struct Link {
    key: String,
    end: Timestamp,
    /// Its hash and signature, if it is valid.
    proof: Option<(String, String)>,
    /// Whether somebody was told that it is not valid.
    is_told: bool,
}

impl Chains {
    /// Before the first digest.
    #[must_use]
    pub fn new(scope: Arc<Scope>, folder: DigestFolder, keys: Arc<Keys>) -> Chains {
        Chains {
            scope,
            folder,
            keys,
            chains: BTreeMap::new(),
            listed: HashSet::new(),
            folders_listed: HashSet::new(),
            covered: Vec::new(),
            holes: Vec::new(),
            gaps: Vec::new(),
            summary: Summary::default(),
        }
    }

    /// Whether a digest of this name need not be read: its chain has left the range.
    #[must_use]
    pub fn is_over(&self, name: &DigestName) -> bool {
        self.chains.get(&name.chain).is_some_and(|chain| chain.is_over)
    }

    fn is_selected(&self, chain: &ChainName) -> bool {
        let is_of_trail =
            |trail: &TrailArn| trail.name == chain.trail && trail.home_region == chain.home;
        self.scope.is_about(&self.folder) && self.scope.trail.as_ref().is_none_or(is_of_trail)
    }

    fn subject(kind: DigestKind) -> Subject {
        match kind {
            DigestKind::Standard => Subject::Digest,
            DigestKind::Backfill => Subject::BackfillDigest,
        }
    }

    fn finding(&self, chain: &ChainName, key: &str, (problem, message): Fault) -> Finding {
        Finding::new(Chains::subject(chain.kind), (&self.scope.bucket, key), problem, message)
    }

    fn count(&mut self, kind: DigestKind) -> &mut Count {
        match kind {
            DigestKind::Standard => &mut self.summary.digest_files,
            DigestKind::Backfill => &mut self.summary.backfill_digest_files,
        }
    }

    /// Takes the next digest.
    pub fn take(&mut self, name: DigestName, read: Result<ReadDigest, Fault>) -> Vec<Step> {
        let mut steps = Vec::new();
        let chain = self.chains.entry(name.chain.clone()).or_default();
        if let Some((before, waiting)) = chain.waiting.take() {
            let key = self.folder.key(&before);
            let told = read
                .as_ref()
                .ok()
                .filter(|next| next.previous() == Some((self.scope.bucket.as_str(), key.as_str())));
            let signature = told.and_then(|next| next.digest.previous_digest_signature.clone());
            self.settle(&before, waiting, signature, &mut steps);
        }
        match read {
            Ok(digest) => match digest.signature.clone() {
                Some(signature) => self.settle(&name, digest, Some(signature), &mut steps),
                None => {
                    let chain = self.chains.entry(name.chain.clone()).or_default();
                    chain.waiting = Some((name, digest));
                }
            },
            Err(fault) => self.take_broken(&name, fault, &mut steps),
        }
        steps
    }

    /// After the last digest.
    pub fn finish(&mut self) -> (Vec<Step>, Vec<ChainEnd>) {
        let mut steps = Vec::new();
        let waiting: Vec<_> =
            self.chains.values_mut().filter_map(|chain| chain.waiting.take()).collect();
        for (name, digest) in waiting {
            self.settle(&name, digest, None, &mut steps);
        }
        merge(&mut self.covered);
        merge(&mut self.holes);
        let mut ends = Vec::new();
        let chains = std::mem::take(&mut self.chains);
        for (name, chain) in &chains {
            if !self.is_selected(name) {
                continue;
            }
            self.summary.chains += 1;
            for key in chain.followed.difference(&chain.seen) {
                self.summary.backfill_digest_files.invalid += 1;
                let fault = (Problem::NotFound, "not found".to_owned());
                steps.push(Step::Tell(Event::Found(self.finding(name, key, fault))));
            }
            let end = chain.end(self.scope.now);
            let Some((end, interval)) = end.zip(chain.interval) else { continue };
            if name.kind == DigestKind::Standard && !chain.is_over {
                ends.push(ChainEnd {
                    folder: self.folder.clone(),
                    chain: name.clone(),
                    end,
                    interval,
                    runs: chain.runs.clone(),
                });
            }
        }
        self.chains = chains;
        (steps, ends)
    }

    /// The end of the newest digest of all chains, and how long the intervals of that chain are. Of
    /// other trails' chains only what is verified counts: of the rest nobody is told.
    #[must_use]
    pub fn newest(&self) -> Option<(Timestamp, Duration)> {
        let standard = self.chains.iter().filter(|(name, _)| name.kind == DigestKind::Standard);
        let ends = standard.filter_map(|(name, chain)| {
            let end = match self.is_selected(name) {
                true => chain.end(self.scope.now),
                false => chain.verified,
            };
            Some((end?, chain.interval.unwrap_or(HOUR)))
        });
        ends.max()
    }

    /// Whether a digest lists this log file.
    #[must_use]
    pub fn lists(&self, bucket: &str, key: &str) -> bool {
        self.listed.contains(&identity(bucket, key))
    }

    /// Whether what was delivered at this moment is listed, and at `margin` before it too.
    #[must_use]
    pub fn covers(&self, at: Timestamp, margin: Duration) -> bool {
        is_in(&self.covered, at, margin)
    }

    /// Whether a digest of this moment is missing or not valid, so that nobody knows what it lists.
    #[must_use]
    pub fn is_in_doubt(&self, at: Timestamp) -> bool {
        is_in(&self.holes, at, Duration::ZERO)
    }

    /// Whether what a digest beyond the range lists is believed. One of a copy, which has lost its
    /// signature, is.
    #[must_use]
    pub fn is_believed(&self, digest: &ReadDigest) -> bool {
        let signature = digest.signature.as_deref();
        signature.is_none_or(|signature| digest.verify(signature, &self.keys, &self.folder).is_ok())
    }

    /// A digest of which nothing is known but its name.
    fn take_broken(&mut self, name: &DigestName, fault: Fault, steps: &mut Vec<Step>) {
        let key = self.folder.key(name);
        let begin = self.chains.entry(name.chain.clone()).or_default().begin_of(name.end);
        let is_within = begin < self.scope.to || self.scope.to >= self.scope.now;
        // What nobody is told of must not excuse anything.
        let is_about = self.is_selected(&name.chain) || fault.0 == Problem::Unreadable;
        let is_told = is_about && is_within;
        if is_told {
            let found = self.finding(&name.chain, &key, fault);
            self.count(name.chain.kind).add(Some(found.status));
            steps.push(Step::Tell(Event::Found(found)));
            steps.push(Step::Done(name.chain.clone(), key.clone()));
        }
        let chain = self.chains.entry(name.chain.clone()).or_default();
        if is_told {
            self.holes.push((begin, name.end));
        }
        chain.see(name, &key);
        chain.broken.push(Link { key, end: name.end, proof: None, is_told });
    }

    /// A digest whose signature is known, or known to be lost.
    fn settle(
        &mut self,
        name: &DigestName,
        read: ReadDigest,
        signature: Option<String>,
        steps: &mut Vec<Step>,
    ) {
        let key = self.folder.key(name);
        let is_selected = self.is_selected(&name.chain);
        let verified = match &signature {
            Some(signature) => read.verify(signature, &self.keys, &self.folder),
            None => Err((
                Problem::SignatureNotInCopy,
                format!(
                    "signature is not in the copy: no later digest tells it, and there is no {key}.metadata.json"
                ),
            )),
        };
        let is_valid = verified.is_ok();
        let is_believed = matches!(verified, Ok(()) | Err((Problem::SignatureNotInCopy, _)));
        // One that is not valid may name any time: of a range up to now each is told.
        let is_within =
            read.start < self.scope.to || (!is_valid && self.scope.to >= self.scope.now);
        let mut faults: Vec<Fault> = verified.as_ref().err().cloned().into_iter().collect();
        if is_believed {
            let followed = self.follow(name, &read);
            self.holes.extend(followed.lost.filter(|_| is_selected));
            faults.extend(followed.faults);
            if is_selected {
                for found in followed.found {
                    self.tally(&found);
                    steps.push(Step::Tell(Event::Found(found)));
                }
            }
        }
        if is_selected && is_within {
            let standing = faults.iter().map(|(problem, _)| standing_of(*problem)).min();
            self.count(name.chain.kind).add(standing);
            if faults.is_empty() {
                self.summary.covers(read.start, read.end);
                if self.scope.tells_valid {
                    steps.push(Step::Tell(Event::Valid {
                        subject: Chains::subject(name.chain.kind),
                        s3_bucket: self.scope.bucket.clone(),
                        s3_object: key.clone(),
                    }));
                }
            }
            for fault in faults {
                let found = self.finding(&name.chain, &key, fault);
                steps.push(Step::Tell(Event::Found(found)));
            }
        }
        if is_valid && name.chain.kind == DigestKind::Standard && read.previous().is_some() {
            self.covered.push((read.start, read.end));
        }
        self.list(name, &key, &read, is_valid, is_selected && is_within, steps);
        let chain = self.chains.entry(name.chain.clone()).or_default();
        let is_told = !is_valid && is_selected && is_within;
        // What nobody is told of must not excuse anything.
        if is_told {
            self.holes.push((chain.begin_of(read.end), read.end));
        }
        chain.is_over |= is_valid && !is_within;
        chain.see(name, &key);
        let length = read.end.since(read.start);
        let is_first = read.previous().is_none();
        if is_valid && !is_first {
            chain.learn(length);
        } else if is_believed {
            chain.interval.get_or_insert(length);
        }
        if is_valid {
            chain.verified = chain.verified.max(Some(read.end));
            match chain.runs.last_mut() {
                Some((_, end)) if !is_first => *end = read.end.max(*end),
                _ => chain.runs.push((if is_first { read.end } else { read.start }, read.end)),
            }
        }
        let proof = signature.filter(|_| is_valid).map(|signature| (read.sha256, signature));
        let link = Link { key, end: read.end, proof, is_told };
        if is_valid || (is_believed && (is_told || !is_selected)) {
            chain.last = Some(link);
            chain.broken.clear();
        } else {
            chain.broken.push(link);
        }
    }

    /// Counts what is found of another digest than the one at hand.
    fn tally(&mut self, found: &Finding) {
        let standing = found.status;
        match (found.subject, standing) {
            (_, Standing::Note) => self.summary.notes += 1,
            (Subject::Digest, _) => self.summary.digest_files.add(Some(standing)),
            (Subject::BackfillDigest, _) => {
                self.summary.backfill_digest_files.add(Some(standing));
            }
            (Subject::LogFile, _) => self.summary.log_files.add(Some(standing)),
            (Subject::Folder, _) => self.summary.other_invalid += 1,
        }
    }

    /// Takes the log files that a digest lists.
    fn list(
        &mut self,
        name: &DigestName,
        key: &str,
        read: &ReadDigest,
        is_valid: bool,
        is_ours: bool,
        steps: &mut Vec<Step>,
    ) {
        let files = &read.digest.log_files;
        if !is_valid && !is_ours {
            return;
        }
        for file in files {
            if let Some(folder) = self.folder_of(&file.s3_object) {
                self.folders_listed.insert(folder);
            }
            let is_new = self.listed.insert(identity(&file.s3_bucket, &file.s3_object));
            if !is_new && is_valid {
                let found = Finding::new(
                    Subject::LogFile,
                    (&file.s3_bucket, &file.s3_object),
                    Problem::ListedTwice,
                    format!("listed a second time, by s3://{}/{key}", self.scope.bucket),
                );
                self.tally(&found);
                steps.push(Step::Tell(Event::Found(found)));
            }
            if is_valid && is_ours {
                let (chain, key) = (name.chain.clone(), key.to_owned());
                steps.push(Step::Check(chain, key, file.clone()));
            }
        }
        match (is_ours, is_valid) {
            (true, true) => steps.push(Step::Done(name.chain.clone(), key.to_owned())),
            (true, false) => self.summary.log_files_not_checked += files.len() as u64,
            (false, _) => {}
        }
    }

    fn folder_of(&self, key: &str) -> Option<Folder> {
        let rest = key.strip_prefix(&self.folder.root())?;
        let name = rest.split('/').next()?;
        LOG_FOLDERS.into_iter().find(|folder| folder.name() == name)
    }

    /// Compares a digest with the last one before it.
    fn follow(&mut self, name: &DigestName, read: &ReadDigest) -> Followed {
        match name.chain.kind {
            DigestKind::Standard => self.follow_standard(name, read),
            DigestKind::Backfill => self.follow_backfill(name, read),
        }
    }

    fn follow_standard(&mut self, name: &DigestName, read: &ReadDigest) -> Followed {
        let mut followed = Followed::default();
        let bucket = self.scope.bucket.clone();
        let key = self.folder.key(name);
        let none = Chain::default();
        let chain = self.chains.get(&name.chain).unwrap_or(&none);
        let note = |problem, message: String| {
            Finding::new(Subject::Digest, (&bucket, &key), problem, message)
        };
        let Some((other, previous)) = read.previous() else {
            if let Some(from) = chain.end(read.start) {
                let to = read.start;
                let message = match from < to {
                    true => format!("the chain begins again: no digests between {from} and {to}"),
                    false => format!("the chain begins again at {to}"),
                };
                followed.found.push(note(Problem::Restarted, message).between(from, to));
                if self.is_selected(&name.chain) {
                    self.gaps.push(Gap { key, from, to: read.end });
                }
            }
            return followed;
        };
        if other != bucket {
            let message = format!(
                "the chain before {} is in s3://{other}/{previous}: validate that bucket too",
                read.start
            );
            followed.found.push(note(Problem::OtherBucket, message));
            return followed;
        }
        if let Some(link) = chain.link(previous) {
            compare(link, read, &mut followed.faults);
            if link.end != read.start {
                followed.faults.push(apart(link, read));
            }
            return followed;
        }
        let told = self.folder.digest(previous).map_or(read.start, |told| told.end);
        match &chain.last {
            Some(last) if told <= last.end => followed.faults.push((
                Problem::Fork,
                format!(
                    "follows s3://{bucket}/{previous}, though s3://{bucket}/{} lies between",
                    last.key
                ),
            )),
            Some(last) if last.end < read.start => {
                let interval = chain.interval.unwrap_or_else(|| read.end.since(read.start));
                let span = (last.end, read.start);
                followed.lost = Some(span);
                let found = &mut followed.found;
                self.name_missing(&name.chain, span, interval, Some(previous), found);
                found.retain(|lost| chain.link(&lost.s3_object).is_none());
            }
            Some(last) => {
                let lost = (Problem::NotFound, "not found".to_owned());
                followed.found.push(self.finding(&name.chain, previous, lost));
                followed.faults.push(apart(last, read));
            }
            None if self.scope.from.is_none_or(|from| from <= told) => {
                let message = format!(
                    "not found: it ends at {told}; which digests were before it is not known"
                );
                let lost = (Problem::NotFound, message);
                followed.found.push(self.finding(&name.chain, previous, lost));
                let length = read.end.as_millis() - read.start.as_millis();
                let hour = Timestamp::from_millis(told.as_millis() - length);
                followed.lost = Some((hour, told));
            }
            None => {}
        }
        followed
    }

    fn follow_backfill(&mut self, name: &DigestName, read: &ReadDigest) -> Followed {
        let mut followed = Followed::default();
        let bucket = self.scope.bucket.clone();
        let Some((other, previous)) = read.previous() else { return followed };
        let told = self.folder.digest(previous).filter(|told| {
            told.chain == name.chain && self.scope.from.is_none_or(|from| from <= told.end)
        });
        if told.is_none() || other != bucket {
            return followed;
        }
        let chain = self.chains.entry(name.chain.clone()).or_default();
        match chain.link(previous) {
            Some(link) => compare(link, read, &mut followed.faults),
            None => {
                chain.followed.insert(previous.to_owned());
            }
        }
        followed
    }

    /// A finding for each interval without a digest.
    pub fn name_missing(
        &self,
        chain: &ChainName,
        (from, to): (Timestamp, Timestamp),
        interval: Duration,
        last_key: Option<&str>,
        found: &mut Vec<Finding>,
    ) {
        let interval = interval.max(Duration::from_secs(1));
        let mut start = from;
        while start < to {
            let step = start.plus(interval);
            let is_rest = found.len() + 1 >= MISSING_NAMED_MAX;
            let end = if step >= to || is_rest { to } else { step };
            let is_asked = start < self.scope.to && self.scope.from.is_none_or(|from| from <= end);
            if is_asked {
                let name = DigestName { chain: chain.clone(), end };
                let key = match last_key {
                    Some(key) if end == to => key.to_owned(),
                    _ => self.folder.key(&name),
                };
                let message = match is_rest && step < to {
                    false => format!("not found: no digest covers {start} to {end}"),
                    true => format!("not found: no digests cover {start} to {end}"),
                };
                let lost = self.finding(chain, &key, (Problem::NotFound, message));
                found.push(lost.between(start, end));
            }
            start = end;
        }
    }
}

/// The interval of digests, where nothing else is known.
pub const HOUR: Duration = Duration::from_secs(3600);

#[derive(Default)]
struct Followed {
    /// What is wrong with the digest itself.
    faults: Vec<Fault>,
    /// What else is found.
    found: Vec<Finding>,
    /// The time of digests that are missing.
    lost: Option<(Timestamp, Timestamp)>,
}

/// Puts intervals in order, those that touch together.
fn merge(intervals: &mut Vec<(Timestamp, Timestamp)>) {
    intervals.sort_unstable();
    intervals.dedup_by(|next, held| {
        let touches = next.0 <= held.1;
        if touches {
            held.1 = held.1.max(next.1);
        }
        touches
    });
}

/// Whether this moment is in one of the intervals, and not in its first `margin`.
fn is_in(intervals: &[(Timestamp, Timestamp)], at: Timestamp, margin: Duration) -> bool {
    let behind = intervals.partition_point(|(start, _)| *start <= at);
    let last = behind.checked_sub(1).and_then(|last| intervals.get(last));
    last.is_some_and(|(start, end)| start.plus(margin) <= at && at <= *end)
}

fn compare(last: &Link, read: &ReadDigest, faults: &mut Vec<Fault>) {
    let Some((sha256, signature)) = &last.proof else { return };
    let digest = &read.digest;
    if digest.previous_digest_hash_value.as_ref() != Some(sha256) {
        faults.push((
            Problem::PreviousHashDiffers,
            format!("previousDigestHashValue is not the hash of {}", last.key),
        ));
    }
    if digest.previous_digest_signature.as_ref() != Some(signature) {
        faults.push((
            Problem::PreviousSignatureDiffers,
            format!("previousDigestSignature is not the signature of {}", last.key),
        ));
    }
}

fn apart(last: &Link, read: &ReadDigest) -> Fault {
    (
        Problem::IntervalsDoNotTouch,
        format!("begins at {}, but the digest that it follows ends at {}", read.start, last.end),
    )
}

fn standing_of(problem: Problem) -> Standing {
    Finding::new(Subject::Digest, ("", ""), problem, "").status
}

/// 16 bytes of a hash of what names an object.
fn identity(bucket: &str, key: &str) -> u128 {
    let mut hash = Sha256::new();
    hash.update(bucket);
    hash.update([0]);
    hash.update(key);
    let hash = hash.finalize();
    u128::from_le_bytes(hash[..16].try_into().expect("16 of 32 bytes"))
}
