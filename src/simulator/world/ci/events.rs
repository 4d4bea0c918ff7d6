//! What happens to pipelines and jobs, in the words of their users.

use super::Ci;
use super::agenda::{Deed, Step};
use super::job::Job;
use super::outcome::{FailureReason, TestReport};
use super::pipeline::{Pipeline, Upstream};
use super::plan::{PipelinePlan, child_plan};
use super::reference::Reference;
use super::status::PipelineStatus;
use crate::simulator::world::events::Events;
use crate::simulator::world::issuables::IssuableState;
use crate::simulator::world::issues::IssueKind;

/// Pipelines and jobs. None of it is activity. All panic where there is no such pipeline or job.
impl Events<'_> {
    /// A pipeline is created, and runs as planned while time passes. Returns its id.
    ///
    /// Jobs of which it is not said how long they take wait for `start_job` and `finish_job`.
    pub fn run_pipeline(
        &mut self,
        plan: impl FnOnce(&mut PipelinePlan) -> &mut PipelinePlan,
    ) -> u64 {
        let mut planned = PipelinePlan::new();
        plan(&mut planned);
        self.create(&planned, None)
    }

    /// A pipeline is created that runs nothing, because the commit asks for that.
    pub fn skip_pipeline(&mut self) -> u64 {
        self.run_pipeline(|plan| plan.rests(PipelineStatus::Skipped))
    }

    /// A pipeline starts another one in the same project, without a job that would wait for it.
    pub fn child_pipeline(
        &mut self,
        parent: u64,
        plan: impl FnOnce(&mut PipelinePlan) -> &mut PipelinePlan,
    ) -> u64 {
        let upstream = Upstream {
            project: self.project.id,
            pipeline: parent,
            job: 0,
        };
        self.create(&child_plan(plan), Some(upstream))
    }

    /// A runner takes a pending job.
    pub fn start_job(&mut self, pipeline: u64, name: &str) -> &mut Self {
        let job = self.latest_job(pipeline, name).id;
        self.begin(pipeline, job);
        self
    }

    /// A job succeeds; it is started first where it was not.
    pub fn finish_job(&mut self, pipeline: u64, name: &str) -> &mut Self {
        self.end_by_hand(pipeline, name, PipelineStatus::Success, None)
    }

    /// A job fails; it is started first where it was not.
    pub fn fail_job(&mut self, pipeline: u64, name: &str, reason: FailureReason) -> &mut Self {
        self.end_by_hand(pipeline, name, PipelineStatus::Failed, Some(reason))
    }

    /// Somebody starts a manual job.
    pub fn play_job(&mut self, pipeline: u64, name: &str) -> &mut Self {
        let job = self.latest_job(pipeline, name).id;
        self.enqueue(pipeline, job);
        self.proceed(pipeline);
        self
    }

    /// Somebody runs a job again that has ended. Returns the id of the new attempt, which runs as the
    /// old one was planned to, and succeeds.
    pub fn retry_job(&mut self, pipeline: u64, name: &str) -> u64 {
        let job = self.latest_job(pipeline, name).id;
        let attempt = self.attempt_again(pipeline, job);
        self.proceed(pipeline);
        attempt
    }

    /// Somebody runs all jobs again that failed or were canceled.
    pub fn retry(&mut self, pipeline: u64) -> &mut Self {
        self.retry_failed(pipeline);
        self
    }

    /// Somebody cancels what has not ended.
    pub fn cancel(&mut self, pipeline: u64) -> &mut Self {
        self.cancel_pipeline(pipeline);
        self
    }

    /// Somebody cancels what has not ended; running jobs are `canceling` for a moment, as newer versions
    /// have it.
    pub fn begin_to_cancel(&mut self, pipeline: u64) -> &mut Self {
        self.stop_running_jobs(pipeline);
        self
    }

    /// The row changes and nothing else does, as when its name is edited.
    pub fn touch_pipeline(&mut self, pipeline: u64) -> &mut Self {
        let now = self.now;
        self.pipeline(pipeline).updated_at = Some(now);
        self
    }

    /// A pipeline goes on to a status by itself.
    pub fn set_pipeline(&mut self, pipeline: u64, status: PipelineStatus) -> &mut Self {
        self.pipeline(pipeline);
        self.set_status(pipeline, status);
        self
    }

    /// The coverage of a job becomes known. The row of the pipeline does not change.
    pub fn find_coverage(&mut self, pipeline: u64, name: &str, per_cent: f64) -> &mut Self {
        self.latest_job(pipeline, name).coverage = Some(per_cent);
        self
    }

    /// The test reports of a job become known. The row of the pipeline does not change.
    pub fn find_tests(&mut self, pipeline: u64, name: &str, report: TestReport) -> &mut Self {
        self.latest_job(pipeline, name).tests = Some(report);
        self
    }

    /// A pipeline and its jobs are deleted.
    pub fn delete_pipeline(&mut self, pipeline: u64) -> &mut Self {
        self.pipeline(pipeline);
        self.ci().pipelines.remove(&pipeline);
        self
    }

    /// A branch is deleted. Its pipelines stay.
    pub fn delete_branch(&mut self, name: &str) -> &mut Self {
        let branch = Reference::Branch(name.to_owned());
        self.ci().deleted.insert(branch);
        self
    }

    /// A tag is deleted. Its pipelines stay.
    pub fn delete_tag(&mut self, name: &str) -> &mut Self {
        let tag = Reference::Tag(name.to_owned());
        self.ci().deleted.insert(tag);
        self
    }

    /// A pipeline without jobs is created.
    pub fn create_pipeline(&mut self, status: PipelineStatus) -> &mut Self {
        self.run_pipeline(|plan| plan.rests(status));
        self
    }

    /// A pipeline goes on to another status: the one that changed the longest ago, or else one of the
    /// far past. Panics when none has the first.
    pub fn change_pipeline(&mut self, from: PipelineStatus, to: PipelineStatus) -> &mut Self {
        let rows = self.ci().pipelines.values();
        let rows = rows.filter(|row| row.status == from);
        let oldest = rows.min_by_key(|row| row.updated_at).map(|row| row.id);
        if let Some(past) = self.project.pipelines.of(from).filter(|count| **count > 0) {
            *past -= 1;
            let id = self.run_pipeline(|plan| plan.rests(from));
            self.set_status(id, to);
        } else {
            let id = oldest.unwrap_or_else(|| panic!("no pipeline is {from:?}"));
            self.set_status(id, to);
        }
        self
    }

    fn let_people(&mut self, deed: Deed) {
        let incident = |state: IssuableState| {
            let rows = self.project.touched_issues().iter();
            let mut rows = rows.filter(|row| row.kind == IssueKind::Incident);
            rows.find(|row| row.state == state).map(|row| row.iid)
        };
        let (open, closed) = (
            incident(IssuableState::Opened),
            incident(IssuableState::Closed),
        );
        match (deed, open, closed) {
            (Deed::OpenMergeRequest, ..) => {
                self.open_merge_request();
            }
            (Deed::MergeMergeRequest, ..) if self.project.merge_requests.opened > 0 => {
                self.merge_merge_request();
            }
            (Deed::OpenIncident, ..) => {
                self.open_incident();
            }
            (Deed::CloseIncident, Some(iid), _) => {
                self.close_numbered_issue(iid);
            }
            (Deed::ReopenIncident, _, Some(iid)) => {
                self.reopen_numbered_issue(iid);
            }
            _ => {}
        }
    }

    fn end_by_hand(
        &mut self,
        pipeline: u64,
        name: &str,
        status: PipelineStatus,
        reason: Option<FailureReason>,
    ) -> &mut Self {
        let job = self.latest_job(pipeline, name).id;
        self.begin(pipeline, job);
        self.end(pipeline, job, status, reason);
        self
    }

    pub(super) fn latest_job(&mut self, pipeline: u64, name: &str) -> &mut Job {
        let jobs = self.pipeline(pipeline).jobs.iter_mut();
        let mut latest = jobs.filter(|job| !job.retried);
        let found = latest.find(|job| job.name == name);
        found.unwrap_or_else(|| panic!("pipeline {pipeline} has no job {name}"))
    }

    pub(super) fn pipeline(&mut self, id: u64) -> &mut Pipeline {
        let found = self.ci().pipelines.get_mut(&id);
        found.unwrap_or_else(|| panic!("there is no pipeline {id}"))
    }

    pub(super) fn ci(&mut self) -> &mut Ci {
        self.project.ci.get_or_insert_default()
    }

    /// Carries out a step of the agenda, if there is still something to do.
    pub(in crate::simulator::world) fn carry_out(&mut self, step: Step) {
        let about = |ci: &Option<Box<Ci>>, id: u64| {
            let rows = ci.as_ref().map(|ci| &ci.pipelines);
            rows.is_some_and(|rows| rows.contains_key(&id))
        };
        let known = about(&self.project.ci, step.pipeline().unwrap_or_default());
        match step {
            Step::Create(plan) => {
                self.create(&plan, None);
            }
            Step::DeleteReference(reference) => {
                self.ci().deleted.insert(reference);
            }
            Step::Deploy {
                environment,
                status,
            } => {
                self.deploy(&environment, status);
            }
            Step::People(deed) => self.let_people(deed),
            _ if !known => {}
            Step::Triggered { upstream, started } => self.note_downstream(upstream, started),
            Step::BridgeEnds { upstream, status } => self.end_bridge(upstream, status),
            Step::Begin { pipeline, job } => self.begin(pipeline, job),
            Step::End { pipeline, job } => self.end_as_planned(pipeline, job),
            Step::Settle { pipeline, job } => self.settle(pipeline, job),
            Step::Retry { pipeline } => self.retry_failed(pipeline),
            Step::Cancel { pipeline } => self.cancel_pipeline(pipeline),
            Step::BeginToCancel { pipeline } => {
                self.begin_to_cancel(pipeline);
            }
            Step::Delete { pipeline } => {
                self.ci().pipelines.remove(&pipeline);
            }
            // The world does this: it knows the other project.
            Step::Trigger { .. } => {}
        }
    }
}

impl Step {
    /// The pipeline of this project that the step is about.
    fn pipeline(&self) -> Option<u64> {
        match self {
            Step::Create(_) | Step::DeleteReference(_) | Step::Deploy { .. } | Step::People(_) => {
                None
            }
            Step::Trigger { upstream, .. }
            | Step::Triggered { upstream, .. }
            | Step::BridgeEnds { upstream, .. } => Some(upstream.pipeline),
            Step::Begin { pipeline, .. }
            | Step::End { pipeline, .. }
            | Step::Settle { pipeline, .. }
            | Step::Retry { pipeline }
            | Step::Cancel { pipeline }
            | Step::BeginToCancel { pipeline }
            | Step::Delete { pipeline } => Some(*pipeline),
        }
    }
}
