//! `run`: the main job, until told to stop; and what it is told meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::bridge::Bridge;
use super::logging;
use super::prepared::Door;
use super::signals::{Ends, Hangups};
use super::systemd::Systemd;
use crate::config::{Changes, Config, Environment, check_level};
use crate::export::{Lifecycle, Reload};

/// How long everything together may take to end once told to stop: the last export and open
/// scrapes have their own, shorter limits.
const DRAIN: Duration = Duration::from_secs(5);
/// So many requests for a reload wait for one that is under way.
const MOST_WAITING: usize = 64;

/// Reads the configuration again, from where it was read at the start.
pub type Source = Arc<dyn Fn() -> Result<Config> + Send + Sync>;

/// Who is told what came of a reload.
type Asker = oneshot::Sender<Result<String, String>>;

/// Runs the bridge until SIGTERM or SIGINT.
///
/// # Errors
/// If something can't be built or polling breaks.
pub async fn run(config: Config, source: Source, hangups: Hangups) -> Result<()> {
    run_and(config, source, hangups, |_| ()).await
}

/// Like [`run`]; tells once where the bridge listens.
///
/// # Errors
/// Like [`run`].
pub async fn run_and(
    config: Config,
    source: Source,
    mut hangups: Hangups,
    listening: impl FnOnce(SocketAddr),
) -> Result<()> {
    // First of all: whoever sees the listener may tell us to stop.
    let mut ends = Ends::listen()?;
    let systemd = Arc::new(Systemd::of(&Environment::of_process()));
    let (ask, mut askers) = mpsc::channel(MOST_WAITING);
    let mut bridge = tokio::select! {
        started = Bridge::start(config, lifecycle(ask), Door::Own) => started?,
        () = ends.next() => return Ok(()),
    };
    if let Some(address) = bridge.address() {
        listening(address);
    }
    bridge.tell_systemd(&systemd);
    let ended = loop {
        tokio::select! {
            () = ends.next() => break Ok(()),
            () = hangups.next() => {
                let _ = reload(&mut bridge, &source, &systemd).await; // It is logged.
            }
            Some(asker) = askers.recv() => {
                let mut all = vec![asker];
                // One reload is enough for all who asked before it began.
                while let Ok(other) = askers.try_recv() {
                    all.push(other);
                }
                answer(all, reload(&mut bridge, &source, &systemd).await);
            }
            () = bridge.failed() => break Err(anyhow::anyhow!("polling ended by itself")),
        }
    };
    tracing::info!("stopping");
    systemd.stopping();
    tokio::select! {
        drained = timeout(DRAIN, bridge.ended()) => if drained.is_err() {
            tracing::warn!(limit_seconds = DRAIN.as_secs(), "stopped before everything had ended");
        },
        () = ends.next() => bail!("told to stop a second time, before everything had ended"),
    }
    ended
}

/// What requests may change.
fn lifecycle(ask: mpsc::Sender<Asker>) -> Lifecycle {
    let reload: Reload = Arc::new(move || {
        let ask = ask.clone();
        async move {
            const STOPPING: &str = "the bridge is stopping";
            let (asker, answer) = oneshot::channel();
            ask.send(asker).await.map_err(|_| STOPPING.to_owned())?;
            answer.await.map_err(|_| STOPPING.to_owned())?
        }
        .boxed()
    });
    Lifecycle {
        enabled: false,
        reload,
        level: logging::level,
        set_level: |level| {
            check_level(level)?;
            let before = logging::level();
            logging::set_level(level).map_err(|error| format!("{error:#}"))?;
            tracing::info!(before, level, "the level of the log has changed");
            Ok(())
        },
    }
}

fn answer(askers: Vec<Asker>, outcome: Result<String, String>) {
    for asker in askers {
        let _ = asker.send(outcome.clone()); // Who has gone does not wait.
    }
}

/// Reads the configuration again, and lets it take effect if it can be used. Returns a sentence about it.
async fn reload(bridge: &mut Bridge, source: &Source, systemd: &Systemd) -> Result<String, String> {
    systemd.reloading();
    let outcome = reloaded(bridge, source).await;
    bridge.note_reload(outcome.is_ok());
    systemd.ready(); // Whatever came of it: the bridge runs.
    match outcome {
        Ok(changes) => {
            let (changed, restart) = (changes.settings.join(","), changes.restart.join(","));
            match (changed.as_str(), restart.as_str()) {
                ("", _) => tracing::info!("reloaded the configuration: no setting has changed"),
                (_, "") => tracing::info!(changed, "reloaded the configuration"),
                _ => tracing::warn!(
                    changed,
                    restart,
                    "reloaded the configuration, but for settings that need a restart"
                ),
            }
            Ok(sentence(&changes))
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(
                error,
                "the configuration can't be used, so the old one goes on"
            );
            Err(error)
        }
    }
}

async fn reloaded(bridge: &mut Bridge, source: &Source) -> Result<Changes> {
    let source = Arc::clone(source);
    let config = spawn_blocking(move || source()).await;
    let config = config.context("reading the configuration")??;
    logging::say_what_was_doubtful(&config, false);
    let log = config.log.clone();
    let changes = bridge.change_to(config).await?;
    logging::change(&log)?;
    Ok(changes)
}

fn sentence(changes: &Changes) -> String {
    if changes.settings.is_empty() {
        return "Reloaded; no setting has changed.".to_owned();
    }
    let changed = changes.settings.join(", ");
    match changes.restart.is_empty() {
        true => format!("Reloaded; changed: {changed}."),
        false => format!(
            "Reloaded; changed: {changed}. These need a restart: {}.",
            changes.restart.join(", ")
        ),
    }
}
