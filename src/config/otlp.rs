//! Where OTLP goes: settings that mean something only together.

use url::Url;

use super::error::{Error, Place};
use super::parse;
use super::words::quote;
use super::written::Item;
use crate::export::{OtlpConfig, Protocol};

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
            Protocol::Http => {
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
    pub rest: OtlpConfig,
}

impl OtlpDraft {
    /// What it amounts to; nothing if OTLP is off. Naming an endpoint turns it on.
    ///
    /// # Errors
    /// If the endpoint does not fit the protocol.
    pub fn finish(self) -> Result<Option<OtlpConfig>, Error> {
        let mut otlp = self.rest;
        let port = self.endpoint.as_ref().and_then(Endpoint::port);
        otlp.protocol = self.protocol.unwrap_or(match port {
            Some(GRPC_PORT) => Protocol::Grpc,
            _ => Protocol::Http,
        });
        otlp.endpoint = match (&self.endpoint, otlp.protocol) {
            (Some(endpoint), protocol) => endpoint.url(protocol, self.insecure)?,
            (None, Protocol::Http) => OtlpConfig::default().endpoint,
            (None, Protocol::Grpc) => parse::constant_url("http://localhost:4317"),
        };
        let enabled = self.enabled.unwrap_or(self.endpoint.is_some());
        Ok(enabled.then_some(otlp))
    }
}
