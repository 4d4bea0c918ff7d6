//! The model, over HTTP and in process: its limits, its bodies and its faults.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http;
use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};

use super::*;

mod chaos;
mod churn;
mod demo;
mod deployments;
mod details;
mod events;
mod flow;
mod fragments;
mod graphql;
mod groups;
mod growth;
mod inside;
mod instance;
mod jobs;
mod limits;
mod lists;
mod pipelines;
mod queries;
mod rest;
mod tampering;
mod wire;

/// A client that shows redirects and never waits for ever.
fn client() -> Client {
    Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}

struct Asked {
    gitlab: GitLab,
    client: Client,
}

impl Asked {
    async fn of(build: impl FnOnce(&mut World)) -> Asked {
        let mut world = World::new();
        build(&mut world);
        let gitlab = GitLab::start(world).await.unwrap();
        Asked {
            gitlab,
            client: client(),
        }
    }

    async fn send(&self, query: &str, variables: Value) -> Result<Response, reqwest::Error> {
        let address = format!("{}/api/graphql", self.gitlab.url());
        let body = json!({ "query": query, "variables": variables });
        let request = self.client.post(address).bearer_auth(DEMO_TOKEN);
        request.json(&body).send().await
    }

    async fn graphql(&self, query: &str, variables: Value) -> Value {
        let response = self.send(query, variables).await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        let address = format!("{}/api/v4/{path}", self.gitlab.url());
        let request = self.client.get(address).header("PRIVATE-TOKEN", DEMO_TOKEN);
        request.send().await.unwrap()
    }

    async fn rest(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }
}

/// A model without a socket, whose waits are those of a paused clock.
struct Inside(GitLab);

impl Inside {
    fn of(build: impl FnOnce(&mut World)) -> Inside {
        let mut world = World::new();
        build(&mut world);
        Inside(GitLab::in_process(world))
    }

    async fn ask(&self, request: http::request::Builder, body: String) -> Result<Answered, Cut> {
        let request = request.header("PRIVATE-TOKEN", DEMO_TOKEN);
        self.0.ask(request.body(body.into()).unwrap()).await
    }

    async fn send(&self, query: &str, variables: Value) -> Result<Answered, Cut> {
        let body = json!({ "query": query, "variables": variables });
        let address = format!("{}/api/graphql", self.0.url());
        self.ask(http::Request::post(address), body.to_string())
            .await
    }

    async fn graphql(&self, query: &str, variables: Value) -> Value {
        let response = self.send(query, variables).await.unwrap();
        assert_eq!(response.status(), 200);
        serde_json::from_slice(response.body()).unwrap()
    }

    async fn try_get(&self, path: &str) -> Result<Answered, Cut> {
        let address = format!("{}/api/v4/{path}", self.0.url());
        self.ask(http::Request::get(address), String::new()).await
    }

    async fn get(&self, path: &str) -> Answered {
        self.try_get(path).await.unwrap()
    }

    async fn rest(&self, path: &str) -> Value {
        serde_json::from_slice(self.get(path).await.body()).unwrap()
    }

    fn events(&self, path: &str, happen: impl FnOnce(&mut Events<'_>)) {
        self.0.edit(|world| happen(&mut world.events(path)));
    }
}

type Answered = http::Response<Bytes>;

fn text<'r>(response: &'r Answered, name: &str) -> Option<&'r str> {
    let value = response.headers().get(name);
    value.and_then(|value| value.to_str().ok())
}

async fn pass(minutes: u64) {
    tokio::time::advance(Duration::from_secs(60 * minutes)).await;
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
}

const COUNTS: &str = "query Counts($ids: [ID!], $after: String) {
  projects(ids: $ids, first: 100, after: $after) {
    nodes {
      id fullPath statistics { commitCount storageSize }
      issueStatusCounts { all opened closed }
      all: mergeRequests(first: 1) { count }
      merged: mergeRequests(state: merged, first: 1) { count }
      repository { rootRef empty }
    }
    pageInfo { hasNextPage endCursor }
  }
  queryComplexity { score limit }
}";
