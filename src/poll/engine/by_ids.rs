//! What is asked of projects by their ids: what becomes of an answer, and of what could not be had of
//! a single project. A new purpose is said here, and nowhere else.

use std::collections::HashSet;

use super::Engine;
use super::moment::Moment;
use super::poll::{Poll, Purpose, Query};
use super::request::{Node, Page};
use crate::metrics::Reason;

impl Engine {
    /// Takes in what was asked of projects by their ids.
    pub(super) fn projects_page(&mut self, poll: &mut Poll, query: Query, at: Moment, page: Page) {
        let mut shown = HashSet::with_capacity(page.nodes.len());
        let mut failed = Vec::new();
        for node in page.nodes {
            let id = node.id();
            shown.insert(id);
            match (query.purpose, node) {
                _ if !self.is_of_interest(id) => {}
                (Purpose::Round(index), Node::Round { values, tables, .. }) => {
                    let is_last_try = query.names() == 1;
                    let told = (values, tables);
                    if !self.round_told(poll, index, at, id, told, is_last_try) {
                        failed.push(id);
                    }
                }
                (purpose, node) => self.node(poll, purpose, at, node),
            }
        }
        for id in query.ids().iter().filter(|id| !shown.contains(id)) {
            match query.purpose {
                // It may be one of those that are there and that GitLab does not show: a sweep decides.
                Purpose::Read if page.redacted > 0 => self.schedule.settle(*id),
                // Asked for by its id alone, and not shown: it is gone, or hidden from us.
                Purpose::Read => self.remove(poll, vec![*id]),
                Purpose::Round(index) => {
                    self.give_round_up(poll, index, &[*id], Reason::Pending, at);
                    self.schedule.want(poll, *id);
                }
                _ => self.schedule.want(poll, *id),
            }
        }
        if !failed.is_empty() {
            let query = Query::of_ids(query.purpose, failed, query.part.depth);
            poll.again
                .extend(query.halves().into_iter().filter(|half| half.names() > 0));
        }
    }

    /// A single project is too much for GitLab.
    pub(super) fn one_is_too_much(&mut self, poll: &mut Poll, query: Query, at: Moment) {
        match query.purpose {
            Purpose::Round(index) => {
                self.give_round_up(poll, index, query.ids(), Reason::Timeout, at);
            }
            Purpose::Follow | Purpose::Glance => self.want_all(poll, &query),
            _ => poll.again.push_back(Query {
                identity_only: true,
                alone: true,
                ..query
            }),
        }
    }

    /// GitLab can name a single project, and fails at what else was asked.
    pub(super) fn one_is_broken(&mut self, poll: &mut Poll, query: &Query, at: Moment, page: Page) {
        match query.purpose {
            Purpose::Round(index) => {
                self.give_round_up(poll, index, query.ids(), Reason::ServerError, at);
            }
            _ => {
                let ids = self.learn_light(poll, at, page);
                self.break_off(&ids, at);
            }
        }
    }

    /// REST is asked for what GraphQL does not answer.
    pub(super) fn ids_to_rest(&mut self, poll: &mut Poll, query: &Query) {
        match query.purpose {
            Purpose::Read => poll.rest_reads.extend(query.ids()),
            // Without GraphQL its turn comes over REST.
            Purpose::Round(_) if !self.gitlab.graphql => {}
            Purpose::Round(index) => {
                for &id in query.ids() {
                    if self.open_for_round(index, id) {
                        poll.rounds[index].ready.push_back(id);
                    }
                }
            }
            _ => self.want_all(poll, query),
        }
    }

    fn want_all(&mut self, poll: &mut Poll, query: &Query) {
        for id in query.ids() {
            self.schedule.want(poll, *id);
        }
    }

    /// Whether a project is known, or is to be. One that has left its list meanwhile is neither, though
    /// GitLab may show it to whoever asks for its id.
    pub(super) fn is_of_interest(&self, id: u64) -> bool {
        self.projects.contains_key(&id) || self.schedule.reads().contains_key(&id)
    }
}
