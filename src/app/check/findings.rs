//! What `check` finds: what is well, what is worth knowing, and what is a problem.

use anyhow::{Error, Result, anyhow};
use serde_json::{Map, Value, json};

use crate::app::misconfigured::{Misconfigured, misconfigured};
use crate::cli::ReportFormat;
use crate::logged;
use crate::prose::counted;
use crate::stdio;

/// One thing that was found.
pub struct Finding {
    /// What was looked at: a name that stays.
    check: &'static str,
    level: Level,
    text: String,
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
        ..problem(check, format!("{error:#}"))
    }
}

impl Finding {
    fn new(check: &'static str, level: Level, text: impl Into<String>) -> Finding {
        Finding {
            check,
            level,
            text: text.into(),
            details: Map::new(),
            of_settings: false,
        }
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

    fn line(&self, about: Option<&str>) -> String {
        let word = match self.level {
            Level::Good => "ok  ",
            Level::Note => "note",
            Level::Problem => "FAIL",
        };
        match about {
            Some(name) => format!("{word}  {name}: {}\n", self.text),
            None => format!("{word}  {}\n", self.text),
        }
    }

    fn json(self, about: Option<&str>) -> Value {
        let level = match self.level {
            Level::Good => "ok",
            Level::Note => "note",
            Level::Problem => "problem",
        };
        let mut finding = self.details;
        finding.insert("check".to_owned(), self.check.into());
        finding.insert("level".to_owned(), level.into());
        finding.insert("instance".to_owned(), about.into());
        finding.insert("text".to_owned(), self.text.into());
        Value::Object(finding)
    }
}

impl Findings {
    pub fn new(format: ReportFormat) -> Findings {
        Findings {
            about: None,
            format,
            told: Vec::new(),
            problems: 0,
            of_settings: false,
            unprinted: None,
        }
    }

    pub fn tell(&mut self, finding: Finding) {
        self.problems += usize::from(finding.level == Level::Problem);
        self.of_settings |= finding.of_settings;
        let about = self.about.as_deref();
        match self.format {
            ReportFormat::Json => self.told.push(finding.json(about)),
            ReportFormat::Text => {
                if let Err(error) = stdio::print(&[finding.line(about)]) {
                    self.unprinted.get_or_insert(error);
                }
            }
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
