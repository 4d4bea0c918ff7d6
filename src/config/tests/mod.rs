//! Configurations in the words of those who write them.

mod cluster;
mod effective;
mod examples;
mod exporting;
mod fuzz;
mod instances;
mod measuring;
mod mistakes;
mod opentelemetry;
mod secrets;
mod selecting;
mod sources;
mod variables;
mod wording;
mod yaml;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{Config, Environment, Error, Flags, Instance};

/// A setting as it is written in a file: `{section: {key: value}}`.
fn written(key: &str, value: &str) -> String {
    let keys: Vec<_> = key.split('.').collect();
    let inner = keys.iter().rev();
    inner.fold(value.to_owned(), |value, key| format!("{{{key}: {value}}}"))
}

/// A folder with a configuration, an environment and flags.
struct Written {
    folder: TempDir,
    environment: Vec<(String, String)>,
    flags: Flags,
}

/// Nothing is written anywhere.
fn nothing() -> Written {
    Written {
        folder: tempfile::tempdir().unwrap(),
        environment: Vec::new(),
        flags: Flags::default(),
    }
}

/// A configuration file.
fn file(text: &str) -> Written {
    nothing().with_file(text)
}

/// One variable.
fn variable(name: &str, value: &str) -> Written {
    nothing().variable(name, value)
}

/// One flag.
fn flag(name: &str, value: &str) -> Written {
    nothing().flag(name, value)
}

impl Written {
    fn with_file(self, text: &str) -> Written {
        fs::write(self.path("bridge.yaml"), text).unwrap();
        let path = self.path("bridge.yaml").display().to_string();
        self.variable("GITLAB_BRIDGE_CONFIG", &path)
    }

    /// A further file beside the configuration.
    fn beside(self, name: &str) -> Written {
        fs::write(self.path(name), "").unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Written {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn flag(mut self, name: &str, value: &str) -> Written {
        self.flags = self.flags.with(name, value).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Result<Config, Error> {
        let environment: Environment = self.environment.iter().cloned().collect();
        Config::load(&self.flags, &environment)
    }

    fn config(&self) -> Config {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The only GitLab.
    fn instance(&self) -> Instance {
        let [instance] = self.config().instances.try_into().unwrap();
        instance
    }

    /// The error, with names of files as the one who wrote them sees them.
    fn error(&self) -> String {
        let folder = format!("{}/", self.folder.path().display());
        self.load().unwrap_err().to_string().replace(&folder, "")
    }
}
