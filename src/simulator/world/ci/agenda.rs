//! What is going to happen, and when: a job that takes a minute ends in a minute.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::deployment::DeploymentStatus;
use super::pipeline::Upstream;
use super::plan::PipelinePlan;
use super::reference::Reference;
use super::status::PipelineStatus;

/// The steps that wait for their time, in its order. Steps of one time keep the order of their adding.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    steps: BTreeMap<(Timestamp, u64), Due>,
    added: u64,
}

/// A step in a project. A step whose pipeline or job is gone or elsewhere by then does nothing.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) project: u64,
    pub(crate) step: Step,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A pipeline is created.
    Create(Arc<PipelinePlan>),
    /// A bridge of this project starts a pipeline in the project at that path.
    Trigger {
        path: String,
        plan: Arc<PipelinePlan>,
        upstream: Upstream,
    },
    /// A bridge has started that pipeline of that project, or could not.
    Triggered {
        upstream: Upstream,
        started: Option<(u64, u64)>,
    },
    /// The pipeline that a bridge waits for has ended.
    BridgeEnds {
        upstream: Upstream,
        status: PipelineStatus,
    },
    /// A runner takes a job.
    Begin {
        pipeline: u64,
        job: u64,
    },
    End {
        pipeline: u64,
        job: u64,
    },
    /// A job's coverage, tests and artifacts are stored.
    Settle {
        pipeline: u64,
        job: u64,
    },
    Retry {
        pipeline: u64,
    },
    Cancel {
        pipeline: u64,
    },
    /// Somebody cancels a pipeline, and its running jobs take a moment to stop.
    BeginToCancel {
        pipeline: u64,
    },
    /// Something that people do and CI does not.
    People(Deed),
    DeleteReference(Reference),
    /// Somebody deploys over the API.
    Deploy {
        environment: String,
        status: DeploymentStatus,
    },
    Delete {
        pipeline: u64,
    },
}

/// What people do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    OpenMergeRequest,
    MergeMergeRequest,
    OpenIncident,
    CloseIncident,
    ReopenIncident,
}

impl Agenda {
    pub(crate) fn add(&mut self, when: Timestamp, project: u64, step: Step) {
        self.added += 1;
        self.steps.insert((when, self.added), Due { project, step });
    }

    /// The next step whose time has come.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        let first = self.steps.first_entry()?;
        let (when, _) = *first.key();
        (when <= now).then(|| (when, first.remove()))
    }
}
