//! How pipelines run: stages follow each other, jobs make the status of their pipeline, and what ends is
//! written into the ledger.

use std::sync::Arc;
use std::time::Duration;

use super::agenda::Step;
use super::composite::composite;
use super::job::{Job, JobKind};
use super::outcome::FailureReason;
use super::pipeline::{Pipeline, Upstream};
use super::plan::{JobPlan, PipelinePlan};
use super::reference::Reference;
use super::status::PipelineStatus;
use crate::simulator::world::clock::later;
use crate::simulator::world::events::Events;
use crate::simulator::world::ledger::{Entry, Subject};

/// Commits that are on no default branch have numbers from here on.
const OTHER_COMMITS: u64 = 1 << 40;
/// How many runners there are to take jobs, numbered from 1.
const RUNNERS: u64 = 3;
/// How long a running job takes to stop when it is canceled.
const CANCELING: Duration = Duration::from_secs(4);

impl Events<'_> {
    /// Creates a pipeline and begins to run it.
    pub(super) fn create(&mut self, plan: &PipelinePlan, upstream: Option<Upstream>) -> u64 {
        let id = self.ids.pipeline();
        let head = Reference::Branch(self.project.default_branch.clone());
        let reference = plan.reference.clone().unwrap_or_else(|| head.clone());
        let commit = match reference == head {
            true => self.project.commits,
            false => OTHER_COMMITS + id,
        };
        let created = |plan: &JobPlan, id| Job::new(id, self.now, Arc::new(plan.clone()));
        let jobs = plan.jobs.iter();
        let jobs = jobs.map(|plan| created(plan, self.ids.job())).collect();
        let status = PipelineStatus::Created;
        let now = self.now;
        let ci = self.ci();
        ci.last_iid += 1;
        ci.deleted.remove(&reference);
        let row = Pipeline {
            id,
            iid: ci.last_iid,
            status,
            source: plan.source.clone(),
            reference,
            name: plan.name.clone(),
            created_at: now,
            started_at: None,
            finished_at: None,
            updated_at: Some(now),
            duration: None,
            upstream,
            jobs,
            retry_after: plan.retried_after,
            commit,
        };
        let numbers: Vec<u64> = row.jobs.iter().map(|job| job.id).collect();
        ci.pipelines.insert(id, row);
        for job in numbers {
            self.prepare_deployment(id, job);
        }
        if let Some(time) = plan.canceled_after {
            self.plan(time, Step::BeginToCancel { pipeline: id });
        }
        if let Some(time) = plan.deleted_after {
            self.plan(time, Step::Delete { pipeline: id });
        }
        match plan.rests {
            Some(status) => self.set_status(id, status),
            None if plan.jobs.is_empty() => {}
            None => self.proceed(id),
        }
        if plan.without_updated_at {
            self.pipeline(id).updated_at = None;
        }
        id
    }

    /// Creates the pipeline that a bridge of another project starts.
    pub(in crate::simulator::world) fn start_downstream(
        &mut self,
        plan: &PipelinePlan,
        upstream: Upstream,
    ) -> u64 {
        self.create(plan, Some(upstream))
    }

    /// Starts the jobs whose stage has come, and gives the pipeline the status that its jobs make.
    pub(super) fn proceed(&mut self, id: u64) {
        while let Some((job, ready)) = next_job(self.pipeline(id)) {
            match ready {
                Ready::Run => self.enqueue(id, job),
                Ready::Wait => self.job(id, job).status = PipelineStatus::Manual,
                Ready::Skip => self.job(id, job).status = PipelineStatus::Skipped,
            }
        }
        self.follow_jobs(id);
        if let Some(status) = composite(self.pipeline(id).jobs.iter()) {
            self.set_status(id, status);
        }
    }

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

    fn pipeline_ended(&mut self, id: u64) {
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

    /// Makes a job wait for a runner; a bridge starts its pipeline at once.
    pub(super) fn enqueue(&mut self, pipeline: u64, job: u64) {
        let now = self.now;
        let row = self.job(pipeline, job);
        row.status = PipelineStatus::Pending;
        row.queued_at = Some(now);
        let plan = Arc::clone(&row.plan);
        if row.kind == JobKind::Bridge {
            row.status = PipelineStatus::Running;
            row.started_at = Some(now);
            self.trigger(pipeline, job, &plan);
        } else if plan.takes.is_some() {
            self.plan(plan.waits, Step::Begin { pipeline, job });
        }
    }

    fn trigger(&mut self, pipeline: u64, job: u64, plan: &JobPlan) {
        let Some(trigger) = &plan.triggers else {
            return;
        };
        let project = self.project.id;
        let upstream = Upstream {
            project,
            pipeline,
            job,
        };
        let plan = Arc::clone(&trigger.plan);
        match &trigger.project {
            None => {
                let started = self.create(&plan, Some(upstream));
                self.note_downstream(upstream, Some((project, started)));
            }
            Some(path) => {
                let path = path.clone();
                let step = Step::Trigger {
                    path,
                    plan,
                    upstream,
                };
                self.agenda.add(self.now, project, step);
            }
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

    /// A runner takes a job, if it waits for one.
    pub(super) fn begin(&mut self, pipeline: u64, job: u64) {
        let now = self.now;
        let row = self.job(pipeline, job);
        if row.status != PipelineStatus::Pending {
            return;
        }
        row.status = PipelineStatus::Running;
        row.started_at = Some(now);
        row.runner = Some(1 + job % RUNNERS);
        if let Some(time) = row.plan.takes {
            self.plan(time, Step::End { pipeline, job });
        }
        self.proceed(pipeline);
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

    fn job_ended(
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

    pub(super) fn job(&mut self, pipeline: u64, job: u64) -> &mut Job {
        let mut jobs = self.pipeline(pipeline).jobs.iter_mut();
        let found = jobs.find(|row| row.id == job);
        found.unwrap_or_else(|| panic!("pipeline {pipeline} has no job {job}"))
    }

    fn plan(&mut self, time: Duration, step: Step) {
        let when = later(self.now, time);
        self.agenda.add(when, self.project.id, step);
    }
}

impl Job {
    fn new(id: u64, now: jiff::Timestamp, plan: Arc<JobPlan>) -> Self {
        Job {
            id,
            name: plan.name.clone(),
            stage: plan.stage.clone(),
            status: PipelineStatus::Created,
            kind: match plan.triggers {
                Some(_) => JobKind::Bridge,
                None => JobKind::Build,
            },
            retried: false,
            allow_failure: plan.allow_failure,
            tags: plan.tags.clone(),
            runner: None,
            created_at: now,
            queued_at: None,
            started_at: None,
            finished_at: None,
            coverage: None,
            tests: None,
            artifacts: Vec::new(),
            failure_reason: None,
            exit_code: None,
            downstream: None,
            deployment: None,
            plan,
        }
    }
}

/// What becomes of a created job whose stage has come.
enum Ready {
    Run,
    /// It is manual.
    Wait,
    Skip,
}

/// The first created job that does not wait for the stages before its own.
fn next_job(row: &Pipeline) -> Option<(u64, Ready)> {
    let mut stages: Vec<&str> = Vec::new();
    for job in &row.jobs {
        if !stages.contains(&job.stage.as_str()) {
            stages.push(&job.stage);
        }
    }
    let position = |job: &Job| stages.iter().position(|stage| *stage == job.stage);
    for job in row.latest() {
        if job.status != PipelineStatus::Created {
            continue;
        }
        let before = row
            .jobs
            .iter()
            .filter(|other| position(other) < position(job));
        let ready = match composite(before) {
            None | Some(PipelineStatus::Success | PipelineStatus::Skipped) if job.plan.manual => {
                Ready::Wait
            }
            None | Some(PipelineStatus::Success | PipelineStatus::Skipped) => Ready::Run,
            Some(PipelineStatus::Failed | PipelineStatus::Canceled) => Ready::Skip,
            Some(_) => continue,
        };
        return Some((job.id, ready));
    }
    None
}
