//! A project of the model: what GitLab would count in it, and who may see it.

use jiff::Timestamp;

use super::ci::Ci;
use super::ci::pipeline::Pipeline;
use super::ci::status::PipelineStatus;
use super::counts::{Features, MergeRequests, Pipelines, Role, Sizes, Viewer, Visibility};
use super::details::Details;
use super::environments::{Environment, Tier};
use super::flow::Flow;
use super::index::Activity;
use super::past::Past;

/// One project. Every method sets one thing, as if it had always been so, and can be chained;
/// what happens in a project is in [`Events`](super::Events).
#[derive(Clone, Debug)]
pub struct Project {
    /// GitLab's number for it; it survives renames.
    pub id: u64,
    /// The path with all its groups, such as `group/subgroup/project`.
    pub full_path: String,
    pub name: String,
    pub visibility: Visibility,
    pub archived: bool,
    pub forked_from: Option<u64>,
    pub created_at: Timestamp,
    /// When it was last pushed to, discussed or merged; GitLab moves this at most once an hour.
    pub last_activity_at: Timestamp,
    pub default_branch: String,
    /// Whether nothing was ever pushed.
    pub empty_repository: bool,
    /// Commits on the default branch.
    pub commits: u64,
    pub sizes: Sizes,
    pub stars: u64,
    pub forks: u64,
    pub releases: u64,
    pub packages: u64,
    pub labels: u64,
    pub issues_opened: u64,
    pub issues_closed: u64,
    pub merge_requests: MergeRequests,
    /// Pipelines of the far past, by status.
    pub pipelines: Pipelines,
    pub features: Features,
    pub environments: Vec<Environment>,
    /// What the token's user may do here.
    pub role: Role,
    /// Whether the token's user is a member, which is what `membership=true` lists.
    pub member: bool,
    /// When it was marked for deletion, if it is; it exists until it is deleted for good.
    pub marked_for_deletion_on: Option<Timestamp>,
    pub(crate) in_hidden_group: bool,
    pub(crate) past: Past,
    /// When the model began to know it; what was set lies between its creation and this.
    pub(crate) known_since: Timestamp,
    pub(crate) flow: Option<Box<Flow>>,
    /// The pipelines that are rows. Most projects of a large world have none.
    pub(crate) ci: Option<Box<Ci>>,
    pub(crate) details: Option<Box<Details>>,
}

impl Project {
    pub(crate) fn new(id: u64, full_path: &str, now: Timestamp) -> Self {
        Project {
            id,
            full_path: full_path.to_owned(),
            name: full_path.rsplit('/').next().unwrap_or(full_path).to_owned(),
            visibility: Visibility::Private,
            archived: false,
            forked_from: None,
            created_at: now,
            last_activity_at: now,
            default_branch: "main".to_owned(),
            empty_repository: false,
            commits: 1,
            sizes: Sizes::default(),
            stars: 0,
            forks: 0,
            releases: 0,
            packages: 0,
            labels: 0,
            issues_opened: 0,
            issues_closed: 0,
            merge_requests: MergeRequests::default(),
            pipelines: Pipelines::default(),
            features: Features {
                merge_requests: true,
                issues: true,
                builds: true,
                repository: true,
                packages: true,
                container_registry: true,
            },
            environments: Vec::new(),
            role: Role::Reporter,
            member: true,
            marked_for_deletion_on: None,
            in_hidden_group: false,
            past: Past::new(now),
            known_since: now,
            flow: None,
            ci: None,
            details: None,
        }
    }

    /// Sets the number of commits on the default branch.
    pub fn commits(&mut self, count: u64) -> &mut Self {
        self.commits = count;
        self.empty_repository = false;
        self.past.forget_commits();
        self
    }

    /// Makes the repository one that was never pushed to.
    pub fn empty_repository(&mut self) -> &mut Self {
        self.commits = 0;
        self.empty_repository = true;
        self.past.forget_commits();
        self
    }

    pub fn issues(&mut self, opened: u64, closed: u64) -> &mut Self {
        (self.issues_opened, self.issues_closed) = (opened, closed);
        if let Some(flow) = &mut self.flow {
            flow.issues = None;
        }
        self
    }

    pub fn merge_requests(&mut self, merge_requests: MergeRequests) -> &mut Self {
        self.merge_requests = merge_requests;
        if let Some(flow) = &mut self.flow {
            flow.merge_requests = None;
        }
        self
    }

    pub fn pipelines(&mut self, pipelines: Pipelines) -> &mut Self {
        self.pipelines = pipelines;
        self
    }

    pub fn sizes(&mut self, sizes: Sizes) -> &mut Self {
        self.sizes = sizes;
        self
    }

    pub fn stars(&mut self, count: u64) -> &mut Self {
        self.stars = count;
        self
    }

    pub fn forks(&mut self, count: u64) -> &mut Self {
        self.forks = count;
        self
    }

    pub fn releases(&mut self, count: u64) -> &mut Self {
        self.releases = count;
        if let Some(flow) = &mut self.flow {
            flow.released_at.clear();
        }
        self
    }

    pub fn named(&mut self, name: &str) -> &mut Self {
        self.name = name.to_owned();
        self
    }

    pub fn visibility(&mut self, visibility: Visibility) -> &mut Self {
        self.visibility = visibility;
        self
    }

    pub fn archived(&mut self) -> &mut Self {
        self.archived = true;
        self
    }

    /// Makes it a fork of the project with that id.
    pub fn fork_of(&mut self, id: u64) -> &mut Self {
        self.forked_from = Some(id);
        self
    }

    pub fn default_branch(&mut self, name: &str) -> &mut Self {
        self.default_branch = name.to_owned();
        self
    }

    pub fn created_at(&mut self, when: Timestamp) -> &mut Self {
        self.created_at = when;
        self
    }

    pub fn last_activity_at(&mut self, when: Timestamp) -> &mut Self {
        self.last_activity_at = when;
        self
    }

    /// Adds an environment, available.
    pub fn environment(&mut self, name: &str, tier: Tier) -> &mut Self {
        let number = self.environments.len() as u64 + 1;
        let id = self.id * 1_000 + number;
        let environment = Environment::new(id, name, tier, self.known_since);
        self.environments.push(environment);
        self
    }

    pub fn role(&mut self, role: Role) -> &mut Self {
        self.role = role;
        self
    }

    /// Makes the token's user see it without being a member.
    pub fn not_a_member(&mut self) -> &mut Self {
        self.member = false;
        self
    }

    /// Switches parts on or off: `project.features(|on| on.issues = false)`.
    pub fn features(&mut self, change: impl FnOnce(&mut Features)) -> &mut Self {
        change(&mut self.features);
        self
    }

    pub fn issues_all(&self) -> u64 {
        self.issues_opened + self.issues_closed
    }

    pub(crate) fn issues_in_state(&self, state: &str) -> u64 {
        match state {
            "opened" => self.issues_opened,
            "closed" => self.issues_closed,
            "all" => self.issues_all(),
            _ => 0,
        }
    }

    pub(crate) fn activity(&self) -> Activity {
        (self.last_activity_at, self.id)
    }

    pub(crate) fn path(&self) -> &str {
        self.full_path.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn namespace_path(&self) -> &str {
        self.full_path.rsplit_once('/').map_or("", |(head, _)| head)
    }

    pub(crate) fn visible_to(&self, viewer: Viewer) -> bool {
        match viewer {
            Viewer::Anonymous => self.visibility == Visibility::Public,
            Viewer::User => self.role != Role::None && !self.in_hidden_group,
            Viewer::Administrator => true,
        }
    }

    /// What the viewer may do here.
    pub(crate) fn role_of(&self, viewer: Viewer) -> Role {
        match viewer {
            Viewer::Anonymous => Role::None,
            Viewer::User => self.role,
            Viewer::Administrator => Role::Owner,
        }
    }

    pub(crate) fn shows_statistics_to(&self, viewer: Viewer) -> bool {
        self.role_of(viewer) >= Role::Reporter
    }

    /// A guest of a private project reads neither code nor merge requests nor CI.
    pub(crate) fn shows_code_to(&self, viewer: Viewer) -> bool {
        let reporter = self.role_of(viewer) >= Role::Reporter;
        let allowed = self.visibility != Visibility::Private || reporter;
        self.features.repository && self.visible_to(viewer) && allowed
    }

    pub(crate) fn shows_merge_requests_to(&self, viewer: Viewer) -> bool {
        self.features.merge_requests && self.shows_code_to(viewer)
    }

    pub(crate) fn shows_builds_to(&self, viewer: Viewer) -> bool {
        self.features.builds && self.shows_code_to(viewer)
    }

    pub(crate) fn shows_issues_to(&self, viewer: Viewer) -> bool {
        self.features.issues && self.visible_to(viewer)
    }

    pub(crate) fn shows_releases_to(&self, viewer: Viewer) -> bool {
        self.features.repository && self.visible_to(viewer)
    }
}

impl Project {
    /// When GitLab last saved the project: its activity or its settings changed.
    pub(crate) fn updated_at(&self) -> Timestamp {
        self.last_activity_at.max(self.past.settings_changed_at)
    }

    /// The pipelines that are rows, the oldest first.
    pub fn pipeline_rows(&self) -> impl Iterator<Item = &Pipeline> {
        let ci = self.ci.as_deref().into_iter();
        ci.flat_map(|ci| ci.pipelines.values())
    }

    /// How many pipelines have that status, those of the far past among them and children not.
    pub fn pipelines_in(&self, status: PipelineStatus) -> u64 {
        let rows = self.pipeline_rows().filter(|row| !row.is_child());
        let rows = rows.filter(|row| row.status == status).count() as u64;
        rows + self.pipelines.in_status(status.word())
    }

    /// The commits as the statistics show them, which may be late.
    pub(crate) fn commits_in_statistics(&self, now: Timestamp) -> u64 {
        self.past.outdated_commits(now).unwrap_or(self.commits)
    }
}
