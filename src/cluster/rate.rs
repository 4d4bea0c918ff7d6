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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Taken {
    /// Be sent: it is paid for. So many more could be sent at once.
    Granted { left: f64 },
    /// Ask again after so long. Nothing is reserved.
    Wait(Duration),
}

impl Rate {
    pub(super) fn interval_in_microseconds(&self) -> u64 {
        // Rounded up: never more than the rate.
        u64::try_from(self.interval.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
    }

    /// How far ahead of the steady rate requests may be.
    pub(super) fn ahead_in_microseconds(&self) -> u64 {
        let ahead = self.interval.mul_f64(self.burst.max(1.0) - 1.0);
        u64::try_from(ahead.as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_whole_microsecond_is_rounded_so_that_less_is_granted() {
        let rate = Rate {
            interval: Duration::from_nanos(1_500),
            burst: 2.0,
        };
        assert_eq!(rate.interval_in_microseconds(), 2);
        assert_eq!(rate.ahead_in_microseconds(), 1);
    }
}
