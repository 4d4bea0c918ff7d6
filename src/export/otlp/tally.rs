//! How one export went: what was not taken of it and why, told in one line.

use super::outcome::Why;
use crate::prose::{agree, counted};

/// How one export went.
#[derive(Debug, Default)]
pub struct Tally {
    messages: usize,
    failed: usize,
    /// Each reason once, with how many messages it holds for.
    reasons: Vec<(Why, usize)>,
    /// Whether the receiver could take nothing for now.
    pub is_away: bool,
    /// How many messages wait in the queue since.
    pub kept: usize,
}

/// More reasons than this are not told.
const MOST_REASONS: usize = 3;

impl Tally {
    pub fn taken(&mut self) {
        self.messages += 1;
    }

    pub fn failed(&mut self, why: Why) {
        self.messages += 1;
        self.failed += 1;
        match self.reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => self.reasons.push((why, 1)),
        }
    }

    /// The export as a whole.
    ///
    /// # Errors
    /// Why messages were not taken.
    pub fn outcome(&self) -> Result<(), String> {
        if self.failed == 0 {
            return Ok(());
        }
        let reasons = self.reasons.iter().take(MOST_REASONS);
        let mut told: Vec<String> = reasons
            .map(|(why, count)| match count {
                1 => why.to_string(),
                count => format!("{why} ({count} messages)"),
            })
            .collect();
        let more = self.reasons.len().saturating_sub(MOST_REASONS);
        if more > 0 {
            told.push(format!("and {}", counted(more, "other reason")));
        }
        let told = told.join("; ");
        Err(match self.failed {
            _ if self.is_away || self.messages == 1 => told,
            failed => format!(
                "{failed} of {} messages {} not taken: {told}",
                self.messages,
                agree(failed, "was", "were")
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_together_each_reason_once() {
        let mut tally = Tally::default();
        tally.taken();
        assert_eq!(tally.outcome(), Ok(()));
        for text in ["a", "b", "a", "c", "d"] {
            let hint = (text == "b").then_some("try c");
            let text = text.to_owned();
            tally.failed(Why { text, hint });
        }
        assert_eq!(
            tally.outcome(),
            Err(
                "5 of 6 messages were not taken: a (2 messages); b: try c; c; and 1 other reason"
                    .to_owned()
            )
        );
    }
}
