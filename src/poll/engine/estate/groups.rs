//! The groups: the selected ones with all below them, or where none is selected those that the selected
//! projects lie in. They are listed whole, then each is asked over REST for what GraphQL has not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::errors::failed_at_root;
use super::super::lookups::{Failure, Lookup, LookupOutcome, LookupValue, Open, State};
use super::super::moment::Moment;
use super::super::poll::Poll;
use super::super::request::{Answer, Kind, Request};
use super::super::walk::{self, Position, Walk};
use super::super::{Engine, Next, Sent, encoded};
use super::EstateAsk;
use super::instance::SHORT_PAUSE;
use super::listing::{self, Listed, Page, listed};
use super::state::{Listing, Step};
use crate::gitlab::Error;
use crate::metrics::{Grain, Identity, Owner, OwnerAnswer, Reason};

/// So many groups are asked for in a request by their paths: each costs as much as its fields.
const TOGETHER: usize = 15;
/// So many are asked for by their ids, in one list.
const PAGE: usize = 100;

impl Engine {
    /// The selected groups: ids, as far as they are known, and paths.
    pub(super) fn selected_groups(&self) -> Vec<(u64, String)> {
        let lists = self.schedule.lists.iter().filter(|list| !list.lost);
        let groups = lists.filter_map(|list| match &list.group {
            Some((id, path)) => Some((*id, path.clone())),
            None => list.group_name().map(|name| (0, name.to_owned())),
        });
        groups.collect()
    }

    pub(super) fn ask_for_groups(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        let due = now >= self.estate.listing_groups.next && self.schedule.is_whole();
        if self.estate.group_rounds.is_empty() || self.free() == 0 {
            return;
        }
        if self.estate.listing_groups.listing.is_none() {
            if !due {
                return;
            }
            let steps = self.steps();
            self.estate.listing_groups.listing = Some(Listing {
                began: now,
                steps,
                under_way: false,
                found: BTreeMap::new(),
                open: BTreeMap::new(),
                ready: VecDeque::new(),
                failed: false,
            });
        }
        self.ask_step(poll, now, next);
        self.look_up_groups(poll, now, next);
        self.end_listing();
    }

    /// What is to be asked to list all groups.
    fn steps(&self) -> VecDeque<Step> {
        let graphql = self.gitlab.graphql && !self.estate.listing_groups.over_rest;
        let selected = self.selected_groups();
        if !selected.is_empty() {
            let step = |(id, path): (u64, String)| match graphql {
                true => tree(path),
                false if id > 0 => Step::Root(id.to_string()),
                false => Step::Root(path),
            };
            return selected.into_iter().map(step).collect();
        }
        let mut paths = BTreeSet::new();
        let taken = self.projects.values().filter(|project| {
            project.identity.personal == Some(false) && self.schedule.is_taken(project.identity.id)
        });
        for project in taken {
            let mut path = project.identity.namespace();
            while !path.is_empty() && paths.insert(path.to_owned()) {
                path = path.rsplit_once('/').map_or("", |(above, _)| above);
            }
        }
        if !graphql {
            return paths.into_iter().map(Step::Root).collect();
        }
        let (mut known, mut unknown) = (BTreeSet::new(), Vec::new());
        let ids = &self.estate.listing_groups.ids;
        for path in paths {
            let id = ids.get(&path).copied();
            match id.filter(|_| self.gitlab.capabilities.asks_groups_by_ids()) {
                Some(id) => drop(known.insert(id)),
                None => unknown.push(path),
            }
        }
        let known: Vec<u64> = known.into_iter().collect();
        let by_ids = known.chunks(PAGE).map(|some| Step::Ids(some.to_vec()));
        let by_paths = unknown
            .chunks(TOGETHER)
            .map(|some| Step::Paths(some.to_vec()));
        by_ids.chain(by_paths).collect()
    }

    fn ask_step(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        let Some(listing) = &mut self.estate.listing_groups.listing else {
            return;
        };
        let Some(step) = listing.steps.front().filter(|_| !listing.under_way) else {
            return;
        };
        if poll.estate_left == 0 {
            return;
        }
        poll.estate_left -= 1;
        listing.under_way = true;
        let fields = format!(
            "id fullPath visibility {}",
            self.gitlab.plan.group.selection.text()
        );
        let request = step.request(&fields);
        let what = Sent::Estate(EstateAsk::Groups);
        self.send(poll, now, next, request, Kind::Groups, what);
    }

    pub(super) fn groups_told(&mut self, poll: &mut Poll, at: Moment, answer: Answer, now: Moment) {
        let Some(listing) = &mut self.estate.listing_groups.listing else {
            return;
        };
        listing.under_way = false;
        let Some(step) = listing.steps.pop_front() else {
            return;
        };
        if let Some(error) = answer.error()
            && (self.learns(error)
                || matches!(error, Error::Budget { .. } | Error::RateLimited { .. })
                    && self.waits(poll, error, now))
        {
            if let Some(listing) = &mut self.estate.listing_groups.listing {
                listing.steps.push_front(step);
            }
            return;
        }
        match step {
            Step::Paths(paths) => self.groups_by_path(&paths, at, answer),
            Step::Ids(ids) => self.groups_by_id(&ids, at, answer),
            Step::Root(key) => self.group_root(key, at, answer),
            Step::Tree {
                key,
                walk,
                position,
            } => self.group_tree(key, *walk, position, at, answer),
        }
    }

    fn fail_groups(&mut self) {
        if let Some(listing) = &mut self.estate.listing_groups.listing {
            listing.failed = true;
        }
    }

    /// Groups that were asked for by their paths. One that is not shown is not there any more.
    fn groups_by_path(&mut self, paths: &[String], at: Moment, answer: Answer) {
        let Answer::Query(Ok(told)) = answer else {
            return self.fail_groups();
        };
        for (index, path) in paths.iter().enumerate() {
            let alias = format!("g{index}");
            let failures: Vec<_> = told
                .errors
                .iter()
                .filter(|error| error.path.first().and_then(Value::as_str) == Some(&alias))
                .map(failed_at_root)
                .collect();
            match &told.data[&alias] {
                Value::Null if !failures.is_empty() || !told.data.is_object() => self.fail_groups(),
                // GraphQL does not follow a group that was renamed: REST does, by its id.
                Value::Null => {
                    if let Some(id) = self.estate.listing_groups.ids.get(path) {
                        self.look_for_group(*id);
                    }
                }
                group => {
                    if let Some(id) = self.found_group(group, at, true) {
                        self.estate.listing_groups.ids.insert(path.clone(), id);
                    }
                }
            }
        }
    }

    /// Groups that were asked for by their ids.
    fn groups_by_id(&mut self, ids: &[u64], at: Moment, answer: Answer) {
        let Answer::Query(Ok(told)) = answer else {
            return self.fail_groups();
        };
        let Some(nodes) = told.data["groups"]["nodes"].as_array() else {
            return self.fail_groups();
        };
        let mut shown = BTreeSet::new();
        for group in nodes {
            shown.extend(self.found_group(group, at, true));
        }
        let missing = ids.iter().filter(|id| !shown.contains(id));
        missing.for_each(|id| self.look_for_group(*id));
    }

    /// Asks REST about a group that GraphQL does not show any more.
    fn look_for_group(&mut self, id: u64) {
        let own = &mut self.estate.listing_groups;
        own.ids.retain(|_, known| *known != id);
        if let Some(listing) = &mut own.listing {
            listing.steps.push_back(Step::Root(id.to_string()));
        }
    }

    /// A selected group with a page of what lies below it.
    fn group_tree(
        &mut self,
        key: String,
        mut walk: Walk,
        position: Option<Position>,
        at: Moment,
        answer: Answer,
    ) {
        let over_rest = matches!(answer, Answer::List(_));
        if let Answer::Query(Ok(told)) = &answer {
            match &told.data["group"] {
                Value::Null if told.errors.is_empty() && told.data.is_object() => return,
                Value::Null => return self.fail_groups(),
                group => drop(self.found_group(&group.clone(), at, true)),
            }
        }
        let Listed::Page(Page { rows, next, total }) =
            listed(answer, &["group", "descendantGroups"])
        else {
            return self.fail_groups();
        };
        let ids: Option<Vec<u64>> = rows.iter().map(|row| listing::id(&row["id"])).collect();
        let Some(ids) = ids else {
            return self.fail_groups();
        };
        let page = walk::Page {
            ids: &ids,
            redacted: 0,
            next,
            total,
        };
        let Ok(next) = walk.take(position.as_ref(), &page) else {
            return self.fail_groups();
        };
        for row in &rows {
            self.found_group(row, at, !over_rest);
        }
        if let Some(listing) = self
            .estate
            .listing_groups
            .listing
            .as_mut()
            .filter(|_| next.is_some())
        {
            listing.steps.push_front(Step::Tree {
                key,
                walk: Box::new(walk),
                position: next,
            });
        }
    }

    /// A group over REST, whose tree is listed next where it is selected.
    fn group_root(&mut self, key: String, at: Moment, answer: Answer) {
        match answer {
            Answer::Body(Ok(group)) => {
                let id = self.found_group(&group, at, false);
                let selected = !self.selected_groups().is_empty();
                if let (Some(id), true, Some(listing)) =
                    (id, selected, &mut self.estate.listing_groups.listing)
                {
                    let mut tree = tree(key);
                    if let Step::Tree { position, .. } = &mut tree {
                        let path = format!("groups/{id}/descendant_groups?per_page=100");
                        *position = Some(Position::Path(path));
                    }
                    listing.steps.push_front(tree);
                }
            }
            Answer::Body(Err(Error::NotFound { .. })) => {}
            _ => self.fail_groups(),
        }
    }

    /// Takes in what was told of a group. What GraphQL does not have is asked over REST.
    fn found_group(&mut self, group: &Value, at: Moment, over_graphql: bool) -> Option<u64> {
        let (catalogue, grain) = (self.enabled.catalogue, Grain::Group);
        let identity = identity(group);
        let id = identity.as_ref().map_or(0, |identity| identity.id);
        let tables = self.estate.tables_of_group(id, at);
        let (Some(identity), Some(listing)) = (identity, &mut self.estate.listing_groups.listing)
        else {
            self.fail_groups();
            return None;
        };
        let mut found = OwnerAnswer::of_grain(grain, identity, catalogue);
        let asked = &self.gitlab.plan.group;
        if over_graphql {
            let (values, tables) = asked.told(group, grain, &[], catalogue, at.as_secs());
            found.fill(&values, tables, at.as_secs());
        }
        let columns = self
            .estate
            .group_rounds
            .iter()
            .flat_map(|round| round.columns.iter());
        let by_rest = columns.copied().filter(|place| {
            let rest = catalogue.columns(grain)[*place].column.rest;
            let untold = !over_graphql || asked.unsupported.contains(place);
            untold && rest != crate::metrics::Rest::Nowhere
        });
        let by_rest: Vec<usize> = by_rest.collect();
        if !over_graphql {
            let all = self
                .estate
                .group_rounds
                .iter()
                .flat_map(|round| round.columns.iter().copied());
            let all: Vec<usize> = all.collect();
            found.despair(&all, &[], Reason::Unsupported);
        }
        found.expect(&[], &tables.all, false);
        if !by_rest.is_empty() || !tables.due.is_empty() {
            found.expect(&by_rest, &tables.due, true);
            listing.open.insert(id, Open::new(found.clone()));
            listing.ready.push_back(id);
        }
        listing.found.insert(id, found);
        Some(id)
    }

    fn look_up_groups(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        while self.free() > 0 && poll.estate_left > 0 {
            let Some(listing) = &mut self.estate.listing_groups.listing else {
                return;
            };
            let Some(id) = listing.ready.pop_front() else {
                return;
            };
            let Some(open) = listing.open.get_mut(&id) else {
                continue;
            };
            let (enabled, capabilities) = (&self.enabled, &self.gitlab.capabilities);
            match open.state(enabled, capabilities) {
                State::Next(lookup) => {
                    open.asked.get_or_insert(now);
                    poll.estate_left -= 1;
                    let request = lookup.request();
                    let what = Sent::Estate(EstateAsk::GroupValue(id, lookup));
                    self.estate.listing_groups.asking += 1;
                    self.send(poll, now, next, request, Kind::Groups, what);
                }
                State::Done(found) => {
                    listing.open.remove(&id);
                    listing.found.insert(id, *found);
                }
                State::Gone => {
                    listing.open.remove(&id);
                    listing.found.remove(&id);
                }
            }
        }
    }

    pub(super) fn group_value_told(
        &mut self,
        poll: &mut Poll,
        (id, lookup): (u64, Lookup),
        at: Moment,
        answer: Answer,
        now: Moment,
    ) {
        let own = &mut self.estate.listing_groups;
        own.asking = own.asking.saturating_sub(1);
        let (Some(listing), Some(what)) = (&mut own.listing, LookupValue::of(answer)) else {
            return;
        };
        listing.ready.push_front(id);
        let what = match what {
            Ok(what) => Ok(what),
            Err(error) if self.waits(poll, &error, now) => return,
            Err(Error::Deadline) => return self.defer(poll, now),
            Err(error) => Err(Failure::of(&error)),
        };
        let at = at.as_secs();
        let listing = self.estate.listing_groups.listing.as_mut();
        if let Some(open) = listing.and_then(|listing| listing.open.get_mut(&id)) {
            open.answers.insert(lookup, LookupOutcome { what, at });
        }
    }

    /// Shows the groups once all of them were read. What a listing that failed did not show stays.
    fn end_listing(&mut self) {
        let own = &mut self.estate.listing_groups;
        let is_over = own.listing.as_ref().is_some_and(|listing| {
            listing.steps.is_empty() && listing.open.is_empty() && !listing.under_way
        });
        let Some(listing) = own.listing.take_if(|_| is_over) else {
            return;
        };
        let every = self
            .estate
            .group_rounds
            .iter()
            .map(|round| round.every)
            .min();
        let every = every.unwrap_or(SHORT_PAUSE);
        own.over_rest = listing.failed && !own.over_rest;
        own.next = match listing.failed {
            true => listing.began + SHORT_PAUSE.min(every),
            false => listing.began + every,
        };
        let last = std::mem::take(&mut self.estate.groups);
        let now = listing.began.as_secs();
        let mut groups = match listing.failed {
            true => last.clone(),
            false => BTreeMap::new(),
        };
        for (id, mut found) in listing.found {
            found.hide(&[Reason::NotFound]);
            let owner = Owner::learnt(found, last.get(&id).map(|last| &**last), now);
            groups.insert(id, Arc::new(owner));
        }
        self.estate.groups = groups;
    }
}

fn tree(key: String) -> Step {
    Step::Tree {
        key,
        walk: Box::default(),
        position: None,
    }
}

impl Step {
    fn request(&self, fields: &str) -> Request {
        match self {
            Step::Root(key) => {
                Request::Body(format!("groups/{}?with_projects=false", encoded(key)))
            }
            Step::Tree {
                position: Some(Position::Path(path)),
                ..
            } => Request::List(path.clone()),
            Step::Tree { key, position, .. } => {
                let after = match position {
                    Some(Position::Cursor(cursor)) => Some(cursor.as_str()),
                    _ => None,
                };
                let text = format!(
                    "query Groups($path: ID!, $after: String) {{ group(fullPath: $path) {{ {fields} \
                     descendantGroups(first: 100, after: $after) {{ nodes {{ {fields} }} \
                     pageInfo {{ hasNextPage endCursor }} }} }} queryComplexity {{ score }} }}"
                );
                Request::Query(text, json!({ "path": key, "after": after }))
            }
            Step::Ids(ids) => {
                let text = format!(
                    "query GroupsOfIds($ids: [ID!]) {{ groups(ids: $ids, first: {PAGE}) {{ \
                     nodes {{ {fields} }} }} queryComplexity {{ score }} }}"
                );
                let gid = |id: &u64| format!("gid://gitlab/Group/{id}");
                let ids: Vec<String> = ids.iter().map(gid).collect();
                Request::Query(text, json!({ "ids": ids }))
            }
            Step::Paths(paths) => {
                let mut variables = Map::new();
                let (mut declared, mut asked) = (Vec::new(), Vec::new());
                for (index, path) in paths.iter().enumerate() {
                    variables.insert(format!("p{index}"), path.as_str().into());
                    declared.push(format!("$p{index}: ID!"));
                    asked.push(format!(
                        "g{index}: group(fullPath: $p{index}) {{ {fields} }}"
                    ));
                }
                let text = format!(
                    "query Groups({}) {{ {} queryComplexity {{ score }} }}",
                    declared.join(", "),
                    asked.join(" ")
                );
                Request::Query(text, Value::Object(variables))
            }
        }
    }
}

/// Who a group is, from either API.
fn identity(group: &Value) -> Option<Identity> {
    let path = group["fullPath"].as_str().or(group["full_path"].as_str())?;
    let visibility = group["visibility"].as_str().unwrap_or_default();
    Some(Identity {
        id: listing::id(&group["id"])?,
        path: path.into(),
        visibility: visibility.to_owned().into(),
        ..Identity::default()
    })
}
