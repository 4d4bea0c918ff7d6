//! Where OTLP goes: the variables of OpenTelemetry depend on each other, and the crates honour only
//! some of them, so all of them are read here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::value::{self, parse_bool, parse_milliseconds, parse_pairs, parse_url, parse_word};
use super::{exists, set};

/// Where OTLP goes, as it is written; what is absent has a default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Section {
    /// Whether it is pushed; if absent, whether there is an endpoint.
    pub enabled: Option<bool>,
    /// The address of the receiver.
    pub endpoint: Option<String>,
    /// gRPC or protobuf over HTTP.
    pub protocol: Option<Protocol>,
    /// Headers; a value may name a variable as `${VARIABLE}`.
    #[serde(deserialize_with = "value::secrets")]
    pub headers: BTreeMap<String, SecretString>,
    /// Compression of requests.
    pub compression: Compression,
    /// How long one request may take.
    #[serde(deserialize_with = "value::optional_duration")]
    pub timeout: Option<Duration>,
    /// Certificates to trust besides the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, in PEM.
    pub client_certificate: Option<PathBuf>,
    /// Its key, in PEM.
    pub client_key: Option<PathBuf>,
    /// How often it is pushed.
    #[serde(deserialize_with = "value::optional_duration")]
    pub interval: Option<Duration>,
    /// The temporality of counters.
    pub temporality: Temporality,
    /// The endpoint is for metrics alone, so nothing is added to its path.
    #[serde(skip)]
    verbatim: bool,
    /// Without a scheme, gRPC means TLS unless this is set.
    #[serde(skip)]
    insecure: bool,
    /// Headers of a variable need no variables replaced.
    #[serde(skip)]
    more_headers: Vec<(String, SecretString)>,
}

/// Where OTLP goes, ready to be used.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// The transport.
    pub protocol: Protocol,
    /// The endpoint as it is asked: for HTTP with its path.
    pub endpoint: Url,
    /// Headers of every request.
    pub headers: Vec<(String, SecretString)>,
    /// Compression of requests.
    pub compression: Compression,
    /// How long one request may take.
    pub timeout: Duration,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How often it is pushed.
    pub interval: Duration,
    /// The temporality of counters.
    pub temporality: Temporality,
}

/// The OTLP transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    /// gRPC.
    #[serde(rename = "grpc")]
    Grpc,
    /// Protobuf over HTTP.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

/// Compression of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is its own name")]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Zstd,
}

/// The temporality of counters; gauges have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "OpenTelemetry's words")]
pub enum Temporality {
    #[default]
    Cumulative,
    Delta,
    LowMemory,
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Protocol, String> {
        match text.trim() {
            "grpc" => Ok(Protocol::Grpc),
            "http/protobuf" => Ok(Protocol::HttpProtobuf),
            other => Err(format!(
                "{other:?} is not a protocol of this bridge: write grpc or http/protobuf"
            )),
        }
    }
}

impl Section {
    /// Applies the variables of OpenTelemetry; the ones for metrics beat the general ones.
    pub(super) fn apply(&mut self, environment: &BTreeMap<String, String>) -> Result<()> {
        let read = |name: &str| {
            let special = format!("OTEL_EXPORTER_OTLP_METRICS_{name}");
            let general = format!("OTEL_EXPORTER_OTLP_{name}");
            let names = [special, general].into_iter();
            names
                .filter_map(|name| Some((set(environment, &name)?, name)))
                .next()
        };
        let wrong = |name: &str, error: String| anyhow!("{name}: {error}");

        if let Some((text, name)) = read("ENDPOINT") {
            self.endpoint = Some(text.to_owned());
            self.verbatim = name.contains("METRICS");
        }
        if let Some((text, name)) = read("PROTOCOL") {
            self.protocol = Some(text.parse().map_err(|error| wrong(&name, error))?);
        }
        if let Some((text, name)) = read("HEADERS") {
            let pairs = parse_pairs(text).map_err(|error| wrong(&name, error))?;
            self.more_headers = pairs
                .into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect();
        }
        if let Some((text, name)) = read("COMPRESSION") {
            self.compression = parse_word(text).map_err(|error| wrong(&name, error))?;
        }
        if let Some((text, name)) = read("TIMEOUT") {
            self.timeout = Some(parse_milliseconds(text).map_err(|error| wrong(&name, error))?);
        }
        if let Some((text, name)) = read("INSECURE") {
            self.insecure = parse_bool(text).map_err(|error| wrong(&name, error))?;
        }
        for (name, file) in [
            ("CERTIFICATE", &mut self.ca_file),
            ("CLIENT_CERTIFICATE", &mut self.client_certificate),
            ("CLIENT_KEY", &mut self.client_key),
        ] {
            if let Some((text, _)) = read(name) {
                *file = Some(text.into());
            }
        }
        let name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
        if let Some(text) = set(environment, name) {
            // OpenTelemetry writes LOWMEMORY in one word.
            let text = text.to_ascii_lowercase().replace("lowmemory", "low-memory");
            self.temporality = parse_word(&text).map_err(|error| wrong(name, error))?;
        }
        let name = "OTEL_METRIC_EXPORT_INTERVAL";
        if let Some(text) = set(environment, name) {
            self.interval = Some(parse_milliseconds(text).map_err(|error| wrong(name, error))?);
        }
        Ok(())
    }

    /// Gives a new endpoint, for all signals.
    pub(super) fn send_to(&mut self, endpoint: &str) {
        self.endpoint = Some(endpoint.to_owned());
        self.verbatim = false;
    }

    /// What is to be used; none if OTLP is off.
    pub(super) fn resolve(&self, environment: &BTreeMap<String, String>) -> Result<Option<Otlp>> {
        if !self.enabled.unwrap_or(self.endpoint.is_some()) {
            return Ok(None);
        }
        let (protocol, endpoint) = self
            .endpoint()
            .map_err(|error| anyhow!("the OTLP endpoint: {error}"))?;
        exists("otlp.ca_file", self.ca_file.as_ref())?;
        exists("otlp.client_certificate", self.client_certificate.as_ref())?;
        exists("otlp.client_key", self.client_key.as_ref())?;
        let identity = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => bail!(
                "otlp.client_certificate and otlp.client_key belong together: set both or none"
            ),
        };
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let value = substituted(value.expose_secret(), environment);
            headers.push((
                name.clone(),
                value
                    .with_context(|| format!("otlp.headers.{name}"))?
                    .into(),
            ));
        }
        headers.extend(self.more_headers.iter().cloned());
        for (name, _) in &headers {
            let valid = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            if !valid {
                bail!(
                    "the OTLP header {name:?} is not a valid name: write letters, digits and dashes, such as x-api-key"
                );
            }
        }
        Ok(Some(Otlp {
            protocol,
            endpoint,
            headers,
            compression: self.compression,
            timeout: self.timeout.unwrap_or(Duration::from_secs(10)),
            ca_file: self.ca_file.clone(),
            identity,
            interval: self.interval.unwrap_or(Duration::from_secs(60)),
            temporality: self.temporality,
        }))
    }

    fn endpoint(&self) -> Result<(Protocol, Url), String> {
        let protocol = self.protocol.unwrap_or_else(|| {
            // The port that OpenTelemetry reserves for gRPC.
            let grpc = self
                .endpoint
                .as_deref()
                .is_some_and(|text| text.trim_end_matches('/').ends_with(":4317"));
            if grpc {
                Protocol::Grpc
            } else {
                Protocol::HttpProtobuf
            }
        });
        let text = match (&self.endpoint, protocol) {
            (Some(text), Protocol::Grpc) if !text.contains("://") => {
                format!("{}://{text}", if self.insecure { "http" } else { "https" })
            }
            (Some(text), _) => text.clone(),
            (None, Protocol::Grpc) => "http://localhost:4317".to_owned(),
            (None, Protocol::HttpProtobuf) => "http://localhost:4318".to_owned(),
        };
        let mut url = parse_url(&text)?;
        let path = url.path().trim_end_matches('/').to_owned();
        if protocol == Protocol::HttpProtobuf && !self.verbatim && !path.ends_with("/v1/metrics") {
            url.set_path(&format!("{path}/v1/metrics"));
        }
        Ok((protocol, url))
    }
}

/// The text with every `${VARIABLE}` replaced.
fn substituted(text: &str, environment: &BTreeMap<String, String>) -> Result<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').context("a ${ without its }")?;
        let name = name.strip_prefix("env:").unwrap_or(name);
        let value = environment
            .get(name)
            .with_context(|| format!("the variable {name} is not set"))?;
        result.push_str(before);
        result.push_str(value);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}
