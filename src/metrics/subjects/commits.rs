//! Commits on the default branch.

use crate::metrics::subject::{
    Cadence, ChangesWith, Grain, PROJECT_ID, Rest, Rows, Shows, Subject, count, gauge,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "commits",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    // GitLab keeps the count among the project's statistics, which need the Reporter role. Where the
    // token may not see them the repository itself is asked (`rev-list --count`, GitLab 16.9 and
    // later), and before that the pages of its commits are bisected.
    columns: &[count(
        "commits",
        "statistics.commitCount",
        Rest::Body("statistics.commit_count"),
    )
    .or(&[
        Rest::Member {
            path: "repository/commits/{ref}/sequence",
            member: "count",
            since: (16, 9),
        },
        Rest::Count("repository/commits?ref_name={ref}"),
    ])
    .when_empty(0.0)
    .changes_with(ChangesWith::Activity)],
    metrics: &[gauge(
        "gitlab_commits_total",
        "{commit}",
        "Total number of commits",
        &[PROJECT_ID],
        Shows::Value("commits"),
    )],
};
