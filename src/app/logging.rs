//! Logs on stderr: one line an event, logfmt or JSON, with the same fields in both.

use anyhow::{Context, Result};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::log_line::Lines;
use super::progress::Stderr;
use super::supervision::log_panics;
use crate::config::{Config, Log};

/// Starts logging.
///
/// # Errors
/// If logging has been started before.
pub fn start(log: &Log) -> Result<()> {
    // Libraries log a lot. Only their warnings are wanted, unless the setting names targets itself.
    let filter = match log.level.contains(['=', ',']) {
        true => log.level.clone(),
        false => format!("warn,gitlab_metrics_bridge={}", log.level),
    };
    let filter = EnvFilter::new(filter);
    let layer = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(Lines(log.format))
        .with_writer(|| Stderr);
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()
        .context("starting the log")?;
    log_panics();
    Ok(())
}

/// Says what was left out of the configuration, and where a token goes that nobody has given an address.
pub fn say_what_was_doubtful(config: &Config, asks_gitlab: bool) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if config.is_address_assumed && asks_gitlab {
        let gitlabs = config.instances.iter();
        for url in gitlabs.map(|instance| &instance.gitlab.url) {
            tracing::info!(%url, "no GitLab is named, so this one is asked: set GITLAB_URL for another");
        }
    }
}
