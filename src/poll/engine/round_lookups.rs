//! What REST is asked for subjects with a pace of their own: path by path for one project at a time,
//! some projects in each poll.

use super::lookups::{Failure, Lookup, LookupOutcome, LookupValue, Open, State};
use super::moment::Moment;
use super::poll::Poll;
use super::request::{Answer, Kind};
use super::{Engine, Next, Sent};
use crate::gitlab::Error;
use crate::metrics::{Access, Reason};

impl Engine {
    /// Sends the lookups of rounds that may be sent now.
    pub(super) fn ask_rounds_over_rest(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        for index in 0..poll.rounds.len() {
            while self.free() > 0
                && let Some(id) = self.next_lookup_of_round(poll, index)
            {
                self.look_up_for_round(poll, index, id, now, next);
            }
        }
    }

    /// The next project whose question is to be found: one under way, else one whose turn it is.
    fn next_lookup_of_round(&mut self, poll: &mut Poll, index: usize) -> Option<u64> {
        let over_rest = !self.gitlab.graphql || self.gitlab.plan.rounds[index].is_empty();
        let work = &mut poll.rounds[index];
        if let Some(id) = work.ready.pop_front() {
            return Some(id);
        }
        if !over_rest || work.share.alone == 0 || work.rest == 0 {
            return None;
        }
        work.share.alone -= 1;
        work.rest -= 1;
        let id = self.take_for_round(poll, index)?;
        self.open_for_round(index, id).then_some(id)
    }

    /// Begins to ask REST about a subject of a project. False if the project is not known.
    pub(super) fn open_for_round(&mut self, index: usize, id: u64) -> bool {
        let Some(mut found) = self.answer_of_round(id) else {
            return false;
        };
        let round = &self.rounds[index].round;
        // What the project's own body would settle about features is nothing to this subject, but what is
        // switched off is not asked for.
        for access in &mut found.identity.access {
            if *access != Access::Off {
                *access = Access::On;
            }
        }
        found.expect(&round.columns, &round.tables, true);
        let kept = self.round_lookups.entry((index, id));
        kept.or_insert_with(|| Open::new(found));
        true
    }

    fn look_up_for_round(
        &mut self,
        poll: &mut Poll,
        index: usize,
        id: u64,
        now: Moment,
        next: &mut Next,
    ) {
        let Some(open) = self.round_lookups.get_mut(&(index, id)) else {
            return;
        };
        let (enabled, capabilities) = (&self.enabled, &self.gitlab.capabilities);
        match open.state(enabled, capabilities) {
            State::Next(lookup) => {
                open.asked.get_or_insert(now);
                let (request, what) = (lookup.request(), Sent::RoundValue(index, id, lookup));
                self.send(poll, now, next, request, Kind::Round, what);
            }
            State::Done(mut found) => {
                let asked = open.asked.unwrap_or(now);
                self.round_lookups.remove(&(index, id));
                // GitLab answers 404 for what a project has switched off, too.
                found.hide(&[Reason::NotFound]);
                self.learn_round(poll, index, id, &found, asked);
            }
            State::Gone => {
                self.round_lookups.remove(&(index, id));
                self.schedule.want(poll, id);
                self.give_round_up(poll, index, &[id], Reason::Pending, now);
            }
        }
    }

    /// Takes in what was looked up.
    pub(super) fn round_value_answered(
        &mut self,
        poll: &mut Poll,
        (index, id, lookup): (usize, u64, Lookup),
        at: Moment,
        answer: Answer,
        now: Moment,
    ) {
        let Some(what) = LookupValue::of(answer) else {
            return;
        };
        let Some(open) = self.round_lookups.get_mut(&(index, id)) else {
            return;
        };
        poll.rounds[index].ready.push_front(id);
        let what = match what {
            Ok(what) => Ok(what),
            Err(Error::Deadline) => return self.defer(poll, now),
            Err(error) if self.waits(poll, &error, now) => return,
            Err(Error::RateLimited { .. }) => return poll.stop(),
            Err(error) => {
                let subject = self.rounds[index].round.subject.name;
                self.note_down(poll, format!("reading {subject} of a project"), &error);
                let Some(open) = self.round_lookups.get_mut(&(index, id)) else {
                    return;
                };
                let (what, at) = (Err(Failure::of(&error)), at.as_secs());
                open.answers.insert(lookup, LookupOutcome { what, at });
                return;
            }
        };
        let at = at.as_secs();
        open.answers.insert(lookup, LookupOutcome { what, at });
    }
}
