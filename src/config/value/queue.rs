//! Where messages wait, how many and for how long.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::number::{duration, duration_schema};
use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::error::Error;
use crate::config::input::{Input, Raw, Text};
use crate::config::yaml::Content;
use crate::export::QueueConfig;

/// `on`, `off`, or a mapping of path, size and age.
pub struct Queue(pub Field<QueueConfig>);

/// From what a message takes to what no receiver wants to catch up with.
const SIZE: RangeInclusive<u64> = (1 << 20)..=(1 << 40);
const AGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(31 * 24 * 60 * 60);

/// The units of sizes. The largest first: what is shown is written in it.
const UNITS: [(&str, u64); 7] = [
    ("gib", 1 << 30),
    ("mib", 1 << 20),
    ("kib", 1 << 10),
    ("gb", 1_000_000_000),
    ("mb", 1_000_000),
    ("kb", 1_000),
    ("b", 1),
];

impl Value for Queue {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let queue = self.0(builder);
        if let Some(word) = word(input)? {
            queue.enabled = match word.text.to_ascii_lowercase().as_str() {
                "on" | "true" => true,
                "off" | "false" | "none" => false,
                _ => return Err(word.unexpected("on, off, or a mapping of path, size and age")),
            };
            return Ok(());
        }
        queue.enabled = true;
        let pairs: Vec<(Text, Text)> =
            input.pairs(|input, node| input.scalar(node, "one value"))?;
        for (key, value) in pairs {
            match key.text.as_str() {
                "path" => queue.path = Some(value.path()?),
                "size" => queue.size = size(&value)?,
                "age" => queue.age = duration(&value, false, &AGE)?,
                _ => return Err(key.unexpected("a setting of the queue: use path, size or age")),
            }
        }
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let queue = self.0(builder);
        let age = humantime::format_duration(queue.age);
        if !queue.enabled {
            return Some("off".to_owned());
        }
        let path = queue.path.as_ref();
        let path = path.map(|path| format!("path: {}, ", path.display()));
        let (path, size) = (path.unwrap_or_default(), shown_size(queue.size));
        Some(format!("{{{path}size: {size}, age: {age}}}"))
    }

    fn schema(&self) -> Option<Json> {
        let size = r"^\s*[0-9]+\s*([KMGkmg][Ii]?)?[Bb]?\s*$";
        Some(json!({"anyOf": [
            {"enum": ["on", "off", true, false]},
            {
                "type": "object",
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "size": {"type": ["string", "integer"], "pattern": size},
                    "age": duration_schema(),
                },
                "additionalProperties": false,
            },
        ]}))
    }
}

/// The one word that is said; none if there are pairs.
fn word(input: &Input<'_>) -> Result<Option<Text>, Error> {
    Ok(match &input.raw {
        Raw::Yaml(node) if matches!(node.content, Content::Map(_)) => None,
        _ => Some(input.text()?).filter(|text| !text.text.contains('=')),
    })
}

fn size(text: &Text) -> Result<u64, Error> {
    let size = size_of(&text.text).filter(|size| SIZE.contains(size));
    size.ok_or_else(|| text.unexpected("a size from 1MiB to 1024GiB: write for example 256MiB"))
}

/// How many bytes a text such as `256MiB` says.
pub(super) fn size_of(text: &str) -> Option<u64> {
    let written = text.trim().to_ascii_lowercase();
    let digits = written.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = written[digits.len()..].trim();
    let factor = match unit {
        "" => Some(1),
        unit => UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, factor)| *factor),
    };
    let number = digits.trim().parse::<u64>().ok();
    number
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
}

pub(super) fn shown_size(size: u64) -> String {
    let mut units = UNITS.iter();
    let whole = units.find(|(_, factor)| size.is_multiple_of(*factor));
    let (unit, factor) = whole.unwrap_or(&("b", 1));
    let unit = match *unit {
        "gib" => "GiB",
        "mib" => "MiB",
        "kib" => "KiB",
        "gb" => "GB",
        "mb" => "MB",
        "kb" => "kB",
        _ => "B",
    };
    format!("{}{unit}", size / factor)
}
