//! Jobs: each attempt is a row of its own.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::outcome::{Artifact, FailureReason, TestReport};
use super::plan::JobPlan;
use super::status::PipelineStatus;
use crate::simulator::world::clock::between;

/// One attempt of a job.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: u64,
    pub name: String,
    pub stage: String,
    pub status: PipelineStatus,
    pub kind: JobKind,
    /// Whether a newer attempt has taken its place.
    pub retried: bool,
    pub allow_failure: bool,
    pub tags: Vec<String>,
    /// The id of the runner that took it.
    pub runner: Option<u64>,
    pub created_at: Timestamp,
    pub queued_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// In per cent. Parsed from the log some time after the finish.
    pub coverage: Option<f64>,
    /// Stored some time after the finish.
    pub tests: Option<TestReport>,
    pub artifacts: Vec<Artifact>,
    pub failure_reason: Option<FailureReason>,
    pub exit_code: Option<u64>,
    /// The project and the id of the pipeline that a bridge started.
    pub downstream: Option<(u64, u64)>,
    /// The deployment that it makes.
    pub(crate) deployment: Option<u64>,
    pub(crate) plan: Arc<JobPlan>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    Build,
    /// A trigger job, which starts another pipeline.
    Bridge,
}

impl JobKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            JobKind::Build => "BUILD",
            JobKind::Bridge => "BRIDGE",
        }
    }
}

impl Job {
    pub(crate) fn is_manual(&self) -> bool {
        self.plan.manual
    }

    /// How long it ran, if it has ended.
    pub fn duration(&self) -> Option<Duration> {
        Some(between(self.started_at?, self.finished_at?))
    }

    /// How long it waited for a runner.
    pub fn queued(&self) -> Option<Duration> {
        Some(between(self.queued_at?, self.started_at?))
    }

    /// How long it waited for a runner, or has waited until now.
    pub fn queued_until(&self, now: Timestamp) -> Option<Duration> {
        Some(between(self.queued_at?, self.started_at.unwrap_or(now)))
    }
}
