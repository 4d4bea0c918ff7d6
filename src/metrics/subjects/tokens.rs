//! When the access tokens of projects and groups end: a token that ends unseen stops whatever uses it.

use serde_json::Value as Json;

use super::groups::GROUP_ID;
use crate::metrics::subject::{
    Attribute, Cadence, Column, Grain, Made, MadeRow, MetricRow, PROJECT_ID, Rest, Rows, Shows,
    Subject, gauge, label, time,
};
use crate::metrics::time::moment;

pub(super) static OF_PROJECTS: Subject = Subject {
    name: "tokens",
    of: Grain::Project,
    cadence: Cadence::DAILY,
    rows: ROWS,
    columns: COLUMNS,
    metrics: METRICS,
};

/// Those of the groups that are shown.
pub(super) static OF_GROUPS: Subject = Subject {
    name: "tokens",
    of: Grain::Group,
    cadence: Cadence::DAILY,
    rows: ROWS,
    columns: COLUMNS,
    metrics: METRICS,
};

const ROWS: Rows = Rows::Made(Made {
    graphql: &[],
    at: "",
    rest: "access_tokens?state=active",
    is_list: true,
    rows: expiries,
});

const COLUMNS: &[Column] = &[
    label("token_id", "", Rest::Nowhere),
    label("token_name", "", Rest::Nowhere),
    time("expiry", "", Rest::Nowhere),
];

/// The same of both: a token belongs to a project or to a group.
const METRICS: &[MetricRow] = &[gauge(
    "gitlab_access_token_expiry_timestamp_seconds",
    "s",
    "When an active access token of the project or group ends, at midnight UTC",
    &[GROUP_ID, PROJECT_ID, TOKEN_ID, TOKEN_NAME],
    Shows::Value("expiry"),
)
.opt_in()];

const TOKEN_ID: Attribute = Attribute {
    name: "token_id",
    meaning: "GitLab's id of the access token.",
    examples: &["42"],
};

const TOKEN_NAME: Attribute = Attribute {
    name: "token_name",
    meaning: "What the access token is called.",
    examples: &["deploy"],
};

/// The active ones that end. An older GitLab ignores that only active ones are asked for.
fn expiries(told: &Json) -> Option<Vec<MadeRow>> {
    let mut rows = Vec::new();
    for token in told.as_array()? {
        let id = token["id"].as_u64()?.to_string();
        let is_active = token["active"] != false && token["revoked"] != true;
        if let Some(at) = moment(&token["expires_at"]).filter(|_| is_active) {
            let name = token["name"].as_str().unwrap_or_default().to_owned();
            rows.push((vec![id, name], vec![Some(at as f64)]));
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn active_tokens_that_end_are_shown() {
        let told = json!([
            {"id": 1, "name": "ci", "active": true, "revoked": false, "expires_at": "2026-11-27"},
            {"id": 2, "name": "old", "active": false, "revoked": false, "expires_at": "2026-01-01"},
            {"id": 3, "name": "revoked", "active": true, "revoked": true, "expires_at": "2027-01-01"},
            {"id": 4, "name": "endless", "active": true, "revoked": false, "expires_at": null},
        ]);
        let rows = expiries(&told).unwrap();
        let labels = vec!["1".to_owned(), "ci".to_owned()];
        assert_eq!(rows, [(labels, vec![Some(1_795_737_600.0)])]);
    }
}
