//! Releases.

use crate::metrics::subject::{
    Cadence, ChangesWith, Feature, Grain, PROJECT_ID, Rest, Rows, Shows, Subject, count, gauge,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "releases",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[count(
        "releases",
        "releases(first: 1).count",
        Rest::Count("releases"),
    )
    .of(Feature::Releases)
    .changes_with(ChangesWith::Activity)],
    metrics: &[gauge(
        "gitlab_project_releases",
        "{release}",
        "Releases of the project",
        &[PROJECT_ID],
        Shows::Value("releases"),
    )],
};
