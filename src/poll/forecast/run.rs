//! Polls made-up projects: takes errands as a turn of the poller does, and counts the requests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::made_up::{MadeUp, START};
use super::{Assumption, Kind};
use crate::metrics::{EnabledMetrics, Rest};
use crate::poll::capacity::Capacity;
use crate::poll::named::MOST_PATHS;
use crate::poll::plan::{Capabilities, Depth, List, Part, Plan};
use crate::poll::request::{Room, pack};
use crate::poll::schedule::{Errand, Moment, Position, Purpose, Rhythm, Round, Schedule, Turn};
use crate::poll::selection::Source;
use crate::poll::turn::{BLOCKED_INTERVAL, PROBE_INTERVAL};

/// How long a GitLab in good health takes to answer.
const GOOD_TIME: Duration = Duration::from_millis(500);

/// A poller without a GitLab.
pub(super) struct Run<'a> {
    now: Moment,
    enabled: &'a EnabledMetrics,
    capabilities: &'a Capabilities,
    graphql: bool,
    schedule: Schedule,
    plan: Plan,
    capacity: Capacity,
    projects: MadeUp,
    probe_due: Moment,
    /// Whose values are still to be asked over REST in this poll, and at how many requests.
    open: BTreeMap<u64, u64>,
    requests: BTreeMap<Kind, u64>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        rhythm: Rhythm,
        enabled: &'a EnabledMetrics,
        assumption: &'a Assumption,
    ) -> Run<'a> {
        let sources: Vec<Source> = assumption
            .lists
            .iter()
            .map(|list| list.source.clone())
            .collect();
        Run {
            now: START,
            enabled,
            capabilities: &assumption.capabilities,
            graphql: assumption.graphql,
            schedule: Schedule::new(rhythm, &sources),
            plan: Plan::new(enabled, &assumption.capabilities),
            capacity: Capacity::new(),
            projects: MadeUp::new(assumption),
            probe_due: START,
            open: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }

    pub(super) fn now(&self) -> Moment {
        self.now
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.projects.pass(self.now);
    }

    /// The requests since they were last taken.
    pub(super) fn take_requests(&mut self) -> BTreeMap<Kind, u64> {
        std::mem::take(&mut self.requests)
    }

    /// Asks all that is due.
    pub(super) fn poll(&mut self) {
        let mut turn = self.schedule.turn(self.now, !self.graphql);
        self.probe();
        loop {
            let page = self.capacity.page();
            let round = self.schedule.round(&mut turn, page);
            if round.now.is_empty() {
                break;
            }
            self.run_round(&mut turn, round);
        }
        let values = std::mem::take(&mut self.open).into_values().sum();
        self.count(Kind::Values, values);
    }

    fn probe(&mut self) {
        if self.now >= self.probe_due {
            self.count(Kind::Probe, 1);
            self.probe_due = self.now
                + match self.graphql {
                    true => PROBE_INTERVAL,
                    false => BLOCKED_INTERVAL,
                };
        }
    }

    fn run_round(&mut self, turn: &mut Turn, round: Round) {
        let alone = |errand: &Errand| !self.graphql || self.names(errand).is_some();
        let (alone, now): (Vec<_>, Vec<_>) = round.now.into_iter().partition(alone);
        let room = Room {
            score: self.capabilities.most_score(),
            weight: self.capacity.size(),
        };
        let spare = round.spare;
        let (packs, spare) = pack(Round { now, spare }, &self.plan, room);
        turn.keep(spare);
        for errand in alone {
            match (self.names(&errand), self.graphql) {
                (Some(names), true) => self.ask_named(&names),
                (names, _) => self.ask_rest(&errand, names.map_or(0, |names| names.len())),
            }
            self.take(turn, &errand);
        }
        for pack in packs {
            self.count(Kind::of(pack[0].purpose), 1);
            let weights = pack.iter().map(|errand| self.plan.weight(&errand.part));
            self.capacity.answered(weights.sum(), GOOD_TIME);
            for errand in &pack {
                self.take(turn, errand);
            }
        }
    }

    /// Those whom the sweep of a list asks for by name.
    fn names(&self, errand: &Errand) -> Option<Vec<String>> {
        let Purpose::Sweep(index) = errand.purpose else {
            return None;
        };
        match self.schedule.lists()[index].source() {
            Source::Projects(names) => Some(names.clone()),
            _ => None,
        }
    }

    /// Named projects are asked for by path until their ids are known.
    fn ask_named(&mut self, names: &[String]) {
        let known = self.schedule.is_whole();
        let ids = |name: &&String| known || name.parse::<u64>().is_ok();
        let (ids, paths): (Vec<_>, Vec<_>) = names.iter().partition(ids);
        self.ask_chunks(ids.len(), usize::MAX);
        match self.capabilities.asks_by_paths() {
            true => self.ask_chunks(paths.len(), MOST_PATHS),
            false => self.count(Kind::Sweep, paths.len() as u64),
        }
    }

    fn ask_chunks(&mut self, mut left: usize, most: usize) {
        while left > 0 {
            let first = self.capacity.page().min(most).min(left);
            let part = Part {
                list: List::Ids(Vec::new()),
                depth: Depth::Whole,
                first,
                after: None,
            };
            self.capacity.answered(self.plan.weight(&part), GOOD_TIME);
            self.count(Kind::Sweep, 1);
            left -= first;
        }
    }

    /// REST has a request for each page, and for each project that is asked for by name or id.
    fn ask_rest(&mut self, errand: &Errand, names: usize) {
        let requests = match (&errand.purpose, &errand.part.list) {
            (Purpose::Glance, _) => 0,
            (_, List::Ids(ids)) => ids.len(),
            _ => names.max(1),
        };
        self.count(Kind::of(errand.purpose), requests as u64);
    }

    /// Takes in the answer to an errand.
    fn take(&mut self, turn: &mut Turn, errand: &Errand) {
        let now = self.now;
        match (errand.purpose, &errand.part.list) {
            (Purpose::Sweep(index), _) => {
                let list = &self.schedule.lists()[index];
                let place = match list.position() {
                    Some(Position::Cursor(at) | Position::Path(at)) => place(at),
                    None => 0,
                };
                let (named, group) = match list.source() {
                    Source::Projects(_) => (true, false),
                    source => (false, matches!(source, Source::Group(_))),
                };
                let most = match named {
                    true => usize::MAX,
                    false => self.most(errand),
                };
                let (ids, next) = self.projects.page(index, place, most);
                for &id in &ids {
                    self.read(id, group);
                }
                let next = next.map(|at| match self.graphql {
                    true => Position::Cursor(at.to_string()),
                    false => Position::Path(at.to_string()),
                });
                self.schedule.swept(turn, index, now, &ids, next);
            }
            (Purpose::Look(index), _) => {
                let place = errand.part.after.as_deref().map_or(0, place);
                let (nodes, next) = self.projects.recent(index, place, self.most(errand));
                let next = next.map(|at| at.to_string());
                self.schedule.looked(turn, index, now, &nodes, next);
            }
            (purpose, List::Ids(ids)) => {
                for &id in ids {
                    self.take_one(turn, purpose, errand.part.depth, id);
                }
            }
            _ => {}
        }
    }

    fn take_one(&mut self, turn: &mut Turn, purpose: Purpose, depth: Depth, id: u64) {
        let (now, project) = (self.now, self.projects.project(id));
        let activity = Some(project.activity);
        match (purpose, depth) {
            (Purpose::Glance, _) if !self.graphql => self.schedule.glanced_at(id, now),
            (Purpose::Glance, Depth::Glance { since }) => {
                self.schedule.glanced_at(id, now);
                match project.pipeline >= since && self.plan.sees_pipelines() {
                    true => self.schedule.want(id),
                    false => {
                        self.schedule.noticed(turn, id, activity, now, None);
                    }
                }
            }
            (Purpose::Follow, _) if self.graphql => {
                self.schedule.followed_up(id, now);
                self.schedule.noticed(turn, id, activity, now, None);
                if project.hidden {
                    // A number that was known has come to nothing.
                    self.schedule.want(id);
                }
            }
            _ => self.read(id, false),
        }
    }

    /// Everything was asked of a project; what stands nowhere in the answer is asked by itself.
    fn read(&mut self, id: u64, on_page_of_group: bool) {
        let project = self.projects.project(id);
        let activity = Some(project.activity);
        let over_rest = match self.graphql {
            true => 0,
            false => self.rest_requests(on_page_of_group),
        };
        let requests = over_rest + u64::from(project.hidden);
        if project.selected && requests > 0 {
            self.open.insert(id, requests);
        }
        self.schedule.read(id, activity, project.selected, self.now);
    }

    /// How many requests over REST ask for what does not stand in a project's body. A group's list has
    /// no statistics.
    fn rest_requests(&self, on_page_of_group: bool) -> u64 {
        let columns = self.enabled.catalogue.project_columns();
        let paths =
            self.enabled
                .columns()
                .iter()
                .filter_map(|place| match columns[*place].column.rest {
                    Rest::Body(member) if on_page_of_group && member.starts_with("statistics.") => {
                        Some("")
                    }
                    Rest::Body(_) => None,
                    Rest::Member { path, .. } | Rest::Count(path) => Some(path),
                });
        paths.collect::<BTreeSet<_>>().len() as u64
    }

    /// How many projects are on a page; REST has whole ones only.
    fn most(&self, errand: &Errand) -> usize {
        match self.graphql {
            true => errand.part.first,
            false => Capacity::PAGE,
        }
    }

    fn count(&mut self, kind: Kind, requests: u64) {
        if requests > 0 {
            *self.requests.entry(kind).or_default() += requests;
        }
    }
}

/// The place in a list that a cursor of ours stands for.
fn place(cursor: &str) -> u64 {
    cursor.parse().unwrap_or_default()
}
