//! A proxy with a password on the way to GitLab, which may say in place of GitLab what it was told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;

/// The proxy.
pub struct Front {
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    gitlab: String,
    client: reqwest::Client,
    /// What clients showed as name and password.
    seen: Mutex<Vec<String>>,
    /// What is said in place of GitLab.
    words: Mutex<Option<String>>,
}

impl Front {
    pub async fn start(gitlab: &str) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            gitlab: gitlab.trim_end_matches('/').to_owned(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            seen: Mutex::default(),
            words: Mutex::default(),
        });
        let routes = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Front { address, shared }
    }

    /// Whether somebody showed this password.
    pub fn saw(&self, password: &str) -> bool {
        let wanted = format!("user:{password}");
        self.shared.seen.lock().unwrap().contains(&wanted)
    }

    /// From now on, says these in its errors.
    pub fn repeat_secrets(&self, secrets: &[&str]) {
        let words = serde_json::json!({"message": secrets.join(" and "), "error": secrets[0]});
        *self.shared.words.lock().unwrap() = Some(words.to_string());
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let shown = request.headers().get("proxy-authorization");
    let shown = shown.and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let shown = shown.and_then(|value| STANDARD.decode(value).ok());
    if let Some(text) = shown.and_then(|bytes| String::from_utf8(bytes).ok()) {
        shared.seen.lock().unwrap().push(text);
    }
    if let Some(words) = shared.words.lock().unwrap().clone() {
        let kind = [
            ("content-type", "application/json"),
            ("x-gitlab-meta", "{}"),
        ];
        return (StatusCode::FORBIDDEN, kind, words).into_response();
    }
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let asked = shared
        .client
        .request(head.method, format!("{}{path}", shared.gitlab));
    let mut headers = head.headers;
    for name in [
        "host",
        "proxy-authorization",
        "content-length",
        "accept-encoding",
    ] {
        headers.remove(name);
    }
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let answer = asked.headers(headers).body(body).send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if !["transfer-encoding", "content-length"].contains(&name.as_str()) {
            response = response.header(name, value);
        }
    }
    response
        .body(Body::from(answer.bytes().await.unwrap()))
        .unwrap()
}
