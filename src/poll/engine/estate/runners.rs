//! The walk through the runners that the token may see: all of the GitLab where it belongs to an
//! administrator, else those of the selected groups, each runner once.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::moment::Moment;
use super::super::poll::Poll;
use super::super::request::{Answer, Kind, Request};
use super::super::walk::{self, Position, Walk};
use super::super::{Engine, Next, Sent, encoded};
use super::instance::{PAUSE, SHORT_PAUSE};
use super::listing::{self, Listed, Page, listed};
use super::state::{RunnersWalk, SUBJECT};
use super::{EstateAsk, runner};
use crate::metrics::{Grain, Identity, Owner, OwnerAnswer, Reason, TableAnswer};

impl Engine {
    pub(super) fn ask_for_runners(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        let own = &self.estate.listing_runners;
        if !own.wanted || own.asking || now < own.next || self.free() == 0 {
            return;
        }
        // Which groups are selected is known once they were listed.
        if !self.schedule.is_whole() {
            return;
        }
        let groups = self.selected_groups();
        let graphql = self.gitlab.graphql;
        let own = &mut self.estate.listing_runners;
        let walk = own.walk.get_or_insert_with(|| RunnersWalk {
            began: now,
            group: None,
            groups: groups.into(),
            walk: Walk::default(),
            position: None,
            found: BTreeMap::new(),
            shown: false,
        });
        own.asking = true;
        let request = match graphql {
            true => walk.over_graphql(own.asks),
            false => walk.over_rest(),
        };
        let what = Sent::Estate(EstateAsk::Runners);
        self.send(poll, now, next, request, Kind::Runners, what);
    }

    pub(super) fn runners_told(
        &mut self,
        poll: &mut Poll,
        at: Moment,
        answer: Answer,
        now: Moment,
    ) {
        let own = &mut self.estate.listing_runners;
        own.asking = false;
        if own.walk.is_none() {
            return;
        }
        if answer.error().is_some_and(|error| self.learns(error)) {
            return;
        }
        let Some(walk) = &mut self.estate.listing_runners.walk else {
            return;
        };
        if let (Some((id, _)), Answer::Query(Ok(told))) = (&mut walk.group, &answer)
            && let Some(known) = listing::id(&told.data["group"]["id"])
        {
            *id = known;
        }
        let keys: &[&str] = match walk.group {
            Some(_) => &["group", "runners"],
            None => &["runners"],
        };
        match listed(answer, keys) {
            Listed::Page(page) => match walk.take(page) {
                Ok(true) => self.next_list_of_runners(at),
                Ok(false) => {}
                Err(_) => self.fail_runners(Reason::NotUnderstood, now),
            },
            Listed::Null => self.next_list_of_runners(at),
            Listed::Failed(error) if self.waits(poll, &error, now) => {}
            Listed::Failed(error) => {
                let reason = Reason::from_name(error.reason()).unwrap_or(Reason::Other);
                self.fail_runners(reason, now);
            }
            Listed::NotUnderstood => self.fail_runners(Reason::Graphql, now),
        }
    }

    /// Goes on with the next list, or takes in what was found. The list of all runners makes those of
    /// groups needless.
    fn next_list_of_runners(&mut self, at: Moment) {
        let Some(walk) = &mut self.estate.listing_runners.walk else {
            return;
        };
        let all = walk.shown && walk.group.is_none();
        (walk.walk, walk.position) = (Walk::default(), None);
        walk.group = match all {
            true => None,
            false => walk.groups.pop_front(),
        };
        if walk.group.is_none()
            && let Some(walk) = self.estate.listing_runners.walk.take()
        {
            self.learn_runners(walk, at);
        }
    }

    fn fail_runners(&mut self, reason: Reason, now: Moment) {
        let own = &mut self.estate.listing_runners;
        own.walk = None;
        own.next = now + SHORT_PAUSE.min(own.every);
        self.show_runners(TableAnswer::Unknown(reason), now);
    }

    fn learn_runners(&mut self, walk: RunnersWalk, at: Moment) {
        let own = &mut self.estate.listing_runners;
        if !walk.shown {
            own.next = at + PAUSE;
            self.estate.runners.clear();
            return self.show_runners(TableAnswer::Unknown(Reason::Forbidden), at);
        }
        own.next = walk.began + own.every;
        let (catalogue, now) = (self.enabled.catalogue, walk.began.as_secs());
        if own.each {
            let last = std::mem::take(&mut self.estate.runners);
            let tables = catalogue.tables(Grain::Runner);
            for (id, told) in &walk.found {
                let identity = Identity {
                    id: *id,
                    ..Identity::default()
                };
                let mut found = OwnerAnswer::of_grain(Grain::Runner, identity, catalogue);
                for (place, table) in tables.iter().enumerate() {
                    found.take_table(place, TableAnswer::from_rest(told, table, now));
                }
                let owner = Owner::learnt(found, last.get(id).map(|last| &**last), now);
                self.estate.runners.insert(*id, Arc::new(owner));
            }
        }
        let all = Value::Array(walk.found.into_values().collect());
        if let Some((_, table)) = catalogue.table(Grain::Instance, SUBJECT) {
            let told = TableAnswer::from_rest(&all, table, now);
            self.show_runners(told, walk.began);
        }
    }

    /// How many runners there are becomes part of what is known of the GitLab.
    fn show_runners(&mut self, told: TableAnswer, at: Moment) {
        let (grain, catalogue) = (Grain::Instance, self.enabled.catalogue);
        let Some((place, _)) = catalogue.table(grain, SUBJECT) else {
            return;
        };
        let mut found = OwnerAnswer::of_grain(grain, Identity::default(), catalogue);
        found.take_table(place, told);
        let mut instance = Owner::clone(&self.instance);
        instance.fit(catalogue, grain);
        instance.take(&found, &[], &[place], at.as_secs());
        self.instance = Arc::new(instance);
    }
}

impl RunnersWalk {
    fn over_graphql(&self, fields: &str) -> Request {
        let page = format!(
            "runners(first: 100, after: $after) {{ nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }}"
        );
        let after = match &self.position {
            Some(Position::Cursor(cursor)) => Some(cursor.as_str()),
            _ => None,
        };
        match &self.group {
            None => Request::Query(
                format!("query Runners($after: String) {{ {page} queryComplexity {{ score }} }}"),
                json!({ "after": after }),
            ),
            Some((_, path)) => Request::Query(
                format!(
                    "query Runners($path: ID!, $after: String) {{ group(fullPath: $path) {{ id {page} }} \
                     queryComplexity {{ score }} }}"
                ),
                json!({ "path": path, "after": after }),
            ),
        }
    }

    fn over_rest(&self) -> Request {
        Request::List(match (&self.position, &self.group) {
            (Some(Position::Path(path)), _) => path.clone(),
            (_, None) => "runners/all?per_page=100".to_owned(),
            (_, Some((id, _))) if *id > 0 => format!("groups/{id}/runners?per_page=100"),
            (_, Some((_, path))) => format!("groups/{}/runners?per_page=100", encoded(path)),
        })
    }

    /// Takes a page. True at the end of the list.
    fn take(&mut self, page: Page) -> Result<bool, String> {
        let mut ids = Vec::with_capacity(page.rows.len());
        for row in &page.rows {
            let (id, mut told) = runner::alike(row).ok_or("a runner that is not understood")?;
            ids.push(id);
            // REST lists what a group may use, GraphQL what it and those below it have.
            if self.group.is_none() || told["runner_type"] != "instance_type" {
                if let Some((group, _)) = &self.group {
                    told["group"] = (*group).into();
                }
                // A group above another has its runners, too.
                self.found.entry(id).or_insert(told);
            }
        }
        let page = walk::Page {
            ids: &ids,
            redacted: 0,
            next: page.next,
            total: page.total,
        };
        let next = self.walk.take(self.position.as_ref(), &page);
        self.position = next.map_err(|why| why.to_string())?;
        self.shown = true;
        Ok(self.position.is_none())
    }
}
