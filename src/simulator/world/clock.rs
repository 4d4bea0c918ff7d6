//! What time it is in the model.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that stands until the model is served, runs from then on, or is driven by a test.
#[derive(Clone)]
pub(crate) enum Clock {
    /// The world is not served yet.
    Standing(Timestamp),
    /// As fast as tokio's clock, so that it stands still or leaps where a test pauses that one.
    Running(Timestamp, Instant),
    /// A test says what time it is.
    Given(Arc<dyn Fn() -> Timestamp + Send + Sync>),
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Clock::Standing(now) => *now,
            Clock::Running(start, since) => later(*start, since.elapsed()),
            Clock::Given(clock) => clock(),
        }
    }

    /// Starts a standing clock. Others are left alone.
    pub(crate) fn start(&mut self) {
        if let Clock::Standing(now) = self {
            *self = Clock::Running(*now, Instant::now());
        }
    }

    /// Moves the clock forward, unless a test drives it.
    pub(crate) fn pass(&mut self, elapsed: Duration) {
        match self {
            Clock::Standing(now) | Clock::Running(now, _) => *now = later(*now, elapsed),
            Clock::Given(_) => {}
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Clock({})", self.now())
    }
}

/// `when` plus `elapsed`, or the last time that can be written.
pub(crate) fn later(when: Timestamp, elapsed: Duration) -> Timestamp {
    let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
    when.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
}

/// From one time to a later one; nothing, where it is not later.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

/// A time as HTTP headers tell it.
pub(crate) fn http_date(when: Timestamp) -> String {
    when.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A time as GraphQL tells it: GitLab cuts off what is below a second.
pub(crate) fn in_seconds(when: Timestamp) -> String {
    when.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The day of a time, as REST tells it.
pub(crate) fn in_days(when: Timestamp) -> String {
    when.strftime("%Y-%m-%d").to_string()
}

/// A time as REST tells it, to the millisecond.
pub(crate) fn in_milliseconds(when: Timestamp) -> String {
    when.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
