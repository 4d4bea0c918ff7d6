//! The client against real HTTP: servers on loopback that answer as GitLab does, and as it should not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::connections::{Connections, LARGEST_BODY};
use super::{BudgetChoice, Client, Config, CredentialSource};

mod answers;
mod authentication;
mod broken_connections;
mod budget;
mod counting;
mod environment;
mod fuzz;
mod limiter;
mod limits;
mod memory;
mod pages;
mod secure;
mod transports;

const TOKEN: &str = "glpat-0123456789";

/// A request as a server saw it.
#[derive(Debug, Clone, Default)]
struct Seen {
    method: String,
    /// Path and query.
    target: String,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn query(&self, name: &str) -> Option<String> {
        let url = reqwest::Url::parse("http://host")
            .unwrap()
            .join(&self.target)
            .unwrap();
        let pair = url.query_pairs().find(|(other, _)| other == name);
        pair.map(|(_, value)| value.into_owned())
    }
}

/// A server that answers by a rule and remembers what it was asked.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// The rule gets the request and how many came before it.
    async fn start<R, A>(rule: R) -> Server
    where
        R: Fn(&Seen, usize) -> A + Clone + Send + Sync + 'static,
        A: IntoResponse,
    {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let memory = Arc::clone(&seen);
        let answer = move |request: Request| {
            let (rule, memory) = (rule.clone(), Arc::clone(&memory));
            async move {
                let request = read(request).await;
                let before = {
                    let mut memory = memory.lock().unwrap();
                    memory.push(request.clone());
                    memory.len() - 1
                };
                rule(&request, before).into_response()
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(answer);
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Server { url, seen, task }
    }

    fn client(&self) -> Client {
        client(config(&self.url))
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(request: Request) -> Seen {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.unwrap();
    Seen {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

fn config(url: &str) -> Config {
    Config {
        url: url.parse().unwrap(),
        token: Some(CredentialSource::Value(
            "GITLAB_TOKEN".to_owned(),
            TOKEN.into(),
        )),
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(10),
        requests_per_second: 10_000.0,
        concurrency: 8,
        attempts: 3,
        budget: BudgetChoice::Unlimited,
        ..Config::default()
    }
}

/// A client whose pauses are too short to be felt.
fn client(config: Config) -> Client {
    client_reading_at_most(LARGEST_BODY, config)
}

fn client_reading_at_most(largest_body: usize, config: Config) -> Client {
    let connections = Connections::build(&config, largest_body).unwrap();
    let backoff = Backoff {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(2),
    };
    Client::with_backoff(config, Arc::new(connections), backoff).unwrap()
}

/// Later than any test lasts.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

fn json(status: u16, body: &Value) -> Response {
    answer(
        status,
        &[("content-type", "application/json")],
        body.to_string(),
    )
}

fn html(status: u16) -> Response {
    let page = "<!DOCTYPE html><html><title>Sign in</title></html>";
    answer(
        status,
        &[("content-type", "text/html; charset=utf-8")],
        page,
    )
}
