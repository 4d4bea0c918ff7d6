//! A line of the log, as logfmt or as one flat JSON object, with the same fields: `ts`, `level`, `message`, those of
//! the event, and those of the spans around it.

use std::fmt::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;
use crate::stdio::{Colour, Stream};

/// Writes events in the format that this tells, which may be another one for the next line.
pub struct Lines(pub fn() -> LogFormat);

/// The fields of a line, each once, in the order in which they are read.
#[derive(Default)]
struct Line(Vec<(String, Value)>);

impl<S> FormatEvent<S, JsonFields> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let level = event.metadata().level().as_str().to_lowercase();
        let mut own = String::new();
        context.format_fields(Writer::new(&mut own), event)?;
        let mut own = fields(&own);
        let message = own.remove("message").unwrap_or_default();
        let mut line = Line::default();
        line.extend([
            ("ts", time.into()),
            ("level", level.into()),
            ("message", message),
        ]);
        // What the event says itself holds before what stands around it.
        line.extend(own);
        for span in context.event_scope().into_iter().flatten() {
            if let Some(around) = span.extensions().get::<FormattedFields<JsonFields>>() {
                line.extend(fields(around));
            }
        }
        match (self.0)() {
            LogFormat::Text => line.logfmt(writer, level_colour(event.metadata().level())),
            LogFormat::Json => line.json(writer),
        }
    }
}

/// A line in JSON of an error that is no event, as the last words of a command are.
pub fn complaint(now: Timestamp, message: &str) -> String {
    let mut line = Line::default();
    line.extend(
        [
            ("ts", now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()),
            ("level", "error".to_owned()),
            ("message", message.to_owned()),
        ]
        .map(|(key, text)| (key, Value::from(text))),
    );
    let mut text = String::new();
    let _ = line.json(&mut text); // A text takes everything.
    text.trim_end().to_owned()
}

impl Line {
    fn extend<K: Into<String>>(&mut self, fields: impl IntoIterator<Item = (K, Value)>) {
        for (key, value) in fields {
            let key = key.into();
            if self.0.iter().all(|(there, _)| *there != key) {
                self.0.push((key, value));
            }
        }
    }

    fn json(&self, mut writer: impl Write) -> fmt::Result {
        let mut before = '{';
        for (key, value) in &self.0 {
            write!(writer, "{before}{}:{value}", json!(key))?;
            before = ',';
        }
        writeln!(writer, "}}")
    }

    /// Writes it for people, on a terminal with the level in a colour.
    fn logfmt(&self, mut writer: impl Write, colour: Colour) -> fmt::Result {
        let mut before = "";
        for (key, value) in &self.0 {
            write!(writer, "{before}{key}=")?;
            before = " ";
            match value {
                Value::String(level) if key == "level" => {
                    write!(writer, "{}", Stream::Stderr.paint(colour, level))?;
                }
                Value::String(text) if is_plain(text) => write!(writer, "{text}")?,
                value => write!(writer, "{value}")?,
            }
        }
        writeln!(writer)
    }
}

fn level_colour(level: &Level) -> Colour {
    match *level {
        Level::ERROR => Colour::Red,
        Level::WARN => Colour::Yellow,
        Level::INFO => Colour::Green,
        _ => Colour::Dim,
    }
}

/// The fields of an event or a span, as they are formatted.
fn fields(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Whether a text needs no quotes in logfmt.
fn is_plain(text: &str) -> bool {
    let needs_quotes = |letter: char| {
        letter.is_whitespace() || letter.is_control() || matches!(letter, '"' | '=' | '\\')
    };
    !text.is_empty() && !text.contains(needs_quotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_write_numbers_as_such_and_escape_text() {
        let mut line = Line::default();
        line.extend([
            ("message", json!("it can't be \"read\"\nat all")),
            ("count", json!(7)),
            ("took_seconds", json!(0.25)),
            ("reason", json!("budget")),
            ("empty", json!("")),
            ("count", json!(8)),
        ]);
        let (mut text, mut json) = (String::new(), String::new());
        line.logfmt(&mut text, Colour::Red).unwrap();
        line.json(&mut json).unwrap();
        assert_eq!(
            text,
            "message=\"it can't be \\\"read\\\"\\nat all\" count=7 took_seconds=0.25 reason=budget empty=\"\"\n"
        );
        assert_eq!(
            json,
            "{\"message\":\"it can't be \\\"read\\\"\\nat all\",\"count\":7,\"took_seconds\":0.25,\
             \"reason\":\"budget\",\"empty\":\"\"}\n"
        );
    }
}
