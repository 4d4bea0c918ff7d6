//! Jobs of pipelines: each attempt that ended, counted, and the jobs of the newest pipeline of each ref.
//!
//! They are read along with their pipelines, by `poll::engine::details`; trigger jobs are none of them.

use crate::metrics::subject::{
    Attribute, Cadence, Convention, Grain, Instrument, Many, PROJECT_ID, Rest, Rows, Shows,
    Subject, Told, count, counter, gauge, histogram, label, seconds, time,
};

use super::pipeline_attributes::{KIND, REF, STATUSES};

pub(in crate::metrics) static SUBJECT: Subject = Subject {
    name: "jobs",
    of: Grain::Project,
    cadence: Cadence::EachPoll,
    rows: Rows::Many(Many {
        list: "pipelines.jobs",
        rest: "pipelines/:id/jobs?include_retried=true",
        key: "id",
        latest_per: &["ref", "kind", "stage", "job"],
        at_most: 200,
    }),
    columns: &[
        label("ref", "ref", Rest::Body("ref")),
        label("kind", "refPath", Rest::Body("tag")),
        label("stage", "stage.name", Rest::Body("stage")),
        label("job", "name", Rest::Body("name")),
        label("status", "status", Rest::Body("status")),
        label("failure_reason", "failureMessage", Rest::Body("failure_reason")),
        count("id", "id", Rest::Body("id")),
        time("created", "createdAt", Rest::Body("created_at")),
        time("finished", "finishedAt", Rest::Body("finished_at")),
        seconds("duration", "duration", Rest::Body("duration")),
        seconds("queued", "queuedDuration", Rest::Body("queued_duration")),
    ],
    metrics: &[
        counter(
            "gitlab_jobs_total",
            "{job}",
            "Jobs that ended since counting began, each attempt once; without trigger jobs",
            &[FAILURE_REASON, PROJECT_ID, STAGE, STATUS],
            Shows::Ended {
                value: None,
                at: Some("finished"),
                bounds: &[],
            },
        )
        .called("gitlab.job.runs")
        .as_convention(ERRORS)
        .opt_in(),
        histogram(
            "gitlab_job_duration_seconds",
            "s",
            "How long jobs took that ended since counting began",
            &[JOB, PROJECT_ID, STAGE],
            Shows::Ended {
                value: Some("duration"),
                at: Some("finished"),
                bounds: DURATIONS,
            },
        )
        .opt_in(),
        histogram(
            "gitlab_job_queued_duration_seconds",
            "s",
            "How long jobs that ended since counting began had waited for a runner",
            &[JOB, PROJECT_ID, STAGE],
            Shows::Ended {
                value: Some("queued"),
                at: Some("finished"),
                bounds: WAITS,
            },
        )
        .opt_in(),
        gauge(
            "gitlab_job_last_run_status",
            "",
            "1 for the status of the job's latest attempt in the newest pipeline of the ref",
            &[JOB, KIND, PROJECT_ID, REF, STAGE, LAST_STATUS],
            Shows::StateSet("status"),
        )
        .only_by_name(),
        gauge(
            "gitlab_job_last_run_duration_seconds",
            "s",
            "How long the job took in the newest pipeline of the ref; absent until it has ended",
            OF_LAST_RUN,
            Shows::Value("duration"),
        )
        .opt_in(),
        gauge(
            "gitlab_job_last_run_queued_duration_seconds",
            "s",
            "How long the job waited for a runner in the newest pipeline of the ref; absent until it has one",
            OF_LAST_RUN,
            Shows::Value("queued"),
        )
        .opt_in(),
        gauge(
            "gitlab_job_last_run_finished_timestamp_seconds",
            "s",
            "When the job ended in the newest pipeline of the ref; absent until it has",
            OF_LAST_RUN,
            Shows::Value("finished"),
        )
        .opt_in(),
    ],
};

/// An error of a run is a job that failed, also one that may fail.
const ERRORS: &Convention = &Convention {
    name: "cicd.pipeline.run.errors",
    instrument: Instrument::Counter,
    unit: "{error}",
    help: "The number of errors encountered in pipeline runs (eg. compile, test failures)",
    shows: None,
    attributes: &[
        Told::Only("status", "failed"),
        Told::NamedOr {
            of: "failure_reason",
            name: "error.type",
            otherwise: "_OTHER",
        },
    ],
};

const OF_LAST_RUN: &[Attribute] = &[JOB, KIND, PROJECT_ID, REF, STAGE];

/// From seconds to hours.
const DURATIONS: &[f64] = &[
    5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0,
];
const WAITS: &[f64] = &[
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0,
];

const FAILURE_REASON: Attribute = Attribute {
    name: "failure_reason",
    meaning: "Why the job failed, in GitLab's words; only where it did.",
    examples: &[
        "script_failure",
        "runner_system_failure",
        "job_execution_timeout",
    ],
};

const JOB: Attribute = Attribute {
    name: "job",
    meaning: "The name of the job; on histograms only where the configuration asks for it.",
    examples: &["unit", "deploy"],
};

pub(in crate::metrics) const STAGE: Attribute = Attribute {
    name: "stage",
    meaning: "The stage of the pipeline that the job belongs to.",
    examples: &["build", "test", "deploy"],
};

/// How an attempt ended.
const STATUS: Attribute = Attribute {
    name: "status",
    meaning: "How the job ended, in GitLab's words.",
    examples: &["success", "failed", "canceled"],
};

pub(in crate::metrics) const LAST_STATUS: Attribute = Attribute {
    name: "status",
    meaning: "The status, in GitLab's words; those that GitLab adds are shown as they come.",
    examples: STATUSES,
};
