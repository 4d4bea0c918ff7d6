//! Which settings differ between two configurations, by name.

use super::configuration::{Config, Instance};
use super::settings::{everything, instance_sections};

/// The settings that differ between two configurations. No value is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// By key; `instances.name.section.key` for one of several GitLabs.
    pub settings: Vec<String>,
    /// Those of them that need a restart.
    pub restart: Vec<String>,
}

impl Config {
    /// The settings of which another configuration says something else.
    pub fn changes(&self, to: &Config) -> Changes {
        let mut changes = Changes::default();
        let of_all = self.said.changed(&to.said).into_iter();
        for key in of_all.filter(|key| !is_of_instance(key)) {
            changes.note(key.to_owned(), key);
        }
        for instance in &to.instances {
            let mut before = self.instances.iter();
            match before.find(|before| before.name == instance.name) {
                Some(before) => changes.between(before, instance),
                None => changes.note(format!("instances.{}", instance.name), ""),
            }
        }
        for before in &self.instances {
            let is_there = to.instances.iter().any(|after| after.name == before.name);
            if !before.name.is_empty() && !is_there {
                changes.note(format!("instances.{}", before.name), "");
            }
        }
        changes.settings.sort_unstable();
        changes
    }
}

impl Instance {
    /// Whether the same is said of another one, of itself and of all.
    pub fn is_alike(&self, other: &Instance) -> bool {
        !self
            .said
            .changed(&other.said)
            .into_iter()
            .any(is_of_instance)
    }
}

impl Changes {
    /// Whether a setting of a section has changed, or one of the keys themselves.
    pub fn any_of(&self, sections: &[&str]) -> bool {
        let mut settings = self.settings.iter();
        settings.any(|key| {
            sections
                .iter()
                .any(|section| key == section || is_within(key, section))
        })
    }

    fn between(&mut self, before: &Instance, after: &Instance) {
        for key in before.said.changed(&after.said) {
            if is_of_instance(key) {
                let name = &after.name;
                let shown = match name.is_empty() {
                    true => key.to_owned(),
                    false => format!("instances.{name}.{key}"),
                };
                self.note(shown, key);
            }
        }
    }

    fn note(&mut self, shown: String, key: &str) {
        if everything().any(|own| own.key == key && own.restart) {
            self.restart.push(shown.clone());
        }
        self.settings.push(shown);
    }
}

fn is_of_instance(key: &str) -> bool {
    instance_sections().any(|section| is_within(key, section))
}

fn is_within(key: &str, section: &str) -> bool {
    key.strip_prefix(section)
        .is_some_and(|rest| rest.starts_with('.'))
}
