//! What went through a project one by one: merge requests, issues, releases, and what was deployed.

use std::sync::Arc;

use jiff::Timestamp;

use super::issuables::Issuables;
use super::issues::Issue;
use super::merge_requests::MergeRequest;

/// Kept apart from the project, because in most projects of a large world nothing happens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// None while the counts say everything.
    pub(crate) merge_requests: Option<Issuables<MergeRequest>>,
    pub(crate) issues: Option<Issuables<Issue>>,
    /// When releases were released that came after those that were set.
    pub(crate) released_at: Vec<Timestamp>,
    /// Deployments that succeeded, by environment, in the order of their times.
    pub(super) deployments: Vec<(Arc<str>, Timestamp)>,
}
