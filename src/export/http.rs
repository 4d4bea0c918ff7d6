//! What is served: `/metrics`, health and a landing page. No request here ever reaches GitLab.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::negotiation::takes_html;
use super::{Health, Introspect, Lifecycle, Prometheus, Readiness, Views, explain, scrape};
use crate::memory_limit::MemoryLimit;
use crate::metrics::explain::Settings;
use crate::metrics::{BridgeStatus, View};

/// What there is to ask for, with what it tells.
const PAGES: [(&str, &str); 7] = [
    ("/", "what the bridge polls, and how it goes"),
    ("/metrics", "the metrics, for Prometheus"),
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
];

/// What the endpoints answer from.
pub struct Endpoints {
    /// The exposition, if Prometheus is an exporter.
    pub prometheus: Option<Arc<Prometheus>>,
    /// What the bridge knows of itself.
    pub introspect: Introspect,
    /// The latest view.
    pub views: Views,
    /// What explanations must know of the configuration.
    pub settings: Arc<Settings>,
    /// How exports over OTLP go.
    pub otlp: Option<Arc<Health>>,
    /// Decides whether the bridge is ready.
    pub readiness: Readiness,
    /// How much memory there is for all of the process.
    pub memory: MemoryLimit,
}

impl Endpoints {
    /// The pages, and other routes beside them.
    pub fn routes(self, lifecycle: Lifecycle, others: Router) -> Router {
        let endpoints = Arc::new(self);
        let told = Arc::clone(&endpoints);
        let bridge = move || (told.introspect)(&told.shown());
        let explained = explain::routes(bridge, Arc::clone(&endpoints.settings));
        Router::new()
            .route("/", get(landing))
            .route("/metrics", get(metrics))
            .route(
                "/-/healthy",
                get(|| async { "gitlab-metrics-bridge is healthy.\n" }),
            )
            .route("/-/ready", get(ready))
            .with_state(endpoints)
            .merge(explained)
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
}

async fn metrics(State(endpoints): State<Arc<Endpoints>>, request: HeaderMap) -> Response {
    let Some(prometheus) = &endpoints.prometheus else {
        let text = "The Prometheus exporter is off. Turn it on with --exporter prometheus.\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let introspect = Arc::clone(&endpoints.introspect);
    scrape::answer(
        Arc::clone(prometheus),
        introspect,
        &request,
        &endpoints.memory,
    )
    .await
}

/// Says what there is instead.
async fn nothing_here(request: HeaderMap) -> Response {
    if takes_html(&request) {
        let pages =
            PAGES.map(|(path, what)| format!("<li><a href=\"{path}\">{path}</a>: {what}</li>"));
        let page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Not found</title>\
             <h1>There is nothing here</h1><p>There is:</p><ul>{}</ul></html>\n",
            pages.concat()
        );
        return (StatusCode::NOT_FOUND, Html(page)).into_response();
    }
    let pages = PAGES.map(|(path, what)| format!("  {path:<14}{what}\n"));
    let text = format!("There is nothing here. There is:\n{}", pages.concat());
    (StatusCode::NOT_FOUND, text).into_response()
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

async fn landing(State(endpoints): State<Arc<Endpoints>>) -> Html<String> {
    let bridge = (endpoints.introspect)(&endpoints.shown());
    let status = complaint(&endpoints, &bridge).map_or("ready".to_owned(), |complaint| {
        format!("not ready: {complaint}")
    });
    let gitlabs = bridge.gitlabs.iter().map(|instance| {
        let named = instance.name.iter().map(|name| format!("{name}: "));
        format!(
            "<p>{}{}: {} projects, {} series.</p>",
            escaped(&named.collect::<String>()),
            escaped(&instance.url),
            instance.snapshot.projects.len(),
            instance.snapshot.all_series(),
        )
    });
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>gitlab-metrics-bridge</title>\
         <h1>gitlab-metrics-bridge {}</h1><p>{}</p>{}\
         <ul><li><a href=\"metrics\">Metrics</a></li><li><a href=\"-/ready\">Ready</a></li>\
         <li><a href=\"-/healthy\">Healthy</a></li></ul></html>\n",
        bridge.version,
        escaped(&status),
        gitlabs.collect::<String>(),
    ))
}

fn complaint(endpoints: &Endpoints, bridge: &BridgeStatus) -> Option<String> {
    let prometheus = endpoints.prometheus.as_ref();
    let prometheus = prometheus.map(|prometheus| prometheus.health());
    let exports = endpoints.otlp.iter().chain(&prometheus);
    let exports: Vec<&Health> = exports.map(|health| &**health).collect();
    endpoints.readiness.complaint(bridge, &exports)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
