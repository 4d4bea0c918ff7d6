//! Where OTLP goes: settings that mean something only together.

use url::Url;

use super::error::{Error, Place};
use super::input::Text;
use super::web_url::url;
use super::wording::quote;
use crate::export::{OtlpConfig, Protocol};

/// What HTTP adds to an endpoint that serves all signals.
const PATH: &str = "/v1/metrics";
/// The port of OTLP over gRPC.
const GRPC_PORT: u16 = 4317;

/// What has been said of OTLP so far.
#[derive(Default)]
pub struct Otlp {
    pub enabled: Option<bool>,
    pub protocol: Option<Protocol>,
    /// The endpoint as it is written; it may lack a scheme or a path.
    pub endpoint: Option<Text>,
    /// Whether an endpoint without a scheme is asked without TLS.
    pub insecure: bool,
    /// What does not depend on other settings.
    pub config: OtlpConfig,
}

impl Otlp {
    /// What is in use, as if it had been said. No secret of the endpoint is in it.
    pub fn in_use(config: Option<&OtlpConfig>) -> Otlp {
        let endpoint = config.map(|config| config.shown_endpoint().to_string());
        let is_grpc = config.is_some_and(|config| config.protocol == Protocol::Grpc);
        Otlp {
            enabled: Some(config.is_some()),
            protocol: config.map(|config| config.protocol),
            insecure: is_grpc && endpoint.iter().any(|text| text.starts_with("http:")),
            endpoint: endpoint
                .map(|text| Text::new(&Place::Flag("otlp-endpoint".to_owned()), text)),
            config: config.cloned().unwrap_or_default(),
        }
    }

    /// What it amounts to; nothing if OTLP is off. Naming an endpoint turns it on.
    ///
    /// # Errors
    /// If the endpoint does not fit the protocol.
    pub fn finish(self) -> Result<Option<OtlpConfig>, Error> {
        let mut config = self.config;
        config.protocol = self.protocol.unwrap_or(match &self.endpoint {
            Some(endpoint) if port(&endpoint.text) == Some(GRPC_PORT) => Protocol::Grpc,
            _ => Protocol::Http,
        });
        match (&self.endpoint, config.protocol) {
            (Some(endpoint), Protocol::Grpc) => config.endpoint = grpc(endpoint, self.insecure)?,
            (Some(endpoint), Protocol::Http) => config.endpoint = http(endpoint)?,
            (None, Protocol::Grpc) => {
                config.endpoint.set_path("");
                // Fails only for an address that can't have a port.
                let _ = config.endpoint.set_port(Some(GRPC_PORT));
            }
            (None, Protocol::Http) => {}
        }
        let enabled = self.enabled.unwrap_or(self.endpoint.is_some());
        Ok(enabled.then_some(config))
    }
}

const CREDENTIALS: &str = "give it in otlp.headers or OTEL_EXPORTER_OTLP_HEADERS";

fn grpc(endpoint: &Text, insecure: bool) -> Result<Url, Error> {
    let mut whole = endpoint.clone();
    if !whole.text.contains("://") {
        let scheme = if insecure { "http" } else { "https" };
        whole.text = format!("{scheme}://{}", whole.text);
    }
    let url = url(&whole, CREDENTIALS)?;
    match url.path() {
        "/" | "" => Ok(url),
        path => Err(endpoint.error(format!(
            "an endpoint for gRPC has no path, but {} does: remove it, or set the protocol to \
             http/protobuf",
            quote(path)
        ))),
    }
}

fn http(endpoint: &Text) -> Result<Url, Error> {
    let mut url = url(endpoint, CREDENTIALS)?;
    let base = url.path().trim_end_matches('/').to_owned();
    // The variable for metrics alone names the whole address, every other place that of all signals.
    let whole = matches!(&endpoint.place, Place::Variable(name) if name == "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
    if !whole && !base.ends_with(PATH) {
        url.set_path(&format!("{base}{PATH}"));
    }
    Ok(url)
}

fn port(endpoint: &str) -> Option<u16> {
    let url = match endpoint.contains("://") {
        true => Url::parse(endpoint),
        false => Url::parse(&format!("https://{endpoint}")),
    };
    url.ok()?.port()
}
