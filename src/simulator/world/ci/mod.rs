//! What CI does in a project: pipelines, their jobs and the deployments they make, as rows.
//!
//! Rows exist for what happens; what was set as a number in [`Pipelines`](super::counts::Pipelines) is the far past,
//! older than every row.

pub(crate) mod agenda;
mod churn;
mod composite;
mod deploying;
pub(crate) mod deployment;
mod ending;
mod events;
pub(crate) mod job;
pub(crate) mod outcome;
pub(crate) mod pipeline;
pub(crate) mod plan;
pub(crate) mod reference;
mod run;
pub(crate) mod status;
mod stopping;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use self::deployment::Deployment;
use self::job::Job;
use self::pipeline::Pipeline;
use self::reference::Reference;
use self::status::PipelineStatus;

/// How many pipelines a project keeps as rows. Older ones that have finished become numbers again.
const MOST_ROWS: usize = 1_000;

/// The rows of a project.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ci {
    pub(crate) pipelines: BTreeMap<u64, Pipeline>,
    pub(crate) deployments: BTreeMap<u64, Deployment>,
    last_iid: u64,
    last_deployment: u64,
    /// Branches and tags that were deleted after pipelines had run on them.
    deleted: BTreeSet<Reference>,
    /// When the newest pipeline had changed that is no row any more.
    pub(crate) forgotten: Option<Timestamp>,
}

/// The numbers that are given out once for the whole GitLab.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pipeline: u64,
    job: u64,
    deployment: u64,
}

impl Ids {
    fn pipeline(&mut self) -> u64 {
        self.pipeline += 1;
        self.pipeline
    }

    fn job(&mut self) -> u64 {
        self.job += 1;
        self.job
    }

    fn deployment(&mut self) -> u64 {
        self.deployment += 1;
        self.deployment
    }
}

impl Ci {
    /// The pipelines, the newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Pipeline> {
        self.pipelines.values().rev()
    }

    /// All attempts of all jobs, the newest first.
    pub(crate) fn jobs(&self) -> Vec<(&Pipeline, &Job)> {
        let of = |pipeline: &'_ Pipeline| pipeline.jobs.len();
        let mut jobs = Vec::with_capacity(self.pipelines.values().map(of).sum());
        for pipeline in self.pipelines.values() {
            jobs.extend(pipeline.jobs.iter().map(|job| (pipeline, job)));
        }
        jobs.sort_unstable_by_key(|(_, job)| std::cmp::Reverse(job.id));
        jobs
    }

    /// Whether the branch or tag exists now.
    pub(crate) fn exists(&self, reference: &Reference) -> bool {
        !self.deleted.contains(reference)
    }

    /// The newest pipeline of each branch, or of each tag, that exists now.
    pub(crate) fn latest_per_reference(&self, tags: bool) -> BTreeSet<u64> {
        let mut newest = BTreeMap::new();
        for pipeline in self.pipelines.values().filter(|row| !row.is_child()) {
            let named = match pipeline.reference {
                Reference::Branch(_) => !tags,
                Reference::Tag(_) => tags,
                Reference::MergeRequest { .. } => false,
            };
            if named && self.exists(&pipeline.reference) {
                newest.insert(&pipeline.reference, pipeline.id);
            }
        }
        newest.into_values().collect()
    }

    /// Takes the oldest finished pipeline away when there are too many rows.
    fn forget(&mut self) -> Option<PipelineStatus> {
        if self.pipelines.len() <= MOST_ROWS {
            return None;
        }
        let finished = |row: &&Pipeline| row.status.has_finished();
        let id = self.pipelines.values().find(finished)?.id;
        let row = self.pipelines.remove(&id)?;
        self.forgotten = self.forgotten.max(row.updated_at);
        Some(row.status)
    }
}
