//! How much memory the process may take.

use serde_json::{Value as Json, json};

use super::queue::{shown_size, size_of};
use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::configuration::MemoryChoice;
use crate::config::error::Error;
use crate::config::input::Input;

/// `auto`, `none`, a share such as `80%`, or a size.
pub struct Memory(pub Field<MemoryChoice>);

/// Less does not even hold the program.
const LEAST: u64 = 1 << 20;

impl Value for Memory {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let text = input.text()?;
        let word = text.text.trim().to_ascii_lowercase();
        let share = word.strip_suffix('%').map(|share| share.trim().parse());
        let choice = match (word.as_str(), share) {
            ("auto", _) => Some(MemoryChoice::Auto),
            ("none" | "off", _) => Some(MemoryChoice::Unlimited),
            (_, Some(Ok(share @ 1..=100))) => Some(MemoryChoice::Share(share)),
            (_, Some(_)) => None,
            (word, None) => size_of(word)
                .filter(|size| *size >= LEAST)
                .map(MemoryChoice::Bytes),
        };
        *self.0(builder) = choice.ok_or_else(|| {
            text.unexpected("auto, none, a share such as 80%, or a size such as 512MiB")
        })?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(match *self.0(builder) {
            MemoryChoice::Auto => "auto".to_owned(),
            MemoryChoice::Unlimited => "none".to_owned(),
            MemoryChoice::Share(share) => format!("{share}%"),
            MemoryChoice::Bytes(bytes) => shown_size(bytes),
        })
    }

    fn schema(&self) -> Option<Json> {
        let words = "[Aa][Uu][Tt][Oo]|[Nn][Oo][Nn][Ee]|[Oo][Ff][Ff]";
        let pattern = format!(r"^\s*({words}|[0-9]+\s*(%|([KMGkmg][Ii]?)?[Bb])?)\s*$");
        Some(json!({"type": ["string", "integer"], "pattern": pattern}))
    }
}
