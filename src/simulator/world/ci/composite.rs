//! How jobs make the status of their stage and their pipeline.

use super::job::Job;
use super::status::PipelineStatus as Status;

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
