//! A configuration while it is being read: what has been said so far, and where.

use std::collections::BTreeMap;

use super::error::{Error, Place};
use super::otlp::OtlpDraft;
use super::{Config, Instance};
use crate::poll::Scope;

/// A configuration while it is being read.
#[derive(Default)]
pub struct Draft {
    /// What stands alone.
    pub config: Config,
    /// What is said of the one GitLab, or of each that does not say otherwise.
    pub instance: Instance,
    /// Whether `/metrics` is served, if it is said.
    pub prometheus: Option<bool>,
    /// What is said about OTLP.
    pub otlp: OtlpDraft,
    /// The names of all metrics.
    pub metric_names: Vec<String>,
    /// Where each setting was said last.
    pub places: BTreeMap<&'static str, Place>,
}

impl Draft {
    /// The configuration that it amounts to, with these GitLabs, or without any with the one it speaks
    /// of.
    ///
    /// # Errors
    /// If settings contradict each other.
    pub fn finish(self, mut instances: Vec<Instance>) -> Result<Config, Error> {
        if instances.is_empty() {
            instances.push(self.finished_instance()?);
        }
        self.both("otlp.client_certificate", "otlp.client_key")?;
        self.no_open_door()?;
        let Draft {
            mut config, otlp, ..
        } = self;
        let otlp = otlp.finish()?;
        config.instances = instances;
        config.export.prometheus = self.prometheus.unwrap_or(true) && !config.export.sdk_disabled;
        config.export.otlp = otlp.filter(|_| !config.export.sdk_disabled);
        Ok(config)
    }

    /// The draft of one of several GitLabs: it begins with what is said of all, but for the token,
    /// which must not get to another GitLab.
    pub fn for_instance(&self, name: &str) -> Draft {
        let mut instance = self.instance.clone();
        instance.name = name.to_owned();
        instance.gitlab.token = None;
        Draft {
            instance,
            places: self.places.clone(),
            ..Draft::default()
        }
    }

    /// The GitLab it speaks of.
    ///
    /// # Errors
    /// If its settings contradict each other.
    pub fn finished_instance(&self) -> Result<Instance, Error> {
        self.both("gitlab.client_certificate", "gitlab.client_key")?;
        self.not_all_and_named()?;
        Ok(self.instance.clone())
    }

    /// A certificate is worth nothing without its key.
    fn both(&self, one: &str, other: &str) -> Result<(), Error> {
        let (place, missing) = match (self.places.get(one), self.places.get(other)) {
            (Some(place), None) => (place, other),
            (None, Some(place)) => (place, one),
            _ => return Ok(()),
        };
        Err(place.error(format!("it needs {missing} too: give both or none")))
    }

    /// Whoever reaches an open door could drive our requests.
    fn no_open_door(&self) -> Result<(), Error> {
        let webhook = &self.config.webhook;
        let Some(place) = self
            .places
            .get("webhook.enabled")
            .filter(|_| webhook.enabled)
        else {
            return Ok(());
        };
        match webhook.token.is_some() || webhook.signing_token.is_some() {
            true => Ok(()),
            false => Err(place.error(
                "webhooks need a secret, else anybody could send them: set \
                 GITLAB_BRIDGE_WEBHOOK_TOKEN or GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN, or name a file \
                 in webhook.token_file or webhook.signing_token_file",
            )),
        }
    }

    fn not_all_and_named(&self) -> Result<(), Error> {
        let named = ["select.groups", "select.projects"];
        let select = &self.instance.poll.selection;
        let names = !select.groups.is_empty() || !select.projects.is_empty();
        if select.scope != Scope::All || !names {
            return Ok(());
        }
        let (Some(all), Some(named)) = (
            self.places.get("select.scope"),
            named.iter().find_map(|key| self.places.get(key)),
        ) else {
            return Ok(());
        };
        Err(all.error(format!(
            "all projects are asked for, yet some are named ({named}): leave one of the two out"
        )))
    }
}
