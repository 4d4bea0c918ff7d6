//! Incidents by state: issues of a type of their own.

use crate::metrics::subject::{
    Cadence, Column, Feature, Grain, PROJECT_ID, Rest, Rows, STATE, Shows, Subject, count, gauge,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "incidents",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        incidents(
            "opened",
            "issueStatusCounts(types: [INCIDENT]).opened",
            "issues?issue_type=incident&state=opened&scope=all",
        ),
        incidents(
            "closed",
            "issueStatusCounts(types: [INCIDENT]).closed",
            "issues?issue_type=incident&state=closed&scope=all",
        ),
    ],
    metrics: &[gauge(
        "gitlab_incidents",
        "{incident}",
        "Incidents of the project by state, as the token may see them",
        &[PROJECT_ID, STATE],
        Shows::ByColumn {
            attribute: "state",
            columns: &["opened", "closed"],
        },
    )
    .opt_in()],
};

const fn incidents(state: &'static str, graphql: &'static str, rest: &'static str) -> Column {
    count(state, graphql, Rest::Count(rest)).of(Feature::Issues)
}
