//! The GitLabs that are polled: a client and a poller each, and one view of what all of them know.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use tracing::{Instrument, Span};

use super::misconfigured::misconfigured;
use super::own_status::Asked;
use super::waiting;
use crate::config::{self, Config};
use crate::gitlab::{self, Client};
use crate::metrics::{EnabledMetrics, GitLabView, View};
use crate::poll::{Checkpoint, Polled, Poller, Progress};

/// The GitLabs of a configuration, in its order.
pub struct PolledGitLabs(Vec<PolledGitLab>);

/// One GitLab that is polled.
pub struct PolledGitLab {
    /// Its name, where there are several to tell apart.
    pub name: Option<Arc<str>>,
    pub client: Client,
    pub poller: Poller,
    pub interval: Duration,
}

impl PolledGitLabs {
    /// Builds the client and the poller of each.
    ///
    /// # Errors
    /// For the first that can't be built, with its name.
    pub fn build(config: &Config, enabled: &EnabledMetrics) -> Result<PolledGitLabs> {
        let gitlabs = config.instances.iter().map(|instance| {
            let label = config.label(instance);
            let built = PolledGitLab::build(instance, label, enabled);
            match label {
                Some(name) => built.context(name.to_owned()),
                None => built,
            }
        });
        Ok(PolledGitLabs(gitlabs.collect::<Result<_>>()?))
    }

    /// What is known of each before it is polled: what an earlier process knew, if there was one.
    pub fn view(&self) -> View {
        let known = |gitlab: &PolledGitLab| GitLabView {
            name: gitlab.name.clone(),
            snapshot: gitlab.poller.last(),
        };
        View {
            gitlabs: self.0.iter().map(known).collect(),
        }
    }

    /// How far the polls under way are.
    pub fn progress(&self) -> Vec<Arc<Progress>> {
        let pollers = self.0.iter().map(|gitlab| &gitlab.poller);
        pollers.map(Poller::progress).collect()
    }

    /// Who is asked.
    pub fn asked(&self) -> Vec<Asked> {
        let each = self.0.iter().map(|gitlab| Asked {
            name: gitlab.name.clone(),
            client: gitlab.client.clone(),
            interval: gitlab.interval,
            progress: gitlab.poller.progress(),
            standing: None,
        });
        each.collect()
    }

    /// Polls each once, all at the same time.
    pub async fn poll(&mut self) -> View {
        let view = self.view();
        let polls = self.0.iter_mut().map(|gitlab| {
            let span = span(&gitlab.name);
            waiting::explained(&gitlab.client, gitlab.poller.poll()).instrument(span)
        });
        let snapshots = join_all(polls).await.into_iter().enumerate();
        snapshots.fold(view, |view, (index, snapshot)| view.with(index, snapshot))
    }
}

impl PolledGitLab {
    /// Builds its client and its poller.
    ///
    /// # Errors
    /// If it has no token, or a file or a pattern is no good.
    pub fn build(
        instance: &config::Instance,
        name: Option<&str>,
        enabled: &EnabledMetrics,
    ) -> Result<PolledGitLab> {
        Self::with_checkpoint(instance, name, enabled, None)
    }

    /// Like [`PolledGitLab::build`], going on from its state where it has one.
    ///
    /// # Errors
    /// Also if another process uses that.
    pub fn resume(
        instance: &config::Instance,
        name: Option<&str>,
        enabled: &EnabledMetrics,
    ) -> Result<PolledGitLab> {
        let Some(path) = &instance.poll.state else {
            return Self::build(instance, name, enabled);
        };
        let polled = polled(instance, enabled)?;
        let checkpoint = Checkpoint::open(path, polled, instance.gitlab.clock.now());
        let checkpoint = checkpoint.context("opening the state")?;
        Self::with_checkpoint(instance, name, enabled, Some(checkpoint))
    }

    fn with_checkpoint(
        instance: &config::Instance,
        name: Option<&str>,
        enabled: &EnabledMetrics,
        checkpoint: Option<Checkpoint>,
    ) -> Result<PolledGitLab> {
        instance.gitlab.token().map_err(misconfigured)?;
        let gitlab = gitlab::Config {
            remaining_budget: checkpoint.as_ref().and_then(Checkpoint::remaining_budget),
            ..instance.gitlab.clone()
        };
        let client = gitlab.build().context("building the GitLab client");
        let client = client.map_err(misconfigured)?;
        let enabled = enabled.with_cadence(&instance.poll.cadence);
        let poller = instance.poll.clone().build(client.clone(), enabled);
        Ok(PolledGitLab {
            name: name.map(Arc::from),
            client,
            interval: instance.poll.rhythm.interval,
            poller: match checkpoint {
                Some(checkpoint) => poller.resume(checkpoint),
                None => poller,
            },
        })
    }
}

/// What a state file of the instance is about.
///
/// # Errors
/// If it has no token, or its address is none.
pub fn polled(instance: &config::Instance, enabled: &EnabledMetrics) -> Result<Polled> {
    let gitlab = &instance.gitlab;
    gitlab.token().map_err(misconfigured)?;
    let address = gitlab.address().map_err(misconfigured)?;
    let enabled = enabled.with_cadence(&instance.poll.cadence);
    Ok(Polled::new(&address, &instance.poll, &enabled))
}

/// Names the GitLab in each of its log lines, where there are several. The span has the level of an error, so
/// that it is there whatever level is logged.
pub fn span(name: &Option<Arc<str>>) -> Span {
    match name {
        Some(name) => tracing::error_span!("poll", gitlab_instance = %name),
        None => Span::none(),
    }
}
