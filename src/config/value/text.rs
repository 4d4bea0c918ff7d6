//! Texts, lists of texts and files.

use std::path::PathBuf;

use globset::GlobBuilder;
use serde_json::{Value as Json, json};

use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::error::Error;
use crate::config::input::Input;
use crate::config::text_file::STANDARD_INPUT;
use crate::config::wording::quote;
use crate::poll::Patterns;

/// Says what is wrong with a text.
type Check = fn(&str) -> Result<(), String>;

/// A text, its check, and the same as a pattern for the schema.
pub struct Line(pub Field<String>, pub Check, pub &'static str);

/// Several texts, or numbers that stand for texts, each checked.
pub struct List(pub Field<Vec<String>>, pub Check, pub &'static str);

/// Patterns for the paths of projects.
pub struct PathPatterns(pub Field<Patterns>);

/// A file, and whether it may be still to be made.
pub struct File(pub Field<Option<PathBuf>>, pub MayBeNew);

pub enum MayBeNew {
    Yes,
    No,
    /// It is there, or standard input stands for it.
    Stream,
}

impl Value for Line {
    fn is_essential(&self) -> bool {
        true
    }

    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        *self.0(builder) = input.text()?.checked(self.1)?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(self.0(builder).clone())
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({"type": "string", "pattern": self.2}))
    }
}

impl Value for List {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        *self.0(builder) = checked(input, self.1)?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(format!("[{}]", self.0(builder).join(", ")))
    }

    fn schema(&self) -> Option<Json> {
        let item = json!({"type": ["string", "integer"], "pattern": self.2, "minimum": 0});
        Some(json!({"type": "array", "items": item}))
    }
}

impl Value for PathPatterns {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let patterns = Patterns::new(checked(input, path_pattern)?);
        *self.0(builder) = patterns.map_err(|error| input.place.error(error.to_string()))?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(format!("[{}]", self.0(builder).texts().join(", ")))
    }

    fn schema(&self) -> Option<Json> {
        let item = json!({"type": "string", "pattern": r"^[^/!\s]$|^[^/!].*[^/]$"});
        Some(json!({"type": "array", "items": item}))
    }
}

impl Value for File {
    fn is_essential(&self) -> bool {
        true
    }

    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let text = input.text()?;
        *self.0(builder) = Some(match self.1 {
            MayBeNew::Yes => text.path()?,
            MayBeNew::No => text.file()?,
            MayBeNew::Stream if text.text == STANDARD_INPUT => PathBuf::from(STANDARD_INPUT),
            MayBeNew::Stream => text.file()?,
        });
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let path = self.0(builder).as_ref();
        path.map(|path| path.display().to_string())
    }

    fn schema(&self) -> Option<Json> {
        Some(path())
    }
}

/// The schema of a path.
pub fn path() -> Json {
    json!({"type": "string", "pattern": r"\S"})
}

fn checked(input: &Input<'_>, check: Check) -> Result<Vec<String>, Error> {
    let items = input.list()?.into_iter();
    items.map(|item| item.checked(check)).collect()
}

fn path_pattern(text: &str) -> Result<(), String> {
    let (shown, right) = (quote(text), "write for example group/** or */website");
    if text.is_empty() || text.starts_with(['/', '!']) || text.ends_with('/') {
        return Err(format!("{shown} matches no path: {right}"));
    }
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    glob.map(drop)
        .map_err(|error| format!("{shown} is not a pattern ({}): {right}", error.kind()))
}

pub const GROUP: &str = r"^[^\s/*?{\[]+(/[^\s/*?{\[]+)*$";

/// A group by full path or id.
pub fn group(text: &str) -> Result<(), String> {
    full_path(text, "a group", "group/subgroup")
}

pub const PROJECT: &str = r"^([0-9]+|[^\s/*?{\[]+(/[^\s/*?{\[]+)+)$";

/// A project by id or full path.
pub fn project(text: &str) -> Result<(), String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok() {
        return Ok(());
    }
    full_path(text, "a project", "group/project or its id")?;
    match text.contains('/') {
        true => Ok(()),
        false => Err(format!(
            "{} is not the full path of a project: write group/project or its id",
            quote(text)
        )),
    }
}

fn full_path(text: &str, what: &str, right: &str) -> Result<(), String> {
    let shown = quote(text);
    if text.contains("://") {
        return Err(format!(
            "{shown} is a URL: name {what} by its path, such as {right}"
        ));
    }
    if text.contains(['*', '?', '{', '[']) {
        return Err(format!(
            "{shown} is a pattern: name {what} by its path, such as {right}; patterns go to include and exclude"
        ));
    }
    let odd = |letter: char| letter.is_whitespace() || letter.is_control();
    if text.is_empty() || text.contains(odd) || text.split('/').any(str::is_empty) {
        return Err(format!("{shown} is not the path of {what}: write {right}"));
    }
    Ok(())
}

pub const LOG_LEVEL: &str = r"^([^,]*=)?\s*(error|warn|info|debug|trace|off)\s*(,([^,]*=)?\s*(error|warn|info|debug|trace|off)\s*)*$";

/// How much is logged; OpenTelemetry has more words for it than we do.
pub struct Level(pub Field<String>);

impl Value for Level {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let mut text = input.text()?;
        if input.is_opentelemetry() {
            text.text = match text.text.to_ascii_lowercase().as_str() {
                "none" => "off".to_owned(),
                "fatal" | "critical" => "error".to_owned(),
                "warning" => "warn".to_owned(),
                "verbose" | "all" => "trace".to_owned(),
                word => word.to_owned(),
            };
        }
        *self.0(builder) = text.checked(log_level)?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(self.0(builder).clone())
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({"type": "string", "pattern": LOG_LEVEL}))
    }
}

/// A level of the log, or `target=level` directives.
pub fn log_level(text: &str) -> Result<(), String> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    for directive in text.split(',') {
        let level = directive.rsplit('=').next().unwrap_or_default().trim();
        if !LEVELS.contains(&level) {
            return Err(format!(
                "{} is not a level: write error, warn, info, debug, trace or off",
                quote(level)
            ));
        }
    }
    Ok(())
}

pub const NOT_EMPTY: &str = r"\S";

pub fn not_empty(text: &str) -> Result<(), String> {
    match text.is_empty() {
        true => Err("it is empty: give a value, or remove it for the default".to_owned()),
        false => Ok(()),
    }
}
