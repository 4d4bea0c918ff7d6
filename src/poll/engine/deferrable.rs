//! What later polls may finish: single values over REST, and what lies beside the projects. It holds no
//! poll beyond its interval, so that what is slow or huge about one project keeps nobody else waiting.
//! Whatever time the counts take, a poll lets one request of it be answered: it gets on all the same.

use std::time::Duration;

use super::moment::Moment;
use super::poll::{Deferrable, Poll};
use super::{Engine, Next, Sent};

/// So long a request may take in any case.
const PATIENCE: Duration = Duration::from_secs(30);

impl Engine {
    /// How long a poll that begins now asks what later polls may finish.
    pub(super) fn deferrable(&self, now: Moment) -> Deferrable {
        let most = self.rhythm.interval.mul_f64(0.75);
        Deferrable {
            until: self.schedule.is_whole().then(|| now + most),
            ..Deferrable::default()
        }
    }

    /// Asks what later polls may finish. What lies beside the projects waits for the counts, and comes
    /// before single values every other time.
    pub(super) fn ask_deferrable(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        if !poll.deferrable.may_ask(now) {
            return;
        }
        let is_counting = !next.requests.is_empty()
            || next.again.is_some()
            || self
                .in_flight
                .values()
                .any(|sent| !sent.what.is_deferrable());
        let estate_first = self.polls.is_multiple_of(2);
        if !is_counting && estate_first {
            self.ask_estate(poll, now, next);
        }
        self.ask_values(poll, now, next);
        self.ask_rounds_over_rest(poll, now, next);
        if !is_counting && !estate_first {
            self.ask_estate(poll, now, next);
        }
    }

    /// By when a request must be answered so that its poll ends in time.
    pub(super) fn deadline_of(&self, poll: &Poll, what: &Sent, now: Moment) -> Moment {
        match poll.deferrable.until.filter(|_| what.is_deferrable()) {
            Some(_) => (poll.began + self.rhythm.interval).max(now + PATIENCE),
            None => poll.deadline,
        }
    }

    /// Whether a limit would hold up a poll for nothing but what later polls may finish: it is left to
    /// them.
    pub(super) fn defers(&self, poll: &mut Poll, until: Moment) -> bool {
        let own = &poll.deferrable;
        let defers = own.answered && own.until.is_some_and(|own| until >= own);
        let defers = defers && !self.is_feeding(poll);
        poll.deferrable.over |= defers;
        defers
    }

    /// Leaves what had no time to the next poll; where the poll itself has none left, all is over.
    pub(super) fn defer(&mut self, poll: &mut Poll, now: Moment) {
        match now < poll.deadline {
            true => poll.deferrable.over = true,
            false => self.run_out_of_time(poll),
        }
    }
}

impl Sent {
    pub(super) fn is_deferrable(&self) -> bool {
        matches!(
            self,
            Sent::Value(..) | Sent::RoundValue(..) | Sent::Estate(_)
        )
    }
}
