//! The environments that the configuration names, each with its latest deployment, under that exporter's
//! names. They are read by `poll::engine::environments`, one row for each.

use super::row::{CiExporterRow, KIND, PROJECT, REF};
use crate::metrics::subject::{
    Attribute, Cadence, Counted, CountedWhen, Grain, Many, MetricRow, PROJECT_ID, Rest, Rows,
    Shows, Subject, count, counter, gauge, label, seconds, time,
};
use crate::metrics::subjects::STATUSES;

/// It is part of the catalogue only where that exporter's names are chosen.
pub(super) static SUBJECT: Subject = Subject {
    name: "environments",
    of: Grain::Project,
    cadence: Cadence::EachPoll,
    rows: Rows::Many(Many {
        list: "environment(name: $name)",
        rest: "environments?name={name}",
        key: "id",
        latest_per: &["environment"],
        at_most: 200,
    }),
    columns: &[
        label("environment", "name", Rest::Body("name")),
        label("environment_id", "id", Rest::Body("id")),
        label("available", "state", Rest::Body("state")),
        label("ref", "lastDeployment.ref", Rest::Body("ref")),
        label("kind", "lastDeployment.tag", Rest::Body("deployable.tag")),
        label("status", "lastDeployment.status", Rest::Body("status")),
        label(
            "current_commit_short_id",
            "lastDeployment.sha",
            Rest::Body("sha"),
        ),
        label("latest_commit_short_id", "", Rest::Body("short_id")),
        count(
            "job_id",
            "lastDeployment.job.id",
            Rest::Body("deployable.id"),
        ),
        time(
            "created",
            "lastDeployment.createdAt",
            Rest::Body("created_at"),
        ),
        seconds(
            "duration",
            "lastDeployment.job.duration",
            Rest::Body("deployable.duration"),
        ),
        count("behind_commits", "", Rest::Body("")),
        seconds("behind", "", Rest::Body("")),
    ],
    metrics: &[],
};

pub(super) static ROWS: &[CiExporterRow] = &[
    of_environment(gauge(
        "gitlab_ci_environment_information",
        "",
        "What an environment is and what is deployed there; always 1",
        &[
            AVAILABLE,
            CURRENT_COMMIT,
            ENVIRONMENT,
            ENVIRONMENT_ID,
            KIND,
            LATEST_COMMIT,
            PROJECT,
            PROJECT_ID,
            REF,
        ],
        Shows::Info,
    ))
    .in_place_of("gitlab_environment_info"),
    of_environment(gauge(
        "gitlab_ci_environment_behind_commits_count",
        "",
        "Commits on the deployed branch that the latest deployment has not; absent where GitLab does not tell",
        OF_ENVIRONMENT,
        Shows::Value("behind_commits"),
    )),
    of_environment(gauge(
        "gitlab_ci_environment_behind_duration_seconds",
        "s",
        "From the latest deployment's creation to the newest commit of its branch, 0 if that is older",
        OF_ENVIRONMENT,
        Shows::Value("behind"),
    )),
    of_environment(counter(
        "gitlab_ci_environment_deployment_count",
        "{deployment}",
        "Deployments to the environment that ended since counting began, each once",
        OF_ENVIRONMENT,
        Shows::Counted(Counted {
            subject: "deployments",
            when: CountedWhen::Ends,
            by: &["environment"],
        }),
    )),
    of_environment(gauge(
        "gitlab_ci_environment_deployment_duration_seconds",
        "s",
        "How long the job of the latest deployment took; absent until it has ended",
        OF_ENVIRONMENT,
        Shows::Value("duration"),
    )),
    of_environment(gauge(
        "gitlab_ci_environment_deployment_job_id",
        "",
        "The id of the latest deployment's job; absent where the deployment has none",
        OF_ENVIRONMENT,
        Shows::Value("job_id"),
    )),
    of_environment(gauge(
        "gitlab_ci_environment_deployment_status",
        "",
        "1 for the status of the latest deployment",
        &[ENVIRONMENT, PROJECT, PROJECT_ID, STATUS],
        Shows::StateSet("status"),
    )),
    of_environment(gauge(
        "gitlab_ci_environment_deployment_timestamp",
        "",
        "When the latest deployment was created, in seconds since 1970",
        OF_ENVIRONMENT,
        Shows::Value("created"),
    )),
];

const OF_ENVIRONMENT: &[Attribute] = &[ENVIRONMENT, PROJECT, PROJECT_ID];

const ENVIRONMENT: Attribute = Attribute {
    name: "environment",
    meaning: "The name of the environment.",
    examples: &["production", "staging"],
};

const ENVIRONMENT_ID: Attribute = Attribute {
    name: "environment_id",
    meaning: "GitLab's id of the environment.",
    examples: &["7"],
};

const AVAILABLE: Attribute = Attribute {
    name: "available",
    meaning: "Whether the environment is there, and not stopped.",
    examples: &["true", "false"],
};

const CURRENT_COMMIT: Attribute = Attribute {
    name: "current_commit_short_id",
    meaning: "The commit that the latest deployment brought; none before the first deployment.",
    examples: &["1a2b3c4d"],
};

const LATEST_COMMIT: Attribute = Attribute {
    name: "latest_commit_short_id",
    meaning: "The newest commit of the deployed ref, where it is known.",
    examples: &["5e6f7a8b"],
};

const STATUS: Attribute = Attribute {
    name: "status",
    meaning: "The status of the deployment, in GitLab's words.",
    examples: STATUSES,
};

const fn of_environment(row: MetricRow) -> CiExporterRow {
    CiExporterRow::of("environments", row, &[])
}
