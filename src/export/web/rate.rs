//! How many requests are answered: a bucket that fills by one each interval, up to a burst.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// A limit of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub interval: Duration,
    pub burst: u32,
}

/// When the bucket is full again. It lies before now when it is full.
#[derive(Default)]
pub struct Bucket(Mutex<Option<Instant>>);

impl Bucket {
    /// Takes one request out; false if there is none.
    pub fn take(&self, rate: &Rate, now: Instant) -> bool {
        let mut full = lock(&self.0);
        let next = full.unwrap_or(now).max(now) + rate.interval;
        if next > now + rate.interval * rate.burst {
            return false;
        }
        *full = Some(next);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let (bucket, start) = (Bucket::default(), Instant::now());
        let rate = Rate {
            interval: Duration::from_secs(1),
            burst: 3,
        };
        let take = |milliseconds| bucket.take(&rate, start + Duration::from_millis(milliseconds));
        assert_eq!(
            [0, 0, 0, 0, 500].map(take),
            [true, true, true, false, false]
        );
        assert_eq!([1_000, 1_000, 9_000].map(take), [true, false, true]);
        assert_eq!([9_000, 9_000, 9_000].map(take), [true, true, false]);
    }
}
