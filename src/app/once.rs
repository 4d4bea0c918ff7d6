//! `once`: one complete poll of each GitLab, the exposition on stdout and nothing else there.

use std::sync::Arc;

use anyhow::{Result, bail};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::own_status::{OwnParts, OwnStatus};
use super::polled_gitlabs::PolledGitLabs;
use super::{chosen, progress, waiting};
use crate::config::Config;
use crate::export::{Otlp, Prometheus};
use crate::metrics::{GitLabView, Report};
use crate::prose::{counted, listed};
use crate::stdio;

/// Polls once, prints the exposition, and pushes it if OTLP is configured.
///
/// # Errors
/// If the poll was not complete or the push failed: what could be read is printed all the same.
pub async fn once(config: Config) -> Result<()> {
    let enabled = chosen::enabled_metrics(&config)?;
    let resource = config.export.resource();
    let prometheus = Arc::new(Prometheus::build(&resource, enabled.clone())?);
    let otlp = match &config.export.otlp {
        Some(otlp) => Some(chosen::otlp(otlp, resource, enabled.clone())?),
        None => None,
    };
    let mut gitlabs = PolledGitLabs::build(&config, &enabled)?;
    let (publish, views) = watch::channel(Arc::new(gitlabs.view()));
    let exports = otlp.as_ref().map(Otlp::health).into_iter();
    let own = Arc::<OwnStatus>::default();
    own.is_about(OwnParts {
        engine: None,
        gitlabs: gitlabs.asked(),
        exports: exports.chain([prometheus.health()]).collect(),
        webhooks: None,
        config: config.digest(),
    });
    let introspect = own.introspect();

    let stop = CancellationToken::new();
    let bar = tokio::spawn(progress::show(gitlabs.progress(), views, stop.clone()));
    let view = Arc::new(gitlabs.poll().await);
    publish.send_replace(Arc::clone(&view));
    stop.cancel();
    let _ = bar.await; // A broken bar is no reason to fail.

    let rendered = prometheus.render(&view);
    let pushed = match &otlp {
        Some(otlp) => {
            // Many batches may be sent; each has the target's own timeout.
            let instances = config.instances.iter();
            let limit = instances.map(|instance| instance.poll.timeout).max();
            let pushing = otlp.push(&view, &introspect);
            let pushing = timeout(limit.unwrap_or_default(), pushing);
            let pushing = waiting::told("the OTLP receiver to take the metrics", pushing).await;
            pushing.unwrap_or_else(|_| Err("it did not end in time".to_owned()))
        }
        None => Ok(()),
    };
    let exposition = prometheus.exposition(&introspect, false);
    stdio::print(exposition.pieces)?;

    if let Err(error) = rendered {
        bail!("rendering the exposition: {error}");
    }
    if let Err(error) = pushed {
        let otlp = config.export.otlp.as_ref();
        let to = otlp.map(|otlp| format!(" to {}", otlp.shown_endpoint()));
        bail!("pushing over OTLP{}: {error}", to.unwrap_or_default());
    }
    let failures: Vec<_> = view.gitlabs.iter().filter_map(incomplete).collect();
    match failures.is_empty() {
        true => Ok(()),
        false => bail!("{}", listed(&failures)),
    }
}

/// Says what could not be read of a GitLab; none if nothing.
fn incomplete(gitlab: &GitLabView) -> Option<String> {
    let failure = failure(gitlab.snapshot.report.as_ref()?)?;
    Some(match &gitlab.name {
        Some(name) => format!("{name}: {failure}"),
        None => failure,
    })
}

fn failure(report: &Report) -> Option<String> {
    if report.failure.is_some() {
        return report.failure.clone();
    }
    (report.failed > 0).then(|| {
        let values = counted(report.failed, "value");
        format!("{values} could not be read; gitlab_bridge_missing_series says which and why")
    })
}
