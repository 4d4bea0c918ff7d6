//! What the bridge is told: plain data, read from a YAML file, the environment and flags.
//!
//! A later source wins: file, environment, flags. Each setting is one row of [`SETTINGS`]; its key,
//! variables, flag, default and documentation are all derived from there. Where the file lists several
//! GitLabs, all of this is what they have in common, and each is read from the same rows again.

mod document;
mod draft;
mod environment;
mod error;
mod exporters;
mod flags;
mod kind;
mod layers;
mod otlp;
mod parse;
mod reference;
mod settings;
mod summary;
mod words;
mod written;
mod yaml;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

pub use environment::Environment;
pub use error::{Error, Place};
pub use flags::Flags;
pub use otlp::{Compression, Otlp, Protocol, Temporality};
pub use reference::{Reference, example, markdown, reference};
pub use settings::{SETTINGS, Setting};

/// The whole configuration, valid as it stands.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from, if any.
    pub file: Option<PathBuf>,
    /// The GitLabs that are polled; at least one.
    pub instances: Vec<Instance>,
    /// Whether GitLab may tell what to read sooner.
    pub webhook: Webhook,
    /// Which metrics are shown.
    pub metrics: Metrics,
    /// Where they are shown.
    pub export: Export,
    /// Where we listen.
    pub listen: Listen,
    /// What is logged.
    pub log: Log,
}

/// One GitLab that is polled, or one of the tokens for it.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    /// What the file calls it; empty where it lists none.
    pub name: String,
    /// The GitLab to ask, and how.
    pub gitlab: GitLab,
    /// Which projects are read.
    pub select: Selection,
    /// When they are read.
    pub poll: Poll,
    /// What is kept over a restart.
    pub state: State,
}

/// The GitLab to ask, and how.
#[derive(Clone, Debug)]
pub struct GitLab {
    /// Its address, with the sub-path it may be installed under.
    pub url: Url,
    /// The access token.
    pub token: Option<Token>,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate; never without its key.
    pub client_certificate: Option<PathBuf>,
    /// The key of our certificate.
    pub client_key: Option<PathBuf>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long GitLab may be silent.
    pub read_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// The most requests in a second, after a short burst.
    pub requests_per_second: f64,
    /// The most requests at a time.
    pub concurrency: usize,
    /// How often a request is tried.
    pub attempts: u32,
}

/// Where a token comes from. `Debug` does not show it.
#[derive(Clone, Debug)]
pub enum Token {
    /// A variable, and the token in it.
    Variable(String, SecretString),
    /// A file that holds it, and may be replaced while we run.
    File(PathBuf),
}

/// Which projects are read.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Full paths of groups, taken with their subgroups.
    pub groups: Vec<String>,
    /// Single projects by id or full path.
    pub projects: Vec<String>,
    /// What is taken when neither groups nor projects are named.
    pub scope: Scope,
    /// Patterns; if there are any, a project's path must match one.
    pub include: Vec<String>,
    /// Patterns that a project's path must not match.
    pub exclude: Vec<String>,
    /// Whether archived projects are taken.
    pub archived: bool,
    /// Whether forks are taken.
    pub forks: bool,
    /// Whether projects in users' own namespaces are taken.
    pub personal: bool,
    /// Leave out what has been idle for longer.
    pub inactive_for: Option<Duration>,
}

/// What is taken when nothing is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything the token's user is a member of.
    Membership,
    /// Everything the token may see.
    All,
}

/// When projects are read.
#[derive(Clone, Debug)]
pub struct Poll {
    /// From the start of one poll to the start of the next.
    pub interval: Duration,
    /// How long one poll may take, not counting what it waits for the budget.
    pub timeout: Duration,
    /// Within which time everyone is glanced at.
    pub ci_interval: Duration,
    /// Within which time every value is read again.
    pub sweep: Duration,
    /// The most requests; none has no limit.
    pub budget: Option<Budget>,
}

/// The most requests, in any window of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Requests in an hour.
    pub per_hour: u32,
    /// Requests in a minute.
    pub per_minute: u32,
}

/// What is kept over a restart.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The file; none keeps nothing.
    pub path: Option<PathBuf>,
}

/// Webhooks of GitLab. When they are enabled, there is at least one token.
#[derive(Clone, Debug, Default)]
pub struct Webhook {
    /// Whether they are taken.
    pub enabled: bool,
    /// Where, unless it is where `/metrics` is served.
    pub listen: Option<Listen>,
    /// The secret token that they carry.
    pub token: Option<Token>,
    /// The token that they are signed with.
    pub signing_token: Option<Token>,
}

/// Which metrics are shown.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Names, or patterns with `*`, of metrics that are neither asked for nor shown.
    pub disabled: Vec<String>,
    /// Whether every series of a project also carries its path.
    pub project_path_label: bool,
}

/// Where metrics are shown.
#[derive(Clone, Debug)]
pub struct Export {
    /// Whether `/metrics` is served.
    pub prometheus: bool,
    /// Where metrics are pushed, if anywhere.
    pub otlp: Option<Otlp>,
    /// Whether `OTEL_SDK_DISABLED` has switched all exporters off.
    pub sdk_disabled: bool,
    /// The resource attribute `service.name`.
    pub service_name: String,
    /// Further resource attributes; never `service.name`.
    pub resource_attributes: Vec<(String, String)>,
}

/// Where we listen: for scrapes, health and the landing page, or for webhooks.
#[derive(Clone, Debug)]
pub struct Listen {
    /// A name or an address.
    pub host: String,
    /// The port; 0 takes a free one.
    pub port: u16,
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct Log {
    /// A level, or comma-separated `target=level` directives.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value` pairs.
    Text,
    /// One JSON object.
    Json,
}

impl Config {
    /// Reads the file that the flags or the environment name, then the environment, then the flags.
    /// `metrics` are the names of all metrics, against which patterns are checked.
    ///
    /// # Errors
    /// For the first thing that is wrong, with its place and what would be right. It never shows a
    /// secret.
    pub fn load(
        flags: &Flags,
        environment: &Environment,
        metrics: &[&str],
    ) -> Result<Config, Error> {
        layers::load(flags, environment, metrics)
    }

    /// The name that tells an instance from the others; none if it is the only one.
    pub fn label<'a>(&self, instance: &'a Instance) -> Option<&'a str> {
        (self.instances.len() > 1).then_some(&instance.name)
    }
}

impl Default for Config {
    /// One GitLab, without a name.
    fn default() -> Config {
        Config {
            file: None,
            instances: vec![Instance::default()],
            webhook: Webhook::default(),
            metrics: Metrics::default(),
            export: Export::default(),
            listen: Listen::default(),
            log: Log::default(),
        }
    }
}

impl Default for GitLab {
    fn default() -> GitLab {
        GitLab {
            url: parse::constant_url("https://gitlab.com"),
            token: None,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            connect_timeout: Duration::from_secs(10),
            // GitLab gives up after 30 s of its own, and says so.
            read_timeout: Duration::from_secs(40),
            request_timeout: Duration::from_secs(60),
            requests_per_second: 10.0,
            concurrency: 4,
            attempts: 5,
        }
    }
}

impl Default for Selection {
    fn default() -> Selection {
        Selection {
            groups: Vec::new(),
            projects: Vec::new(),
            scope: Scope::Membership,
            include: Vec::new(),
            exclude: Vec::new(),
            archived: true,
            forks: true,
            personal: true,
            inactive_for: None,
        }
    }
}

impl Default for Poll {
    fn default() -> Poll {
        Poll {
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10 * 60),
            ci_interval: Duration::from_secs(15 * 60),
            sweep: Duration::from_secs(60 * 60),
            budget: Some(Budget {
                per_hour: 4500,
                per_minute: 90,
            }),
        }
    }
}

impl Default for Export {
    fn default() -> Export {
        Export {
            prometheus: true,
            otlp: None,
            sdk_disabled: false,
            service_name: "gitlab-metrics-bridge".to_owned(),
            resource_attributes: Vec::new(),
        }
    }
}

impl Default for Listen {
    /// The port that OpenTelemetry gives to Prometheus exporters, for this machine only.
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

impl Default for Log {
    fn default() -> Log {
        Log {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}
