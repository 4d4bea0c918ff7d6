//! What `check` finds: what is well, what is worth knowing, and what is a problem.

use anyhow::{Error, Result, anyhow};
use serde_json::{Map, Value, json};

use super::table::{Row, Table};
use crate::app::misconfigured::{Misconfigured, misconfigured};
use crate::app::progress;
use crate::cli::ReportFormat;
use crate::logged;
use crate::prose::{advised, counted};
use crate::stdio::{self, Colour};

/// What is looked at, by the name of the check that stays, with the area it belongs to.
const AREAS: [(&str, &str); 25] = [
    ("configuration", "configuration"),
    ("proxy", "proxy"),
    ("dns", "dns"),
    ("tls", "tls"),
    ("gitlab", "gitlab"),
    ("version", "version"),
    ("clock", "clock"),
    ("token", "token"),
    ("scopes", "token"),
    ("expiry", "token"),
    ("projects", "selection"),
    ("selection", "selection"),
    ("poll", "poll"),
    ("capabilities", "capabilities"),
    ("subjects", "capabilities"),
    ("subject", "capabilities"),
    ("missing", "capabilities"),
    ("forecast", "forecast"),
    ("state", "state"),
    ("engine", "engine"),
    ("eviction", "engine"),
    ("rights", "engine"),
    ("listen", "exports"),
    ("otlp", "exports"),
    ("web_config", "web"),
];

/// One thing that was found.
pub struct Finding {
    /// What was looked at: a name that stays.
    check: &'static str,
    level: Level,
    text: String,
    /// What to do about it, in sentences.
    advice: Option<String>,
    /// What the text says, for a program.
    details: Map<String, Value>,
    of_settings: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Good,
    Note,
    Problem,
}

/// All findings. As text each is printed at once; as JSON all are, at the end.
pub struct Findings {
    /// The name of the GitLab that the next findings are about, where there are several.
    pub about: Option<String>,
    format: ReportFormat,
    table: Table,
    told: Vec<Value>,
    problems: usize,
    of_settings: bool,
    unprinted: Option<Error>,
}

pub fn good(check: &'static str, text: impl Into<String>) -> Finding {
    Finding::new(check, Level::Good, text)
}

pub fn note(check: &'static str, text: impl Into<String>) -> Finding {
    Finding::new(check, Level::Note, text)
}

pub fn problem(check: &'static str, text: impl Into<String>) -> Finding {
    Finding::new(check, Level::Problem, text)
}

/// A problem that an error tells.
pub fn failed(check: &'static str, error: &Error) -> Finding {
    Finding {
        of_settings: error.is::<Misconfigured>(),
        ..of_two(check, &format!("{error:#}"))
    }
}

/// A problem of a sentence, and what to do about it in those that follow.
pub fn of_two(check: &'static str, text: &str) -> Finding {
    match text.split_once(". ") {
        Some((text, advice)) => problem(check, text).advising(advice),
        None => problem(check, text),
    }
}

impl Finding {
    fn new(check: &'static str, level: Level, text: impl Into<String>) -> Finding {
        Finding {
            check,
            level,
            text: text.into(),
            advice: None,
            details: Map::new(),
            of_settings: false,
        }
    }

    /// Adds what to do about it.
    pub fn advising(mut self, advice: impl Into<String>) -> Finding {
        self.advice = Some(advice.into());
        self
    }

    /// Adds what the text says as a value.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Finding {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a duration, in seconds.
    pub fn with_seconds(self, name: &str, duration: std::time::Duration) -> Finding {
        self.with(name, logged::seconds(duration))
    }

    fn area(&self) -> &'static str {
        let found = AREAS.iter().find(|(check, _)| *check == self.check);
        found.map_or(self.check, |(_, area)| area)
    }

    fn row(&self, about: Option<&str>, table: Table) -> String {
        let (result, colour) = match self.level {
            Level::Good => ("ok", Colour::Green),
            Level::Note => ("note", Colour::Yellow),
            Level::Problem => ("FAIL", Colour::Red),
        };
        let named = about.map(|name| format!("{name}: {}", self.text));
        table.row(&Row {
            area: self.area(),
            result,
            colour,
            found: named.as_ref().unwrap_or(&self.text),
            to_do: self.advice.as_deref(),
        })
    }

    /// As a program reads it: `text` is all that is said of it, what to do included.
    fn json(self, about: Option<&str>) -> Value {
        let level = match self.level {
            Level::Good => "ok",
            Level::Note => "note",
            Level::Problem => "problem",
        };
        let area = self.area();
        let text = match &self.advice {
            Some(advice) => advised(&self.text, advice),
            None => self.text,
        };
        let mut finding = self.details;
        finding.insert("area".to_owned(), area.into());
        finding.insert("check".to_owned(), self.check.into());
        finding.insert("level".to_owned(), level.into());
        finding.insert("instance".to_owned(), about.into());
        finding.insert("text".to_owned(), text.into());
        finding.insert("advice".to_owned(), self.advice.into());
        Value::Object(finding)
    }
}

impl Findings {
    pub fn new(format: ReportFormat) -> Findings {
        let mut findings = Findings {
            about: None,
            format,
            table: Table::on_stdout(),
            told: Vec::new(),
            problems: 0,
            of_settings: false,
            unprinted: None,
        };
        if format == ReportFormat::Text {
            findings.print(&findings.table.head());
        }
        findings
    }

    pub fn tell(&mut self, finding: Finding) {
        self.problems += usize::from(finding.level == Level::Problem);
        self.of_settings |= finding.of_settings;
        let about = self.about.clone();
        match self.format {
            ReportFormat::Json => self.told.push(finding.json(about.as_deref())),
            ReportFormat::Text => self.print(&finding.row(about.as_deref(), self.table)),
        }
    }

    fn print(&mut self, text: &str) {
        if let Err(error) = progress::aside(|| stdio::print(&[text])) {
            self.unprinted.get_or_insert(error);
        }
    }

    /// # Errors
    /// If there was a problem, or a finding could not be printed.
    pub fn end(self) -> Result<()> {
        if self.format == ReportFormat::Json {
            let report = json!({
                "ok": self.problems == 0,
                "problems": self.problems,
                "findings": self.told,
            });
            stdio::print(&[format!("{report:#}\n")])?;
        }
        let problems = match (self.unprinted, self.problems) {
            (Some(error), _) => return Err(error),
            (None, 0) => return Ok(()),
            (None, problems) => anyhow!("{}", counted(problems, "problem")),
        };
        Err(match self.of_settings {
            true => misconfigured(problems),
            false => problems,
        })
    }
}
