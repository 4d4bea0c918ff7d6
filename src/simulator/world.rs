//! Everything the model GitLab holds: projects, groups, tokens and its moods.
//!
//! Plain data and pure questions; how it is asked over HTTP is in `server`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::Clock;
use super::events::Events;
use super::index::{Activity, Index};
use super::moods::Moods;
use super::project::{Project, Viewer};
use super::token::{DEMO_TOKEN, Token};
use super::version::{Profile, Version};

/// The state of the model GitLab.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) clock: Clock,
    pub(super) profile: Profile,
    pub(super) base: String,
    pub(super) moods: Moods,
    projects: BTreeMap<u64, Project>,
    paths: BTreeMap<String, u64>,
    moved: HashMap<String, u64>,
    namespaces: BTreeMap<String, Namespace>,
    tokens: Vec<Token>,
    next_project: u64,
    next_namespace: u64,
    removed: HashMap<String, Project>,
    index: Index,
    lent: Option<Activity>,
    statistics_lag: Duration,
}

/// A group, or the personal namespace of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Namespace {
    pub(super) id: u64,
    pub(super) personal: bool,
    hidden: bool,
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
            moods: Moods::default(),
            projects: BTreeMap::new(),
            paths: BTreeMap::new(),
            moved: HashMap::new(),
            namespaces: BTreeMap::new(),
            tokens: Vec::new(),
            next_project: 1,
            next_namespace: 1,
            removed: HashMap::new(),
            index: Index::default(),
            lent: None,
            statistics_lag: Duration::ZERO,
        }
    }

    /// Goes by a clock of one's own: whatever it says is the time.
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

    /// The project at a path; it is created, with its groups, when it is new.
    ///
    /// A new project is private, has one commit and nothing else, and the token's
    /// user is a reporter and member.
    pub fn project(&mut self, full_path: &str) -> &mut Project {
        self.open_project(full_path, false)
    }

    /// Like `project`, for a project in the namespace of a user.
    pub fn personal_project(&mut self, full_path: &str) -> &mut Project {
        self.open_project(full_path, true)
    }

    fn open_project(&mut self, full_path: &str, personal: bool) -> &mut Project {
        let id = match self.paths.get(full_path) {
            Some(&id) => id,
            None => {
                let id = self.next_project;
                let project = Project::new(id, full_path, self.now());
                self.insert(project, personal);
                id
            }
        };
        self.lend(id)
    }

    /// Creates the project under an id of one's choice. Panics when the id or the path is taken.
    pub fn project_with_id(&mut self, full_path: &str, id: u64) -> &mut Project {
        assert!(!self.projects.contains_key(&id), "project {id} exists");
        self.insert(Project::new(id, full_path, self.now()), false);
        self.lend(id)
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
        let (now, statistics_lag) = (self.now(), self.statistics_lag);
        Events {
            project: self.lend(id),
            now,
            statistics_lag,
        }
    }

    /// Removes a project. Its group stays.
    pub fn remove_project(&mut self, full_path: &str) {
        self.settle();
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
        self.settle();
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

    /// Makes sure that a group exists, with the groups above it.
    pub fn group(&mut self, full_path: &str) {
        self.declare_namespaces(full_path, false);
    }

    /// Removes a group with all that is in it.
    pub fn remove_group(&mut self, full_path: &str) {
        for path in self.paths_below(full_path) {
            self.remove_project(&path);
        }
        for path in self.groups_within(full_path) {
            self.namespaces.remove(&path);
        }
    }

    /// Moves a group with all that is in it. Ids stay; the old paths of projects redirect, those of
    /// groups do not, as in GitLab's API.
    pub fn rename_group(&mut self, from: &str, to: &str) {
        if let Some((above, _)) = to.rsplit_once('/') {
            self.declare_namespaces(above, false);
        }
        for old in self.groups_within(from) {
            if let Some(group) = self.namespaces.remove(&old) {
                let new = format!("{to}{}", &old[from.len()..]);
                self.namespaces.insert(new, group);
            }
        }
        for old in self.paths_below(from) {
            let new = format!("{to}{}", &old[from.len()..]);
            self.rename_project(&old, &new);
        }
    }

    /// Lets the token's user see a group and all that is in it no more.
    pub fn hide_group(&mut self, full_path: &str) {
        self.set_group_hidden(full_path, true);
    }

    /// Shows a hidden group again.
    pub fn show_group(&mut self, full_path: &str) {
        self.set_group_hidden(full_path, false);
    }

    /// GitLab's number for a group; it survives renames.
    pub fn group_id(&self, full_path: &str) -> Option<u64> {
        self.namespace(full_path).map(|group| group.id)
    }

    fn set_group_hidden(&mut self, full_path: &str, hidden: bool) {
        for path in self.groups_within(full_path) {
            if let Some(group) = self.namespaces.get_mut(&path) {
                group.hidden = hidden;
            }
        }
        for path in self.paths_below(full_path) {
            let id = self.paths[&path];
            if let Some(project) = self.projects.get_mut(&id) {
                project.in_hidden_group = hidden;
            }
        }
    }

    /// The paths of a group and of those below it.
    fn groups_within(&self, group: &str) -> Vec<String> {
        let prefix = format!("{group}/");
        let within = |path: &&String| *path == group || path.starts_with(&prefix);
        self.namespaces.keys().filter(within).cloned().collect()
    }

    /// Adds a token. As soon as there is one, the default `demo-token` is refused.
    pub fn token(&mut self, token: Token) {
        self.tokens.retain(|known| known.secret != token.secret);
        self.tokens.push(token);
    }

    /// Pretends to be that version.
    pub fn version(&mut self, version: Version) {
        self.profile.version = version;
    }

    /// Pretends to be the Community Edition, or the Enterprise Edition again.
    pub fn community_edition(&mut self, community: bool) {
        self.profile.community_edition = community;
    }

    /// Takes a field out of the GraphQL schema: `("ProjectStatistics", "containerRegistrySize")`.
    pub fn remove_field(&mut self, kind: &str, field: &str) {
        let field = (kind.to_owned(), field.to_owned());
        self.profile.removed.insert(field);
    }

    /// The projects by id.
    pub fn projects(&self) -> impl DoubleEndedIterator<Item = &Project> {
        self.projects.values()
    }

    /// The project at that path, for reading.
    pub fn find_project(&self, full_path: &str) -> Option<&Project> {
        self.projects.get(self.paths.get(full_path)?)
    }

    pub(super) fn project_id(&self, full_path: &str) -> Option<u64> {
        self.paths.get(full_path).copied()
    }

    pub(super) fn project_by_id(&self, id: u64) -> Option<&Project> {
        self.projects.get(&id)
    }

    pub(super) fn moved_project(&self, old_path: &str) -> Option<&Project> {
        self.projects.get(self.moved.get(old_path)?)
    }

    /// The orders of the projects. A project that is lent stands where it stood.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    pub(super) fn namespace(&self, full_path: &str) -> Option<Namespace> {
        self.namespaces.get(full_path).copied()
    }

    /// A group by path or number, as far as the viewer may know of it.
    ///
    /// A group whose every project is invisible is invisible too; an empty one is not.
    pub(super) fn visible_group(&self, wanted: &str, viewer: Viewer) -> Option<(&str, Namespace)> {
        let number = wanted.parse::<u64>().ok();
        let (path, namespace) = match number {
            Some(id) => self.namespaces.iter().find(|(_, space)| space.id == id)?,
            None => self.namespaces.get_key_value(wanted)?,
        };
        let mut inside = self.index.ascending(Some(path), None).peekable();
        let empty = inside.peek().is_none();
        let visible = inside
            .filter_map(|id| self.project_by_id(id))
            .any(|project| project.visible_to(viewer));
        let readable = !namespace.personal && !namespace.hidden;
        (readable && (empty || visible)).then_some((path, *namespace))
    }

    pub(super) fn known_token(&self, secret: &str) -> Option<Token> {
        if self.tokens.is_empty() && secret == DEMO_TOKEN {
            return Some(Token::new(DEMO_TOKEN));
        }
        let known = self.tokens.iter().find(|token| token.secret == secret);
        known.cloned()
    }

    fn paths_below(&self, group: &str) -> Vec<String> {
        let prefix = format!("{group}/");
        self.paths
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .map(|(path, _)| path.clone())
            .collect()
    }

    fn insert(&mut self, project: Project, personal: bool) {
        let (id, full_path) = (project.id, project.full_path.clone());
        assert!(!self.paths.contains_key(&full_path), "{full_path} exists");
        self.next_project = self.next_project.max(id + 1);
        self.moved.remove(&full_path);
        self.index.add(&full_path, project.activity());
        if let Some((namespace, _)) = full_path.rsplit_once('/') {
            self.declare_namespaces(namespace, personal);
        }
        self.paths.insert(full_path, id);
        self.projects.insert(id, project);
    }

    /// Hands out a project that may be changed; `settle` puts it where it then belongs.
    fn lend(&mut self, id: u64) -> &mut Project {
        self.settle();
        let known = self.projects.get_mut(&id);
        let project = known.unwrap_or_else(|| panic!("there is no project {id}"));
        self.lent = Some(project.activity());
        project
    }

    /// Puts the project that was lent last in order again, if its activity has moved.
    pub(super) fn settle(&mut self) {
        if let Some(before) = self.lent.take()
            && let Some(project) = self.projects.get(&before.1)
            && project.activity() != before
        {
            self.index.remove(&project.full_path, before);
            self.index.add(&project.full_path, project.activity());
        }
    }

    fn declare_namespaces(&mut self, full_path: &str, personal: bool) {
        let ends = full_path.match_indices('/').map(|(index, _)| index);
        for end in ends.chain([full_path.len()]) {
            if !self.namespaces.contains_key(&full_path[..end]) {
                let id = self.next_namespace;
                self.next_namespace += 1;
                let namespace = Namespace {
                    id,
                    personal,
                    hidden: false,
                };
                self.namespaces
                    .insert(full_path[..end].to_owned(), namespace);
            }
        }
    }
}
