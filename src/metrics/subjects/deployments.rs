//! Deployments that ended, from GitLab's own records of them, and how long the merge requests in them
//! had been merged by then.
//!
//! They are read by `poll::engine::deployments`, over REST: no other list tells what changed.

use crate::metrics::subject::{
    Attribute, Cadence, Grain, Many, PROJECT_ID, Rest, Rows, Shows, Subject, counter, histogram,
    label, seconds, time,
};

pub(in crate::metrics) static SUBJECT: Subject = Subject {
    name: "deployments",
    of: Grain::Project,
    cadence: Cadence::EachPoll,
    rows: Rows::Many(Many {
        list: "deployments",
        rest: "deployments?order_by=updated_at&sort=asc",
        key: "id",
        latest_per: &[],
        at_most: 1,
    }),
    columns: &[
        label(
            "environment",
            "environment.name",
            Rest::Body("environment.name"),
        ),
        label("tier", "environment.tier", Rest::Body("environment.tier")),
        label("status", "status", Rest::Body("status")),
        time(
            "finished",
            "finishedAt",
            Rest::Body("deployable.finished_at"),
        ),
        seconds(
            "duration",
            "job.duration",
            Rest::Body("deployable.duration"),
        ),
    ],
    metrics: &[
        counter(
            "gitlab_deployments_total",
            "{deployment}",
            "Deployments that ended since counting began",
            &[ENVIRONMENT, PROJECT_ID, STATUS, TIER],
            Shows::Ended {
                value: None,
                at: Some("finished"),
                bounds: &[],
            },
        )
        .called("gitlab.deployment.runs")
        .opt_in(),
        histogram(
            "gitlab_deployment_duration_seconds",
            "s",
            "How long deployments took that ended since counting began",
            &[PROJECT_ID, TIER],
            Shows::Ended {
                value: Some("duration"),
                at: Some("finished"),
                bounds: DURATIONS,
            },
        )
        .opt_in(),
    ],
};

/// From seconds to an hour.
const DURATIONS: &[f64] = &[
    5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0,
];

pub(super) const ENVIRONMENT: Attribute = Attribute {
    name: "environment",
    meaning: "The name of the environment.",
    examples: &["production", "review/new-login"],
};

pub(super) const STATUS: Attribute = Attribute {
    name: "status",
    meaning: "How the deployment ended.",
    examples: &["success", "failed", "canceled"],
};

pub(super) const TIER: Attribute = Attribute {
    name: "tier",
    meaning: "What the environment is for; GitLab guesses it from the name unless it is set.",
    examples: &["production", "staging", "testing", "development", "other"],
};
