//! What is served: `/metrics`, health, and the pages about the bridge. No request here ever reaches GitLab.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::page::{KnownPage, Now, Pages, not_found};
use super::{
    Health, History, Introspect, Lifecycle, Portion, Prometheus, Readiness, Shard, ShownSetting,
    Views, explain, scrape,
};
use crate::memory_limit::MemoryLimit;
use crate::metrics::explain::Settings;
use crate::metrics::{BridgeStatus, View};

/// What there is to ask for, with what it tells.
const PAGES: [KnownPage; 13] = [
    ("/", "how the bridge gets on, and a search for projects"),
    (
        "/metrics",
        "the metrics, for Prometheus (?shard=1/4 for the first of four shards)",
    ),
    (
        "/metrics/bridge",
        "what the bridge says of itself alone, for Prometheus",
    ),
    ("/-/healthy", "whether the bridge runs"),
    ("/-/ready", "whether what it shows is complete and fresh"),
    (
        "/api/v1/explain?metric=commits",
        "where a metric comes from, and why it is absent",
    ),
    (
        "/-/reload",
        "POST reads the configuration again, if that is switched on",
    ),
    (
        "/-/log-level",
        "PUT changes what is logged, if that is switched on",
    ),
    ("/api/v1/status", "how the bridge gets on, as JSON"),
    ("/api/v1/projects", "a search for projects (?q=), as JSON"),
    ("/projects/{id}", "every value of a project, by its id"),
    (
        "/api/v1/projects/{id}",
        "every value of a project, by its id or path, as JSON",
    ),
    ("/docs/metrics", "what each metric means"),
];

/// Tells the view with what is known of each owner. It may take a while.
pub type WithOwners = Box<dyn Fn() -> Arc<View> + Send + Sync>;

/// What the endpoints answer from.
pub struct Endpoints {
    /// The exposition, if Prometheus is an exporter.
    pub prometheus: Option<Arc<Prometheus>>,
    /// What the bridge knows of itself.
    pub introspect: Introspect,
    /// The latest view.
    pub views: Views,
    /// The view with what is known of each owner, where the latest view is without.
    pub with_owners: Option<WithOwners>,
    /// What explanations must know of the configuration.
    pub settings: Arc<Settings>,
    /// Whether `/metrics` holds what is about GitLab alone, as every replica shows the same of it. What each
    /// says of itself is at `/metrics/bridge` in any case.
    pub own_apart: bool,
    /// How exports over OTLP go.
    pub otlp: Option<Arc<Health>>,
    /// Decides whether the bridge is ready.
    pub readiness: Readiness,
    /// How much memory there is for all of the process.
    pub memory: MemoryLimit,
    /// The polls of the last hours.
    pub history: Arc<History>,
    /// The settings in use, without secrets.
    pub shown_settings: Arc<Vec<ShownSetting>>,
}

impl Endpoints {
    /// The pages, and other routes beside them.
    pub fn routes(self, lifecycle: Lifecycle, others: Router) -> Router {
        let endpoints = Arc::new(self);
        let told = Arc::clone(&endpoints);
        let bridge = move || (told.introspect)(&told.whole());
        let explained = explain::routes(bridge, Arc::clone(&endpoints.settings));
        Router::new()
            .route("/metrics", get(metrics))
            .route("/metrics/bridge", get(own_metrics))
            .route(
                "/-/healthy",
                get(|| async { "gitlab-metrics-bridge is healthy.\n" }),
            )
            .route("/-/ready", get(ready))
            .with_state(Arc::clone(&endpoints))
            .merge(explained)
            .merge(pages(endpoints).routes())
            .merge(lifecycle.routes())
            .merge(others)
            .fallback(nothing_here)
            .method_not_allowed_fallback(another_method)
    }

    /// The view a client is shown: the latest one that has been rendered.
    fn shown(&self) -> Arc<View> {
        match &self.prometheus {
            Some(prometheus) => prometheus.view(),
            None => self.views.borrow().clone(),
        }
    }

    /// The same with what is known of each owner.
    fn whole(&self) -> Arc<View> {
        match &self.with_owners {
            Some(with_owners) => with_owners(),
            None => self.shown(),
        }
    }

    /// The answer to a scrape of a portion.
    async fn scraped(&self, portion: Portion, request: &HeaderMap) -> Response {
        let Some(prometheus) = &self.prometheus else {
            let text = "The Prometheus exporter is off. Turn it on with --exporter prometheus.\n";
            return (StatusCode::NOT_FOUND, text).into_response();
        };
        let (prometheus, introspect) = (Arc::clone(prometheus), Arc::clone(&self.introspect));
        scrape::answer(prometheus, portion, introspect, request, &self.memory).await
    }
}

async fn metrics(
    State(endpoints): State<Arc<Endpoints>>,
    uri: Uri,
    request: HeaderMap,
) -> Response {
    let own_apart = endpoints.own_apart;
    let portion = match Shard::read(uri.query()) {
        Ok(Some(shard)) => Portion::Shard { shard, own_apart },
        Ok(None) if own_apart => Portion::GitLab,
        Ok(None) => Portion::All,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    endpoints.scraped(portion, &request).await
}

async fn own_metrics(State(endpoints): State<Arc<Endpoints>>, request: HeaderMap) -> Response {
    endpoints.scraped(Portion::Bridge, &request).await
}

/// What the pages about the bridge are made of.
fn pages(endpoints: Arc<Endpoints>) -> Pages {
    Pages {
        history: Arc::clone(&endpoints.history),
        explaining: Arc::clone(&endpoints.settings),
        settings: Arc::clone(&endpoints.shown_settings),
        now: Box::new(move || {
            let view = endpoints.whole();
            let bridge = (endpoints.introspect)(&view);
            Now {
                complaint: complaint(&endpoints, &bridge),
                view,
                bridge,
            }
        }),
    }
}

/// Says what there is instead.
async fn nothing_here(uri: Uri, request: HeaderMap) -> Response {
    not_found(uri.path(), &request, &PAGES)
}

async fn another_method(method: Method) -> Response {
    let text = format!("There is no {method} here: see the header Allow.\n");
    (StatusCode::METHOD_NOT_ALLOWED, text).into_response()
}

async fn ready(State(endpoints): State<Arc<Endpoints>>) -> Response {
    match complaint(&endpoints, &(endpoints.introspect)(&endpoints.shown())) {
        None => "gitlab-metrics-bridge is ready.\n".into_response(),
        Some(complaint) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("Not ready: {complaint}\n"),
        )
            .into_response(),
    }
}

fn complaint(endpoints: &Endpoints, bridge: &BridgeStatus) -> Option<String> {
    let prometheus = endpoints.prometheus.as_ref();
    let prometheus = prometheus.map(|prometheus| prometheus.health());
    let exports = endpoints.otlp.iter().chain(&prometheus);
    let exports: Vec<&Health> = exports.map(|health| &**health).collect();
    endpoints.readiness.complaint(bridge, &exports)
}
