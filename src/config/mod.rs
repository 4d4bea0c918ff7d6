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

use std::path::PathBuf;

use crate::export::{self, Listen};
use crate::{gitlab, poll, webhook};

pub use environment::Environment;
pub use error::{Error, Place};
pub use flags::Flags;
pub use reference::{Reference, example, markdown, reference};
pub use settings::{SETTINGS, Setting};

/// The whole configuration, valid as it stands: the sum of what the parts need to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from, if any.
    pub file: Option<PathBuf>,
    /// The GitLabs that are polled; at least one.
    pub instances: Vec<Instance>,
    /// Whether GitLab may tell what to read sooner.
    pub webhook: webhook::Config,
    /// Where webhooks are taken, unless it is where `/metrics` is served.
    pub webhook_listen: Option<Listen>,
    /// Which metrics are shown.
    pub metrics: Metrics,
    /// Where they are shown.
    pub export: export::Config,
    /// What is logged.
    pub log: Log,
}

/// One GitLab that is polled, or one of the tokens for it.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    /// What the file calls it; empty where it lists none.
    pub name: String,
    /// The GitLab to ask, and how.
    pub gitlab: gitlab::Config,
    /// Which projects are read, and when.
    pub poll: poll::Config,
}

/// Which metrics are shown.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Names, or patterns with `*`, of metrics that are neither asked for nor shown.
    pub disabled: Vec<String>,
    /// Whether every series of a project also carries its path.
    pub project_path_label: bool,
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
            webhook: webhook::Config::default(),
            webhook_listen: None,
            metrics: Metrics::default(),
            export: export::Config::default(),
            log: Log::default(),
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
