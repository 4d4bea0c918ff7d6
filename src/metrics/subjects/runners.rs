//! Runners, where the token may see them: all of the GitLab for administrators, else those of the
//! selected groups.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::groups::GROUP_ID;
use crate::metrics::subject::{
    Attribute, Cadence, Convention, Grain, Instrument, Made, MadeRow, Part, Rest, Rows, Shows,
    Subject, count, gauge, label, time,
};

/// How many there are. They are walked apart from everything else that is asked of the GitLab.
pub(super) static COUNTS: Subject = Subject {
    name: "runners",
    of: Grain::Instance,
    cadence: Cadence::FIVE_MINUTES,
    rows: Rows::Made(Made {
        graphql: &[],
        at: "",
        rest: "runners/all",
        is_list: true,
        rows: by_status,
    }),
    columns: &[
        // No identity: a GitLab has runners of several groups, and all of them have none.
        label("group_id", "", Rest::Nowhere),
        label("status", "", Rest::Nowhere),
        label("runner_type", "", Rest::Nowhere),
        label("paused", "", Rest::Nowhere),
        count("runners", "", Rest::Nowhere),
        // How many of them run a job, where each of them tells.
        count("busy", "", Rest::Nowhere),
    ],
    metrics: &[gauge(
        "gitlab_runners",
        "{runner}",
        "Runners that the token may see, each once; with the selected group that tells of them, unless all are told",
        &[GROUP_ID, PAUSED, RUNNER_TYPE, STATUS],
        Shows::Value("runners"),
    )
    .called("gitlab.runner.count")
    .as_convention(WORKERS)],
};

/// The convention knows no runner that is told to take no jobs: it is neither available nor offline.
const WORKERS: &Convention = &Convention {
    name: "cicd.worker.count",
    instrument: Instrument::UpDownCounter,
    unit: "{worker}",
    help: "The number of workers on the CI/CD system by state",
    shows: Some(Shows::Parts {
        attribute: "cicd.worker.state",
        parts: &[
            Part {
                word: "available",
                of_rows: &[IN_TOUCH, ("paused", &["false"])],
                plus: "runners",
                less: Some("busy"),
            },
            Part {
                word: "busy",
                of_rows: &[IN_TOUCH],
                plus: "busy",
                less: None,
            },
            Part {
                word: "paused",
                of_rows: &[IN_TOUCH, ("paused", &["true"])],
                plus: "runners",
                less: Some("busy"),
            },
            Part {
                word: "offline",
                of_rows: &[("status", &["offline", "stale", "never_contacted"])],
                plus: "runners",
                less: None,
            },
        ],
    }),
    attributes: &[],
};

const IN_TOUCH: (&str, &[&str]) = ("status", &["online"]);

/// Each one; GraphQL alone tells tags, versions and the last contact.
pub(super) static EACH: Subject = Subject {
    name: "runners",
    of: Grain::Runner,
    cadence: Cadence::FIVE_MINUTES,
    rows: Rows::One,
    columns: &[
        label("description", "", Rest::Body("description")),
        label("runner_type", "", Rest::Body("runner_type")),
        label("version", "", Rest::Body("version")),
        label("tags", "", Rest::Body("tags")),
        count("busy", "", Rest::Body("busy")),
        time("last_contact", "", Rest::Body("last_contact")),
    ],
    metrics: &[
        gauge(
            "gitlab_runner_info",
            "",
            "What a runner is; always 1",
            &[DESCRIPTION, RUNNER_ID, RUNNER_TYPE, TAGS, VERSION],
            Shows::Info,
        )
        .opt_in(),
        gauge(
            "gitlab_runner_busy",
            "",
            "1 while the runner runs a job, else 0",
            &[RUNNER_ID],
            Shows::Value("busy"),
        )
        .opt_in(),
        gauge(
            "gitlab_runner_last_contact_timestamp_seconds",
            "s",
            "When the runner last asked for jobs",
            &[RUNNER_ID],
            Shows::Value("last_contact"),
        )
        .opt_in(),
    ],
};

/// Counts runners, told as [`crate::metrics::runner`] makes them alike for both APIs.
fn by_status(told: &Json) -> Option<Vec<MadeRow>> {
    let mut counts = BTreeMap::<Vec<String>, (f64, Option<f64>)>::new();
    for runner in told.as_array()? {
        let paused = runner["paused"].as_bool()?;
        let word = |name: &str| runner[name].as_str().map(str::to_owned);
        let group = runner["group"].as_u64().map(|id| id.to_string());
        let labels = vec![
            group.unwrap_or_default(),
            word("status")?,
            word("runner_type")?,
            paused.to_string(),
        ];
        let (count, busy) = counts.entry(labels).or_insert((0.0, Some(0.0)));
        *count += 1.0;
        *busy = busy.and_then(|busy| Some(busy + runner["busy"].as_f64()?));
    }
    let rows = counts
        .into_iter()
        .map(|(labels, (count, busy))| (labels, vec![Some(count), busy]));
    Some(rows.collect())
}

const RUNNER_ID: Attribute = Attribute {
    name: "runner_id",
    meaning: "GitLab's id of the runner.",
    examples: &["27"],
};

const STATUS: Attribute = Attribute {
    name: "status",
    meaning: "Whether the runner is in touch, in GitLab's words.",
    examples: &["online", "offline", "stale", "never_contacted"],
};

const RUNNER_TYPE: Attribute = Attribute {
    name: "runner_type",
    meaning: "Whose the runner is.",
    examples: &["instance_type", "group_type", "project_type"],
};

const PAUSED: Attribute = Attribute {
    name: "paused",
    meaning: "Whether the runner is told to take no jobs.",
    examples: &["true", "false"],
};

const DESCRIPTION: Attribute = Attribute {
    name: "description",
    meaning: "What the runner is called.",
    examples: &["shared-1"],
};

const TAGS: Attribute = Attribute {
    name: "tags",
    meaning: "The runner's tags, sorted, with commas between them.",
    examples: &["docker,linux"],
};

const VERSION: Attribute = Attribute {
    name: "version",
    meaning: "The version that the runner's manager reports.",
    examples: &["18.8.0"],
};
