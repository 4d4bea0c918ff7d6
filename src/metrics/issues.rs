//! Issues by state.

use super::{
    Feature, Instrument, Metric, Moves, PROJECT_ID, Question, Rest, STATE, Source, Subject, Value,
};

pub(super) const SUBJECT: Subject = Subject {
    name: "issues",
    metrics: &[Metric {
        name: "gitlab_issues",
        unit: "{issue}",
        help: "Issues of the project by state, as the token may see them",
        instrument: Instrument::Gauge,
        attributes: &[PROJECT_ID, STATE],
        source: Source::Asked(&[
            Value {
                attributes: &[("state", "opened")],
                question: count("issueStatusCounts.opened", "statistics.counts.opened"),
            },
            Value {
                attributes: &[("state", "closed")],
                question: count("issueStatusCounts.closed", "statistics.counts.closed"),
            },
        ]),
    }],
};

/// One grouped count for both states. Not `openIssuesCount`: that one leaves confidential issues
/// out for everybody.
const fn count(graphql: &'static str, member: &'static str) -> Question {
    Question {
        graphql,
        rest: Rest::Number {
            path: "issues_statistics?scope=all",
            member,
            since: (10, 0),
        },
        hidden: &[],
        when_empty: None,
        feature: Some(Feature::Issues),
        moves: Moves::WithActivity,
    }
}
