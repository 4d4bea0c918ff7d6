//! Deployments: what a job, or somebody over the API, brought to an environment.

use jiff::Timestamp;

use super::reference::Reference;
use super::status::PipelineStatus;

/// A deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    pub id: u64,
    /// Its number in the project, one after the other.
    pub iid: u64,
    /// The id of its environment.
    pub(crate) environment: u64,
    pub status: DeploymentStatus,
    pub(crate) reference: Reference,
    pub(crate) commit: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// The pipeline and the job that make it. One that was made over the API has none.
    pub(crate) job: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentStatus {
    Created,
    Running,
    Success,
    Failed,
    Canceled,
    Skipped,
    /// It waits for an approval.
    Blocked,
}

impl DeploymentStatus {
    /// REST's word; GraphQL has it in capitals.
    pub fn word(self) -> &'static str {
        match self {
            DeploymentStatus::Created => "created",
            DeploymentStatus::Running => "running",
            DeploymentStatus::Success => "success",
            DeploymentStatus::Failed => "failed",
            DeploymentStatus::Canceled => "canceled",
            DeploymentStatus::Skipped => "skipped",
            DeploymentStatus::Blocked => "blocked",
        }
    }

    /// Whether GitLab writes a finish time for it.
    pub(super) fn has_finished(self) -> bool {
        matches!(
            self,
            DeploymentStatus::Success | DeploymentStatus::Failed | DeploymentStatus::Canceled
        )
    }

    /// The status that a job gives to its deployment; none changes it where the job waits.
    pub(super) fn of_job(status: PipelineStatus) -> Option<Self> {
        Some(match status {
            PipelineStatus::Running => DeploymentStatus::Running,
            PipelineStatus::Success => DeploymentStatus::Success,
            PipelineStatus::Failed => DeploymentStatus::Failed,
            PipelineStatus::Canceled => DeploymentStatus::Canceled,
            PipelineStatus::Skipped => DeploymentStatus::Skipped,
            _ => return None,
        })
    }
}
