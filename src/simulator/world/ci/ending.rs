//! How jobs and pipelines end, and what of that is written into the ledger.

use super::agenda::Step;
use super::job::{Job, JobKind};
use super::outcome::FailureReason;
use super::pipeline::Upstream;
use super::status::PipelineStatus;
use crate::simulator::world::events::Events;
use crate::simulator::world::ledger::{Entry, Subject};

impl Events<'_> {
    /// Changes the row of a pipeline, unless it is in that status already.
    pub(super) fn set_status(&mut self, id: u64, status: PipelineStatus) {
        let now = self.now;
        let row = self.pipeline(id);
        if row.status == status {
            return;
        }
        row.status = status;
        row.updated_at = Some(now);
        if status == PipelineStatus::Running || status.has_finished() && row.jobs.is_empty() {
            row.started_at.get_or_insert(now);
        }
        if status.has_finished() {
            row.finished_at = Some(now);
            row.duration = Some(row.active_time());
        }
        if status.has_ended() {
            self.pipeline_ended(id);
        }
    }

    pub(super) fn pipeline_ended(&mut self, id: u64) {
        let (now, project) = (self.now, self.project.id);
        let row = self.pipeline(id);
        let (status, upstream, retry) = (row.status, row.upstream, row.retry_after);
        let mut entry = Entry::new(Subject::Pipeline, project, id, status.rest_word(), now)
            .with("ref", row.reference.name())
            .with("ref_path", row.reference.path())
            .with("source", row.source.clone());
        if row.is_child() {
            entry = entry.with("child", "true");
        }
        if status.has_finished() {
            entry = entry.took(row.queued(), row.duration);
        }
        if row.failed_jobs() > 0
            && let Some(time) = retry
        {
            row.retry_after = None;
            self.plan(time, Step::Retry { pipeline: id });
        }
        self.ledger.write(entry);
        if let Some(upstream) = upstream {
            let step = Step::BridgeEnds { upstream, status };
            match upstream.project == project {
                true => self.carry_out(step),
                false => self.agenda.add(now, upstream.project, step),
            }
        }
        if let Some(forgotten) = self.ci().forget()
            && let Some(count) = self.project.pipelines.of(forgotten)
        {
            *count += 1;
        }
    }

    /// A bridge learns which pipeline it has started. One that does not wait has succeeded by that.
    pub(super) fn note_downstream(&mut self, upstream: Upstream, started: Option<(u64, u64)>) {
        let Upstream { pipeline, job, .. } = upstream;
        let row = self.job(pipeline, job);
        row.downstream = started;
        if started.is_none() {
            let reason = FailureReason::DownstreamPipelineCreationFailed;
            return self.end(pipeline, job, PipelineStatus::Failed, Some(reason));
        }
        let waits = row.plan.triggers.as_ref();
        if waits.is_some_and(|trigger| !trigger.waits_for_it) {
            self.end(pipeline, job, PipelineStatus::Success, None);
        }
    }

    /// A bridge ends as the pipeline did that it waits for.
    pub(super) fn end_bridge(&mut self, upstream: Upstream, status: PipelineStatus) {
        let jobs = &self.pipeline(upstream.pipeline).jobs;
        let bridge = jobs.iter().find(|job| job.id == upstream.job);
        let waits = |job: &&Job| {
            let trigger = job.plan.triggers.as_ref();
            trigger.is_some_and(|trigger| trigger.waits_for_it)
        };
        if bridge.filter(waits).is_some() {
            let status = match status {
                PipelineStatus::Skipped => PipelineStatus::Success,
                status => status,
            };
            let failed = status == PipelineStatus::Failed;
            let reason = failed.then_some(FailureReason::UnknownFailure);
            self.end(upstream.pipeline, upstream.job, status, reason);
        }
    }

    pub(super) fn end_as_planned(&mut self, pipeline: u64, job: u64) {
        let reason = self.job(pipeline, job).plan.fails;
        let status = reason.map_or(PipelineStatus::Success, |_| PipelineStatus::Failed);
        self.end(pipeline, job, status, reason);
    }

    /// A job that runs ends, and the pipeline goes on.
    pub(super) fn end(
        &mut self,
        pipeline: u64,
        job: u64,
        status: PipelineStatus,
        reason: Option<FailureReason>,
    ) {
        if self.job(pipeline, job).status != PipelineStatus::Running {
            return;
        }
        self.job_ended(pipeline, job, status, reason);
        let late = self.job(pipeline, job).plan.late;
        match late.is_zero() {
            true => self.settle(pipeline, job),
            false => self.plan(late, Step::Settle { pipeline, job }),
        }
        self.proceed(pipeline);
    }

    pub(super) fn job_ended(
        &mut self,
        pipeline: u64,
        job: u64,
        status: PipelineStatus,
        reason: Option<FailureReason>,
    ) {
        let (now, project) = (self.now, self.project.id);
        let row = self.job(pipeline, job);
        row.status = status;
        row.finished_at = Some(now);
        row.failure_reason = reason;
        row.exit_code = match (row.kind, reason) {
            (JobKind::Build, None) if status == PipelineStatus::Success => Some(0),
            (_, Some(FailureReason::ScriptFailure)) => Some(1),
            _ => None,
        };
        let mut entry = Entry::new(Subject::Job, project, job, status.rest_word(), now)
            .took(row.queued(), row.duration())
            .with("name", row.name.clone())
            .with("stage", row.stage.clone())
            .with("kind", row.kind.word().to_lowercase())
            .with("pipeline", pipeline.to_string());
        if let Some(reason) = reason {
            entry = entry.with("failure_reason", reason.word());
        }
        let row = self.pipeline(pipeline);
        entry = entry
            .with("ref", row.reference.name())
            .with("ref_path", row.reference.path())
            .with("source", row.source.clone());
        if row.is_child() {
            entry = entry.with("child", "true");
        }
        self.ledger.write(entry);
    }

    /// Stores what is read from a job after its finish. The row of the pipeline does not change.
    pub(super) fn settle(&mut self, pipeline: u64, job: u64) {
        let row = self.job(pipeline, job);
        row.coverage = row.plan.coverage.or(row.coverage);
        row.tests = row.plan.tests.or(row.tests);
        if row.artifacts.is_empty() {
            row.artifacts.clone_from(&row.plan.artifacts);
        }
    }
}
