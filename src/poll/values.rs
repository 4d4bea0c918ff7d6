//! What becomes of the values of a project: taken in as they were told, doubted, or asked in other
//! ways one by one.

use std::sync::Arc;

use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::merge;
use super::schedule::Moment;
use super::turn::{Asking, STRIKES};
use super::{Poller, Tally};
use crate::metrics::{Answered, Catalogue, Owner, ProjectAnswer, Reading, Reason, UnixTime};

/// A value that was forbidden is asked for again every so many polls: a role that was granted shows
/// after ten minutes of the default interval.
const RETRY_FORBIDDEN: u64 = 10;

impl Poller {
    /// Takes in everything that was asked of a project. What failed is asked `again` in a smaller
    /// company, if it was little; else it is left to be asked value by value.
    pub(super) fn learn(
        &mut self,
        asking: &mut Asking,
        mut found: ProjectAnswer,
        at: Moment,
        again: bool,
    ) {
        let identity = &found.identity;
        let (id, activity) = (identity.id, identity.last_activity);
        let taken = self.config.selection.filter.takes(identity, self.now());
        let last = self.projects.get(&id);
        if !self.polls.is_multiple_of(RETRY_FORBIDDEN)
            && let Some(last) = last
        {
            // Asking at every poll for what is forbidden would be a waste.
            for slot in found.open(self.enabled.columns()) {
                if last.values[slot] == Reading::Unknown(Reason::Forbidden) {
                    found.values[slot] = last.values[slot];
                    found.failed.retain(|failed| *failed != slot);
                }
            }
        }
        let few = !found.failed.is_empty() && found.failed.len() < self.enabled.columns().len() / 2;
        let open = found.open(self.enabled.columns());
        if taken && !open.is_empty() && !(again && few) {
            self.open.insert(id, found.clone());
            for slot in open {
                found.values[slot] = Reading::Unknown(Reason::Pending);
            }
        } else {
            self.open.remove(&id);
            if !(again && few) {
                asking
                    .tally
                    .count(0..found.values.len(), &found.values, self.enabled.catalogue);
            }
        }
        let now = self.now();
        let project = merge::project(found, self.projects.get(&id).map(|last| &**last), now);
        self.projects.insert(id, Arc::new(project));
        self.schedule.read(id, activity, taken, at);
        if again && few && taken {
            self.schedule.want_again(&mut asking.turn, id);
        }
    }

    /// Takes in what activity moves. A number that has come to nothing may be one that is hidden by
    /// now, and one that was hidden may be known: who it is, is asked with it then.
    pub(super) fn moved(
        &mut self,
        asking: &mut Asking,
        id: u64,
        activity: Option<UnixTime>,
        answers: &[(usize, Answered)],
    ) {
        let Some(project) = self.projects.get(&id) else {
            return self.schedule.want(id);
        };
        let mut next = Owner::clone(project);
        let (mut doubt, now) = (false, self.now());
        for &(slot, answer) in answers {
            let reading = &mut next.values[slot];
            match (*reading, answer) {
                (Reading::Known { value, .. }, Answered::Value(number))
                    if number > 0.0 || value == 0.0 =>
                {
                    *reading = Reading::known(number, now);
                }
                (Reading::Known { .. }, Answered::Failed(reason)) => {
                    let subject = self.enabled.catalogue.project_columns()[slot].subject;
                    let failed = (subject.name, reason.name());
                    *asking.tally.values.entry(failed).or_default() += 1;
                }
                (Reading::Unknown(Reason::Invalid), Answered::Value(_))
                | (Reading::Known { .. }, _) => {
                    doubt = true;
                }
                (_, Answered::Value(number)) if number > 0.0 => doubt = true,
                _ => {}
            }
        }
        if activity.is_some() && activity != next.identity.last_activity {
            Arc::make_mut(&mut next.identity).last_activity = activity;
        }
        self.projects.insert(id, Arc::new(next));
        if doubt {
            self.schedule.want(id);
        }
    }

    /// Asks in other ways for what is still open, the oldest first: if time runs out, it runs out for
    /// others than in the last poll.
    pub(super) async fn complete(&mut self, asking: &mut Asking) {
        let mut open: Vec<u64> = self.open.keys().copied().collect();
        open.sort_by_key(|id| self.projects.get(id).map_or(0, |project| told(project)));
        while !open.is_empty() && asking.strikes < STRIKES {
            let rest = self.rest(asking.deadline);
            let batch: Vec<u64> = open
                .drain(..open.len().min(4 * self.client.concurrency()))
                .collect();
            let asked: Vec<ProjectAnswer> = batch
                .iter()
                .filter_map(|id| self.open.get(id).cloned())
                .collect();
            let mut completed = stream::iter(asked)
                .map(|found| {
                    let rest = rest.clone();
                    async move { (found.identity.id, rest.complete(found).await) }
                })
                .buffer_unordered(self.client.concurrency());
            let mut held_back = false;
            while let Some((id, found)) = completed.next().await {
                match found {
                    Some(found) => held_back |= self.close(asking, id, found),
                    None => self.remove(vec![id]),
                }
            }
            if held_back || Instant::now() >= asking.deadline {
                break;
            }
        }
    }

    /// Takes in what was asked in other ways; what had no time stays open. True if it was a limit that
    /// allowed no more.
    fn close(&mut self, asking: &mut Asking, id: u64, found: ProjectAnswer) -> bool {
        let (Some(asked), Some(project)) = (self.open.get(&id), self.projects.get(&id)) else {
            return false;
        };
        let open = asked.open(self.enabled.columns());
        let mut next = Owner::clone(project);
        if next.identity.access != found.identity.access {
            Arc::make_mut(&mut next.identity).access = found.identity.access;
        }
        let (mut held_back, mut late) = (false, false);
        for &slot in &open {
            let reading = found.values[slot];
            held_back |= matches!(
                reading,
                Reading::Unknown(Reason::Budget | Reason::RateLimited)
            );
            late |= reading == Reading::Unknown(Reason::Timeout);
            next.values[slot] = reading.or_last_good(project.values.get(slot));
        }
        asking
            .tally
            .count(open, &found.values, self.enabled.catalogue);
        self.projects.insert(id, Arc::new(next));
        if !held_back && !late {
            self.open.remove(&id);
        }
        held_back
    }

    /// Forgets projects that are not there any more.
    pub(super) fn remove(&mut self, gone: Vec<u64>) {
        for id in gone {
            self.projects.remove(&id);
            self.open.remove(&id);
            self.schedule.forget(id);
        }
    }
}

impl Tally {
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

/// When the oldest value of a project was told; 0 if it lacks one.
fn told(project: &Owner) -> UnixTime {
    let at = project.values.iter().map(|reading| match reading {
        Reading::Known { at, .. } => UnixTime::from(*at),
        Reading::Unknown(reason) if !reason.is_fact() => 0,
        Reading::Unknown(_) | Reading::Off => UnixTime::MAX,
    });
    at.min().unwrap_or_default()
}
