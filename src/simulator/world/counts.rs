//! What is counted of a project, what is switched on in it, and what its readers may do.

use super::ci::status::PipelineStatus;

/// Who may see a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    Private,
    /// Everybody who is signed in.
    Internal,
    Public,
}

impl Visibility {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Visibility::Private => "private",
            Visibility::Internal => "internal",
            Visibility::Public => "public",
        }
    }
}

/// What the token's user may do with a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The project does not exist for this user.
    None,
    /// Issues and releases; code and merge requests only where the project is not private; never statistics.
    Guest,
    /// Everything that is counted.
    Reporter,
    /// What Ultimate knows of vulnerabilities, too.
    Developer,
    /// Runners, protected branches and access tokens, too.
    Maintainer,
    Owner,
}

impl Role {
    pub(crate) fn level(self) -> u64 {
        match self {
            Role::None => 0,
            Role::Guest => 10,
            Role::Reporter => 20,
            Role::Developer => 30,
            Role::Maintainer => 40,
            Role::Owner => 50,
        }
    }
}

/// Who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Viewer {
    Anonymous,
    /// The user whose roles are those of the projects and groups.
    User,
    /// Sees everything and may do everything.
    Administrator,
}

impl Viewer {
    pub(crate) fn is_administrator(self) -> bool {
        self == Viewer::Administrator
    }
}

/// Merge requests by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeRequests {
    pub opened: u64,
    /// Closed without a merge.
    pub closed: u64,
    pub merged: u64,
    /// Locked while they merge.
    pub locked: u64,
}

impl MergeRequests {
    pub fn all(&self) -> u64 {
        self.opened + self.closed + self.merged + self.locked
    }

    pub(crate) fn in_state(&self, state: &str) -> u64 {
        match state {
            "opened" => self.opened,
            "closed" => self.closed,
            "merged" => self.merged,
            "locked" => self.locked,
            _ => self.all(),
        }
    }
}

/// Pipelines of the far past by status, older than those that are rows; the statuses that are not listed
/// have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pipelines {
    pub success: u64,
    pub failed: u64,
    pub canceled: u64,
    pub running: u64,
    /// Waiting for a runner.
    pub pending: u64,
}

impl Pipelines {
    pub fn all(&self) -> u64 {
        self.success + self.failed + self.canceled + self.running + self.pending
    }

    pub(crate) fn in_status(&self, status: &str) -> u64 {
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

    /// The number of a status, if it is counted.
    pub(crate) fn of(&mut self, status: PipelineStatus) -> Option<&mut u64> {
        Some(match status {
            PipelineStatus::Pending => &mut self.pending,
            PipelineStatus::Running => &mut self.running,
            PipelineStatus::Success => &mut self.success,
            PipelineStatus::Failed => &mut self.failed,
            PipelineStatus::Canceled => &mut self.canceled,
            _ => return None,
        })
    }
}

/// Bytes by kind, as `statistics` reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub repository: u64,
    pub wiki: u64,
    pub lfs_objects: u64,
    pub build_artifacts: u64,
    pub pipeline_artifacts: u64,
    pub packages: u64,
    pub snippets: u64,
    pub uploads: u64,
    /// The container registry; `None` where GitLab does not measure it. Not part of the sum.
    pub container_registry: Option<u64>,
}

impl Sizes {
    pub(crate) fn plus(self, other: &Sizes) -> Sizes {
        let registry = self
            .container_registry
            .into_iter()
            .chain(other.container_registry);
        Sizes {
            repository: self.repository + other.repository,
            wiki: self.wiki + other.wiki,
            lfs_objects: self.lfs_objects + other.lfs_objects,
            build_artifacts: self.build_artifacts + other.build_artifacts,
            pipeline_artifacts: self.pipeline_artifacts + other.pipeline_artifacts,
            packages: self.packages + other.packages,
            snippets: self.snippets + other.snippets,
            uploads: self.uploads + other.uploads,
            container_registry: registry.reduce(|sum, next| sum + next),
        }
    }

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
    pub merge_requests: bool,
    pub issues: bool,
    pub builds: bool,
    /// The repository; merge requests, CI and releases live on it.
    pub repository: bool,
    pub packages: bool,
    pub container_registry: bool,
}
