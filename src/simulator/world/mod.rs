//! Everything the model holds: projects, groups, tokens and a clock.
//!
//! Plain data and pure questions. How it is asked over HTTP does not belong here.

mod access;
pub(crate) mod ci;
pub(crate) mod clock;
pub(crate) mod counts;
mod detailed;
pub(crate) mod details;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod flow;
mod furniture;
mod groups;
pub(crate) mod index;
pub(crate) mod instance;
pub(crate) mod issuables;
mod issue_list;
pub(crate) mod issues;
pub(crate) mod ledger;
pub(crate) mod listing;
mod machines;
pub(crate) mod members;
pub(crate) mod merge_request_list;
pub(crate) mod merge_requests;
pub(crate) mod namespaces;
mod nightly;
mod past;
mod population;
pub(crate) mod project;
pub(crate) mod rate_limits;
pub(crate) mod resource_tokens;
pub(crate) mod runners;
mod settings;
mod shipping;
pub(crate) mod slowness;
pub(crate) mod token;
pub(crate) mod version;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::ci::Ids;
use self::ci::agenda::{Agenda, Due, Step};
use self::clock::Clock;
use self::events::Events;
use self::index::{Activity, Index};
use self::instance::{License, Totals};
use self::ledger::Ledger;
use self::members::Members;
use self::namespaces::Namespaces;
use self::project::Project;
use self::rate_limits::RateLimits;
use self::resource_tokens::ResourceTokens;
use self::runners::Runner;
use self::slowness::Slowness;
use self::token::{AccessToken, DEMO_TOKEN};
use self::version::Profile;

/// The state of the model GitLab.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) clock: Clock,
    pub(crate) profile: Profile,
    /// The path below which GitLab is served, without a slash at the end.
    pub(crate) base: String,
    pub(crate) rate_limits: RateLimits,
    pub(crate) slowness: Slowness,
    projects: BTreeMap<u64, Project>,
    paths: BTreeMap<String, u64>,
    /// The old paths of renamed projects.
    moved: HashMap<String, u64>,
    removed: HashMap<String, Project>,
    next_project: u64,
    namespaces: Namespaces,
    members: Members,
    runners: Vec<Runner>,
    last_runner: u64,
    resource_tokens: ResourceTokens,
    license: Option<License>,
    /// What was counted last night, and when.
    nightly: Option<(Timestamp, Totals)>,
    tokens: Vec<AccessToken>,
    index: Index,
    /// Where the index has the project that was handed out to be changed.
    changing: Option<Activity>,
    statistics_lag: Duration,
    ids: Ids,
    agenda: Agenda,
    ledger: Ledger,
}

impl Default for World {
    fn default() -> Self {
        World::new()
    }
}

impl World {
    /// An empty GitLab 18.8, at the start of 2026.
    pub fn new() -> Self {
        World::at(Timestamp::constant(1_767_225_600, 0))
    }

    /// An empty GitLab 18.8 whose clock shows `now`, and runs from there once it is served.
    pub fn at(now: Timestamp) -> Self {
        World {
            clock: Clock::Standing(now),
            profile: Profile::default(),
            base: String::new(),
            rate_limits: RateLimits::default(),
            slowness: Slowness::default(),
            projects: BTreeMap::new(),
            paths: BTreeMap::new(),
            moved: HashMap::new(),
            removed: HashMap::new(),
            next_project: 1,
            namespaces: Namespaces::default(),
            members: Members::default(),
            runners: Vec::new(),
            last_runner: 0,
            resource_tokens: ResourceTokens::default(),
            license: None,
            nightly: None,
            tokens: Vec::new(),
            index: Index::default(),
            changing: None,
            statistics_lag: Duration::ZERO,
            ids: Ids::default(),
            agenda: Agenda::default(),
            ledger: Ledger::default(),
        }
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        self.clock = Clock::Given(clock);
        self
    }

    /// The time by the model's clock. It stands until the world is served.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Shows the commits in `statistics` only so long after the push; at once, when nothing is said.
    pub fn statistics_lag(&mut self, lag: Duration) {
        self.statistics_lag = lag;
    }

    /// Serves GitLab below a path, such as `/gitlab`. Set it before the start.
    pub fn sub_path(mut self, path: &str) -> Self {
        self.base = path.trim_end_matches('/').to_owned();
        self
    }

    /// Adds a token. As soon as there is one, the default `demo-token` is refused.
    pub fn token(&mut self, token: AccessToken) {
        self.tokens.retain(|known| known.secret != token.secret);
        self.tokens.push(token);
    }

    /// The tokens that were added, in their order.
    pub(crate) fn tokens(&self) -> &[AccessToken] {
        &self.tokens
    }

    pub(crate) fn token_id(&self, secret: &str) -> Option<u64> {
        let mut tokens = self.tokens.iter();
        let at = tokens.position(|token| token.secret == secret)?;
        Some(at as u64 + 1)
    }

    pub(crate) fn known_token(&self, secret: &str) -> Option<AccessToken> {
        if self.tokens.is_empty() && secret == DEMO_TOKEN {
            return Some(AccessToken::new(DEMO_TOKEN));
        }
        let known = self.tokens.iter().find(|token| token.secret == secret);
        known.cloned()
    }
}

impl World {
    /// The project at a path; it is created, with its groups, when it is new.
    ///
    /// A new project is private, has one commit and nothing else, and the token's
    /// user is a reporter and member.
    pub fn project(&mut self, full_path: &str) -> &mut Project {
        self.project_in(full_path, false)
    }

    /// Like `project`, for a project in the namespace of a user.
    pub fn personal_project(&mut self, full_path: &str) -> &mut Project {
        self.project_in(full_path, true)
    }

    fn project_in(&mut self, full_path: &str, personal: bool) -> &mut Project {
        let id = match self.paths.get(full_path) {
            Some(&id) => id,
            None => {
                let id = self.next_project;
                let project = Project::new(id, full_path, self.now());
                self.insert(project, personal);
                id
            }
        };
        self.change(id)
    }

    /// Creates the project under an id of one's choice. Panics when the id or the path is taken.
    pub fn project_with_id(&mut self, full_path: &str, id: u64) -> &mut Project {
        assert!(!self.projects.contains_key(&id), "project {id} exists");
        self.insert(Project::new(id, full_path, self.now()), false);
        self.change(id)
    }

    /// What happens now in a project: `world.events("group/a").push(2).open_issue()`.
    ///
    /// Panics when there is no such project.
    pub fn events(&mut self, full_path: &str) -> Events<'_> {
        let id = self.project_id(full_path);
        self.events_of(id.unwrap_or_else(|| panic!("there is no project {full_path}")))
    }

    /// Like `events`, by the project's id.
    pub fn events_of(&mut self, id: u64) -> Events<'_> {
        self.catch_up();
        self.events_at(id, self.now())
    }

    /// What happens in a project at some time. GitLab's clock has milliseconds here.
    fn events_at(&mut self, id: u64, when: Timestamp) -> Events<'_> {
        self.reindex();
        let known = self.projects.get_mut(&id);
        let project = known.unwrap_or_else(|| panic!("there is no project {id}"));
        self.changing = Some(project.activity());
        let cut_off = Timestamp::from_millisecond(when.as_millisecond());
        Events {
            project,
            now: cut_off.unwrap_or(when),
            statistics_lag: self.statistics_lag,
            ids: &mut self.ids,
            agenda: &mut self.agenda,
            ledger: &mut self.ledger,
        }
    }

    /// Everything that has ended so far, as the events wrote it down.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Lets happen what was planned for the time up to now, each step at its own time.
    pub(crate) fn catch_up(&mut self) {
        let now = self.now();
        while let Some((when, due)) = self.agenda.next(now) {
            self.carry_out(when, due);
            self.reindex();
        }
    }

    fn carry_out(&mut self, when: Timestamp, due: Due) {
        let Due { project, step } = due;
        if !self.projects.contains_key(&project) {
            return;
        }
        let Step::Trigger {
            path,
            plan,
            upstream,
        } = step
        else {
            return self.events_at(project, when).carry_out(step);
        };
        let started = self.project_id(&path).map(|downstream| {
            let mut events = self.events_at(downstream, when);
            (downstream, events.start_downstream(&plan, upstream))
        });
        let mut events = self.events_at(project, when);
        events.carry_out(Step::Triggered { upstream, started });
    }

    /// Removes a project. Its group stays.
    pub fn remove_project(&mut self, full_path: &str) {
        self.reindex();
        if let Some(id) = self.paths.remove(full_path)
            && let Some(project) = self.projects.remove(&id)
        {
            self.index.remove(full_path, project.activity());
            self.moved.retain(|_, target| *target != id);
            self.removed.insert(full_path.to_owned(), project);
        }
    }

    /// Brings back what `remove_project` took, as it was. Panics when that was nothing,
    /// or when the path is taken.
    pub fn restore_project(&mut self, full_path: &str) {
        let removed = self.removed.remove(full_path);
        let project = removed.unwrap_or_else(|| panic!("{full_path} was not removed"));
        self.insert(project, false);
    }

    /// Moves a project to another path; the old path redirects, as GitLab's REST API does.
    ///
    /// Panics when the new path is taken.
    pub fn rename_project(&mut self, from: &str, to: &str) {
        self.reindex();
        let now = self.now();
        let id = self.paths.remove(from);
        let Some(mut project) = id.and_then(|id| self.projects.remove(&id)) else {
            return;
        };
        self.index.remove(from, project.activity());
        self.moved.insert(from.to_owned(), project.id);
        project.full_path = to.to_owned();
        project.past.settings_changed_at = now;
        self.insert(project, false);
    }

    /// Moves a project to another group, under the name it has.
    pub fn transfer_project(&mut self, full_path: &str, group: &str) {
        let name = full_path.rsplit('/').next().unwrap_or(full_path);
        self.rename_project(full_path, &format!("{group}/{name}"));
    }

    /// The projects by id.
    pub fn projects(&self) -> impl DoubleEndedIterator<Item = &Project> {
        self.projects.values()
    }

    /// The project at that path, for reading.
    pub fn find_project(&self, full_path: &str) -> Option<&Project> {
        self.projects.get(self.paths.get(full_path)?)
    }

    pub(crate) fn project_id(&self, full_path: &str) -> Option<u64> {
        self.paths.get(full_path).copied()
    }

    pub(crate) fn project_by_id(&self, id: u64) -> Option<&Project> {
        self.projects.get(&id)
    }

    pub(crate) fn moved_project(&self, old_path: &str) -> Option<&Project> {
        self.projects.get(self.moved.get(old_path)?)
    }

    /// The orders of the projects, as they were before a change that is not finished.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The paths of the projects of a group and of the groups below it.
    fn paths_below(&self, group: &str) -> Vec<String> {
        let prefix = format!("{group}/");
        let paths = self.paths.range(prefix.clone()..);
        let below = paths.take_while(|(path, _)| path.starts_with(&prefix));
        below.map(|(path, _)| path.clone()).collect()
    }

    fn insert(&mut self, project: Project, personal: bool) {
        let (id, full_path) = (project.id, project.full_path.clone());
        assert!(!self.paths.contains_key(&full_path), "{full_path} exists");
        self.next_project = self.next_project.max(id + 1);
        self.moved.remove(&full_path);
        self.index.add(&full_path, project.activity());
        if let Some((namespace, _)) = full_path.rsplit_once('/') {
            self.namespaces.declare(namespace, personal);
        }
        self.paths.insert(full_path, id);
        self.projects.insert(id, project);
    }

    /// Hands out a project to be changed; `reindex` then puts it where it belongs.
    fn change(&mut self, id: u64) -> &mut Project {
        self.reindex();
        let known = self.projects.get_mut(&id);
        let project = known.unwrap_or_else(|| panic!("there is no project {id}"));
        self.changing = Some(project.activity());
        project
    }

    /// Puts the project that was changed last in order again, if its activity has moved.
    pub(crate) fn reindex(&mut self) {
        if let Some(before) = self.changing.take()
            && let Some(project) = self.projects.get(&before.1)
            && project.activity() != before
        {
            self.index.remove(&project.full_path, before);
            self.index.add(&project.full_path, project.activity());
        }
    }
}
