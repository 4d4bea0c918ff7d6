//! Releases.

use crate::metrics::subject::{
    Cadence, ChangesWith, Feature, Grain, PROJECT_ID, Rest, Rows, Shows, Subject, count, gauge,
    time,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "releases",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[
        count(
            "releases",
            "releases(first: 1).count",
            Rest::Count("releases"),
        )
        .of(Feature::Releases)
        .changes_with(ChangesWith::Activity),
        // GitLab lists the newest first. A release may be announced for a day to come.
        time(
            "last",
            "releases(first: 1).nodes.releasedAt",
            Rest::First {
                path: "releases?order_by=released_at&sort=desc&per_page=1",
                member: "released_at",
            },
        )
        .of(Feature::Releases)
        .changes_with(ChangesWith::Activity),
    ],
    metrics: &[
        gauge(
            "gitlab_project_releases",
            "{release}",
            "Releases of the project",
            &[PROJECT_ID],
            Shows::Value("releases"),
        ),
        gauge(
            "gitlab_project_last_release_timestamp_seconds",
            "s",
            "When the newest release of the project was released; absent without one",
            &[PROJECT_ID],
            Shows::Value("last"),
        ),
    ],
};
