//! The lines of `check`: what is well, what is worth knowing, and what is a problem.

use anyhow::{Result, bail};

use crate::stdio;

/// Prints each finding at once, and counts the problems.
#[derive(Default)]
pub struct Findings {
    /// The name of the GitLab that the next findings are about, where there are several.
    pub about: Option<String>,
    problems: usize,
    unprinted: Option<anyhow::Error>,
}

impl Findings {
    pub fn good(&mut self, text: impl AsRef<str>) {
        self.print("ok  ", text.as_ref());
    }

    pub fn note(&mut self, text: impl AsRef<str>) {
        self.print("note", text.as_ref());
    }

    pub fn problem(&mut self, text: impl AsRef<str>) {
        self.problems += 1;
        self.print("FAIL", text.as_ref());
    }

    /// # Errors
    /// If there was a problem, or a finding could not be printed.
    pub fn end(self) -> Result<()> {
        match (self.unprinted, self.problems) {
            (Some(error), _) => Err(error),
            (None, 0) => Ok(()),
            (None, 1) => bail!("1 problem"),
            (None, problems) => bail!("{problems} problems"),
        }
    }

    fn print(&mut self, word: &str, text: &str) {
        let line = match &self.about {
            Some(name) => format!("{word}  {name}: {text}\n"),
            None => format!("{word}  {text}\n"),
        };
        if let Err(error) = stdio::print(&[line]) {
            self.unprinted.get_or_insert(error);
        }
    }
}
