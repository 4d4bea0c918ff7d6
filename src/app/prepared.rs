//! All that another configuration needs, built and bound before anything changes: so one that can't be used
//! leaves everything as it is.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use opentelemetry_sdk::Resource;

use super::polling::{Planned, Polling};
use super::replicas::Replicas;
use super::{chosen, explain, webhooks};
use crate::config::{Changes, Config};
use crate::export::{Health, Listen, Otlp, Prometheus, Server, Web};
use crate::metrics::explain::Settings;
use crate::metrics::{EnabledMetrics, ScrapeNames};
use crate::webhook::Secrets;

/// What a configuration needs.
pub struct Prepared {
    pub config: Config,
    pub enabled: EnabledMetrics,
    /// What explanations must know of it.
    pub explained: Settings,
    pub resource: Resource,
    pub planned: Planned,
    /// What this process shares with other replicas, if it is one.
    pub replicas: Option<Arc<Replicas>>,
    pub prometheus: Change<Arc<Prometheus>>,
    pub otlp: Change<Otlp>,
    pub web: Option<Arc<Web>>,
    pub secrets: Option<Secrets>,
    /// Listeners where none were before.
    pub server: Option<Server>,
    pub webhook_server: Option<Server>,
}

/// Who takes the requests for what the bridge serves.
#[derive(Clone, Copy, PartialEq)]
pub enum Door {
    /// A listener of our own.
    Own,
    /// The service that the bridge is a part of.
    Host,
}

/// What is in use so far; at the start nothing runs.
pub struct InUse<'a> {
    pub config: &'a Config,
    pub resource: &'a Resource,
    pub polling: &'a Polling,
    pub replicas: Option<&'a Arc<Replicas>>,
    pub web: Option<&'a Arc<Web>>,
    pub door: Door,
    /// Where is listened, for all and for webhooks alone.
    pub listen: Option<&'a Listen>,
    pub webhook_listen: Option<&'a Listen>,
    pub is_scraped: bool,
    pub is_pushed: bool,
    pub prometheus_health: &'a Arc<Health>,
    pub otlp_health: &'a Arc<Health>,
}

/// What becomes of a part.
pub enum Change<T> {
    Stays,
    Ends,
    Begins(T),
}

/// What differs from the configuration in use.
struct Difference {
    /// Whether other metrics are shown, or otherwise.
    metrics: bool,
    /// Whether we are somebody else in OpenTelemetry.
    resource: bool,
    /// Whether the series have other names of GitLabs, or other addresses.
    names: bool,
    otlp: bool,
    web: bool,
}

impl Prepared {
    /// Builds what the configuration needs besides what runs, and binds its listeners. Settings that turn out
    /// to need a restart are added to the `changes`.
    ///
    /// # Errors
    /// If a part can't be built; the message says what to do, and holds no secret.
    pub async fn new(
        before: &InUse<'_>,
        config: Config,
        changes: &mut Changes,
    ) -> Result<Prepared> {
        let resource = config.export.resource();
        let difference = Difference {
            metrics: changes.any_of(&["metrics", "otlp.names", "prometheus.names"])
                || names_differ(before.config, &config),
            resource: resource != *before.resource,
            names: !labels(&config).eq(labels(before.config))
                || config.metrics.choices.conventions != before.config.metrics.choices.conventions,
            otlp: changes.any_of(&["otlp"]),
            web: changes.any_of(&["prometheus.web_config_file", "prometheus.open_health"]),
        };
        let (server, webhook_server) = match before.door {
            Door::Own => listeners(before, &config, changes).await?,
            Door::Host => (None, None),
        };
        let web = match (before.listen, difference.web) {
            (Some(_), false) => before.web.cloned(),
            _ => chosen::web(&config)?.map(Arc::new),
        };
        let secrets = webhooks::secrets(&config)?;
        let enabled = chosen::enabled_metrics(&config)?;
        let explained = explain::settings(&config, &enabled)?;
        let prometheus = difference.prometheus(before, &config, &resource, &enabled)?;
        let otlp = difference.otlp(before, &config, &resource, &enabled)?;
        let replicas = Replicas::of(&config, &enabled, before.otlp_health, before.replicas)?;
        let is_pushed_alike = replicas.is_none() || !difference.resource && !difference.otlp;
        let is_alike = !difference.metrics && is_pushed_alike;
        let polling = before.polling;
        let planned = polling.plan(&config, &enabled, is_alike, replicas.as_ref());
        let planned = planned.await?;
        Ok(Prepared {
            config,
            enabled,
            explained,
            resource,
            planned,
            replicas,
            prometheus,
            otlp,
            web,
            secrets,
            server,
            webhook_server,
        })
    }
}

/// Whether other metrics are shown because something else is exported: a scrape has names of its own for some.
fn names_differ(before: &Config, now: &Config) -> bool {
    let exports = |config: &Config| (config.export.prometheus, config.export.otlp.is_some());
    let names = |config: &Config| config.metrics.choices.scrape_names;
    let are_ours = names(before) == ScrapeNames::GitLab && names(now) == ScrapeNames::GitLab;
    !are_ours && exports(before) != exports(now)
}

impl Difference {
    /// What is scraped, if anything is. It is kept beside a state.
    fn prometheus(
        &self,
        before: &InUse<'_>,
        config: &Config,
        resource: &Resource,
        enabled: &EnabledMetrics,
    ) -> Result<Change<Arc<Prometheus>>> {
        // What several replicas show is kept in the engine.
        let file = |config: &'_ Config| match config.cluster {
            Some(_) => None,
            None => chosen::state_file(config).map(Path::to_owned),
        };
        let is_alike = !self.metrics && !self.resource && file(config) == file(before.config);
        match (config.export.prometheus, before.is_scraped) {
            (false, _) => Ok(Change::Ends),
            (true, true) if is_alike => Ok(Change::Stays),
            (true, _) => {
                let prometheus = Prometheus::build(resource, enabled.clone())?;
                let prometheus = prometheus.counting(Arc::clone(before.prometheus_health));
                let prometheus = prometheus.within(&config.export.memory);
                Ok(Change::Begins(Arc::new(
                    prometheus.beside(file(config).as_deref()),
                )))
            }
        }
    }

    fn otlp(
        &self,
        before: &InUse<'_>,
        config: &Config,
        resource: &Resource,
        enabled: &EnabledMetrics,
    ) -> Result<Change<Otlp>> {
        let is_alike = !self.metrics && !self.resource && !self.names && !self.otlp;
        match (&config.export.otlp, before.is_pushed) {
            (None, _) => Ok(Change::Ends),
            (Some(_), true) if is_alike => Ok(Change::Stays),
            (Some(otlp), is_pushed) => {
                // Of several replicas each pushes what is its own; see `replicas::pushing` for the rest.
                let shown = match config.cluster.is_some() {
                    true => enabled.only(|metric| !metric.is_about_gitlab()),
                    false => enabled.clone(),
                };
                let built = chosen::otlp(otlp, resource.clone(), shown)?;
                let built = built.counting(Arc::clone(before.otlp_health));
                Ok(Change::Begins(match is_pushed {
                    true => built,
                    false => built.beside(otlp, chosen::state_file(config)),
                }))
            }
        }
    }
}

/// The names of the GitLabs on their series.
fn labels(config: &Config) -> impl Iterator<Item = Option<&str>> {
    let instances = config.instances.iter();
    instances.map(|instance| config.label(instance))
}

/// Binds the addresses that nobody of us listens on yet.
async fn listeners(
    before: &InUse<'_>,
    config: &Config,
    changes: &mut Changes,
) -> Result<(Option<Server>, Option<Server>)> {
    let new = &config.export.listen;
    let server = match before.listen {
        Some(old) if is_same(old, new) => None,
        Some(old) if old.port == new.port && new.port != 0 => {
            // Both can't be bound at once, and no connection is to be refused.
            changes.restart.push("prometheus.host".to_owned());
            None
        }
        _ => Some(Server::bind(new, "--listen").await?),
    };
    let webhook_server = match (before.webhook_listen, webhooks::own_address(config)) {
        (_, None) => None,
        (Some(old), Some(new)) if is_same(old, new) => None,
        (_, Some(new)) => Some(webhooks::bound(new).await?),
    };
    Ok((server, webhook_server))
}

/// Whether two addresses are the same, as they are written.
pub fn is_same(one: &Listen, other: &Listen) -> bool {
    (&one.host, one.port) == (&other.host, other.port)
}
