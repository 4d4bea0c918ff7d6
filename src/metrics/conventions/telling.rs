//! Tells a series by the names of the semantic conventions: its attributes, and their words.

use super::names;
use crate::metrics::choices::{Choices, ProjectLabels};
use crate::metrics::subject::{
    Convention, INSTANCE, MetricRow, NAMESPACE, PROJECT_ID, PROJECT_PATH, TOPICS, Told,
};

const URL: &str = "vcs.repository.url.full";
const REPOSITORY: &str = "vcs.repository.name";
const OWNER: &str = "vcs.owner.name";
const PROVIDER: &str = "vcs.provider.name";
const PIPELINE: &str = "cicd.pipeline.name";

/// How the series of a metric are told.
#[derive(Debug)]
pub struct Telling {
    /// What the metric is called in the catalogue.
    pub ours: &'static str,
    /// Its name, unique among instruments.
    pub instrument: &'static str,
    convention: Option<&'static Convention>,
    /// Our attributes, and what they are called.
    attributes: Vec<(&'static str, &'static str)>,
    /// Whether the path is an attribute of its own.
    has_path: bool,
    /// Whether each series is of a pipeline, which must be named.
    pub of_pipeline: bool,
    of_repository: bool,
}

/// Tells the series of one GitLab.
pub struct Teller<'a> {
    telling: &'a Telling,
    instance: Option<&'a str>,
    address: Option<&'a str>,
    labels: ProjectLabels,
}

impl Telling {
    pub fn new(
        row: &'static MetricRow,
        name: &'static str,
        convention: Option<&'static Convention>,
    ) -> Telling {
        let own = row.attributes.iter().map(|attribute| attribute.name);
        let more = [PROJECT_ID, PROJECT_PATH, NAMESPACE, TOPICS, INSTANCE].map(|more| more.name);
        let own = own.chain(more);
        Telling {
            ours: row.name,
            instrument: format!("{name}/{}", row.name).leak(),
            convention,
            attributes: own
                .map(|ours| (ours, &*names::attribute(row, ours).leak()))
                .collect(),
            has_path: row
                .attributes
                .iter()
                .any(|own| own.name == PROJECT_PATH.name),
            of_pipeline: name.starts_with("cicd.pipeline."),
            of_repository: name.starts_with("vcs."),
        }
    }

    /// The attributes of its series besides those of the owner, as the reference lists them: theirs and ours.
    pub fn named(&self, row: &[&'static str]) -> Vec<&'static str> {
        let mut named = Vec::new();
        for ours in row.iter().filter(|ours| **ours != PROJECT_ID.name) {
            named.extend(self.name_of(ours));
        }
        for told in self.convention.iter().flat_map(|own| own.attributes) {
            match told {
                Told::Always(name, _) | Told::Where { name, .. } => named.push(name),
                _ => {}
            }
        }
        named.sort_unstable();
        named.dedup();
        named
    }

    /// For the series of a GitLab of that name.
    pub fn of<'a>(&'a self, instance: Option<&'a str>, choices: &'a Choices) -> Teller<'a> {
        let conventions = choices.conventions.as_ref();
        let address = conventions.and_then(|own| {
            let mut addresses = own.addresses.iter();
            addresses.find(|(name, _)| name.as_deref() == instance)
        });
        Teller {
            telling: self,
            instance,
            address: address.map(|(_, address)| &**address),
            labels: conventions
                .map(|own| own.project_labels)
                .unwrap_or_default(),
        }
    }

    /// What an attribute is called; none where it says nothing more. One that is not ours keeps its name.
    fn name_of(&self, ours: &'static str) -> Option<&'static str> {
        let told = self.convention.iter().flat_map(|own| own.attributes);
        for told in told {
            match told {
                Told::Named { of, name, .. } | Told::NamedOr { of, name, .. } if *of == ours => {
                    return Some(name);
                }
                Told::Only(of, _) if *of == ours => return None,
                _ => {}
            }
        }
        let mut attributes = self.attributes.iter();
        let known = attributes.find(|(name, _)| *name == ours);
        Some(known.map_or(ours, |(_, theirs)| theirs))
    }
}

impl Teller<'_> {
    /// Hands over the attributes of a series as the conventions have them; nothing if it is left out.
    pub fn tell(
        &self,
        attributes: &[(&'static str, &str)],
        emit: impl FnOnce(&[(&'static str, &str)]),
    ) {
        let telling = self.telling;
        let find = |name: &str| {
            let mut own = attributes.iter();
            own.find(|(own, _)| *own == name).map(|(_, value)| *value)
        };
        let path = find(PROJECT_PATH.name);
        let url = match (self.address, path) {
            (Some(address), Some(path)) => format!("{}/{path}", address.trim_end_matches('/')),
            _ => String::new(),
        };
        let mut told: Vec<(&'static str, &str)> = Vec::with_capacity(attributes.len() + 6);
        for (ours, value) in attributes {
            if *ours == PROJECT_PATH.name && !self.labels.path && !telling.has_path {
                continue;
            }
            if let Some(name) = telling.name_of(ours) {
                told.push((name, self.word(ours, value)));
            }
        }
        if let Some(path) = path {
            let (owner, name) = path.rsplit_once('/').unwrap_or(("", path));
            told.extend([(REPOSITORY, name), (OWNER, owner)]);
            told.extend((!url.is_empty()).then_some((URL, &*url)));
            told.extend(telling.of_pipeline.then_some((PIPELINE, path)));
        }
        told.extend(telling.of_repository.then_some((PROVIDER, "gitlab")));
        for own in telling.convention.iter().flat_map(|own| own.attributes) {
            match own {
                Told::Always(name, value) => told.push((name, value)),
                Told::NamedOr {
                    of,
                    name,
                    otherwise,
                } if find(of).is_none() => {
                    told.push((name, otherwise));
                }
                Told::Where {
                    of,
                    word,
                    name,
                    value,
                } if find(of) == Some(word) => {
                    told.push((name, value));
                }
                Told::Only(of, word) if find(of) != Some(word) => return,
                _ => {}
            }
        }
        if let (Some(instance), Some(name)) = (self.instance, telling.name_of(INSTANCE.name)) {
            told.push((name, instance));
        }
        emit(&told);
    }

    fn word<'a>(&self, ours: &str, value: &'a str) -> &'a str {
        for told in self
            .telling
            .convention
            .iter()
            .flat_map(|own| own.attributes)
        {
            if let Told::Named { of, words, .. } = told
                && *of == ours
            {
                let mut words = words.iter();
                let known = words.find(|(word, _)| *word == value);
                return known.map_or(value, |(_, theirs)| theirs);
            }
        }
        value
    }
}
