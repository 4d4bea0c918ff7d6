//! The statuses that GitLab has for pipelines and jobs alike.

use crate::simulator::world::version::Version;

/// The status of a pipeline or a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PipelineStatus {
    Created,
    WaitingForResource,
    /// New after 16.0.
    WaitingForCallback,
    Preparing,
    /// Waiting for a runner.
    Pending,
    Running,
    Success,
    Failed,
    /// New after 16.0.
    Canceling,
    Canceled,
    Skipped,
    /// At rest until somebody plays it.
    Manual,
    Scheduled,
}

use PipelineStatus as Status;

/// All of them, in GitLab's order.
const ALL: [Status; 13] = [
    Status::Created,
    Status::WaitingForResource,
    Status::Preparing,
    Status::WaitingForCallback,
    Status::Pending,
    Status::Running,
    Status::Failed,
    Status::Success,
    Status::Canceling,
    Status::Canceled,
    Status::Skipped,
    Status::Manual,
    Status::Scheduled,
];

impl PipelineStatus {
    /// GraphQL's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Created => "CREATED",
            Status::WaitingForResource => "WAITING_FOR_RESOURCE",
            Status::WaitingForCallback => "WAITING_FOR_CALLBACK",
            Status::Preparing => "PREPARING",
            Status::Pending => "PENDING",
            Status::Running => "RUNNING",
            Status::Success => "SUCCESS",
            Status::Failed => "FAILED",
            Status::Canceling => "CANCELING",
            Status::Canceled => "CANCELED",
            Status::Skipped => "SKIPPED",
            Status::Manual => "MANUAL",
            Status::Scheduled => "SCHEDULED",
        }
    }

    /// REST's word, and the ledger's.
    pub fn rest_word(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::WaitingForResource => "waiting_for_resource",
            Status::WaitingForCallback => "waiting_for_callback",
            Status::Preparing => "preparing",
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Canceling => "canceling",
            Status::Canceled => "canceled",
            Status::Skipped => "skipped",
            Status::Manual => "manual",
            Status::Scheduled => "scheduled",
        }
    }

    /// GraphQL's word in a version.
    pub(crate) fn word_in(self, version: Version) -> &'static str {
        self.in_version(version).word()
    }

    /// REST's word in a version.
    pub(crate) fn rest_word_in(self, version: Version) -> &'static str {
        self.in_version(version).rest_word()
    }

    /// Old versions know two of the statuses as running.
    fn in_version(self, version: Version) -> Self {
        match self {
            Status::Canceling | Status::WaitingForCallback if version < Version::V18_4 => {
                Status::Running
            }
            status => status,
        }
    }

    /// The status of GraphQL's word or of REST's.
    pub fn parse(word: &str) -> Option<Self> {
        let is = |status: &Status| word == status.word() || word == status.rest_word();
        ALL.into_iter().find(is)
    }

    /// Whether something is going to happen by itself.
    pub(crate) fn is_active(self) -> bool {
        !self.has_ended() && !matches!(self, Status::Manual | Status::Scheduled)
    }

    /// Whether it has run to an end: such a thing has a finish time, which `skipped` has not.
    pub(crate) fn has_finished(self) -> bool {
        matches!(self, Status::Success | Status::Failed | Status::Canceled)
    }

    /// Whether nothing more happens by itself. `manual` and `scheduled` rest, and have not ended.
    pub(crate) fn has_ended(self) -> bool {
        self.has_finished() || self == Status::Skipped
    }
}
