//! Questions with an answer to take by Enter, asked again until the answer holds.

use anyhow::{Result, anyhow};

use crate::app::misconfigured::misconfigured;
use crate::app::terminal;
use crate::stdio;

/// Asks whoever is there.
pub struct Questions {
    /// Whether nobody is to be asked.
    silent: bool,
    /// Whether there are no more answers.
    ended: bool,
}

/// One question.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub text: &'a str,
    /// What Enter stands for; without it there must be an answer.
    pub default: Option<&'a str>,
    /// Whether somebody must answer, be it by Enter: the end of all answers stands for nothing then.
    pub is_needed: bool,
    /// What says it without a question.
    pub said_by: &'a str,
}

impl Questions {
    /// Asks nobody if `silent`.
    pub fn new(silent: bool) -> Questions {
        Questions {
            silent,
            ended: false,
        }
    }

    /// Asks until `right` takes the answer. What is wrong with one is said before it is asked again.
    ///
    /// # Errors
    /// If there is no answer, or none more after one that was not right.
    pub async fn until_right<T>(
        &mut self,
        question: Question<'_>,
        right: impl AsyncFn(&str) -> Result<T>,
    ) -> Result<T> {
        let mut wrong = None;
        loop {
            let said = match self.silent {
                true => None,
                false => self.line(question)?,
            };
            let answer = match (said.filter(|said| !said.is_empty()), question.default) {
                (Some(said), _) => said,
                // In a pipe, no answer does not stand for another one than the wrong one before.
                (None, _) if wrong.is_some() && !terminal::is_there() => {
                    return Err(wrong.unwrap_or_else(|| self.missing(question)));
                }
                (None, Some(default)) if !(question.is_needed && self.ended) => default.to_owned(),
                (None, _) => return Err(self.missing(question)),
            };
            match right(&answer).await {
                Ok(taken) => return Ok(taken),
                Err(problem) if self.silent || self.ended => return Err(problem),
                Err(problem) => {
                    say(&format!("{problem:#}"));
                    wrong = Some(problem);
                }
            }
        }
    }

    /// One line of an answer; none if there are no more.
    fn line(&mut self, question: Question<'_>) -> Result<Option<String>> {
        if self.ended {
            return Ok(None);
        }
        let default = question.default.filter(|default| !default.is_empty());
        let default = default.map(|default| format!(" [{default}]"));
        let line = terminal::line(&format!(
            "{}{}: ",
            question.text,
            default.unwrap_or_default()
        ))?;
        self.ended = line.is_none();
        Ok(line)
    }

    fn missing(&self, question: Question<'_>) -> anyhow::Error {
        let why = match self.ended {
            true => "standard input has ended",
            false => "there is no answer",
        };
        misconfigured(anyhow!(
            "{}: {why}; {} says it without a question",
            question.text,
            question.said_by
        ))
    }

    /// Asks for what is not to be seen; none if there is no answer.
    ///
    /// # Errors
    /// If it is broken off.
    pub fn secret(&mut self, question: &str) -> Result<Option<secrecy::SecretString>> {
        if self.silent || self.ended {
            return Ok(None);
        }
        match terminal::secret(question) {
            Ok(secret) => Ok(Some(secret)),
            Err(error) if terminal::is_there() => Err(error),
            Err(_) => {
                self.ended = true;
                Ok(None)
            }
        }
    }

    /// Whether somebody may answer again.
    pub fn goes_on(&self) -> bool {
        !self.silent && !self.ended
    }
}

/// Says how it goes, beside the questions.
pub fn say(text: &str) {
    stdio::say(format_args!("  {text}"));
}
