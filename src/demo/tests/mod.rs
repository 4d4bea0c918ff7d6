//! The model over real HTTP: its limits, its bodies and its faults.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};

use super::*;

mod graphql;
mod rest;
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
