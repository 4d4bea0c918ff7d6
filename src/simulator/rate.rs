//! The rate limits: the global one, whose headers say where one stands, and those of single endpoints.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::answer::Answer;
use super::clock::{http_date, later};
use super::moods::Moods;

/// The windows that are open now.
#[derive(Debug, Default)]
pub(super) struct Meters {
    global: Meter,
    endpoints: BTreeMap<String, Meter>,
}

impl Meters {
    /// Counts a request against the global limit, if there is one.
    pub(super) fn count(&mut self, moods: &Moods, now: Timestamp) -> Option<Standing> {
        let (limit, window) = moods.rate_limit?;
        Some(self.global.count(limit, window, now))
    }

    /// Counts a request against the limit of its endpoint, and tells whether that is exceeded.
    pub(super) fn endpoint_exceeded(
        &mut self,
        moods: &Moods,
        method: &str,
        resource: &str,
        now: Timestamp,
    ) -> bool {
        let mut limits = moods.endpoint_limits.iter();
        let limit = limits.find(|(endpoint, _)| is_endpoint(endpoint, method, resource));
        let Some((endpoint, &(limit, window))) = limit else {
            return false;
        };
        let meter = self.endpoints.entry(endpoint.clone()).or_default();
        meter.count(limit, window, now).exceeded()
    }
}

/// Whether `GET /projects/:id` is what `/projects/7` or `/projects/group%2Fproject` is read with.
fn is_endpoint(endpoint: &str, method: &str, resource: &str) -> bool {
    let Some((wanted, template)) = endpoint.split_once(' ') else {
        return false;
    };
    let mut parts = resource.trim_end_matches('/').split('/');
    let mut same = template.split('/').all(|wanted| {
        let part = parts.next();
        part == Some(wanted) || (wanted.starts_with(':') && part.is_some())
    });
    same &= parts.next().is_none();
    same && wanted == method
}

/// A window, until it ends, and the requests in it.
#[derive(Debug, Default)]
struct Meter {
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
    fn count(&mut self, limit: u64, window: Duration, now: Timestamp) -> Standing {
        let open = self.window.filter(|(reset, _)| now < *reset);
        let (reset, observed) = open.unwrap_or_else(|| (later(now, window), 0));
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
        answer.set_header("RateLimit-ResetTime", http_date(self.reset));
        answer
    }

    /// Tells where the request stands, as GitLab does on every answer while a limit applies.
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
