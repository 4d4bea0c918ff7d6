//! Deployments, over REST: of each project that may have new ones, what changed since the last walk.
//!
//! A walk seeks: each page is asked for from the last row's time of change on, since rows move to the end
//! of the list as they change, and pages by number would skip some. A project is asked when one of its
//! pipelines came to rest, while a deployment of it goes on, and now and then anyhow, since deployments
//! are also made through the API. A walk that fails begins anew in the next poll: nothing was counted
//! twice, as each is remembered, and nothing is lost, as the watermark has not moved.

mod asking;
mod known;
mod lead_time;
mod taking;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::metrics::{Deployment, UnixTime};

pub use known::DeploymentsKnown;

/// What one poll still asks of deployments.
#[derive(Debug, Default)]
pub struct DeploymentsWork {
    /// Whether what is due has been queued.
    planned: bool,
    /// The projects that are said to have deployed since they were asked.
    hinted: BTreeSet<u64>,
    asks: VecDeque<DeploymentsAsk>,
    walks: BTreeMap<u64, Walk>,
    /// The environments that were asked for.
    asked: BTreeSet<(u64, u64)>,
}

/// The walk through the deployments of a project that changed.
#[derive(Debug, Default)]
struct Walk {
    /// What GitLab's clock showed at its first page.
    began: Option<UnixTime>,
    /// Since when the page under way was asked for, and which page of those that changed at that very
    /// time it is.
    since: String,
    page: u32,
    /// What came, to be counted once the tiers of all environments in it are known.
    deployments: Vec<Deployment>,
    /// How many environments are still asked for.
    waits_for: usize,
}

/// A request about the deployments of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeploymentsAsk {
    /// The next page of its walk.
    Changed(u64),
    /// The tier of an environment.
    Environment(u64, u64),
    /// The first successful deployment of an environment, to tell whether this is it.
    First { project: u64, deployment: u64 },
    /// The merge requests in a deployment, by page.
    MergeRequests {
        project: u64,
        deployment: u64,
        page: u32,
    },
}
