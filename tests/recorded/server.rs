//! A GitLab that has nothing but recorded bodies: lists come page by page, with GitLab's headers.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::graphql;

/// The recorded project.
pub const PROJECT: &str = "50817395";

/// What it has.
pub struct Recorded {
    pub project: Value,
    pub merge_requests: Value,
    pub issues: Value,
    pub releases: Value,
    pub commits: Value,
    pub sequence: Value,
    pub metadata: Value,
    /// Whether it says how long a list is; GitLab does not of commits and of long lists.
    pub totals: bool,
    /// Whether it speaks GraphQL.
    pub graphql: bool,
}

type Parameters = HashMap<String, String>;

impl Recorded {
    /// Serves it for as long as the test runs, and returns its URL.
    pub async fn serve(self) -> String {
        let router = Router::new().fallback(answer).with_state(Arc::new(self));
        listen(router).await
    }

    /// How many of a list are in that state.
    pub fn count(list: &Value, state: &str) -> usize {
        Self::of_state(list, state).len()
    }

    /// Those of a list that are in that state.
    pub fn of_state(list: &Value, state: &str) -> Vec<Value> {
        of_state(list, Some(state))
    }

    fn rest(&self, path: &str, parameters: &Parameters) -> Option<Response<Body>> {
        let state = parameters.get("state").map(String::as_str);
        let list = |list: &Value| page(&of_state(list, state), path, parameters, self.totals);
        let below = path
            .strip_prefix(&format!("projects/{PROJECT}"))
            .unwrap_or(path);
        Some(match below {
            "projects" => list(&json!([self.project])),
            "" => json_response(&self.project),
            "/merge_requests" | "/issues" => {
                let all = match below {
                    "/issues" => &self.issues,
                    _ => &self.merge_requests,
                };
                let mut all = of_state(all, state);
                all.retain(|one| !parameters.contains_key("wip") || one["draft"] == true);
                all.retain(|one| {
                    !parameters.contains_key("reviewer_id") || one["reviewers"] == json!([])
                });
                if parameters.get("sort").is_some_and(|sort| sort == "asc") {
                    all.sort_by_key(|one| one["created_at"].as_str().map(str::to_owned));
                }
                page(&all, path, parameters, self.totals)
            }
            "/releases" => list(&self.releases),
            "/repository/commits" => page(&of_state(&self.commits, None), path, parameters, false),
            "/repository/commits/main/sequence" => json_response(&self.sequence),
            "/issues_statistics" => {
                let count = |state| Recorded::count(&self.issues, state);
                let counts = json!({"opened": count("opened"), "closed": count("closed")});
                json_response(&json!({"statistics": {"counts": counts}}))
            }
            "metadata" | "version" => json_response(&self.metadata),
            _ => return None,
        })
    }
}

/// Serves a body at `body`.
pub async fn serve_body(body: Value, totals: bool) -> String {
    let serve = move |Query(parameters): Query<Parameters>| async move {
        match body.as_array() {
            Some(list) => page(list, "body", &parameters, totals),
            None => json_response(&body),
        }
    };
    listen(Router::new().route("/api/v4/body", axum::routing::get(serve))).await
}

/// Answers everything with that error.
pub async fn serve_error(status: StatusCode, error: &Value) -> String {
    let mut response = Response::builder().status(status);
    for (name, value) in error["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap());
    }
    let (kind, body) = match error["body_text"].as_str() {
        Some(text) => ("text/plain", text.to_owned()),
        None => ("application/json", error["body"].to_string()),
    };
    let (parts, body) = response
        .header(header::CONTENT_TYPE, kind)
        .body(body)
        .unwrap()
        .into_parts();
    listen(Router::new().fallback(move || async move { (parts.status, parts.headers, body) })).await
}

async fn listen(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn answer(State(recorded): State<Arc<Recorded>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let Query(parameters) = Query::<Parameters>::try_from_uri(request.uri()).unwrap();
    if path == "/api/graphql" && recorded.graphql {
        let body = axum::body::to_bytes(request.into_body(), 1 << 20)
            .await
            .unwrap();
        let question: Value = serde_json::from_slice(&body).unwrap();
        let data = graphql::answer(&recorded, question["query"].as_str().unwrap());
        return json_response(&json!({ "data": data }));
    }
    let rest = path
        .strip_prefix("/api/v4/")
        .and_then(|path| recorded.rest(path, &parameters));
    rest.unwrap_or_else(|| {
        let body = json!({"error": "404 Not Found"}).to_string();
        (
            StatusCode::NOT_FOUND,
            [(header::CONTENT_TYPE, "application/json")],
            body,
        )
            .into_response()
    })
}

fn of_state(list: &Value, state: Option<&str>) -> Vec<Value> {
    let items = list.as_array().unwrap().iter();
    items
        .filter(|item| state.is_none_or(|state| item["state"] == state))
        .cloned()
        .collect()
}

/// A page of a list: by default of 20, with the headers of GitLab's offset pagination.
fn page(list: &[Value], path: &str, parameters: &Parameters, totals: bool) -> Response<Body> {
    let number = |name: &str, default| {
        parameters
            .get(name)
            .map_or(default, |text| text.parse().unwrap())
    };
    let size: usize = number("per_page", 20).min(100);
    let page: usize = number("page", 1);
    let pages = list.len().div_ceil(size).max(1);
    let items: Vec<&Value> = list.iter().skip((page - 1) * size).take(size).collect();
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .header("X-Page", page)
        .header("X-Per-Page", size);
    if totals
        && parameters
            .get("pagination")
            .is_none_or(|kind| kind != "keyset")
    {
        response = response
            .header("X-Total", list.len())
            .header("X-Total-Pages", pages);
    }
    if page < pages {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let kept = parameters.iter().filter(|(name, _)| *name != "page");
        let query = query
            .extend_pairs(kept)
            .append_pair("page", &(page + 1).to_string())
            .finish();
        let link = format!("</api/v4/{path}?{query}>; rel=\"next\"");
        response = response
            .header("X-Next-Page", page + 1)
            .header(header::LINK, link);
    }
    response.body(Body::from(json!(items).to_string())).unwrap()
}

fn json_response(body: &Value) -> Response<Body> {
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}
