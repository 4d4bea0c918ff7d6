//! Builds the parts of a bridge from its configuration.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use axum::Router;
use futures::FutureExt;
use globset::{GlobBuilder, GlobSet};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::progress;
use super::webhooks::{self, Webhooks};
use crate::config::{self, Config};
use crate::export::{
    self, Freshness, Health, Introspect, Otlp, Pages, Prometheus, Server, Snapshots,
};
use crate::gitlab::{self, Client};
use crate::metrics::{self, Bridge, Shown, Snapshot};
use crate::poll::{self, Filter, Poller, Selection, Source};
use crate::webhook::Counts;

/// The parts of a bridge, ready to run.
pub struct Parts {
    poller: Poller,
    server: Server,
    pages: Pages,
    prometheus: Option<Arc<Prometheus>>,
    otlp: Option<Otlp>,
    webhooks: Option<Webhooks>,
    introspect: Introspect,
    publish: watch::Sender<Arc<Snapshot>>,
    snapshots: Snapshots,
}

impl Parts {
    /// Builds all parts and binds the listener.
    ///
    /// # Errors
    /// If one of them can't be built; the message says what to do.
    pub async fn build(config: &Config) -> Result<Parts> {
        let server = Server::bind(&config.listen.host, config.listen.port, "--listen").await?;
        let address = server.address()?;
        let client = client(config)?;
        let shown = shown(config)?;
        let resource = resource(config);
        let poller = poller(config, client.clone(), shown.clone())?;
        let prometheus = match config.export.prometheus {
            true => Some(Arc::new(Prometheus::build(&resource, shown.clone())?)),
            false => None,
        };
        let otlp = match &config.export.otlp {
            Some(otlp) => Some(Otlp::build(&target(otlp), resource, shown)?),
            None => None,
        };
        let webhooks = webhooks::build(&config.webhook).await?;
        let (publish, snapshots) = watch::channel(Arc::default());
        let health = otlp.as_ref().map(Otlp::health);
        let counts = webhooks
            .as_ref()
            .map(|webhooks| Arc::clone(&webhooks.counts));
        let introspect = introspect(client, prometheus.clone(), health.clone(), counts);
        let pages = Pages {
            prometheus: prometheus.clone(),
            introspect: Arc::clone(&introspect),
            snapshots: snapshots.clone(),
            otlp: health,
            freshness: Freshness {
                poll: config.poll.interval,
                export: config
                    .export
                    .otlp
                    .as_ref()
                    .map(|otlp| otlp.interval)
                    .unwrap_or_default(),
            },
        };
        let summary: Vec<_> = config
            .summary()
            .into_iter()
            .filter(|(key, _)| *key != "listen") // The address that was bound is told.
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        tracing::info!(version = env!("CARGO_PKG_VERSION"), listen = %address, config = summary.join(" "), "starting");
        if let Some(own) = webhooks
            .as_ref()
            .and_then(|webhooks| webhooks.server.as_ref())
        {
            tracing::info!(listen = %own.address()?, "taking webhooks");
        }
        Ok(Parts {
            poller,
            server,
            pages,
            prometheus,
            otlp,
            webhooks,
            introspect,
            publish,
            snapshots,
        })
    }

    /// Starts everything; all of it ends when `stop` says so.
    pub fn spawn(self, stop: &CancellationToken) -> JoinSet<Result<()>> {
        let mut tasks = JoinSet::new();
        let mut beside = Router::new();
        if let Some(webhooks) = self.webhooks {
            match webhooks.server {
                Some(own) => {
                    tasks.spawn(own.serve(webhooks.routes, stop.clone()));
                }
                None => beside = webhooks.routes,
            }
        }
        tasks.spawn(self.server.run(self.pages, beside, stop.clone()));
        if let Some(prometheus) = self.prometheus {
            tasks.spawn(prometheus.run(self.snapshots.clone(), stop.clone()).map(Ok));
        }
        if let Some(otlp) = self.otlp {
            let pushing = otlp.run(self.snapshots.clone(), self.introspect, stop.clone());
            tasks.spawn(pushing.map(Ok));
        }
        let bar = progress::show(self.poller.progress(), self.snapshots, stop.clone());
        tasks.spawn(bar.map(Ok));
        tasks.spawn(self.poller.run(self.publish, stop.clone()).map(Ok));
        tasks
    }
}

/// The client of the configured GitLab.
pub fn client(config: &Config) -> Result<Client> {
    let gitlab = &config.gitlab;
    let token = token(config)?;
    let settings = gitlab::Settings {
        url: gitlab.url.clone(),
        token,
        ca_file: gitlab.ca_file.clone(),
        client_certificate: gitlab.client_certificate.clone(),
        client_key: gitlab.client_key.clone(),
        connect_timeout: gitlab.connect_timeout,
        read_timeout: gitlab.read_timeout,
        request_timeout: gitlab.request_timeout,
        requests_per_second: gitlab.requests_per_second,
        concurrency: gitlab.concurrency,
        attempts: gitlab.attempts,
        budget: config.poll.budget.map(|budget| gitlab::Budget {
            per_hour: budget.per_hour,
            per_minute: budget.per_minute,
        }),
        spent: None,
        clock: gitlab::Clock::system(),
    };
    Client::build(settings).context("building the GitLab client")
}

/// The access token.
///
/// # Errors
/// If none is configured.
pub fn token(config: &Config) -> Result<gitlab::Token> {
    match &config.gitlab.token {
        Some(config::Token::Value(value)) => Ok(gitlab::Token::Value(value.clone())),
        Some(config::Token::File(file)) => Ok(gitlab::Token::File(file.clone())),
        None => bail!(
            "no token: set GITLAB_TOKEN, or GITLAB_TOKEN_FILE, to an access token with the read_api scope \
             (in GitLab: Preferences > Access tokens)"
        ),
    }
}

/// The metrics that the configuration leaves on.
///
/// # Errors
/// If a pattern is not valid: nothing that is to be left out is shown by mistake.
pub fn shown(config: &Config) -> Result<Shown> {
    let disabled = globs(&config.metrics.disabled).context("metrics.disabled")?;
    Ok(Shown::new(
        |name| !disabled.is_match(name),
        config.metrics.project_path_label,
    ))
}

/// The poller of the configured projects.
///
/// # Errors
/// If a pattern is not valid.
pub fn poller(config: &Config, client: Client, shown: Shown) -> Result<Poller> {
    let select = &config.select;
    let mut sources: Vec<Source> = select.groups.iter().cloned().map(Source::Group).collect();
    if !select.projects.is_empty() {
        sources.push(Source::Projects(select.projects.clone()));
    }
    if sources.is_empty() {
        sources.push(match select.scope {
            config::Scope::Membership => Source::Membership,
            config::Scope::All => Source::All,
        });
    }
    let include = match select.include.is_empty() {
        true => None,
        false => Some(globs(&select.include).context("select.include")?),
    };
    let filter = Filter {
        include,
        exclude: globs(&select.exclude).context("select.exclude")?,
        archived: select.archived,
        forks: select.forks,
        personal: select.personal,
        inactive_for: select.inactive_for,
    };
    let settings = poll::Settings {
        selection: Selection { sources, filter },
        rhythm: poll::Rhythm {
            interval: config.poll.interval,
            glance: config.poll.ci_interval,
            sweep: config.poll.sweep,
        },
        timeout: config.poll.timeout,
        concurrency: config.gitlab.concurrency,
    };
    Ok(Poller::new(client, settings, shown))
}

/// Tells what the bridge knows of itself.
pub fn introspect(
    client: Client,
    prometheus: Option<Arc<Prometheus>>,
    otlp: Option<Arc<Health>>,
    webhooks: Option<Arc<Counts>>,
) -> Introspect {
    Arc::new(move |snapshot| {
        let usage = client.usage();
        let mut exports: Vec<_> = otlp.iter().map(|health| health.export()).collect();
        exports.extend(
            prometheus
                .iter()
                .map(|prometheus| prometheus.health().export()),
        );
        Bridge {
            version: env!("CARGO_PKG_VERSION"),
            instance_url: client.url().to_string(),
            now: export::now(),
            report: snapshot.report.clone(),
            ages: snapshot.ages.clone(),
            missing: snapshot.missing.clone(),
            series: snapshot.report.is_some().then_some(snapshot.series),
            usage: metrics::Usage {
                rate_limit_remaining: usage.rate_limit.map(|limit| limit.remaining),
                budget_remaining: usage.budget_remaining,
                requests: usage.requests,
                retries: usage.retries,
                waited: usage.waited,
            },
            exports,
            webhooks: webhooks
                .as_ref()
                .map(|counts| counts.all())
                .unwrap_or_default(),
        }
    })
}

/// Who we are in OTLP. `service.instance.id` is the same after a restart: the SDK's own would be a
/// new series for every metric each time.
pub fn resource(config: &Config) -> Resource {
    let host = gethostname::gethostname();
    let instance = format!("{}:{}", host.to_string_lossy(), config.listen.port);
    let given = config.export.resource_attributes.iter();
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_attributes(given.map(|(key, value)| KeyValue::new(key.clone(), value.clone())))
        .with_service_name(config.export.service_name.clone())
        .build()
}

/// Where OTLP goes.
pub fn target(otlp: &config::Otlp) -> export::Target {
    export::Target {
        protocol: match otlp.protocol {
            config::Protocol::Grpc => export::Protocol::Grpc,
            config::Protocol::HttpProtobuf => export::Protocol::Http,
        },
        endpoint: otlp.endpoint.clone(),
        headers: otlp.headers.clone(),
        compression: match otlp.compression {
            config::Compression::None => None,
            config::Compression::Gzip => Some(export::Compression::Gzip),
            config::Compression::Zstd => Some(export::Compression::Zstd),
        },
        timeout: otlp.timeout,
        ca_file: otlp.ca_file.clone(),
        identity: otlp.client_certificate.clone().zip(otlp.client_key.clone()),
        interval: otlp.interval,
        temporality: match otlp.temporality {
            config::Temporality::Cumulative => export::Temporality::Cumulative,
            config::Temporality::Delta => export::Temporality::Delta,
            config::Temporality::LowMemory => export::Temporality::LowMemory,
        },
    }
}

/// A `*` stays within one level of a path, `**` crosses them.
fn globs(patterns: &[String]) -> Result<GlobSet> {
    let mut set = GlobSet::builder();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        set.add(glob.with_context(|| format!("the pattern {pattern:?}"))?);
    }
    set.build().context("joining the patterns")
}
