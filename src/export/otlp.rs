//! Pushes views over OTLP, batch by batch.
//!
//! The official exporter sends; our loop drives it. The SDK's periodic reader would send one
//! message of any size, wait a whole interval before the first, swallow the reason of a failure
//! and hold up a shutdown; a reader that is collected on demand does none of this.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{MetricExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::reader::MetricReader;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use url::Url;

use super::batches::{Batch, Bounds, batches, halves};
use super::beginnings::{Beginnings, Calls, CorrectingClient, Way};
use super::ended::PushedEnded;
use super::failures::{ExplainingClient, Failure, Rejections};
use super::meter::{Instruments, ViewBatch};
use super::reader::SharedReader;
use super::{Health, Introspect, Views};
use crate::metrics::{BridgeStatus, EnabledMetrics, View};

/// A limit of time that nothing comes to.
pub const NO_LIMIT: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Where to push and how.
#[derive(Clone, Debug)]
pub struct OtlpConfig {
    pub protocol: Protocol,
    /// The endpoint as it is asked: for HTTP with its path.
    pub endpoint: Url,
    /// Headers or gRPC metadata of every request; the names in lower case.
    pub headers: Vec<(String, SecretString)>,
    pub compression: Option<Compression>,
    /// How long one request may take, retries included.
    pub timeout: Duration,
    /// How long all requests of one export may take together.
    pub export_timeout: Duration,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, for mutual TLS; never without its key.
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// How often to push.
    pub interval: Duration,
    /// The temporality of counters.
    pub temporality: Temporality,
}

impl Default for OtlpConfig {
    fn default() -> OtlpConfig {
        OtlpConfig {
            protocol: Protocol::Http,
            // A constant, which every test reads.
            endpoint: Url::parse("http://localhost:4318/v1/metrics").expect("a URL"),
            headers: Vec::new(),
            compression: None,
            timeout: Duration::from_secs(10),
            export_timeout: NO_LIMIT,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            interval: Duration::from_secs(60),
            temporality: Temporality::Cumulative,
        }
    }
}

impl OtlpConfig {
    /// Builds the exporter; it connects when it first pushes. Needs a tokio runtime.
    ///
    /// # Errors
    /// If a certificate or key can't be read or a header is not valid.
    pub fn build(&self, resource: Resource, shown: EnabledMetrics) -> Result<Otlp> {
        Otlp::build(self, resource, shown)
    }

    /// The endpoint as it may be shown: without its query, which may hold a key.
    pub fn shown_endpoint(&self) -> Url {
        let mut endpoint = self.endpoint.clone();
        endpoint.set_query(None);
        endpoint
    }

    /// The files of our certificate and its key.
    fn identity(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.client_certificate
            .as_ref()
            .zip(self.client_key.as_ref())
    }
}

/// The OTLP transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

pub use opentelemetry_otlp::Compression;
pub use opentelemetry_sdk::metrics::Temporality;

/// The OTLP exporter of the bridge.
pub struct Otlp {
    exporter: MetricExporter,
    /// The one for what has ended, and when that began which it sends next.
    exporter_of_ended: MetricExporter,
    beginnings: Arc<Mutex<Beginnings>>,
    /// Why the transport failed, where the exporter does not say.
    failure: Failure,
    gitlab: Arc<Collector<ViewBatch>>,
    ended: Arc<Mutex<PushedEnded>>,
    bridge: Arc<Collector<BridgeStatus>>,
    shown: EnabledMetrics,
    interval: Duration,
    export_timeout: Duration,
    health: Arc<Health>,
}

/// A reader and the instruments it reads.
struct Collector<T> {
    reader: SharedReader,
    instruments: Instruments<T>,
}

impl Otlp {
    /// How long the last push may take once the bridge is told to stop.
    const LAST_PUSH: Duration = Duration::from_secs(3);
    /// The pause after a first failure; it doubles up to the interval.
    const FIRST_PAUSE: Duration = Duration::from_secs(2);

    fn build(config: &OtlpConfig, resource: Resource, shown: EnabledMetrics) -> Result<Otlp> {
        let beginnings = Arc::<Mutex<Beginnings>>::default();
        let (exporter, way, failure) = match config.protocol {
            Protocol::Grpc => {
                let failure = Failure::default();
                let calls = Way::Grpc(Box::new(calls(config, Arc::clone(&failure))?));
                (grpc(config)?, calls, failure)
            }
            Protocol::Http => {
                let (client, failure) = ExplainingClient::new(http_client(config)?);
                let exporter = http(config, client.clone())?;
                (exporter, Way::Http(client), failure)
            }
        };
        let correcting = CorrectingClient {
            beginnings: Arc::clone(&beginnings),
            way,
        };
        let exporter_of_ended = http(config, correcting)?;
        let reader = || SharedReader::new(exporter.temporality());
        let (of_gitlab, of_bridge) = (reader(), reader());
        let ended = PushedEnded::new(&shown, resource.clone(), exporter.temporality());
        let shown = shown.only(|metric| !metric.counts_ended());
        let gitlab = Instruments::about_gitlab(of_gitlab.clone(), resource.clone(), &shown);
        let bridge = Instruments::about_bridge(of_bridge.clone(), resource, &shown);
        Ok(Otlp {
            exporter,
            exporter_of_ended,
            beginnings,
            failure,
            gitlab: Arc::new(Collector {
                reader: of_gitlab,
                instruments: gitlab,
            }),
            ended: Arc::new(Mutex::new(ended)),
            bridge: Arc::new(Collector {
                reader: of_bridge,
                instruments: bridge,
            }),
            shown,
            interval: config.interval,
            export_timeout: config.export_timeout,
            health: Arc::new(Health::new("otlp")),
        })
    }

    /// How the exports go.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Pushes every interval, right after the first poll of each GitLab, and once more when told to
    /// stop. After a failure it tries again sooner.
    pub async fn run(self, mut views: Views, introspect: Introspect, stop: CancellationToken) {
        let mut next = Instant::now() + self.interval;
        let mut pause = Self::FIRST_PAUSE;
        let mut known = 0;
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                Ok(_) = views.wait_for(|view| view.known() > known) => {}
                () = stop.cancelled() => break,
            }
            let started = Instant::now();
            let view = views.borrow_and_update().clone();
            known = view.known();
            let pushed = tokio::select! {
                pushed = self.push_in_time(&view, &introspect) => pushed,
                () = stop.cancelled() => break,
            };
            next = started + self.interval;
            match pushed {
                Ok(()) => pause = Self::FIRST_PAUSE,
                Err(error) => {
                    tracing::warn!(
                        error,
                        "OTLP export failed; will try again with fresh values"
                    );
                    next = next.min(Instant::now() + pause);
                    pause = (pause * 2).min(self.interval);
                }
            }
        }
        let view = views.borrow().clone();
        if view.known() > 0 {
            match timeout(Self::LAST_PUSH, self.push(&view, &introspect)).await {
                Ok(Ok(())) => tracing::info!("last OTLP export done"),
                Ok(Err(error)) => tracing::warn!(error, "last OTLP export failed"),
                Err(_) => {
                    tracing::warn!(limit = ?Self::LAST_PUSH, "last OTLP export did not end in time")
                }
            }
        }
    }

    /// Pushes within the time that an export may take.
    async fn push_in_time(&self, view: &Arc<View>, introspect: &Introspect) -> Result<(), String> {
        let pushed = timeout(self.export_timeout, self.push(view, introspect)).await;
        pushed.unwrap_or_else(|_| {
            let outcome = Err(format!(
                "the export did not end within {:?}, as otlp.export_timeout has it",
                self.export_timeout
            ));
            self.health.note(&outcome);
            outcome
        })
    }

    /// Pushes one view and the bridge's own metrics.
    ///
    /// # Errors
    /// Why the target did not take all of it.
    pub async fn push(&self, view: &Arc<View>, introspect: &Introspect) -> Result<(), String> {
        let outcome = self.push_batches(view, introspect).await;
        self.health.note(&outcome);
        outcome
    }

    async fn push_batches(&self, view: &Arc<View>, introspect: &Introspect) -> Result<(), String> {
        self.of_ended(view, PushedEnded::begin).await?;
        let (shown, whole) = (self.shown.clone(), Arc::clone(view));
        let batches = computed(move || batches(&shown, &whole, Bounds::DEFAULT)).await?;
        for batch in batches {
            self.send_batch(view, batch).await?;
        }
        let messages = self.of_ended(view, PushedEnded::collect).await??;
        for (at, (metrics, beginnings)) in messages.into_iter().enumerate() {
            *self
                .beginnings
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = beginnings;
            let exported = self.try_export(&self.exporter_of_ended, &metrics).await;
            // What a receiver has rejected is not to be sent again.
            if !matches!(exported, Err(NotTaken::Failed(_))) {
                self.lock_ended().delivered(at);
            }
            exported?;
        }
        self.send(&self.bridge, introspect(view)).await
    }

    /// Sends a batch. What can't be read of it is found by halves and left out: that is logged where it
    /// is read.
    async fn send_batch(&self, view: &Arc<View>, batch: Batch) -> Result<(), String> {
        let mut left = vec![batch];
        while let Some(batch) = left.pop() {
            let content = ViewBatch {
                view: Arc::clone(view),
                batch: batch.clone(),
            };
            match collected(&self.gitlab, content).await? {
                Ok(metrics) => self.export(&metrics).await?,
                Err(_) => left.extend(halves(batch).into_iter().flatten()),
            }
        }
        Ok(())
    }

    async fn send<T>(&self, from: &Arc<Collector<T>>, content: T) -> Result<(), String>
    where
        T: Default + Send + 'static,
    {
        let metrics = collected(from, content).await??;
        self.export(&metrics).await
    }

    /// Computes something with what has ended of a view.
    async fn of_ended<T: Send + 'static>(
        &self,
        view: &Arc<View>,
        compute: impl FnOnce(&mut PushedEnded, &View) -> T + Send + 'static,
    ) -> Result<T, String> {
        let (ended, view) = (Arc::clone(&self.ended), Arc::clone(view));
        computed(move || {
            let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
            compute(&mut ended, &view)
        })
        .await
    }

    fn lock_ended(&self) -> MutexGuard<'_, PushedEnded> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn export(&self, metrics: &ResourceMetrics) -> Result<(), String> {
        Ok(self.try_export(&self.exporter, metrics).await?)
    }

    async fn try_export(
        &self,
        exporter: &MetricExporter,
        metrics: &ResourceMetrics,
    ) -> Result<(), NotTaken> {
        let _ = Rejections::take(); // Of a push that was broken off.
        let exported = exporter.export(metrics).await;
        let cause = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match (exported, Rejections::take()) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(rejection)) => Err(NotTaken::Rejected(rejection)),
            (Err(error), _) => Err(NotTaken::Failed(match cause {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            })),
        }
    }
}

/// Why a message was not taken, or not all of it.
enum NotTaken {
    Failed(String),
    /// It was taken but for some points.
    Rejected(String),
}

impl From<NotTaken> for String {
    fn from(why: NotTaken) -> String {
        let (NotTaken::Failed(text) | NotTaken::Rejected(text)) = why;
        text
    }
}

/// What the instruments show of some content. The inner error is about that content alone.
async fn collected<T>(
    from: &Arc<Collector<T>>,
    content: T,
) -> Result<Result<ResourceMetrics, String>, String>
where
    T: Default + Send + 'static,
{
    let from = Arc::clone(from);
    computed(move || {
        let mut metrics = ResourceMetrics::default();
        let collected = from
            .instruments
            .collect(content, || from.reader.collect(&mut metrics))?;
        collected.map_err(|error| error.to_string())?;
        Ok(metrics)
    })
    .await
}

/// What takes milliseconds of computing, too long for the runtime's workers. Fails if it panics.
async fn computed<T: Send + 'static>(
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let computed = tokio::task::spawn_blocking(compute).await;
    computed.map_err(|error| error.to_string())
}

/// What calls a receiver over gRPC without the exporter.
fn calls(config: &OtlpConfig, failure: Failure) -> Result<Calls> {
    let endpoint = config.endpoint.as_str().trim_end_matches('/').to_owned();
    let mut endpoint = Endpoint::from_shared(endpoint)?.timeout(config.timeout);
    if let Some(tls) = tls(config)? {
        endpoint = endpoint.tls_config(tls)?;
    }
    let mut client = MetricsServiceClient::new(endpoint.connect_lazy());
    client = match config.compression {
        Some(Compression::Zstd) => client.send_compressed(CompressionEncoding::Zstd),
        Some(_) => client.send_compressed(CompressionEncoding::Gzip),
        None => client,
    };
    Ok(Calls {
        client,
        metadata: metadata(config)?,
        timeout: config.timeout,
        failure,
    })
}

fn metadata(config: &OtlpConfig) -> Result<MetadataMap> {
    let mut metadata = MetadataMap::new();
    for (name, value) in &config.headers {
        let key = MetadataKey::from_bytes(name.as_bytes());
        let key = key.with_context(|| format!("the OTLP header name {name:?} is not valid"))?;
        let value = value.expose_secret().parse::<MetadataValue<Ascii>>();
        let mut value =
            value.with_context(|| format!("the value of the OTLP header {name:?} is not valid"))?;
        value.set_sensitive(true);
        metadata.insert(key, value);
    }
    Ok(metadata)
}

/// Over TLS, if the endpoint is.
fn tls(config: &OtlpConfig) -> Result<Option<ClientTlsConfig>> {
    if config.endpoint.scheme() != "https" {
        return Ok(None);
    }
    // Without this the exporter would trust nobody.
    let mut tls = ClientTlsConfig::new().with_enabled_roots();
    if let Some(file) = &config.ca_file {
        tls = tls.ca_certificate(Certificate::from_pem(read(file)?));
    }
    if let Some((certificate, key)) = config.identity() {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(Some(tls))
}

fn grpc(config: &OtlpConfig) -> Result<MetricExporter> {
    let mut builder = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(config.endpoint.as_str().trim_end_matches('/'))
        .with_timeout(config.timeout)
        .with_metadata(metadata(config)?);
    if let Some(tls) = tls(config)? {
        builder = builder.with_tls_config(tls);
    }
    if let Some(compression) = config.compression {
        builder = builder.with_compression(compression);
    }
    builder
        .with_temporality(config.temporality)
        .build()
        .context("building the OTLP exporter")
}

fn http_client(config: &OtlpConfig) -> Result<reqwest::Client> {
    // A redirect would carry our headers, and the secrets in them, to another place.
    let redirects = reqwest::redirect::Policy::none();
    let mut client = reqwest::Client::builder()
        .timeout(config.timeout)
        .redirect(redirects);
    if let Some(file) = &config.ca_file {
        let certificates = reqwest::Certificate::from_pem_bundle(&read(file)?);
        client = client
            .tls_certs_merge(certificates.with_context(|| format!("reading {}", file.display()))?);
    }
    if let Some((certificate, key)) = config.identity() {
        let mut pem = read(certificate)?;
        pem.extend(read(key)?);
        let identity = reqwest::Identity::from_pem(&pem);
        client = client
            .identity(identity.with_context(|| format!("reading {}", certificate.display()))?);
    }
    client.build().context("building the OTLP client")
}

fn http(config: &OtlpConfig, client: impl HttpClient + 'static) -> Result<MetricExporter> {
    // The exporter decodes %xx in header values, which have been decoded already.
    let headers = config.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.clone(), value.expose_secret().replace('%', "%25")));
    let mut builder = MetricExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_endpoint(config.endpoint.as_str())
        .with_timeout(config.timeout)
        .with_headers(headers.collect());
    if let Some(compression) = config.compression {
        builder = builder.with_compression(compression);
    }
    let exporter = builder.with_temporality(config.temporality).build();
    exporter.context("building the OTLP exporter")
}

fn read(file: &PathBuf) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("reading {}", file.display()))
}
