//! Jobs that wait for a runner, by the tags that they ask of one.
//!
//! They are read by `poll::engine::queue`: all of them at once by an administrator, else those of
//! projects with a pipeline under way.

use crate::metrics::subject::{
    Attribute, Cadence, Grain, Many, Rest, Rows, Shows, Subject, count, gauge, label, time,
};

pub(in crate::metrics) static SUBJECT: Subject = Subject {
    name: "queue",
    of: Grain::Instance,
    cadence: Cadence::EachPoll,
    rows: Rows::Many(Many {
        list: "jobs(statuses: [PENDING])",
        rest: "projects/:id/jobs?scope[]=pending",
        key: "id",
        latest_per: &["tags"],
        at_most: 500,
    }),
    columns: &[
        label("tags", "tags", Rest::Body("tag_list")),
        count("jobs", "count", Rest::Body("count")),
        time("oldest", "queuedAt", Rest::Body("queued_at")),
    ],
    metrics: &[
        gauge(
            "gitlab_jobs_queued",
            "{job}",
            "Jobs that wait for a runner, by the tags that they ask of it",
            &[TAGS],
            Shows::Value("jobs"),
        )
        .opt_in(),
        gauge(
            "gitlab_jobs_queued_oldest_timestamp_seconds",
            "s",
            "Since when the job waits that has waited longest",
            &[TAGS],
            Shows::Value("oldest"),
        )
        .opt_in(),
    ],
};

const TAGS: Attribute = Attribute {
    name: "tags",
    meaning: "The tags that a runner must have, sorted and joined with commas; empty for none.",
    examples: &["docker,linux"],
};
