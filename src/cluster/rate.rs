//! What may be taken of a budget that replicas share.

use std::time::Duration;

/// A steady rate, and a burst after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How long one request takes to come back into the bucket.
    pub interval: Duration,
    /// How many requests a full bucket holds; at least one, and not necessarily a whole number.
    pub burst: f64,
}

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Be sent: it is paid for.
    Granted,
    /// Ask again after so long. Nothing is reserved.
    Wait(Duration),
}

impl Rate {
    pub(super) fn interval_in_microseconds(&self) -> u64 {
        microseconds(self.interval)
    }

    /// How far ahead of the steady rate requests may be.
    pub(super) fn ahead_in_microseconds(&self) -> u64 {
        microseconds(self.interval.mul_f64(self.burst.max(1.0) - 1.0))
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
