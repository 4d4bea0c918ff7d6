//! `/api/v1/explain`: where a metric comes from, how old it is, and why the rest of it is absent.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::Endpoints;
use crate::metrics::explain::{Explanation, NoAnswer, Question, explain};

/// So many series are told without a word, and at the most.
const SERIES: usize = 100;
const MOST_SERIES: usize = 500;

const USE: &str = "/api/v1/explain?metric=gitlab_commits_total&project=group/project";

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    metric: Option<String>,
    project: Option<String>,
    group: Option<String>,
    instance: Option<String>,
    /// The most series in the answer.
    limit: Option<usize>,
    /// `json` or `text`.
    format: Option<String>,
}

/// Answers by what is known; GitLab is not asked.
pub async fn answer(
    State(endpoints): State<Arc<Endpoints>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let wanted = match wanted {
        Ok(Query(wanted)) => wanted,
        Err(error) => return bad(&error.body_text()),
    };
    let is_text = match wanted.format.as_deref() {
        None | Some("json") => false,
        Some("text") => true,
        Some(_) => return bad("format is json or text"),
    };
    if wanted
        .metric
        .as_deref()
        .unwrap_or_default()
        .trim()
        .is_empty()
    {
        return bad("say which metric");
    }
    if wanted.project.is_some() && wanted.group.is_some() {
        return bad("say project or group, not both");
    }
    // To look through all projects may take a while.
    let explained = spawn_blocking(move || explained(&endpoints, &wanted)).await;
    match explained {
        Ok(Ok(told)) if is_text => told.to_string().into_response(),
        Ok(Ok(told)) => Json(told).into_response(),
        Ok(Err(unknown)) if is_text => {
            (StatusCode::NOT_FOUND, format!("{unknown}\n")).into_response()
        }
        Ok(Err(unknown)) => (StatusCode::NOT_FOUND, Json(unknown)).into_response(),
        // It is logged where it panics.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn explained(endpoints: &Endpoints, wanted: &Wanted) -> Result<Explanation, NoAnswer> {
    let question = Question {
        metric: wanted.metric.as_deref().unwrap_or_default(),
        project: wanted.project.as_deref(),
        group: wanted.group.as_deref(),
        instance: wanted.instance.as_deref(),
        most: wanted.limit.unwrap_or(SERIES).min(MOST_SERIES),
    };
    let bridge = (endpoints.introspect)(&endpoints.shown());
    explain(&question, &bridge, &endpoints.settings)
}

fn bad(why: &str) -> Response {
    let body = json!({"reason": "bad_request", "error": why, "use": USE});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
