//! Commits on the default branch.

use super::{Instrument, Metric, Moves, PROJECT_ID, Question, Rest, Source, Subject, Value};

pub(super) const SUBJECT: Subject = Subject {
    name: "commits",
    metrics: &[Metric {
        name: "gitlab_commits_total",
        unit: "{commit}",
        help: "Total number of commits",
        instrument: Instrument::Gauge,
        attributes: &[PROJECT_ID],
        source: Source::Asked(&[Value {
            attributes: &[],
            question: COMMITS,
        }]),
    }],
};

/// GitLab keeps the count among the project's statistics, which need the Reporter role. Where the
/// token may not see them the repository itself is asked (`rev-list --count`, GitLab 16.9 and
/// later), and before that the pages of its commits are bisected.
const COMMITS: Question = Question {
    graphql: "statistics.commitCount",
    rest: Rest::Body("statistics.commit_count"),
    hidden: &[
        Rest::Number {
            path: "repository/commits/{ref}/sequence",
            member: "count",
            since: (16, 9),
        },
        Rest::Count("repository/commits?ref_name={ref}"),
    ],
    when_empty: Some(0),
    feature: None,
    moves: Moves::WithActivity,
};
