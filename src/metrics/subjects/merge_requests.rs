//! Merge requests by state, and all of them together.

use crate::metrics::subject::{
    Cadence, ChangesWith, Column, Feature, Grain, PROJECT_ID, Rest, Rows, STATE, Shows, Subject,
    count, gauge,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "merge_requests",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[
        merge_requests(
            "opened",
            "mergeRequests(state: opened, first: 1).count",
            "merge_requests?scope=all&state=opened",
        ),
        merge_requests(
            "closed",
            "mergeRequests(state: closed, first: 1).count",
            "merge_requests?scope=all&state=closed",
        ),
        merge_requests(
            "merged",
            "mergeRequests(state: merged, first: 1).count",
            "merge_requests?scope=all&state=merged",
        ),
        merge_requests(
            "locked",
            "mergeRequests(state: locked, first: 1).count",
            "merge_requests?scope=all&state=locked",
        ),
    ],
    metrics: &[
        gauge(
            "gitlab_merge_requests_total",
            "{merge_request}",
            "Total number of merge requests",
            &[],
            Shows::Sum("gitlab_merge_requests"),
        ),
        gauge(
            "gitlab_merge_requests",
            "{merge_request}",
            "Merge requests of the project by state",
            &[PROJECT_ID, STATE],
            Shows::ByColumn {
                attribute: "state",
                columns: &["opened", "closed", "merged", "locked"],
            },
        ),
    ],
};

/// GitLab has no merge request counts by state, so each state is one count. `scope=all` says what a
/// script forgets: not only the token's own.
const fn merge_requests(state: &'static str, graphql: &'static str, rest: &'static str) -> Column {
    count(state, graphql, Rest::Count(rest))
        .of(Feature::MergeRequests)
        .changes_with(ChangesWith::Activity)
}
