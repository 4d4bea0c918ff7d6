//! The whole configuration: the sum of what the parts need to know.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::error::{Error, Place};
use super::said::Said;
use super::sources::Sources;
use crate::export::{self, Listen};
use crate::metrics::Choices;
use crate::{cluster, gitlab, poll, webhook};

/// The whole configuration, valid as it stands.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from, if any.
    pub file: Option<PathBuf>,
    /// The GitLabs that are polled; at least one.
    pub instances: Vec<Instance>,
    /// The engine that several replicas share; none if this is the only one.
    pub cluster: Option<cluster::Config>,
    pub webhook: webhook::Config,
    /// Where webhooks are taken, unless it is where `/metrics` is served.
    pub webhook_listen: Option<Listen>,
    pub metrics: Metrics,
    pub export: export::Config,
    pub limits: Limits,
    pub log: Log,
    /// Whether nothing says which GitLab is asked.
    pub is_address_assumed: bool,
    /// What was not understood and left out, as OpenTelemetry has it for its own variables.
    pub warnings: Vec<Error>,
    /// What was said of each setting.
    pub said: Said,
    /// Where it was said.
    pub sources: Sources,
    pub places: Places,
}

/// Where each setting was said last. It makes no difference to a configuration where it is said.
#[derive(Clone, Default)]
pub struct Places(BTreeMap<&'static str, Place>);

impl Places {
    pub fn new(places: BTreeMap<&'static str, Place>) -> Places {
        Places(places)
    }

    /// Where the setting was said; none if nowhere.
    pub fn of(&self, key: &str) -> Option<&Place> {
        self.0.get(key)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Places")
    }
}

/// One GitLab that is polled, or one of the tokens for it.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    /// Its name in the file; empty where the file lists none.
    pub name: String,
    pub gitlab: gitlab::Config,
    pub poll: poll::Config,
    /// What was said of it, and of all.
    pub said: Said,
    /// Where it was said.
    pub sources: Sources,
}

/// Which metrics are shown: names, patterns with `*`, or the names of subjects.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Those that are shown although they are opt-in.
    pub enabled: Vec<String>,
    /// Those that are neither asked for nor shown, even if they are enabled.
    pub disabled: Vec<String>,
    /// What is read and shown of them, and how.
    pub choices: Choices,
}

/// What the bridge may take of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    pub memory: MemoryChoice,
}

/// How much memory the process may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryChoice {
    /// Most of what the cgroup allows, if that has a limit.
    #[default]
    Auto,
    Unlimited,
    /// Of a hundred parts of what the cgroup allows, or of what the machine has.
    Share(u8),
    Bytes(u64),
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct Log {
    /// A level, or comma-separated `target=level` directives.
    pub level: String,
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
    /// Whether a source says something of a setting.
    pub fn says(&self, key: &str) -> bool {
        self.said.has(key)
    }

    /// The name that tells an instance from the others; none if it is the only one.
    pub fn label<'a>(&self, instance: &'a Instance) -> Option<&'a str> {
        (self.instances.len() > 1).then_some(&instance.name)
    }
}

/// One GitLab, without a name.
impl Default for Config {
    fn default() -> Config {
        Config {
            file: None,
            instances: vec![Instance::default()],
            cluster: None,
            webhook: webhook::Config::default(),
            webhook_listen: None,
            metrics: Metrics::default(),
            export: export::Config::default(),
            limits: Limits::default(),
            log: Log::default(),
            is_address_assumed: false,
            warnings: Vec::new(),
            said: Said::default(),
            sources: Sources::default(),
            places: Places::default(),
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
