//! The sweeps of projects that are selected by name.

use super::list::is_numeric;
use super::moment::Moment;
use super::names::{MOST_PATHS, Named};
use super::poll::{Poll, Purpose, Query};
use super::request::{Node, Page};
use super::{Engine, Notice};
use crate::gitlab::Error;
use crate::metrics::ProjectAnswer;
use crate::poll::not_found;
use crate::poll::plan::{Depth, List, RequestPart};
use crate::poll::selection::Source;

impl Engine {
    /// Begins to read the projects that a list names: by their ids where these are known, else by
    /// their paths; one by one over REST where GraphQL can't be used.
    pub(super) fn begin_named(&mut self, poll: &mut Poll, index: usize, now: Moment) {
        let Source::Projects(names) = self.schedule.lists[index].source.clone() else {
            return;
        };
        let mut named = Named {
            at: now,
            ..Named::default()
        };
        if !self.gitlab.graphql {
            named.over_rest = names.into();
            poll.named.insert(index, named);
            return;
        }
        let (ids, paths): (Vec<_>, Vec<_>) = names
            .into_iter()
            .partition(|name| self.names.id_of(name).is_some());
        let ids: Vec<u64> = ids
            .iter()
            .filter_map(|name| self.names.id_of(name))
            .collect();
        let page = self.gitlab.capacity.page();
        for ids in ids.chunks(page) {
            let query = Query::of_ids(Purpose::Named(index), ids.to_vec(), Depth::Whole);
            poll.again.push_back(query);
            named.parts += 1;
        }
        if self.gitlab.capabilities.asks_by_paths() {
            for paths in paths.chunks(page.min(MOST_PATHS)) {
                let part = RequestPart {
                    list: List::Paths(paths.to_vec()),
                    depth: Depth::Whole,
                    first: paths.len(),
                    after: None,
                };
                let query = Query::of_ids(Purpose::Named(index), Vec::new(), Depth::Whole);
                poll.again.push_back(Query { part, ..query });
                named.parts += 1;
            }
            named.paths = paths;
        } else {
            named.over_rest = paths.into();
        }
        poll.named.insert(index, named);
        self.end_named(poll, index);
    }

    /// Takes the projects of a part that asks by name.
    pub(super) fn named_page(
        &mut self,
        poll: &mut Poll,
        index: usize,
        query: &Query,
        at: Moment,
        page: Page,
    ) {
        if let Some(named) = poll.named.get_mut(&index).filter(|_| page.redacted > 0) {
            // GitLab does not say which of them it does not show: REST does.
            let is_shown = |id: &u64| page.nodes.iter().any(|node| node.id() == *id);
            let others = query.ids().iter().filter(|id| !is_shown(id));
            named.over_rest.extend(others.map(u64::to_string));
        }
        let found = page.nodes.into_iter().filter_map(|node| match node {
            Node::Whole(found) => Some(*found),
            _ => None,
        });
        for found in found {
            self.found_named(poll, index, at, None, found);
        }
        self.named_part_ended(poll, index);
    }

    /// Notes that a part that asks by name was answered, or is given up.
    fn named_part_ended(&mut self, poll: &mut Poll, index: usize) {
        if let Some(named) = poll.named.get_mut(&index) {
            named.parts = named.parts.saturating_sub(1);
            if named.parts == 0 {
                // An older GitLab can't be asked by paths, and REST alone knows where a renamed project
                // went.
                let found = &named.found;
                let is_there = |path: &String| {
                    let is_it = |(_, found): &(u64, String)| found.eq_ignore_ascii_case(path);
                    found.iter().any(is_it)
                };
                let paths = std::mem::take(&mut named.paths);
                named
                    .over_rest
                    .extend(paths.into_iter().filter(|path| !is_there(path)));
            }
        }
        self.end_named(poll, index);
    }

    /// A part that asks by name was too much, or refused: by halves, and single projects over REST.
    pub(super) fn named_by_halves(&mut self, poll: &mut Poll, index: usize, query: Query) {
        if query.names() > 1 {
            if let Some(named) = poll.named.get_mut(&index) {
                named.parts += 1;
            }
            poll.again.extend(query.halves());
            return;
        }
        if let Some(named) = poll.named.get_mut(&index) {
            named
                .over_rest
                .extend(query.ids().iter().map(u64::to_string));
        }
        // A path is asked over REST because it is not found.
        self.named_part_ended(poll, index);
    }

    /// Takes what REST says of a name.
    pub(super) fn named_over_rest(
        &mut self,
        poll: &mut Poll,
        index: usize,
        name: String,
        at: Moment,
        answer: Result<Option<ProjectAnswer>, Error>,
    ) {
        let Some(named) = poll.named.get_mut(&index) else {
            return;
        };
        named.asked_over_rest -= 1;
        match answer {
            Ok(Some(found)) => self.found_named(poll, index, at, Some(name), found),
            Ok(None) => {}
            Err(error) => named.failed.push((name, error)),
        }
        self.end_named(poll, index);
    }

    fn found_named(
        &mut self,
        poll: &mut Poll,
        index: usize,
        at: Moment,
        name: Option<String>,
        found: ProjectAnswer,
    ) {
        let (id, path) = (found.identity.id, found.identity.path.to_string());
        self.progress += 1;
        self.learn(poll, found, at, false);
        if let Some(named) = poll.named.get_mut(&index) {
            named.found.push((id, path));
            named.resolved.extend(name.map(|name| (name, id)));
        }
    }

    /// Ends the sweep of a list of names, once every one of them was asked.
    fn end_named(&mut self, poll: &mut Poll, index: usize) {
        let is_done = |named: &Named| {
            named.parts == 0 && named.over_rest.is_empty() && named.asked_over_rest == 0
        };
        if !poll.named.get(&index).is_some_and(is_done) {
            return;
        }
        let Some(named) = poll.named.remove(&index) else {
            return;
        };
        let Source::Projects(names) = self.schedule.lists[index].source.clone() else {
            return;
        };
        self.names.ids.extend(named.resolved.iter().cloned());
        let (mut ids, mut unknown) = (Vec::new(), false);
        for name in &names {
            let id = self.names.id_of(name);
            let is_it = |(found, path): &&(u64, String)| {
                // GitLab's paths are the same in any case.
                Some(*found) == id || path.eq_ignore_ascii_case(name)
            };
            if let Some((id, _)) = named.found.iter().find(is_it) {
                if !is_numeric(name) {
                    self.names.ids.insert(name.clone(), *id);
                }
                self.names.note_there(name);
                ids.push(*id);
            } else if named.failed.iter().any(|(failed, _)| {
                failed == name || Some(failed.clone()) == id.map(|id| id.to_string())
            }) {
                // What is known of it stays, and it is asked again by the next poll.
                match id.filter(|id| self.projects.contains_key(id)) {
                    Some(id) => {
                        self.schedule.owe(id);
                        ids.push(id);
                    }
                    None => unknown = true,
                }
            } else {
                self.miss_named(name);
            }
        }
        for (name, error) in named.failed {
            poll.fail(format!("reading the project {name:?}"), error);
        }
        let gone = self.schedule.swept(poll, index, named.at, &ids, None);
        if unknown {
            self.schedule.lists[index].length = None;
        }
        self.remove(poll, gone);
    }

    fn miss_named(&mut self, name: &str) {
        let detail = "404 Project Not Found".to_owned();
        let error = Error::NotFound { detail };
        *self.errors.entry(("projects", error.reason())).or_default() += 1;
        self.note_missing(name, not_found::project);
    }

    /// Notes that something that the configuration names is not there, and says so where it never was.
    pub(super) fn note_missing(&mut self, name: &str, mistake: fn(&str) -> String) {
        let known = self.names.mistaken.len();
        self.names.note_missing(name, || mistake(name));
        if self.names.mistaken.len() > known {
            self.notices.push(Notice::NotFound(mistake(name)));
        }
    }
}
