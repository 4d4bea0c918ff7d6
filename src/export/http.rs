//! What is served: `/metrics`, health and a landing page. No request here ever reaches GitLab.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::listener::Server;
use super::prometheus::Pieces;
use super::{Health, Introspect, Prometheus, Readiness, Views};
use crate::metrics::{BridgeStatus, View};

/// The text format of Prometheus.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the endpoints answer from.
pub struct Endpoints {
    /// The exposition, if Prometheus is an exporter.
    pub prometheus: Option<Arc<Prometheus>>,
    /// What the bridge knows of itself.
    pub introspect: Introspect,
    /// The latest view.
    pub views: Views,
    /// How exports over OTLP go.
    pub otlp: Option<Arc<Health>>,
    /// Decides whether the bridge is ready.
    pub readiness: Readiness,
}

impl Server {
    /// Serves the endpoints, and other routes beside them, until told to stop.
    pub async fn run(self, endpoints: Endpoints, others: Router, stop: CancellationToken) {
        let router = Router::new()
            .route("/", get(landing))
            .route("/metrics", get(metrics))
            .route(
                "/-/healthy",
                get(|| async { "gitlab-metrics-bridge is healthy.\n" }),
            )
            .route("/-/ready", get(ready))
            .with_state(Arc::new(endpoints));
        self.serve(router.merge(others), stop).await;
    }
}

impl Endpoints {
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
    let (prometheus, introspect) = (Arc::clone(prometheus), Arc::clone(&endpoints.introspect));
    let gzip = accepts_gzip(&request);
    // The bridge's own series are gathered and compressed: not on a worker of the runtime.
    let exposition = spawn_blocking(move || prometheus.exposition(&introspect, gzip)).await;
    let Ok(exposition) = exposition else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, TEXT_FORMAT)
        .header(header::CONTENT_LENGTH, exposition.length)
        .header(header::VARY, "Accept-Encoding");
    let pieces = exposition.pieces;
    let body = match exposition.gzip {
        true => {
            response = response.header(header::CONTENT_ENCODING, "gzip");
            Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)))
        }
        false => Body::from_stream(stream::unfold(pieces, decompressed)),
    };
    let response = response.body(body);
    response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// The next piece of a text that is kept compressed, and what comes after it. Decompressing takes too
/// long for a worker of the runtime, and is done no faster than the client reads.
async fn decompressed(mut pieces: Pieces) -> Option<(Result<Bytes, JoinError>, Pieces)> {
    let next = spawn_blocking(move || pieces.next().map(|piece| (Ok(piece), pieces)));
    next.await.ok().flatten()
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
            instance.snapshot.series,
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
    let mut exports: Vec<&Health> = endpoints.otlp.iter().map(|health| &**health).collect();
    exports.extend(
        endpoints
            .prometheus
            .iter()
            .map(|prometheus| prometheus.health()),
    );
    endpoints.readiness.complaint(bridge, &exports)
}

/// Whether the client takes gzip: by name, or else by `*`, with a weight above 0.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get_all(header::ACCEPT_ENCODING);
    let values = accepted.iter().filter_map(|value| value.to_str().ok());
    let weights: Vec<(&str, bool)> = values
        .flat_map(|value| value.split(','))
        .map(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight
                .trim()
                .strip_prefix("q=")
                .map(|weight| weight.trim().parse::<f32>());
            (name.trim(), !matches!(weight, Some(Ok(0.0))))
        })
        .collect();
    let taken = |wanted| {
        weights
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, taken)| *taken)
    };
    taken("gzip").or_else(|| taken("*")).unwrap_or(false)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_whom_takes_it() {
        for (accepted, gzip) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("gzip;q=0.0", false),
            ("identity", false),
            ("", false),
        ] {
            let request = [(header::ACCEPT_ENCODING, accepted.parse().unwrap())]
                .into_iter()
                .collect();
            assert_eq!(accepts_gzip(&request), gzip, "{accepted}");
        }
    }
}
