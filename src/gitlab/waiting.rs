//! What holds requests back, so that whoever waits for an answer can say why it takes long.

use std::fmt;
use std::time::Duration;

use super::budget::Budget;
use super::error::whole_seconds;

/// Requests are held back; its text says for how long and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// For how much longer.
    pub remaining: Duration,
    pub held_back_by: HeldBackBy,
}

/// Whose limit holds requests back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBackBy {
    Budget(Budget),
    /// What GitLab asks for, in its headers or by refusing.
    GitLab,
    /// `gitlab.requests_per_second`.
    Pace,
}

impl fmt::Display for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "waiting {} for ", whole_seconds(self.remaining))?;
        match self.held_back_by {
            HeldBackBy::Budget(budget) => write!(
                formatter,
                "the request budget ({}/h, {}/m); raise poll.budget if GitLab allows more",
                budget.per_hour, budget.per_minute
            ),
            HeldBackBy::GitLab => formatter.write_str("GitLab's rate limit"),
            HeldBackBy::Pace => formatter
                .write_str("the next request; raise gitlab.requests_per_second to go faster"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_long_and_what_to_do() {
        let remaining = Duration::from_millis(33_100);
        let waiting = |held_back_by| {
            let waiting = Waiting {
                remaining,
                held_back_by,
            };
            waiting.to_string()
        };
        assert_eq!(
            waiting(HeldBackBy::Budget(Budget::GITLAB_COM)),
            "waiting 34s for the request budget (4500/h, 90/m); raise poll.budget if GitLab allows more"
        );
        assert_eq!(
            waiting(HeldBackBy::GitLab),
            "waiting 34s for GitLab's rate limit"
        );
    }
}
