//! Packages and container repositories.

use crate::metrics::subject::{
    Cadence, Grain, PROJECT_ID, Rest, Rows, Shows, Subject, count, gauge,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "packages",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        count(
            "packages",
            "packages(first: 1).count",
            Rest::Count("packages"),
        ),
        count(
            "container_repositories",
            "containerRepositoriesCount",
            Rest::Count("registry/repositories"),
        ),
    ],
    metrics: &[
        gauge(
            "gitlab_project_packages",
            "{package}",
            "Packages in the project's package registry",
            &[PROJECT_ID],
            Shows::Value("packages"),
        )
        .opt_in(),
        gauge(
            "gitlab_project_container_repositories",
            "{repository}",
            "Repositories in the project's container registry",
            &[PROJECT_ID],
            Shows::Value("container_repositories"),
        )
        .opt_in(),
    ],
};
