//! Subjects with a pace of their own: each is asked in parts that hold nothing else, rides along where
//! a request has room, and replaces nothing but its own values. What is slow about one subject is
//! asked in smaller parts and alone, and takes no other with it.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::due::{Taken, Turn};
use super::moment::Moment;
use super::poll::{Poll, Purpose, Query, RoundWork};
use super::round::{Outcome, failure, outcome, told};
use crate::metrics::{Owner, OwnerAnswer, Reason, Round, ToldOfRound};
use crate::poll::capacity::Capacity;
use crate::poll::plan::Depth;

/// Where it can't be had, a subject is tried again after this at the earliest.
const PAUSE: Duration = Duration::from_secs(3600);
/// Where it failed for once, it is tried again after this.
const SHORT_PAUSE: Duration = Duration::from_secs(300);

impl Engine {
    /// Plans how many projects a poll asks about each subject.
    pub(super) fn plan_rounds(&mut self, poll: &mut Poll) {
        let interval = self.rhythm.interval;
        let most = rest_of_a_poll(interval) / self.rounds.len().max(1);
        let work = self.rounds.iter_mut().map(|own| RoundWork {
            share: own.due.share(poll.began, interval),
            rest: most.max(1),
            ..RoundWork::default()
        });
        poll.rounds = work.collect();
        poll.estate = true;
        poll.estate_left = rest_of_a_poll(interval);
    }

    /// Goes on after a restart: a project is due by when its values were told.
    pub(super) fn resume_rounds(&mut self) {
        for index in 0..self.rounds.len() {
            let own = &self.rounds[index];
            let projects = self.projects.iter();
            let asked = projects.map(|(id, project)| (told(&own.round, project), *id));
            let asked = asked.collect();
            self.rounds[index].due.resume(asked);
        }
    }

    /// Notes a project that was not known, or not selected.
    pub(super) fn add_to_rounds(&mut self, poll: &mut Poll, id: u64, is_new: bool) {
        for (index, own) in self.rounds.iter_mut().enumerate() {
            if let Some(work) = poll.rounds.get_mut(index) {
                work.share.must += 1;
                work.share.may += 1;
                work.share.alone += 1;
            }
            match is_new {
                true => own.due.add(id),
                false => own.due.want(id),
            }
        }
    }

    pub(super) fn forget_in_rounds(&mut self, poll: &mut Poll, id: u64) {
        for (index, own) in self.rounds.iter_mut().enumerate() {
            let work = poll.rounds.get_mut(index);
            let open = work.and_then(|work| work.open.remove(&id));
            let is_open = open.is_some_and(Taken::is_of_queue);
            self.round_lookups.remove(&(index, id));
            if !is_open {
                own.due.forget(id);
            }
        }
    }

    /// The next part of a round, of at most so many projects.
    pub(super) fn query_of_round(
        &mut self,
        poll: &mut Poll,
        index: usize,
        most: usize,
    ) -> Option<Query> {
        let mut ids = Vec::new();
        while ids.len() < most
            && let Some(id) = self.take_for_round(poll, index)
        {
            ids.push(id);
        }
        let share = &mut poll.rounds[index].share;
        share.must = share.must.saturating_sub(ids.len());
        share.may = share.may.saturating_sub(ids.len());
        let query = Query::of_ids(Purpose::Round(index), ids, Depth::Round(index));
        (query.names() > 0).then_some(Query {
            alone: self.rounds[index].is_alone(),
            ..query
        })
    }

    /// Fills a part up with the next projects: a request costs the same.
    pub(super) fn fill_up_round(
        &mut self,
        poll: &mut Poll,
        index: usize,
        query: Query,
        most: usize,
    ) -> Query {
        let left = most.saturating_sub(query.names());
        let Some(more) = self.query_of_round(poll, index, left) else {
            return query;
        };
        let ids = [query.ids(), more.ids()].concat();
        let full = Query::of_ids(query.purpose, ids, query.part.depth);
        Query {
            alone: query.alone,
            ..full
        }
    }

    /// Takes the next project whose turn it is.
    pub(super) fn take_for_round(&mut self, poll: &mut Poll, index: usize) -> Option<u64> {
        let (schedule, graphql) = (&self.schedule, self.gitlab.graphql);
        let turn = |id: u64| match schedule.track(id).filter(|own| own.taken) {
            None => Turn::Pass,
            Some(own) if graphql && own.is_quarantined(poll.began) => Turn::Later(SHORT_PAUSE),
            Some(_) => Turn::Ask,
        };
        let taken = self.rounds[index].due.take(poll.began, turn)?;
        if !self.projects.contains_key(&taken.id) {
            return self.take_for_round(poll, index);
        }
        poll.rounds[index].open.insert(taken.id, taken);
        Some(taken.id)
    }

    /// Of how many projects a part of a round may ask, by score, weight and what GitLab bore before.
    pub(super) fn page_of_round(&self, index: usize) -> usize {
        let (plan, depth) = (&self.gitlab.plan, Depth::Round(index));
        let (weight, score) = (
            self.gitlab.capacity.size(),
            self.gitlab.capabilities.most_score(),
        );
        let page = plan.page(depth, weight, score);
        page.min(self.rounds[index].capacity.page())
    }

    /// Takes back what was not asked after all.
    pub(super) fn put_round_back(&mut self, poll: &mut Poll, index: usize, ids: &[u64]) {
        let work = &mut poll.rounds[index];
        let taken: Vec<Taken> = ids.iter().filter_map(|id| work.open.remove(id)).collect();
        let due = &mut self.rounds[index].due;
        taken
            .into_iter()
            .rev()
            .for_each(|taken| due.put_back(taken));
    }

    /// At the end of a poll: what was not answered stays due.
    pub(super) fn close_rounds(&mut self, poll: &mut Poll) {
        for (own, work) in self.rounds.iter_mut().zip(std::mem::take(&mut poll.rounds)) {
            let mut open: Vec<Taken> = work.open.into_values().collect();
            open.sort_unstable();
            open.into_iter()
                .rev()
                .for_each(|taken| own.due.put_back(taken));
        }
    }

    /// Takes in what GraphQL told of a project. False if a part of it failed, and asking for less may
    /// help.
    pub(super) fn round_told(
        &mut self,
        poll: &mut Poll,
        index: usize,
        at: Moment,
        id: u64,
        (values, tables): ToldOfRound,
        is_last_try: bool,
    ) -> bool {
        let Some(mut found) = self.answer_of_round(id) else {
            return true;
        };
        found.fill(&values, tables, at.as_secs());
        let failed = !found.failed.is_empty() || !found.failed_tables.is_empty();
        if failed && !is_last_try {
            return false;
        }
        self.learn_round(poll, index, id, &found, at);
        true
    }

    pub(super) fn answer_of_round(&self, id: u64) -> Option<OwnerAnswer> {
        let project = self.projects.get(&id)?;
        let identity = project.identity.as_ref().clone();
        Some(OwnerAnswer::unasked(identity, self.enabled.catalogue))
    }

    /// Nothing of a subject is to be had of a project now.
    pub(super) fn give_round_up(
        &mut self,
        poll: &mut Poll,
        index: usize,
        ids: &[u64],
        reason: Reason,
        at: Moment,
    ) {
        for &id in ids {
            if let Some(mut found) = self.answer_of_round(id) {
                let round = &self.rounds[index].round;
                found.despair(&round.columns, &round.tables, reason);
                self.learn_round(poll, index, id, &found, at);
            }
        }
    }

    /// Takes in all that was learnt of a subject of a project.
    pub(super) fn learn_round(
        &mut self,
        poll: &mut Poll,
        index: usize,
        id: u64,
        found: &OwnerAnswer,
        at: Moment,
    ) {
        let Some(project) = self.projects.get(&id) else {
            return;
        };
        let own = &mut self.rounds[index];
        let mut next = Owner::clone(project);
        next.take(found, &own.round.columns, &own.round.tables, at.as_secs());
        count_failed(poll, &own.round, found);
        let outcome = outcome(&own.round, &next, found);
        self.projects.insert(id, Arc::new(next));
        let Some(taken) = poll.rounds[index].open.remove(&id) else {
            return;
        };
        match outcome {
            Outcome::Known => own.due.asked(taken, at),
            Outcome::Refused => own.due.refuse(taken, at + PAUSE),
            Outcome::Failed => own.due.refuse(taken, at + SHORT_PAUSE.min(own.due.every())),
        }
    }

    /// Notes how GitLab bore a request with rounds in it. True if that says nothing about others.
    pub(super) fn note_rounds(&mut self, queries: &[Query], took: Option<Duration>) -> bool {
        let rounds = queries.iter().filter_map(|query| match query.purpose {
            Purpose::Round(index) => Some((index, query.part.first)),
            _ => None,
        });
        let rounds: Vec<(usize, usize)> = rounds.collect();
        let good = took.is_some_and(|took| took <= Capacity::SLOW);
        for &(index, first) in &rounds {
            self.rounds[index].bore(first, took, queries.len() == 1);
        }
        !rounds.is_empty() && !good
    }
}

/// How many requests of REST the rounds of one poll begin with: some a second, so that they make no
/// poll late.
fn rest_of_a_poll(interval: Duration) -> usize {
    const A_SECOND: u64 = 2;
    usize::try_from(interval.as_secs() * A_SECOND).map_or(200, |most| most.clamp(20, 200))
}

/// Counts a subject that could not be read.
fn count_failed(poll: &mut Poll, round: &Round, found: &OwnerAnswer) {
    if let Some(reason) = failure(round, found) {
        let failed = (round.subject.name, reason.name());
        *poll.values.entry(failed).or_default() += 1;
    }
}
