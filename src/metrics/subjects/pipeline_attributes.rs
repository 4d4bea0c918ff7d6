//! The attributes of what hangs on the newest pipeline of a ref.

use crate::metrics::subject::Attribute;

pub(super) const REF: Attribute = Attribute {
    name: "ref",
    meaning: "The branch or tag, or the number of the merge request.",
    examples: &["main", "v1.2.0", "42"],
};

pub(super) const KIND: Attribute = Attribute {
    name: "kind",
    meaning: "What the ref is.",
    examples: &["branch", "tag", "merge_request"],
};

/// All statuses that GitLab has for pipelines, and for jobs.
pub(in crate::metrics) const STATUSES: &[&str] = &[
    "created",
    "waiting_for_resource",
    "preparing",
    "waiting_for_callback",
    "pending",
    "running",
    "success",
    "failed",
    "canceling",
    "canceled",
    "skipped",
    "manual",
    "scheduled",
];
