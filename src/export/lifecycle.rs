//! What a request may change while the bridge runs, where that is switched on: `/-/reload` and
//! `/-/log-level`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::future::BoxFuture;
use serde::Deserialize;

const OFF: &str = "This is off. Turn it on with prometheus.enable_lifecycle or --web.enable-lifecycle; SIGHUP \
    reloads without it.\n";

/// What a request may change.
#[derive(Clone)]
pub struct Lifecycle {
    /// Whether it may.
    pub enabled: bool,
    /// Reads the configuration again, and says what came of it.
    pub reload: Reload,
    /// What is logged, and how to change that.
    pub level: fn() -> String,
    pub set_level: fn(&str) -> Result<(), String>,
}

/// Reads the configuration again.
pub type Reload = Arc<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// A level in the query.
#[derive(Deserialize)]
struct Wanted {
    level: Option<String>,
}

impl Lifecycle {
    /// The routes.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/-/reload", post(reload).put(reload))
            .route("/-/log-level", get(level).put(set_level).post(set_level))
            .with_state(self)
    }
}

async fn reload(State(lifecycle): State<Lifecycle>) -> Response {
    if !lifecycle.enabled {
        return off();
    }
    match (lifecycle.reload)().await {
        Ok(text) => format!("{text}\n").into_response(),
        Err(error) => {
            let text =
                format!("The configuration was not reloaded, the old one goes on: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

async fn level(State(lifecycle): State<Lifecycle>) -> Response {
    match lifecycle.enabled {
        true => format!("{}\n", (lifecycle.level)()).into_response(),
        false => off(),
    }
}

async fn set_level(
    State(lifecycle): State<Lifecycle>,
    Query(wanted): Query<Wanted>,
    body: String,
) -> Response {
    if !lifecycle.enabled {
        return off();
    }
    let level = wanted.level.unwrap_or(body).trim().to_ascii_lowercase();
    match (lifecycle.set_level)(&level) {
        Ok(()) => format!("{}\n", (lifecycle.level)()).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

fn off() -> Response {
    (StatusCode::FORBIDDEN, OFF).into_response()
}
