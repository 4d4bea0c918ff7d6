//! The jobs of the newest pipeline of each ref under that exporter's names, and how many were run.

use super::row::{CiExporterRow, KIND, KIND_REWORDED, PROJECT, REF, Renamed};
use crate::metrics::subject::{
    Attribute, Counted, CountedWhen, MetricRow, PROJECT_ID, Shows, counter, gauge,
};
use crate::metrics::subjects::{LAST_STATUS, STAGE};

pub(super) static ROWS: &[CiExporterRow] = &[
    of_job(gauge(
        "gitlab_ci_pipeline_job_id",
        "",
        "The id of the job's latest attempt in the newest pipeline of the ref",
        OF_JOB,
        Shows::Value("id"),
    )),
    of_job(gauge(
        "gitlab_ci_pipeline_job_status",
        "",
        "1 for the status of the job's latest attempt in the newest pipeline of the ref",
        &[JOB_NAME, KIND, PROJECT, PROJECT_ID, REF, STAGE, LAST_STATUS],
        Shows::StateSet("status"),
    ))
    .in_place_of("gitlab_job_last_run_status"),
    of_job(counter(
        "gitlab_ci_pipeline_job_run_count",
        "{run}",
        "Attempts of the job on the ref that began since counting began, each once",
        OF_JOB,
        Shows::Counted(Counted {
            subject: "jobs",
            when: CountedWhen::Begins,
            by: &["job", "kind", "ref", "stage"],
        }),
    )),
    of_job(gauge(
        "gitlab_ci_pipeline_job_timestamp",
        "",
        "When the job's latest attempt in the newest pipeline of the ref was created, in seconds since 1970",
        OF_JOB,
        Shows::Value("created"),
    )),
    of_job(gauge(
        "gitlab_ci_pipeline_job_duration_seconds",
        "s",
        "How long the job took in the newest pipeline of the ref; absent until it has ended",
        OF_JOB,
        Shows::Value("duration"),
    ))
    .in_place_of("gitlab_job_last_run_duration_seconds"),
];

const OF_JOB: &[Attribute] = &[JOB_NAME, KIND, PROJECT, PROJECT_ID, REF, STAGE];

const JOB_NAME: Attribute = Attribute {
    name: "job_name",
    meaning: "The name of the job.",
    examples: &["unit", "deploy"],
};

const fn of_job(row: MetricRow) -> CiExporterRow {
    const RENAMED: &[Renamed] = &[
        KIND_REWORDED,
        Renamed {
            attribute: "job_name",
            column: "job",
            reworded: |name| name,
        },
    ];
    CiExporterRow::of("jobs", row, RENAMED)
}
