//! YAML as a tree that remembers where each part is written. What it means is not decided here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::localizer::Localizer;
use serde_saphyr::{Location, Spanned, UserMessageFormatter};

use super::environment::Environment;
use super::error::{Error, Place};
use super::variables;

/// No setting is nested as deep. What is deeper would be read until the stack is used up.
const DEEPEST: usize = 32;

/// Line and column, from 1.
pub type Position = (u64, u64);

/// A value in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub position: Position,
    pub content: Content,
    /// How a text is written that variables have a part in.
    pub written: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// `null`, `~` or nothing.
    Nothing,
    /// Text, a number or a boolean: as it is spelt.
    Scalar(String),
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Parses one document.
    ///
    /// # Errors
    /// If it is no YAML, repeats a key or holds several documents.
    pub fn parse(file: &str, text: &str) -> Result<Node, Error> {
        let place = |position| Place::File {
            file: file.to_owned(),
            position,
            key: None,
        };
        let options = serde_saphyr::options! {
            strict_booleans: true,
            with_snippet: false,
            budget: serde_saphyr::budget! { max_depth: DEEPEST },
        };
        let text = variables::hidden(text);
        let parsed = serde_saphyr::from_str_with_options::<Spanned<Parsed>>(&text, options);
        let parsed = parsed.map_err(|error| {
            let position = error.location().map(position);
            let formatter = UserMessageFormatter;
            let problem = error.render_with_formatter(&formatter.with_localizer(&Unplaced));
            place(position).error(variables::shown(&problem))
        })?;
        Ok(node(parsed, &text))
    }

    /// Whether a node at this position is this one or below it.
    pub fn contains(&self, position: Position) -> bool {
        self.position == position
            || match &self.content {
                Content::Nothing | Content::Scalar(_) => false,
                Content::List(items) => items.iter().any(|item| item.contains(position)),
                Content::Map(entries) => entries.iter().any(|(_, value)| value.contains(position)),
            }
    }

    /// Puts the values of variables into the texts below, but for the keys of mappings.
    ///
    /// # Errors
    /// With the position of the text, if a variable is not set or not named as one.
    pub fn replace_variables(
        &mut self,
        environment: &Environment,
    ) -> Result<(), (Position, String)> {
        match &mut self.content {
            Content::Nothing => Ok(()),
            Content::List(items) => {
                let mut items = items.iter_mut();
                items.try_for_each(|item| item.replace_variables(environment))
            }
            Content::Map(entries) => {
                let mut entries = entries.iter_mut();
                entries.try_for_each(|(_, value)| value.replace_variables(environment))
            }
            Content::Scalar(text) => match variables::replaced(text, environment) {
                Ok(None) => Ok(()),
                Ok(Some(replaced)) => {
                    self.written = Some(std::mem::replace(text, replaced));
                    Ok(())
                }
                Err(problem) => Err((self.position, problem)),
            },
        }
    }
}

/// What the deserializer sees. The spelling of numbers is lost here and found again in the text.
enum Parsed {
    Nothing,
    Text(String),
    Spelt,
    List(Vec<Spanned<Parsed>>),
    Map(Vec<(Spanned<Parsed>, Spanned<Parsed>)>),
}

fn node(part: Spanned<Parsed>, text: &str) -> Node {
    let content = match part.value {
        Parsed::Nothing => Content::Nothing,
        Parsed::Text(text) => Content::Scalar(variables::shown(&text)),
        Parsed::Spelt => Content::Scalar(spelling(part.defined, text).to_owned()),
        Parsed::List(items) => {
            Content::List(items.into_iter().map(|item| node(item, text)).collect())
        }
        Parsed::Map(entries) => {
            let entries = entries.into_iter();
            Content::Map(
                entries
                    .map(|(key, value)| (node(key, text), node(value, text)))
                    .collect(),
            )
        }
    };
    Node {
        position: position(part.referenced),
        content,
        written: None,
    }
}

fn position(location: Location) -> (u64, u64) {
    (location.line(), location.column())
}

fn spelling(location: Location, text: &str) -> &str {
    let span = location.span();
    let (Some(from), Some(length)) = (span.byte_offset(), span.byte_len()) else {
        return "";
    };
    let (from, length) = (from as usize, length as usize);
    text.get(from..from + length).unwrap_or_default().trim()
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parsed, D::Error> {
        deserializer.deserialize_any(ParsedVisitor)
    }
}

struct ParsedVisitor;

/// What is neither text nor nothing is taken as it is spelt.
macro_rules! spelt {
    ($($visit:ident: $type:ty),*) => {$(
        fn $visit<E>(self, _: $type) -> Result<Parsed, E> {
            Ok(Parsed::Spelt)
        }
    )*};
}

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a setting")
    }

    fn visit_unit<E>(self) -> Result<Parsed, E> {
        Ok(Parsed::Nothing)
    }

    fn visit_none<E>(self) -> Result<Parsed, E> {
        Ok(Parsed::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parsed, D::Error> {
        Parsed::deserialize(deserializer)
    }

    fn visit_str<E>(self, text: &str) -> Result<Parsed, E> {
        Ok(Parsed::Text(text.to_owned()))
    }

    spelt!(visit_bool: bool, visit_i64: i64, visit_u64: u64);
    spelt!(visit_i128: i128, visit_u128: u128, visit_f64: f64);

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Parsed, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Parsed::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Parsed, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = mapping.next_entry()? {
            entries.push(entry);
        }
        Ok(Parsed::Map(entries))
    }
}

/// Leaves positions out of messages: ours begin with them.
struct Unplaced;

impl Localizer for Unplaced {
    fn attach_location<'a>(&self, base: Cow<'a, str>, _: Location) -> Cow<'a, str> {
        base
    }
}
