//! What becomes of the values of a project: taken in as they were told, doubted, or looked up in other
//! ways one by one.

use std::sync::Arc;

use super::Engine;
use super::errors::not_understood;
use super::lookups::{Failure, Lookup, LookupOutcome, LookupValue, Open, State};
use super::moment::Moment;
use super::poll::Poll;
use super::request::{Answer, Kind};
use super::{Next, Sent};
use crate::gitlab::Error;
use crate::metrics::{
    Access, Answered, Catalogue, ChangesWith, Identity, Owner, ProjectAnswer, Reading, Reason,
    UnixTime,
};

/// A value that was forbidden is asked for again every so many polls: a role that was granted shows
/// after ten minutes of the default interval.
const RETRY_FORBIDDEN: u64 = 10;

impl Engine {
    /// Takes in everything that was asked of a project. What failed is asked `again` among fewer
    /// others, if it was little; else it is left to be looked up value by value.
    pub(super) fn learn(
        &mut self,
        poll: &mut Poll,
        mut found: ProjectAnswer,
        at: Moment,
        again: bool,
    ) {
        let id = found.identity.id;
        self.keep_identity(&mut found);
        let activity = found.identity.last_activity;
        let taken = self.filter.takes(&found.identity, at.as_secs());
        if self.leaves_out(id, taken) {
            return;
        }
        self.keep_what_rest_told(&mut found, at);
        let few = !found.failed.is_empty() && found.failed.len() < self.enabled.columns().len() / 2;
        let open = found.open(self.enabled.columns());
        let is_open = !open.is_empty() || !found.failed_tables.is_empty();
        if taken && is_open && !(again && few) {
            self.open_values(poll, found.clone());
            for slot in open {
                found.values[slot] = Reading::Unknown(Reason::Pending);
            }
        } else {
            self.close_values(poll, id);
            if !(again && few) {
                poll.count(0..found.values.len(), &found.values, self.enabled.catalogue);
            }
        }
        let last = self.projects.get(&id).map(|last| &**last);
        let is_new = last.is_none();
        let branch = |identity: &Identity| identity.default_branch.clone();
        let now = branch(&found.identity);
        let was_another = last.is_some_and(|last| branch(&last.identity) != now);
        if is_new {
            for own in &self.rounds {
                found.expect(&own.round.columns, &own.round.tables, false);
            }
        }
        let was_taken = self.schedule.is_taken(id);
        let project = Owner::updated(found, last, at.as_secs());
        let before = self.projects.insert(id, Arc::new(project));
        if is_new || taken && !was_taken {
            self.add_to_rounds(poll, id, is_new);
        }
        self.schedule.read(id, activity, taken, at);
        if taken {
            self.feed_found(poll, id);
        }
        if taken && let Some(before) = before {
            self.feed_moved(poll, &before);
        }
        if was_another {
            self.default_branch_changed(id);
        }
        if again && few && taken {
            self.schedule.want_again(poll, id);
        }
    }

    /// What of its identity was not told because of an error is what was known.
    fn keep_identity(&self, found: &mut ProjectAnswer) {
        let known = self.projects.get(&found.identity.id);
        if let Some(known) = known.filter(|_| found.failed_identity) {
            found.identity.or_last(&known.identity);
        }
    }

    /// Leaves a project out that is not known, if there is no memory for it.
    fn leaves_out(&mut self, id: u64, taken: bool) -> bool {
        if self.projects.contains_key(&id) {
            return false;
        }
        let leaves_out = self.schedule.left_out.is_shut();
        match leaves_out {
            true => self.schedule.leave_out(id, taken),
            false => self.schedule.left_out.remove(id),
        }
        leaves_out
    }

    /// What REST told of a value that GraphQL hides is not asked again before its sweep is due, or the
    /// project was active; and what GitLab forbids, only now and then.
    fn keep_what_rest_told(&self, found: &mut ProjectAnswer, at: Moment) {
        let id = found.identity.id;
        let Some(last) = self.projects.get(&id) else {
            return;
        };
        let columns = self.enabled.catalogue.project_columns();
        let retries = self.polls.is_multiple_of(RETRY_FORBIDDEN);
        let (due, hot) = (
            self.schedule.is_uncovering_due(id, at),
            self.schedule.is_hot(id, at),
        );
        if !due {
            for (ours, last) in found.identity.access.iter_mut().zip(last.identity.access) {
                if *ours == Access::Unclear && matches!(last, Access::Off | Access::Denied) {
                    *ours = last;
                }
            }
            for &slot in self.enabled.columns() {
                if found.identity.access(columns[slot].column.feature) == Access::Off {
                    found.values[slot] = Reading::Off;
                }
            }
        }
        for slot in found.open(self.enabled.columns()) {
            let forbidden = last.values[slot] == Reading::Unknown(Reason::Forbidden);
            let moves = hot && columns[slot].column.changes_with == ChangesWith::Activity;
            let told = !due && !moves && !found.failed.contains(&slot);
            if forbidden && !retries || told {
                found.values[slot] = last.values[slot];
                found.failed.retain(|failed| *failed != slot);
            }
        }
    }

    /// Takes in what activity moves. A number that has come to nothing may be one that is hidden by
    /// now, and one that was hidden may be known: everything is read then.
    pub(super) fn moved(
        &mut self,
        poll: &mut Poll,
        id: u64,
        activity: Option<UnixTime>,
        answers: &[(usize, Answered)],
        at: Moment,
    ) {
        let Some(project) = self.projects.get(&id) else {
            return self.schedule.want(poll, id);
        };
        let columns = self.enabled.catalogue.project_columns();
        let mut next = Owner::clone(project);
        let (mut doubt, mut hidden, now) = (false, false, at.as_secs());
        let uncovered = self
            .schedule
            .track(id)
            .is_some_and(|track| track.uncovered > Moment::ZERO);
        for &(slot, answer) in answers {
            let reading = &mut next.values[slot];
            match (*reading, answer) {
                (Reading::Known { value, .. }, Answered::Value(number))
                    if number > 0.0 || value == 0.0 =>
                {
                    *reading = Reading::known(number, now);
                }
                (Reading::Known { .. }, Answered::Failed(reason)) => {
                    let failed = (columns[slot].subject.name, reason.name());
                    *poll.values.entry(failed).or_default() += 1;
                }
                // REST told it.
                (Reading::Known { .. }, Answered::Null)
                    if uncovered && !columns[slot].column.fallbacks.is_empty() =>
                {
                    hidden = true;
                }
                (Reading::Unknown(Reason::Invalid), Answered::Value(_))
                | (Reading::Known { .. }, _) => doubt = true,
                (_, Answered::Value(number)) if number > 0.0 => doubt = true,
                _ => {}
            }
        }
        if activity.is_some() && activity != next.identity.last_activity {
            Arc::make_mut(&mut next.identity).last_activity = activity;
        }
        if hidden && !doubt {
            self.uncover(poll, &next, answers);
        }
        if let Some(before) = self.projects.insert(id, Arc::new(next)) {
            self.feed_moved(poll, &before);
        }
        if doubt {
            self.schedule.want(poll, id);
        }
    }

    /// Looks up what GraphQL hides of a project, and REST has told before.
    fn uncover(&mut self, poll: &mut Poll, project: &Owner, answers: &[(usize, Answered)]) {
        let identity = project.identity.as_ref().clone();
        let catalogue = self.enabled.catalogue;
        let mut found = ProjectAnswer::unasked(identity, catalogue);
        for (told, last) in found.values.iter_mut().zip(&project.values) {
            *told = *last;
        }
        for (slot, answer) in answers {
            let column = catalogue.project_columns()[*slot].column;
            if *answer == Answered::Null && !column.fallbacks.is_empty() {
                found.values[*slot] = Reading::Unknown(Reason::Hidden);
            }
        }
        self.open_values(poll, found);
    }

    /// Forgets projects that are not there any more.
    pub(super) fn remove(&mut self, poll: &mut Poll, gone: Vec<u64>) {
        for id in gone {
            self.close_values(poll, id);
            if let Some(project) = self.projects.remove(&id) {
                self.departed.take(&project, self.enabled.catalogue);
                self.forget_in_rounds(poll, id);
            }
            self.feeds.forget(id);
            self.schedule.forget(id);
            self.details.forget_project(id);
            self.deployments.forget_project(id);
        }
    }

    pub(super) fn open_values(&mut self, poll: &mut Poll, found: ProjectAnswer) {
        let id = found.identity.id;
        let open = Open::new(found);
        self.open.insert(id, open);
        if !self.is_looking_up(id) {
            poll.open.insert((self.told(id), id));
        }
    }

    fn close_values(&mut self, poll: &mut Poll, id: u64) {
        if self.open.remove(&id).is_some() {
            poll.open.remove(&(self.told(id), id));
        }
    }

    fn is_looking_up(&self, id: u64) -> bool {
        let of_it = |what: &Sent| matches!(what, Sent::Value(other, _) if *other == id);
        self.in_flight.values().any(|sent| of_it(&sent.what))
    }

    /// Values that earlier polls had no time for are looked up first.
    pub(super) fn queue_open(&self, poll: &mut Poll) {
        let ids = self.open.keys().copied();
        poll.open = ids.map(|id| (self.told(id), id)).collect();
    }

    /// Sends the lookups of values that may be sent now, those of the oldest values first: if time runs
    /// out, it runs out for others than in the last poll.
    pub(super) fn ask_values(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        while self.free() > 0
            && let Some((_, id)) = poll.open.pop_first()
        {
            if self.is_looking_up(id) {
                continue;
            }
            let Some(open) = self.open.get_mut(&id) else {
                continue;
            };
            let (enabled, capabilities) = (&self.enabled, &self.gitlab.capabilities);
            match open.state(enabled, capabilities) {
                State::Next(lookup) => {
                    open.asked.get_or_insert(now);
                    let request = lookup.request();
                    self.send(
                        poll,
                        now,
                        next,
                        request,
                        Kind::Values,
                        Sent::Value(id, lookup),
                    );
                }
                State::Done(found) => self.take_values(poll, id, *found, now),
                State::Gone => self.remove(poll, vec![id]),
            }
        }
    }

    /// Takes in what was looked up.
    pub(super) fn value_answered(
        &mut self,
        poll: &mut Poll,
        id: u64,
        lookup: Lookup,
        at: Moment,
        answer: Answer,
        now: Moment,
    ) {
        if !self.open.contains_key(&id) {
            return;
        }
        let what = match answer {
            Answer::Body(Ok(body)) if lookup.is_of_project() && body["id"] != id => {
                Err(not_understood(&"the answer is not this project"))
            }
            Answer::Body(Ok(body)) => Ok(LookupValue::Body(body)),
            Answer::Count(Ok(count)) => Ok(LookupValue::Count(count)),
            Answer::Body(Err(error)) | Answer::Count(Err(error)) => Err(error),
            _ => return,
        };
        poll.open.insert((self.told(id), id));
        let what = match what {
            Ok(what) => Ok(what),
            // What had no time stays open.
            Err(Error::Deadline) => return,
            Err(error) if self.waits(poll, &error, now) => return,
            // No limit will allow it in this poll.
            Err(Error::RateLimited { .. }) => return poll.stop(),
            Err(error) => Err(Failure::of(&error)),
        };
        let at = at.as_secs();
        if let Some(open) = self.open.get_mut(&id) {
            open.answers.insert(lookup, LookupOutcome { what, at });
        }
    }

    /// Takes in a project whose values were all looked up.
    fn take_values(&mut self, poll: &mut Poll, id: u64, found: ProjectAnswer, now: Moment) {
        let (Some(open), Some(project)) = (self.open.remove(&id), self.projects.get(&id)) else {
            return;
        };
        let slots = open.found.open(self.enabled.columns());
        let mut next = Owner::clone(project);
        if next.identity.access != found.identity.access {
            Arc::make_mut(&mut next.identity).access = found.identity.access;
        }
        for &slot in &slots {
            next.values[slot] = found.values[slot].or_last_good(project.values.get(slot));
        }
        next.take_tables(&found, &open.found.failed_tables, now.as_secs());
        poll.count(slots, &found.values, self.enabled.catalogue);
        if let Some(before) = self.projects.insert(id, Arc::new(next)) {
            self.feed_moved(poll, &before);
        }
        if let Some(asked) = open.asked {
            self.schedule.uncovered(id, asked);
        }
    }

    /// When the oldest value of a project was told; 0 if it lacks one.
    fn told(&self, id: u64) -> UnixTime {
        let Some(project) = self.projects.get(&id) else {
            return 0;
        };
        let columns = self.enabled.columns().iter();
        let values = columns.filter_map(|place| project.values.get(*place));
        let at = values.map(|reading| match reading {
            Reading::Known { at, .. } => UnixTime::from(*at),
            Reading::Unknown(reason) if !reason.is_fact() => 0,
            Reading::Unknown(_) | Reading::Off => UnixTime::MAX,
        });
        at.min().unwrap_or_default()
    }
}

impl Poll {
    /// Counts the values among `slots` that could not be read. What GitLab hides or does not have is
    /// no failure, and what is still to be asked is none yet.
    fn count(
        &mut self,
        slots: impl IntoIterator<Item = usize>,
        readings: &[Reading],
        catalogue: &Catalogue,
    ) {
        for slot in slots {
            if let Reading::Unknown(reason) = readings[slot]
                && !reason.is_fact()
                && reason != Reason::Pending
            {
                let subject = catalogue.project_columns()[slot].subject;
                *self
                    .values
                    .entry((subject.name, reason.name()))
                    .or_default() += 1;
            }
        }
    }
}
