//! `cairn serve`: the daemon of [`crate::serve`] on the real AWS clients, with signals.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use delivery::S3Store;
use notifier::sns::SnsTopic;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use trails::{Changes, TrailDefinition};

use crate::checks::Checks;
use crate::cli::{Serve, Verdict};
use crate::config::{FanoutSettings, Settings};
use crate::serve::{self, Daemon};
use crate::{aws, logging, set_up};

/// Runs until a signal, or until something fails that should not.
pub async fn run(command: &Serve) -> anyhow::Result<Verdict> {
    let settings = load(command)?;
    logging::init(settings.log.format, &settings.log.level)?;
    raise_descriptor_limit();
    let mut signals = Signals::listen()?;
    let config = aws::load().await;
    let parts = serve::real_parts(&settings.data_dir)?;
    // Before anything is published: a queue hears nothing of what came before its subscription.
    let fanned_out = tokio::select! {
        fanned_out = timeout(FAN_OUT_MAX, set_up::fan_out(&config, &settings.fanout)) => fanned_out,
        () = signals.stop() => return Ok(Verdict::Good),
    };
    let (store, topics) = (aws::store(&config), aws::topics(&config));
    let (logs, checks) = (Arc::new(aws::logs(&config)), Checks::new(&config));
    let custody = aws::custody(&config, &settings.digests.kms_key);
    let daemon = Daemon::start(&settings, parts, store, topics, logs, checks, custody).await?;
    let directory = settings.data_dir.display();
    tracing::info!(address = %daemon.address(), data_dir = %directory, version = env!("CARGO_PKG_VERSION"), "cairn is ready");
    for channel in &daemon.definitions().channels {
        tracing::info!(channel = %channel.name, arn = channel.arn(), "channel takes audit events");
    }
    if daemon.snapshot().roster.is_empty {
        tracing::warn!(
            "no account exists: every call is refused; create one with `cairn account create 111122223333`, and an access key with `cairn account create-key 111122223333`"
        );
    }
    if settings.definitions.trails.is_empty() {
        tracing::warn!("no trail is defined: events are acknowledged and go nowhere");
    }
    let changes = daemon.changes().clone();
    let mut service = Service { daemon, config, command, introductions: JoinSet::new() };
    let left = fanned_out.unwrap_or_else(|_| settings.fanout.clone());
    service.introduce(&settings, &changes, left);
    let ended = service.attend(signals).await;
    tracing::info!("cairn is stopping");
    service.introductions.shutdown().await;
    let stopped = service.daemon.stop().await;
    ended.and(stopped)?;
    tracing::info!("cairn has stopped");
    Ok(Verdict::Good)
}

/// Takes all the file descriptors that the system allows: shells hand out 1,024 of them.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// How long the start waits for topics and queues; then it goes on without them, and tries again.
const FAN_OUT_MAX: Duration = Duration::from_secs(15);

/// The daemon, and what is done for it outside.
struct Service<'a> {
    daemon: Daemon<S3Store, SnsTopic>,
    config: SdkConfig,
    command: &'a Serve,
    /// Markers, validation messages and queues on their way: nothing waits for them.
    introductions: JoinSet<()>,
}

impl Service<'_> {
    /// Waits for signals: reloads at SIGHUP, returns at SIGTERM and SIGINT, fails when the daemon
    /// does.
    async fn attend(&mut self, mut signals: Signals) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return Ok(()),
                _ = signals.interrupt.recv() => return Ok(()),
                _ = signals.hang_up.recv() => self.reload().await,
                Some(ended) = self.introductions.join_next() => reraise(ended),
                failure = self.daemon.failure() => return Err(failure),
            }
        }
    }

    async fn reload(&mut self) {
        if let Err(error) = self.try_reload().await {
            tracing::error!(error = format!("{error:#}"), "the reload failed");
        }
    }

    async fn try_reload(&mut self) -> anyhow::Result<()> {
        let settings = load(self.command)?;
        let changes = self.daemon.configure(settings.definitions.clone()).await?;
        self.introduce(&settings, &changes, settings.fanout.clone());
        self.daemon.configure_history(settings.history);
        tracing::info!(
            "trails, channels, accounts, fan-out and history are read again; other settings need a restart"
        );
        Ok(())
    }

    /// Markers and validation messages of trails that are new or changed; then topics and queues are
    /// kept set up.
    fn introduce(&mut self, settings: &Settings, changes: &Changes, left: Vec<FanoutSettings>) {
        report(changes);
        self.introductions.abort_all();
        let (config, fanout) = (self.config.clone(), settings.fanout.clone());
        let is_new = |definition: &&TrailDefinition| {
            let arn = &definition.trail.arn;
            changes.added.contains(arn) || changes.changed.contains(arn)
        };
        let trails = settings.definitions.trails.iter();
        let trails: Vec<TrailDefinition> = trails.filter(is_new).cloned().collect();
        let notifier = self.daemon.notifier();
        self.introductions.spawn(async move {
            let left = set_up::fan_out(&config, &left).await;
            set_up::introduce(&aws::store(&config), &notifier, &trails).await;
            set_up::keep_fan_out(&config, &fanout, left, &notifier).await;
        });
    }
}

/// A task that was replaced by a newer one is no news; one that panicked ends the process.
fn reraise(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Logs what a change of definitions did.
fn report(changes: &Changes) {
    for (what, trails) in
        [("added", &changes.added), ("changed", &changes.changed), ("removed", &changes.removed)]
    {
        for trail in trails {
            tracing::info!(%trail, what, "trail definition changed");
        }
    }
}

fn load(command: &Serve) -> anyhow::Result<Settings> {
    Ok(Settings::load(command.config.as_deref(), std::env::vars_os(), &command.flags())?)
}
