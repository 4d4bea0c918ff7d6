//! Pipeline schedules: how many there are, and when each that is active runs next.

use serde_json::Value as Json;

use crate::metrics::subject::{
    Attribute, Cadence, Grain, Made, MadeRow, PROJECT_ID, Rest, Rows, Shows, Subject, count, gauge,
    label, time,
};
use crate::metrics::time::moment;

/// GraphQL asks one project a request for them, so REST is asked.
const REST: &str = "pipeline_schedules";

pub(super) static COUNTS: Subject = Subject {
    name: "pipeline_schedules",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::Made(Made {
        graphql: &[],
        at: "",
        rest: REST,
        is_list: true,
        rows: by_active,
    }),
    columns: &[
        label("active", "", Rest::Nowhere),
        count("schedules", "", Rest::Nowhere),
    ],
    metrics: &[gauge(
        "gitlab_pipeline_schedules",
        "{schedule}",
        "Pipeline schedules of the project",
        &[ACTIVE, PROJECT_ID],
        Shows::Value("schedules"),
    )
    .opt_in()],
};

pub(super) static NEXT_RUNS: Subject = Subject {
    name: "pipeline_schedules",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::Made(Made {
        graphql: &[],
        at: "",
        rest: REST,
        is_list: true,
        rows: next_runs,
    }),
    columns: &[
        label("schedule_id", "", Rest::Nowhere),
        time("next_run", "", Rest::Nowhere),
    ],
    metrics: &[gauge(
        "gitlab_pipeline_schedule_next_run_timestamp_seconds",
        "s",
        "When an active pipeline schedule runs next",
        &[PROJECT_ID, SCHEDULE_ID],
        Shows::Value("next_run"),
    )
    .opt_in()],
};

const ACTIVE: Attribute = Attribute {
    name: "active",
    meaning: "Whether the schedule runs pipelines.",
    examples: &["true", "false"],
};

const SCHEDULE_ID: Attribute = Attribute {
    name: "schedule_id",
    meaning: "GitLab's id of the pipeline schedule.",
    examples: &["13"],
};

fn by_active(told: &Json) -> Option<Vec<MadeRow>> {
    let active = told
        .as_array()?
        .iter()
        .map(|schedule| schedule["active"].as_bool());
    let active: Vec<bool> = active.collect::<Option<_>>()?;
    let count = |wanted: bool| active.iter().filter(|active| **active == wanted).count() as f64;
    let row = |active: bool| (vec![active.to_string()], vec![Some(count(active))]);
    Some([true, false].map(row).into())
}

fn next_runs(told: &Json) -> Option<Vec<MadeRow>> {
    let mut rows = Vec::new();
    for schedule in told.as_array()?.iter().filter(|own| own["active"] == true) {
        let id = schedule["id"].as_u64()?.to_string();
        if let Some(at) = moment(&schedule["next_run_at"]) {
            rows.push((vec![id], vec![Some(at as f64)]));
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn schedules_are_counted_and_active_ones_have_a_next_run() {
        let told = json!([
            {"id": 1, "active": true, "next_run_at": "2026-11-27T00:00:00.000Z"},
            {"id": 2, "active": false, "next_run_at": "2026-11-28T00:00:00.000Z"},
            {"id": 3, "active": true, "next_run_at": null},
        ]);
        let counts = by_active(&told).unwrap();
        assert_eq!(counts[0], (vec!["true".to_owned()], vec![Some(2.0)]));
        assert_eq!(counts[1], (vec!["false".to_owned()], vec![Some(1.0)]));
        let runs = next_runs(&told).unwrap();
        assert_eq!(runs, [(vec!["1".to_owned()], vec![Some(1_795_737_600.0)])]);
    }
}
