//! What is wrong with a configuration: where, what, and what would be right.

use std::fmt;

use super::wording::quote;

/// Something is wrong with the configuration. It reads as one line and never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Error {
    pub place: Place,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl Error {
    /// The same, with what is done about it.
    #[must_use]
    pub fn and(self, consequence: &str) -> Error {
        let problem = match self.problem.ends_with('?') {
            true => format!("{} ({consequence})", self.problem),
            false => format!("{}; {consequence}", self.problem),
        };
        Error { problem, ..self }
    }
}

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    File {
        /// The file, as it was named.
        file: String,
        /// The line, from 1, and the column, from 1; none for the file as a whole.
        position: Option<(u64, u64)>,
        /// The setting, if it is about one.
        key: Option<&'static str>,
    },
    /// A variable of the environment.
    Variable(String),
    /// Named without dashes.
    Flag(String),
}

impl Place {
    pub fn error(&self, problem: impl Into<String>) -> Error {
        Error {
            place: self.clone(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File {
                file,
                position,
                key,
            } => {
                formatter.write_str(file)?;
                if let Some((line, column)) = position {
                    write!(formatter, ":{line}:{column}")?;
                }
                match key {
                    Some(key) => write!(formatter, ": {key}"),
                    None => Ok(()),
                }
            }
            // Whoever starts us may give it any name: an error stays a line.
            Place::Variable(name) => formatter.write_str(quote(name).trim_matches('"')),
            Place::Flag(name) => write!(formatter, "--{name}"),
        }
    }
}
