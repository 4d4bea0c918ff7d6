//! Jobs that somebody cancels or runs again.

use std::sync::Arc;
use std::time::Duration;

use super::agenda::Step;
use super::job::{Job, JobKind};
use super::status::PipelineStatus;
use crate::simulator::world::events::Events;

/// How long a running job takes to stop when it is canceled.
const CANCELING: Duration = Duration::from_secs(4);

impl Events<'_> {
    pub(super) fn retry_failed(&mut self, pipeline: u64) {
        let again = |job: &&Job| {
            matches!(
                job.status,
                PipelineStatus::Failed | PipelineStatus::Canceled
            )
        };
        let row = self.pipeline(pipeline);
        let jobs: Vec<u64> = row.latest().filter(again).map(|job| job.id).collect();
        for job in jobs {
            self.attempt_again(pipeline, job);
        }
        self.proceed(pipeline);
    }

    /// Puts a new attempt, which will succeed, in the place of one that has ended.
    pub(super) fn attempt_again(&mut self, pipeline: u64, job: u64) -> u64 {
        let (now, id) = (self.now, self.ids.job());
        let old = self.job(pipeline, job);
        assert!(old.status.has_ended(), "job {job} has not ended");
        old.retried = true;
        let mut plan = (*old.plan).clone();
        plan.fails = None;
        let attempt = Job::new(id, now, Arc::new(plan));
        let row = self.pipeline(pipeline);
        row.jobs.push(attempt);
        // What was skipped because of the old attempt gets its chance.
        for job in row.jobs.iter_mut().filter(|job| !job.retried) {
            if job.status == PipelineStatus::Skipped {
                job.status = PipelineStatus::Created;
            }
        }
        self.prepare_deployment(pipeline, id);
        id
    }

    /// Tells the running jobs to stop. They have stopped after a while.
    pub(super) fn stop_running_jobs(&mut self, pipeline: u64) {
        let mut stopping = false;
        for job in &mut self.pipeline(pipeline).jobs {
            if job.status == PipelineStatus::Running && job.kind == JobKind::Build {
                job.status = PipelineStatus::Canceling;
                stopping = true;
            }
        }
        match stopping {
            true => {
                self.plan(CANCELING, Step::Cancel { pipeline });
                self.proceed(pipeline);
            }
            false => self.cancel_pipeline(pipeline),
        }
    }

    pub(super) fn cancel_pipeline(&mut self, pipeline: u64) {
        let open = |job: &&Job| !job.status.has_ended() && job.status != PipelineStatus::Manual;
        let row = self.pipeline(pipeline);
        let jobs: Vec<u64> = row.latest().filter(open).map(|job| job.id).collect();
        let children = row.latest().filter(open).filter_map(|job| job.downstream);
        let children: Vec<(u64, u64)> = children.collect();
        for &job in &jobs {
            self.job_ended(pipeline, job, PipelineStatus::Canceled, None);
        }
        if jobs.is_empty() && !self.pipeline(pipeline).status.has_ended() {
            self.set_status(pipeline, PipelineStatus::Canceled);
        }
        for (project, child) in children {
            self.agenda
                .add(self.now, project, Step::Cancel { pipeline: child });
        }
        self.proceed(pipeline);
    }
}
