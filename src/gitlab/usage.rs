//! What asking has cost so far.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::class::Class;
use super::limiter::{Limiter, Waited};
use super::rate_limit::RateLimit;

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
    /// How many requests the budget would let through at once; none without a budget.
    pub budget_remaining: Option<u64>,
    /// Requests a minute that a class is kept to for a while, as GitLab has refused more.
    pub limits: BTreeMap<&'static str, f64>,
    /// The limit GitLab last spoke of; none where it sets none.
    pub rate_limit: Option<RateLimit>,
}

/// The running count behind [`Usage`].
#[derive(Default)]
pub(super) struct Meter {
    usage: Mutex<Usage>,
}

impl Meter {
    pub(super) fn usage(&self, limiter: &Limiter) -> Usage {
        let Waited { total, for_budget } = limiter.waited();
        let learned = limiter.learned().into_iter();
        Usage {
            waited: total,
            waited_for_budget: for_budget,
            budget_remaining: limiter.budget().map(|level| level as u64),
            limits: learned
                .map(|(class, limit)| (class.name(), limit))
                .collect(),
            ..self.lock().clone()
        }
    }

    pub(super) fn request(&self, class: Class, code: Cow<'static, str>) {
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
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
