//! The settings in use, each with its value and where it was said: for people who look at a running
//! bridge. No secret is in it.

use super::builder::Builder;
use super::cluster::Cluster;
use super::configuration::{Config, Instance};
use super::otlp::Otlp;
use super::setting::Setting;
use super::settings::{everything, instance_sections};
use super::sources::Sources;
use super::wording::{looks_like_a_token, quote};

/// A setting in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSetting {
    pub key: &'static str,
    /// The name of the GitLab that it is about, where the file lists several.
    pub instance: Option<String>,
    /// As it would be written; none if it is not set.
    pub value: Option<String>,
    /// Where it was said; none where the default holds.
    pub source: Option<String>,
    /// Whether a change of it needs a restart.
    pub restart: bool,
}

impl Config {
    /// All settings, in the order of the reference: those of the GitLabs once for each, where there are
    /// several.
    pub fn effective(&self) -> Vec<EffectiveSetting> {
        let mut settings = Vec::new();
        let several = self.instances.len() > 1;
        let is_own = |setting: &&Setting| {
            let mut sections = instance_sections();
            sections.any(|section| setting.in_section(section).is_some())
        };
        for instance in &self.instances {
            let mut builder = self.builder(instance);
            let name = several.then(|| instance.name.clone());
            for setting in everything().filter(is_own).filter(|_| several) {
                settings.push(setting.effective(&mut builder, &instance.sources, name.clone()));
            }
        }
        let instance = self.instances.first().cloned().unwrap_or_default();
        let mut builder = self.builder(&instance);
        for setting in everything().filter(|setting| !(several && is_own(setting))) {
            let sources = match is_own(&setting) {
                true => &instance.sources,
                false => &self.sources,
            };
            settings.push(setting.effective(&mut builder, sources, None));
        }
        settings
    }

    /// The fields of settings, filled with what is in use.
    fn builder(&self, instance: &Instance) -> Builder {
        let export = &self.export;
        Builder {
            config: self.clone(),
            instance: instance.clone(),
            prometheus: Some(export.prometheus),
            console: Some(export.console.is_some()),
            otlp: Otlp::in_use(export.otlp.as_ref()),
            cluster: Cluster::in_use(self.cluster.as_ref()),
            project_path_label: self.metrics.choices.project_labels.path,
            ..Builder::default()
        }
    }
}

impl Setting {
    fn effective(
        &self,
        builder: &mut Builder,
        sources: &Sources,
        instance: Option<String>,
    ) -> EffectiveSetting {
        let is_off = builder.otlp.enabled == Some(false)
            && self.in_section("otlp").is_some_and(|key| key != "enabled");
        let value = self.value.show(builder).filter(|_| !is_off);
        EffectiveSetting {
            key: self.key,
            instance,
            // Somebody may have written a token where none belongs.
            value: value.map(|value| match looks_like_a_token(&value) {
                true => quote(&value),
                false => value,
            }),
            source: sources.of_setting(self.key),
            restart: self.restart,
        }
    }
}
