//! The one gate all requests pass: a steady rate, the budget, GitLab's limits, and how many at once.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::allowance::{Allowance, Allowed};
use super::bucket::Bucket;
use super::budget::Budget;
use super::debug_log;
use super::endpoint_class::EndpointClass;
use super::endpoint_limit::EndpointLimit;
use super::error::Error;
use super::rate_limit::{LONGEST_WAIT, Spread};
use super::waiting::{HeldBackBy, Waiting};

use crate::lock::lock;

/// How many requests may follow each other without a pause after a quiet time: enough for the
/// questions of a small GitLab, too few to be felt by a big one.
pub(super) const BURST: f64 = 10.0;

/// Lets requests through one by one; shared by all of a client.
pub(super) struct Limiter {
    slots: Semaphore,
    /// For each class: held by the one request that may be next; the others wait for it in order.
    lines: [tokio::sync::Mutex<()>; EndpointClass::ALL.len()],
    gates: Mutex<Gates>,
    /// Who keeps the budget, where that is shared with other processes.
    allowance: Mutex<Option<Arc<dyn Allowance>>>,
}

/// All that a request has to pass.
struct Gates {
    steady: Bucket,
    budget: Option<(Budget, Bucket)>,
    /// Nothing passes before this.
    blocked_until: Instant,
    /// What is left of GitLab's window, where it is little.
    scarce: Option<Scarce>,
    endpoint_limits: [EndpointLimit; EndpointClass::ALL.len()],
    last_passed: Instant,
    waited: Waited,
    /// What the request that was last held back waits for, in the limiter or after a refusal at its caller.
    waiting: Option<Opening>,
}

/// Few requests are left: they are to last until the window ends.
#[derive(Clone)]
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
    held_back_by: HeldBackBy,
}

impl Limiter {
    pub(super) fn new(
        requests_per_second: f64,
        concurrency: usize,
        budget: Option<(Budget, Bucket)>,
    ) -> Limiter {
        let now = Instant::now();
        // Rates so low that an interval overflows mean "never again": the longest sleep there is.
        let interval = Duration::try_from_secs_f64(1.0 / requests_per_second)
            .unwrap_or(Duration::MAX)
            .min(LONGEST_WAIT);
        let gates = Gates {
            steady: Bucket::full(interval, BURST, now),
            budget,
            blocked_until: now,
            scarce: None,
            endpoint_limits: EndpointClass::ALL.map(EndpointLimit::of),
            last_passed: now,
            waited: Waited::default(),
            waiting: None,
        };
        Limiter {
            slots: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            lines: Default::default(),
            gates: Mutex::new(gates),
            allowance: Mutex::default(),
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
        let _line = self.lines[class as usize].lock().await;
        // Asked again after each sleep: another request may have been first, or been refused.
        loop {
            // The semaphore is never closed.
            let slot = self.slots.acquire().await.map_err(|_| Error::Deadline)?;
            let opening = match self.look(class, deadline)? {
                None => self.allowed(deadline).await?,
                closed => closed,
            };
            let opening = match opening {
                None => self.pass(class, deadline)?,
                closed => closed,
            };
            let Some(opening) = opening else {
                return Ok(slot);
            };
            // A class that is held back takes no slot from the others.
            drop(slot);
            self.lock().waiting = Some(opening);
            let before = Instant::now();
            debug_log::wait(class, opening.at - before, opening.held_back_by);
            sleep_until(opening.at).await;
            self.lock().waited.add(before.elapsed(), opening);
        }
    }

    /// Holds back every request, also those already waiting, for as long as GitLab asks.
    ///
    /// The burst is spent with it: the requests that gathered meanwhile leave at the steady rate.
    pub(super) fn block(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut gates = self.lock();
        gates.blocked_until = gates.blocked_until.max(until);
        gates.steady.hold_burst_until(until);
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

    /// Goes on where another limiter of the same GitLab was: nothing is allowed twice, and what GitLab asked for
    /// is kept. Where that one counted no budget, nothing is left of ours.
    pub(super) fn take_over(&self, before: &Limiter) {
        let now = Instant::now();
        let (before, mut gates) = (before.lock(), self.lock());
        let level = before.steady.level(now);
        gates.steady = gates.steady.clone().holding(level, now);
        let level = before.budget.as_ref().map(|(_, bucket)| bucket.level(now));
        if let Some((_, bucket)) = &mut gates.budget {
            *bucket = bucket.clone().holding(level.unwrap_or_default(), now);
        }
        gates.blocked_until = before.blocked_until;
        gates.scarce.clone_from(&before.scarce);
        gates.endpoint_limits.clone_from(&before.endpoint_limits);
        gates.last_passed = before.last_passed;
    }

    /// Goes on adding up how long requests have waited.
    pub(super) fn take_over_waited(&self, before: &Limiter) {
        let waited = before.waited();
        self.lock().waited = waited;
    }

    /// How long requests have waited here.
    pub(super) fn waited(&self) -> Waited {
        self.lock().waited
    }

    /// How many requests the budget would let through at once; none without a budget.
    pub(super) fn budget(&self) -> Option<f64> {
        let now = Instant::now();
        let gates = self.lock();
        gates.budget.as_ref().map(|(_, bucket)| bucket.level(now))
    }

    /// The budget that is held; none without one.
    pub(super) fn whole_budget(&self) -> Option<Budget> {
        self.lock().budget.as_ref().map(|(budget, _)| *budget)
    }

    /// What requests wait for; none if they don't.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        let opening = self.lock().waiting?;
        let remaining = opening.at.saturating_duration_since(Instant::now());
        (!remaining.is_zero()).then_some(Waiting {
            remaining,
            held_back_by: opening.held_back_by,
        })
    }

    /// The classes that are kept to a number of requests a minute, as GitLab has refused more.
    pub(super) fn learned(&self) -> Vec<(EndpointClass, f64)> {
        let (gates, now) = (self.lock(), Instant::now());
        let learned = |class: EndpointClass| {
            Some((
                class,
                gates.endpoint_limits[class as usize].per_minute(now)?,
            ))
        };
        EndpointClass::ALL.into_iter().filter_map(learned).collect()
    }

    /// Asks before every request whoever keeps the budget for several processes.
    pub(super) fn is_allowed_by(&self, allowance: Option<Arc<dyn Allowance>>) {
        *lock(&self.allowance) = allowance;
    }

    /// Whether the budget that is shared lets a request through; else when to try again.
    async fn allowed(&self, deadline: Instant) -> Result<Option<Opening>, Error> {
        let Some(allowance) = lock(&self.allowance).clone() else {
            return Ok(None);
        };
        let budget = self.whole_budget();
        let allowed = allowance.take(budget).await;
        let now = Instant::now();
        match allowed {
            Allowed::Now { left } => {
                if let (Some(left), Some((_, bucket))) = (left, &mut self.lock().budget) {
                    // With the one that is to pass now.
                    *bucket = bucket.clone().holding(left + 1.0, now);
                }
                Ok(None)
            }
            Allowed::In(wait) => {
                let opening = Opening {
                    at: now + wait,
                    held_back_by: budget.map_or(HeldBackBy::Pace, HeldBackBy::Budget),
                };
                match opening.at > deadline {
                    true => Err(opening.refusal(now)),
                    false => Ok(Some(opening)),
                }
            }
        }
    }

    /// Takes a place in the buckets, or says when to try again.
    fn pass(&self, class: EndpointClass, deadline: Instant) -> Result<Option<Opening>, Error> {
        self.at_the_gates(class, deadline, |gates, now| gates.pass(class, now))
    }

    /// Says when to try again; none if the gates are open.
    fn look(&self, class: EndpointClass, deadline: Instant) -> Result<Option<Opening>, Error> {
        self.at_the_gates(class, deadline, |_, _| ())
    }

    fn at_the_gates(
        &self,
        class: EndpointClass,
        deadline: Instant,
        open: impl FnOnce(&mut Gates, Instant),
    ) -> Result<Option<Opening>, Error> {
        let now = Instant::now();
        if now >= deadline {
            return Err(Error::Deadline);
        }
        let mut gates = self.lock();
        let opening = gates.opening(class, now);
        if opening.at > deadline {
            gates.waiting = Some(opening);
            return Err(opening.refusal(now));
        }
        if opening.at > now {
            return Ok(Some(opening));
        }
        open(&mut gates, now);
        Ok(None)
    }

    fn refuse_if_closed(&self, class: EndpointClass, deadline: Instant) -> Result<(), Error> {
        let now = Instant::now();
        let mut gates = self.lock();
        let opening = gates.opening(class, now);
        if opening.at <= deadline.max(now) {
            return Ok(());
        }
        gates.waiting = Some(opening);
        Err(opening.refusal(now))
    }

    fn lock(&self) -> MutexGuard<'_, Gates> {
        lock(&self.gates)
    }
}

impl Gates {
    /// The gate that opens last.
    fn opening(&self, class: EndpointClass, now: Instant) -> Opening {
        let scarce = self.scarce.as_ref().map(|scarce| {
            // Whatever was in the way, a new window is open then.
            scarce.until.min(self.last_passed + scarce.interval)
        });
        let of_endpoint = self.endpoint_limits[class as usize].opening(now);
        let of_gitlab = scarce.max(of_endpoint).max(Some(self.blocked_until));
        let mut last = Opening {
            at: self.steady.opening(now).max(now),
            held_back_by: HeldBackBy::Pace,
        };
        // A block holds the steady rate back with it, and is to blame for both.
        if let Some(at) = of_gitlab.filter(|at| *at >= last.at) {
            let held_back_by = HeldBackBy::GitLab;
            last = Opening { at, held_back_by };
        }
        if let Some((budget, bucket)) = &self.budget {
            let at = bucket.opening(now);
            if at > last.at {
                let held_back_by = HeldBackBy::Budget(*budget);
                last = Opening { at, held_back_by };
            }
        }
        last
    }

    fn pass(&mut self, class: EndpointClass, now: Instant) {
        self.steady.take(now);
        if let Some((_, bucket)) = &mut self.budget {
            bucket.take(now);
        }
        self.endpoint_limits[class as usize].pass(now);
        self.last_passed = now;
    }
}

impl Waited {
    fn add(&mut self, waited: Duration, opening: Opening) {
        self.total += waited;
        if matches!(opening.held_back_by, HeldBackBy::Budget(_)) {
            self.for_budget += waited;
        }
    }
}

impl Opening {
    fn refusal(self, now: Instant) -> Error {
        let until = self.at;
        let wait = until.saturating_duration_since(now);
        match self.held_back_by {
            HeldBackBy::Budget(_) => Error::Budget { until, wait },
            HeldBackBy::GitLab | HeldBackBy::Pace => Error::RateLimited { until, wait },
        }
    }
}
