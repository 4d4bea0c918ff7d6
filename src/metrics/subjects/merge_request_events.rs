//! Merge requests that were merged, each once.

use serde_json::{Value as Json, json};

use crate::metrics::subject::{
    Cadence, Column, Feature, Feed, Feeds, Grain, Kind, PROJECT_ID, Raw, Rest, Rows, Shows, Stage,
    Subject, counter, histogram, time,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "merge_request_events",
    of: Grain::Project,
    cadence: Cadence::EachPoll,
    rows: Rows::Feeds(Feeds {
        lists: &[Feed {
            name: "merged",
            // With any other filter GitLab would not find them by when they were merged.
            changed: "mergeRequests(mergedAfter: $since, sort: MERGED_AT_DESC)",
            newest: None,
            rest_changed: "merge_requests?scope=all&state=merged&updated_after={since}&order_by=updated_at&sort=asc",
            rest_newest: None,
            rest_one: None,
            rest_counts: None,
            key: "iid",
            asks: &["createdAt", "mergedAt", "updatedAt"],
            stage,
            before: |_| None,
            is_shown: |_| false,
            updated: "updatedAt",
            of_children: false,
        }],
        latest_per: &[],
        carried: &[],
        stages: &[],
    }),
    columns: &[
        time("merged", "mergedAt", Rest::Body("merged_at")).of(Feature::MergeRequests),
        Column::computed("time_to_merge", Kind::Seconds, time_to_merge),
    ],
    metrics: &[
        counter(
            "gitlab_merge_requests_merged_total",
            "{merge_request}",
            "Merge requests that were merged since counting began, each once",
            &[PROJECT_ID],
            Shows::Ended {
                value: None,
                at: None,
                bounds: &[],
            },
        )
        .opt_in(),
        histogram(
            "gitlab_merge_request_time_to_merge_seconds",
            "s",
            "How long merge requests took from their creation to the merge since counting began",
            &[PROJECT_ID],
            Shows::Ended {
                value: Some("time_to_merge"),
                at: None,
                bounds: DAYS,
            },
        )
        .opt_in(),
    ],
};

/// From minutes to months.
pub(super) const DAYS: &[f64] = &[
    600.0,
    3_600.0,
    4.0 * 3_600.0,
    12.0 * 3_600.0,
    86_400.0,
    2.0 * 86_400.0,
    4.0 * 86_400.0,
    7.0 * 86_400.0,
    14.0 * 86_400.0,
    30.0 * 86_400.0,
    90.0 * 86_400.0,
];

fn stage(raw: &Raw<'_>) -> Stage {
    raw.time("mergedAt").map_or(Stage::Resting, Stage::Ended)
}

fn time_to_merge(raw: &Raw<'_>) -> Json {
    match (raw.time("mergedAt"), raw.time("createdAt")) {
        (Some(merged), Some(created)) => json!(merged.saturating_sub(created)),
        _ => Json::Null,
    }
}
