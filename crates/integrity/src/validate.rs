//! The walk: all folders, side by side, and what is found of them, in order.
//!
//! What is in memory: of each folder that is walked now 16 bytes (and a hash table's room) for each
//! log file that its digests list, the digests that are read ahead, and findings that wait for their
//! turn; of objects what [`Source`] allows.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesOrdered};
use futures_util::{FutureExt, StreamExt};
use model::{DigestKind, Folder, ListedFile, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::chain::{ChainEnd, Chains, Gap, Scope, Step};
use crate::digest::{self, Fault, ReadDigest};
use crate::finding::{Event, Finding, Problem, Standing, Subject, Summary};
use crate::keys::Keys;
use crate::layout::{DigestFolder, DigestName, LOG_FOLDERS};
use crate::log_file;
use crate::pool::Pool;
use crate::resume::Progress;
use crate::source::{Entry, Listing, Source, SourceError};

/// Folders that are walked at once.
const FOLDERS_MAX: usize = 8;
/// Digests of a folder that are read ahead.
const DIGESTS_AHEAD: usize = 32;
/// Events of a folder that wait for the folders before it.
const EVENTS_MAX: usize = 1024;
/// A stamp may be so much later than the delivery: it lies on a grid.
const STAMP_AHEAD: Duration = Duration::from_secs(300);
/// A digest of a range may end so long after it: a day's, and one after an outage of a month.
const LATER_DIGESTS: Duration = Duration::from_secs(32 * 24 * 3600);
/// A digest may be written so long after its end, at least.
const GRACE_MIN: Duration = Duration::from_secs(30);

/// How much was done, for who watches.
#[derive(Debug, Default)]
pub struct Counters {
    /// Digests that were read.
    pub digests: AtomicU64,
    /// Log files that were compared.
    pub log_files: AtomicU64,
    /// Bytes of log files, as they are stored.
    pub bytes: AtomicU64,
    /// Findings that are no notes.
    pub findings: AtomicU64,
}

/// Everything that a validation needs.
pub struct Validation {
    /// Where the objects are.
    pub source: Source,
    /// What is validated.
    pub scope: Scope,
    /// The public keys.
    pub keys: Keys,
    /// Objects that are read at once.
    pub concurrency: usize,
    /// How much is done.
    pub counters: Arc<Counters>,
    /// From where to go on.
    pub progress: Arc<Progress>,
}

/// Why a validation ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// A listing could not be read: what is there is not known.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nobody takes what is told.
    #[error("the report cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

struct Shared {
    reader: Arc<Reader>,
    scope: Arc<Scope>,
    keys: Arc<Keys>,
    pool: Pool,
    concurrency: usize,
    progress: Arc<Progress>,
}

/// What the pool's workers need.
struct Reader {
    source: Source,
    bucket: String,
    keys: Arc<Keys>,
    counters: Arc<Counters>,
}

/// What a folder comes to.
struct Outcome {
    summary: Summary,
    ends: Vec<End>,
    /// Log files of a folder without any digest: how many, of the first page.
    without_digests: Option<(DigestFolder, usize)>,
    /// A folder that has other trails' digests alone.
    of_others: Option<DigestFolder>,
}

/// The end of a chain, and what goes on after it.
struct End {
    chain: ChainEnd,
    later: Unlisted,
}

/// Log files that were delivered while a chain had no digests: how many, and about when the last.
#[derive(Clone, Copy, Default)]
struct Unlisted {
    count: u64,
    last: Option<Timestamp>,
}

impl Unlisted {
    fn add(&mut self, at: Timestamp) {
        self.count += 1;
        self.last = self.last.max(Some(at));
    }
}

/// Validates these folders, and tells what is found, in order.
pub async fn validate(
    validation: Validation,
    folders: Vec<DigestFolder>,
    tell: &mut (dyn FnMut(Event) -> std::io::Result<()> + Send),
) -> Result<Summary, ValidateError> {
    let Validation { source, scope, keys, concurrency, counters, progress } = validation;
    let concurrency = concurrency.max(1);
    let (bucket, keys) = (scope.bucket.clone(), Arc::new(keys));
    let shared = Arc::new(Shared {
        reader: Arc::new(Reader { source, bucket, keys: Arc::clone(&keys), counters }),
        scope: Arc::new(scope),
        keys,
        pool: Pool::new(concurrency),
        concurrency,
        progress,
    });
    let mut summary = Summary::default();
    let (mut ends, mut without, mut of_others) = (Vec::new(), Vec::new(), Vec::new());
    let is_about = |folder: &DigestFolder| shared.scope.is_about(folder);
    let mut folders = folders.into_iter().filter(is_about);
    let mut walks = VecDeque::new();
    loop {
        while walks.len() < FOLDERS_MAX
            && let Some(folder) = folders.next()
        {
            let (events, told) = mpsc::channel(EVENTS_MAX);
            let mut walk = JoinSet::new();
            walk.spawn(Walk { shared: Arc::clone(&shared), folder, events }.run());
            walks.push_back((walk, told));
        }
        let Some((mut walk, mut told)) = walks.pop_front() else { break };
        while let Some(event) = told.recv().await {
            tell(event)?;
        }
        let ended = walk.join_next().await.expect("a walk was spawned");
        let outcome = ended.expect("a walk does not panic")?;
        summary.merge(&outcome.summary);
        ends.extend(outcome.ends);
        without.extend(outcome.without_digests);
        of_others.extend(outcome.of_others);
    }
    let mut found = last_words(&shared.scope, &ends, &mut summary);
    if summary.chains > 0 {
        found.extend(folders_without(&shared.scope.bucket, &without, &of_others, &mut summary));
    }
    for found in found {
        tell(Event::Found(found))?;
    }
    Ok(summary)
}

/// What only all folders together tell.
fn last_words(scope: &Scope, ends: &[End], summary: &mut Summary) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut newest: BTreeMap<_, Timestamp> = BTreeMap::new();
    let mut runs: BTreeMap<_, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    let trail = |end: &ChainEnd| {
        (end.chain.trail.clone(), end.chain.home.clone(), end.folder.organization.clone())
    };
    for End { chain, .. } in ends {
        let held = newest.entry(trail(chain)).or_insert(chain.end);
        *held = chain.end.max(*held);
        runs.entry(trail(chain)).or_default().extend(&chain.runs);
    }
    // Of each run the latest end of all that began before it.
    for runs in runs.values_mut() {
        runs.sort_unstable();
        let mut latest = Timestamp::from_millis(0);
        for (_, until) in runs {
            latest = latest.max(*until);
            *until = latest;
        }
    }
    for End { chain, later } in ends {
        if !is_overdue(scope, chain.end, chain.interval) {
            continue;
        }
        let ChainEnd { folder, chain: name, end, interval, .. } = chain;
        let trail_of = trail(chain);
        let newest = newest[&trail_of];
        // Chains that have begun again since tell nothing: the trail was stopped in between.
        let runs = &runs[&trail_of];
        let begun = runs.partition_point(|(begin, _)| *begin <= chain.end);
        let until = begun.checked_sub(1).map(|last| runs[last].1);
        let until = until.unwrap_or(chain.end);
        let next = DigestName { chain: name.clone(), end: end.plus(*interval) };
        let key = folder.key(&next);
        // Chains are written one after the other: when all of them stop, one may be a digest behind.
        let behind = if is_overdue(scope, until, *interval) { 2 } else { 1 };
        let goes_on = until >= end.plus(*interval * behind);
        if goes_on {
            // The hours that the trail's other chains have, and this one has not.
            let chains = Chains::new(Arc::new(scope.clone()), folder.clone(), Arc::default());
            let mut missing = Vec::new();
            chains.name_missing(name, (*end, until), *interval, None, &mut missing);
            for lost in missing {
                summary.digest_files.add(Some(lost.status));
                found.push(lost);
            }
        }
        let (problem, message) = match (goes_on, later.count, later.last) {
            (true, ..) => (
                Problem::NoDigestAfter,
                format!("no digest after {end}, but other chains of the trail go on until {until}"),
            ),
            (false, count @ 1.., Some(last)) => (
                Problem::NoDigestAfter,
                format!(
                    "no digest after {end}, but {count} log files were delivered later, the last at about {last}: digests are missing, or log files were not validated any more"
                ),
            ),
            _ => {
                let known = match (until > *end, newest > *end) {
                    (true, _) => "other chains of the trail have one digest more",
                    (false, true) => "other chains of the trail have begun again since",
                    (false, false) => "nothing else was delivered since",
                };
                (
                    Problem::Ended,
                    format!(
                        "no digest after {end}: the trail was stopped or deleted then, or digests are missing; {known}"
                    ),
                )
            }
        };
        let told = Finding::new(Subject::Digest, (&scope.bucket, &key), problem, message);
        match told.status {
            Standing::Note => summary.notes += 1,
            _ => summary.other_invalid += 1,
        }
        found.push(told.between(*end, scope.to));
    }
    found
}

/// The folders that have no digests, or none of the trail, though it has some elsewhere.
fn folders_without(
    bucket: &str,
    without: &[(DigestFolder, usize)],
    of_others: &[DigestFolder],
    summary: &mut Summary,
) -> Vec<Finding> {
    let finding = |folder: &DigestFolder, problem, message: String| {
        Finding::new(Subject::Folder, (bucket, &folder.digests()), problem, message)
    };
    summary.other_invalid += without.len() as u64;
    summary.notes += of_others.len() as u64;
    let empty = without.iter().map(|(folder, count)| {
        let more = if *count >= 1000 { " or more" } else { "" };
        let message = format!(
            "{count}{more} log files and no digest: digests are missing, or no trail validates here"
        );
        finding(folder, Problem::NoDigests, message)
    });
    let foreign = of_others.iter().map(|folder| {
        let message =
            "other trails' digests alone: this trail does not log here, or its digests are missing";
        finding(folder, Problem::OtherTrails, message.to_owned())
    });
    empty.chain(foreign).collect()
}

pub(crate) fn grace(interval: Duration) -> Duration {
    interval.max(GRACE_MIN)
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    let millis = i64::try_from(by.as_millis()).unwrap_or_default();
    Timestamp::from_millis(at.as_millis() - millis)
}

/// Whether the next digest should have been there for long.
pub(crate) fn is_overdue(scope: &Scope, end: Timestamp, interval: Duration) -> bool {
    scope.to > end && scope.now > end.plus(interval * 2).plus(grace(interval))
}

/// What comes out of a piece of work.
enum Done {
    Tell(Event),
    Checked { digest: String, file: ListedFile, result: Result<(), Fault> },
    Digest(String),
}

enum Item {
    Digest(DigestName),
    Stray(String),
}

/// What the digests just before the range say.
#[derive(Default)]
struct Before {
    listed: HashSet<String>,
    covered: Vec<(Timestamp, Timestamp)>,
}

impl Before {
    fn lists(&self, key: &str) -> bool {
        self.listed.contains(key)
    }

    /// Whether a file of this stamp is listed, if it was delivered before the range.
    fn covers(&self, stamp: Timestamp) -> bool {
        let delivered = earlier(stamp, STAMP_AHEAD);
        self.covered.iter().any(|(start, end)| *start <= delivered && delivered <= *end)
    }
}

/// One folder on its way.
struct Walk {
    shared: Arc<Shared>,
    folder: DigestFolder,
    events: mpsc::Sender<Event>,
}

impl Walk {
    async fn run(self) -> Result<Outcome, SourceError> {
        let scope = Arc::clone(&self.shared.scope);
        let mut chains =
            Chains::new(Arc::clone(&scope), self.folder.clone(), Arc::clone(&self.shared.keys));
        let counts = self.walk_digests(&mut chains).await?;
        let (steps, ends) = chains.finish();
        let mut more = Summary::default();
        self.work_off(steps, &mut more).await;
        let mut ends: Vec<End> =
            ends.into_iter().map(|chain| End { chain, later: Unlisted::default() }).collect();
        let mut summary = std::mem::take(&mut chains.summary);
        summary.merge(&counts);
        summary.merge(&more);
        let Some((newest, interval)) = chains.newest() else {
            let without_digests = self.look_for_log_files().await?;
            let without_digests =
                (without_digests > 0).then(|| (self.folder.clone(), without_digests));
            return Ok(Outcome { summary, ends, without_digests, of_others: None });
        };
        if summary.chains == 0 {
            // Other trails' digests alone: which log files should be of this trail nobody can tell.
            let of_others = Some(self.folder.clone());
            return Ok(Outcome { summary, ends, without_digests: None, of_others });
        }
        let mut gaps: Vec<_> =
            chains.gaps.iter().map(|gap| (gap.clone(), Unlisted::default())).collect();
        let newest = (newest, interval);
        let unlisted = self.walk_log_files(&chains, newest, &mut summary, &mut ends, &mut gaps);
        let unlisted = unlisted.await?;
        for (gap, unlisted) in gaps {
            self.tell_gap(&gap, unlisted, &mut summary).await;
        }
        let deferred = self.read_on(unlisted).await?;
        for one in deferred {
            self.tell_unlisted(&one, &mut summary).await;
        }
        Ok(Outcome { summary, ends, without_digests: None, of_others: None })
    }

    async fn tell(&self, event: Event) {
        if let Event::Found(found) = &event
            && found.status != Standing::Note
        {
            self.shared.reader.counters.findings.fetch_add(1, Ordering::Relaxed);
        }
        // Who does not listen any more has given up the whole validation.
        let _ = self.events.send(event).await;
    }

    /// The digests' names from the beginning of the range on, and what is none.
    fn names(
        &self,
        after: &str,
    ) -> impl stream::Stream<Item = Result<Vec<Item>, SourceError>> + use<> {
        let scope = &self.shared.scope;
        let listing = self.shared.reader.source.list(&scope.bucket, &self.folder.digests(), after);
        let folder = self.folder.clone();
        stream::try_unfold(listing, move |mut listing: Listing| {
            let folder = folder.clone();
            async move {
                let Some(page) = listing.next_page().await? else { return Ok(None) };
                let objects = page.into_iter().filter(|entry| !entry.key.ends_with('/'));
                let items = objects.map(|entry| match folder.digest(&entry.key) {
                    Some(name) => Item::Digest(name),
                    None => Item::Stray(entry.key),
                });
                Ok(Some((items.collect(), listing)))
            }
        })
    }

    /// Keys of the range come after this.
    fn first_key(&self) -> String {
        let from = self.shared.scope.from;
        from.map_or(String::new(), |from| {
            format!("{}{}/", self.folder.digests(), from.to_date_folders())
        })
    }

    fn read(&self, name: DigestName) -> BoxFuture<'_, (DigestName, Result<ReadDigest, Fault>)> {
        let (reader, folder) = (Arc::clone(&self.shared.reader), self.folder.clone());
        let work = async move {
            let read = reader.digest(&folder, &name).await;
            (name, read)
        };
        self.shared.pool.run(work).boxed()
    }

    /// Reads the digests in order, and compares the log files that they list.
    async fn walk_digests(&self, chains: &mut Chains) -> Result<Summary, SourceError> {
        let scope = Arc::clone(&self.shared.scope);
        let mut summary = Summary::default();
        let after = self.first_key();
        let mut pages = pin!(self.names(&after));
        let mut names: VecDeque<Item> = VecDeque::new();
        let mut is_listed = false;
        let mut reads = FuturesOrdered::new();
        let mut steps: VecDeque<Step> = VecDeque::new();
        let mut checks: FuturesOrdered<BoxFuture<'_, Done>> = FuturesOrdered::new();
        let ahead = self.shared.concurrency * 2;
        // Of a range in the past, the digests up to now need not all be listed.
        let last = (scope.to < scope.now).then(|| scope.to.plus(LATER_DIGESTS));
        loop {
            while checks.len() < ahead
                && let Some(step) = steps.pop_front()
            {
                checks.push_back(self.do_step(step));
            }
            while reads.len() < DIGESTS_AHEAD
                && let Some(item) = names.pop_front()
            {
                match item {
                    Item::Stray(key) => {
                        summary.other_invalid += 1;
                        let place = (scope.bucket.as_str(), key.as_str());
                        let message = "not a digest, though it is where digests are";
                        let found =
                            Finding::new(Subject::Folder, place, Problem::NotADigest, message);
                        self.tell(Event::Found(found)).await;
                    }
                    Item::Digest(name) => {
                        let is_before = scope.from.is_some_and(|from| name.end < from);
                        if last.is_some_and(|last| name.end > last) {
                            is_listed = true;
                            names.clear();
                        } else if !is_before && !chains.is_over(&name) {
                            reads.push_back(self.read(name));
                        }
                    }
                }
            }
            tokio::select! {
                biased;
                Some(done) = checks.next(), if !checks.is_empty() => {
                    self.take_done(done, &mut summary).await;
                }
                Some((name, read)) = reads.next(), if !reads.is_empty() && steps.is_empty() => {
                    if !chains.is_over(&name) {
                        if let Ok(read) = &read {
                            self.shared.progress.read(&self.folder.key(&name), &read.sha256);
                        }
                        steps.extend(chains.take(name, read));
                    }
                }
                page = pages.next(), if !is_listed && names.is_empty() => match page {
                    Some(page) => names.extend(page?),
                    None => is_listed = true,
                },
                else => if steps.is_empty() && names.is_empty() { break },
            }
        }
        Ok(summary)
    }

    /// Does these steps, and waits for them.
    async fn work_off(&self, steps: Vec<Step>, summary: &mut Summary) {
        let mut steps = stream::iter(steps).map(|step| self.do_step(step));
        let mut done = pin!(steps.by_ref().buffered(self.shared.concurrency * 2));
        while let Some(done) = done.next().await {
            self.take_done(done, summary).await;
        }
    }

    fn do_step(&self, step: Step) -> BoxFuture<'_, Done> {
        let (digest, file) = match step {
            Step::Tell(event) => return std::future::ready(Done::Tell(event)).boxed(),
            Step::Done(_, key) => return std::future::ready(Done::Digest(key)).boxed(),
            Step::Check(_, digest, file) => (digest, file),
        };
        let progress = &self.shared.progress;
        if let Some(result) = progress.recall(&digest, &file.s3_object) {
            self.shared.reader.counters.log_files.fetch_add(1, Ordering::Relaxed);
            return std::future::ready(Done::Checked { digest, file, result }).boxed();
        }
        let reader = Arc::clone(&self.shared.reader);
        let work = async move {
            let result = reader.compare(&file).await;
            Done::Checked { digest, file, result }
        };
        self.shared.pool.run(work).boxed()
    }

    async fn take_done(&self, done: Done, summary: &mut Summary) {
        match done {
            Done::Tell(event) => self.tell(event).await,
            Done::Digest(key) => self.shared.progress.done(&key),
            Done::Checked { digest, file, result } => {
                let place = (file.s3_bucket.as_str(), file.s3_object.as_str());
                self.shared.progress.compared(&digest, place.1, &result);
                match result {
                    Ok(()) => {
                        summary.log_files.add(None);
                        if self.shared.scope.tells_valid {
                            let (s3_bucket, s3_object) = (file.s3_bucket, file.s3_object);
                            let subject = Subject::LogFile;
                            self.tell(Event::Valid { subject, s3_bucket, s3_object }).await;
                        }
                    }
                    Err(fault) => {
                        let (problem, message) = fault;
                        let found = Finding::new(Subject::LogFile, place, problem, message);
                        summary.log_files.add(Some(found.status));
                        self.tell(Event::Found(found)).await;
                    }
                }
            }
        }
    }

    /// The kinds of log files that there are.
    async fn log_folders(&self) -> Result<Vec<Folder>, SourceError> {
        let Shared { reader, scope, .. } = &*self.shared;
        let names = reader.source.folders(&scope.bucket, &self.folder.root()).await?;
        let is_there = |folder: &Folder| names.iter().any(|name| name == folder.name());
        Ok(LOG_FOLDERS.into_iter().filter(is_there).collect())
    }

    /// Whether there are log files at all: how many, of the first page.
    async fn look_for_log_files(&self) -> Result<usize, SourceError> {
        let Shared { reader, scope, .. } = &*self.shared;
        let mut count = 0;
        for folder in self.log_folders().await? {
            let mut listing = reader.source.list(&scope.bucket, &self.folder.logs(folder), "");
            let page = listing.next_page().await?.unwrap_or_default();
            let named = page.iter().filter_map(|entry| self.folder.log_file(folder, &entry.key));
            let is_asked = |stamp| stamp <= scope.to && scope.from.is_none_or(|from| from <= stamp);
            count += named.filter(|name| is_asked(name.stamp)).count();
        }
        Ok(count)
    }

    /// Lists the log files, and tells those that a digest should list; gives back those that a digest
    /// beyond the range may list.
    async fn walk_log_files(
        &self,
        chains: &Chains,
        (newest, interval): (Timestamp, Duration),
        summary: &mut Summary,
        ends: &mut [End],
        gaps: &mut [(Gap, Unlisted)],
    ) -> Result<Vec<Entry>, SourceError> {
        let scope = Arc::clone(&self.shared.scope);
        let is_past = scope.to < scope.now;
        let is_alive = !is_overdue(&scope, newest, interval);
        let before = self.read_before(chains).await?;
        let mut deferred = Vec::new();
        for folder in self.log_folders().await? {
            let root = self.folder.logs(folder);
            let after =
                scope.from.map_or(String::new(), |from| root.clone() + &from.to_date_folders());
            let mut listing = self.shared.reader.source.list(&scope.bucket, &root, &after);
            let mut of_kind = 0_u64;
            'pages: while let Some(page) = listing.next_page().await? {
                for entry in page {
                    if entry.key.ends_with('/') || chains.lists(&scope.bucket, &entry.key) {
                        continue;
                    }
                    if before.lists(&entry.key) {
                        continue;
                    }
                    // A name that CloudTrail gives to nothing, or not yet, does not say when.
                    let named = self.folder.log_file(folder, &entry.key).map(|named| named.stamp);
                    let named = named.filter(|stamp| *stamp <= scope.now.plus(STAMP_AHEAD));
                    let Some(stamp) = named.or(entry.modified) else {
                        self.tell_unlisted(&entry, summary).await;
                        continue;
                    };
                    if is_past && named.is_some_and(|stamp| stamp > scope.to.plus(STAMP_AHEAD)) {
                        break 'pages;
                    }
                    // What is of the range's very end is of the next range.
                    if stamp > scope.to
                        || (is_past && stamp == scope.to)
                        || scope.from.is_some_and(|from| stamp < from)
                    {
                        continue;
                    }
                    let delivered = entry.modified.unwrap_or(stamp);
                    // Stamps are rounded up, and old objects may be put anew.
                    let at = stamp.min(delivered);
                    let is_young = delivered.plus(grace(interval)) > newest;
                    let is_covered = chains.covers(stamp, STAMP_AHEAD)
                        || entry.modified.is_some_and(|at| chains.covers(at, Duration::ZERO))
                        || (chains.covers(stamp, Duration::ZERO) && before.covers(stamp));
                    if is_young && is_alive && !is_past {
                        summary.log_files_not_yet_listed += 1;
                    } else if at > newest || !is_covered {
                        summary.log_files_not_covered += 1;
                        for end in ends.iter_mut().filter(|end| at > end.chain.end) {
                            end.later.add(at);
                        }
                        let is_in = |gap: &Gap| gap.from < at && at <= gap.to;
                        for (_, unlisted) in gaps.iter_mut().filter(|(gap, _)| is_in(gap)) {
                            unlisted.add(at);
                        }
                    } else if chains.is_in_doubt(stamp) || chains.is_in_doubt(delivered) {
                        summary.log_files_not_checked += 1;
                    } else if !chains.folders_listed.contains(&folder)
                        && folder != Folder::CloudTrail
                    {
                        of_kind += 1;
                    } else {
                        match is_past && (is_young || entry.modified.is_none()) {
                            true => deferred.push(entry),
                            false => self.tell_unlisted(&entry, summary).await,
                        }
                    }
                }
            }
            if of_kind > 0 {
                summary.notes += 1;
                summary.log_files_not_covered += of_kind;
                let message = format!("{of_kind} log files: no digest lists files of this kind");
                let place = (scope.bucket.as_str(), root.as_str());
                let found = Finding::new(Subject::Folder, place, Problem::KindNotListed, message);
                self.tell(Event::Found(found)).await;
            }
        }
        Ok(deferred)
    }

    async fn tell_gap(&self, gap: &Gap, unlisted: Unlisted, summary: &mut Summary) {
        let Unlisted { count: count @ 1.., last: Some(last) } = unlisted else { return };
        let Gap { key, from, to } = gap;
        let message = format!(
            "the chain begins again after {from}, but {count} log files were delivered until {to}, the last at about {last}: digests are missing, or log files were not validated then"
        );
        let place = (self.shared.scope.bucket.as_str(), key.as_str());
        let found = Finding::new(Subject::Digest, place, Problem::NoDigestAfter, message);
        summary.other_invalid += 1;
        self.tell(Event::Found(found.between(*from, *to))).await;
    }

    async fn tell_unlisted(&self, one: &Entry, summary: &mut Summary) {
        let place = (self.shared.scope.bucket.as_str(), one.key.as_str());
        let message = "not listed in any digest file";
        let found = Finding::new(Subject::LogFile, place, Problem::NotListed, message);
        summary.log_files.add(Some(found.status));
        self.tell(Event::Found(found)).await;
    }

    /// What the digests list that end just before the range: a log file's stamp may be later.
    async fn read_before(&self, chains: &Chains) -> Result<Before, SourceError> {
        let mut before = Before::default();
        let Some(from) = self.shared.scope.from else { return Ok(before) };
        let first = earlier(from, STAMP_AHEAD * 2);
        let after = format!("{}{}/", self.folder.digests(), first.to_date_folders());
        let mut pages = pin!(self.names(&after));
        let mut is_beyond = false;
        while !is_beyond && let Some(page) = pages.next().await {
            let page = page?;
            is_beyond =
                page.iter().any(|item| matches!(item, Item::Digest(name) if name.end >= from));
            let names = page.into_iter().filter_map(|item| match item {
                Item::Digest(name) if first <= name.end && name.end < from => Some(name),
                _ => None,
            });
            let mut reads =
                pin!(stream::iter(names).map(|name| self.read(name)).buffered(DIGESTS_AHEAD));
            while let Some((name, read)) = reads.next().await {
                if let Ok(read) = read
                    && chains.is_believed(&read)
                {
                    let files = read.digest.log_files;
                    before.listed.extend(files.into_iter().map(|file| file.s3_object));
                    if name.chain.kind == DigestKind::Standard
                        && read.digest.previous_digest_s3_object.is_some()
                    {
                        before.covered.push((read.start, read.end));
                    }
                }
            }
        }
        Ok(before)
    }

    /// Looks for log files in digests beyond the range: a file may be delivered late. Gives back those
    /// that are listed nowhere.
    async fn read_on(&self, unlisted: Vec<Entry>) -> Result<Vec<Entry>, SourceError> {
        let scope = &self.shared.scope;
        let mut left: BTreeMap<String, Entry> =
            unlisted.into_iter().map(|one| (one.key.clone(), one)).collect();
        let chains =
            Chains::new(Arc::clone(scope), self.folder.clone(), Arc::clone(&self.shared.keys));
        let after = format!("{}{}/", self.folder.digests(), scope.to.to_date_folders());
        let mut pages = pin!(self.names(&after));
        while !left.is_empty()
            && let Some(page) = pages.next().await
        {
            let names = page?.into_iter().filter_map(|item| match item {
                Item::Digest(name) if name.end > scope.to => Some(name),
                _ => None,
            });
            let mut reads =
                pin!(stream::iter(names).map(|name| self.read(name)).buffered(DIGESTS_AHEAD));
            while !left.is_empty()
                && let Some((_, read)) = reads.next().await
            {
                if let Ok(read) = read
                    && chains.is_believed(&read)
                {
                    for file in &read.digest.log_files {
                        left.remove(&file.s3_object);
                    }
                }
            }
        }
        Ok(left.into_values().collect())
    }
}

impl Reader {
    async fn digest(&self, folder: &DigestFolder, name: &DigestName) -> Result<ReadDigest, Fault> {
        let read = digest::read(&self.source, &self.bucket, folder, name, Some(&self.keys)).await;
        self.counters.digests.fetch_add(1, Ordering::Relaxed);
        read.unwrap_or_else(|error| {
            let message = format!("could not be read: {}: {}", error.code, error.message);
            Err((Problem::Unreadable, message))
        })
    }

    async fn compare(&self, file: &ListedFile) -> Result<(), Fault> {
        if self.source.is_copy() && file.s3_bucket != self.bucket {
            let message = format!("lies in s3://{}, which is not in the copy", file.s3_bucket);
            return Err((Problem::NotInCopy, message));
        }
        let checked = log_file::check(&self.source, file).await;
        self.counters.log_files.fetch_add(1, Ordering::Relaxed);
        let bytes = checked?;
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}
