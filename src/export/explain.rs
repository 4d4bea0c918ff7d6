//! `/api/v1/explain`: where a metric comes from, how old it is, and why the rest of it is absent.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::metrics::BridgeStatus;
use crate::metrics::explain::{Explanation, NoAnswer, Question, Settings, explain};

/// So many series are told without a word, and at the most.
const SERIES: usize = 100;
const MOST_SERIES: usize = 500;

/// More questions wait: polls and scrapes need the processors too.
const AT_ONCE: usize = 2;

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

/// What the page answers from.
#[derive(Clone)]
struct Known {
    /// What the bridge knows, beside what it shows.
    bridge: Arc<dyn Fn() -> BridgeStatus + Send + Sync>,
    settings: Arc<Settings>,
    room: Arc<Semaphore>,
}

/// The page, which answers by what `bridge` tells.
pub fn routes(
    bridge: impl Fn() -> BridgeStatus + Send + Sync + 'static,
    settings: Arc<Settings>,
) -> Router {
    let known = Known {
        bridge: Arc::new(bridge),
        settings,
        room: Arc::new(Semaphore::new(AT_ONCE)),
    };
    Router::new()
        .route("/api/v1/explain", get(answer))
        .with_state(known)
}

/// Answers by what is known; GitLab is not asked.
async fn answer(
    State(known): State<Known>,
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
    // To look through all projects may take a while. The semaphore is never closed.
    let room = Arc::clone(&known.room).acquire_owned().await;
    let explained = spawn_blocking(move || {
        let _room = room;
        explained(&known, &wanted)
    })
    .await;
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

fn explained(known: &Known, wanted: &Wanted) -> Result<Explanation, NoAnswer> {
    let question = Question {
        metric: wanted.metric.as_deref().unwrap_or_default(),
        project: wanted.project.as_deref(),
        group: wanted.group.as_deref(),
        instance: wanted.instance.as_deref(),
        most: wanted.limit.unwrap_or(SERIES).min(MOST_SERIES),
    };
    explain(&question, &(known.bridge)(), &known.settings)
}

fn bad(why: &str) -> Response {
    let body = json!({"reason": "bad_request", "error": why, "use": USE});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
