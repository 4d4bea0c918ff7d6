//! A project of the model: what GitLab would count in it, and who may see it.

use jiff::Timestamp;

use super::index::Activity;
use super::past::Past;
use super::recent::Recent;

/// One project. Every method sets one thing, as if it had always been so, and can be chained;
/// what happens in a project is in [`Events`](super::Events).
#[derive(Clone, Debug)]
pub struct Project {
    /// GitLab's number for it; it survives renames.
    pub id: u64,
    /// The path with all its groups, such as `group/subgroup/project`.
    pub full_path: String,
    /// The display name.
    pub name: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether it is read-only.
    pub archived: bool,
    /// The project it was forked from.
    pub forked_from: Option<u64>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last pushed to, discussed or merged; GitLab moves this at most once an hour.
    pub last_activity_at: Timestamp,
    /// The default branch.
    pub default_branch: String,
    /// Whether nothing was ever pushed.
    pub empty_repository: bool,
    /// Commits on the default branch.
    pub commits: u64,
    /// Bytes by kind.
    pub sizes: Sizes,
    /// Stars.
    pub stars: u64,
    /// Forks.
    pub forks: u64,
    /// Releases.
    pub releases: u64,
    /// Packages.
    pub packages: u64,
    /// Labels.
    pub labels: u64,
    /// Open issues.
    pub issues_opened: u64,
    /// Closed issues.
    pub issues_closed: u64,
    /// Merge requests by state.
    pub merge_requests: MergeRequests,
    /// Pipelines by status.
    pub pipelines: Pipelines,
    /// Which parts are switched on.
    pub features: Features,
    /// What the token's user may do here.
    pub access: Access,
    /// Whether the token's user is a member, which is what `membership=true` lists.
    pub member: bool,
    /// When it was marked for deletion, if it is; it exists until it is deleted for good.
    pub marked_for_deletion_on: Option<Timestamp>,
    pub(super) in_hidden_group: bool,
    pub(super) past: Past,
}

/// Who may see a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Members only.
    Private,
    /// Everybody who is signed in.
    Internal,
    /// Everybody.
    Public,
}

impl Visibility {
    pub(super) fn word(self) -> &'static str {
        match self {
            Visibility::Private => "private",
            Visibility::Internal => "internal",
            Visibility::Public => "public",
        }
    }
}

/// What the token's user may do with a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// The project does not exist for this user.
    None,
    /// Issues and releases; code and merge requests only where the project is not private; never statistics.
    Guest,
    /// Everything that is counted.
    Reporter,
    /// Everything.
    Maintainer,
}

impl Access {
    pub(super) fn level(self) -> u64 {
        match self {
            Access::None => 0,
            Access::Guest => 10,
            Access::Reporter => 20,
            Access::Maintainer => 40,
        }
    }
}

/// Who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Viewer {
    Anonymous,
    User,
}

/// Merge requests by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeRequests {
    /// Open.
    pub opened: u64,
    /// Closed without a merge.
    pub closed: u64,
    /// Merged.
    pub merged: u64,
    /// Locked while they merge.
    pub locked: u64,
}

impl MergeRequests {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.opened + self.closed + self.merged + self.locked
    }

    pub(super) fn in_state(&self, state: &str) -> u64 {
        match state {
            "opened" => self.opened,
            "closed" => self.closed,
            "merged" => self.merged,
            "locked" => self.locked,
            _ => self.all(),
        }
    }
}

/// Pipelines by status; the statuses that are not listed have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pipelines {
    /// Succeeded.
    pub success: u64,
    /// Failed.
    pub failed: u64,
    /// Canceled.
    pub canceled: u64,
    /// Running now.
    pub running: u64,
    /// Waiting for a runner.
    pub pending: u64,
}

impl Pipelines {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.success + self.failed + self.canceled + self.running + self.pending
    }

    pub(super) fn in_status(&self, status: &str) -> u64 {
        match status {
            "all" => self.all(),
            "SUCCESS" => self.success,
            "FAILED" => self.failed,
            "CANCELED" => self.canceled,
            "RUNNING" => self.running,
            "PENDING" => self.pending,
            _ => 0,
        }
    }

    pub(super) fn of(&mut self, status: PipelineStatus) -> &mut u64 {
        match status {
            PipelineStatus::Pending => &mut self.pending,
            PipelineStatus::Running => &mut self.running,
            PipelineStatus::Success => &mut self.success,
            PipelineStatus::Failed => &mut self.failed,
            PipelineStatus::Canceled => &mut self.canceled,
        }
    }
}

/// The statuses of pipelines that the model counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineStatus {
    /// Waiting for a runner.
    Pending,
    /// Running now.
    Running,
    /// Succeeded.
    Success,
    /// Failed.
    Failed,
    /// Canceled.
    Canceled,
}

impl PipelineStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            PipelineStatus::Pending => "PENDING",
            PipelineStatus::Running => "RUNNING",
            PipelineStatus::Success => "SUCCESS",
            PipelineStatus::Failed => "FAILED",
            PipelineStatus::Canceled => "CANCELED",
        }
    }
}

/// Bytes by kind, as `statistics` reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The Git repository.
    pub repository: u64,
    /// The wiki.
    pub wiki: u64,
    /// Large files.
    pub lfs_objects: u64,
    /// Job artifacts.
    pub build_artifacts: u64,
    /// Pipeline artifacts.
    pub pipeline_artifacts: u64,
    /// Packages.
    pub packages: u64,
    /// Snippets.
    pub snippets: u64,
    /// Uploads.
    pub uploads: u64,
    /// The container registry; `None` where GitLab does not measure it. Not part of the sum.
    pub container_registry: Option<u64>,
}

impl Sizes {
    /// What GitLab calls the storage size.
    pub fn storage(&self) -> u64 {
        self.repository
            + self.wiki
            + self.lfs_objects
            + self.build_artifacts
            + self.pipeline_artifacts
            + self.packages
            + self.snippets
            + self.uploads
    }
}

/// Which parts of a project are switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Merge requests.
    pub merge_requests: bool,
    /// Issues.
    pub issues: bool,
    /// CI.
    pub builds: bool,
    /// The repository; merge requests, CI and releases live on it.
    pub repository: bool,
}

impl Project {
    pub(super) fn new(id: u64, full_path: &str, now: Timestamp) -> Self {
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
            },
            access: Access::Reporter,
            member: true,
            marked_for_deletion_on: None,
            in_hidden_group: false,
            past: Past::new(now),
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

    /// Sets the number of open and closed issues.
    pub fn issues(&mut self, opened: u64, closed: u64) -> &mut Self {
        (self.issues_opened, self.issues_closed) = (opened, closed);
        self.past.issues = Recent::default();
        self
    }

    /// Sets the merge requests by state.
    pub fn merge_requests(&mut self, merge_requests: MergeRequests) -> &mut Self {
        self.merge_requests = merge_requests;
        self.past.merge_requests = Recent::default();
        self
    }

    /// Sets the pipelines by status.
    pub fn pipelines(&mut self, pipelines: Pipelines) -> &mut Self {
        self.pipelines = pipelines;
        self.past.pipelines = Recent::default();
        self
    }

    /// Sets the sizes.
    pub fn sizes(&mut self, sizes: Sizes) -> &mut Self {
        self.sizes = sizes;
        self
    }

    /// Sets the stars.
    pub fn stars(&mut self, count: u64) -> &mut Self {
        self.stars = count;
        self
    }

    /// Sets the forks.
    pub fn forks(&mut self, count: u64) -> &mut Self {
        self.forks = count;
        self
    }

    /// Sets the releases.
    pub fn releases(&mut self, count: u64) -> &mut Self {
        self.releases = count;
        self
    }

    /// Sets the display name.
    pub fn named(&mut self, name: &str) -> &mut Self {
        self.name = name.to_owned();
        self
    }

    /// Sets who may see it.
    pub fn visibility(&mut self, visibility: Visibility) -> &mut Self {
        self.visibility = visibility;
        self
    }

    /// Makes it read-only.
    pub fn archived(&mut self) -> &mut Self {
        self.archived = true;
        self
    }

    /// Makes it a fork of the project with that id.
    pub fn fork_of(&mut self, id: u64) -> &mut Self {
        self.forked_from = Some(id);
        self
    }

    /// Sets the default branch.
    pub fn default_branch(&mut self, name: &str) -> &mut Self {
        self.default_branch = name.to_owned();
        self
    }

    /// Sets when it was created.
    pub fn created_at(&mut self, when: Timestamp) -> &mut Self {
        self.created_at = when;
        self
    }

    /// Sets when something last happened.
    pub fn last_activity_at(&mut self, when: Timestamp) -> &mut Self {
        self.last_activity_at = when;
        self
    }

    /// Sets what the token's user may do.
    pub fn access(&mut self, access: Access) -> &mut Self {
        self.access = access;
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

    /// All issues.
    pub fn issues_all(&self) -> u64 {
        self.issues_opened + self.issues_closed
    }

    pub(super) fn issues_in_state(&self, state: &str) -> u64 {
        match state {
            "opened" => self.issues_opened,
            "closed" => self.issues_closed,
            "all" => self.issues_all(),
            _ => 0,
        }
    }

    pub(super) fn activity(&self) -> Activity {
        (self.last_activity_at, self.id)
    }

    pub(super) fn path(&self) -> &str {
        self.full_path.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn namespace_path(&self) -> &str {
        self.full_path.rsplit_once('/').map_or("", |(head, _)| head)
    }

    pub(super) fn visible_to(&self, viewer: Viewer) -> bool {
        match viewer {
            Viewer::Anonymous => self.visibility == Visibility::Public,
            Viewer::User => self.access != Access::None && !self.in_hidden_group,
        }
    }

    pub(super) fn shows_statistics_to(&self, viewer: Viewer) -> bool {
        viewer == Viewer::User && self.access >= Access::Reporter
    }

    /// A guest of a private project reads neither code nor merge requests nor CI.
    pub(super) fn shows_code_to(&self, viewer: Viewer) -> bool {
        let allowed = self.visibility != Visibility::Private || self.access >= Access::Reporter;
        self.features.repository && self.visible_to(viewer) && allowed
    }

    pub(super) fn shows_merge_requests_to(&self, viewer: Viewer) -> bool {
        self.features.merge_requests && self.shows_code_to(viewer)
    }

    pub(super) fn shows_builds_to(&self, viewer: Viewer) -> bool {
        self.features.builds && self.shows_code_to(viewer)
    }

    pub(super) fn shows_issues_to(&self, viewer: Viewer) -> bool {
        self.features.issues && self.visible_to(viewer)
    }

    pub(super) fn shows_releases_to(&self, viewer: Viewer) -> bool {
        self.features.repository && self.visible_to(viewer)
    }
}
