//! Where OTLP goes: settings that mean something only together.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::error::{Error, Place};
use super::kind::Words;
use super::parse;
use super::words::quote;
use super::written::Item;

/// Where metrics are pushed, and how.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// gRPC or HTTP.
    pub protocol: Protocol,
    /// The endpoint as it is asked: for HTTP with its path.
    pub endpoint: Url,
    /// Headers, or gRPC metadata, of every request; the names in lower case.
    pub headers: Vec<(String, SecretString)>,
    /// The compression of requests.
    pub compression: Compression,
    /// How long one request may take.
    pub timeout: Duration,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate; never without its key.
    pub client_certificate: Option<PathBuf>,
    /// The key of our certificate.
    pub client_key: Option<PathBuf>,
    /// How often metrics are pushed.
    pub interval: Duration,
    /// The temporality of counters.
    pub temporality: Temporality,
}

/// The transport of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP.
    HttpProtobuf,
}

/// The compression of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// None.
    None,
    /// gzip, which every receiver understands.
    Gzip,
    /// zstd, which costs less and which some receivers refuse.
    Zstd,
}

/// What counters count from. Gauges have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// The start.
    Cumulative,
    /// The last push, for counters that only rise.
    Delta,
    /// Whatever needs the least memory.
    LowMemory,
}

impl Otlp {
    /// The endpoint as it may be shown: without its query, which may hold a key.
    pub fn shown_endpoint(&self) -> Url {
        let mut endpoint = self.endpoint.clone();
        endpoint.set_query(None);
        endpoint
    }
}

impl Words for Protocol {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("http/protobuf", Protocol::HttpProtobuf),
        ("grpc", Protocol::Grpc),
    ];
}

impl Words for Compression {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Compression::None),
        ("gzip", Compression::Gzip),
        ("zstd", Compression::Zstd),
    ];
}

impl Words for Temporality {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("cumulative", Temporality::Cumulative),
        ("delta", Temporality::Delta),
        ("low_memory", Temporality::LowMemory),
        ("lowmemory", Temporality::LowMemory), // OpenTelemetry's word in variables
    ];
}

impl Default for Otlp {
    fn default() -> Otlp {
        Otlp {
            protocol: Protocol::HttpProtobuf,
            endpoint: parse::constant_url("http://localhost:4318/v1/metrics"),
            headers: Vec::new(),
            compression: Compression::None,
            timeout: Duration::from_secs(10),
            ca_file: None,
            client_certificate: None,
            client_key: None,
            interval: Duration::from_secs(60),
            temporality: Temporality::Cumulative,
        }
    }
}

/// What HTTP adds to an endpoint that serves all signals.
const PATH: &str = "/v1/metrics";
/// The port of OTLP over gRPC.
const GRPC_PORT: u16 = 4317;

/// An endpoint as it is written, not yet understood.
pub struct Endpoint(Item);

impl Endpoint {
    /// It may lack a scheme or a path.
    pub fn new(item: Item) -> Endpoint {
        Endpoint(item)
    }

    /// How it is written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Where a request for metrics goes.
    fn url(&self, protocol: Protocol, insecure: bool) -> Result<Url, Error> {
        let Endpoint(item) = self;
        let schemeless = !item.text.contains("://");
        let credentials = "give it in otlp.headers or OTEL_EXPORTER_OTLP_HEADERS";
        match protocol {
            Protocol::Grpc => {
                let scheme = if insecure { "http" } else { "https" };
                let text = match schemeless {
                    true => format!("{scheme}://{}", item.text),
                    false => item.text.clone(),
                };
                let place = item.place.clone();
                let url = parse::url(&Item { place, text }, credentials)?;
                match url.path() {
                    "/" | "" => Ok(url),
                    path => Err(item.error(format!(
                        "an endpoint for gRPC has no path, but {} does: remove it, or set the \
                         protocol to http/protobuf",
                        quote(path)
                    ))),
                }
            }
            Protocol::HttpProtobuf => {
                let mut url = parse::url(item, credentials)?;
                let base = url.path().trim_end_matches('/').to_owned();
                if !self.is_verbatim() && !base.ends_with(PATH) {
                    url.set_path(&format!("{base}{PATH}"));
                }
                Ok(url)
            }
        }
    }

    /// The variable for metrics alone names the whole address; every other place names that of all
    /// signals.
    fn is_verbatim(&self) -> bool {
        matches!(&self.0.place, Place::Variable(name) if name == "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
    }

    fn port(&self) -> Option<u16> {
        let text = self.text();
        let url = match text.contains("://") {
            true => Url::parse(text),
            false => Url::parse(&format!("https://{text}")),
        };
        url.ok()?.port()
    }
}

/// What is said about OTLP so far.
#[derive(Default)]
pub struct OtlpDraft {
    /// Whether it is on.
    pub enabled: Option<bool>,
    /// The protocol, if it is named.
    pub protocol: Option<Protocol>,
    /// The endpoint, if it is named.
    pub endpoint: Option<Endpoint>,
    /// Whether an endpoint without a scheme is asked without TLS.
    pub insecure: bool,
    /// What stands alone.
    pub rest: Otlp,
}

impl OtlpDraft {
    /// What it amounts to; nothing if OTLP is off. Naming an endpoint turns it on.
    ///
    /// # Errors
    /// If the endpoint does not fit the protocol.
    pub fn finish(self) -> Result<Option<Otlp>, Error> {
        let mut otlp = self.rest;
        let port = self.endpoint.as_ref().and_then(Endpoint::port);
        otlp.protocol = self.protocol.unwrap_or(match port {
            Some(GRPC_PORT) => Protocol::Grpc,
            _ => Protocol::HttpProtobuf,
        });
        otlp.endpoint = match (&self.endpoint, otlp.protocol) {
            (Some(endpoint), protocol) => endpoint.url(protocol, self.insecure)?,
            (None, Protocol::HttpProtobuf) => Otlp::default().endpoint,
            (None, Protocol::Grpc) => parse::constant_url("http://localhost:4317"),
        };
        let enabled = self.enabled.unwrap_or(self.endpoint.is_some());
        Ok(enabled.then_some(otlp))
    }
}
