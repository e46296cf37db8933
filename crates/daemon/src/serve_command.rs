//! `cairn serve`: the daemon of [`crate::serve`] on the real AWS clients, with signals.

use std::sync::Arc;

use aws_config::SdkConfig;
use delivery::S3Store;
use notifier::sns::SnsTopic;
use tokio::signal::unix::{Signal, SignalKind, signal};
use trails::{Changes, Trail};

use crate::cli::{Serve, Verdict};
use crate::config::Settings;
use crate::serve::{self, Daemon};
use crate::{aws, logging, set_up};

/// Runs until a signal, or until something fails that should not.
pub async fn run(command: &Serve) -> anyhow::Result<Verdict> {
    let settings = load(command)?;
    logging::init(settings.log.format, &settings.log.level)?;
    let signals = Signals::listen()?;
    let config = aws::load().await;
    let parts = serve::real_parts(&settings.data_dir)?;
    let mut daemon = Daemon::start(&settings, parts, aws::store(&config), aws::topics(&config)).await?;
    let directory = settings.data_dir.display();
    tracing::info!(address = %daemon.address(), data_dir = %directory, version = env!("CARGO_PKG_VERSION"), "cairn is ready");
    for channel in &daemon.definitions().channels {
        tracing::info!(channel = %channel.name, arn = channel.arn(), "channel takes audit events");
    }
    if settings.definitions.trails.is_empty() {
        tracing::warn!("no trail is defined: events are acknowledged and go nowhere");
    }
    introduce(&config, &daemon, &settings, daemon.changes()).await;
    let ended = attend(signals, &mut daemon, &config, command).await;
    tracing::info!("cairn is stopping");
    let stopped = daemon.stop().await;
    ended.and(stopped)?;
    tracing::info!("cairn has stopped");
    Ok(Verdict::Good)
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
}

/// Waits for signals: reloads at SIGHUP, returns at SIGTERM and SIGINT, fails when the daemon does.
async fn attend(
    mut signals: Signals,
    daemon: &mut Daemon<S3Store, SnsTopic>,
    config: &SdkConfig,
    command: &Serve,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.interrupt.recv() => return Ok(()),
            _ = signals.hang_up.recv() => {}
            failure = daemon.failure() => return Err(failure),
        }
        if let Err(error) = reload(daemon, config, command).await {
            tracing::error!(error = format!("{error:#}"), "nothing was changed by the reload");
        }
    }
}

async fn reload(
    daemon: &Daemon<S3Store, SnsTopic>,
    config: &SdkConfig,
    command: &Serve,
) -> anyhow::Result<()> {
    let settings = load(command)?;
    let changes = daemon.apply(settings.definitions.clone()).await?;
    introduce(config, daemon, &settings, &changes).await;
    tracing::info!("trails, channels, accounts and fan-out are read again; other settings need a restart");
    Ok(())
}

/// Sets up queues, then markers and validation messages of trails that are new or changed.
async fn introduce(
    config: &SdkConfig,
    daemon: &Daemon<S3Store, SnsTopic>,
    settings: &Settings,
    changes: &Changes,
) {
    report(changes);
    set_up::fan_out(config, &settings.fanout).await;
    let definitions = Arc::clone(&daemon.definitions());
    let is_new = |trail: &&Trail| changes.added.contains(&trail.arn) || changes.changed.contains(&trail.arn);
    let trails: Vec<&Trail> = definitions.trails.iter().filter(is_new).collect();
    set_up::introduce(&aws::store(config), daemon.notifier(), &trails).await;
}

/// Logs what a change of definitions did.
fn report(changes: &Changes) {
    for (what, trails) in [("added", &changes.added), ("changed", &changes.changed), ("removed", &changes.removed)] {
        for trail in trails {
            tracing::info!(%trail, what, "trail definition changed");
        }
    }
}

fn load(command: &Serve) -> anyhow::Result<Settings> {
    Ok(Settings::load(command.config.as_deref(), std::env::vars_os(), &command.flags())?)
}
