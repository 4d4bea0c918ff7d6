//! How many pipelines there are, by status: one exact count for each status.

use super::pipeline_attributes::STATUSES;
use crate::metrics::subject::{
    Attribute, Cadence, Column, Feature, Grain, PROJECT_ID, Rest, Rows, Shows, Subject, count,
    gauge,
};

/// Apart from the latest runs, since nothing but counting tells it.
pub(super) static SUBJECT: Subject = Subject {
    name: "pipelines",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        pipelines(
            "created",
            "pipelines(status: CREATED, first: 1).count",
            "pipelines?status=created",
        ),
        pipelines(
            "waiting_for_resource",
            "pipelines(status: WAITING_FOR_RESOURCE, first: 1).count",
            "pipelines?status=waiting_for_resource",
        ),
        pipelines(
            "preparing",
            "pipelines(status: PREPARING, first: 1).count",
            "pipelines?status=preparing",
        ),
        pipelines(
            "waiting_for_callback",
            "pipelines(status: WAITING_FOR_CALLBACK, first: 1).count",
            "pipelines?status=waiting_for_callback",
        ),
        pipelines(
            "pending",
            "pipelines(status: PENDING, first: 1).count",
            "pipelines?status=pending",
        ),
        pipelines(
            "running",
            "pipelines(status: RUNNING, first: 1).count",
            "pipelines?status=running",
        ),
        pipelines(
            "success",
            "pipelines(status: SUCCESS, first: 1).count",
            "pipelines?status=success",
        ),
        pipelines(
            "failed",
            "pipelines(status: FAILED, first: 1).count",
            "pipelines?status=failed",
        ),
        pipelines(
            "canceling",
            "pipelines(status: CANCELING, first: 1).count",
            "pipelines?status=canceling",
        ),
        pipelines(
            "canceled",
            "pipelines(status: CANCELED, first: 1).count",
            "pipelines?status=canceled",
        ),
        pipelines(
            "skipped",
            "pipelines(status: SKIPPED, first: 1).count",
            "pipelines?status=skipped",
        ),
        pipelines(
            "manual",
            "pipelines(status: MANUAL, first: 1).count",
            "pipelines?status=manual",
        ),
        pipelines(
            "scheduled",
            "pipelines(status: SCHEDULED, first: 1).count",
            "pipelines?status=scheduled",
        ),
    ],
    metrics: &[gauge(
        "gitlab_pipelines",
        "{pipeline}",
        "Pipelines of the project by status, all that exist; child pipelines are not among them",
        &[PROJECT_ID, STATUS],
        Shows::ByColumn {
            attribute: "status",
            columns: STATUSES,
        },
    )
    .opt_in()],
};

const STATUS: Attribute = Attribute {
    name: "status",
    meaning: "The status of the pipelines, in GitLab's words.",
    examples: STATUSES,
};

const fn pipelines(status: &'static str, graphql: &'static str, rest: &'static str) -> Column {
    count(status, graphql, Rest::Count(rest)).of(Feature::Pipelines)
}
