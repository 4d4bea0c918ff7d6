//! What one source says of a setting, as texts that know where they are written.

use std::fs;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::{Error, Place};
use super::wording::{quote, split};
use super::yaml::{Content, Node};

/// What one source says of a setting.
pub struct Input<'a> {
    pub place: Place,
    pub raw: Raw<'a>,
    /// Where `${NAME}` in a file comes from.
    pub environment: &'a Environment,
}

/// Each source has its own shape of lists and pairs.
pub enum Raw<'a> {
    Yaml(&'a Node),
    Variable(&'a str),
    /// A flag may be repeated.
    Flag(Vec<String>),
}

/// One text and where it is written.
#[derive(Clone, Debug)]
pub struct Text {
    pub place: Place,
    pub text: String,
    /// How it is written, if variables have a part in it.
    written: Option<String>,
}

impl Text {
    pub fn new(place: &Place, text: impl Into<String>) -> Text {
        Text {
            place: place.clone(),
            text: text.into(),
            written: None,
        }
    }

    /// Whether a variable has a part in it, which may be a secret.
    pub fn is_from_variable(&self) -> bool {
        self.written.is_some() || matches!(self.place, Place::Variable(_))
    }

    /// An error about it. What a variable holds is not shown: it may be a secret in the wrong place.
    pub fn error(&self, problem: impl Into<String>) -> Error {
        let problem = problem.into();
        self.place.error(match &self.written {
            Some(written) => problem.replace(&quote(&self.text), &quote(written)),
            None => problem,
        })
    }

    /// The usual error: the text is not what is `expected`, which says what would be right.
    pub fn unexpected(&self, expected: &str) -> Error {
        self.error(format!("{} is not {expected}", quote(&self.text)))
    }

    /// The text, if there is nothing wrong with it.
    pub fn checked(self, check: fn(&str) -> Result<(), String>) -> Result<String, Error> {
        match check(&self.text) {
            Ok(()) => Ok(self.text),
            Err(problem) => Err(self.error(problem)),
        }
    }

    /// The path it names: from the folder of the configuration file if it is written there, else from
    /// the current one.
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

    /// Like [`Text::path`], of a file that is there.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn file(&self) -> Result<PathBuf, Error> {
        let path = self.path()?;
        let shown = quote(&path.to_string_lossy());
        match fs::metadata(&path) {
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

impl Input<'_> {
    /// The only text.
    ///
    /// # Errors
    /// If it is something else than one text.
    pub fn text(&self) -> Result<Text, Error> {
        match &self.raw {
            Raw::Yaml(node) => self.scalar(node, "one value"),
            Raw::Variable(text) => Ok(self.trimmed(text)),
            Raw::Flag(values) => Ok(self.trimmed(values.last().map_or("", String::as_str))),
        }
    }

    /// A list: a sequence in a file, separated by commas in a variable, repeated as a flag.
    ///
    /// # Errors
    /// If it is something else than a list of texts.
    pub fn list(&self) -> Result<Vec<Text>, Error> {
        match &self.raw {
            Raw::Yaml(node) => match &node.content {
                Content::List(items) => {
                    let items = items.iter();
                    items.map(|item| self.scalar(item, "one value")).collect()
                }
                _ => Err(self.place.error(found(node, "a list, such as [a, b]"))),
            },
            Raw::Variable(text) => Ok(split(text).map(|item| self.trimmed(item)).collect()),
            Raw::Flag(values) => Ok(values.iter().map(|value| self.trimmed(value)).collect()),
        }
    }

    /// Words: a list, or a text that separates them by commas.
    ///
    /// # Errors
    /// If it is something else.
    pub fn words(&self) -> Result<Vec<Text>, Error> {
        if matches!(&self.raw, Raw::Yaml(node) if matches!(node.content, Content::List(_))) {
            return self.list();
        }
        let Text { place, text, .. } = self.text()?;
        Ok(split(&text).map(|word| Text::new(&place, word)).collect())
    }

    /// Pairs: a mapping in a file, whose values are read by `value`, else `key=value,key=value` with
    /// `%xx` for what can't be written. No error shows a value: it may be a secret.
    ///
    /// # Errors
    /// If it is something else.
    pub fn pairs<T: From<Text>>(
        &self,
        value: impl Fn(&Self, &Node) -> Result<T, Error>,
    ) -> Result<Vec<(Text, T)>, Error> {
        let Raw::Yaml(node) = &self.raw else {
            let all = self.text()?;
            let pairs = pairs(&all.text).map_err(|problem| all.error(problem))?;
            // What is written as %20 or %0A is meant: nothing is trimmed any more.
            let text = |text: String| Text::new(&self.place, text);
            let pairs = pairs.into_iter();
            return Ok(pairs
                .map(|(key, value)| (text(key), text(value).into()))
                .collect());
        };
        let Content::Map(entries) = &node.content else {
            let expected = "a mapping, such as {name: value}";
            return Err(self.place.error(found(node, expected)));
        };
        let entries = entries.iter();
        entries
            .map(|(key, node)| Ok((self.scalar(key, "a name")?, value(self, node)?)))
            .collect()
    }

    /// Whether it is written in a variable of OpenTelemetry, where times are in milliseconds.
    pub fn is_opentelemetry(&self) -> bool {
        matches!(&self.place, Place::Variable(name) if name.starts_with("OTEL_"))
    }

    /// The one text of a node.
    ///
    /// # Errors
    /// If it is something else than the `expected`.
    pub fn scalar(&self, node: &Node, expected: &str) -> Result<Text, Error> {
        let place = self.at(node);
        match &node.content {
            Content::Scalar(text) => Ok(Text {
                written: node.written.clone(),
                ..Text::new(&place, text.trim())
            }),
            _ => Err(place.error(found(node, expected))),
        }
    }

    /// The place of a node.
    pub fn at(&self, node: &Node) -> Place {
        let mut place = self.place.clone();
        if let Place::File { position, .. } = &mut place {
            *position = Some(node.position);
        }
        place
    }

    fn trimmed(&self, text: &str) -> Text {
        Text::new(&self.place, text.trim())
    }
}

fn found(node: &Node, expected: &str) -> String {
    match &node.content {
        Content::Nothing => format!("there is no value: give {expected}, or remove the key"),
        Content::Scalar(text) => {
            let text = node.written.as_ref().unwrap_or(text);
            format!("expected {expected}, found the text {}", quote(text))
        }
        Content::List(_) => format!("expected {expected}, found a list"),
        Content::Map(_) => format!("expected {expected}, found a mapping"),
    }
}

/// `key=value,key=value` as in W3C Baggage: `%xx` stands for a byte, and spaces around are nothing.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = text.split(',').map(str::trim);
    let pairs = pairs.filter(|pair| !pair.is_empty()).enumerate();
    let pairs = pairs.map(|(index, pair)| {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(format!(
                "pair {} has no =: write key=value,key=value, and %2C for a comma in a value",
                index + 1
            ));
        };
        let decoded = percent_decode(value.trim()).ok_or_else(|| {
            format!(
                "the value of {} has a % that does not begin a %xx of UTF-8 text: write %25 for %",
                quote(key.trim())
            )
        })?;
        Ok((key.trim().to_owned(), decoded))
    });
    pairs.collect()
}

/// The text in which `%xx` stood for bytes; none if it is not UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        decoded.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(decoded).ok()
}
