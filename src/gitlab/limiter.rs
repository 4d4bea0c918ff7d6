//! Holds requests back: a steady rate, so many at a time, and not before GitLab allows it again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use super::Error;

/// Requests that may go out at once after a pause.
const BURST: f64 = 20.0;
/// GitLab's limits reset within a minute or an hour; a longer wait is a mistake in a header.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// The wait after a 429 that says nothing: GitLab's own limiters count by the minute.
const UNKNOWN_WAIT: Duration = Duration::from_secs(15);

/// What GitLab last said of its own limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests allowed in a period.
    pub limit: Option<u64>,
    /// Requests left in this one.
    pub remaining: Option<u64>,
}

/// Shared by all requests to one GitLab.
pub struct Limiter {
    interval: Duration,
    places: Semaphore,
    state: Mutex<State>,
}

struct State {
    /// When the next request would go out if all went out evenly.
    due: Instant,
    /// GitLab does not want to hear from us before.
    closed_until: Option<Instant>,
    rate_limit: Option<RateLimit>,
    waited: Duration,
}

impl Limiter {
    /// A limiter that lets `per_second` requests out, `concurrency` at a time.
    pub fn new(per_second: f64, concurrency: usize) -> Limiter {
        let state = State {
            due: Instant::now(),
            closed_until: None,
            rate_limit: None,
            waited: Duration::ZERO,
        };
        Limiter {
            interval: Duration::from_secs_f64(1.0 / per_second.max(0.001)),
            places: Semaphore::new(concurrency.max(1)),
            state: Mutex::new(state),
        }
    }

    /// Waits until a request may go out; it is under way while the permit is held.
    ///
    /// # Errors
    /// At once, if that is not before the deadline.
    pub async fn acquire(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Error> {
        let place = tokio::time::timeout_at(deadline, self.places.acquire()).await;
        // The semaphore is never closed.
        let Ok(Ok(place)) = place else {
            return Err(Error::Timeout);
        };
        let asked = Instant::now();
        let turn = self.take_turn(asked);
        loop {
            let open = self.lock().closed_until.unwrap_or(asked).max(turn);
            if open > deadline {
                return Err(Error::RateLimited {
                    wait: open - Instant::now(),
                });
            }
            if open <= Instant::now() {
                break;
            }
            sleep_until(open).await; // The gate may have been closed for longer meanwhile.
        }
        self.lock().waited += asked.elapsed();
        Ok(place)
    }

    /// Learns from an answer's headers. Every request waits where GitLab says so, not this one only.
    pub fn learn(&self, status: u16, headers: &HeaderMap) {
        let remaining = number(headers, "ratelimit-remaining");
        let reset = number(headers, "ratelimit-reset").map(until);
        let mut state = self.lock();
        if remaining.is_some() {
            state.rate_limit = Some(RateLimit {
                limit: number(headers, "ratelimit-limit"),
                remaining,
            });
        }
        let wait = match (status, remaining) {
            (429, _) => Some(retry_after(headers).or(reset).unwrap_or(UNKNOWN_WAIT)),
            (_, Some(0)) => reset,
            _ => None,
        };
        if let Some(wait) = wait {
            let open = Instant::now() + wait.clamp(Duration::from_secs(1), LONGEST_WAIT);
            state.closed_until = state.closed_until.max(Some(open));
            tracing::info!(wait = ?wait, status, "GitLab limits our requests; waiting");
        }
    }

    /// What GitLab last said of its limit, and how long requests have waited.
    pub fn usage(&self) -> (Option<RateLimit>, Duration) {
        let state = self.lock();
        (state.rate_limit, state.waited)
    }

    fn take_turn(&self, now: Instant) -> Instant {
        let mut state = self.lock();
        // After a pause, a burst may go out at once.
        let earliest = now.checked_sub(self.interval.mul_f64(BURST)).unwrap_or(now);
        state.due = state.due.max(earliest) + self.interval;
        state.due
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?;
            Some(until(u64::try_from(date.timestamp().as_second()).ok()?))
        }
    }
}

fn number(headers: &HeaderMap, name: &'static str) -> Option<u64> {
    headers
        .get(HeaderName::from_static(name))?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn until(unix_time: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_secs(unix_time).saturating_sub(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<const N: usize>(pairs: [(&'static str, &str); N]) -> HeaderMap {
        pairs
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn in_an_hour() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_out_at_once_and_the_rest_evenly() {
        let limiter = Limiter::new(10.0, 100);
        tokio::time::advance(Duration::from_secs(60)).await;
        let started = Instant::now();
        for _ in 0..20 {
            drop(limiter.acquire(in_an_hour()).await.unwrap());
        }
        assert!(
            started.elapsed() < Duration::from_millis(10),
            "{:?}",
            started.elapsed()
        );
        for _ in 0..100 {
            drop(limiter.acquire(in_an_hour()).await.unwrap());
        }
        let took = started.elapsed().as_secs_f64();
        assert!((9.9..10.3).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_holds_back_every_request_until_it_may_ask_again() {
        let limiter = Limiter::new(1_000.0, 10);
        limiter.learn(429, &headers([("retry-after", "42")]));
        let started = Instant::now();
        tokio::join!(
            async { limiter.acquire(in_an_hour()).await.map(drop).unwrap() },
            async { limiter.acquire(in_an_hour()).await.map(drop).unwrap() },
        );
        assert!(started.elapsed() >= Duration::from_secs(42));
        assert!(limiter.usage().1 >= Duration::from_secs(84));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_fails_at_once() {
        let limiter = Limiter::new(1_000.0, 10);
        limiter.learn(429, &headers([("retry-after", "600")]));
        let started = Instant::now();
        let error = limiter
            .acquire(started + Duration::from_secs(60))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::RateLimited { wait } if wait > Duration::from_secs(590)));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn absurd_headers_are_bounded() {
        for value in ["99999999999999", "-5", "soon", ""] {
            let limiter = Limiter::new(1_000.0, 10);
            limiter.learn(429, &headers([("retry-after", value)]));
            let started = Instant::now();
            drop(limiter.acquire(started + 2 * LONGEST_WAIT).await.unwrap());
            let waited = started.elapsed();
            assert!(
                waited >= Duration::from_secs(1) && waited <= LONGEST_WAIT + Duration::from_secs(1),
                "{value}: {waited:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_exhausted_limit_is_waited_out_before_it_is_refused() {
        let limiter = Limiter::new(1_000.0, 10);
        let reset = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
            + 30;
        limiter.learn(
            200,
            &headers([
                ("ratelimit-remaining", "0"),
                ("ratelimit-reset", &reset.to_string()),
            ]),
        );
        let started = Instant::now();
        drop(limiter.acquire(in_an_hour()).await.unwrap());
        assert!(started.elapsed() >= Duration::from_secs(28));
        assert_eq!(limiter.usage().0.unwrap().remaining, Some(0));
    }
}
