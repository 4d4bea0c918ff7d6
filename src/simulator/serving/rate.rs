//! Counts requests against the rate limits: the global one, whose headers tell how much is left, and
//! those of single endpoints.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::simulator::answer::Answer;
use crate::simulator::rest::route;
use crate::simulator::world::clock::{http_date, later};
use crate::simulator::world::rate_limits::{RateLimit, RateLimits};

/// The windows that are open now.
#[derive(Debug, Default)]
pub(super) struct Windows {
    global: Window,
    endpoints: BTreeMap<String, Window>,
}

impl Windows {
    /// Counts a request against the global limit, if there is one.
    pub(super) fn count(&mut self, limits: &RateLimits, now: Timestamp) -> Option<RateUse> {
        Some(self.global.count(limits.global?, now))
    }

    /// Counts a request against the limit of its endpoint, and tells whether that is exceeded.
    pub(super) fn endpoint_exceeded(
        &mut self,
        limits: &RateLimits,
        method: &str,
        resource: &str,
        now: Timestamp,
    ) -> bool {
        let mut limits = limits.endpoints.iter();
        let limit = limits.find(|(endpoint, _)| is_endpoint(endpoint, method, resource));
        let Some((endpoint, &limit)) = limit else {
            return false;
        };
        let window = self.endpoints.entry(endpoint.clone()).or_default();
        window.count(limit, now).exceeded()
    }
}

/// Whether `GET /projects/:id` is what `/projects/7` or `/projects/group%2Fproject` is read with.
fn is_endpoint(endpoint: &str, method: &str, resource: &str) -> bool {
    let parts = endpoint.split_once(' ');
    parts.is_some_and(|(wanted, template)| {
        wanted == method && route::named_in(template, resource).is_some()
    })
}

/// When a window ends, and the requests in it.
#[derive(Debug, Default)]
struct Window {
    open: Option<(Timestamp, u64)>,
}

/// How much of a limit is used up, with the request that was counted last.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateUse {
    limit: u64,
    observed: u64,
    reset: Timestamp,
    now: Timestamp,
}

impl Window {
    fn count(&mut self, (limit, window): RateLimit, now: Timestamp) -> RateUse {
        let open = self.open.filter(|(reset, _)| now < *reset);
        let (reset, observed) = open.unwrap_or_else(|| (later(now, window), 0));
        self.open = Some((reset, observed + 1));
        RateUse {
            limit,
            observed: observed + 1,
            reset,
            now,
        }
    }
}

impl RateUse {
    pub(super) fn exceeded(&self) -> bool {
        self.observed > self.limit
    }

    /// The refusal, with the seconds until the window ends rounded up.
    pub(super) fn refusal(&self) -> Answer {
        let wait = self.reset.duration_since(self.now).as_secs_f64().ceil();
        let mut answer = Answer::retry_later(wait.max(1.0) as u64);
        answer.set_header("RateLimit-ResetTime", http_date(self.reset));
        answer
    }

    /// Adds the headers that GitLab sends with every answer while a limit applies.
    pub(super) fn announce(&self, answer: &mut Answer) {
        let remaining = self.limit.saturating_sub(self.observed);
        let reset = (self.reset.as_millisecond() as f64 / 1000.0).ceil() as i64;
        answer.set_header("RateLimit-Limit", self.limit.to_string());
        answer.set_header("RateLimit-Observed", self.observed.to_string());
        answer.set_header("RateLimit-Remaining", remaining.to_string());
        answer.set_header("RateLimit-Reset", reset.to_string());
        answer.set_header("RateLimit-Name", "throttle_authenticated_api");
    }
}
