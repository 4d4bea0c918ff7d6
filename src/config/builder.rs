//! A configuration while it is being read: what has been said so far, and where.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cluster::Cluster;
use super::configuration::{Config, Instance, Places};
use super::error::{Error, Place};
use super::otlp::Otlp;
use super::said::Said;
use super::sources::Sources;
use crate::export::Names;
use crate::metrics::{Conventions, ProjectLabels};
use crate::poll::Scope;

/// Settings of which each needs the other.
pub const PAIRS: [(&str, &str); 3] = [
    ("gitlab.client_certificate", "gitlab.client_key"),
    ("otlp.client_certificate", "otlp.client_key"),
    ("cluster.cert_file", "cluster.key_file"),
];

/// A configuration while it is being read.
#[derive(Default)]
pub struct Builder {
    /// What does not depend on other settings.
    pub config: Config,
    /// The one GitLab, or what is said of each that does not say otherwise.
    pub instance: Instance,
    /// Whether `/metrics` is served, if it is said.
    pub prometheus: Option<bool>,
    /// Whether metrics are printed, if it is said.
    pub console: Option<bool>,
    pub otlp: Otlp,
    pub cluster: Cluster,
    /// The old switch for one of the labels of projects.
    pub project_path_label: bool,
    /// Where each setting was said last.
    pub places: BTreeMap<&'static str, Place>,
    /// What was said of each setting last.
    pub said: Said,
}

impl Builder {
    /// Notes what is left out. Several settings may be read from one variable.
    pub fn warn(&mut self, warning: Error) {
        if !self.config.warnings.contains(&warning) {
            self.config.warnings.push(warning);
        }
    }

    /// The configuration with these GitLabs; where none are listed, with the one it speaks of.
    ///
    /// # Errors
    /// If settings contradict each other.
    pub fn finish(self, mut instances: Vec<Instance>) -> Result<Config, Error> {
        if instances.is_empty() {
            instances.push(self.finished_instance()?);
        }
        self.both_of_each_pair("otlp.")?;
        self.both_of_each_pair("cluster.")?;
        self.secret_for_webhooks()?;
        let labels = self.project_labels()?;
        let console = self
            .console
            .unwrap_or(false)
            .then_some(self.otlp.config.interval);
        let is_address_assumed = !self.places.contains_key("gitlab.url") && instances.len() == 1;
        let sources = Sources::of(&self.places);
        let cluster = self.cluster.finish(&self.places, &instances)?;
        let (mut config, otlp) = (self.config, self.otlp.finish()?);
        config.export.replica = cluster.as_ref().and_then(|cluster| cluster.replica.clone());
        config.cluster = cluster;
        config.metrics.choices.project_labels = labels;
        config.is_address_assumed = is_address_assumed;
        config.instances = instances;
        config.metrics.choices.conventions = otlp
            .iter()
            .find(|otlp| otlp.names == Names::Semconv)
            .map(|_| conventions(&config));
        config.said = self.said;
        config.sources = sources;
        config.places = Places::new(self.places);
        let export = &mut config.export;
        export.prometheus = self.prometheus.unwrap_or(true) && !export.sdk_disabled;
        export.console = console.filter(|_| !export.sdk_disabled);
        export.otlp = otlp.filter(|_| !export.sdk_disabled);
        Ok(config)
    }

    /// For one of several GitLabs: begins with what is said of all, but for the token and the headers,
    /// which must not get to another GitLab.
    pub fn for_instance(&self, name: &str) -> Builder {
        let mut instance = self.instance.clone();
        instance.name = name.to_owned();
        instance.gitlab.token = None;
        instance.gitlab.headers.clear();
        Builder {
            instance,
            places: self.places.clone(),
            said: self.said.clone(),
            ..Builder::default()
        }
    }

    /// The GitLab it speaks of.
    ///
    /// # Errors
    /// If its settings contradict each other.
    pub fn finished_instance(&self) -> Result<Instance, Error> {
        self.both_of_each_pair("gitlab.")?;
        self.not_all_and_named()?;
        Ok(Instance {
            said: self.said.clone(),
            sources: Sources::of(&self.places),
            ..self.instance.clone()
        })
    }

    fn both_of_each_pair(&self, section: &str) -> Result<(), Error> {
        for (one, other) in PAIRS {
            let (place, missing) = match (self.places.get(one), self.places.get(other)) {
                (Some(place), None) => (place, other),
                (None, Some(place)) => (place, one),
                _ => continue,
            };
            if one.starts_with(section) {
                return Err(place.error(format!("it needs {missing} too: give both or none")));
            }
        }
        Ok(())
    }

    /// Without a secret anybody could drive our requests.
    fn secret_for_webhooks(&self) -> Result<(), Error> {
        let webhook = &self.config.webhook;
        let open = webhook.enabled && webhook.token.is_none() && webhook.signing_token.is_none();
        match self.places.get("webhook.enabled") {
            Some(place) if open => Err(place.error(
                "webhooks need a secret, else anybody could send them: set \
                 GITLAB_BRIDGE_WEBHOOK_TOKEN or GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN, or name a file \
                 in webhook.token_file or webhook.signing_token_file",
            )),
            _ => Ok(()),
        }
    }

    /// The old switch and the list that took its place must not contradict each other.
    fn project_labels(&self) -> Result<ProjectLabels, Error> {
        let mut labels = self.config.metrics.choices.project_labels;
        let names = ["metrics.project_path_label", "metrics.project_labels"];
        match names.map(|name| self.places.get(name)) {
            [Some(old), Some(list)] if self.project_path_label != labels.path => {
                return Err(old.error(format!(
                    "{list} says otherwise: list path there, and remove this one"
                )));
            }
            _ => labels.path |= self.project_path_label,
        }
        Ok(labels)
    }

    fn not_all_and_named(&self) -> Result<(), Error> {
        let selection = &self.instance.poll.selection;
        let named = !selection.groups.is_empty() || !selection.projects.is_empty();
        let names = ["select.groups", "select.projects"];
        let names = names.iter().find_map(|key| self.places.get(key));
        match (self.places.get("select.scope"), names) {
            (Some(all), Some(names)) if selection.scope == Scope::All && named => {
                Err(all.error(format!(
                    "all projects are asked for, yet some are named ({names}): leave one of the two out"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// What must be known of the GitLabs to name their projects as the semantic conventions do. An address that is
/// none is refused where it is used.
fn conventions(config: &Config) -> Conventions {
    let addresses = config.instances.iter().filter_map(|instance| {
        let address = instance.gitlab.address().ok()?;
        let name = config.label(instance).map(Arc::from);
        Some((name, address.as_str().into()))
    });
    Conventions {
        addresses: addresses.collect(),
        project_labels: config.metrics.choices.project_labels,
    }
}
