//! The statuses that GitLab has for pipelines and jobs alike, and how jobs make a pipeline's.

use super::job::Job;

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

    pub(crate) fn parse(word: &str) -> Option<Self> {
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

/// What a job counts as towards the status of its stage and its pipeline.
fn weighed(job: &Job) -> Weight {
    match job.status {
        Status::Failed | Status::Canceled if job.allow_failure => Weight::Warning,
        Status::Manual if job.allow_failure => Weight::Ignored,
        status => Weight::Is(status),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Is(Status),
    /// It failed and was allowed to.
    Warning,
    /// It waits for somebody, and nothing waits for it.
    Ignored,
}

/// The status that jobs make together, as `Gitlab::Ci::Status::Composite` has it; `None` without jobs.
pub(super) fn composite<'j>(jobs: impl Iterator<Item = &'j Job>) -> Option<Status> {
    let weights: Vec<Weight> = jobs.filter(|job| !job.retried).map(weighed).collect();
    let only = |allowed: &[Status]| {
        weights.iter().all(|weight| match weight {
            Weight::Is(status) => allowed.contains(status),
            Weight::Warning | Weight::Ignored => true,
        })
    };
    let any = |wanted: Status| weights.contains(&Weight::Is(wanted));
    let no_warning = !weights.contains(&Weight::Warning);
    Some(match () {
        () if weights.is_empty() => return None,
        () if only(&[Status::Skipped]) && no_warning => Status::Skipped,
        () if only(&[Status::Success, Status::Skipped]) => Status::Success,
        () if only(&[Status::Created]) => Status::Created,
        () if only(&[Status::Preparing]) => Status::Preparing,
        () if any(Status::Canceling) => Status::Canceling,
        () if only(&[Status::Canceled, Status::Success, Status::Skipped]) => Status::Canceled,
        () if only(&[Status::Pending, Status::Created, Status::Skipped]) => Status::Pending,
        () if any(Status::Running) || any(Status::Pending) => Status::Running,
        () if any(Status::WaitingForResource) => Status::WaitingForResource,
        () if any(Status::WaitingForCallback) => Status::WaitingForCallback,
        () if any(Status::Manual) => Status::Manual,
        () if any(Status::Scheduled) => Status::Scheduled,
        () if any(Status::Preparing) => Status::Preparing,
        () if any(Status::Created) => Status::Running,
        () => Status::Failed,
    })
}
