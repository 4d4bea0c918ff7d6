//! How pipelines begin and run: stages follow each other, and jobs make the status of their pipeline.

use std::sync::Arc;
use std::time::Duration;

use super::agenda::Step;
use super::composite::composite;
use super::job::{Job, JobKind};
use super::pipeline::{Pipeline, Upstream};
use super::plan::{JobPlan, PipelinePlan};
use super::reference::Reference;
use super::status::PipelineStatus;
use crate::simulator::world::clock::later;
use crate::simulator::world::events::Events;

/// Commits that are on no default branch have numbers from here on.
const OTHER_COMMITS: u64 = 1 << 40;
/// How many runners there are to take jobs, numbered from 1.
const RUNNERS: u64 = 3;

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

    pub(super) fn trigger(&mut self, pipeline: u64, job: u64, plan: &JobPlan) {
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

    pub(super) fn job(&mut self, pipeline: u64, job: u64) -> &mut Job {
        let mut jobs = self.pipeline(pipeline).jobs.iter_mut();
        let found = jobs.find(|row| row.id == job);
        found.unwrap_or_else(|| panic!("pipeline {pipeline} has no job {job}"))
    }

    pub(super) fn plan(&mut self, time: Duration, step: Step) {
        let when = later(self.now, time);
        self.agenda.add(when, self.project.id, step);
    }
}

impl Job {
    pub(super) fn new(id: u64, now: jiff::Timestamp, plan: Arc<JobPlan>) -> Self {
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
