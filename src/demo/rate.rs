//! The global rate limit: so many requests in a window, and headers that say where one stands.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::Answer;

/// The window that is open now.
#[derive(Debug, Default)]
pub(super) struct Meter {
    window: Option<(Timestamp, u64)>,
}

/// Where a request stands in its window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    limit: u64,
    observed: u64,
    reset: Timestamp,
    now: Timestamp,
}

impl Meter {
    /// Counts a request.
    pub(super) fn count(&mut self, limit: u64, window: Duration, now: Timestamp) -> Standing {
        let open = self.window.filter(|(reset, _)| now < *reset);
        let fresh = || (now.saturating_add(window).unwrap_or(Timestamp::MAX), 0);
        let (reset, observed) = open.unwrap_or_else(fresh);
        self.window = Some((reset, observed + 1));
        Standing {
            limit,
            observed: observed + 1,
            reset,
            now,
        }
    }
}

impl Standing {
    pub(super) fn exceeded(&self) -> bool {
        self.observed > self.limit
    }

    /// The refusal, with the seconds until the window ends rounded up.
    pub(super) fn refusal(&self) -> Answer {
        let wait = self.reset.duration_since(self.now).as_secs_f64().ceil();
        let mut answer = Answer::retry_later(wait.max(1.0) as u64);
        let day = self.reset.strftime("%a, %d %b %Y %H:%M:%S GMT");
        answer.header("RateLimit-ResetTime", day.to_string());
        answer
    }

    /// Tells where the request stands, as GitLab does on every answer while a limit applies.
    pub(super) fn announce(&self, answer: &mut Answer) {
        let remaining = self.limit.saturating_sub(self.observed);
        let reset = (self.reset.as_millisecond() as f64 / 1000.0).ceil() as i64;
        answer.header("RateLimit-Limit", self.limit.to_string());
        answer.header("RateLimit-Observed", self.observed.to_string());
        answer.header("RateLimit-Remaining", remaining.to_string());
        answer.header("RateLimit-Reset", reset.to_string());
        answer.header("RateLimit-Name", "throttle_authenticated_api");
    }
}
