//! Counts requests, and what they waited for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use super::endpoint_class::EndpointClass;
use super::limiter::{Limiter, Waited};
use super::rate_limit::RateLimit;
use super::silence::Silence;
use super::waiting::Waiting;

use crate::lock::lock;

/// What a client has spent since it was built.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Requests sent, by class of endpoint (`graphql`, `projects`, `project`, `group_projects`,
    /// `jobs`, `rest`) and by what came of them: the HTTP status, or `timeout`, `connection`,
    /// `too_large`.
    pub requests: BTreeMap<(&'static str, Cow<'static, str>), u64>,
    /// How many of them repeated an earlier one.
    pub retries: u64,
    /// How long requests have been held back by the client's own rate, the budget or GitLab's
    /// limits.
    pub waited: Duration,
    /// How much of that the budget is to blame for.
    pub waited_for_budget: Duration,
    /// What requests wait for at this moment; none if they don't.
    pub waiting: Option<Waiting>,
    /// How many requests the budget would let through at once; none without a budget.
    pub budget_remaining: Option<u64>,
    /// Requests a minute that a class is kept to for a while, as GitLab has refused more.
    pub limits: BTreeMap<&'static str, f64>,
    /// The limit GitLab last spoke of; none where it sets none.
    pub rate_limit: Option<RateLimit>,
    /// How long ago GitLab last gave an answer that makes sense (before the first: how long ago it was
    /// first asked), if it has been asked something since. None while it owes no answer: also while
    /// requests wait for the budget.
    pub silent_for: Option<Duration>,
    /// What came of the last request that got no such answer, if one has ended since.
    pub silent_because: Option<String>,
}

/// The running count behind [`Usage`].
#[derive(Default)]
pub(super) struct UsageCount {
    counted: Mutex<Usage>,
    pub(super) silence: Silence,
}

impl UsageCount {
    pub(super) fn read(&self, limiter: &Limiter) -> Usage {
        let Waited { total, for_budget } = limiter.waited();
        let learned = limiter.learned().into_iter();
        Usage {
            waited: total,
            waited_for_budget: for_budget,
            waiting: limiter.waiting(),
            budget_remaining: limiter.budget().map(|level| level as u64),
            limits: learned
                .map(|(class, limit)| (class.name(), limit))
                .collect(),
            silent_for: self.silence.duration(),
            silent_because: self.silence.reason(),
            ..self.lock().clone()
        }
    }

    /// Goes on counting where another count ended.
    pub(super) fn take_over(&self, before: &UsageCount) {
        let before = before.lock().clone();
        *self.lock() = before;
    }

    pub(super) fn request(&self, class: EndpointClass, code: Cow<'static, str>) {
        let mut usage = self.lock();
        *usage.requests.entry((class.name(), code)).or_default() += 1;
    }

    pub(super) fn retry(&self) {
        self.lock().retries += 1;
    }

    pub(super) fn rate_limit(&self, seen: RateLimit) {
        self.lock().rate_limit = Some(seen);
    }

    fn lock(&self) -> MutexGuard<'_, Usage> {
        lock(&self.counted)
    }
}
