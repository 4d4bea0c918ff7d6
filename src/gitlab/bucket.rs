//! A token bucket: a steady rate, and a burst after a quiet time.

use std::time::Duration;

use tokio::time::Instant;

/// Lets one request through each `interval`, and up to `burst` at once after a quiet time.
///
/// However requests arrive, a window of length W, its ends included, sees at most
/// `burst + W / interval` of them.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    interval: Duration,
    /// How far ahead of the steady rate requests may be.
    ahead: Duration,
    /// When the bucket is full again: each request moves it on by one interval.
    full_at: Instant,
}

impl Bucket {
    /// A full bucket. The burst is at least one, and need not be a whole number.
    pub(super) fn full(interval: Duration, burst: f64, now: Instant) -> Bucket {
        Bucket {
            interval,
            ahead: interval.mul_f64(burst.max(1.0) - 1.0),
            full_at: now,
        }
    }

    /// The same bucket with no more in it than this.
    pub(super) fn holding(mut self, level: f64, now: Instant) -> Bucket {
        let full = self.capacity();
        // What is no number is nothing.
        let missing = full - level.max(0.0).min(full);
        self.full_at = now + self.interval.mul_f64(missing);
        self
    }

    /// When a request may pass; that is now, if it is not later.
    pub(super) fn opening(&self, now: Instant) -> Instant {
        let debt = self.full_at.saturating_duration_since(now);
        now + debt.saturating_sub(self.ahead)
    }

    /// Takes what one request costs.
    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + self.interval;
    }

    /// Leaves no burst for that moment: who gathers until then leaves at the steady rate.
    pub(super) fn hold_burst_until(&mut self, until: Instant) {
        self.full_at = self.full_at.max(until + self.ahead);
    }

    /// How many requests may pass at once.
    pub(super) fn level(&self, now: Instant) -> f64 {
        let debt = self.full_at.saturating_duration_since(now);
        (self.capacity() - debt.div_duration_f64(self.interval)).max(0.0)
    }

    fn capacity(&self) -> f64 {
        1.0 + self.ahead.div_duration_f64(self.interval)
    }
}
