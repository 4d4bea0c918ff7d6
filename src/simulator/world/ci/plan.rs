//! How a pipeline is to run, said before it does: `|p| p.on("main").job("build", "test").takes(thirty_seconds)`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::{Artifact, FailureReason, TestReport};
use super::reference::{CHILD, Reference};
use super::status::PipelineStatus;
use crate::simulator::world::environments::Tier;

/// A pipeline to be created. What is said after `job` is about that job.
#[derive(Clone, Debug)]
pub struct PipelinePlan {
    pub(super) reference: Option<Reference>,
    pub(super) source: Cow<'static, str>,
    pub(super) name: Option<String>,
    pub(super) jobs: Vec<JobPlan>,
    /// The status it is created in and rests in.
    pub(super) rests: Option<PipelineStatus>,
    pub(super) canceled_after: Option<Duration>,
    pub(super) retried_after: Option<Duration>,
    pub(super) deleted_after: Option<Duration>,
    pub(super) without_updated_at: bool,
}

/// A job to be run.
#[derive(Clone, Debug)]
pub(crate) struct JobPlan {
    pub(super) name: String,
    pub(super) stage: String,
    pub(super) tags: Vec<String>,
    /// How long it waits for a runner, and how long it runs; by hand where nothing is said.
    pub(super) waits: Duration,
    pub(super) takes: Option<Duration>,
    pub(super) fails: Option<FailureReason>,
    pub(super) allow_failure: bool,
    pub(crate) manual: bool,
    pub(super) coverage: Option<f64>,
    pub(super) tests: Option<TestReport>,
    pub(super) artifacts: Vec<Artifact>,
    /// How long after the finish coverage, tests and artifacts can be read.
    pub(super) late: Duration,
    pub(super) triggers: Option<Trigger>,
    pub(super) deploys: Option<(String, Option<Tier>)>,
}

/// The pipeline that a bridge starts.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    /// The path of another project; the same one for a child.
    pub(super) project: Option<String>,
    pub(super) plan: Arc<PipelinePlan>,
    /// Whether the bridge ends with the pipeline, or at once.
    pub(super) waits_for_it: bool,
}

impl PipelinePlan {
    /// A pipeline of a push to the default branch, without jobs.
    pub(crate) fn new() -> Self {
        PipelinePlan {
            reference: None,
            source: "push".into(),
            name: None,
            jobs: Vec::new(),
            rests: None,
            canceled_after: None,
            retried_after: None,
            deleted_after: None,
            without_updated_at: false,
        }
    }

    /// On a branch; the default branch, when nothing is said.
    pub fn on(&mut self, branch: &str) -> &mut Self {
        self.reference = Some(Reference::Branch(branch.to_owned()));
        self
    }

    pub fn on_tag(&mut self, tag: &str) -> &mut Self {
        self.reference = Some(Reference::Tag(tag.to_owned()));
        self
    }

    /// On a merge request, whose source is a branch.
    pub fn on_merge_request(&mut self, iid: u64, source_branch: &str) -> &mut Self {
        self.reference = Some(Reference::MergeRequest {
            iid,
            source_branch: source_branch.to_owned(),
        });
        self.source("merge_request_event")
    }

    /// GitLab's word for what started it: `push`, when nothing is said.
    pub fn source(&mut self, source: &str) -> &mut Self {
        self.source = source.to_owned().into();
        self
    }

    pub fn named(&mut self, name: &str) -> &mut Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Creates it in that status, and leaves it there.
    pub fn rests(&mut self, status: PipelineStatus) -> &mut Self {
        self.rests = Some(status);
        self
    }

    /// Makes `updatedAt` null, as of some external pipelines.
    pub fn without_updated_at(&mut self) -> &mut Self {
        self.without_updated_at = true;
        self
    }

    /// Somebody cancels it so long after its creation.
    pub fn canceled_after(&mut self, time: Duration) -> &mut Self {
        self.canceled_after = Some(time);
        self
    }

    /// Somebody retries what failed in it so long after its first end, and it succeeds then.
    pub fn retried_after(&mut self, time: Duration) -> &mut Self {
        self.retried_after = Some(time);
        self
    }

    /// Somebody deletes it so long after its creation.
    pub fn deleted_after(&mut self, time: Duration) -> &mut Self {
        self.deleted_after = Some(time);
        self
    }

    /// Adds a job to a stage. Stages run in the order in which they are first named.
    pub fn job(&mut self, name: &str, stage: &str) -> &mut Self {
        self.jobs.push(JobPlan {
            name: name.to_owned(),
            stage: stage.to_owned(),
            tags: Vec::new(),
            waits: Duration::ZERO,
            takes: None,
            fails: None,
            allow_failure: false,
            manual: false,
            coverage: None,
            tests: None,
            artifacts: Vec::new(),
            late: Duration::ZERO,
            triggers: None,
            deploys: None,
        });
        self
    }

    /// The job runs by itself and ends after that time. Without it, the job waits for `start_job` and
    /// `finish_job`.
    pub fn takes(&mut self, time: Duration) -> &mut Self {
        self.last().takes = Some(time);
        self
    }

    /// The job waits so long for a runner.
    pub fn waits(&mut self, time: Duration) -> &mut Self {
        self.last().waits = time;
        self
    }

    pub fn fails(&mut self, reason: FailureReason) -> &mut Self {
        self.last().fails = Some(reason);
        self
    }

    pub fn allowed_to_fail(&mut self) -> &mut Self {
        self.last().allow_failure = true;
        self
    }

    pub fn tags(&mut self, tags: &[&str]) -> &mut Self {
        self.last().tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        self
    }

    /// The job waits for somebody to play it, and so does the pipeline.
    pub fn manual(&mut self) -> &mut Self {
        self.last().manual = true;
        self
    }

    /// The job finds that coverage, in per cent.
    pub fn coverage(&mut self, per_cent: f64) -> &mut Self {
        self.last().coverage = Some(per_cent);
        self
    }

    pub fn tests(&mut self, report: TestReport) -> &mut Self {
        self.last().tests = Some(report);
        self
    }

    pub fn artifact(&mut self, file_type: &'static str, bytes: u64) -> &mut Self {
        self.last().artifacts.push(Artifact { file_type, bytes });
        self
    }

    /// Coverage, tests and artifacts of the job can be read only so long after its finish.
    pub fn late(&mut self, time: Duration) -> &mut Self {
        self.last().late = time;
        self
    }

    /// Adds a bridge that starts a child pipeline, and ends with it.
    pub fn child(
        &mut self,
        bridge: &str,
        stage: &str,
        plan: impl FnOnce(&mut PipelinePlan) -> &mut PipelinePlan,
    ) -> &mut Self {
        let plan = child_plan(plan);
        self.job(bridge, stage).triggers(None, plan, true)
    }

    /// Adds a bridge that starts a pipeline in another project, and does not wait for it.
    pub fn downstream(
        &mut self,
        bridge: &str,
        stage: &str,
        project: &str,
        plan: impl FnOnce(&mut PipelinePlan) -> &mut PipelinePlan,
    ) -> &mut Self {
        let mut started = PipelinePlan::new();
        plan(&mut started);
        started.source = "pipeline".into();
        let project = Some(project.to_owned());
        self.job(bridge, stage).triggers(project, started, false)
    }

    fn triggers(
        &mut self,
        project: Option<String>,
        plan: PipelinePlan,
        waits_for_it: bool,
    ) -> &mut Self {
        self.last().triggers = Some(Trigger {
            project,
            plan: Arc::new(plan),
            waits_for_it,
        });
        self
    }

    /// The job deploys to an environment, which is created where there is none. GitLab guesses the tier
    /// from the name.
    pub fn deploys_to(&mut self, environment: &str) -> &mut Self {
        self.last().deploys = Some((environment.to_owned(), None));
        self
    }

    /// Like `deploys_to`, with a tier that the configuration of CI names.
    pub fn deploys_to_tier(&mut self, environment: &str, tier: Tier) -> &mut Self {
        self.last().deploys = Some((environment.to_owned(), Some(tier)));
        self
    }

    fn last(&mut self) -> &mut JobPlan {
        let job = self.jobs.last_mut();
        job.expect("a job is named before what it does")
    }
}

/// The plan of a child pipeline.
pub(super) fn child_plan(
    plan: impl FnOnce(&mut PipelinePlan) -> &mut PipelinePlan,
) -> PipelinePlan {
    let mut child = PipelinePlan::new();
    plan(&mut child);
    child.source = CHILD.into();
    child
}
