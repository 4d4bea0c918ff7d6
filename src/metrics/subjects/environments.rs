//! Environments that the configuration names, and when they were last deployed to.
//!
//! They are read by `poll::engine::environments`. An environment is several rows: one for itself, and
//! one for the last deployment of each status.

use super::deployments::{ENVIRONMENT, STATUS, TIER};
use crate::metrics::subject::{
    Attribute, Cadence, Grain, Many, PROJECT_ID, Rest, Rows, Shows, Subject, count, gauge, label,
    seconds, time,
};

pub(in crate::metrics) static SUBJECT: Subject = Subject {
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
        label("tier", "tier", Rest::Body("tier")),
        label("state", "state", Rest::Body("state")),
        label(
            "status",
            "lastDeployment.status",
            Rest::Body("last_deployment.status"),
        ),
        count("exists", "id", Rest::Body("id")),
        time(
            "ended",
            "lastDeployment.finishedAt",
            Rest::Body("deployable.finished_at"),
        ),
        seconds(
            "duration",
            "lastDeployment.job.duration",
            Rest::Body("deployable.duration"),
        ),
    ],
    metrics: &[
        gauge(
            "gitlab_environment_info",
            "",
            "What an environment is; always 1. Of those that metrics.environments names",
            &[ENVIRONMENT, PROJECT_ID, STATE, TIER],
            Shows::Value("exists"),
        )
        .opt_in(),
        gauge(
            "gitlab_environment_last_deployment_timestamp_seconds",
            "s",
            "When the last deployment of that status ended",
            &[ENVIRONMENT, PROJECT_ID, STATUS, TIER],
            Shows::Value("ended"),
        )
        .opt_in(),
        gauge(
            "gitlab_environment_last_deployment_duration_seconds",
            "s",
            "How long the last successful deployment took",
            &[ENVIRONMENT, PROJECT_ID, TIER],
            Shows::Value("duration"),
        )
        .opt_in(),
    ],
};

const STATE: Attribute = Attribute {
    name: "state",
    meaning: "Whether the environment is there or stopped.",
    examples: &["available", "stopping", "stopped"],
};
