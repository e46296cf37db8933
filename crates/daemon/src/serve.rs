//! The daemon: opens what is on disk, wires the stages, supervises them, and stops with manners.
//!
//! A stop flows like the data: the front door closes, the journal seals, the pipeline settles what
//! it can within [`DRAIN_MAX`]. What is left is settled by the next start; a stop is a crash with
//! manners, and takes the same path back. A task that panics ends the process.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use api::Api;
use delivery::digests::OnTheirWay;
use delivery::{Delivery, Digests, ObjectStore};
use disk::{Disk, RealDisk};
use futures_util::FutureExt;
use history::History;
use keyring::{Custody, KeyRing};
use model::{BatchId, Timestamp};
use notifier::logs::{LogSender, LogSink};
use notifier::{Notifier, Topic};
use outbox::{Outbox, RetrySettings};
use producer::{Committed, Intake, Journal, JournalState, Now, Writer};
use tail::{Hub, Place};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use trails::{Changes, Definitions, Registry};

use crate::api_site::ApiSite;
use crate::checks::Checks;
use crate::config::{Auth, Settings};
use crate::digest_keys;
use crate::health::{Snapshot, Watch};
use crate::http::connections::{self, Connections};
use crate::http::history::{Downloads, RecordLookup};
use crate::http::room::{ROOM_BYTES, Room};
use crate::http::tail::Tails;
use crate::http::whole::UNPROVEN_BYTES;
use crate::http::{self, Site};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::parts::Parts;
use crate::pipeline::{Destinations, Pipeline, PipelineState};
use crate::reads::Reads;
use crate::registrar::{DefineDigests, Registrar};
use crate::roster::{Roster, RosterState};
use crate::status::StatusBook;

/// How long a stop waits for calls that are under way.
const CALLS_MAX: Duration = Duration::from_secs(10);
/// How long a stop waits for deliveries.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// How often the writer looks at the clock.
const TICK: Duration = Duration::from_millis(100);
/// How often the log is told of changes of health.
const LOOK: Duration = Duration::from_secs(1);
/// Parked notices of one topic, in bytes.
const NOTICES_BYTES_MAX: u64 = 256 << 20;
/// Connections at a time for health and metrics, where they have a listener of their own.
const OPS_CONNECTIONS_MAX: usize = 64;
/// What waits for one log group and account, in bytes; half a KiB for a log file.
const LOGS_BYTES_MAX: u64 = 64 << 20;
/// The directory of what waits for log groups, in the data directory.
const LOGS_DIRECTORY: &str = "logs";
/// The directory of parked notices, in the data directory.
const NOTICES_DIRECTORY: &str = "notices";

/// A daemon that runs.
pub struct Daemon<S, T> {
    address: SocketAddr,
    registrar: Arc<Registrar>,
    intake: Intake,
    delivery: Arc<Delivery<S>>,
    notifier: Arc<Notifier<T>>,
    changes: Changes,
    look: Arc<dyn Fn() -> Snapshot + Send + Sync>,
    status: Arc<StatusBook>,
    tails: Arc<Hub>,
    history: Arc<History>,
    tasks: JoinSet<&'static str>,
    close_door: watch::Sender<bool>,
    stop_pipeline: watch::Sender<bool>,
}

/// Real disk, clocks and randomness.
pub fn real_parts(data_dir: &Path) -> std::io::Result<Parts> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(data_dir)?);
    let begun = steady_clock();
    let clock = move || Now { wall: wall_clock(), uptime: begun.elapsed() };
    Ok(Parts { disk, clock: Arc::new(clock), entropy: Arc::new(entropy) })
}

#[allow(clippy::disallowed_methods)] // the one place where the daemon's randomness is made
pub(crate) fn entropy() -> u64 {
    rand::random()
}

#[allow(clippy::disallowed_methods)] // the one place where the daemon's clocks are made
fn steady_clock() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)] // the one place where the daemon's clocks are made
pub(crate) fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl<S, T> Daemon<S, T>
where
    S: ObjectStore + Clone + 'static,
    T: Topic + 'static,
{
    /// Recovers what is on disk and opens the front door. Nothing is listened on before that.
    pub async fn start(
        settings: &Settings,
        parts: Parts,
        store: S,
        topics: T,
        logs: Arc<dyn LogSink>,
        checks: Checks,
        custody: Custody,
    ) -> anyhow::Result<Daemon<S, T>> {
        let keys = digest_keys::open(&parts, settings.digests.key_validity, custody)?;
        let Opened { registry, changes, history, tails, intake, journal } =
            open_journal(settings, &parts)?;
        let retry = RetrySettings {
            give_up_after: settings.delivery.retry_for,
            ..RetrySettings::default()
        };
        let disk = || Arc::clone(&parts.disk);
        let (delivery, digest_store) = (&settings.delivery, store.clone());
        let delivery = Arc::new(Delivery::open(
            store,
            disk(),
            delivery.spill_bytes_max,
            delivery.concurrency,
            retry,
        )?);
        let outbox = Outbox::open(disk(), NOTICES_DIRECTORY, NOTICES_BYTES_MAX, retry)?;
        let notifier = Arc::new(Notifier::new(topics, outbox));
        let outbox = Outbox::open(disk(), LOGS_DIRECTORY, LOGS_BYTES_MAX, retry)?;
        let logs = Arc::new(LogSender::new(logs, outbox));
        let parked = delivery.parked_files()?;
        let ledger = Arc::new(Ledger::new(&parked, &journal.borrow()));
        let signing_keys = Arc::clone(&keys);
        let batches = journal.borrow().unretired();
        let found = OnTheirWay { batches: &batches, parked: &parked };
        let digests = open_digests(settings, &parts, digest_store, signing_keys, retry, &found)?;
        let limits = journal_settings(settings);
        let statuses = [
            delivery.statuses().clone(),
            notifier.statuses(),
            logs.statuses().clone(),
            digests.statuses().clone(),
        ];
        let status = Arc::new(StatusBook::open(disk(), statuses, registry.definitions()));
        let registrar = Registrar::new(
            registry,
            limits,
            intake.clone(),
            journal.clone(),
            parts.clone(),
            Arc::clone(&status),
            define(&digests, &parts),
        );
        let registrar = Arc::new(registrar);
        let pipeline = Arc::new(Pipeline::new(
            parts.clone(),
            intake.clone(),
            Destinations {
                delivery: Arc::clone(&delivery),
                notifier: Arc::clone(&notifier),
                logs: Arc::clone(&logs),
                digests: Arc::clone(&digests),
                history: Arc::clone(&history),
            },
            Arc::clone(&ledger),
            registrar.definitions(),
            settings.delivery.compression_level,
        ));
        let roster = match settings.auth {
            Auth::Localstack => None,
            Auth::Sigv4 => Some(Arc::new(Roster::open(settings, disk())?)),
        };
        let seen = registrar.definitions();
        let state = pipeline.state();
        let look =
            look(&intake, &journal, &state, &delivery, &notifier, logs, &digests, &ledger, seen);
        let look = with_history(look, Arc::clone(&history));
        let look = with_roster(look, roster.clone());
        let metrics = Arc::new(Metrics::default());
        let reads = Reads::of_all_cores();
        let api_site = ApiSite {
            parts: parts.clone(),
            intake: intake.clone(),
            journal: journal.clone(),
            registrar: Arc::clone(&registrar),
            metrics: Arc::clone(&metrics),
            checks,
            status: Arc::clone(&status),
            keys: Arc::clone(&keys),
            history: Arc::clone(&history),
            reads: Arc::clone(&reads),
        };
        let api = Arc::new(Api::new(api_site, settings.quotas.clone()));
        let close_door = watch::Sender::new(false);
        let site = Arc::new(Site {
            parts: parts.clone(),
            intake: intake.clone(),
            journal: journal.clone(),
            definitions: registrar.definitions(),
            auth: match &roster {
                None => http::auth::Auth::Localstack,
                Some(roster) => http::auth::Auth::Sigv4(roster.accounts()),
            },
            room: Room::new(ROOM_BYTES),
            unproven: Room::new(UNPROVEN_BYTES),
            drains: Semaphore::new(http::DRAINS_MAX),
            history: Arc::clone(&history),
            imports: Arc::new(Semaphore::new(http::import::IMPORTS_MAX)),
            connections: Connections::new(connections::connections_max(), Arc::clone(&metrics)),
            api: cloudtrail(Arc::clone(&api)),
            downloads: Downloads::new(
                Arc::clone(&history),
                Arc::clone(&reads),
                record_lookup(api),
                close_door.subscribe(),
            ),
            tails: Tails::new(Arc::clone(&tails), Arc::clone(&history), reads),
            metrics,
            look: Arc::clone(&look),
        });
        let listener = bind("listen", settings.listen).await?;
        let ops_listener = match settings.ops_listen {
            Some(address) => Some(bind("ops_listen", address).await?),
            None => None,
        };
        let mut daemon = Daemon {
            address: listener.local_addr()?,
            registrar,
            intake,
            delivery,
            notifier,
            changes,
            look,
            status,
            tails: Arc::clone(&tails),
            history,
            tasks: JoinSet::new(),
            close_door,
            stop_pipeline: watch::Sender::new(false),
        };
        daemon.spawn_pipeline(pipeline, journal);
        if let Some(listener) = ops_listener {
            daemon.spawn_ops_door(listener, &site);
        }
        daemon.spawn_door(listener, site);
        daemon.spawn("tails", http::tail::distribute(tails));
        daemon.spawn("digest keys", digest_keys::tend(keys, parts));
        if let Some(roster) = roster {
            daemon.spawn("accounts", roster.follow());
        }
        Ok(daemon)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// One look at everything.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        (self.look)()
    }

    /// The trails, channels and accounts in force.
    #[must_use]
    pub fn definitions(&self) -> Arc<Definitions> {
        self.registrar.in_force()
    }

    /// How the configuration differs from the definitions that the start found.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// How deliveries fare.
    #[must_use]
    pub fn delivery(&self) -> &Delivery<S> {
        &self.delivery
    }

    /// How notices fare.
    #[must_use]
    pub fn notifier(&self) -> Arc<Notifier<T>> {
        Arc::clone(&self.notifier)
    }

    /// What the history keeps from now on.
    pub fn configure_history(&self, settings: history::Settings) {
        self.history.configure(settings);
    }

    /// The configuration says this from now on.
    pub async fn configure(&self, configured: Definitions) -> anyhow::Result<Changes> {
        let change = self.registrar.begin().await;
        let definitions = change.definitions().with_configuration(configured)?;
        change.commit(definitions).await
    }

    /// Waits until a task ends that should not, and tells which.
    pub async fn failure(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok(task)) => anyhow!("the {task} ended; see the log for what came before"),
            Some(Err(error)) => anyhow!("a task failed: {error}"),
            None => anyhow!("no task is left"),
        }
    }

    /// Stops: no event that was acknowledged is lost, and most are delivered.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.close_door.send_replace(true);
        // They would go on for ever.
        self.tails.close();
        if tokio::time::timeout(CALLS_MAX, self.joined("listener")).await.is_err() {
            tracing::warn!(
                "some calls did not end in time; they are cut off when all is delivered"
            );
        }
        let sealed = self.intake.seal().await;
        self.stop_pipeline.send_replace(true);
        if tokio::time::timeout(DRAIN_MAX, self.joined("pipeline")).await.is_err() {
            tracing::warn!("some batches are not delivered yet; the next start goes on with them");
        }
        let stopped = self.intake.stop().await;
        self.tasks.shutdown().await;
        self.status.save();
        sealed.and(stopped).context("the journal could not be sealed; the next start recovers it")
    }

    fn spawn_pipeline(
        &mut self,
        pipeline: Arc<Pipeline<S, T>>,
        journal: watch::Receiver<JournalState>,
    ) {
        let (retries, stopping) = (Arc::clone(&pipeline), self.stop_pipeline.subscribe());
        let logs = Arc::clone(&pipeline);
        let intake = self.intake.clone();
        let (sealed, sealed_too) = (journal.clone(), journal.clone());
        self.spawn("pipeline", {
            let stopping = stopping.clone();
            async move { pipeline.run(journal, stopping).await }
        });
        let digests = Arc::clone(&retries);
        self.spawn("digests", {
            let stopping = stopping.clone();
            async move { digests.run_digests(sealed, stopping).await }
        });
        let (history, tending) = (Arc::clone(&retries), Arc::clone(&retries));
        self.spawn("history", {
            let (journal, stopping) = (sealed_too, stopping.clone());
            async move { history.run_history(journal, stopping).await }
        });
        self.spawn("tending", {
            let stopping = stopping.clone();
            async move { tending.run_tending(stopping).await }
        });
        let notices = Arc::clone(&retries);
        self.spawn("notices", {
            let stopping = stopping.clone();
            async move { notices.run_notices(stopping).await }
        });
        self.spawn("retries", async move { retries.run_retries(stopping).await });
        self.spawn("logs", {
            let stopping = self.stop_pipeline.subscribe();
            async move { logs.run_logs(stopping).await }
        });
        let status = Arc::clone(&self.status);
        self.spawn("status", status.run(self.stop_pipeline.subscribe()));
        let look = Arc::clone(&self.look);
        self.spawn("watch", async move {
            let mut tick = tokio::time::interval(LOOK);
            let mut watch = Watch::default();
            loop {
                tick.tick().await;
                watch.log(&look());
            }
        });
        self.spawn("clock", async move {
            let mut tick = tokio::time::interval(TICK);
            loop {
                tick.tick().await;
                intake.tick();
            }
        });
    }

    fn spawn_door(&mut self, listener: TcpListener, site: Arc<Site>) {
        let mut closing = self.close_door.subscribe();
        self.spawn("listener", async move {
            let closed = async move { drop(closing.wait_for(|is_closing| *is_closing).await) };
            let connections = Arc::clone(&site.connections);
            connections::serve(listener, http::router(site), connections, closed).await;
        });
    }

    /// Answers until all else has ended: a stop is watched too.
    fn spawn_ops_door(&mut self, listener: TcpListener, site: &Arc<Site>) {
        let (router, metrics) = (http::ops_router(Arc::clone(site)), Arc::clone(&site.metrics));
        let connections = Connections::new(OPS_CONNECTIONS_MAX, metrics);
        let never = std::future::pending();
        self.spawn("ops listener", connections::serve(listener, router, connections, never));
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits until a task of this name has ended.
    async fn joined(&mut self, name: &str) {
        while let Some(ended) = self.tasks.join_next().await {
            if ended.is_ok_and(|ended| ended == name) {
                return;
            }
        }
    }
}

async fn bind(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("{key} = {address}: another program may have the port"))
}

/// The API as the listener calls it.
fn cloudtrail(api: Arc<Api<ApiSite>>) -> http::CloudTrail {
    Arc::new(move |caller, request| {
        let api = Arc::clone(&api);
        async move { api.answer(&caller, &request).await }.boxed()
    })
}

/// How downloads are recorded: as calls of the API.
fn record_lookup(api: Arc<Api<ApiSite>>) -> RecordLookup {
    Arc::new(move |caller, request, members, result| {
        let api = Arc::clone(&api);
        async move { api.record_lookup(&caller, &request, &members, result).await }.boxed()
    })
}

/// The journal, and what stands around it.
struct Opened {
    registry: Registry,
    changes: Changes,
    history: Arc<History>,
    tails: Arc<Hub>,
    intake: Intake,
    journal: watch::Receiver<JournalState>,
}

fn open_journal(settings: &Settings, parts: &Parts) -> anyhow::Result<Opened> {
    let now = parts.now().wall;
    let mut registry = Registry::open(Arc::clone(&parts.disk))?;
    let journal = journal_settings(settings);
    let definitions = registry.definitions().with_configuration(settings.definitions.clone())?;
    journal.check(&definitions.trail_set(u64::MAX))?;
    let changes = registry.apply(definitions, now)?;
    let entropy = Arc::clone(&parts.entropy);
    let random = Box::new(move || entropy());
    let journal =
        Journal::open(Arc::clone(&parts.disk), journal, registry.snapshot(), now, random)?;
    let state = journal.state();
    let unretired = state.unretired();
    let kept = settings.history.clone();
    let history = Arc::new(History::open(Arc::clone(&parts.disk), kept, &unretired)?);
    let is_sealed = |batch: &BatchId| state.sealed.iter().any(|sealed| sealed.batch == *batch);
    unretired.iter().filter(|batch| !is_sealed(batch)).for_each(|batch| history.given_up(*batch));
    let tails = Hub::new(tail::Limits::default(), Place::end_of(journal.last_batch()));
    let listening = (Arc::clone(&history), Arc::clone(&tails));
    let journal = journal.with_listener(Box::new(move |Committed { batch, first, events }| {
        // A tail begins with what the history has, and goes on with what the hub is told of.
        listening.0.committed(batch, first, &events);
        listening.1.committed(batch, first, events);
    }));
    let clock = Arc::clone(&parts.clock);
    let writer = Writer::new(journal, settings.delivery.interval);
    let (intake, journal) = Intake::start(writer, move || clock())?;
    Ok(Opened { registry, changes, history, tails, intake, journal })
}

fn open_digests<S: ObjectStore>(
    settings: &Settings,
    parts: &Parts,
    store: S,
    keys: Arc<KeyRing>,
    retry: RetrySettings,
    found: &OnTheirWay<'_>,
) -> anyhow::Result<Arc<Digests<S>>> {
    let (disk, interval) = (Arc::clone(&parts.disk), settings.digests.interval);
    Ok(Arc::new(Digests::open(store, disk, keys, interval, retry, found, parts.now().wall)?))
}

fn define<S: ObjectStore + 'static>(digests: &Arc<Digests<S>>, parts: &Parts) -> DefineDigests {
    let (digests, parts) = (Arc::clone(digests), parts.clone());
    Arc::new(move |definitions, boundary| {
        if let Err(error) = digests.define(definitions, parts.now().wall, boundary) {
            tracing::error!(%error, "which trails write digests is not stored yet");
        }
    })
}

fn journal_settings(settings: &Settings) -> producer::JournalSettings {
    producer::JournalSettings {
        segment_bytes: settings.journal.segment_bytes,
        quota_bytes: settings.journal.quota_bytes,
        window_events: settings.journal.window_events,
    }
}

#[allow(clippy::too_many_arguments)] // everything that is looked at
fn look<S, T>(
    intake: &Intake,
    journal: &watch::Receiver<JournalState>,
    pipeline: &Arc<Mutex<PipelineState>>,
    delivery: &Arc<Delivery<S>>,
    notifier: &Arc<Notifier<T>>,
    logs: Arc<LogSender>,
    digests: &Arc<Digests<S>>,
    ledger: &Arc<Ledger>,
    definitions: watch::Receiver<Arc<Definitions>>,
) -> Arc<dyn Fn() -> Snapshot + Send + Sync>
where
    S: ObjectStore + 'static,
    T: Topic + 'static,
{
    let (intake, journal, pipeline) = (intake.clone(), journal.clone(), Arc::clone(pipeline));
    let (delivery, notifier, digests, ledger) =
        (Arc::clone(delivery), Arc::clone(notifier), Arc::clone(digests), Arc::clone(ledger));
    Arc::new(move || {
        let (state, mut balances) = ledger.look(|| journal.borrow().clone());
        let (report, logs) = (notifier.report(), logs.report());
        let definitions = definitions.borrow();
        for definition in &definitions.trails {
            balances.entry(definition.trail.arn.clone()).or_default();
        }
        Snapshot {
            has_no_trail: definitions.trails.is_empty(),
            roster: RosterState::default(),
            queue: intake.queue(),
            pipeline: pipeline.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            balances,
            journal: state,
            files: ledger.files(),
            delivery: delivery.lanes(),
            set_aside: set_aside(&delivery.set_aside_files(), &report.set_aside, &logs.set_aside),
            foreign_objects: delivery.foreign_objects(),
            notifier: report,
            logs,
            digests: digests.report(),
            history: history::Report::default(),
            history_behind: 0,
        }
    })
}

/// The same, and how the history is.
fn with_history(
    look: Arc<dyn Fn() -> Snapshot + Send + Sync>,
    history: Arc<History>,
) -> Arc<dyn Fn() -> Snapshot + Send + Sync> {
    Arc::new(move || {
        let snapshot = look();
        let sealed = snapshot.journal.sealed.iter();
        let behind = sealed.filter(|sealed| !history.is_stored(sealed.batch)).count() as u64;
        Snapshot { history: history.report(), history_behind: behind, ..snapshot }
    })
}

/// The same, and who may call.
fn with_roster(
    look: Arc<dyn Fn() -> Snapshot + Send + Sync>,
    roster: Option<Arc<Roster>>,
) -> Arc<dyn Fn() -> Snapshot + Send + Sync> {
    let Some(roster) = roster else { return look };
    Arc::new(move || Snapshot { roster: roster.state(), ..look() })
}

/// Paths in the data directory of parked files that were given up.
fn set_aside(files: &[String], notices: &[String], logs: &[String]) -> Vec<String> {
    let path = |directory, name| format!("{directory}/{name}");
    let files = files.iter().map(|name| path(delivery::DIRECTORY, name));
    let notices = notices.iter().map(|name| path(NOTICES_DIRECTORY, name));
    let logs = logs.iter().map(|name| path(LOGS_DIRECTORY, name));
    files.chain(notices).chain(logs).collect()
}
