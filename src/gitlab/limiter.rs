//! The one gate all requests pass: a steady rate, what GitLab asks for, and how many at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::error::Error;

/// How many requests may follow each other without a pause after a quiet time: enough for the
/// questions of a small GitLab, too few to be felt by a big one.
const BURST: u32 = 10;

/// Lets requests through one by one; shared by all of a client.
pub(super) struct Limiter {
    interval: Duration,
    slots: Semaphore,
    state: Mutex<State>,
}

struct State {
    /// When the bucket is full again: each request moves it on by one interval.
    full_at: Instant,
    /// Nothing passes before this.
    blocked_until: Instant,
    waited: Duration,
}

impl Limiter {
    pub(super) fn new(requests_per_second: f64, concurrency: usize) -> Limiter {
        let now = Instant::now();
        let state = State {
            full_at: now,
            blocked_until: now,
            waited: Duration::ZERO,
        };
        // Rates so low that an interval overflows mean "never again": the longest sleep there is.
        let interval = Duration::try_from_secs_f64(1.0 / requests_per_second)
            .unwrap_or(Duration::MAX)
            .min(super::rate_limit::LONGEST_WAIT);
        Limiter {
            interval,
            slots: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            state: Mutex::new(state),
        }
    }

    /// Waits until a request may be sent; the request is under way as long as the permit lives.
    ///
    /// A wait that would outlast the deadline is not begun: it fails at once.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Error> {
        self.refuse_if_blocked(deadline)?;
        let slot = match timeout_at(deadline, self.slots.acquire()).await {
            // The semaphore is never closed.
            Ok(slot) => slot.map_err(|_| Error::Deadline)?,
            Err(_) => {
                self.refuse_if_blocked(deadline)?;
                return Err(Error::Deadline);
            }
        };
        // Asked again after each sleep: another request may have been first, or been refused.
        while let Some(opening) = self.pass(deadline)? {
            let before = Instant::now();
            sleep_until(opening).await;
            self.lock().waited += before.elapsed();
        }
        Ok(slot)
    }

    /// Holds back every request, also those already waiting, for as long as GitLab asks.
    ///
    /// The burst is spent with it: the requests that gathered meanwhile leave at the steady rate.
    pub(super) fn block(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.lock();
        state.blocked_until = state.blocked_until.max(until);
        state.full_at = state.full_at.max(until + self.interval * (BURST - 1));
    }

    /// How long requests have waited here, added up.
    pub(super) fn waited(&self) -> Duration {
        self.lock().waited
    }

    /// Takes a place in the bucket, or says when to try again.
    fn pass(&self, deadline: Instant) -> Result<Option<Instant>, Error> {
        let now = Instant::now();
        if now >= deadline {
            return Err(Error::Deadline);
        }
        let mut state = self.lock();
        let bucket = state.full_at.checked_sub(self.interval * (BURST - 1));
        let opening = bucket.map_or(state.blocked_until, |bucket| {
            bucket.max(state.blocked_until)
        });
        if opening > deadline {
            return Err(rate_limited(opening, now));
        }
        if opening > now {
            return Ok(Some(opening));
        }
        state.full_at = state.full_at.max(now) + self.interval;
        Ok(None)
    }

    fn refuse_if_blocked(&self, deadline: Instant) -> Result<(), Error> {
        let (until, now) = (self.lock().blocked_until, Instant::now());
        match until > deadline {
            _ if now >= deadline => Err(Error::Deadline),
            true => Err(rate_limited(until, now)),
            false => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rate_limited(until: Instant, now: Instant) -> Error {
    Error::RateLimited {
        until,
        wait: until.saturating_duration_since(now),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::advance;

    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// A request that is over as soon as it was let through.
    async fn pass(limiter: &Limiter, deadline: Instant) {
        drop(limiter.enter(deadline).await.unwrap());
    }

    async fn spend_the_burst(limiter: &Limiter) {
        let deadline = Instant::now() + seconds(1);
        for _ in 0..BURST {
            pass(limiter, deadline).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_then_the_rate_holds() {
        let limiter = Limiter::new(2.0, 4);
        let start = Instant::now();
        spend_the_burst(&limiter).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..4 {
            pass(&limiter, start + seconds(60)).await;
        }
        assert_eq!(start.elapsed(), seconds(2));
        assert_eq!(limiter.waited(), seconds(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_time_never_saves_more_than_the_burst() {
        let limiter = Limiter::new(1.0, 4);
        advance(seconds(3600)).await;
        let start = Instant::now();
        spend_the_burst(&limiter).await;
        pass(&limiter, start + seconds(60)).await;
        assert_eq!(start.elapsed(), seconds(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_block_holds_back_every_request_until_it_may_ask_again() {
        let limiter = Arc::new(Limiter::new(1000.0, 8));
        let start = Instant::now();
        limiter.block(seconds(30));
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move {
                    pass(&limiter, start + seconds(60)).await;
                    start.elapsed()
                })
            })
            .collect();
        for request in waiting {
            assert!(request.await.unwrap() >= seconds(30));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_block_also_holds_back_who_was_already_waiting() {
        let limiter = Arc::new(Limiter::new(1.0, 8));
        spend_the_burst(&limiter).await;
        let start = Instant::now();
        let waiting = tokio::spawn({
            let limiter = Arc::clone(&limiter);
            async move {
                pass(&limiter, start + seconds(60)).await;
                start.elapsed()
            }
        });
        tokio::task::yield_now().await;
        limiter.block(seconds(20));
        assert!(waiting.await.unwrap() >= seconds(20));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_block_the_requests_leave_at_the_steady_rate() {
        let limiter = Limiter::new(1.0, 8);
        let start = Instant::now();
        limiter.block(seconds(10));
        for _ in 0..3 {
            pass(&limiter, start + seconds(60)).await;
        }
        assert_eq!(start.elapsed(), seconds(12));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_block_does_not_end_a_longer_one() {
        let limiter = Limiter::new(1000.0, 8);
        let start = Instant::now();
        limiter.block(seconds(30));
        limiter.block(seconds(1));
        pass(&limiter, start + seconds(60)).await;
        assert!(start.elapsed() >= seconds(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_past_the_deadline_fails_at_once() {
        let limiter = Limiter::new(1000.0, 8);
        let start = Instant::now();
        limiter.block(seconds(300));
        let error = limiter.enter(start + seconds(60)).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::ZERO);
        let Error::RateLimited { until, wait } = error else {
            panic!("{error}");
        };
        assert_eq!((until, wait), (start + seconds(300), seconds(300)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_are_under_way_than_allowed() {
        let limiter = Limiter::new(1000.0, 1);
        let start = Instant::now();
        let _under_way = limiter.enter(start + seconds(60)).await.unwrap();
        let error = limiter.enter(start + seconds(5)).await.unwrap_err();
        assert!(matches!(error, Error::Deadline));
        assert_eq!(start.elapsed(), seconds(5));
    }
}
