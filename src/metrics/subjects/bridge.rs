//! The bridge itself: whether it works, what it costs and why something is missing.

use std::time::Duration;

use crate::metrics::subject::{Attribute, Cadence, Grain, Rows, Shows, Subject, counter, gauge};
use crate::metrics::{BridgeStatus, Emit, Export, GitLabStatus, Report};

pub(super) static SUBJECT: Subject = Subject {
    name: "bridge",
    of: Grain::Instance,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[],
    metrics: &[
        gauge(
            "gitlab_bridge_build_info",
            "",
            "The version of the bridge; always 1",
            &[VERSION],
            Shows::Bridge(|bridge, emit| emit(&[(VERSION.name, bridge.version)], 1.0)),
        ),
        gauge(
            "gitlab_bridge_config_info",
            "",
            "A digest of the settings in use, which tells replicas with other settings apart; always 1",
            &[HASH],
            Shows::Bridge(|bridge, emit| {
                if !bridge.config.is_empty() {
                    emit(&[(HASH.name, &bridge.config)], 1.0);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_config_last_reload_successful",
            "",
            "Whether the last reload took the configuration; 0 while an older one goes on since it was refused",
            &[],
            Shows::Bridge(|bridge, emit| {
                if let Some(reload) = bridge.reload {
                    emit(&[], flag(reload.succeeded));
                }
            }),
        ),
        gauge(
            "gitlab_bridge_config_last_reload_success_timestamp_seconds",
            "s",
            "When the configuration in use was taken, at the start or by a reload",
            &[],
            Shows::Bridge(|bridge, emit| {
                if let Some(reload) = bridge.reload {
                    emit(&[], reload.last_success);
                }
            }),
        ),
        counter(
            "gitlab_bridge_panics_total",
            "{panic}",
            "How often a part of the bridge broke off since the start; it begins anew by itself",
            &[TASK],
            Shows::Bridge(|bridge, emit| {
                for (task, count) in &bridge.panics {
                    emit(&[(TASK.name, task)], *count as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_memory_limit_bytes",
            "By",
            "How much memory the bridge may take; absent without a limit",
            &[],
            Shows::Bridge(|bridge, emit| {
                if let Some(memory) = &bridge.memory {
                    emit(&[], memory.limit as f64);
                }
            }),
        ),
        counter(
            "gitlab_bridge_memory_refusals_total",
            "{refusal}",
            "Work that was refused since the start to stay below the limit of memory",
            &[WORK],
            Shows::Bridge(|bridge, emit| {
                for (work, count) in bridge.memory.iter().flat_map(|memory| &memory.refused) {
                    emit(&[(WORK.name, work)], *count as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_left_out_projects",
            "{project}",
            "Selected projects that are not read, as there is no memory for them; absent without a limit",
            &[],
            Shows::GitLab(|gitlab, emit| {
                if let Some(left_out) = poll(gitlab).and_then(|report| report.left_out) {
                    emit(&[], left_out as f64);
                }
            }),
        ),
        counter(
            "gitlab_bridge_connections_refused_total",
            "{connection}",
            "Connections to our endpoints that were not taken at once, or not kept, since the start",
            &[REFUSAL],
            Shows::Bridge(|bridge, emit| {
                for (reason, count) in &bridge.connections {
                    emit(&[(REFUSAL.name, reason)], *count as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_up",
            "",
            "Whether GitLab answers: 0 once it has answered nothing for two intervals, though asked",
            &[INSTANCE_URL],
            Shows::GitLab(|gitlab, emit| {
                let reached = poll(gitlab).map(|report| report.reached);
                let up = if gitlab.is_silent() {
                    Some(false)
                } else {
                    reached
                };
                if let Some(up) = up {
                    emit(&[(INSTANCE_URL.name, &gitlab.url)], flag(up));
                }
            }),
        ),
        gauge(
            "gitlab_bridge_last_poll_success",
            "",
            "Whether the last poll read every selected project, and the one under way is answered",
            &[],
            Shows::GitLab(|gitlab, emit| {
                if let Some(report) = poll(gitlab) {
                    emit(&[], flag(report.failure.is_none() && !gitlab.is_silent()));
                }
            }),
        ),
        gauge(
            "gitlab_bridge_last_successful_poll_timestamp_seconds",
            "s",
            "When the last poll that read every selected project ended",
            &[],
            Shows::GitLab(|gitlab, emit| {
                let report = gitlab.snapshot.report.as_ref();
                if let Some(at) = report.and_then(|report| report.last_complete) {
                    let age = gitlab.now.saturating_sub(at);
                    emit(&[], gitlab.wall_clock.saturating_sub(age) as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_poll_duration_seconds",
            "s",
            "How long the last poll took",
            &[],
            Shows::GitLab(|gitlab, emit| {
                if let Some(report) = poll(gitlab) {
                    emit(&[], report.took.as_secs_f64());
                }
            }),
        ),
        gauge(
            "gitlab_bridge_poll_lateness_seconds",
            "s",
            "By how much the last poll was longer than its interval",
            &[],
            Shows::GitLab(|gitlab, emit| {
                if let Some(report) = poll(gitlab) {
                    emit(&[], report.late.as_secs_f64());
                }
            }),
        ),
        counter(
            "gitlab_bridge_poll_errors_total",
            "{error}",
            "Errors of polls since the start by what was read and why it failed",
            &[COLLECTOR, ERROR_TYPE],
            Shows::GitLab(|gitlab, emit| {
                let errors = gitlab
                    .snapshot
                    .report
                    .iter()
                    .flat_map(|report| &report.errors);
                for ((collector, reason), count) in errors {
                    emit(
                        &[(COLLECTOR.name, collector), (ERROR_TYPE.name, reason)],
                        *count as f64,
                    );
                }
            }),
        ),
        gauge(
            "gitlab_bridge_data_age_seconds",
            "s",
            "Age of the oldest value that is shown of each subject",
            &[COLLECTOR],
            Shows::GitLab(|gitlab, emit| {
                for age in &gitlab.snapshot.ages {
                    let seconds = gitlab.now.saturating_sub(age.oldest);
                    emit(&[(COLLECTOR.name, age.collector)], seconds as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_missing_series",
            "{series}",
            "Series that are absent because their value is not known, by reason",
            &[METRIC, REASON],
            Shows::GitLab(|gitlab, emit| {
                for missing in &gitlab.snapshot.missing {
                    let attributes = [
                        (METRIC.name, missing.metric),
                        (REASON.name, missing.reason.name()),
                    ];
                    emit(&attributes, missing.count as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_dropped_series",
            "{series}",
            "Series that are not shown because there are more than a limit allows",
            &[METRIC, REASON],
            Shows::GitLab(|gitlab, emit| {
                for (metric, count) in &gitlab.snapshot.dropped {
                    let attributes = [(METRIC.name, *metric), (REASON.name, "over_limit")];
                    emit(&attributes, *count as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_subject_state",
            "",
            "1 for how a subject gets on: active, disabled, unsupported, forbidden, unlicensed or failing",
            &[COLLECTOR, SUBJECT_STATE],
            Shows::GitLab(|gitlab, emit| {
                for (subject, state) in &gitlab.snapshot.states {
                    let attributes = [
                        (COLLECTOR.name, *subject),
                        (SUBJECT_STATE.name, state.name()),
                    ];
                    emit(&attributes, 1.0);
                }
            }),
        ),
        counter(
            "gitlab_bridge_events_total",
            "{event}",
            "Ended things that were taken into counters and histograms since counting began",
            &[COLLECTOR],
            Shows::GitLab(|gitlab, emit| {
                for (subject, count) in &gitlab.snapshot.events {
                    emit(&[(COLLECTOR.name, subject)], *count as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_series",
            "{series}",
            "Series about GitLab that are shown",
            &[],
            Shows::GitLab(|gitlab, emit| {
                let snapshot = &gitlab.snapshot;
                if snapshot.report.is_some() {
                    emit(&[], snapshot.all_series() as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_metric_series",
            "{series}",
            "Series about GitLab that are shown, by metric",
            &[METRIC],
            Shows::GitLab(|gitlab, emit| {
                for (metric, series) in &gitlab.snapshot.series {
                    emit(&[(METRIC.name, metric)], *series as f64);
                }
            }),
        ),
        counter(
            "gitlab_bridge_api_requests_total",
            "{request}",
            "Requests made to GitLab since the start by endpoint class and outcome",
            &[CODE, ENDPOINT],
            Shows::GitLab(|gitlab, emit| {
                for ((endpoint, code), count) in &gitlab.usage.requests {
                    emit(
                        &[(CODE.name, code), (ENDPOINT.name, endpoint)],
                        *count as f64,
                    );
                }
            }),
        ),
        counter(
            "gitlab_bridge_api_retries_total",
            "{request}",
            "Requests to GitLab that were repeated since the start",
            &[],
            Shows::GitLab(|gitlab, emit| emit(&[], gitlab.usage.retries as f64)),
        ),
        counter(
            "gitlab_bridge_api_wait_seconds_total",
            "s",
            "Time requests to GitLab have waited for rate limits since the start",
            &[],
            Shows::GitLab(|gitlab, emit| emit(&[], gitlab.usage.waited.as_secs_f64())),
        ),
        gauge(
            "gitlab_bridge_api_rate_limit_remaining",
            "{request}",
            "What GitLab last said is left of its rate limit",
            &[],
            Shows::GitLab(|gitlab, emit| {
                if let Some(remaining) = gitlab.usage.rate_limit_remaining {
                    emit(&[], remaining as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_api_budget_remaining",
            "{request}",
            "What is left of the request budget at this moment",
            &[],
            Shows::GitLab(|gitlab, emit| {
                if let Some(remaining) = gitlab.usage.budget_remaining {
                    emit(&[], remaining as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_state_write_success",
            "",
            "Whether what is known could last be written to the file that keeps it over a restart",
            &[],
            Shows::GitLab(|gitlab, emit| {
                let report = gitlab.snapshot.report.as_ref();
                if let Some(kept) = report.and_then(|report| report.kept) {
                    emit(&[], flag(kept));
                }
            }),
        ),
        counter(
            "gitlab_bridge_exports_total",
            "{export}",
            "Exports since the start by exporter and outcome",
            &[EXPORTER, OUTCOME],
            Shows::Bridge(|bridge, emit| {
                for export in &bridge.exports {
                    let exporter = (EXPORTER.name, export.exporter);
                    emit(
                        &[exporter, (OUTCOME.name, "success")],
                        export.succeeded as f64,
                    );
                    emit(&[exporter, (OUTCOME.name, "failure")], export.failed as f64);
                }
            }),
        ),
        gauge(
            "gitlab_bridge_last_export_success",
            "",
            "Whether the last export succeeded",
            &[EXPORTER],
            Shows::Bridge(|bridge, emit| {
                each_export(bridge, emit, |export| export.last.map(flag));
            }),
        ),
        gauge(
            "gitlab_bridge_last_successful_export_timestamp_seconds",
            "s",
            "When the last good export ended",
            &[EXPORTER],
            Shows::Bridge(|bridge, emit| {
                let wall_clock = Duration::from_secs(bridge.wall_clock);
                each_export(bridge, emit, |export| {
                    let ago = export.last_success?;
                    Some(wall_clock.saturating_sub(ago).as_secs() as f64)
                });
            }),
        ),
        gauge(
            "gitlab_bridge_export_queue_messages",
            "{message}",
            "Messages that wait for a receiver that is away",
            &[EXPORTER],
            Shows::Bridge(|bridge, emit| {
                each_export(bridge, emit, |export| {
                    Some(export.queue.as_ref()?.messages as f64)
                });
            }),
        ),
        gauge(
            "gitlab_bridge_export_queue_bytes",
            "By",
            "Size of the messages that wait for a receiver that is away",
            &[EXPORTER],
            Shows::Bridge(|bridge, emit| {
                each_export(bridge, emit, |export| {
                    Some(export.queue.as_ref()?.bytes as f64)
                });
            }),
        ),
        counter(
            "gitlab_bridge_export_given_up_total",
            "{message}",
            "Messages that waited for a receiver and were given up since the start, by reason",
            &[EXPORTER, REASON],
            Shows::Bridge(|bridge, emit| {
                for export in &bridge.exports {
                    let given_up = export.queue.iter().flat_map(|queue| &queue.given_up);
                    for (reason, count) in given_up {
                        let attributes = [(EXPORTER.name, export.exporter), (REASON.name, *reason)];
                        emit(&attributes, *count as f64);
                    }
                }
            }),
        ),
        counter(
            "gitlab_bridge_webhooks_total",
            "{webhook}",
            "Webhooks received since the start by event and outcome",
            &[EVENT, OUTCOME],
            Shows::Bridge(|bridge, emit| {
                for ((event, outcome), count) in &bridge.webhooks {
                    let attributes = [(EVENT.name, *event), (OUTCOME.name, *outcome)];
                    emit(&attributes, *count as f64);
                }
            }),
        ),
    ],
};

/// The last poll of this process.
fn poll(gitlab: &GitLabStatus) -> Option<&Report> {
    let report = gitlab.snapshot.report.as_ref();
    report.filter(|report| !report.restored)
}

fn each_export(bridge: &BridgeStatus, emit: &mut Emit<'_>, value: impl Fn(&Export) -> Option<f64>) {
    for export in &bridge.exports {
        if let Some(value) = value(export) {
            emit(&[(EXPORTER.name, export.exporter)], value);
        }
    }
}

fn flag(good: bool) -> f64 {
    if good { 1.0 } else { 0.0 }
}

const VERSION: Attribute = Attribute {
    name: "version",
    meaning: "The version of the bridge.",
    examples: &["0.1.0"],
};

const HASH: Attribute = Attribute {
    name: "hash",
    meaning: "The digest: the first letters of the settings' SHA-256, secrets left out.",
    examples: &["5f70bf18a086"],
};

const TASK: Attribute = Attribute {
    name: "task",
    meaning: "The part of the bridge.",
    examples: &["poll", "prometheus", "otlp"],
};

const WORK: Attribute = Attribute {
    name: "work",
    meaning: "What was refused: `scrape` (in a format that has to be made), `webhook` (its body) or `message` (one of OTLP that would wait in memory).",
    examples: &["scrape", "webhook", "message"],
};

const REFUSAL: Attribute = Attribute {
    name: "reason",
    meaning: "Why: `accept_error` (the system gave no connection, such as without a descriptor), `waited` (all were in use, and nobody could leave), `gave_way` (closed for another one, as it did nothing) or `overdue` (too slow).",
    examples: &["accept_error", "waited", "gave_way", "overdue"],
};

const INSTANCE_URL: Attribute = Attribute {
    name: "instance_url",
    meaning: "The address of the GitLab that is polled.",
    examples: &["https://gitlab.example.com/"],
};

const COLLECTOR: Attribute = Attribute {
    name: "collector",
    meaning: "What was read: a subject of this reference.",
    examples: &[
        "commits",
        "merge_requests",
        "projects",
        "issues",
        "releases",
        "storage",
    ],
};

const ERROR_TYPE: Attribute = Attribute {
    name: "error_type",
    meaning: "Why it failed, in one word.",
    examples: &[
        "unauthorized",
        "forbidden",
        "not_found",
        "rate_limited",
        "budget",
        "server_error",
        "timeout",
        "network",
    ],
};

const METRIC: Attribute = Attribute {
    name: "metric",
    meaning: "The metric that lacks series.",
    examples: &["gitlab_commits_total"],
};

const SUBJECT_STATE: Attribute = Attribute {
    name: "state",
    meaning: "`active`: it is read; `disabled`: none of its metrics is enabled; `unsupported`: this GitLab does not have it; `forbidden`: the token may not see it; `unlicensed`: GitLab's licence does not include it; `failing`: it can't be read at the moment.",
    examples: &[
        "active",
        "disabled",
        "unsupported",
        "forbidden",
        "unlicensed",
        "failing",
    ],
};

const REASON: Attribute = Attribute {
    name: "reason",
    meaning: "Why: `hidden` (the token may not see it), `unsupported` (this GitLab does not have it), `invalid` (GitLab told what can't be true), `pending` (it is still to be asked), `over_limit` (there are more than a limit allows), or an error type. Of messages: `too_old`, `over_size`, `refused` (the receiver does not want it), `damaged` (the disk changed it) or `other_endpoint` (it waited for another receiver).",
    examples: &[
        "over_limit",
        "hidden",
        "unsupported",
        "invalid",
        "pending",
        "timeout",
    ],
};

const CODE: Attribute = Attribute {
    name: "code",
    meaning: "The HTTP status, or why there was none.",
    examples: &["200", "429", "timeout"],
};

const ENDPOINT: Attribute = Attribute {
    name: "endpoint",
    meaning: "What was asked, as far as GitLab limits it together.",
    examples: &[
        "graphql",
        "projects",
        "project",
        "group_projects",
        "jobs",
        "rest",
    ],
};

const EXPORTER: Attribute = Attribute {
    name: "exporter",
    meaning: "The exporter.",
    examples: &["otlp", "prometheus"],
};

const EVENT: Attribute = Attribute {
    name: "event",
    meaning: "What a webhook is about.",
    examples: &["push", "merge_request", "issue", "pipeline", "other"],
};

const OUTCOME: Attribute = Attribute {
    name: "outcome",
    meaning: "How an export ended, or what became of a webhook.",
    examples: &["success", "failure", "accepted", "unauthorized", "invalid"],
};
