//! What REST is asked for where GraphQL can't be: lists, and projects one by one.

use super::errors::{is_gone, not_understood};
use super::list::ListProgress;
use super::moment::Moment;
use super::paths;
use super::poll::Poll;
use super::request::{Kind, Request, RestPage};
use super::walk::{self, Position};
use super::{Engine, Next, Sent};
use crate::gitlab::Error;
use crate::metrics::ProjectAnswer;

impl Engine {
    /// Sends the REST requests for lists and projects that may be sent now.
    pub(super) fn ask_rest(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        if !self.gitlab.graphql {
            self.leave_all_to_rest(poll, now);
        }
        for index in 0..self.schedule.lists.len() {
            if self.free() == 0 {
                return;
            }
            self.ask_rest_of_list(poll, index, now, next);
        }
        while self.free() > 0
            && let Some(id) = poll.rest_reads.pop_front()
        {
            let request = Request::Project(id.to_string());
            self.send(poll, now, next, request, Kind::Read, Sent::Read(id));
        }
        self.ask_named_over_rest(poll, now, next);
    }

    /// What GraphQL would have been asked is asked over REST.
    fn leave_all_to_rest(&mut self, poll: &mut Poll, now: Moment) {
        self.begin_named_over_rest(poll, now);
        poll.again.clear();
        let reads = std::mem::take(&mut poll.reads);
        let follows = std::mem::take(&mut poll.follows);
        let follows = follows.into_iter().filter(|id| {
            let track = self.schedule.track(*id);
            track.is_some_and(|track| track.asked < poll.began) && poll.read.insert(*id)
        });
        poll.rest_reads.extend(reads.into_iter().chain(follows));
        // REST has no way to ask many at once; the sweep sees them.
        for id in std::mem::take(&mut poll.glances) {
            self.schedule.glanced_at(id, now);
        }
    }

    fn ask_rest_of_list(&mut self, poll: &mut Poll, index: usize, now: Moment, next: &mut Next) {
        let graphql = self.gitlab.graphql;
        let list = &mut self.schedule.lists[index];
        let own = &mut poll.lists[index];
        if list.is_named() {
            return;
        }
        if own.sweep && !own.sweeping && (!graphql || list.over_rest) {
            if matches!(list.position, Some(Position::Cursor(_))) {
                list.restart();
            }
            own.sweeping = true;
            let path = match &list.position {
                Some(Position::Path(path)) => path.clone(),
                _ => first_by_id(list),
            };
            let (request, what) = (Request::Page(path.clone()), Sent::Sweep(index, path));
            self.send(poll, now, next, request, Kind::Sweep, what);
        }
        let (list, own) = (&self.schedule.lists[index], &mut poll.lists[index]);
        if own.recent && !own.asking_recent && !graphql {
            own.asking_recent = true;
            let position = list
                .recent
                .as_ref()
                .and_then(|recent| recent.position.as_ref());
            let path = match position {
                Some(Position::Path(path)) => path.clone(),
                _ => first_by_activity(list),
            };
            let (request, what) = (Request::Page(path.clone()), Sent::Recent(index, path));
            self.send(poll, now, next, request, Kind::Recent, what);
        }
    }

    fn ask_named_over_rest(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        let indices: Vec<usize> = poll.named.keys().copied().collect();
        for index in indices {
            while self.free() > 0
                && let Some(named) = poll.named.get_mut(&index)
                && let Some(name) = named.over_rest.pop_front()
            {
                named.asked_over_rest += 1;
                // The id is right whatever the project is called by now.
                let key = self
                    .names
                    .id_of(&name)
                    .map_or(name.clone(), |id| id.to_string());
                let (request, what) = (Request::Project(key), Sent::Named(index, name));
                self.send(poll, now, next, request, Kind::Sweep, what);
            }
        }
    }

    /// A page of a sweep over REST.
    pub(super) fn rest_page(
        &mut self,
        poll: &mut Poll,
        index: usize,
        path: String,
        at: Moment,
        answer: Result<RestPage, Error>,
        now: Moment,
    ) {
        poll.lists[index].sweeping = false;
        let list = &mut self.schedule.lists[index];
        let asked = match &list.position {
            Some(Position::Path(path)) => path.clone(),
            _ => first_by_id(list),
        };
        if asked != path || !poll.lists[index].sweep {
            return; // The sweep was begun anew meanwhile.
        }
        let page = match answer {
            Ok(page) => page,
            Err(error) => return self.rest_sweep_failed(poll, index, error, now),
        };
        let ids: Vec<u64> = page
            .projects
            .iter()
            .map(|found| found.identity.id)
            .collect();
        let position = list.position.clone();
        let walked = list.walk.take(
            position.as_ref(),
            &walk::Page {
                ids: &ids,
                redacted: 0,
                next: page.next,
                total: page.total,
            },
        );
        match walked {
            Ok(next) => {
                for found in page.projects {
                    self.take_listed(poll, found, at);
                }
                self.pass(poll, index, at, &ids, next);
            }
            Err(why) => {
                let error = not_understood(&why);
                self.rest_sweep_failed(poll, index, error, now);
            }
        }
    }

    /// Takes in a project of a list over REST. Where GraphQL is used for everything but the list, it
    /// is asked for the values: a hundred projects in a request.
    fn take_listed(&mut self, poll: &mut Poll, found: ProjectAnswer, at: Moment) {
        let id = found.identity.id;
        if self.gitlab.graphql && !self.schedule.is_quarantined(id, at) {
            let mut found = found;
            found.failed.clear();
            self.learn(poll, found, at, false);
            return self.schedule.want(poll, id);
        }
        self.learn(poll, found, at, false);
    }

    fn rest_sweep_failed(&mut self, poll: &mut Poll, index: usize, error: Error, now: Moment) {
        /// So often a list may fail in one poll. No page gives these tries back: a list that is begun
        /// anew could fail at the same page for ever.
        const TRIES: u32 = 2;
        if self.waits(poll, &error, now) {
            return;
        }
        if is_gone(&error) {
            return self.lose_group(poll, index, &error);
        }
        let (list, own) = (&mut self.schedule.lists[index], &mut poll.lists[index]);
        own.rest_failures += 1;
        own.sweep = own.rest_failures < TRIES;
        if !own.sweep {
            // GraphQL may do by the next poll.
            (list.over_rest, list.begun_anew) = (false, false);
        }
        if matches!(error, Error::Refused { .. } | Error::NotUnderstood { .. })
            && list.position.is_some()
        {
            list.restart(); // What it goes on from may be forgotten.
        }
        let what = list.source.to_string();
        self.strike(poll, what, error);
    }

    /// A page of a list by activity over REST.
    pub(super) fn rest_recent(
        &mut self,
        poll: &mut Poll,
        index: usize,
        _: String,
        at: Moment,
        answer: Result<RestPage, Error>,
        now: Moment,
    ) {
        poll.lists[index].asking_recent = false;
        if !poll.lists[index].recent {
            return;
        }
        let walked = answer.and_then(|page| {
            let identities = page.projects.iter().map(|found| &found.identity);
            let times = identities.map(|identity| (identity.id, identity.last_activity));
            let times: Vec<_> = times.collect();
            let next = self.walk_recent(index, &times, 0, page.next)?;
            Ok((times, next))
        });
        match walked {
            Ok((times, next)) => self.schedule.recent_page(poll, index, at, &times, next),
            Err(error) if self.waits(poll, &error, now) => {}
            Err(error) => {
                self.schedule.recent_failed(poll, index, false);
                let what = format!("{} by activity", self.schedule.lists[index].source);
                self.strike(poll, what, error);
            }
        }
    }

    /// Everything about a project over REST.
    pub(super) fn rest_project(
        &mut self,
        poll: &mut Poll,
        id: u64,
        at: Moment,
        answer: Result<ProjectAnswer, Error>,
        now: Moment,
    ) {
        match answer {
            Ok(_) if !self.is_of_interest(id) => {}
            Ok(found) => self.learn(poll, found, at, false),
            Err(error) if is_gone(&error) => self.remove(poll, vec![id]),
            Err(error) if self.waits(poll, &error, now) => poll.rest_reads.push_front(id),
            Err(error) => self.strike(poll, format!("reading the project {id}"), error),
        }
    }

    /// A project that a list names, over REST.
    pub(super) fn rest_named(
        &mut self,
        poll: &mut Poll,
        index: usize,
        name: String,
        at: Moment,
        answer: Result<ProjectAnswer, Error>,
        now: Moment,
    ) {
        let answer = match answer {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) if self.waits(poll, &error, now) => {
                if let Some(named) = poll.named.get_mut(&index) {
                    named.asked_over_rest -= 1;
                    named.over_rest.push_front(name);
                }
                return;
            }
            Err(error) => {
                // One that fails does not stop the others; a GitLab that is down does.
                self.note_down(poll, format!("reading the project {name:?}"), &error);
                Err(error)
            }
        };
        self.named_over_rest(poll, index, name, at, answer);
    }
}

/// The first page of a list, by id.
fn first_by_id(list: &ListProgress) -> String {
    paths::first_page(
        &list.over_rest(),
        "pagination=keyset&order_by=id&sort=asc",
        "order_by=id&sort=asc",
    )
}

/// The first page of a list, the last active projects first.
fn first_by_activity(list: &ListProgress) -> String {
    let order = "order_by=last_activity_at&sort=desc";
    paths::first_page(&list.over_rest(), order, order)
}
