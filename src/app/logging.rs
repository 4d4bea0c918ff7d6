//! Logs on stderr: one line an event, logfmt or JSON, with the same fields in both. What is logged and how it
//! looks may change at run time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use anyhow::{Context, Result};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use super::exposed_files;
use super::log_line::Lines;
use super::progress::Stderr;
use super::supervision::log_panics;
use crate::config::{Config, Log, LogFormat};
use crate::lock::lock;

/// The log of this process.
static RUNNING: OnceLock<Running> = OnceLock::new();
/// Whether lines are written in JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

struct Running {
    filter: reload::Handle<EnvFilter, Registry>,
    now: Mutex<Log>,
}

/// Starts logging.
///
/// # Errors
/// If logging has been started before.
pub fn start(log: &Log) -> Result<()> {
    let (filter, handle) = reload::Layer::new(filter(&log.level)?);
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(Lines(format))
        .with_writer(|| Stderr);
    IS_JSON.store(log.format == LogFormat::Json, Ordering::Relaxed);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .context("starting the log")?;
    let _ = RUNNING.set(Running {
        filter: handle,
        now: Mutex::new(log.clone()),
    });
    log_panics();
    Ok(())
}

/// Logs so from now on.
///
/// # Errors
/// If the level is none.
pub fn change(log: &Log) -> Result<()> {
    let (Some(running), filter) = (RUNNING.get(), filter(&log.level)?) else {
        return Ok(()); // Nothing is logged, as in a test.
    };
    running.filter.reload(filter).context("changing the log")?;
    IS_JSON.store(log.format == LogFormat::Json, Ordering::Relaxed);
    lock(&running.now).clone_from(log);
    Ok(())
}

/// What is logged now.
pub fn level() -> String {
    let level = RUNNING
        .get()
        .map(|running| lock(&running.now).level.clone());
    level.unwrap_or_default()
}

/// Logs at another level from now on; the format stays.
///
/// # Errors
/// If it is none.
pub fn set_level(level: &str) -> Result<()> {
    change(&Log {
        level: level.to_owned(),
        format: format(),
    })
}

fn filter(level: &str) -> Result<EnvFilter> {
    // Libraries log a lot. Only their warnings are wanted, unless the setting names targets itself.
    let filter = match level.contains(['=', ',']) {
        true => level.to_owned(),
        false => format!("warn,gitlab_metrics_bridge={level}"),
    };
    EnvFilter::try_new(filter).context("reading the level")
}

/// The format of the log, once it is started.
pub fn running_format() -> Option<LogFormat> {
    RUNNING.get().map(|_| format())
}

/// The format of the next line.
fn format() -> LogFormat {
    match IS_JSON.load(Ordering::Relaxed) {
        true => LogFormat::Json,
        false => LogFormat::Text,
    }
}

/// Says what was left out of the configuration, and where a token goes that nobody has given an address.
pub fn say_what_was_doubtful(config: &Config, asks_gitlab: bool) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    for warning in exposed_files::warnings(config) {
        tracing::warn!("{warning}");
    }
    if config.is_address_assumed && asks_gitlab {
        let gitlabs = config.instances.iter();
        for url in gitlabs.map(|instance| &instance.gitlab.url) {
            tracing::info!(%url, "no GitLab is named, so this one is asked: set GITLAB_URL for another");
        }
    }
}
