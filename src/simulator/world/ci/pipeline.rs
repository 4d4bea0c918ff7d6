//! Pipelines: rows with their jobs.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use super::job::{Job, JobKind};
use super::outcome::TestReport;
use super::reference::{CHILD, Reference, sha_of};
use super::status::PipelineStatus;
use crate::simulator::world::clock::between;

#[derive(Clone, Debug)]
pub struct Pipeline {
    pub id: u64,
    pub iid: u64,
    pub status: PipelineStatus,
    /// GitLab's word, such as `push`.
    pub source: Cow<'static, str>,
    pub reference: Reference,
    pub name: Option<String>,
    pub created_at: Timestamp,
    /// Kept from the first start when the pipeline is retried.
    pub started_at: Option<Timestamp>,
    /// Kept from the last end while it runs again.
    pub finished_at: Option<Timestamp>,
    /// Moves when the row changes, and not when a job does. Some external pipelines have none.
    pub updated_at: Option<Timestamp>,
    /// How long jobs ran, without the gaps between them.
    pub duration: Option<Duration>,
    /// What started it: a bridge of another pipeline.
    pub upstream: Option<Upstream>,
    /// All attempts, in the order of their ids.
    pub jobs: Vec<Job>,
    /// When somebody retries it after its first end.
    pub(super) retry_after: Option<Duration>,
    /// The number of its commit, from which its SHA is made.
    pub(crate) commit: u64,
}

/// A bridge that started a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub project: u64,
    pub pipeline: u64,
    pub job: u64,
}

impl Pipeline {
    /// From the creation to the first start.
    pub fn queued(&self) -> Option<Duration> {
        Some(between(self.created_at, self.started_at?))
    }

    /// The SHA of its commit.
    pub(crate) fn sha(&self, project: u64) -> String {
        sha_of(project, self.commit)
    }

    pub fn is_child(&self) -> bool {
        self.source == CHILD
    }

    /// The attempts that no newer one has replaced.
    pub(crate) fn latest(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| !job.retried)
    }

    pub fn failed_jobs(&self) -> u64 {
        let failed = |job: &&Job| job.status == PipelineStatus::Failed;
        self.latest().filter(failed).count() as u64
    }

    /// The mean over the latest jobs that have one, as GitLab computes it live.
    pub fn coverage(&self) -> Option<f64> {
        let known: Vec<f64> = self.latest().filter_map(|job| job.coverage).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    /// The latest builds that have left a report.
    pub(crate) fn reports(&self) -> impl Iterator<Item = (&Job, &TestReport)> {
        self.latest()
            .filter_map(|job| Some((job, job.tests.as_ref()?)))
    }

    pub fn tests(&self) -> TestReport {
        self.reports()
            .fold(TestReport::default(), |sum, (_, one)| sum.plus(one))
    }

    pub(crate) fn bridges(&self) -> impl DoubleEndedIterator<Item = &Job> {
        let jobs = self.jobs.iter();
        jobs.filter(|job| job.kind == JobKind::Bridge)
    }

    /// How long its latest jobs ran, each moment counted once.
    pub(super) fn active_time(&self) -> Duration {
        let ran = |job: &Job| Some((job.started_at?, job.finished_at?));
        let mut spans: Vec<_> = self.latest().filter_map(ran).collect();
        spans.sort_unstable();
        let mut active = Duration::ZERO;
        let mut until = Timestamp::MIN;
        for (start, end) in spans {
            active += between(start.max(until), end);
            until = until.max(end);
        }
        active
    }
}
