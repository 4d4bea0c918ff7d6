//! A strict reader of the Prometheus text format 0.0.4.
//!
//! It takes what the format's writers write and nothing looser: one space between tokens, no
//! timestamps, no blank lines, no empty braces, the help and the type of a metric before its
//! samples, and all of them in one place.

use std::collections::BTreeMap;

use super::{Labels, Series};

/// A parsed exposition.
#[derive(Debug, Default, PartialEq)]
pub struct Exposition {
    /// The metric families by name.
    pub families: BTreeMap<String, Family>,
}

/// A metric family: what one `# TYPE` line speaks about.
#[derive(Debug, Default, PartialEq)]
pub struct Family {
    /// The text of `# HELP`, unescaped.
    pub help: Option<String>,
    /// `gauge`, `counter`, `histogram`, `summary`, or `untyped` when nothing is said.
    pub kind: String,
    /// The series by the name they are written with: the family's own, or with `_bucket`, `_sum`
    /// and `_count`.
    pub samples: BTreeMap<String, Series>,
}

/// Whether a metric is about the bridge and its process; the rest is about GitLab.
pub fn is_own(name: &str) -> bool {
    name.starts_with("gitlab_bridge_") || name.starts_with("process_") || name == TARGET
}

/// The resource, which is beside the metrics in OTLP.
pub const TARGET: &str = "target_info";

impl Exposition {
    /// Reads a whole exposition; an error names the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser::default();
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("the last line does not end".to_owned());
        }
        for (number, line) in text.split_terminator('\n').enumerate() {
            parser
                .line(line)
                .map_err(|error| format!("line {}: {error}: {line}", number + 1))?;
        }
        for family in parser
            .exposition
            .families
            .values_mut()
            .filter(|family| family.kind.is_empty())
        {
            family.kind = "untyped".to_owned();
        }
        Ok(parser.exposition)
    }

    /// The series of a metric, under the name that its lines have: none when there are none.
    pub fn series(&self, name: &str) -> Series {
        let found = self
            .families
            .values()
            .find_map(|family| family.samples.get(name));
        found.cloned().unwrap_or_default()
    }

    /// The value of one series.
    pub fn value<const N: usize>(&self, name: &str, labels: [(&str, &str); N]) -> Option<f64> {
        let samples = self
            .families
            .values()
            .find_map(|family| family.samples.get(name))?;
        samples.get(&super::labels(labels)).copied()
    }
}

#[derive(Default)]
struct Parser {
    exposition: Exposition,
    /// The family whose lines we are in.
    current: String,
}

impl Parser {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            let help = unescape(help, false)?;
            let family = self.enter(name)?;
            if !family.samples.is_empty() {
                return Err("help after the samples".to_owned());
            }
            if family.help.replace(help).is_some() {
                return Err("a second help".to_owned());
            }
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("no type")?;
            if !["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind) {
                return Err(format!("no such type: {kind}"));
            }
            let family = self.enter(name)?;
            if !family.samples.is_empty() {
                return Err("the type after the samples".to_owned());
            }
            if !std::mem::replace(&mut family.kind, kind.to_owned()).is_empty() {
                return Err("a second type".to_owned());
            }
        } else if !line.starts_with("# ") {
            self.sample(line)?;
        }
        Ok(())
    }

    /// The family of this name, which is new or the one we are in: families must not be
    /// interleaved.
    fn enter(&mut self, name: &str) -> Result<&mut Family, String> {
        if !is_name(name, ":") {
            return Err(format!("not a metric name: {name:?}"));
        }
        if self.current != name {
            if self.exposition.families.contains_key(name) {
                return Err(format!("{name} was already left"));
            }
            self.current = name.to_owned();
        }
        Ok(self.exposition.families.entry(name.to_owned()).or_default())
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let name_end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, rest) = line.split_at(name_end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => parse_labels(rest)?,
            None => (Labels::new(), rest),
        };
        let value = parse_value(rest.strip_prefix(' ').ok_or("no space before the value")?)?;

        let family_name = self.family_of(name, &labels)?;
        let family = self.enter(&family_name)?;
        if family
            .samples
            .entry(name.to_owned())
            .or_default()
            .insert(labels, value)
            .is_some()
        {
            return Err("this series is already there".to_owned());
        }
        Ok(())
    }

    /// The family that a sample belongs to: the one we are in, when its type has samples of such a
    /// name.
    fn family_of(&self, name: &str, labels: &Labels) -> Result<String, String> {
        let family = self.exposition.families.get(&self.current);
        let suffix = name.strip_prefix(self.current.as_str());
        let (Some(family), Some(suffix)) = (family, suffix) else {
            return Ok(name.to_owned());
        };
        match (family.kind.as_str(), suffix) {
            ("histogram", "_bucket") => match labels.get("le") {
                Some(bound) if parse_value(bound).is_ok() => Ok(self.current.clone()),
                _ => Err("a bucket without its bound".to_owned()),
            },
            ("histogram" | "summary", "_sum" | "_count") => Ok(self.current.clone()),
            ("histogram", "") => Err("a histogram has no sample of its own name".to_owned()),
            ("summary", "") if !labels.contains_key("quantile") => {
                Err("a quantile without its label".to_owned())
            }
            _ => Ok(name.to_owned()),
        }
    }
}

/// Reads the labels after `{` and returns what follows `}`.
fn parse_labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        let (name, value_on) = rest.split_once("=\"").ok_or("a label without a value")?;
        if !is_name(name, "") || name.starts_with("__") {
            return Err(format!("not a label name: {name:?}"));
        }
        let end = closing_quote(value_on).ok_or("a label value that does not end")?;
        if labels
            .insert(name.to_owned(), unescape(&value_on[..end], true)?)
            .is_some()
        {
            return Err(format!("label {name} twice"));
        }
        rest = &value_on[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        rest = rest
            .strip_prefix(',')
            .ok_or("neither another label nor the end of the labels")?;
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Undoes the escapes: `\\` and `\n`, and in a label value `\"` too.
fn unescape(text: &str, quotes: bool) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') if quotes => '"',
                other => {
                    return Err(format!(
                        "no such escape: \\{}",
                        other.map(String::from).unwrap_or_default()
                    ));
                }
            },
            other => other,
        });
    }
    Ok(plain)
}

fn parse_value(text: &str) -> Result<f64, String> {
    match text {
        "NaN" => Ok(f64::NAN),
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        // Rust also reads names of infinity; the format has only the ones above.
        _ if text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) =>
        {
            text.parse().map_err(|_| format!("not a number: {text:?}"))
        }
        _ => Err(format!("not a number: {text:?}")),
    }
}

/// Letters, digits, underscores and the characters of `also`, with no digit first.
fn is_name(name: &str, also: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|character| {
            character.is_ascii_alphanumeric() || character == '_' || also.contains(character)
        })
}
