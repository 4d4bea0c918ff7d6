//! Merge requests by state, and all of them together.

use super::{
    Feature, Instrument, Metric, Moves, PROJECT_ID, Question, Rest, STATE, Source, Subject, Value,
};

pub(super) const SUBJECT: Subject = Subject {
    name: "merge_requests",
    metrics: &[
        Metric {
            name: "gitlab_merge_requests_total",
            unit: "{merge_request}",
            help: "Total number of merge requests",
            instrument: Instrument::Gauge,
            attributes: &[],
            source: Source::Sum(BY_STATE),
        },
        Metric {
            name: BY_STATE,
            unit: "{merge_request}",
            help: "Merge requests of the project by state",
            instrument: Instrument::Gauge,
            attributes: &[PROJECT_ID, STATE],
            source: Source::Asked(&[
                Value {
                    attributes: &[("state", "opened")],
                    question: count(
                        "mergeRequests(state: opened, first: 1).count",
                        "merge_requests?scope=all&state=opened",
                    ),
                },
                Value {
                    attributes: &[("state", "closed")],
                    question: count(
                        "mergeRequests(state: closed, first: 1).count",
                        "merge_requests?scope=all&state=closed",
                    ),
                },
                Value {
                    attributes: &[("state", "merged")],
                    question: count(
                        "mergeRequests(state: merged, first: 1).count",
                        "merge_requests?scope=all&state=merged",
                    ),
                },
                Value {
                    attributes: &[("state", "locked")],
                    question: count(
                        "mergeRequests(state: locked, first: 1).count",
                        "merge_requests?scope=all&state=locked",
                    ),
                },
            ]),
        },
    ],
};

const BY_STATE: &str = "gitlab_merge_requests";

/// A state of its own: GitLab has no merge request counts by state, so each is one count.
/// `scope=all` says what a script forgets: not only the token's own.
const fn count(graphql: &'static str, rest: &'static str) -> Question {
    Question {
        graphql,
        rest: Rest::Count(rest),
        hidden: &[],
        when_empty: None,
        feature: Some(Feature::MergeRequests),
        moves: Moves::WithActivity,
    }
}
