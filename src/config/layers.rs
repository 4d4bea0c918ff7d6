//! The order in which sources are read: file, environment, flags. A later one wins.

use std::path::Path;

use super::draft::Draft;
use super::error::{Error, Place};
use super::kind::Kind;
use super::settings::{CONFIG_FILE, SETTINGS, Setting, sections};
use super::words::unknown;
use super::written::{Given, Written};
use super::yaml::{Node, Value};
use super::{Config, Environment, Flags};

/// Reads everything.
pub fn load(flags: &Flags, environment: &Environment, metrics: &[&str]) -> Result<Config, Error> {
    environment.refuse_unknown()?;
    if environment.is_empty("GITLAB_URL") {
        // The default would take the token to somebody else's GitLab.
        let place = Place::Variable("GITLAB_URL".to_owned());
        return Err(place
            .error("is empty: write the address of GitLab, or unset it for https://gitlab.com"));
    }
    refuse_two_tokens(environment)?;
    let mut draft = Draft {
        metric_names: metrics.iter().map(|name| (*name).to_owned()).collect(),
        ..Draft::default()
    };
    let sources = Sources { flags, environment };
    for written in sources
        .environment(&CONFIG_FILE)
        .into_iter()
        .chain(sources.flag(&CONFIG_FILE)?)
    {
        CONFIG_FILE.kind.read(&mut draft, &written)?;
        draft.places.insert(CONFIG_FILE.key, written.place);
    }
    if let (Some(file), Some(named)) = (&draft.config.file, draft.places.get(CONFIG_FILE.key)) {
        let document = Document::open(file, named)?;
        sources.read(&mut draft, |setting| {
            Ok(document.written(setting, environment))
        })?;
    }
    sources.read(&mut draft, |setting| Ok(sources.environment(setting)))?;
    sources.read(&mut draft, |setting| {
        Ok(sources.flag(setting)?.into_iter().collect())
    })?;
    draft.finish()
}

/// Refuses a token that stands beside a file for it: nobody knows which is meant.
fn refuse_two_tokens(environment: &Environment) -> Result<(), Error> {
    let tokens = SETTINGS
        .iter()
        .filter(|setting| matches!(setting.kind, Kind::Token(_)));
    for token in tokens.flat_map(|setting| setting.variables) {
        let file = format!("{token}_FILE");
        if environment.get(token).is_some() && environment.get(&file).is_some() {
            let place = Place::Variable(file);
            return Err(place.error(format!("{token} is set too: unset one of them")));
        }
    }
    Ok(())
}

/// What stands outside the file.
struct Sources<'a> {
    flags: &'a Flags,
    environment: &'a Environment,
}

impl<'a> Sources<'a> {
    /// Reads all settings from one source, in the order of the list.
    fn read<'w>(
        &self,
        draft: &mut Draft,
        written: impl Fn(&'static Setting) -> Result<Vec<Written<'w>>, Error>,
    ) -> Result<(), Error> {
        for setting in SETTINGS {
            for written in written(setting)? {
                setting.kind.read(draft, &written)?;
                draft.places.insert(setting.key, written.place);
            }
        }
        Ok(())
    }

    fn environment(&self, setting: &Setting) -> Vec<Written<'a>> {
        let variables = setting.variables.iter();
        let set = variables.filter_map(|name| Some((name, self.environment.get(name)?)));
        let written = set.map(|(name, value)| Written {
            place: Place::Variable((*name).to_owned()),
            given: Given::Variable(value),
            environment: self.environment,
        });
        written.collect()
    }

    fn flag(&self, setting: &Setting) -> Result<Option<Written<'a>>, Error> {
        let Some(flag) = &setting.flag else {
            return Ok(None);
        };
        let values = self.flags.given(flag, setting)?;
        Ok(values.map(|values| Written {
            place: Place::Flag(flag.name.to_owned()),
            given: Given::Flag(values),
            environment: self.environment,
        }))
    }
}

/// A configuration file whose keys are all known.
struct Document {
    file: String,
    root: Node,
}

impl Document {
    fn open(path: &Path, named: &Place) -> Result<Document, Error> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| named.error(format!("{file:?} can't be read: {cause}")))?;
        Document::parse(file, &text)
    }

    fn parse(file: String, text: &str) -> Result<Document, Error> {
        let root = Node::parse(&file, text)?;
        let document = Document { file, root };
        document.refuse_unknown()?;
        Ok(document)
    }

    /// Refuses keys that are not in the list, and sections that are no mappings.
    fn refuse_unknown(&self) -> Result<(), Error> {
        for (name, section) in self.entries(&self.root, "sections such as gitlab and select")? {
            let text = self.key(name)?;
            if !sections().any(|known| known == text) {
                return Err(self.place(name, None).error(unknown(
                    "no section is called",
                    text,
                    sections(),
                )));
            }
            let keys = SETTINGS
                .iter()
                .filter_map(|setting| setting.in_section(text));
            for (name, _) in self.entries(section, &format!("the settings of {text}"))? {
                let key = self.key(name)?;
                if !keys.clone().any(|known| known == key) {
                    let what = format!("{text} has no setting");
                    return Err(self
                        .place(name, None)
                        .error(unknown(&what, key, keys.clone())));
                }
            }
        }
        Ok(())
    }

    fn written<'w>(&'w self, setting: &Setting, environment: &'w Environment) -> Vec<Written<'w>> {
        let node = setting
            .key
            .split_once('.')
            .and_then(|(section, key)| child(child(&self.root, section)?, key));
        let written = node.map(|node| Written {
            place: self.place(node, Some(setting.key)),
            given: Given::Node(node),
            environment,
        });
        written.into_iter().collect()
    }

    fn entries<'n>(&self, node: &'n Node, expected: &str) -> Result<&'n [(Node, Node)], Error> {
        match &node.value {
            Value::Map(entries) => Ok(entries),
            Value::Nothing => Ok(&[]),
            _ => Err(self
                .place(node, None)
                .error(format!("expected {expected}, as key: value"))),
        }
    }

    fn key<'n>(&self, node: &'n Node) -> Result<&'n str, Error> {
        match &node.value {
            Value::Scalar(text) => Ok(text),
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

fn child<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let found = entries
        .iter()
        .find(|(key, _)| key.value == Value::Scalar(name.to_owned()));
    found.map(|(_, value)| value)
}
