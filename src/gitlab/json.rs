//! Reading JSON within bounds: what a document will take in memory is known before it is read.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The most memory that a document may take. Two megabytes of answer, twice the largest page we
/// ask for, take less than two thirds of it; a few megabytes of `[{"":0},{"":0},…` would take eighty
/// times their size.
pub(super) const HEAVIEST: usize = 64 * 1024 * 1024;

/// A document so small cannot be too heavy: no text grows more than a hundredfold.
const LIGHT: usize = HEAVIEST / 128;

/// A value in a list whose room was doubled when it grew.
const ITEM: usize = 2 * size_of::<Value>();

/// A node of a map, which has room for eleven members and is half full when members come in order.
const NODE: usize = 11 * (size_of::<Value>() + size_of::<String>()) + 32;
const MEMBERS_OF_A_NODE: usize = 6;

/// What the allocator adds to a piece of text.
const TEXT: usize = 32;

/// Why a document is not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    TooHeavy,
    NotJson,
}

/// Reads a document that takes no more memory than that, and no more than [`HEAVIEST`].
pub(super) fn read(text: &[u8], most: usize) -> Result<Value, Unread> {
    if text.len() > LIGHT.min(most / 128) && !is_within(text, most)? {
        return Err(Unread::TooHeavy);
    }
    serde_json::from_slice(text).map_err(|_| Unread::NotJson)
}

/// Whether a document takes no more memory than that. Nothing of it is kept meanwhile.
fn is_within(text: &[u8], most: usize) -> Result<bool, Unread> {
    let left = Cell::new(Some(most));
    let mut reader = serde_json::Deserializer::from_slice(text);
    let weighed = Scales { left: &left }.deserialize(&mut reader);
    match (weighed, left.get()) {
        (_, None) => Ok(false),
        (Ok(()), _) => Ok(true),
        (Err(_), _) => Err(Unread::NotJson),
    }
}

/// Adds up what the values of a document take.
#[derive(Clone, Copy)]
struct Scales<'a> {
    /// What may still be added; none once it is too much.
    left: &'a Cell<Option<usize>>,
}

impl Scales<'_> {
    fn add<E: Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.left.get().and_then(|left| left.checked_sub(bytes));
        self.left.set(left);
        left.map(drop).ok_or_else(|| E::custom("too heavy"))
    }
}

impl<'de> DeserializeSeed<'de> for Scales<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scales<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    // What has no parts stands in its list or map, whose room is added there.
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.add(TEXT + text.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {
            self.add(ITEM)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        for number in 0.. {
            if members.next_key_seed(self)?.is_none() {
                break;
            }
            if number % MEMBERS_OF_A_NODE == 0 {
                self.add(NODE)?;
            }
            members.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn repeated(item: &str, bytes: usize) -> Vec<u8> {
        let items = vec![item; bytes / (item.len() + 1)];
        format!("[{}]", items.join(",")).into_bytes()
    }

    #[test]
    fn what_grows_beyond_measure_when_it_is_read_is_too_heavy() {
        for item in ["0", "[]", "\"\"", r#"{"":0}"#, "[[[[[[0]]]]]]"] {
            let text = repeated(item, 4 * MIB);
            assert!(
                matches!(read(&text, HEAVIEST), Err(Unread::TooHeavy)),
                "{item}"
            );
        }
    }

    #[test]
    fn with_less_memory_less_is_read() {
        let text = repeated(r#"{"":0}"#, MIB / 8);
        assert!(read(&text, HEAVIEST).is_ok());
        assert_eq!(read(&text, 4 * MIB), Err(Unread::TooHeavy));
    }

    #[test]
    fn the_largest_page_we_ask_for_is_not_too_heavy() {
        let project = r#"{"id":"gid://gitlab/Project/4711","fullPath":"group/subgroup/project","lastActivityAt":
            "2026-11-26T12:00:00Z","statistics":{"commitCount":1234.0,"storageSize":123456789.0,"repositorySize":1.0},
            "opened":{"count":12},"merged":{"count":123},"closed":{"count":4},"issues":{"opened":1,"closed":2},
            "releases":{"count":3},"pipelines":{"count":77},"starCount":5,"forksCount":6}"#;
        assert!(read(&repeated(project, 2 * MIB), HEAVIEST).is_ok());
        assert!(is_within(&repeated(project, 2 * MIB), HEAVIEST * 2 / 3).unwrap());
    }

    #[test]
    fn what_is_called_light_can_not_be_heavy() {
        for item in [r#"{"":0}"#, "0", "\"\"", "[]"] {
            assert!(
                is_within(&repeated(item, LIGHT), HEAVIEST).unwrap(),
                "{item}"
            );
        }
    }

    #[test]
    fn a_broken_document_is_no_json_however_large() {
        let mut text = repeated(&"1".repeat(100), MIB);
        text.pop();
        assert_eq!(read(&text, HEAVIEST), Err(Unread::NotJson));
        assert_eq!(read(b"", HEAVIEST), Err(Unread::NotJson));
    }
}
