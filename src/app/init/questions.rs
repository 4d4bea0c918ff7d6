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
        loop {
            let answer = self.answer(question)?;
            let problem = match right(&answer).await {
                Ok(taken) => return Ok(taken),
                Err(problem) => problem,
            };
            if self.silent || self.ended {
                return Err(problem);
            }
            say(&format!("{problem:#}"));
            if terminal::is_there() {
                continue;
            }
            // Enter does not stand for what was answered wrongly.
            match self.line(question)? {
                Some(answer) if !answer.is_empty() => match right(&answer).await {
                    Ok(taken) => return Ok(taken),
                    Err(problem) => say(&format!("{problem:#}")),
                },
                _ => return Err(problem),
            }
        }
    }

    /// The answer to a question, or what Enter stands for.
    fn answer(&mut self, question: Question<'_>) -> Result<String> {
        let said = match self.silent {
            true => None,
            false => self.line(question)?,
        };
        let said = said.filter(|said| !said.is_empty());
        match (said, question.default) {
            (Some(said), _) => Ok(said),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(self.missing(question)),
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
