//! The one gate all requests pass: a steady rate, the budget, GitLab's limits, and how many at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::bucket::Bucket;
use super::endpoint_class::EndpointClass;
use super::endpoint_limit::EndpointLimit;
use super::error::Error;
use super::rate_limit::{LONGEST_WAIT, Spread};

/// How many requests may follow each other without a pause after a quiet time: enough for the
/// questions of a small GitLab, too few to be felt by a big one.
const BURST: f64 = 10.0;

/// Lets requests through one by one; shared by all of a client.
pub(super) struct Limiter {
    slots: Semaphore,
    /// Of each class one request waits at the gate, the others in a line behind it.
    lines: [tokio::sync::Mutex<()>; EndpointClass::ALL.len()],
    state: Mutex<State>,
}

struct State {
    steady: Bucket,
    budget: Option<Bucket>,
    /// Nothing passes before this.
    blocked_until: Instant,
    /// What is left of GitLab's window, where it is little.
    scarce: Option<Scarce>,
    endpoint_limits: [EndpointLimit; EndpointClass::ALL.len()],
    last_passed: Instant,
    waited: Waited,
    /// What the request that last began to wait waits for.
    waits_for: Option<Opening>,
}

/// Few requests are left: they are to last until the window ends.
struct Scarce {
    interval: Duration,
    until: Instant,
}

/// How long the gate has held requests back, added up over the classes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waited {
    pub(super) total: Duration,
    /// The part of it that the budget is to blame for.
    pub(super) for_budget: Duration,
}

/// When the gate opens, and what keeps it closed until then.
#[derive(Debug, Clone, Copy)]
struct Opening {
    at: Instant,
    budget: bool,
}

impl Limiter {
    pub(super) fn new(
        requests_per_second: f64,
        concurrency: usize,
        budget: Option<Bucket>,
    ) -> Limiter {
        let now = Instant::now();
        // Rates so low that an interval overflows mean "never again": the longest sleep there is.
        let interval = Duration::try_from_secs_f64(1.0 / requests_per_second)
            .unwrap_or(Duration::MAX)
            .min(LONGEST_WAIT);
        let state = State {
            steady: Bucket::full(interval, BURST, now),
            budget,
            blocked_until: now,
            scarce: None,
            endpoint_limits: Default::default(),
            last_passed: now,
            waited: Waited::default(),
            waits_for: None,
        };
        Limiter {
            slots: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            lines: Default::default(),
            state: Mutex::new(state),
        }
    }

    /// Waits until a request may be sent; the request is under way as long as the permit lives.
    ///
    /// A wait that would outlast the deadline is not begun: it fails at once.
    pub(super) async fn enter(
        &self,
        class: EndpointClass,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, Error> {
        self.refuse_if_closed(class, deadline)?;
        match timeout_at(deadline, self.wait(class, deadline)).await {
            Ok(result) => result,
            // Time ran out in the line, or because too many were under way.
            Err(_) => {
                self.refuse_if_closed(class, deadline)?;
                Err(Error::Deadline)
            }
        }
    }

    async fn wait(
        &self,
        class: EndpointClass,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, Error> {
        let _turn = self.lines[class as usize].lock().await;
        // Asked again after each sleep: another request may have been first, or been refused.
        loop {
            // The semaphore is never closed.
            let slot = self.slots.acquire().await.map_err(|_| Error::Deadline)?;
            let Some(opening) = self.pass(class, deadline)? else {
                return Ok(slot);
            };
            // The other classes need not wait for what holds back this one.
            drop(slot);
            let before = Instant::now();
            self.lock().waits_for = Some(opening);
            sleep_until(opening.at).await;
            self.lock().waited.add(before.elapsed(), opening);
        }
    }

    /// Holds back every request, also those already waiting, for as long as GitLab asks.
    ///
    /// The burst is spent with it: the requests that gathered meanwhile leave at the steady rate.
    pub(super) fn block(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.lock();
        state.blocked_until = state.blocked_until.max(until);
        state.steady.hold_burst_until(until);
    }

    /// Makes what is left of GitLab's window last; none where there is plenty.
    pub(super) fn spread(&self, left: Option<Spread>) {
        let now = Instant::now();
        self.lock().scarce = left.map(|left| Scarce {
            interval: left.interval,
            until: now + left.lasting,
        });
    }

    /// GitLab did not refuse a request of this class.
    pub(super) fn answered(&self, class: EndpointClass) {
        self.lock().endpoint_limits[class as usize].answered();
    }

    /// GitLab has had too many requests of this class: only the class is held back.
    pub(super) fn refused(&self, class: EndpointClass, wait: Duration) {
        self.lock().endpoint_limits[class as usize].refused(Instant::now(), wait);
    }

    /// How long requests have waited here.
    pub(super) fn waited(&self) -> Waited {
        self.lock().waited
    }

    /// For how much longer requests wait, and whether the budget is to blame.
    pub(super) fn waiting(&self) -> Option<(Duration, bool)> {
        let opening = self.lock().waits_for?;
        let remaining = opening.at.saturating_duration_since(Instant::now());
        (!remaining.is_zero()).then_some((remaining, opening.budget))
    }

    /// How many requests the budget would let through at once; none without a budget.
    pub(super) fn budget(&self) -> Option<f64> {
        let now = Instant::now();
        self.lock().budget.as_ref().map(|budget| budget.level(now))
    }

    /// The classes that are kept to a number of requests a minute, as GitLab has refused more.
    pub(super) fn learned(&self) -> Vec<(EndpointClass, f64)> {
        let (state, now) = (self.lock(), Instant::now());
        let learned = |class: EndpointClass| {
            Some((
                class,
                state.endpoint_limits[class as usize].per_minute(now)?,
            ))
        };
        EndpointClass::ALL.into_iter().filter_map(learned).collect()
    }

    /// Takes a place in the buckets, or says when to try again.
    fn pass(&self, class: EndpointClass, deadline: Instant) -> Result<Option<Opening>, Error> {
        let now = Instant::now();
        if now >= deadline {
            return Err(Error::Deadline);
        }
        let mut state = self.lock();
        let opening = state.opening(class, now);
        if opening.at > deadline {
            return Err(opening.refusal(now));
        }
        if opening.at > now {
            return Ok(Some(opening));
        }
        state.pass(class, now);
        Ok(None)
    }

    fn refuse_if_closed(&self, class: EndpointClass, deadline: Instant) -> Result<(), Error> {
        let now = Instant::now();
        let opening = self.lock().opening(class, now);
        match opening.at > deadline.max(now) {
            true => Err(opening.refusal(now)),
            false => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn opening(&self, class: EndpointClass, now: Instant) -> Opening {
        let scarce = self.scarce.as_ref().map(|scarce| {
            // Whatever was in the way, a new window is open then.
            scarce.until.min(self.last_passed + scarce.interval)
        });
        let gates = [
            Some(self.blocked_until),
            Some(self.steady.opening(now)),
            scarce,
            self.endpoint_limits[class as usize].opening(now),
        ];
        let limits = gates.into_iter().flatten().fold(now, Instant::max);
        let budget = self.budget.as_ref().map_or(now, |all| all.opening(now));
        Opening {
            at: limits.max(budget),
            budget: budget > limits,
        }
    }

    fn pass(&mut self, class: EndpointClass, now: Instant) {
        self.steady.take(now);
        if let Some(budget) = &mut self.budget {
            budget.take(now);
        }
        self.endpoint_limits[class as usize].pass(now);
        self.last_passed = now;
    }
}

impl Waited {
    fn add(&mut self, waited: Duration, opening: Opening) {
        self.total += waited;
        if opening.budget {
            self.for_budget += waited;
        }
    }
}

impl Opening {
    fn refusal(self, now: Instant) -> Error {
        let until = self.at;
        let wait = until.saturating_duration_since(now);
        match self.budget {
            true => Error::Budget { until, wait },
            false => Error::RateLimited { until, wait },
        }
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
        drop(limiter.enter(EndpointClass::Rest, deadline).await.unwrap());
    }

    async fn spend_the_burst(limiter: &Limiter) {
        let deadline = Instant::now() + seconds(1);
        for _ in 0..BURST as u32 {
            pass(limiter, deadline).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_then_the_rate_holds() {
        let limiter = Limiter::new(2.0, 4, None);
        let start = Instant::now();
        spend_the_burst(&limiter).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..4 {
            pass(&limiter, start + seconds(60)).await;
        }
        assert_eq!(start.elapsed(), seconds(2));
        assert_eq!(limiter.waited().total, seconds(2));
        assert_eq!(limiter.waited().for_budget, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_time_never_saves_more_than_the_burst() {
        let limiter = Limiter::new(1.0, 4, None);
        advance(seconds(3600)).await;
        let start = Instant::now();
        spend_the_burst(&limiter).await;
        pass(&limiter, start + seconds(60)).await;
        assert_eq!(start.elapsed(), seconds(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_block_holds_back_every_request_until_it_may_ask_again() {
        let limiter = Arc::new(Limiter::new(1000.0, 8, None));
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
        let limiter = Arc::new(Limiter::new(1.0, 8, None));
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
        let limiter = Limiter::new(1.0, 8, None);
        let start = Instant::now();
        limiter.block(seconds(10));
        for _ in 0..3 {
            pass(&limiter, start + seconds(60)).await;
        }
        assert_eq!(start.elapsed(), seconds(12));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_block_does_not_end_a_longer_one() {
        let limiter = Limiter::new(1000.0, 8, None);
        let start = Instant::now();
        limiter.block(seconds(30));
        limiter.block(seconds(1));
        pass(&limiter, start + seconds(60)).await;
        assert!(start.elapsed() >= seconds(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_past_the_deadline_fails_at_once() {
        let limiter = Limiter::new(1000.0, 8, None);
        let start = Instant::now();
        limiter.block(seconds(300));
        let error = limiter
            .enter(EndpointClass::Rest, start + seconds(60))
            .await
            .unwrap_err();
        assert_eq!(start.elapsed(), Duration::ZERO);
        let Error::RateLimited { until, wait } = error else {
            panic!("{error}");
        };
        assert_eq!((until, wait), (start + seconds(300), seconds(300)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_are_under_way_than_allowed() {
        let limiter = Limiter::new(1000.0, 1, None);
        let start = Instant::now();
        let _under_way = limiter
            .enter(EndpointClass::Rest, start + seconds(60))
            .await
            .unwrap();
        let error = limiter
            .enter(EndpointClass::Rest, start + seconds(5))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Deadline));
        assert_eq!(start.elapsed(), seconds(5));
    }

    /// A budget of a request every ten seconds, two of them at once.
    fn budget() -> Option<Bucket> {
        Some(Bucket::full(seconds(10), 2.0, Instant::now()))
    }

    #[tokio::test(start_paused = true)]
    async fn every_class_draws_on_the_one_budget() {
        let limiter = Limiter::new(1000.0, 4, budget());
        let start = Instant::now();
        for class in [
            EndpointClass::Graphql,
            EndpointClass::Jobs,
            EndpointClass::Rest,
            EndpointClass::Project,
        ] {
            drop(limiter.enter(class, start + seconds(60)).await.unwrap());
        }
        assert_eq!(start.elapsed(), seconds(20));
        assert_eq!(limiter.waited().for_budget, seconds(20));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_waited_for_is_known_while_it_lasts() {
        let limiter = Arc::new(Limiter::new(1000.0, 4, budget()));
        let start = Instant::now();
        pass(&limiter, start + seconds(60)).await;
        pass(&limiter, start + seconds(60)).await;
        assert_eq!(limiter.waiting(), None);
        let held = Arc::clone(&limiter);
        let waiting = tokio::spawn(async move { pass(&held, start + seconds(60)).await });
        tokio::time::sleep(seconds(4)).await;
        assert_eq!(limiter.waiting(), Some((seconds(6), true)));
        waiting.await.unwrap();
        assert_eq!(limiter.waiting(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_the_budget_past_the_deadline_fails_at_once_and_says_so() {
        let limiter = Limiter::new(1000.0, 4, budget());
        let start = Instant::now();
        pass(&limiter, start + seconds(5)).await;
        pass(&limiter, start + seconds(5)).await;
        let error = limiter.enter(EndpointClass::Rest, start + seconds(5)).await;
        let error = error.unwrap_err();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(error.reason(), "budget");
        assert_eq!(
            error.with_advice(),
            "the request budget allows no request for another 10s. Raise poll.budget if GitLab \
             allows more, or set poll.interval higher."
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_class_holds_back_no_other_one() {
        let limiter = Arc::new(Limiter::new(1000.0, 1, None));
        let start = Instant::now();
        limiter.refused(EndpointClass::Jobs, seconds(30));
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move {
                    drop(
                        limiter
                            .enter(EndpointClass::Jobs, start + seconds(60))
                            .await
                            .unwrap(),
                    );
                    start.elapsed()
                })
            })
            .collect();
        tokio::task::yield_now().await;
        // Though there is but one slot, and the jobs came first.
        drop(
            limiter
                .enter(EndpointClass::Graphql, start + seconds(1))
                .await
                .unwrap(),
        );
        assert_eq!(start.elapsed(), Duration::ZERO);
        for request in waiting {
            assert!(request.await.unwrap() >= seconds(30));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_class_that_was_refused_is_paced_below_what_was_let_through() {
        let limiter = Limiter::new(1000.0, 8, None);
        let start = Instant::now();
        let deadline = start + seconds(3600);
        let jobs = async || drop(limiter.enter(EndpointClass::Jobs, deadline).await.unwrap());
        for _ in 0..100 {
            jobs().await;
            limiter.answered(EndpointClass::Jobs);
        }
        jobs().await;
        limiter.refused(EndpointClass::Jobs, seconds(1));
        assert_eq!(limiter.learned(), [(EndpointClass::Jobs, 90.0)]);
        jobs().await;
        let paced = Instant::now();
        for _ in 0..45 {
            jobs().await;
        }
        assert_eq!(paced.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_scarce_lasts_until_the_window_ends() {
        let limiter = Limiter::new(1000.0, 8, None);
        let start = Instant::now();
        let spread = |left: u32| Spread {
            interval: seconds(50) / left,
            lasting: seconds(50),
        };
        limiter.spread(Some(spread(10)));
        for _ in 0..10 {
            pass(&limiter, start + seconds(60)).await;
        }
        assert_eq!(start.elapsed(), seconds(50));
        pass(&limiter, start + seconds(60)).await;
        assert_eq!(start.elapsed(), seconds(50));
    }
}
