//! Pipelines: the newest of each ref, how many are under way, and how many ended.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::pipeline_attributes::STATUSES;
use crate::metrics::subject::{
    Attribute, Cadence, Column, Convention, Feature, Feed, Feeds, Grain, Instrument, Kind,
    MetricRow, PROJECT_ID, Raw, Rest, RestCounts, Rows, Shows, Stage, Subject, Told, count,
    counter, gauge, histogram, time,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "pipelines",
    of: Grain::Project,
    cadence: Cadence::EachPoll,
    rows: Rows::Feeds(Feeds {
        lists: &[
            Feed {
                name: "pipelines",
                changed: "pipelines(updatedAfter: $since)",
                newest: Some("pipelines"),
                rest_changed: "pipelines?updated_after={since}&order_by=updated_at&sort=asc",
                rest_newest: Some("pipelines?order_by=id&sort=desc"),
                ..PIPELINES
            },
            // GitLab leaves children out unless they are asked for.
            Feed {
                name: "child_pipelines",
                changed: "pipelines(source: \"parent_pipeline\", updatedAfter: $since)",
                newest: None,
                rest_changed: "pipelines?source=parent_pipeline&updated_after={since}&order_by=updated_at&sort=asc",
                rest_newest: None,
                of_children: true,
                ..PIPELINES
            },
        ],
        latest_per: &["ref", "kind"],
        carried: &["last_success_id", "last_success"],
        stages: &["pending", "running"],
    }),
    columns: &[
        Column::computed("ref", Kind::Label, ref_name),
        Column::computed("kind", Kind::Label, ref_kind),
        Column::computed("status", Kind::Label, status),
        time("created", "createdAt", Rest::Body("created_at")).of(Feature::Pipelines),
        Column::computed("finished", Kind::Time, finished),
        Column::computed("duration", Kind::Seconds, duration),
        Column::computed("queued_duration", Kind::Seconds, queued),
        Column::computed("coverage", Kind::Ratio, coverage),
        count("jobs", "totalJobs", Rest::Body("total_jobs")),
        Column::computed("id", Kind::Count, id),
        Column::computed("iid", Kind::Count, |raw| raw.get("iid").clone()),
        Column::computed("last_success_id", Kind::Count, success_id),
        Column::computed("last_success", Kind::Time, success),
        Column::computed("run_duration", Kind::Seconds, run_duration),
    ],
    metrics: &[
        last_run(
            "gitlab_pipeline_last_run_status",
            "",
            "1 for the status of the newest pipeline of the ref",
            &[KIND, PROJECT_ID, REF, LAST_STATUS],
            Shows::StateSet("status"),
        ),
        last_run(
            "gitlab_pipeline_last_run_created_timestamp_seconds",
            "s",
            "When the newest pipeline of the ref was created",
            OF_REF,
            Shows::Value("created"),
        ),
        last_run(
            "gitlab_pipeline_last_run_finished_timestamp_seconds",
            "s",
            "When the newest pipeline of the ref ended; absent until it has",
            OF_REF,
            Shows::Value("finished"),
        ),
        last_run(
            "gitlab_pipeline_last_run_duration_seconds",
            "s",
            "How long the newest pipeline of the ref ran; absent until it has ended",
            OF_REF,
            Shows::Value("duration"),
        ),
        last_run(
            "gitlab_pipeline_last_run_queued_duration_seconds",
            "s",
            "How long the newest pipeline of the ref waited from its creation to its start",
            OF_REF,
            Shows::Value("queued_duration"),
        ),
        last_run(
            "gitlab_pipeline_last_run_coverage_ratio",
            "1",
            "Test coverage of the newest pipeline of the ref, 0 to 1",
            OF_REF,
            Shows::Value("coverage"),
        ),
        last_run(
            "gitlab_pipeline_last_run_jobs",
            "{job}",
            "Jobs of the newest pipeline of the ref, retried ones too",
            OF_REF,
            Shows::Value("jobs"),
        ),
        last_run(
            "gitlab_pipeline_last_run_id",
            "",
            "The id of the newest pipeline of the ref, to build a link",
            OF_REF,
            Shows::Value("id"),
        )
        .opt_in(),
        last_run(
            "gitlab_pipeline_last_success_timestamp_seconds",
            "s",
            "When the newest successful pipeline of the ref that was seen ended",
            OF_REF,
            Shows::Value("last_success"),
        ),
        gauge(
            "gitlab_pipelines_active",
            "{pipeline}",
            "Pipelines under way: pending ones wait to run, running ones run or are being canceled",
            &[PROJECT_ID, ACTIVE_STATE],
            Shows::Live("state"),
        )
        .as_convention(ACTIVE_RUNS),
        counter(
            "gitlab_pipeline_runs_total",
            "{run}",
            "Pipelines that ended since counting began, each end once",
            &[PROJECT_ID, STATUS],
            Shows::Ended {
                value: None,
                at: None,
                bounds: &[],
            },
        ),
        histogram(
            "gitlab_pipeline_run_duration_seconds",
            "s",
            "How long pipelines ran that ended as success or failed since counting began",
            &[PROJECT_ID, STATUS],
            Shows::Ended {
                value: Some("run_duration"),
                at: None,
                bounds: BOUNDS,
            },
        )
        .as_convention(&Convention {
            attributes: EXECUTED,
            ..RUN_DURATION
        }),
        histogram(
            "gitlab_pipeline_run_queued_duration_seconds",
            "s",
            "How long pipelines that ended since counting began had waited from their creation to their start",
            &[PROJECT_ID],
            Shows::Ended {
                value: Some("queued_duration"),
                at: None,
                bounds: BOUNDS,
            },
        )
        .as_convention(&Convention {
            attributes: &[Told::Always("cicd.pipeline.run.state", "pending")],
            ..RUN_DURATION
        })
        .opt_in_but_by_conventions(),
    ],
};

/// What both lists have in common.
const PIPELINES: Feed = Feed {
    name: "",
    changed: "",
    newest: None,
    rest_changed: "",
    rest_newest: None,
    // The lists lack when a pipeline started and ended, how long it ran, its coverage, and its tag.
    rest_one: Some("pipelines/{key}"),
    // Builds and the jobs that trigger other pipelines; REST has no list of both.
    rest_counts: Some(RestCounts {
        column: "jobs",
        lists: &[
            "pipelines/{key}/jobs?include_retried=true",
            "pipelines/{key}/bridges?include_retried=true",
        ],
    }),
    key: "id",
    asks: &[
        "id",
        "iid",
        "status",
        "source",
        "ref",
        "refPath",
        "createdAt",
        "startedAt",
        "finishedAt",
        "updatedAt",
        "duration",
        "coverage",
    ],
    stage,
    before,
    is_shown,
    updated: "updatedAt",
    of_children: false,
};

/// From seconds to hours.
const BOUNDS: &[f64] = &[
    10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0,
];

/// One that is being canceled counts as running: GitLab's own list has it so.
const ACTIVE_RUNS: &Convention = &Convention {
    name: "cicd.pipeline.run.active",
    instrument: Instrument::UpDownCounter,
    unit: "{run}",
    help: "The number of pipeline runs currently active in the system by state",
    shows: None,
    attributes: &[Told::Named {
        of: "state",
        name: "cicd.pipeline.run.state",
        words: &[("pending", "pending"), ("running", "executing")],
    }],
};

const RUN_DURATION: Convention = Convention {
    name: "cicd.pipeline.run.duration",
    instrument: Instrument::Histogram,
    unit: "s",
    help: "Duration of a pipeline run grouped by pipeline, state and result",
    shows: None,
    attributes: &[],
};

/// GitLab does not tell in its lists why a pipeline failed: `_OTHER` is the convention's word for that.
const EXECUTED: &[Told] = &[
    Told::Always("cicd.pipeline.run.state", "executing"),
    Told::Named {
        of: "status",
        name: "cicd.pipeline.result",
        words: &[
            ("success", "success"),
            ("failed", "failure"),
            ("canceled", "cancellation"),
            ("skipped", "skip"),
        ],
    },
    Told::Where {
        of: "status",
        word: "failed",
        name: "error.type",
        value: "_OTHER",
    },
];

const OF_REF: &[Attribute] = &[KIND, PROJECT_ID, REF];
const REF: Attribute = Attribute {
    name: "ref",
    meaning: "The branch or tag, or the number of the merge request in its project.",
    examples: &["main", "v1.2.0", "42"],
};
const KIND: Attribute = Attribute {
    name: "kind",
    meaning: "What the ref is.",
    examples: &["branch", "tag", "merge_request"],
};
const STATUS: Attribute = Attribute {
    name: "status",
    meaning: "How the pipeline ended, in GitLab's words.",
    examples: &["success", "failed", "canceled", "skipped"],
};
const LAST_STATUS: Attribute = Attribute {
    name: "status",
    meaning: "The status in GitLab's words; those that GitLab adds are shown as they come.",
    examples: STATUSES,
};
const ACTIVE_STATE: Attribute = Attribute {
    name: "state",
    meaning: "Whether pipelines wait or run.",
    examples: &["pending", "running"],
};

/// GitLab does not take pipelines of these sources for the latest of a ref (its own list of dangling
/// sources).
const DANGLING: &[&str] = &[
    "webide",
    "parent_pipeline",
    "ondemand_dast_scan",
    "ondemand_dast_validation",
    "security_orchestration_policy",
    "container_registry_push",
    "duo_workflow",
    "pipeline_execution_policy_schedule",
];

const fn last_run(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    attributes: &'static [Attribute],
    shows: Shows,
) -> MetricRow {
    gauge(name, unit, help, attributes, shows)
}

fn lower(raw: &Raw<'_>) -> Cow<'static, str> {
    raw.text("status")
        .unwrap_or_default()
        .to_ascii_lowercase()
        .into()
}

fn status(raw: &Raw<'_>) -> Json {
    lower(raw).into()
}

/// `manual` and `scheduled` may rest for years; a word that is not known here is taken for that.
fn stage(raw: &Raw<'_>) -> Stage {
    let began = raw.time("createdAt").unwrap_or_default();
    match &*lower(raw) {
        "created" | "waiting_for_resource" | "preparing" | "pending" | "waiting_for_callback" => {
            Stage::Live(0)
        }
        "running" | "canceling" => Stage::Live(1),
        "success" | "failed" | "canceled" => match raw.time("finishedAt") {
            Some(at) => Stage::Ended(at),
            None => Stage::EndedSometime(began),
        },
        "skipped" => Stage::EndedSometime(began),
        _ => Stage::Resting,
    }
}

/// A pipeline that was retried keeps its old end while it runs again, and not how it ended. Only one with
/// a failed or canceled job can be retried, and nearly all of those have failed.
fn before(raw: &Raw<'_>) -> Option<Json> {
    let ended = !raw.get("finishedAt").is_null();
    let again = ended && matches!(stage(raw), Stage::Live(_));
    again.then(|| {
        let mut before = raw.json.clone();
        before["status"] = "failed".into();
        before["duration"] = Json::Null;
        before
    })
}

fn is_shown(raw: &Raw<'_>) -> bool {
    let source = raw.text("source").unwrap_or_default();
    !DANGLING
        .iter()
        .any(|dangling| source.eq_ignore_ascii_case(dangling))
}

/// A branch and a tag of one name are two refs. The pipelines of a merge request share one, whether they
/// run on its head, on the merged result or in a train.
fn ref_of<'a>(raw: &Raw<'a>) -> (&'a str, &'static str) {
    let name = raw.text("ref").unwrap_or_default();
    if let Some(rest) = name.strip_prefix("refs/merge-requests/") {
        return (rest.split('/').next().unwrap_or(rest), "merge_request");
    }
    let path = raw.text("refPath").unwrap_or_default();
    let is_tag = path.starts_with("refs/tags/") || *raw.get("tag") == json!(true);
    (name, if is_tag { "tag" } else { "branch" })
}

fn ref_name(raw: &Raw<'_>) -> Json {
    ref_of(raw).0.into()
}

fn ref_kind(raw: &Raw<'_>) -> Json {
    ref_of(raw).1.into()
}

/// A pipeline that was retried keeps its old end while it runs again.
fn has_ended(raw: &Raw<'_>) -> bool {
    matches!(stage(raw), Stage::Ended(_) | Stage::EndedSometime(_))
}

fn finished(raw: &Raw<'_>) -> Json {
    match stage(raw) {
        Stage::Ended(_) => raw.get("finishedAt").clone(),
        _ => Json::Null,
    }
}

fn duration(raw: &Raw<'_>) -> Json {
    match has_ended(raw) {
        true => raw.get("duration").clone(),
        false => Json::Null,
    }
}

/// GitLab's own `queuedDuration` is null where it is nothing.
fn queued(raw: &Raw<'_>) -> Json {
    match (raw.time("startedAt"), raw.time("createdAt")) {
        (Some(started), Some(created)) => started.saturating_sub(created).into(),
        _ => Json::Null,
    }
}

/// Percent; REST writes them as a text.
fn coverage(raw: &Raw<'_>) -> Json {
    let percent = match raw.get("coverage") {
        Json::String(text) => text.parse().ok(),
        value => value.as_f64(),
    };
    percent.map_or(Json::Null, |percent: f64| json!(percent / 100.0))
}

fn is_success(raw: &Raw<'_>) -> bool {
    lower(raw) == "success"
}

fn success_id(raw: &Raw<'_>) -> Json {
    match is_success(raw) {
        true => id(raw),
        false => Json::Null,
    }
}

fn success(raw: &Raw<'_>) -> Json {
    match is_success(raw) {
        true => finished(raw),
        false => Json::Null,
    }
}

/// A canceled or skipped pipeline says nothing of how long a run takes.
fn run_duration(raw: &Raw<'_>) -> Json {
    match &*lower(raw) {
        "success" | "failed" => duration(raw),
        _ => Json::Null,
    }
}

/// The number at the end of a global id.
fn id(raw: &Raw<'_>) -> Json {
    let text = raw.text("id").and_then(|gid| gid.rsplit('/').next());
    let number: Option<u64> = text.and_then(|number| number.parse().ok());
    number.map_or_else(|| raw.get("id").clone(), Json::from)
}
