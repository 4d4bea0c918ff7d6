//! What is written for one setting at one place, and its parts as text with their places.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::{Error, Place};
use super::parse;
use super::words::quote;
use super::yaml::{Node, Value};

/// What is written for a setting.
pub struct Written<'a> {
    /// Where.
    pub place: Place,
    /// What.
    pub given: Given<'a>,
    /// Where `${VAR}` in the headers of a file comes from.
    pub environment: &'a Environment,
}

/// Each source has its own shape of lists and pairs.
pub enum Given<'a> {
    /// A part of a file.
    Node(&'a Node),
    /// The value of a variable.
    Variable(&'a str),
    /// The values of a flag, which may be repeated.
    Flag(&'a [String]),
}

/// One text and where it is written.
#[derive(Clone, Debug)]
pub struct Item {
    /// Where.
    pub place: Place,
    /// What.
    pub text: String,
}

impl Item {
    /// An error about it.
    pub fn error(&self, problem: impl Into<String>) -> Error {
        self.place.error(problem)
    }

    /// The usual error about it: it is not what is `expected`, which says what would be right.
    pub fn unexpected(&self, expected: &str) -> Error {
        self.error(format!("{} is not {expected}", quote(&self.text)))
    }

    /// The path it names, seen from the folder of the configuration file, or from the current one if
    /// it is not written there.
    ///
    /// # Errors
    /// If it is empty.
    pub fn path(&self) -> Result<PathBuf, Error> {
        if self.text.is_empty() {
            return Err(self.error("it is empty: name a file"));
        }
        Ok(match &self.place {
            Place::File { file, .. } => match Path::new(file).parent() {
                Some(folder) => folder.join(&self.text),
                None => PathBuf::from(&self.text),
            },
            _ => PathBuf::from(&self.text),
        })
    }

    /// The file it names, seen from the folder of the configuration file, or from the current one if
    /// it is not written there.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn file(&self) -> Result<PathBuf, Error> {
        let path = self.path()?;
        let shown = quote(&path.to_string_lossy());
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(self.error(format!("{shown} is a folder: name a file")))
            }
            Ok(_) => Ok(path),
            Err(cause) => Err(self.error(format!(
                "{shown} can't be read ({cause}): name a file that exists"
            ))),
        }
    }
}

impl Written<'_> {
    /// The only text.
    ///
    /// # Errors
    /// If it is something else than one text.
    pub fn text(&self) -> Result<Item, Error> {
        match &self.given {
            Given::Node(node) => self.scalar(node, "one value"),
            Given::Variable(text) => Ok(self.item(text)),
            Given::Flag(values) => Ok(self.item(values.last().map_or("", String::as_str))),
        }
    }

    /// A list: a sequence in a file, separated by commas in a variable, repeated as a flag.
    ///
    /// # Errors
    /// If it is something else than a list of texts.
    pub fn list(&self) -> Result<Vec<Item>, Error> {
        match &self.given {
            Given::Node(node) => match &node.value {
                Value::List(items) => {
                    let items = items.iter();
                    items.map(|item| self.scalar(item, "one value")).collect()
                }
                other => Err(self.shape(other, "a list, such as [a, b]")),
            },
            Given::Variable(text) => {
                let items = parse::split(text).into_iter();
                Ok(items.map(|item| self.item(item)).collect())
            }
            Given::Flag(values) => Ok(values.iter().map(|value| self.item(value)).collect()),
        }
    }

    /// Words: a list, or a text that separates them by commas.
    ///
    /// # Errors
    /// If it is something else.
    pub fn words(&self) -> Result<Vec<Item>, Error> {
        let text = match &self.given {
            Given::Node(node) if matches!(node.value, Value::List(_)) => return self.list(),
            _ => self.text()?,
        };
        let words = parse::split(&text.text).into_iter();
        Ok(words
            .map(|word| Item {
                text: word.trim().to_owned(),
                ..text.clone()
            })
            .collect())
    }

    /// Pairs: a mapping in a file, else `key=value,key=value` with `%xx` for what can't be written.
    /// No error shows a value: it may be a secret.
    ///
    /// # Errors
    /// If it is something else.
    pub fn pairs(&self) -> Result<Vec<(Item, Item)>, Error> {
        match &self.given {
            Given::Node(node) => match &node.value {
                Value::Map(entries) => entries
                    .iter()
                    .map(|(key, value)| {
                        Ok((
                            self.scalar(key, "a name")?,
                            self.scalar(value, "one value")?,
                        ))
                    })
                    .collect(),
                other => Err(self.shape(other, "a mapping, such as {name: value}")),
            },
            Given::Variable(_) | Given::Flag(_) => {
                let text = self.text()?;
                let pairs = parse::pairs(&text.text).map_err(|problem| text.error(problem))?;
                // What is written as %20 or %0A is meant: nothing is trimmed any more.
                let item = |text| Item {
                    place: self.place.clone(),
                    text,
                };
                let pairs = pairs.into_iter();
                Ok(pairs.map(|(key, value)| (item(key), item(value))).collect())
            }
        }
    }

    /// Whether it is written in a variable of OpenTelemetry, where times are in milliseconds.
    pub fn is_opentelemetry(&self) -> bool {
        matches!(&self.place, Place::Variable(name) if name.starts_with("OTEL_"))
    }

    fn item(&self, text: &str) -> Item {
        Item {
            place: self.place.clone(),
            text: text.trim().to_owned(),
        }
    }

    fn scalar(&self, node: &Node, expected: &str) -> Result<Item, Error> {
        let mut place = self.place.clone();
        if let Place::File { position, .. } = &mut place {
            *position = Some(node.position);
        }
        match &node.value {
            Value::Scalar(text) => Ok(Item {
                place,
                text: text.trim().to_owned(),
            }),
            other => Err(place.error(shape(other, expected))),
        }
    }

    fn shape(&self, value: &Value, expected: &str) -> Error {
        self.place.error(shape(value, expected))
    }
}

fn shape(value: &Value, expected: &str) -> String {
    match value {
        Value::Nothing => format!("there is no value: give {expected}, or remove the key"),
        Value::Scalar(text) => format!("expected {expected}, found the text {}", quote(text)),
        Value::List(_) => format!("expected {expected}, found a list"),
        Value::Map(_) => format!("expected {expected}, found a mapping"),
    }
}
