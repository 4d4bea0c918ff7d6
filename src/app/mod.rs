//! Joins the folders into the commands of the program, one file per command.

mod bridge;
mod check;
mod console;
#[cfg(feature = "simulator")]
mod demo;
mod findings;
mod log_line;
mod logging;
mod once;
mod plan;
mod polled_gitlabs;
mod process;
mod progress;
mod supervision;
mod waiting;
mod webhooks;

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use bridge::Bridge;

pub use bridge::require_tokens;
pub use check::check;
#[cfg(feature = "simulator")]
pub use demo::demo;
pub use logging::{say_what_was_doubtful, start as start_logging};
pub use once::once;
pub use plan::plan;

/// How long everything together may take to end once told to stop: the last export and open
/// scrapes have their own, shorter limits.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs the bridge until SIGTERM or SIGINT.
///
/// # Errors
/// If something can't be built or the listener breaks.
pub async fn run(config: Config) -> Result<()> {
    let stop = CancellationToken::new();
    // First of all: whoever sees the listener may tell us to stop.
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let bridge = Bridge::build(&config).await?;
    let mut tasks = bridge.spawn(&stop);
    let ended = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        ended = first_failure(&mut tasks) => ended,
    };
    tracing::info!("stopping");
    stop.cancel();
    let drained = async {
        while let Some(task) = tasks.join_next().await {
            match task {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(
                    error = format!("{error:#}"),
                    "a part of the bridge failed at the end"
                ),
                Err(error) => tracing::error!(%error, "a part of the bridge panicked"),
            }
        }
    };
    if timeout(DRAIN, drained).await.is_err() {
        tracing::warn!(
            limit_seconds = DRAIN.as_secs(),
            "stopped before everything had ended"
        );
    }
    ended
}

/// Waits for a task that fails: none of them ends by itself.
async fn first_failure(tasks: &mut JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended.context("a part of the bridge panicked")??;
    }
    Ok(())
}
