//! DORA: incidents that were opened and closed, and how long changes took to be deployed, which is counted
//! where deployments are read.

use serde_json::{Value as Json, json};

use super::merge_request_events::DAYS;
use crate::metrics::subject::{
    Attribute, Cadence, Column, Feature, Feed, Feeds, Grain, Kind, PROJECT_ID, Raw, Rest, Rows,
    Shows, Stage, Subject, counter, histogram, time,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "dora",
    of: Grain::Project,
    cadence: Cadence::EachPoll,
    rows: Rows::Feeds(Feeds {
        lists: &[
            Feed {
                name: "opened",
                changed: "issues(types: [INCIDENT], createdAfter: $since)",
                rest_changed: "issues?scope=all&issue_type=incident&created_after={since}&order_by=created_at&sort=asc",
                stage: |raw| raw.time("createdAt").map_or(Stage::Resting, Stage::Ended),
                updated: "createdAt",
                ..INCIDENTS
            },
            // One that is opened again and closed again counts again: the end is another.
            Feed {
                name: "closed",
                changed: "issues(types: [INCIDENT], closedAfter: $since)",
                rest_changed: "issues?scope=all&issue_type=incident&state=closed&updated_after={since}&order_by=updated_at&sort=asc",
                stage: |raw| raw.time("closedAt").map_or(Stage::Resting, Stage::Ended),
                updated: "updatedAt",
                ..INCIDENTS
            },
        ],
        latest_per: &[],
        carried: &[],
        stages: &[],
    }),
    columns: &[
        time("opened", "createdAt", Rest::Body("created_at")).of(Feature::Issues),
        Column::computed("action", Kind::Label, |raw| raw.feed.into()),
        Column::computed("time_to_restore", Kind::Seconds, time_to_restore),
        // These are told by deployments.
        Column::computed("tier", Kind::Label, |_| Json::Null),
        Column::computed("lead_time", Kind::Seconds, |_| Json::Null),
    ],
    metrics: &[
        counter(
            "gitlab_incidents_total",
            "{incident}",
            "Incidents that were opened or closed since counting began, each time once",
            &[ACTION, PROJECT_ID],
            Shows::Ended {
                value: None,
                at: Some("opened"),
                bounds: &[],
            },
        )
        .called("gitlab.incident.events")
        .opt_in(),
        histogram(
            "gitlab_lead_time_for_changes_seconds",
            "s",
            "How long merge requests took from the merge until they were deployed since counting began",
            &[PROJECT_ID, TIER],
            Shows::Ended {
                value: Some("lead_time"),
                at: None,
                bounds: DAYS,
            },
        )
        .opt_in(),
        histogram(
            "gitlab_time_to_restore_service_seconds",
            "s",
            "How long incidents took from their creation until they were closed since counting began",
            &[PROJECT_ID],
            Shows::Ended {
                value: Some("time_to_restore"),
                at: None,
                bounds: DAYS,
            },
        )
        .opt_in(),
    ],
};

/// What both lists have in common.
const INCIDENTS: Feed = Feed {
    name: "",
    changed: "",
    newest: None,
    rest_changed: "",
    rest_newest: None,
    rest_one: None,
    rest_counts: None,
    key: "iid",
    asks: &["createdAt", "closedAt", "updatedAt"],
    stage: |_| Stage::Resting,
    before: |_| None,
    is_shown: |_| false,
    updated: "updatedAt",
    of_children: false,
};

const TIER: Attribute = Attribute {
    name: "tier",
    meaning: "The tier of the environment.",
    examples: &["production", "staging", "testing", "development", "other"],
};
const ACTION: Attribute = Attribute {
    name: "action",
    meaning: "What was done.",
    examples: &["opened", "closed"],
};

fn time_to_restore(raw: &Raw<'_>) -> Json {
    match (raw.feed, raw.time("closedAt"), raw.time("createdAt")) {
        ("closed", Some(closed), Some(created)) => json!(closed.saturating_sub(created)),
        _ => Json::Null,
    }
}
