//! What asking has cost so far.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::endpoint_class::EndpointClass;
use super::limiter::{Limiter, Waited};
use super::rate_limit::RateLimit;
use super::waiting::Waiting;

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
    usage: Mutex<Usage>,
    silence: Mutex<Silence>,
}

/// Whether GitLab owes an answer, and since when.
#[derive(Default)]
struct Silence {
    /// When the last answer that made sense came; before the first, when it was first asked.
    since: Option<Instant>,
    in_flight: usize,
    owing: bool,
    because: Option<String>,
}

/// A request under way.
pub(super) struct InFlight<'a> {
    usage: &'a UsageCount,
    made_sense: bool,
    failure: Option<String>,
}

impl InFlight<'_> {
    /// Notes that the answer is one of GitLab's own.
    pub(super) fn made_sense(&mut self) {
        self.made_sense = true;
    }

    /// Notes why there is no such answer.
    pub(super) fn failed(&mut self, why: &impl ToString) {
        self.failure = Some(why.to_string());
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut silence = lock(&self.usage.silence);
        silence.in_flight -= 1;
        if self.made_sense {
            silence.since = Some(Instant::now());
            silence.owing = silence.in_flight > 0;
            silence.because = None;
        } else if let Some(failure) = self.failure.take() {
            silence.because = Some(failure);
        }
    }
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
            silent_for: self.silent_for(),
            silent_because: lock(&self.silence).because.clone(),
            ..lock(&self.usage).clone()
        }
    }

    /// Notes that a request is being sent; it ends when what is returned is dropped.
    pub(super) fn send(&self) -> InFlight<'_> {
        let mut silence = lock(&self.silence);
        silence.since.get_or_insert_with(Instant::now);
        silence.in_flight += 1;
        silence.owing = true;
        InFlight {
            usage: self,
            made_sense: false,
            failure: None,
        }
    }

    fn silent_for(&self) -> Option<Duration> {
        let silence = lock(&self.silence);
        silence
            .since
            .filter(|_| silence.owing)
            .map(|since| since.elapsed())
    }

    pub(super) fn request(&self, class: EndpointClass, code: Cow<'static, str>) {
        let mut usage = lock(&self.usage);
        *usage.requests.entry((class.name(), code)).or_default() += 1;
    }

    pub(super) fn retry(&self) {
        lock(&self.usage).retries += 1;
    }

    pub(super) fn rate_limit(&self, seen: RateLimit) {
        lock(&self.usage).rate_limit = Some(seen);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_an_answer_that_makes_sense_ends_the_silence() {
        let meter = UsageCount::default();
        let pass = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        let silent_for = || meter.silent_for().map(|silent| silent.as_secs());
        assert_eq!(silent_for(), None, "nothing was asked");
        let hanging = meter.send();
        pass(3).await;
        drop(meter.send()); // A 502, or a request that was given up.
        assert_eq!(silent_for(), Some(3));
        let mut good = meter.send();
        good.made_sense();
        drop(good);
        pass(2).await;
        assert_eq!(silent_for(), Some(2), "the other one still hangs");
        drop(hanging);
        pass(5).await;
        assert_eq!(silent_for(), Some(7), "and was never answered");
        let mut good = meter.send();
        good.made_sense();
        drop(good);
        pass(60).await;
        assert_eq!(silent_for(), None, "nothing is owed while nothing is asked");
    }
}
