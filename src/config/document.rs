//! A configuration file: sections of settings for all, and those of each GitLab that it lists.

use std::path::Path;

use super::environment::Environment;
use super::error::{Error, Place};
use super::input::{Input, Raw};
use super::setting::Setting;
use super::settings::{INSTANCES, SETTINGS, instance_sections, sections};
use super::text_file::{self, STANDARD_INPUT};
use super::wording::{nearest, quote, unknown};
use super::yaml::{Content, Node, Position};

/// A configuration file whose keys are all known.
pub struct Document {
    file: String,
    root: Node,
}

impl Document {
    /// Reads a file that is `named` somewhere.
    ///
    /// # Errors
    /// If it can't be read or is not a configuration.
    pub fn open(path: &Path, named: &Place, environment: &Environment) -> Result<Document, Error> {
        if path == Path::new(STANDARD_INPUT) {
            let text = text_file::standard_input();
            let text = text.map_err(|cause| named.error(format!("{cause}")))?;
            return Document::parse("standard input".to_owned(), &text, environment);
        }
        let file = path.display().to_string();
        let text = text_file::read(path)
            .map_err(|cause| named.error(format!("{file:?} can't be read: {cause}")))?;
        Document::parse(file, &text, environment)
    }

    fn parse(file: String, text: &str, environment: &Environment) -> Result<Document, Error> {
        let root = Node::parse(&file, text)?;
        let mut document = Document { file, root };
        document.refuse_unknown()?;
        document.replace_variables(environment)?;
        Ok(document)
    }

    /// Puts the values of variables into all values.
    fn replace_variables(&mut self, environment: &Environment) -> Result<(), Error> {
        let replaced = self.root.replace_variables(environment);
        replaced.map_err(|(position, problem)| {
            let place = Place::File {
                file: self.file.clone(),
                position: Some(position),
                key: self.setting_at(position),
            };
            place.error(problem)
        })
    }

    /// The setting that something at this position is written for.
    fn setting_at(&self, position: Position) -> Option<&'static str> {
        let holds = |root: &Node, setting: &Setting| {
            let mut keys = setting.key.split('.');
            let own = keys.try_fold(root, child);
            own.is_some_and(|own| own.contains(position))
        };
        let instances = child(&self.root, INSTANCES);
        let instances = instances.map(|node| &node.content);
        let mut roots = vec![&self.root];
        if let Some(Content::Map(entries)) = instances {
            roots.extend(entries.iter().map(|(_, instance)| instance));
        }
        let mut settings = SETTINGS.iter();
        let found = settings.find(|setting| roots.iter().any(|root| holds(root, setting)));
        found.map(|setting| setting.key)
    }

    /// What has the sections for all.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Refuses keys that are not in the list, and sections that are no mappings.
    fn refuse_unknown(&self) -> Result<(), Error> {
        let known = sections().chain([INSTANCES]);
        for (name, section) in self.entries(&self.root, "sections such as gitlab and select")? {
            let text = self.known(name, "no section is called", known.clone())?;
            if text != INSTANCES {
                self.refuse_unknown_settings(section, text)?;
            }
        }
        for (_, name, instance) in self.instances()? {
            for (section, settings) in self.entries(instance, &format!("sections of {name}"))? {
                let what = format!("{name} has no section");
                let section = self.known(section, &what, instance_sections())?;
                self.refuse_unknown_settings(settings, section)?;
            }
        }
        Ok(())
    }

    /// Refuses keys below a section, or a mapping in it, that are not in the list.
    fn refuse_unknown_settings(&self, node: &Node, path: &str) -> Result<(), Error> {
        let mut keys: Vec<_> = SETTINGS
            .iter()
            .filter_map(|setting| setting.below(path))
            .collect();
        keys.dedup();
        for (name, value) in self.entries(node, &format!("the settings of {path}"))? {
            let what = format!("{path} has no setting");
            let key = self.known(name, &what, keys.iter().copied())?;
            let key = format!("{path}.{key}");
            if !SETTINGS.iter().any(|setting| setting.key == key) {
                self.refuse_unknown_settings(value, &key)?;
            }
        }
        Ok(())
    }

    /// The key, if it is one of those that are known.
    fn known<'n, 'k>(
        &self,
        name: &'n Node,
        what: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> Result<&'n str, Error> {
        let key = self.key(name)?;
        if known.clone().any(|known| known == key) {
            return Ok(key);
        }
        let problem = match nearest(key, known.clone()) {
            None => misplaced(key).map(|hint| format!("{what} {}: {hint}", quote(key))),
            Some(_) => None,
        };
        let problem = problem.unwrap_or_else(|| unknown(what, key, known));
        Err(self.place(name, None).error(problem))
    }

    /// The place, the name and the sections of each GitLab that is listed; none without a list.
    ///
    /// # Errors
    /// If the list is empty, or no list of names.
    pub fn instances(&self) -> Result<Vec<(Place, &str, &Node)>, Error> {
        let Some(node) = child(&self.root, INSTANCES) else {
            return Ok(Vec::new());
        };
        let entries = self.entries(node, "a name and sections for each GitLab")?;
        if entries.is_empty() {
            return Err(self.place(node, None).error(format!(
                "{INSTANCES} lists no GitLab: give each a name, or remove the key"
            )));
        }
        let named = entries.iter().map(|(name, instance)| {
            let place = self.place(name, None);
            let text = self.key(name)?;
            match is_name(text) {
                true => Ok((place, text, instance)),
                false => Err(place.error(format!(
                    "{} is not a name: write it in lower-case letters, digits, - _ and .",
                    quote(text)
                ))),
            }
        });
        named.collect()
    }

    /// What is written for a setting below a node that has sections.
    pub fn input<'w>(
        &self,
        node: &'w Node,
        setting: &Setting,
        environment: &'w Environment,
    ) -> Option<Input<'w>> {
        setting.key.split_once('.')?;
        let mut keys = setting.key.split('.');
        let node = keys.try_fold(node, child)?;
        Some(Input {
            place: self.place(node, Some(setting.key)),
            raw: Raw::Yaml(node),
            environment,
        })
    }

    fn entries<'n>(&self, node: &'n Node, expected: &str) -> Result<&'n [(Node, Node)], Error> {
        match &node.content {
            Content::Map(entries) => Ok(entries),
            Content::Nothing => Ok(&[]),
            _ => Err(self
                .place(node, None)
                .error(format!("expected {expected}, as key: value"))),
        }
    }

    fn key<'n>(&self, node: &'n Node) -> Result<&'n str, Error> {
        match &node.content {
            Content::Scalar(text) => Ok(text),
            _ => Err(self
                .place(node, None)
                .error("expected the name of a setting")),
        }
    }

    fn place(&self, node: &Node, key: Option<&'static str>) -> Place {
        Place::File {
            file: self.file.clone(),
            position: Some(node.position),
            key,
        }
    }
}

/// What to write for a setting that stands a level too high, or has its section before a dot: `gitlab.url`, or
/// `url` alone.
fn misplaced(key: &str) -> Option<String> {
    let settings = SETTINGS.iter().map(|setting| setting.key);
    let settings = settings.filter_map(|key| key.split_once('.'));
    let (section, meant) = match key.split_once('.') {
        Some((section, name)) => {
            let section = nearest(section, sections())?;
            let mut own = settings.filter(|(of, _)| *of == section);
            let meant = own.clone().find(|(_, own)| *own == name);
            let near = || nearest(name, own.by_ref().map(|(_, own)| own));
            (section, meant.map(|(_, own)| own).or_else(near)?)
        }
        None => {
            let mut alike = settings.filter(|(_, own)| *own == key);
            match (alike.next(), alike.next()) {
                (Some(only), None) => only,
                _ => return None,
            }
        }
    };
    let nested = meant.replace('.', ": {");
    let closing = "}".repeat(meant.matches('.').count() + 1);
    Some(format!(
        "did you mean {meant:?} in the section {section}? Write {section}: {{{nested}: ...{closing}"
    ))
}

/// A name becomes the value of an attribute, and is written in queries.
fn is_name(text: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

fn child<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Content::Map(entries) = &node.content else {
        return None;
    };
    let found = entries
        .iter()
        .find(|(key, _)| key.content == Content::Scalar(name.to_owned()));
    found.map(|(_, value)| value)
}
