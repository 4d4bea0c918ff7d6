//! What hints lead to. A hint about a project has everything of it read again. One about a subject has
//! that subject asked as the polls ask it, and no other; nothing where it is not enabled.

use std::sync::Arc;

use super::Engine;
use super::moment::Moment;
use super::poll::Poll;
use crate::metrics::{Access, Answered, Owner, ProjectAnswer, Reading, Reason};

impl Engine {
    /// Takes a hint about a project: everything about it is read again. For one that is not known,
    /// recent activity is listed again.
    pub fn hint(&mut self, project: Option<u64>) {
        let Some(mut poll) = self.poll.take() else {
            return;
        };
        match project.filter(|id| self.projects.contains_key(id)) {
            Some(id) => self.schedule.want(&mut poll, id),
            None => self.schedule.list_recent_again(&mut poll),
        }
        self.poll = Some(poll);
    }

    /// Takes a hint that a subject of a project may have changed. A project that is not known is looked
    /// for in recent activity.
    pub fn hint_at(&mut self, id: u64, subject: &'static str) {
        let Some(mut poll) = self.poll.take() else {
            return;
        };
        if self.is_asked(subject) {
            match self.projects.contains_key(&id) {
                true if self.schedule.is_taken(id) => self.hint_subject(&mut poll, id, subject),
                true => {}
                false => self.schedule.list_recent_again(&mut poll),
            }
        }
        self.poll = Some(poll);
    }

    /// Whether anything is asked about a subject.
    fn is_asked(&self, subject: &str) -> bool {
        match subject {
            "pipelines" => self.reads_pipelines(),
            "jobs" => self.wanted_details().jobs,
            "queue" => self.enabled.shows_any_of("queue"),
            "deployments" => self.reads_deployments(),
            "environments" => self.reads_environments(),
            name => !self.columns_of(name).is_empty(),
        }
    }

    fn hint_subject(&mut self, poll: &mut Poll, id: u64, subject: &'static str) {
        match subject {
            "pipelines" => self.hint_feeds(poll, id),
            "jobs" => {
                // A pipeline that has begun is not known yet.
                self.hint_feeds(poll, id);
                self.hint_details(poll, id);
            }
            "queue" => {
                self.hint_feeds(poll, id);
                poll.queue.hint();
            }
            "deployments" => self.hint_deployments(poll, id),
            "environments" => self.hint_environments(poll, id),
            name => self.hint_columns(poll, id, name),
        }
    }

    /// The places of the columns of a subject that are asked along with a project.
    fn columns_of(&self, subject: &str) -> Vec<usize> {
        let columns = self.enabled.catalogue.project_columns();
        let asked = self.enabled.columns().iter().copied();
        asked
            .filter(|place| columns[*place].subject.name == subject)
            .collect()
    }

    /// Takes in what was asked of a project about one subject. A value that has come to nothing may be one
    /// that is hidden by now: everything is read then.
    pub(super) fn subject_told(
        &mut self,
        poll: &mut Poll,
        id: u64,
        answers: &[(usize, Answered)],
        at: Moment,
    ) {
        let Some(project) = self.projects.get(&id) else {
            return self.schedule.want(poll, id);
        };
        let columns = self.enabled.catalogue.project_columns();
        let (mut next, mut doubt) = (Owner::clone(project), false);
        for &(place, answer) in answers {
            let placed = &columns[place];
            let told = Reading::of(answer, placed.column, &next.identity, at.as_secs());
            let own = &mut next.values[place];
            let was_there = matches!(own, Reading::Known { value, .. } if *value > 0.0);
            match told {
                Reading::Known { value, .. } if value > 0.0 || !was_there => *own = told,
                Reading::Off if !was_there => *own = told,
                Reading::Unknown(reason) if !reason.is_fact() && reason != Reason::Hidden => {
                    let failed = (placed.subject.name, reason.name());
                    *poll.values.entry(failed).or_default() += 1;
                }
                _ => doubt |= was_there,
            }
        }
        self.projects.insert(id, Arc::new(next));
        if doubt {
            self.schedule.want(poll, id);
        }
    }

    /// Asks in this poll for the columns of a subject, and for no others: over REST value by value.
    fn hint_columns(&mut self, poll: &mut Poll, id: u64, subject: &'static str) {
        if self.gitlab.graphql && !self.schedule.is_quarantined(id, poll.began) {
            if self.gitlab.plan.of_subject(subject).is_some() {
                poll.subjects.entry(subject).or_default().insert(id);
            }
            return;
        }
        let Some(project) = self.projects.get(&id) else {
            return;
        };
        let columns = self.enabled.catalogue.project_columns();
        let access = |place: &usize| project.identity.access(columns[*place].column.feature);
        let is_on = |place: &usize| access(place) != Access::Off;
        let places: Vec<usize> = self.columns_of(subject).into_iter().filter(is_on).collect();
        match self.open.get_mut(&id) {
            Some(open) => open.add(places),
            None if places.is_empty() => {}
            None => {
                let identity = project.identity.as_ref().clone();
                let mut found = ProjectAnswer::unasked(identity, self.enabled.catalogue);
                found.failed = places;
                self.open_values(poll, found);
            }
        }
    }
}
