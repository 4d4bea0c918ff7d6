//! The request budget: held over any window of an hour and of a minute, restarts included.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::bucket::Bucket;

/// The share of the budget that flows as a steady pace; what is left of it is the burst.
const PACE: f64 = 0.9;

/// How many requests may be sent in any hour and in any minute; both at least one.
///
/// Every exchange counts: retries, redirects and questions about the token too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub per_hour: u32,
    pub per_minute: u32,
}

impl Budget {
    /// Below the limits that GitLab.com has announced for its free plan: 5,000/h and 100/m.
    pub const GITLAB_COM: Budget = Budget {
        per_hour: 4500,
        per_minute: 90,
    };

    /// For a GitLab of one's own, which has no limits unless its administrator sets some: 300
    /// requests at once, then four and a half a second. What limits it does set, it tells in
    /// headers, and the client slows down before it comes to them.
    pub const SELF_MANAGED: Budget = Budget {
        per_hour: 18_000,
        per_minute: 600,
    };

    /// What suits the GitLab at this address where nothing is configured.
    #[must_use]
    pub fn for_host(url: &Url) -> Budget {
        match url.host_str() {
            Some("gitlab.com") => Budget::GITLAB_COM,
            _ => Budget::SELF_MANAGED,
        }
    }

    /// The one bucket that holds both limits.
    ///
    /// A window sees at most `burst + rate * seconds` requests, and that must stay below the limit
    /// plus one. The second added to each window is what keeps it below, for tiny budgets too: a
    /// request an hour needs a burst of one, and then a little more than an hour.
    pub(super) fn bucket(self, now: Instant) -> Bucket {
        Bucket::full(self.interval(), self.burst(), now)
    }

    /// From one request to the next at the steady pace.
    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate())
    }

    /// How many requests may follow each other at once after a quiet time; not always a whole number.
    #[must_use]
    pub fn burst(self) -> f64 {
        let (hour, minute) = (f64::from(self.per_hour), f64::from(self.per_minute));
        let rate = self.rate();
        (hour + 1.0 - 3601.0 * rate).min(minute + 1.0 - 61.0 * rate)
    }

    /// How many requests pass in an hour that is like the hours before it.
    #[must_use]
    pub fn sustained(self) -> f64 {
        3600.0 * self.rate()
    }

    /// Requests in a second.
    fn rate(self) -> f64 {
        let (hour, minute) = (f64::from(self.per_hour), f64::from(self.per_minute));
        PACE * (hour / 3601.0).min(minute / 61.0)
    }

    /// The bucket as it was left, and filled since.
    pub(super) fn bucket_after(
        self,
        remaining_budget: RemainingBudget,
        now: Instant,
        time: SystemTime,
    ) -> Bucket {
        let left = UNIX_EPOCH + Duration::from_secs(remaining_budget.at.min(LATEST));
        // A clock that went backwards fills nothing.
        let since = time.duration_since(left).unwrap_or_default();
        let bucket = self.bucket(now).holding(remaining_budget.available, now);
        let filled = bucket.level(now + since);
        bucket.holding(filled, now)
    }
}

/// What is left of a budget, to be kept over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RemainingBudget {
    /// How many requests could pass at once.
    available: f64,
    /// When that was true, in seconds since 1970.
    at: u64,
}

/// A time that no clock shows and every clock can: the year 9999.
const LATEST: u64 = 253_402_300_799;

impl RemainingBudget {
    /// Nothing: after a crash, or with a file that can't be read, any other guess might exceed the
    /// budget.
    #[must_use]
    pub fn unknown(at: SystemTime) -> RemainingBudget {
        RemainingBudget::new(0.0, at)
    }

    /// The second is rounded up: time that has not passed must not fill the bucket.
    pub(super) fn new(available: f64, at: SystemTime) -> RemainingBudget {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        RemainingBudget {
            available,
            at: at.as_secs() + u64::from(at.subsec_nanos() > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const MINUTE: Duration = Duration::from_secs(60);

    /// Tiny ones, GitLab.com's plans, and ones in which the minute or the hour means nothing.
    fn budgets() -> Vec<Budget> {
        let numbers = [1, 2, 3, 7, 59, 60, 61, 100, 600, 1_250, 5_000, 15_000];
        let pairs = numbers
            .iter()
            .flat_map(|hour| numbers.iter().map(move |minute| (*hour, *minute)));
        pairs
            .chain([(25_000, 2_000), (120_000, 2_000), (1, u32::MAX)])
            .map(|(per_hour, per_minute)| Budget {
                per_hour,
                per_minute,
            })
            .collect()
    }

    /// The requests of the last minute and hour.
    struct Windows {
        budget: Budget,
        passed: VecDeque<Duration>,
        minute: VecDeque<Duration>,
        count: u64,
    }

    impl Windows {
        fn new(budget: Budget) -> Windows {
            Windows {
                budget,
                passed: VecDeque::new(),
                minute: VecDeque::new(),
                count: 0,
            }
        }

        fn pass(&mut self, at: Duration) {
            for (window, length, limit) in [
                (&mut self.passed, HOUR, self.budget.per_hour),
                (&mut self.minute, MINUTE, self.budget.per_minute),
            ] {
                window.push_back(at);
                while window.front().is_some_and(|first| at - *first > length) {
                    window.pop_front();
                }
                let held = window.len() <= limit as usize;
                assert!(held, "{:?}: {} in {length:?}", self.budget, window.len());
            }
            self.count += 1;
        }
    }

    fn start() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_787_137_500_250)
    }

    #[test]
    fn a_budget_suits_its_host() {
        let budget = |url: &str| Budget::for_host(&url.parse().unwrap());
        assert_eq!(budget("https://gitlab.com/"), Budget::GITLAB_COM);
        assert_eq!(budget("https://GitLab.com:443"), Budget::GITLAB_COM);
        for own in ["https://gitlab.example.com", "http://127.0.0.1/gitlab.com"] {
            assert_eq!(budget(own), Budget::SELF_MANAGED);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_poll_of_a_gitlab_of_ones_own_does_not_wait() {
        let now = Instant::now();
        assert!(Budget::SELF_MANAGED.bucket(now).level(now) > 300.0);
    }

    #[tokio::test(start_paused = true)]
    async fn unlimited_demand_stays_within_every_window_and_uses_the_hour() {
        let start = Instant::now();
        for budget in budgets() {
            let (mut bucket, mut windows) = (budget.bucket(start), Windows::new(budget));
            let mut now = start;
            loop {
                now = bucket.opening(now);
                if now - start >= 3 * HOUR {
                    break;
                }
                bucket.take(now);
                windows.pass(now - start);
            }
            let most = u64::from(budget.per_hour).min(60 * u64::from(budget.per_minute));
            assert!(windows.count * 100 >= 3 * most * 85, "{budget:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn demand_that_comes_and_goes_stays_within_every_window() {
        let mut random = fastrand::Rng::with_seed(4);
        let start = Instant::now();
        for budget in budgets() {
            let (mut bucket, mut windows) = (budget.bucket(start), Windows::new(budget));
            let mut now = start;
            while now - start < 3 * HOUR {
                if random.u32(..50) == 0 {
                    now += HOUR.mul_f64(random.f64().powi(4));
                }
                now = bucket.opening(now);
                bucket.take(now);
                windows.pass(now - start);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_spends_nothing_twice() {
        let mut random = fastrand::Rng::with_seed(4);
        let begin = Instant::now();
        for budget in budgets() {
            let (mut bucket, mut windows) = (budget.bucket(begin), Windows::new(budget));
            let mut now = begin;
            while now - begin < 3 * HOUR {
                now = bucket.opening(now);
                bucket.take(now);
                windows.pass(now - begin);
                if random.u32(..20) == 0 {
                    let remaining_budget =
                        RemainingBudget::new(bucket.level(now), start() + (now - begin));
                    let kept = serde_json::to_string(&remaining_budget).unwrap();
                    now += MINUTE.mul_f64(random.f64().powi(4));
                    let remaining_budget = serde_json::from_str(&kept).unwrap();
                    bucket = budget.bucket_after(remaining_budget, now, start() + (now - begin));
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_crash_is_never_too_generous() {
        let begin = Instant::now();
        for budget in budgets() {
            let (mut bucket, mut windows) = (budget.bucket(begin), Windows::new(budget));
            let mut now = begin;
            for request in 0..200 {
                now = bucket.opening(now);
                bucket.take(now);
                windows.pass(now - begin);
                if request % 10 == 9 {
                    let time = start() + (now - begin);
                    bucket = budget.bucket_after(RemainingBudget::unknown(time), now, time);
                }
            }
        }
    }

    const PLAN: Budget = Budget {
        per_hour: 5_000,
        per_minute: 100,
    };

    #[tokio::test(start_paused = true)]
    async fn the_time_since_fills_the_bucket_and_never_over_its_brim() {
        let now = Instant::now();
        let full = PLAN.bucket(now).level(now);
        let level = |available: f64, seconds: i64| {
            let remaining_budget = RemainingBudget {
                available,
                at: 1_787_137_500,
            };
            let time =
                UNIX_EPOCH + Duration::from_secs(1_787_137_500_u64.saturating_add_signed(seconds));
            PLAN.bucket_after(remaining_budget, now, time).level(now)
        };
        let four_seconds = 4.0 * 0.9 * 5_000.0 / 3601.0;
        for (available, seconds, expected) in [
            (0.0, 0, 0.0),
            (3.0, 4, 3.0 + four_seconds),
            (3.0, 86_400, full),
            (3.0, -86_400, 3.0),
            (1e300, 0, full),
            (-5.0, 0, 0.0),
            (f64::NAN, 0, 0.0),
        ] {
            let level = level(available, seconds);
            assert!(
                (level - expected).abs() < 1e-6,
                "{available} {seconds}: {level}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_beyond_all_clocks_fills_nothing() {
        let (now, at) = (Instant::now(), u64::MAX);
        let remaining_budget = RemainingBudget { available: 1.0, at };
        let level = PLAN.bucket_after(remaining_budget, now, start()).level(now);
        assert!((level - 1.0).abs() < 1e-6);
    }
}
