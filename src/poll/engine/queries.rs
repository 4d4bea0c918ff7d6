//! What GraphQL answers. What was too much is asked in smaller parts, what was refused is asked once
//! more and then in smaller parts, and what was answered is taken in.

use super::errors::feed_reason as reason_of;
use super::errors::{is_blocked, is_timeout, not_understood};
use super::moment::Moment;
use super::poll::{GroupCheck, Poll, Purpose, Query};
use super::request::{Node, Page, PartError, Projects};
use super::walk::{self, Position};
use super::{Engine, Notice};
use crate::gitlab::{Error, GraphqlError};
use crate::poll::plan::{Depth, List};

impl Engine {
    /// Takes in what a request was answered, part by part. `ran_out` tells whether the request had
    /// less time than the poll.
    pub(super) fn queries_answered(
        &mut self,
        poll: &mut Poll,
        queries: Vec<Query>,
        at: Moment,
        answer: Result<Projects, Error>,
        ran_out: bool,
        now: Moment,
    ) {
        for query in &queries {
            match query.purpose {
                Purpose::Sweep(index) => poll.lists[index].sweeping = false,
                Purpose::Recent(index) => poll.lists[index].asking_recent = false,
                _ => {}
            }
        }
        let plan = &self.gitlab.plan;
        let weights = queries.iter().map(|query| plan.weight(&query.sent()));
        let weight = weights.sum();
        match answer {
            Ok(answer) => {
                let took = (!answer.ran_out_of_time).then_some(answer.took);
                match took {
                    _ if self.note_rounds(&queries, took) => {}
                    None => self.gitlab.capacity.partial(weight),
                    Some(took) => self.gitlab.capacity.answered(weight, took),
                }
                if let Some(limit) = answer.most_score {
                    self.gitlab.capabilities.note_limit(limit);
                }
                self.note_date(answer.date, now);
                poll.blocked = 0;
                for (query, page) in queries.into_iter().zip(answer.parts) {
                    match page {
                        Ok(page) => self.page(poll, query, at, page, now),
                        Err(PartError::TooMuch) => self.too_much(poll, query, None, now),
                        Err(PartError::Null) => self.not_shown(poll, query, now),
                        Err(PartError::Refused(error)) => self.refused(poll, query, error, now),
                    }
                }
            }
            Err(error) => self.request_failed(poll, queries, weight, error, ran_out, now),
        }
    }

    /// A whole request has no answer.
    fn request_failed(
        &mut self,
        poll: &mut Poll,
        queries: Vec<Query>,
        weight: usize,
        error: Error,
        ran_out: bool,
        now: Moment,
    ) {
        if self.waits(poll, &error, now) {
            return put_back(poll, queries);
        }
        if let Error::Graphql { errors } = &error
            && self.lose_fields(errors)
        {
            return put_back(poll, queries);
        }
        let too_much = self.is_too_much(&queries, &error, ran_out);
        let parts = queries.len();
        if too_much {
            if !self.note_rounds(&queries, None) {
                self.gitlab.capacity.failed(weight);
            }
            let error = error.to_string();
            self.notices.push(Notice::TooMuch { parts, error });
        }
        let is_of_parts = too_much || matches!(error, Error::Server { .. } | Error::Graphql { .. });
        if is_blocked(&error) {
            self.note_blocked(poll);
        }
        if parts > 1 && (is_of_parts || is_blocked(&error)) {
            // One of them may be to blame.
            for query in queries {
                self.ask_alone(poll, query);
            }
            return;
        }
        let mut queries = queries.into_iter();
        let Some(query) = queries.next() else {
            return;
        };
        match error {
            _ if too_much => self.too_much(poll, query, Some(error), now),
            Error::Server { .. } => self.broken(poll, query, error),
            Error::Graphql { .. } => self.refused(poll, query, error, now),
            error if is_blocked(&error) => self.refused(poll, query, error, now),
            error => {
                for query in queries {
                    self.leave(poll, &query);
                }
                self.failed(poll, query, error);
            }
        }
    }

    /// Whether less may do. `ran_out` tells whether the request had less time than the poll.
    fn is_too_much(&mut self, queries: &[Query], error: &Error, ran_out: bool) -> bool {
        match error {
            Error::Graphql { errors } if errors.iter().any(is_too_complex) => {
                self.gitlab.capabilities.lower_score();
                // A score does not depend on who the projects are: a single one is too much, too.
                queries.len() > 1 || queries.iter().any(|query| query.part.first > 1)
            }
            Error::Graphql { errors } => errors.iter().any(is_timeout),
            Error::Timeout { .. } | Error::TooLarge { .. } => true,
            // The poll itself has time left.
            Error::Deadline => ran_out,
            _ => false,
        }
    }

    /// Takes in what a part was answered.
    fn page(&mut self, poll: &mut Poll, query: Query, at: Moment, page: Page, now: Moment) {
        poll.refused = 0;
        if query.identity_only {
            let query = Query {
                identity_only: false,
                ..query
            };
            return self.light_page(poll, query, at, page, now);
        }
        match query.purpose {
            Purpose::Sweep(index) => self.sweep_page(poll, index, query, at, page, now),
            Purpose::Recent(index) => self.recent_page(poll, index, query, at, page, now),
            Purpose::Named(index) => self.named_page(poll, index, &query, at, page),
            Purpose::Feed(place) => self.feed_answered(poll, place, &query, at, page),
            _ => self.projects_page(poll, query, at, page),
        }
    }

    /// Takes in a project of an answer.
    pub(super) fn node(&mut self, poll: &mut Poll, purpose: Purpose, at: Moment, node: Node) {
        match node {
            Node::Whole(found) => {
                let id = found.identity.id;
                let again = matches!(purpose, Purpose::Sweep(_));
                self.learn(poll, *found, at, again);
                self.schedule.sound(id);
            }
            Node::Activity {
                id,
                activity,
                readings,
            } => {
                self.moved(poll, id, activity, &readings, at);
                self.schedule.followed_up(id, at);
                self.schedule.noticed(poll, id, activity, at, None);
            }
            Node::Subject { id, readings } => self.subject_told(poll, id, &readings, at),
            // It is taken in where its feed is.
            Node::Feed { .. } => {}
            Node::Glance {
                id,
                activity,
                path,
                archived,
                pipelines,
            } => {
                let known = self.projects.get(&id).map(|project| &project.identity);
                let other = known.is_none_or(|known| {
                    path.is_some_and(|path| *path != *known.path) || archived != known.archived
                });
                self.schedule.glanced_at(id, at);
                if other || pipelines.unwrap_or_default() > 0 {
                    self.schedule.want(poll, id);
                } else {
                    self.schedule.noticed(poll, id, activity, at, None);
                }
            }
            // It was asked for by its id.
            Node::Round { .. } => {}
        }
    }

    /// A page of a sweep.
    fn sweep_page(
        &mut self,
        poll: &mut Poll,
        index: usize,
        query: Query,
        at: Moment,
        page: Page,
        now: Moment,
    ) {
        let Some((ids, next)) = self.walk_on(poll, index, query, &page, now) else {
            return;
        };
        for node in page.nodes {
            self.node(poll, Purpose::Sweep(index), at, node);
        }
        self.pass(poll, index, at, &ids, next);
    }

    /// Takes the walk of a sweep a page further. None if the page is no good, or of a sweep that was
    /// begun anew meanwhile.
    fn walk_on(
        &mut self,
        poll: &mut Poll,
        index: usize,
        query: Query,
        page: &Page,
        now: Moment,
    ) -> Option<(Vec<u64>, Option<Position>)> {
        let list = &mut self.schedule.lists[index];
        let position = match &list.position {
            Some(Position::Cursor(cursor)) => Some(cursor.clone()),
            _ => None,
        };
        if query.part.after != position || !poll.lists[index].sweep {
            return None;
        }
        let ids: Vec<u64> = page.nodes.iter().map(Node::id).collect();
        let asked = list.position.clone();
        let walked = list.walk.take(
            asked.as_ref(),
            &walk::Page {
                ids: &ids,
                redacted: page.redacted,
                next: page.next.clone(),
                total: None,
            },
        );
        if let (Some(id), List::Group(path)) = (page.group, &query.part.list) {
            list.group = Some((id, path.clone()));
        }
        match walked {
            Ok(next) => Some((ids, next)),
            Err(why) => {
                self.refused(poll, query, not_understood(&why), now);
                None
            }
        }
    }

    /// Notes that a page of a sweep has been taken in.
    pub(super) fn pass(
        &mut self,
        poll: &mut Poll,
        index: usize,
        at: Moment,
        ids: &[u64],
        next: Option<Position>,
    ) {
        poll.lists[index].failures = 0;
        self.progress += ids.len();
        self.note_there(index);
        let gone = self.schedule.swept(poll, index, at, ids, next);
        self.remove(poll, gone);
    }

    /// A page of a list by activity.
    fn recent_page(
        &mut self,
        poll: &mut Poll,
        index: usize,
        query: Query,
        at: Moment,
        page: Page,
        now: Moment,
    ) {
        let times = page.nodes.iter().map(|node| (node.id(), node.activity()));
        let times: Vec<_> = times.collect();
        match self.walk_recent(index, &times, page.redacted, page.next.clone()) {
            Ok(next) => {
                poll.lists[index].recent_failures = 0;
                self.schedule.recent_page(poll, index, at, &times, next);
            }
            Err(error) => self.refused(poll, query, error, now),
        }
    }

    /// Takes the walk through recent activity a page further.
    pub(super) fn walk_recent(
        &mut self,
        index: usize,
        times: &[(u64, Option<u64>)],
        redacted: usize,
        next: walk::Next,
    ) -> Result<Option<Position>, Error> {
        let recent = self.schedule.lists[index].recent.get_or_insert_default();
        let ids: Vec<u64> = times.iter().map(|(id, _)| *id).collect();
        let asked = recent.position.clone();
        let page = walk::Page {
            ids: &ids,
            redacted,
            next,
            total: None,
        };
        let walked = recent.walk.take(asked.as_ref(), &page);
        walked.map_err(|why| not_understood(&why))
    }

    /// GitLab says only who is on a page that was too much, or that it failed at.
    fn light_page(&mut self, poll: &mut Poll, query: Query, at: Moment, page: Page, now: Moment) {
        match query.purpose {
            Purpose::Sweep(index) => {
                let Some((ids, next)) = self.walk_on(poll, index, query, &page, now) else {
                    return;
                };
                self.learn_light(poll, at, page);
                self.pass(poll, index, at, &ids, next);
                self.suspect(poll, &ids, now);
            }
            Purpose::Recent(_) => {}
            Purpose::Named(index) if query.names() > 1 => {
                self.named_by_halves(poll, index, query);
            }
            _ if query.names() > 1 => poll.again.extend(query.halves()),
            Purpose::Named(index) => {
                let ids = page.nodes.iter().map(Node::id).collect::<Vec<_>>();
                self.named_page(poll, index, &query, at, page);
                self.break_off(&ids, at);
            }
            _ => self.one_is_broken(poll, &query, at, page),
        }
    }

    /// Learns only who the projects are; the values of new ones are asked in other ways.
    pub(super) fn learn_light(&mut self, poll: &mut Poll, at: Moment, page: Page) -> Vec<u64> {
        let mut ids = Vec::new();
        let is_single = page.nodes.len() == 1;
        for node in page.nodes {
            if let Node::Whole(mut found) = node {
                ids.push(found.identity.id);
                if !is_single && !self.schedule.is_quarantined(found.identity.id, at) {
                    found.failed.clear(); // They are asked by halves, not one by one.
                }
                self.learn(poll, *found, at, false);
            }
        }
        ids
    }

    pub(super) fn break_off(&mut self, ids: &[u64], at: Moment) {
        for &id in ids {
            if let Some(pause) = self.schedule.broke(id, at) {
                self.notices.push(Notice::ProjectBreaks { id, pause });
            }
        }
    }

    /// Everything about these projects is asked by halves: one of them breaks a page. The list goes on
    /// behind them meanwhile.
    fn suspect(&mut self, poll: &mut Poll, ids: &[u64], now: Moment) {
        let (left, right) = ids.split_at(ids.len() / 2);
        for half in [left, right] {
            let free = half.iter().copied();
            let free: Vec<u64> = free
                .filter(|id| !self.schedule.is_quarantined(*id, now))
                .collect();
            if free.is_empty() {
                continue;
            }
            for id in &free {
                poll.read.insert(*id);
                // Until they have been asked, the next poll owes it to them, too.
                self.schedule.owe(*id);
            }
            let query = Query::of_ids(Purpose::Read, free, Depth::Whole);
            poll.again.push_back(Query {
                alone: true,
                ..query
            });
        }
    }

    /// GitLab could not manage a part; less may do.
    fn too_much(&mut self, poll: &mut Poll, query: Query, error: Option<Error>, now: Moment) {
        if query.identity_only {
            let error = error.unwrap_or_else(timed_out);
            return self.failed(poll, query, error);
        }
        match query.purpose {
            Purpose::Feed(_) => self.feed_refused(poll, query, reason_of(error.as_ref())),
            Purpose::Sweep(index) => {
                poll.lists[index].identity_only = true;
            }
            Purpose::Recent(index) => self.schedule.recent_failed(poll, index, false),
            Purpose::Named(index) => self.named_by_halves(poll, index, query),
            _ if query.names() > 1 => poll.again.extend(query.halves()),
            _ => self.one_is_too_much(poll, query, now),
        }
    }

    /// GitLab failed at a part. A broken part and a broken GitLab look alike; a light question tells
    /// them apart.
    fn broken(&mut self, poll: &mut Poll, query: Query, error: Error) {
        if matches!(query.purpose, Purpose::Feed(_)) {
            return self.feed_broken(poll, query, &error);
        }
        let is_light = matches!(
            query.part.depth,
            Depth::Glance { .. } | Depth::Recent | Depth::Identity
        );
        if is_light || query.identity_only {
            return self.failed(poll, query, error);
        }
        match query.purpose {
            Purpose::Sweep(index) => poll.lists[index].identity_only = true,
            _ => poll.again.push_back(Query {
                identity_only: true,
                alone: true,
                ..query
            }),
        }
    }

    /// GitLab does not show a list.
    fn not_shown(&mut self, poll: &mut Poll, query: Query, now: Moment) {
        let is_group = |index: usize| self.schedule.lists[index].group_name().is_some();
        match query.purpose {
            Purpose::Recent(index) if is_group(index) => self.schedule.doubt(poll, index),
            Purpose::Sweep(index) if is_group(index) => match poll.lists[index].group {
                GroupCheck::IsThere => {
                    let error = not_understood(&"GraphQL does not show the group, and REST does");
                    self.refused(poll, query, error, now);
                }
                _ => poll.lists[index].group = GroupCheck::ToAsk,
            },
            _ => {
                let error = not_understood(&"GitLab does not show this list to the token");
                self.refused(poll, query, error, now);
            }
        }
    }

    /// GraphQL refuses a part, or answers what can't be understood. It is asked once more, then in
    /// smaller parts, and then REST is.
    fn refused(&mut self, poll: &mut Poll, mut query: Query, error: Error, now: Moment) {
        self.note_refused(poll, &error, now);
        if !self.gitlab.graphql {
            return self.leave_to_rest(poll, query);
        }
        query.failures += 1;
        match query.purpose {
            Purpose::Sweep(index) => return self.sweep_refused(poll, index, error),
            Purpose::Recent(index) => {
                let own = &mut poll.lists[index];
                own.recent_failures += 1;
                if own.recent_failures > 1 {
                    let list = self.schedule.lists[index].source.to_string();
                    let error = error.to_string();
                    self.notices.push(Notice::Unsorted { list, error });
                    self.schedule.recent_failed(poll, index, true);
                }
                return;
            }
            _ => {}
        }
        query.alone = true;
        match query.failures {
            1 => poll.again.push_back(query),
            _ if matches!(query.purpose, Purpose::Feed(_)) => {
                self.feed_refused(poll, query, reason_of(Some(&error)));
            }
            _ if query.names() > 1 && !matches!(query.purpose, Purpose::Named(_)) => {
                poll.again.extend(query.halves());
            }
            _ => self.leave_to_rest(poll, query),
        }
    }

    /// A page of a sweep was refused: once more, smaller, from the beginning, and then REST lists the
    /// projects. GitLab forgets cursors, so the beginning may do; but once in a sweep.
    fn sweep_refused(&mut self, poll: &mut Poll, index: usize, error: Error) {
        /// Once as it was, once smaller.
        const TRIES: u32 = 3;
        let (own, list) = (&mut poll.lists[index], &mut self.schedule.lists[index]);
        own.failures += 1;
        own.identity_only = false;
        list.failing = true;
        if own.failures < TRIES {
            return;
        }
        own.failures = 0;
        if list.position.is_some() && !list.begun_anew {
            list.begun_anew = true;
            return list.restart();
        }
        list.restart();
        list.over_rest = true;
        let (list, error) = (list.source.to_string(), error.to_string());
        self.notices.push(Notice::ListedOverRest { list, error });
    }

    /// REST is asked for what GraphQL does not answer.
    fn leave_to_rest(&mut self, poll: &mut Poll, query: Query) {
        match query.purpose {
            Purpose::Sweep(_) | Purpose::Recent(_) => {}
            Purpose::Named(index) => self.named_by_halves(poll, index, query),
            Purpose::Feed(_) => {}
            _ => self.ids_to_rest(poll, &query),
        }
    }

    /// A part failed in a way that asking for less does not help against: what it was for stays due.
    fn failed(&mut self, poll: &mut Poll, query: Query, error: Error) {
        let what = match query.purpose {
            Purpose::Recent(index) => format!("{} by activity", self.schedule.lists[index].source),
            Purpose::Sweep(index) | Purpose::Named(index) => {
                self.schedule.lists[index].source.to_string()
            }
            Purpose::Feed(_) => "asking what changed in projects".to_owned(),
            _ => "asking for single projects again".to_owned(),
        };
        self.leave(poll, &query);
        self.strike(poll, what, error);
    }

    /// What a part was for stays due for the next poll.
    fn leave(&mut self, poll: &mut Poll, query: &Query) {
        /// So often a page is asked for in one poll, each time with all the client's own tries.
        const TRIES: u32 = 2;
        match query.purpose {
            Purpose::Sweep(index) => {
                self.schedule.lists[index].failing = true;
                let own = &mut poll.lists[index];
                own.failures += 1;
                own.sweep = own.failures < TRIES;
            }
            Purpose::Recent(index) => self.schedule.recent_failed(poll, index, false),
            Purpose::Named(index) => {
                poll.named.remove(&index);
                poll.lists[index].sweep = false;
            }
            Purpose::Feed(_) => {}
            _ => {}
        }
    }

    /// Asks a part again, alone.
    fn ask_alone(&mut self, poll: &mut Poll, query: Query) {
        match query.purpose {
            Purpose::Sweep(index) => {
                self.schedule.lists[index].failing = true;
                poll.lists[index].identity_only = query.identity_only;
            }
            Purpose::Recent(index) => self.schedule.lists[index].failing = true,
            _ => poll.again.push_back(Query {
                alone: true,
                ..query
            }),
        }
    }
}

/// Parts could not be asked yet. Pages of lists are still where they were.
fn put_back(poll: &mut Poll, queries: Vec<Query>) {
    for query in queries.into_iter().rev() {
        match query.purpose {
            Purpose::Sweep(index) => poll.lists[index].identity_only = query.identity_only,
            Purpose::Recent(_) => {}
            _ => poll.again.push_front(query),
        }
    }
}

fn timed_out() -> Error {
    Error::Timeout {
        detail: "GitLab does not even list these projects in time".to_owned(),
    }
}

fn is_too_complex(error: &GraphqlError) -> bool {
    error.message.contains("exceeds max complexity")
}
