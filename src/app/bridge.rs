//! The running bridge: what polls, serves, pushes and takes webhooks, built from the configuration.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use futures::FutureExt;
use opentelemetry_sdk::Resource;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::console::Console;
use super::polled_gitlabs::PolledGitLabs;
use super::process::process;
use super::progress;
use super::supervision::Panics;
use super::webhooks::{self, Webhooks};
use crate::config::{self, Config};
use crate::export::{
    self, Endpoints, Health, Introspect, Otlp, Prometheus, Readiness, Server, Views, Web,
};
use crate::metrics::{BridgeStatus, Catalogue, EnabledMetrics, Metric, View};
use crate::poll::Patterns;
use crate::webhook::{Counts, Routes};

/// A bridge that is built and has its listeners bound, ready to run.
pub struct Bridge {
    gitlabs: PolledGitLabs,
    server: Server,
    endpoints: Endpoints,
    prometheus: Option<Arc<Prometheus>>,
    otlp: Option<Otlp>,
    console: Option<Console>,
    webhooks: Option<Webhooks>,
    introspect: Introspect,
    panics: Arc<Panics>,
    publish: watch::Sender<Arc<View>>,
    views: Views,
}

impl Bridge {
    /// Builds all that the configuration asks for, and binds the listeners.
    ///
    /// # Errors
    /// If one of them can't be built; the message says what to do.
    pub async fn build(config: &Config) -> Result<Bridge> {
        let server = bound(config).await?;
        let address = server.address()?;
        let enabled = enabled_metrics(config)?;
        let gitlabs = resume(config, &enabled).await?;
        let resource = config.export.resource();
        let prometheus = prometheus(config, &resource, &enabled)?;
        let otlp = match &config.export.otlp {
            Some(otlp) => Some(
                otlp.build(resource.clone(), enabled.clone())?
                    .beside(otlp, state_file(config)),
            ),
            None => None,
        };
        let webhooks = webhooks::build(config, gitlabs.inboxes(), server.web()).await?;
        let (publish, views) = watch::channel(Arc::new(gitlabs.view()));
        let health = otlp.as_ref().map(Otlp::health);
        let counts = webhooks
            .as_ref()
            .map(|webhooks| Arc::clone(&webhooks.counts));
        let panics = Arc::<Panics>::default();
        let own = OwnStatus {
            prometheus: prometheus.clone(),
            otlp: health.clone(),
            webhooks: counts,
            panics: Arc::clone(&panics),
            config: config.digest(),
        };
        let introspect = introspect(&gitlabs, own);
        let console = match config.export.console {
            Some(every) => Some(Console {
                prometheus: Arc::new(Prometheus::build(&resource, enabled)?),
                introspect: Arc::clone(&introspect),
                every,
            }),
            None => None,
        };
        let endpoints = Endpoints {
            prometheus: prometheus.clone(),
            introspect: Arc::clone(&introspect),
            views: views.clone(),
            otlp: health,
            readiness: readiness(config),
        };
        log_start(config, address, webhooks.as_ref())?;
        Ok(Bridge {
            gitlabs,
            server,
            endpoints,
            prometheus,
            otlp,
            console,
            webhooks,
            introspect,
            panics,
            publish,
            views,
        })
    }

    /// Starts everything; all of it ends when `stop` says so.
    pub fn spawn(self, stop: &CancellationToken) -> JoinSet<Result<()>> {
        let mut tasks = JoinSet::new();
        let mut more_routes = Routes::new();
        if let Some(webhooks) = self.webhooks {
            match webhooks.server {
                Some(own) => {
                    tasks.spawn(own.serve(webhooks.routes, stop.clone()).map(Ok));
                }
                None => more_routes = webhooks.routes,
            }
        }
        let (server, endpoints, drain) = (self.server, self.endpoints, stop.clone());
        let prometheus = self.prometheus.clone();
        tasks.spawn(async move {
            // Connections wait meanwhile: an empty text would end every series.
            if let Some(prometheus) = prometheus {
                let begun = prometheus.begun();
                tokio::select! { () = begun => {}, () = drain.cancelled() => return Ok(()) }
            }
            server.run(endpoints, more_routes, drain).await;
            Ok(())
        });
        if let Some(prometheus) = self.prometheus {
            let (panics, views) = (Arc::clone(&self.panics), self.views.clone());
            tasks.spawn(async move {
                let part = || Arc::clone(&prometheus).run(views.clone());
                panics.survived("prometheus", part).await;
                Ok(())
            });
        }
        if let Some(console) = self.console {
            tasks.spawn(console.run(self.views.clone(), stop.clone()).map(Ok));
        }
        if let Some(otlp) = self.otlp {
            let pushing = otlp.run(self.views.clone(), self.introspect, stop.clone());
            tasks.spawn(pushing.map(Ok));
        }
        let bar = progress::show(self.gitlabs.progress(), self.views, stop.clone());
        tasks.spawn(bar.map(Ok));
        self.gitlabs.spawn(&mut tasks, self.publish, stop);
        tasks
    }
}

/// Tells where the bridge listens, and what it is set up for.
fn log_start(config: &Config, address: SocketAddr, webhooks: Option<&Webhooks>) -> Result<()> {
    let summary = summary(config);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), listen = %address, config = summary, "starting");
    if let Some(own) = webhooks.and_then(|webhooks| webhooks.server.as_ref()) {
        tracing::info!(listen = %own.address()?, "taking webhooks");
    }
    Ok(())
}

fn readiness(config: &Config) -> Readiness {
    let otlp = config.export.otlp.as_ref();
    Readiness::new(otlp.map(|otlp| otlp.interval).unwrap_or_default())
}

/// What is scraped, if anything is. It is kept beside a state.
fn prometheus(
    config: &Config,
    resource: &Resource,
    enabled: &EnabledMetrics,
) -> Result<Option<Arc<Prometheus>>> {
    if !config.export.prometheus {
        return Ok(None);
    }
    let prometheus = Prometheus::build(resource, enabled.clone())?;
    Ok(Some(Arc::new(prometheus.beside(state_file(config)))))
}

/// The listener, with as many connections as leave descriptors for the rest.
async fn bound(config: &Config) -> Result<Server> {
    let web = Web::build(&config.export)?;
    let server = Server::bind(&config.export.listen, "--listen").await?;
    let server = server.holding(webhooks::most_connections(config));
    Ok(server.secured(web.map(Arc::new)))
}

/// The state file of the first GitLab that has one: what the exporters keep lies next to it.
fn state_file(config: &Config) -> Option<&Path> {
    let mut instances = config.instances.iter();
    instances.find_map(|instance| instance.poll.state.as_deref())
}

/// The settings that matter, for the log. The address is told as it was bound.
fn summary(config: &Config) -> String {
    let settings = config.summary().into_iter();
    let settings = settings.filter(|(key, _)| *key != "listen");
    let settings: Vec<_> = settings
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    settings.join(" ")
}

/// Refuses a configuration without a token, before anything is started.
///
/// # Errors
/// If a GitLab has none.
pub fn require_tokens(config: &Config) -> Result<()> {
    let mut gitlabs = config.instances.iter().map(|instance| &instance.gitlab);
    Ok(gitlabs.try_for_each(|gitlab| gitlab.token().map(drop))?)
}

/// What was polled and known before. Reading and taking over a large state takes a while.
async fn resume(config: &Config, enabled: &EnabledMetrics) -> Result<PolledGitLabs> {
    let (config, enabled) = (config.clone(), enabled.clone());
    let resumed = spawn_blocking(move || PolledGitLabs::resume(&config, &enabled)).await;
    resumed.context("going on where an earlier process ended")?
}

/// The metrics that the configuration leaves on or enables.
///
/// # Errors
/// If a pattern is not valid.
pub fn enabled_metrics(config: &Config) -> Result<EnabledMetrics> {
    let config::Metrics {
        enabled,
        disabled,
        choices,
    } = &config.metrics;
    let on = Patterns::new(enabled).context("metrics.enabled")?;
    let off = Patterns::new(disabled).context("metrics.disabled")?;
    let catalogue = Catalogue::standard();
    let by_subject =
        |names: &[String], metric: &Metric| names.iter().any(|name| name == metric.subject.name);
    let is_shown = |metric: &Metric| {
        let is_on = metric.by_default
            || on.matches(metric.name)
            || metric.by_subject && by_subject(enabled, metric);
        is_on && !off.matches(metric.name) && !by_subject(disabled, metric)
    };
    let keep = |name: &str| catalogue.find(name).is_some_and(is_shown);
    Ok(EnabledMetrics::new(catalogue, keep, choices.clone()))
}

/// Where it is read what the bridge knows of itself.
#[derive(Default)]
pub struct OwnStatus {
    pub prometheus: Option<Arc<Prometheus>>,
    pub otlp: Option<Arc<Health>>,
    pub webhooks: Option<Arc<Counts>>,
    pub panics: Arc<Panics>,
    /// A digest of the settings.
    pub config: String,
}

/// Tells what the bridge knows of itself.
pub fn introspect(gitlabs: &PolledGitLabs, own: OwnStatus) -> Introspect {
    let (statuses, polls) = (gitlabs.introspect(), gitlabs.progress());
    Arc::new(move |view| {
        let mut exports: Vec<_> = own.otlp.iter().map(|health| health.export()).collect();
        exports.extend(
            own.prometheus
                .iter()
                .map(|prometheus| prometheus.health().export()),
        );
        let mut panics = own.panics.all();
        panics.insert("poll", polls.iter().map(|poll| poll.panics()).sum());
        BridgeStatus {
            version: env!("CARGO_PKG_VERSION"),
            wall_clock: export::seconds(SystemTime::now()),
            gitlabs: statuses(view),
            exports,
            webhooks: own
                .webhooks
                .as_ref()
                .map(|counts| counts.all())
                .unwrap_or_default(),
            process: process(),
            panics,
            config: own.config.clone(),
        }
    })
}
