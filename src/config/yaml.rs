//! YAML as a tree that remembers where each part is written. What it means is not decided here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::localizer::Localizer;
use serde_saphyr::{Location, Spanned, UserMessageFormatter};

use super::error::{Error, Place};

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Line and column, from 1.
    pub position: (u64, u64),
    /// What is written there.
    pub value: Value,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Nothing,
    /// Text, a number or a boolean: as it is spelt.
    Scalar(String),
    /// A sequence.
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
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        let parsed = serde_saphyr::from_str_with_options::<Spanned<Part>>(text, options);
        let parsed = parsed.map_err(|error| {
            let position = error.location().map(position);
            let formatter = UserMessageFormatter;
            place(position).error(error.render_with_formatter(&formatter.with_localizer(&Unplaced)))
        })?;
        Ok(node(parsed, text))
    }
}

/// What the deserializer sees. The spelling of numbers is lost here and found again in the text.
enum Part {
    Nothing,
    Text(String),
    Spelt,
    List(Vec<Spanned<Part>>),
    Map(Vec<(Spanned<Part>, Spanned<Part>)>),
}

fn node(part: Spanned<Part>, text: &str) -> Node {
    let value = match part.value {
        Part::Nothing => Value::Nothing,
        Part::Text(text) => Value::Scalar(text),
        Part::Spelt => Value::Scalar(spelling(part.defined, text).to_owned()),
        Part::List(items) => Value::List(items.into_iter().map(|item| node(item, text)).collect()),
        Part::Map(entries) => {
            let entries = entries.into_iter();
            Value::Map(
                entries
                    .map(|(key, value)| (node(key, text), node(value, text)))
                    .collect(),
            )
        }
    };
    Node {
        position: position(part.referenced),
        value,
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

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Part, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a setting")
    }

    fn visit_unit<E>(self) -> Result<Part, E> {
        Ok(Part::Nothing)
    }

    fn visit_none<E>(self) -> Result<Part, E> {
        Ok(Part::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Part, D::Error> {
        Part::deserialize(deserializer)
    }

    fn visit_str<E>(self, text: &str) -> Result<Part, E> {
        Ok(Part::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Part, E> {
        Ok(Part::Spelt)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Part, E> {
        Ok(Part::Spelt)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Part, E> {
        Ok(Part::Spelt)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Part, E> {
        Ok(Part::Spelt)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Part, E> {
        Ok(Part::Spelt)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Part, E> {
        Ok(Part::Spelt)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Part, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Part::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Part, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = mapping.next_entry()? {
            entries.push(entry);
        }
        Ok(Part::Map(entries))
    }
}

/// Leaves positions out of messages: ours begin with them.
struct Unplaced;

impl Localizer for Unplaced {
    fn attach_location<'a>(&self, base: Cow<'a, str>, _: Location) -> Cow<'a, str> {
        base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(position: (u64, u64), text: &str) -> Node {
        Node {
            position,
            value: Value::Scalar(text.to_owned()),
        }
    }

    #[test]
    fn every_part_knows_its_place_and_its_spelling() {
        let tree =
            Node::parse("f", "a:\n  - 0x1F\n  - 1.10\n  - \"1.10\"\n  - yes\nb: ~\n").unwrap();
        let Value::Map(entries) = tree.value else {
            panic!("a mapping")
        };
        let items = ["0x1F", "1.10", "1.10", "yes"];
        let items = items
            .iter()
            .zip(2..)
            .map(|(text, line)| scalar((line, 5), text));
        assert_eq!(entries[0].0, scalar((1, 1), "a"));
        assert_eq!(entries[0].1.value, Value::List(items.collect()));
        assert_eq!(entries[1].1.value, Value::Nothing);
    }

    #[test]
    fn an_empty_document_says_nothing() {
        for text in ["", "# nothing\n", "---\n"] {
            assert_eq!(
                Node::parse("f", text).unwrap().value,
                Value::Nothing,
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_no_yaml_is_an_error_with_its_place() {
        let error = |text: &str| Node::parse("bridge.yaml", text).unwrap_err().to_string();
        for (text, problem) in [
            ("a: [1\n", "1:4: unclosed bracket '['"),
            ("a: \"open\n", "1:4: unclosed quote"),
            (
                "a: b: c\n",
                "1:5: mapping values are not allowed in this context",
            ),
            (
                "a:\n\tb: c\n",
                "2:2: tabs disallowed within this context (block indentation)",
            ),
            (
                "a: 1\na: 2\n",
                "2:1: duplicate mapping key `a` is not allowed here",
            ),
            (
                "a: 1\n---\na: 2\n",
                "3:1: only single YAML document expected but multiple found",
            ),
        ] {
            assert_eq!(error(text), format!("bridge.yaml:{problem}"));
        }
    }
}
