//! How long GitLab has owed an answer that makes sense.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// Whether GitLab owes an answer, and since when.
#[derive(Default)]
pub(super) struct Silence {
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    /// When the last answer that made sense came; before the first, when the first request was sent.
    last: Option<Instant>,
    in_flight: usize,
    /// Whether a request was sent, or was still under way, after that answer.
    owed: bool,
    /// Why the last request got no such answer.
    failure: Option<String>,
}

/// A request under way; it ends when this is dropped.
pub(super) struct InFlight<'a> {
    silence: &'a Silence,
    made_sense: bool,
    failure: Option<String>,
}

impl Silence {
    pub(super) fn request_sent(&self) -> InFlight<'_> {
        let mut answers = self.lock();
        answers.last.get_or_insert_with(Instant::now);
        answers.in_flight += 1;
        answers.owed = true;
        InFlight {
            silence: self,
            made_sense: false,
            failure: None,
        }
    }

    /// Goes on waiting where another session with the same GitLab did. What was under way there was given up.
    pub(super) fn take_over(&self, before: &Silence) {
        let (before, mut answers) = (before.lock(), self.lock());
        answers.last = before.last;
        answers.owed = before.owed;
        answers.failure.clone_from(&before.failure);
    }

    /// None while GitLab owes no answer.
    pub(super) fn duration(&self) -> Option<Duration> {
        let answers = self.lock();
        let last = answers.last.filter(|_| answers.owed)?;
        Some(last.elapsed())
    }

    /// Why the last request got no answer that made sense, if one has ended since the last that did.
    pub(super) fn reason(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        lock(&self.answers)
    }
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
        let mut answers = self.silence.lock();
        answers.in_flight -= 1;
        if self.made_sense {
            answers.last = Some(Instant::now());
            answers.owed = answers.in_flight > 0;
            answers.failure = None;
        } else if let Some(failure) = self.failure.take() {
            answers.failure = Some(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_an_answer_that_makes_sense_ends_the_silence() {
        let silence = Silence::default();
        let pass = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        let seconds = || silence.duration().map(|duration| duration.as_secs());
        let answer = || silence.request_sent().made_sense();
        assert_eq!(seconds(), None, "nothing was asked");
        let hanging = silence.request_sent();
        pass(3).await;
        drop(silence.request_sent()); // A 502, or a request that was given up.
        assert_eq!(seconds(), Some(3));
        answer();
        pass(2).await;
        assert_eq!(seconds(), Some(2), "the other one still hangs");
        drop(hanging);
        pass(5).await;
        assert_eq!(seconds(), Some(7), "and was never answered");
        answer();
        pass(60).await;
        assert_eq!(seconds(), None, "nothing is owed while nothing is asked");
    }
}
