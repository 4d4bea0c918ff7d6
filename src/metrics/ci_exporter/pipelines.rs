//! The newest pipeline of each ref under that exporter's names, and how many were run.

use super::row::{CiExporterRow, KIND, KIND_REWORDED, PROJECT, REF};
use crate::metrics::subject::{
    Attribute, Counted, CountedWhen, MetricRow, PROJECT_ID, Shows, counter, gauge,
};
use crate::metrics::subjects::STATUSES;

pub(super) static ROWS: &[CiExporterRow] = &[
    of_ref(gauge(
        "gitlab_ci_pipeline_id",
        "",
        "The id of the newest pipeline of the ref",
        OF_REF,
        Shows::Value("id"),
    ))
    .in_place_of("gitlab_pipeline_last_run_id"),
    of_ref(gauge(
        "gitlab_ci_pipeline_status",
        "",
        "1 for the status of the newest pipeline of the ref",
        &[KIND, PROJECT, PROJECT_ID, REF, STATUS],
        Shows::StateSet("status"),
    ))
    .in_place_of("gitlab_pipeline_last_run_status"),
    of_ref(counter(
        "gitlab_ci_pipeline_run_count",
        "{run}",
        "Pipelines of the ref that were created since counting began, each once",
        OF_REF,
        Shows::Counted(Counted {
            subject: "pipelines",
            when: CountedWhen::Begins,
            by: &["kind", "ref"],
        }),
    )),
    of_ref(gauge(
        "gitlab_ci_pipeline_timestamp",
        "",
        "When the newest pipeline of the ref was created, in seconds since 1970",
        OF_REF,
        Shows::Value("created"),
    ))
    .in_place_of("gitlab_pipeline_last_run_created_timestamp_seconds"),
    of_ref(gauge(
        "gitlab_ci_pipeline_duration_seconds",
        "s",
        "How long the newest pipeline of the ref ran; absent until it has ended",
        OF_REF,
        Shows::Value("duration"),
    ))
    .in_place_of("gitlab_pipeline_last_run_duration_seconds"),
];

const OF_REF: &[Attribute] = &[KIND, PROJECT, PROJECT_ID, REF];

const STATUS: Attribute = Attribute {
    name: "status",
    meaning: "The status in GitLab's words; those that GitLab adds are shown as they come.",
    examples: STATUSES,
};

const fn of_ref(row: MetricRow) -> CiExporterRow {
    CiExporterRow::of("pipelines", row, &[KIND_REWORDED])
}
