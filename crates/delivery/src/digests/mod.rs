//! Digests: each interval, what a trail delivered is listed, hashed, signed and chained.
//!
//! ```text
//! delivered log file ─► receipt ─┐                      (durable before its batch is retired)
//!                                ▼
//! chain ─ an interval ends ─► prepared ─► PUT if absent ─► read back ─► chain goes on
//!                             (durable)                    compared     (durable)
//! ```
//!
//! There is one chain for each account, Region and trail, and one writer for each chain: whoever took it
//! with [`Digests::take_due`]. A digest lists the receipts of its chain in the order of their numbers, so
//! that each file is in exactly one, whatever the clock does. What is owed after an outage follows in
//! order. A foreign object under a digest's name is an alarm, and the digest ends a second later.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use disk::Disk;
use disk::document::{self, DocumentError};
use flate2::Compression;
use flate2::write::GzEncoder;
use keyring::{InvalidKey, KeyRing, KeyRingError};
use model::digest::{SIGNATURE, sha256_hex};
use model::log_file::LogFileHeader;
use model::{BatchId, ChainId, Timestamp, TrailArn};
use outbox::{RetrySettings, Statuses};
use trails::Definitions;

use crate::deliver::Delivered;
use crate::place::{gzip_bytes_max, unpack};
use crate::store::{Object, ObjectStore, Put, StoreError};
use chain::{Chain, Course, Cut, Prepared};
use receipts::{Receipt, Receipts};
use watched::{Phase, Watched};

pub mod chain;
pub mod receipts;
pub mod watched;

/// The directory of chains, in the data directory.
pub const DIRECTORY: &str = "digests";
/// The trails that write digests.
const WATCHED: &str = "digests/trails.json";
const FORMAT: u32 = 1;
/// Names that are tried before the bucket counts as refusing.
const FOREIGN_MAX: u64 = 16;

/// Why a digest waits.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// The bucket.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key that signs it.
    #[error(transparent)]
    Key(#[from] KeyRingError),
    /// The key does not sign.
    #[error(transparent)]
    Signature(#[from] InvalidKey),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// What is on disk is not what was written.
    #[error(
        "{0}: {1}; restore it from a backup, or move the directory {DIRECTORY} away: all chains begin anew, and what no digest lists yet will be in none"
    )]
    Damaged(String, DocumentError),
}

/// A chain whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueChain {
    id: ChainId,
    course: Course,
    /// Whether it is to find out if its trail's bucket takes digests again.
    is_probe: bool,
}

impl DueChain {
    /// Of which trail it is: chains of one trail go to one bucket.
    #[must_use]
    pub fn trail(&self) -> &TrailArn {
        &self.id.trail
    }
}

/// What health and metrics show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigestsReport {
    /// Chains that go on.
    pub chains: usize,
    /// Digests that were written since the start.
    pub written: u64,
    /// Log files that they list.
    pub listed: u64,
    /// Chains whose digest waits, since when, and why.
    pub refused: Vec<RefusedChain>,
    /// To where a chain reaches whose digests were written, or whose end was seen, by a clock that was
    /// ahead: it waits for the clock to come there.
    pub ahead: Option<Timestamp>,
    /// Objects met under a digest's name that Cairn did not put there.
    pub foreign_objects: u64,
    /// Trails whose last digests were refused for too long: they are not tried any more.
    pub given_up: Vec<TrailArn>,
    /// Files of receipts and chains that are damaged; they are kept.
    pub damaged: Vec<String>,
}

/// A chain whose digest waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedChain {
    /// Which one.
    pub id: ChainId,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub error: String,
}

/// Writes digests to one store.
pub struct Digests<S> {
    store: S,
    disk: Arc<dyn Disk>,
    keys: Arc<KeyRing>,
    interval: Duration,
    retry: RetrySettings,
    statuses: Statuses,
    state: Arc<Mutex<State>>,
}

struct State {
    receipts: Receipts,
    watched: BTreeMap<TrailArn, Watched>,
    /// Whether `watched` is on disk.
    is_stored: bool,
    /// The highest epoch that any trail has had, as far as anything is left of it.
    last_epoch: u64,
    chains: BTreeMap<ChainId, Held>,
    /// Files of chains that are damaged: nothing is written of these chains.
    damaged_chains: HashSet<String>,
    /// Trails whose last digest that was tried was refused.
    refusing: BTreeMap<TrailArn, Pause>,
    /// Chains whose state is to be removed when `watched` is on disk.
    over: Vec<ChainId>,
    /// Receipts of batches that are being settled.
    pending: HashMap<BatchId, Vec<(ChainId, Receipt)>>,
    report: DigestsReport,
}

struct Held {
    chain: Chain,
    /// Whether somebody writes a digest of it.
    is_busy: bool,
    /// Why its last digest could not be written.
    refusal: Option<Refusal>,
}

struct Refusal {
    since: Timestamp,
    pause: Pause,
    error: String,
}

#[derive(Clone, Copy)]
struct Pause {
    /// That came before the last one.
    failures: u32,
    next_try: Timestamp,
}

impl Pause {
    /// A pause that is longer than any is of a clock that was set back.
    fn lasts(&self, now: Timestamp, retry: &RetrySettings) -> bool {
        self.next_try > now && self.next_try.since(now) <= retry.pause_max
    }

    fn after(before: Option<Pause>, retry: &RetrySettings, now: Timestamp, random: f64) -> Pause {
        let failures = before.map_or(0, |pause| pause.failures.saturating_add(1));
        Pause { failures, next_try: now.plus(retry.pause(failures, random)) }
    }
}

/// What the start finds of files on their way.
pub struct OnTheirWay<'a> {
    /// Batches that are not retired.
    pub batches: &'a [BatchId],
    /// Files that are parked.
    pub parked: &'a [LogFileHeader],
}

impl<S: ObjectStore> Digests<S> {
    /// Finds chains and receipts. A digest is written each `interval`, of whole seconds.
    pub fn open(
        store: S,
        disk: Arc<dyn Disk>,
        keys: Arc<KeyRing>,
        interval: Duration,
        retry: RetrySettings,
        found: &OnTheirWay<'_>,
        now: Timestamp,
    ) -> Result<Digests<S>, DigestError> {
        disk.create_directory(DIRECTORY)?;
        // What a killed process has renamed may not be durable; nothing may follow from what is not.
        disk.sync_directory(DIRECTORY)?;
        let watched: Vec<Watched> = document::read(&*disk, WATCHED, FORMAT)
            .map_err(|error| DigestError::Damaged(WATCHED.into(), error))?
            .unwrap_or_default();
        let watched: BTreeMap<TrailArn, Watched> =
            watched.into_iter().map(|one| (one.trail.clone(), one)).collect();
        let Found { chains, damaged: damaged_chains, last_epoch } = read_chains(&*disk, &watched)?;
        let batches = found.batches.iter().copied().collect();
        let mut on_their_way = receipts::OnTheirWay { batches, ..Default::default() };
        found.parked.iter().for_each(|file| on_their_way.park(file.name.key(0)));
        let listed_through = |id: &ChainId| match chains.get(id) {
            Some(held) => held.chain.listed_through,
            // Nothing is known of it, and nothing let go.
            None if damaged_chains.contains(&path(id)) => 0,
            None => watched.get(&id.trail).map_or(u64::MAX, |one| one.after),
        };
        let mut receipts = Receipts::open(Arc::clone(&disk), on_their_way, listed_through)?;
        let listed = chains.values().map(|held| held.chain.listed_through);
        let after = watched.values().map(|one| one.after);
        receipts.number_after(listed.chain(after).max().unwrap_or_default());
        let damaged =
            receipts.damaged().iter().map(|name| format!("{}/{name}", receipts::DIRECTORY));
        let damaged = damaged.chain(damaged_chains.iter().cloned()).collect();
        let report = DigestsReport { damaged, ..Default::default() };
        let (is_stored, refusing, over) = (true, BTreeMap::new(), Vec::new());
        let pending = HashMap::new();
        let mut state = State {
            receipts,
            watched,
            is_stored,
            last_epoch,
            chains,
            damaged_chains,
            refusing,
            over,
            pending,
            report,
        };
        state.begin_waiting(interval, now);
        let state = Arc::new(Mutex::new(state));
        let statuses = Statuses::default();
        Ok(Digests { store, disk, keys, interval, retry, statuses, state })
    }

    /// These definitions come into force, durably. `boundary` is the last batch that was recorded before.
    ///
    /// # Errors
    /// The disk refuses. The definitions are in force; that is stored by [`Digests::take_due`], and
    /// forgotten by a crash before it: then a trail that is stopped by now never wrote digests.
    pub fn define(
        &self,
        definitions: &Definitions,
        now: Timestamp,
        boundary: BatchId,
    ) -> Result<(), DigestError> {
        let mut state = self.state();
        let state = &mut *state;
        let after = state.receipts.last_number();
        let last_epoch = state.last_epoch;
        let watched =
            watched::define(&state.watched, definitions, now, boundary, after, last_epoch);
        if watched != state.watched {
            state.last_epoch = last_epoch_of(&watched).max(last_epoch);
            state.watched = watched;
            state.is_stored = false;
        }
        for watched in state.watched.values().filter(|one| one.phase == Phase::Running) {
            let id = ChainId {
                trail: watched.trail.clone(),
                organization: watched.place.organization.clone(),
                account: watched.trail.account.clone(),
                region: watched.trail.home_region.clone(),
            };
            let (epoch, interval) = (watched.epoch, self.interval);
            // The state of an older one was moved away: it goes on from now.
            let since = watched::begin(watched, interval, now);
            if !state.damaged_chains.contains(&path(&id)) {
                state.chains.entry(id.clone()).or_insert_with(|| {
                    Held::new(Chain::new(id, epoch, since, interval, watched.after))
                });
            }
        }
        state.store_watched(&*self.disk)
    }

    /// A batch is being settled: its log files may be delivered, also once more, until it is retired.
    pub fn begun(&self, batch: BatchId) {
        self.state().receipts.begun(batch);
    }

    /// A log file is parked, so that it may be delivered when its batch is retired.
    pub fn parked(&self, file: &LogFileHeader) {
        self.state().receipts.parked(file.name.key(0));
    }

    /// A log file is in its bucket: it gets a receipt, which [`Digests::keep`] makes durable.
    pub fn note(&self, delivered: &Delivered) {
        let mut state = self.state();
        if let Some(receipt) = state.receipt(delivered) {
            let batch = delivered.header.name.batch;
            state.pending.entry(batch).or_default().push(receipt);
        }
    }

    /// Makes the receipts of a batch durable, as far as it is delivered. Only then it may be retired.
    pub async fn keep(&self, batch: BatchId, now: Timestamp) -> Result<(), DigestError> {
        let interval = self.interval;
        self.with_disk(move |state, disk| {
            let Some(receipts) = state.pending.get(&batch).filter(|some| !some.is_empty()) else {
                return Ok(());
            };
            let receipts = receipts.clone();
            state.keep(disk, batch, now, receipts, interval)?;
            state.pending.remove(&batch);
            Ok(())
        })
        .await
    }

    /// A parked file is in its bucket: its receipt is durable when this returns. Only then it may be
    /// forgotten.
    pub async fn keep_parked(
        &self,
        delivered: &Delivered,
        now: Timestamp,
    ) -> Result<(), DigestError> {
        let (interval, batch) = (self.interval, delivered.header.name.batch);
        let Some(receipt) = self.state().receipt(delivered) else { return Ok(()) };
        let receipts = vec![receipt];
        self.with_disk(move |state, disk| state.keep(disk, batch, now, receipts, interval)).await
    }

    /// A batch is retired.
    pub async fn retired(&self, batch: BatchId) {
        self.with_disk(move |state, _| {
            state.pending.remove(&batch);
            state.receipts.retired(batch);
        })
        .await;
    }

    /// A parked file is forgotten.
    pub async fn forgotten(&self, file: &LogFileHeader) {
        let first_key = file.name.key(0);
        self.with_disk(move |state, _| state.receipts.forgotten(&first_key)).await;
    }

    /// The chains whose turn has come; hand each to [`Digests::advance`]. Of a trail whose bucket refuses
    /// it is one at a time. `is_drained` says whether all that a trail recorded up to a batch is
    /// delivered.
    pub async fn take_due(
        &self,
        now: Timestamp,
        is_drained: impl Fn(&TrailArn, BatchId) -> bool,
    ) -> Result<Vec<DueChain>, DigestError> {
        let interval = self.interval;
        if !self.state().is_stored {
            self.with_disk(|state, disk| state.store_watched(disk)).await?;
        }
        let mut state = self.state();
        let state = &mut *state;
        let mut courses =
            Courses { watched: &state.watched, is_drained: &is_drained, now, last: None };
        let mut due = Vec::new();
        let mut probes = Probes::default();
        let mut ahead = None;
        for (id, held) in &mut state.chains {
            let refusal = held.refusal.as_ref().map(|refusal| refusal.pause);
            if held.is_busy || refusal.is_some_and(|pause| pause.lasts(now, &self.retry)) {
                continue;
            }
            let of_trail = state.refusing.get(&id.trail);
            if of_trail.is_some_and(|pause| pause.lasts(now, &self.retry)) {
                continue;
            }
            let course = courses.of(&mut held.chain, interval);
            if held.chain.is_ahead(interval, now) {
                ahead = ahead.max(Some(held.chain.next_start));
            }
            let unlisted_since = match held.chain.is_ended {
                true => state.receipts.oldest(id),
                false => None,
            };
            if held.chain.prepared.is_some()
                || held.chain.next_cut(course, interval, now, unlisted_since).is_some()
            {
                let is_probe = of_trail.is_some();
                let one = DueChain { id: id.clone(), course, is_probe };
                match of_trail {
                    Some(_) => probes.add(one, refusal.map(|pause| pause.failures)),
                    None => due.push(one),
                }
            }
        }
        state.report.ahead = ahead;
        let is_tried = |trail: &TrailArn| !state.is_idle(trail);
        due.extend(probes.into_due().filter(|one| !is_tried(one.trail())));
        for one in &due {
            if let Some(held) = state.chains.get_mut(&one.id) {
                held.is_busy = true;
            }
        }
        let give_up_after = self.retry.give_up_after;
        let over = state.watched.values().filter_map(|one| {
            let is_over = state.is_over(one, now, &is_drained);
            let ends =
                is_over || (one.is_given_up(now, give_up_after) && state.is_refused(&one.trail));
            ends.then(|| (one.trail.clone(), is_over))
        });
        let over: Vec<(TrailArn, bool)> = over.collect();
        for (trail, is_over) in over {
            if !is_over {
                tracing::error!(%trail, "the last digests of a trail were refused for too long and are given up");
                state.report.given_up.push(trail.clone());
            }
            state.forget(&trail);
        }
        Ok(due)
    }

    /// Writes the digests that a chain owes, in order. `random` is drawn from 0 to 1, for the pause
    /// after a failure.
    pub async fn advance(&self, due: &DueChain, now: impl Fn() -> Timestamp, random: f64) {
        let DueChain { id, course, is_probe } = due;
        if !is_probe && self.leave_alone(id, now()) {
            return;
        }
        let Some(chain) = self.state().chains.get(id).map(|held| held.chain.clone()) else {
            return;
        };
        let (chain, result) = self.write_owed(chain, *course, &now).await;
        let now = now();
        let mut state = self.state();
        let state = &mut *state;
        let Some(held) = state.chains.get_mut(id) else { return };
        let has_written = chain.next_start != held.chain.next_start;
        held.chain = chain;
        held.is_busy = false;
        // One that is taken ends the pauses, though the next one be refused.
        if result.is_ok() || has_written {
            state.refusing.remove(&id.trail);
            if held.refusal.take().is_some() {
                tracing::info!(trail = %id.trail, account = %id.account, region = %id.region, "digests are written again");
            }
        }
        if let Err(error) = result {
            let before = state.refusing.get(&id.trail).copied();
            let pause = Pause::after(before, &self.retry, now, random);
            state.refusing.insert(id.trail.clone(), pause);
            if let DigestError::Store(error) = &error
                && error.is_of_the_destination()
            {
                self.statuses.refused(&id.trail, &error.code);
            }
            let before = held.refusal.take();
            if before.is_none() {
                tracing::warn!(trail = %id.trail, account = %id.account, region = %id.region, %error, "a digest waits, and is tried again");
            }
            let since = before.as_ref().map_or(now, |refusal| refusal.since);
            let before = before.map(|refusal| refusal.pause);
            let pause = Pause::after(before, &self.retry, now, random);
            held.refusal = Some(Refusal { since, pause, error: error.to_string() });
        }
    }

    /// Whether a chain is not to be tried: another one of its trail was refused since it was taken.
    fn leave_alone(&self, id: &ChainId, now: Timestamp) -> bool {
        let mut state = self.state();
        let refuses = state.refusing.get(&id.trail).is_some_and(|one| one.lasts(now, &self.retry));
        if let Some(held) = state.chains.get_mut(id).filter(|_| refuses) {
            held.is_busy = false;
        }
        refuses
    }

    /// How trails fare with their digests.
    pub fn statuses(&self) -> &Statuses {
        &self.statuses
    }

    /// What health and metrics show.
    pub fn report(&self) -> DigestsReport {
        let state = self.state();
        let refused = state.chains.iter().filter_map(|(id, held)| {
            let refusal = held.refusal.as_ref()?;
            let (since, error) = (refusal.since, refusal.error.clone());
            Some(RefusedChain { id: id.clone(), since, error })
        });
        let chains = state.chains.values().filter(|held| !held.chain.is_ended).count();
        DigestsReport { chains, refused: refused.collect(), ..state.report.clone() }
    }

    /// Groups of receipts that wait for a digest.
    pub fn waiting(&self) -> usize {
        self.state().receipts.waiting_groups()
    }

    /// The chain, as far as it came, and why it did not come further.
    async fn write_owed(
        &self,
        mut chain: Chain,
        course: Course,
        now: impl Fn() -> Timestamp,
    ) -> (Chain, Result<(), DigestError>) {
        loop {
            let now = now();
            if chain.prepared.is_none() {
                match self.prepare(&chain, course, now).await {
                    Ok(Some(prepared)) => chain = prepared,
                    Ok(None) => return (chain, Ok(())),
                    Err(error) => return (chain, Err(error)),
                }
            }
            if let Err(error) = self.deliver(&mut chain, now).await {
                return (chain, Err(error));
            }
        }
    }

    /// The chain with its next digest prepared, durably; `None` when there is none yet.
    async fn prepare(
        &self,
        chain: &Chain,
        course: Course,
        now: Timestamp,
    ) -> Result<Option<Chain>, DigestError> {
        let unlisted_since = self.state().receipts.oldest(&chain.id);
        match chain.next_cut(course, self.interval, now, unlisted_since) {
            Some(cut) => self.prepare_cut(chain, cut, now).await.map(Some),
            None => Ok(None),
        }
    }

    async fn prepare_cut(
        &self,
        chain: &Chain,
        cut: Cut,
        now: Timestamp,
    ) -> Result<Chain, DigestError> {
        // One that goes to another bucket or name lists no less: it may be there under the former one.
        let listed = chain.prepared.as_ref().map_or(0, |prepared| prepared.through);
        let (unlisted, place) = {
            let state = self.state();
            let place = state.watched.get(&chain.id.trail).map(|one| one.place.clone());
            (state.receipts.unlisted(&chain.id, cut.end, listed, now), place)
        };
        let Some(place) = place else {
            return Err(io::Error::other("the trail of a chain is gone").into());
        };
        let through = unlisted.through().unwrap_or(chain.listed_through);
        let disk = Arc::clone(&self.disk);
        let receipts = blocking(move || unlisted.read(&*disk)).await?;
        let key = self.keys.signing_key(&chain.id.region, cut.end).await?;
        let fingerprint = key.public().fingerprint();
        let prefix = place.prefix.as_ref();
        let digest = chain.digest(cut, &place.bucket, prefix, fingerprint, &receipts);
        let body = digest.to_bytes();
        let signature = key.sign_hex(digest.string_to_sign(&sha256_hex(&body)).as_bytes())?;
        let prepared = Prepared {
            cut,
            bucket: place.bucket,
            key: digest.digest_s3_object,
            body: String::from_utf8(body).map_err(io::Error::other)?,
            signature,
            through,
            files: receipts.len(),
        };
        let chain = Chain { prepared: Some(Box::new(prepared)), ..chain.clone() };
        self.save(&chain).await?;
        Ok(chain)
    }

    /// Puts the prepared digest, reads it back, and makes the chain go on from it, durably. The chain is
    /// as it is on disk also after an error.
    async fn deliver(&self, chain: &mut Chain, now: Timestamp) -> Result<(), DigestError> {
        for _ in 0..FOREIGN_MAX {
            let Some(prepared) = chain.prepared.clone() else { return Ok(()) };
            let put = self.to_put(&chain.id, &prepared);
            let cut = match self.store.put_new(&put).await {
                Ok(_) if self.is_ours(&put, &prepared).await? => {
                    *chain = self.delivered(chain.clone(), &prepared, now).await?;
                    return Ok(());
                }
                Ok(_) => {
                    let (bucket, key) = (&prepared.bucket, &prepared.key);
                    tracing::error!(%bucket, key, "a foreign object holds the name of a digest; it ends a second later");
                    self.state().report.foreign_objects += 1;
                    Cut { end: prepared.cut.end.plus(Duration::from_secs(1)), ..prepared.cut }
                }
                // The trail has another bucket by now, and the former one does not want it.
                Err(error)
                    if self.is_moved(&chain.id, &prepared)
                        && self.is_unwanted(&put, &error).await =>
                {
                    prepared.cut
                }
                Err(error) => return Err(error.into()),
            };
            *chain = self.prepare_cut(chain, cut, now).await?;
        }
        let key = chain.prepared.as_ref().map_or("", |prepared| &prepared.key);
        let message = format!("foreign objects hold {FOREIGN_MAX} names up to {key}");
        Err(StoreError { code: "NamesTaken".into(), message }.into())
    }

    /// Whether a bucket that refused a digest does not have it, as far as it tells: an earlier PUT of it
    /// may have got there although its answer did not get here.
    async fn is_unwanted(&self, put: &Put, refusal: &StoreError) -> bool {
        match self.store.read(&put.bucket, &put.key, 0).await {
            Ok(object) => object == Object::Missing,
            Err(error) => error.is_lasting() && refusal.is_lasting(),
        }
    }

    async fn delivered(
        &self,
        chain: Chain,
        prepared: &Prepared,
        now: Timestamp,
    ) -> Result<Chain, DigestError> {
        let chain = chain.delivered();
        self.save(&chain).await?;
        self.statuses.succeeded(&chain.id.trail, now);
        let (id, through) = (chain.id.clone(), chain.listed_through);
        let files = prepared.files as u64;
        self.with_disk(move |state, _| {
            state.receipts.listed(&id, through);
            state.report.written += 1;
            state.report.listed += files;
        })
        .await;
        tracing::debug!(key = prepared.key, files, "digest written");
        Ok(chain)
    }

    /// Whether a trail's digests go elsewhere than this one.
    fn is_moved(&self, id: &ChainId, prepared: &Prepared) -> bool {
        let state = self.state();
        let watched = state.watched.get(&id.trail);
        watched.is_some_and(|one| {
            let key = id.key(one.place.prefix.as_ref(), prepared.cut.end, prepared.cut.kind);
            one.place.bucket != prepared.bucket || key != prepared.key
        })
    }

    fn to_put(&self, id: &ChainId, prepared: &Prepared) -> Put {
        let state = self.state();
        Put {
            bucket: prepared.bucket.clone(),
            key: prepared.key.clone(),
            body: gzip(prepared.body.as_bytes()),
            kms_key: state.watched.get(&id.trail).and_then(|one| one.place.kms_key.clone()),
            metadata: prepared.metadata(),
            trail: id.trail.clone(),
        }
    }

    /// Whether what has a digest's name is that digest.
    async fn is_ours(&self, put: &Put, prepared: &Prepared) -> Result<bool, StoreError> {
        let length = prepared.body.len() as u64;
        let read = self.store.read(&put.bucket, &put.key, gzip_bytes_max(length)).await;
        let object = read.map_err(|error| StoreError {
            message: format!(
                "{}; a digest is read back, which takes s3:GetObject (and kms:Decrypt)",
                error.message
            ),
            code: error.code,
        })?;
        match object {
            Object::Whole(body, metadata) => {
                let is_ours =
                    unpack(&body, length).is_some_and(|it| it == prepared.body.as_bytes());
                if is_ours && !metadata.contains_key(SIGNATURE) {
                    return Err(StoreError {
                        code: "NoMetadata".into(),
                        message: format!(
                            "{} is without its signature: the store keeps no user metadata",
                            put.key
                        ),
                    });
                }
                // A store may add its own.
                let is_kept = |(name, value)| metadata.get(name) == Some(value);
                Ok(is_ours && put.metadata.iter().all(is_kept))
            }
            Object::TooLong => Ok(false),
            Object::Missing => Err(StoreError {
                code: "NoSuchKey".into(),
                message: format!("{} was put and is gone", put.key),
            }),
        }
    }

    async fn save(&self, chain: &Chain) -> Result<(), DigestError> {
        let (disk, chain) = (Arc::clone(&self.disk), chain.clone());
        let saved = blocking(move || document::replace(&*disk, &path(&chain.id), FORMAT, &chain));
        Ok(saved.await?)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does work that waits for the disk off the async threads.
    async fn with_disk<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State, &dyn Disk) -> R + Send + 'static,
    ) -> R {
        let (state, disk) = (Arc::clone(&self.state), Arc::clone(&self.disk));
        blocking(move || work(&mut state.lock().unwrap_or_else(PoisonError::into_inner), &*disk))
            .await
    }
}

/// Of each trail whose bucket refuses, the chain that was refused least: one that is refused for its own
/// sake must not keep the others from being tried.
#[derive(Default)]
struct Probes(BTreeMap<TrailArn, (Option<u32>, DueChain)>);

impl Probes {
    fn add(&mut self, due: DueChain, failures: Option<u32>) {
        match self.0.get(due.trail()) {
            Some((fewest, _)) if *fewest <= failures => {}
            _ => drop(self.0.insert(due.trail().clone(), (failures, due))),
        }
    }

    fn into_due(self) -> impl Iterator<Item = DueChain> {
        self.0.into_values().map(|(_, due)| due)
    }
}

/// What chains are to do; those of one trail are asked one after the other.
struct Courses<'a, D> {
    watched: &'a BTreeMap<TrailArn, Watched>,
    is_drained: &'a D,
    now: Timestamp,
    last: Option<(&'a Watched, bool)>,
}

impl<D: Fn(&TrailArn, BatchId) -> bool> Courses<'_, D> {
    /// What a chain is to do; one that ended begins again here if its trail did.
    fn of(&mut self, chain: &mut Chain, interval: Duration) -> Course {
        let trail = &chain.id.trail;
        if self.last.is_none_or(|(watched, _)| watched.trail != *trail) {
            self.last = self.watched.get(trail).map(|watched| {
                let is_drained = match watched.phase {
                    Phase::Stopped { boundary, .. } => (self.is_drained)(trail, boundary),
                    Phase::Running | Phase::Off { .. } => false,
                };
                (watched, is_drained)
            });
        }
        // Files of an organization trail that is none any more lie in other folders.
        let is_of = |(watched, _): &(&Watched, bool)| {
            watched.trail == *trail && watched.place.organization == chain.id.organization
        };
        let Some((watched, is_drained)) = self.last.filter(is_of) else { return Course::Over };
        let begins_again = watched.phase == Phase::Running && watched.epoch != chain.epoch;
        if begins_again && chain.is_ended && chain.prepared.is_none() {
            chain.restart(watched.epoch, watched.since, interval);
        }
        if !chain.has_written && chain.prepared.is_none() && chain.is_ahead(interval, self.now) {
            chain.begin(watched::begin(watched, interval, self.now), interval);
        }
        watched.course(chain.epoch, is_drained)
    }
}

impl Held {
    fn new(chain: Chain) -> Held {
        Held { chain, is_busy: false, refusal: None }
    }
}

impl State {
    /// The receipt of a log file; `None` when it has one, or its trail writes no digests.
    fn receipt(&self, delivered: &Delivered) -> Option<(ChainId, Receipt)> {
        let LogFileHeader { name, destination, sha256, oldest, newest, .. } = &delivered.header;
        let watched = self.watched.get(&name.trail)?;
        let first_key = name.key(0);
        if !watched.wants_receipts() || self.receipts.is_known(&first_key) {
            return None;
        }
        let chain = ChainId {
            trail: name.trail.clone(),
            organization: name.organization.clone(),
            account: name.account.clone(),
            region: name.region.clone(),
        };
        let receipt = Receipt {
            bucket: destination.bucket.clone(),
            first_key: (first_key != delivered.key).then_some(first_key),
            key: delivered.key.clone(),
            sha256: sha256.clone(),
            oldest: *oldest,
            newest: *newest,
        };
        Some((chain, receipt))
    }

    fn keep(
        &mut self,
        disk: &dyn Disk,
        batch: BatchId,
        now: Timestamp,
        receipts: Vec<(ChainId, Receipt)>,
        interval: Duration,
    ) -> Result<(), DigestError> {
        // A trail that a crash forgets would leave its receipts to nobody.
        self.store_watched(disk)?;
        let before = self.receipts.last_number();
        let chains: HashSet<ChainId> = receipts.iter().map(|(chain, _)| chain.clone()).collect();
        self.receipts.store(batch, now, receipts)?;
        for id in chains {
            if self.receipts.oldest(&id).is_some() {
                self.begin(id, now, interval, before);
            }
        }
        Ok(())
    }

    /// A chain begins when its first log file is delivered.
    fn begin(&mut self, id: ChainId, now: Timestamp, interval: Duration, listed_through: u64) {
        let watched = self.watched.get(&id.trail);
        let is_there = self.chains.contains_key(&id) || self.damaged_chains.contains(&path(&id));
        let Some(watched) = watched.filter(|_| !is_there) else { return };
        let since = watched::begin(watched, interval, now);
        let chain = Chain::new(id.clone(), watched.epoch, since, interval, listed_through);
        self.chains.insert(id, Held::new(chain));
    }

    /// Chains whose beginning a crash forgot.
    fn begin_waiting(&mut self, interval: Duration, now: Timestamp) {
        let waiting: Vec<(ChainId, u64)> =
            self.receipts.waiting().map(|(id, number)| (id.clone(), number)).collect();
        for (id, number) in waiting {
            if let Some(written) = self.receipts.oldest(&id) {
                self.begin(id, written.min(now), interval, number - 1);
            }
        }
    }

    fn store_watched(&mut self, disk: &dyn Disk) -> Result<(), DigestError> {
        if !self.is_stored {
            let watched: Vec<&Watched> = self.watched.values().collect();
            document::replace(disk, WATCHED, FORMAT, &watched)?;
            self.is_stored = true;
            // Not before: a trail that is still watched needs to know how far its chains came.
            self.remove_over(disk);
        }
        Ok(())
    }

    /// What cannot be removed is found again at the next start.
    fn remove_over(&mut self, disk: &dyn Disk) {
        for id in std::mem::take(&mut self.over) {
            if self.chains.contains_key(&id) {
                continue;
            }
            if let Err(error) = disk.remove(&path(&id)) {
                tracing::warn!(%error, trail = %id.trail, "the state of an ended chain could not be removed");
            }
        }
    }

    /// Whether nothing will be written any more of a trail. Its last digests must be past, so that those
    /// of a namesake end later.
    fn is_over(
        &self,
        watched: &Watched,
        now: Timestamp,
        is_drained: impl Fn(&TrailArn, BatchId) -> bool,
    ) -> bool {
        let is_over = match watched.phase {
            Phase::Running => false,
            Phase::Off { .. } => true,
            Phase::Stopped { is_deleted: false, .. } => false,
            Phase::Stopped { boundary, .. } => is_drained(&watched.trail, boundary),
        };
        let mut chains = self.chains.iter().filter(|(id, _)| id.trail == watched.trail);
        is_over
            && chains.all(|(id, held)| {
                let is_listed = !watched.wants_receipts() || self.receipts.oldest(id).is_none();
                let is_past = held.chain.next_start.plus(Duration::from_secs(1)) < now;
                let is_idle = !held.is_busy && held.chain.prepared.is_none();
                held.chain.is_ended && is_idle && is_past && is_listed
            })
            && !self.pending.values().flatten().any(|(id, _)| id.trail == watched.trail)
    }

    /// Whether nobody writes a digest of a trail.
    fn is_idle(&self, trail: &TrailArn) -> bool {
        !self.chains.iter().any(|(id, held)| id.trail == *trail && held.is_busy)
    }

    /// Whether a chain of a trail is not at its end, and nobody writes one of them.
    fn is_refused(&self, trail: &TrailArn) -> bool {
        let mut chains = self.chains.iter().filter(|(id, _)| id.trail == *trail);
        let is_unfinished = |held: &Held| !held.chain.is_ended || held.chain.prepared.is_some();
        chains.any(|(_, held)| is_unfinished(held)) && self.is_idle(trail)
    }

    /// A trail's chains are over.
    fn forget(&mut self, trail: &TrailArn) {
        self.receipts.give_up(trail);
        self.refusing.remove(trail);
        self.watched.remove(trail);
        self.is_stored = false;
        let over = self.chains.extract_if(.., |id, _| id.trail == *trail).map(|(id, _)| id);
        self.over.extend(over);
    }
}

/// What the start finds of chains.
struct Found {
    /// Of the trails that are watched.
    chains: BTreeMap<ChainId, Held>,
    /// The files of those that are damaged.
    damaged: HashSet<String>,
    /// Of all trails, also those that are gone.
    last_epoch: u64,
}

fn last_epoch_of(watched: &BTreeMap<TrailArn, Watched>) -> u64 {
    watched.values().map(|one| one.epoch).max().unwrap_or_default()
}

/// Reads the chains. What is left of trails that are not watched is removed.
fn read_chains(disk: &dyn Disk, watched: &BTreeMap<TrailArn, Watched>) -> io::Result<Found> {
    let mut chains = BTreeMap::new();
    let mut damaged = HashSet::new();
    let mut last_epoch = last_epoch_of(watched);
    for name in disk.list(DIRECTORY)? {
        let path = format!("{DIRECTORY}/{name}");
        if name.ends_with(".tmp") {
            disk.remove(&path)?;
        }
        if path == WATCHED || !name.ends_with(".json") {
            continue;
        }
        let chain: Chain = match document::read(disk, &path, FORMAT) {
            Ok(Some(chain)) => chain,
            Ok(None) => continue,
            Err(DocumentError::Disk(error)) => return Err(error),
            Err(error) => {
                tracing::error!(path, %error, "the state of a chain of digests is damaged");
                damaged.insert(path);
                continue;
            }
        };
        last_epoch = last_epoch.max(chain.epoch);
        match watched.contains_key(&chain.id.trail) {
            true => drop(chains.insert(chain.id.clone(), Held::new(chain))),
            false => disk.remove(&path)?,
        }
    }
    Ok(Found { chains, damaged, last_epoch })
}

/// Where a chain's state is.
fn path(id: &ChainId) -> String {
    let named = serde_json::to_vec(id).expect("ids always serialize");
    format!("{DIRECTORY}/{}.json", &sha256_hex(&named)[..32])
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let written = io::Write::write_all(&mut gzip, bytes).and_then(|()| gzip.finish());
    written.expect("memory takes all bytes").into()
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
