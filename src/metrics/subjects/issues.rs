//! Issues by state, and since when the oldest is open.

use crate::metrics::subject::{
    Cadence, ChangesWith, Column, Feature, Grain, PROJECT_ID, Rest, Rows, STATE, Shows, Subject,
    count, gauge, time,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "issues",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[
        issues(
            "opened",
            "issueStatusCounts.opened",
            "statistics.counts.opened",
        ),
        issues(
            "closed",
            "issueStatusCounts.closed",
            "statistics.counts.closed",
        ),
        time(
            "oldest_open",
            "issues(state: opened, sort: CREATED_ASC, first: 1).nodes.createdAt",
            Rest::First {
                path: "issues?scope=all&state=opened&order_by=created_at&sort=asc&per_page=1",
                member: "created_at",
            },
        )
        .of(Feature::Issues)
        .changes_with(ChangesWith::Activity),
    ],
    metrics: &[
        gauge(
            "gitlab_issues",
            "{issue}",
            "Issues of the project by state, as the token may see them",
            &[PROJECT_ID, STATE],
            Shows::ByColumn {
                attribute: "state",
                columns: &["opened", "closed"],
            },
        ),
        gauge(
            "gitlab_issue_oldest_open_timestamp_seconds",
            "s",
            "When the oldest open issue of the project was created; absent without one",
            &[PROJECT_ID],
            Shows::Value("oldest_open"),
        ),
    ],
};

/// One grouped count for both states. Not `openIssuesCount`: that one leaves confidential issues
/// out for everybody.
const fn issues(state: &'static str, graphql: &'static str, member: &'static str) -> Column {
    let rest = Rest::Member {
        path: "issues_statistics?scope=all",
        member,
        since: (10, 0),
    };
    count(state, graphql, rest)
        .of(Feature::Issues)
        .changes_with(ChangesWith::Activity)
}
