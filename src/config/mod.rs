//! The configuration: a YAML file, then the environment, then flags; later wins.
//!
//! Secrets come from the environment or from files of their own, never from flags, and nothing
//! here prints one.

mod environment;
mod flags;
mod otlp;
mod value;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

pub use flags::Flags;
pub use otlp::{Compression, Otlp, Protocol, Temporality};

/// Everything that can be configured.
///
/// `examples/full.yaml` lists every key with its default and its meaning.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How to reach GitLab.
    pub gitlab: GitLab,
    /// Which projects.
    pub select: Select,
    /// When.
    pub poll: Poll,
    /// Which metrics.
    pub metrics: Metrics,
    /// Serving `/metrics`.
    pub prometheus: Prometheus,
    /// Pushing.
    pub otlp: otlp::Section,
    /// Who we are in OTLP.
    pub resource: Resource,
    /// Logs.
    pub log: Log,
    /// Where OTLP goes, once everything is read; none if it is off.
    #[serde(skip)]
    pub push: Option<Otlp>,
}

/// How to reach GitLab.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GitLab {
    /// Its address, with the sub-path it may be installed under.
    #[serde(deserialize_with = "value::gitlab_url")]
    pub url: Url,
    /// The access token, from `GITLAB_TOKEN`.
    #[serde(skip)]
    pub token: Option<SecretString>,
    /// A file with the access token.
    pub token_file: Option<PathBuf>,
    /// Certificates to trust besides the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, in PEM.
    pub client_certificate: Option<PathBuf>,
    /// Its key, in PEM.
    pub client_key: Option<PathBuf>,
    /// How long a connection may take.
    #[serde(deserialize_with = "value::duration")]
    pub connect_timeout: Duration,
    /// How long GitLab may be silent.
    #[serde(deserialize_with = "value::duration")]
    pub read_timeout: Duration,
    /// How long one request may take.
    #[serde(deserialize_with = "value::duration")]
    pub request_timeout: Duration,
    /// The most requests in a second.
    pub requests_per_second: f64,
    /// The most requests at a time.
    pub concurrency: usize,
    /// How often a request is tried.
    pub attempts: u32,
}

/// Which projects are polled.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Select {
    /// Groups by full path, with their subgroups.
    pub groups: Vec<String>,
    /// Projects by id or full path.
    pub projects: Vec<Name>,
    /// What is taken if neither groups nor projects are named.
    pub scope: Scope,
    /// Patterns of full paths to take.
    #[serde(deserialize_with = "value::globs")]
    pub include: Vec<String>,
    /// Patterns of full paths to leave out.
    #[serde(deserialize_with = "value::globs")]
    pub exclude: Vec<String>,
    /// Whether archived projects are taken.
    pub archived: bool,
    /// Whether forks are taken.
    pub forks: bool,
    /// Whether projects in users' own namespaces are taken.
    pub personal: bool,
    /// Leave out projects that have been idle for longer.
    #[serde(deserialize_with = "value::optional_duration")]
    pub inactive_for: Option<Duration>,
}

/// A project's id or full path.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Name {
    /// Its id.
    Id(u64),
    /// Its full path, or its id as text.
    Path(String),
}

/// What is taken if neither groups nor projects are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Everything the token's user is a member of.
    #[default]
    Membership,
    /// Everything the token may see.
    All,
}

/// When to poll.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Poll {
    /// From the start of one poll to the start of the next.
    #[serde(deserialize_with = "value::duration")]
    pub interval: Duration,
    /// How long one poll may take.
    #[serde(deserialize_with = "value::duration")]
    pub timeout: Duration,
}

/// Which metrics are shown, and how.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Patterns of names to leave out; what only they need is not asked.
    #[serde(deserialize_with = "value::globs")]
    pub disabled: Vec<String>,
    /// Whether every series of a project carries its path.
    pub project_path_label: bool,
}

/// The listener and the exposition.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prometheus {
    /// Whether `/metrics` is served.
    pub enabled: bool,
    /// The address of the listener, which also serves health.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Who we are in OTLP.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resource {
    /// The attribute `service.name`.
    pub service_name: String,
    /// Other resource attributes.
    pub attributes: BTreeMap<String, String>,
}

/// Logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// What is logged.
    pub level: Level,
    /// How.
    pub format: LogFormat,
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the levels of every log")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `key=value` pairs.
    Text,
    /// A JSON object.
    Json,
}

impl Config {
    /// Reads the file if there is one, then the environment, then the flags.
    ///
    /// # Errors
    /// Says where, what is wrong and what would be right.
    pub fn load(flags: &Flags, environment: &BTreeMap<String, String>) -> Result<Config> {
        let file = flags
            .config
            .clone()
            .or_else(|| set(environment, "GITLAB_BRIDGE_CONFIG").map(PathBuf::from));
        let mut config = match file {
            Some(file) => Config::read(&file)?,
            None => Config::default(),
        };
        environment::apply(&mut config, environment)?;
        flags.apply(&mut config)?;
        config.finish(environment)?;
        Ok(config)
    }

    fn read(file: &PathBuf) -> Result<Config> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        Config::parse(&text).with_context(|| format!("in {}", file.display()))
    }

    /// Parses YAML; an empty file is all defaults.
    fn parse(text: &str) -> Result<Config> {
        let is_empty = text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        if is_empty {
            return Ok(Config::default());
        }
        // A snippet of the file could show a secret.
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let text = error.to_string();
            match text.contains("`token`") {
                true => anyhow!("{text}. A token does not belong in this file: use GITLAB_TOKEN or gitlab.token_file"),
                false => anyhow!(text),
            }
        })
    }

    /// Checks what only shows when everything is read.
    fn finish(&mut self, environment: &BTreeMap<String, String>) -> Result<()> {
        let gitlab = &self.gitlab;
        let files = [
            ("gitlab.token_file", &gitlab.token_file),
            ("gitlab.ca_file", &gitlab.ca_file),
            ("gitlab.client_certificate", &gitlab.client_certificate),
            ("gitlab.client_key", &gitlab.client_key),
        ];
        for (setting, file) in files {
            exists(setting, file.as_ref())?;
        }
        if gitlab.client_certificate.is_some() != gitlab.client_key.is_some() {
            bail!(
                "gitlab.client_certificate and gitlab.client_key belong together: set both or none"
            );
        }
        if !(gitlab.requests_per_second > 0.0 && gitlab.requests_per_second.is_finite()) {
            bail!("gitlab.requests_per_second: must be more than 0, such as 10 or 0.5");
        }
        if gitlab.concurrency == 0 || gitlab.attempts == 0 {
            bail!("gitlab.concurrency and gitlab.attempts: must be at least 1");
        }
        self.push = self.otlp.resolve(environment)?;
        Ok(())
    }
}

impl Default for GitLab {
    fn default() -> GitLab {
        GitLab {
            url: value::default_gitlab(),
            token: None,
            token_file: None,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            connect_timeout: Duration::from_secs(10),
            // GitLab gives up after 30 s of its own.
            read_timeout: Duration::from_secs(40),
            request_timeout: Duration::from_secs(60),
            requests_per_second: 10.0,
            concurrency: 4,
            attempts: 5,
        }
    }
}

impl Default for Select {
    fn default() -> Select {
        Select {
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
            timeout: Duration::from_secs(600),
        }
    }
}

impl Default for Prometheus {
    fn default() -> Prometheus {
        Prometheus {
            enabled: true,
            host: "127.0.0.1".to_owned(),
            port: 9464,
        }
    }
}

impl Default for Resource {
    fn default() -> Resource {
        Resource {
            service_name: "gitlab-metrics-bridge".to_owned(),
            attributes: BTreeMap::new(),
        }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log {
            level: Level::Info,
            format: LogFormat::Text,
        }
    }
}

impl Name {
    /// As text.
    pub fn text(&self) -> String {
        match self {
            Name::Id(id) => id.to_string(),
            Name::Path(path) => path.clone(),
        }
    }
}

impl Level {
    /// As `tracing` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// A variable that is set; an empty one counts as not set, as OpenTelemetry says.
fn set<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    environment
        .get(name)
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
}

fn exists(setting: &str, file: Option<&PathBuf>) -> Result<()> {
    match file {
        Some(file) if !file.is_file() => bail!("{setting}: there is no file {}", file.display()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
