//! What has been said so far: by flags, and by answers that stand for them.

use std::path::Path;

use anyhow::Result;

use super::token::Token;
use crate::app::chosen;
use crate::app::misconfigured::misconfigured;
use crate::app::polled_gitlabs::PolledGitLab;
use crate::config::{Config, Environment, Flags};
use crate::gitlab::Client;

/// What has been said so far.
#[derive(Clone)]
pub struct Interview {
    /// By flags, and by answers that stand for them.
    pub flags: Flags,
    given: Flags,
}

impl Interview {
    /// Begins with the flags that are given.
    pub fn new(flags: Flags) -> Interview {
        Interview {
            given: flags.clone(),
            flags,
        }
    }

    /// The configuration as it is said so far.
    pub fn config(&self) -> Result<Config> {
        Config::load(&self.flags, &Environment::of_process()).map_err(misconfigured)
    }

    /// Says something by a flag.
    pub fn say(&mut self, flag: &str, value: &str) -> Result<()> {
        let flags = std::mem::take(&mut self.flags);
        self.flags = flags.with(flag, value).map_err(misconfigured)?;
        Ok(())
    }

    /// Says something by a flag anew.
    pub fn say_instead(&mut self, flag: &'static str, values: &[String]) -> Result<()> {
        self.flags = self.flags.without(&[flag]);
        values.iter().try_for_each(|value| self.say(flag, value))
    }

    /// Flags name files from the working directory, and a configuration from its own folder.
    pub fn settle_paths(&mut self, folder: &Path) -> Result<()> {
        if folder == Path::new(".") {
            return Ok(());
        }
        for flag in ["state", "web.config.file"] {
            let named = self.flags.values(flag).and_then(|values| values.last());
            if let Some(named) = named.cloned() {
                let whole = std::path::absolute(named)?;
                self.say_instead(flag, &[whole.display().to_string()])?;
            }
        }
        Ok(())
    }

    /// Whether one of these flags was given.
    pub fn says(&self, flags: &[&str]) -> bool {
        flags.iter().any(|flag| self.given.has(flag))
    }

    /// The configuration without the address, which may be written as none should be.
    pub fn config_without_address(&self) -> Result<Config> {
        let others = Interview {
            flags: self.flags.without(&["gitlab-url"]),
            given: self.given.clone(),
        };
        others.config()
    }

    /// The configuration with a token that no source says.
    pub fn config_with(&self, token: &Token) -> Result<Config> {
        let mut config = self.config()?;
        config.instances[0].gitlab.token = Some(token.source.clone());
        Ok(config)
    }

    pub fn client(&self, token: &Token) -> Result<Client> {
        let config = self.config_with(token)?;
        let enabled = chosen::enabled_metrics(&config)?;
        let built = PolledGitLab::build(&config.instances[0], None, &enabled)?;
        Ok(built.client)
    }
}
