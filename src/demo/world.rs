//! Everything the model GitLab holds: projects, groups, tokens and its moods.
//!
//! Plain data and pure questions; how it is asked over HTTP is in `server`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::OnceLock;

use jiff::Timestamp;

use super::moods::Moods;
use super::project::{Project, Viewer};
use super::token::{DEMO_TOKEN, Token};
use super::version::{Profile, Version};

/// The state of the model GitLab.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) now: Timestamp,
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
    by_activity: OnceLock<Vec<u64>>,
}

/// A group, or the personal namespace of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Namespace {
    pub(super) id: u64,
    pub(super) personal: bool,
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

    /// An empty GitLab 18.8 whose clock shows `now`.
    pub fn at(now: Timestamp) -> Self {
        World {
            now,
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
            by_activity: OnceLock::new(),
        }
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
        self.by_activity = OnceLock::new();
        let id = match self.paths.get(full_path) {
            Some(&id) => id,
            None => {
                let id = self.next_project;
                self.next_project += 1;
                self.place(full_path, id, personal);
                id
            }
        };
        let now = self.now;
        self.projects
            .entry(id)
            .or_insert_with(|| Project::new(id, full_path, now))
    }

    /// Creates the project under an id of one's choice. Panics when the id or the path is taken.
    pub fn project_with_id(&mut self, full_path: &str, id: u64) -> &mut Project {
        assert!(!self.projects.contains_key(&id), "project {id} exists");
        assert!(!self.paths.contains_key(full_path), "{full_path} exists");
        self.next_project = self.next_project.max(id + 1);
        self.place(full_path, id, false);
        self.project(full_path)
    }

    /// Removes a project. Its group stays.
    pub fn remove_project(&mut self, full_path: &str) {
        self.by_activity = OnceLock::new();
        if let Some(id) = self.paths.remove(full_path) {
            self.projects.remove(&id);
            self.moved.retain(|_, target| *target != id);
        }
    }

    /// Moves a project to another path; the old path redirects, as GitLab's REST API does.
    pub fn rename_project(&mut self, from: &str, to: &str) {
        let Some(id) = self.paths.remove(from) else {
            return;
        };
        self.moved.insert(from.to_owned(), id);
        self.place(to, id, false);
        if let Some(project) = self.projects.get_mut(&id) {
            project.full_path = to.to_owned();
        }
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
        let prefix = format!("{full_path}/");
        self.namespaces
            .retain(|path, _| path != full_path && !path.starts_with(&prefix));
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

    pub(super) fn projects_mut(&mut self) -> impl Iterator<Item = &mut Project> {
        self.by_activity = OnceLock::new();
        self.projects.values_mut()
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

    /// The projects beyond an id, in the order of their ids.
    pub(super) fn projects_after(&self, id: u64) -> impl Iterator<Item = &Project> {
        let beyond = (Bound::Excluded(id), Bound::Unbounded);
        self.projects.range(beyond).map(|(_, project)| project)
    }

    /// The projects below an id, the newest first.
    pub(super) fn projects_before(&self, id: u64) -> impl Iterator<Item = &Project> {
        self.projects.range(..id).rev().map(|(_, project)| project)
    }

    /// The projects with the latest activity first, the newer id first in a tie, behind a start.
    pub(super) fn projects_by_activity(
        &self,
        behind: Option<(Timestamp, u64)>,
    ) -> impl Iterator<Item = &Project> {
        let key = |id: &u64| (self.projects[id].last_activity_at, *id);
        let order = self.by_activity.get_or_init(|| {
            let mut order: Vec<u64> = self.projects.keys().copied().collect();
            order.sort_by_key(|id| std::cmp::Reverse(key(id)));
            order
        });
        let before = |start| order.partition_point(|id| key(id) >= start);
        let start = behind.map_or(0, before);
        order[start..].iter().map(|id| &self.projects[id])
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
        let paths = self.paths_below(path);
        let visible = paths
            .iter()
            .filter_map(|path| self.find_project(path))
            .any(|project| project.visible_to(viewer));
        (!namespace.personal && (paths.is_empty() || visible)).then_some((path, *namespace))
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

    fn place(&mut self, full_path: &str, id: u64, personal: bool) {
        self.by_activity = OnceLock::new();
        self.moved.remove(full_path);
        self.paths.insert(full_path.to_owned(), id);
        if let Some((namespace, _)) = full_path.rsplit_once('/') {
            self.declare_namespaces(namespace, personal);
        }
    }

    fn declare_namespaces(&mut self, full_path: &str, personal: bool) {
        let ends = full_path.match_indices('/').map(|(index, _)| index);
        for end in ends.chain([full_path.len()]) {
            if !self.namespaces.contains_key(&full_path[..end]) {
                let id = self.next_namespace;
                self.next_namespace += 1;
                let namespace = Namespace { id, personal };
                self.namespaces
                    .insert(full_path[..end].to_owned(), namespace);
            }
        }
    }
}
