//! The limit of one class of endpoints: what GitLab is known for, and what is learnt from its refusals.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::endpoint_class::EndpointClass;

const MINUTE: Duration = Duration::from_secs(60);

/// After a refusal, requests go on at this share of the rate that GitLab let through.
const CAREFUL: f64 = 0.9;

/// The rate grows by this factor in each minute without a refusal.
const GROWTH: f64 = 1.1;

/// After so many minutes a refusal is forgotten.
const MEMORY: u64 = 60;

/// So many requests a minute GitLab allows for the jobs of projects, unless an administrator says otherwise
/// (`project_jobs_api_rate_limit`).
const JOBS_A_MINUTE: usize = 600;

/// What is known of one class. GitLab limits some endpoints apart from all others, and shows such a
/// limit only by refusing.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointLimit {
    /// How many requests GitLab allows in any minute, where that is known before a refusal.
    known: Option<usize>,
    blocked_until: Option<Instant>,
    /// When the requests of the last minute passed.
    passed: VecDeque<Instant>,
    /// Whether GitLab has answered since it refused: refusals in a row are one.
    answered: bool,
    refusal: Option<Refusal>,
}

/// The limit that follows from the refusals so far.
#[derive(Clone, Debug)]
struct Refusal {
    /// When the last one was.
    at: Instant,
    /// The rate of requests from then on.
    per_minute: f64,
}

impl EndpointLimit {
    /// Nothing of the class has been asked.
    pub(super) fn of(class: EndpointClass) -> EndpointLimit {
        EndpointLimit {
            known: (class == EndpointClass::Jobs).then_some(JOBS_A_MINUTE),
            ..EndpointLimit::default()
        }
    }

    /// When the next request of the class may pass; none if no limit is known.
    pub(super) fn opening(&self, now: Instant) -> Option<Instant> {
        let paced = self.passed.back().zip(self.per_minute(now));
        let paced = paced.map(|(last, per_minute)| *last + MINUTE.div_f64(per_minute));
        let first = self
            .known
            .and_then(|most| self.passed.iter().nth_back(most - 1));
        // GitLab counts both ends of a minute.
        let whole = first.map(|first| *first + MINUTE + Duration::from_millis(1));
        self.blocked_until.max(paced).max(whole)
    }

    /// Requests a minute that the class is kept to, while a refusal is remembered.
    pub(super) fn per_minute(&self, now: Instant) -> Option<f64> {
        let refusal = self.refusal.as_ref()?;
        let minutes = now.saturating_duration_since(refusal.at).as_secs() / MINUTE.as_secs();
        (minutes < MEMORY).then(|| refusal.per_minute * GROWTH.powi(minutes as i32))
    }

    pub(super) fn pass(&mut self, now: Instant) {
        self.forget_before(now);
        self.passed.push_back(now);
    }

    /// GitLab let a request of this class through.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }

    /// GitLab refused a request for the number of those before it.
    pub(super) fn refused(&mut self, now: Instant, wait: Duration) {
        self.blocked_until = self.blocked_until.max(Some(now + wait));
        if std::mem::take(&mut self.answered) {
            self.forget_before(now);
            // The last one that passed is the one that GitLab refused.
            let accepted = self.passed.len().saturating_sub(1) as f64;
            let per_minute = (accepted * CAREFUL).max(1.0);
            self.refusal = Some(Refusal {
                at: now,
                per_minute,
            });
        } else if let Some(refusal) = &mut self.refusal {
            refusal.at = now;
        }
    }

    fn forget_before(&mut self, now: Instant) {
        while (self.passed.front()).is_some_and(|first| now.duration_since(*first) > MINUTE) {
            self.passed.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit of a class that was refused after this many answers in half a minute.
    fn refused_after(answers: u32, start: Instant) -> (EndpointLimit, Instant) {
        let mut limit = EndpointLimit::default();
        let step = MINUTE / 2 / answers;
        for number in 0..answers {
            limit.pass(start + step * number);
            limit.answered();
        }
        let now = start + MINUTE / 2;
        limit.pass(now);
        limit.refused(now, Duration::from_secs(1));
        (limit, now)
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_held_back_before_a_refusal() {
        let mut limit = EndpointLimit::default();
        limit.pass(Instant::now());
        assert_eq!(limit.opening(Instant::now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_teaches_to_ask_for_less_than_was_let_through() {
        let (mut limit, now) = refused_after(600, Instant::now());
        assert_eq!(limit.per_minute(now), Some(540.0));
        let later = now + Duration::from_secs(2);
        limit.pass(later);
        let pace = MINUTE.div_f64(540.0);
        assert_eq!(limit.opening(later), Some(later + pace));
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_in_a_row_teach_once() {
        let (mut limit, now) = refused_after(600, Instant::now());
        let later = now + MINUTE - Duration::from_secs(5);
        limit.pass(later);
        limit.refused(later, Duration::from_secs(10));
        assert_eq!(limit.per_minute(later + MINUTE / 2), Some(540.0));
        assert_eq!(limit.opening(later), Some(later + Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_learned_grows_back_and_is_forgotten_after_an_hour() {
        let (limit, now) = refused_after(100, Instant::now());
        let after = |minutes| limit.per_minute(now + MINUTE * minutes);
        assert_eq!(after(0), Some(90.0));
        assert!((after(1).unwrap() - 99.0).abs() < 1e-9);
        assert!((after(2).unwrap() - 108.9).abs() < 1e-9);
        assert!(after(59).is_some());
        assert_eq!(after(60), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_class_that_is_refused_at_once_is_still_asked_once_a_minute() {
        let (limit, now) = refused_after(1, Instant::now());
        assert_eq!(limit.per_minute(now), Some(1.0));
    }
}
