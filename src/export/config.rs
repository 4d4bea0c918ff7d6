//! What exporting needs to know.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;

use super::OtlpConfig;
use crate::memory_limit::MemoryLimit;

/// Where metrics are shown.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where scrapes, health and the pages are served.
    pub listen: Listen,
    /// Whether `/metrics` is served.
    pub prometheus: bool,
    /// A file with how the endpoint is secured, if it is.
    pub web_config: Option<PathBuf>,
    /// Whether health is answered without a password.
    pub open_health: bool,
    /// Whether the configuration is read again, and the level of the log changed, by a request.
    pub lifecycle: bool,
    /// Where metrics are pushed, if anywhere.
    pub otlp: Option<OtlpConfig>,
    /// How often metrics are printed on stdout, if they are.
    pub console: Option<Duration>,
    /// Whether `OTEL_SDK_DISABLED` has switched all exporters off.
    pub sdk_disabled: bool,
    /// The resource attribute `service.name`.
    pub service_name: String,
    /// The name of this replica, which tells it apart unless an attribute does.
    pub replica: Option<String>,
    /// Further resource attributes; never `service.name`.
    pub resource_attributes: Vec<(String, String)>,
    /// How much memory there is for all of the process.
    pub memory: MemoryLimit,
}

/// An address to listen on.
#[derive(Clone, Debug)]
pub struct Listen {
    /// A name or an address.
    pub host: String,
    /// 0 takes a free one.
    pub port: u16,
}

impl Config {
    /// Who we are in OTLP. `service.instance.id` is the same after a restart: the SDK's own would be
    /// a new series for every metric each time.
    pub fn resource(&self) -> Resource {
        let host = gethostname::gethostname();
        let place = || format!("{}:{}", host.to_string_lossy(), self.listen.port);
        let instance = self.replica.clone().unwrap_or_else(place);
        let attributes = self.resource_attributes.iter();
        Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", instance))
            .with_attributes(
                attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone())),
            )
            .with_service_name(self.service_name.clone())
            .build()
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: Listen::default(),
            prometheus: true,
            web_config: None,
            open_health: false,
            lifecycle: false,
            otlp: None,
            console: None,
            sdk_disabled: false,
            service_name: "gitlab-metrics-bridge".to_owned(),
            replica: None,
            resource_attributes: Vec::new(),
            memory: MemoryLimit::default(),
        }
    }
}

/// The port that OpenTelemetry gives to Prometheus exporters, for this machine only.
impl Default for Listen {
    fn default() -> Listen {
        Listen {
            host: "127.0.0.1".to_owned(),
            port: 9464,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(formatter, "[{}]:{}", self.host, self.port),
            false => write!(formatter, "{}:{}", self.host, self.port),
        }
    }
}
