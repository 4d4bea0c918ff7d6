//! `once`: one complete poll, the exposition on stdout and nothing else there.

use std::io::{ErrorKind, Write};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{parts, progress};
use crate::config::Config;
use crate::export::{Otlp, Prometheus};

/// Polls once, prints the exposition, and pushes it if OTLP is configured.
///
/// # Errors
/// If the poll was not complete or the push failed: what could be read is printed all the same.
pub async fn once(config: Config) -> Result<()> {
    let client = parts::client(&config)?;
    let shown = parts::shown(&config)?;
    let resource = parts::resource(&config);
    let prometheus = Arc::new(Prometheus::build(&resource, shown.clone())?);
    let otlp = match &config.export.otlp {
        Some(otlp) => Some(Otlp::build(&parts::target(otlp), resource, shown.clone())?),
        None => None,
    };
    let mut poller = parts::poller(&config, client.clone(), shown)?;
    let (publish, snapshots) = watch::channel(Arc::default());
    let introspect = parts::introspect(
        client,
        Some(Arc::clone(&prometheus)),
        otlp.as_ref().map(Otlp::health),
        None,
    );

    let stop = CancellationToken::new();
    let bar = tokio::spawn(progress::show(poller.progress(), snapshots, stop.clone()));
    let snapshot = poller.poll().await;
    publish.send_replace(Arc::clone(&snapshot));
    stop.cancel();
    let _ = bar.await; // A broken bar is no reason to fail.

    let rendered = prometheus.render(&snapshot);
    let pushed = match &otlp {
        Some(otlp) => {
            // Many pages may be sent; each has the target's own timeout.
            let pushing = timeout(config.poll.timeout, otlp.push(&snapshot, &introspect)).await;
            pushing.unwrap_or_else(|_| Err("it did not end in time".to_owned()))
        }
        None => Ok(()),
    };
    let exposition = prometheus.exposition(&introspect, false);
    let mut stdout = std::io::stdout().lock();
    let written = exposition
        .pieces
        .iter()
        .try_for_each(|piece| stdout.write_all(piece));
    match written.and_then(|()| stdout.flush()) {
        // A reader that has read enough, such as `head`, is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.context("writing the exposition to stdout")?,
    }

    if let Err(error) = rendered {
        bail!("rendering the exposition: {error}");
    }
    if let Err(error) = pushed {
        bail!("pushing over OTLP: {error}");
    }
    let Some(report) = &snapshot.report else {
        return Ok(());
    };
    if let Some(failure) = &report.failure {
        bail!("{failure}");
    }
    if report.failed > 0 {
        bail!(
            "{} values could not be read; gitlab_bridge_missing_series says which and why",
            report.failed
        );
    }
    Ok(())
}
