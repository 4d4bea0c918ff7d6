//! Sends what the engine wants sent, and reads what comes back. What an answer means is the engine's.

mod details;
mod graphql;
mod rest;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::engine::{Answer, Moment, Request};
use super::plan::{Capabilities, List, PROBE, Plan, dated};
use crate::gitlab::{Client, Error};
use crate::metrics::{EnabledMetrics, UnixTime};

/// Asks one GitLab.
#[derive(Clone)]
pub struct Asking {
    client: Client,
    enabled: Arc<EnabledMetrics>,
}

impl Asking {
    pub fn new(client: Client, enabled: Arc<EnabledMetrics>) -> Asking {
        Asking { client, enabled }
    }

    /// The same, and what it sends is counted.
    pub fn counting(&self, sent: &Arc<AtomicU64>) -> Asking {
        Asking {
            client: self.client.counting(sent),
            enabled: Arc::clone(&self.enabled),
        }
    }

    /// Sends a request and reads its answer. What it tells is told `at` the moment it was asked.
    pub async fn ask(&self, request: Request, deadline: Instant, at: Moment) -> Answer {
        let (client, at) = (&self.client, at.as_secs());
        match request {
            Request::Probe => {
                let probe = client.graphql(PROBE, json!({}), deadline).await;
                Answer::Probe(probe.map(|answer| Capabilities::from_probe(&answer.data)))
            }
            Request::Projects(parts, plan) => {
                let (document, variables) = plan.request(&parts, at);
                let answer = client.graphql(&document, variables, deadline).await;
                let reader = graphql::Reader {
                    plan: &plan,
                    catalogue: self.enabled.catalogue,
                    at,
                };
                Answer::Projects(answer.map(|answer| reader.projects(&parts, &answer)))
            }
            Request::Details(wanted, parts, plan) => {
                let (document, variables) = wanted.request(&parts);
                let document = plan.fields.pruned(&document);
                let answer = client.graphql(&document, variables, deadline).await;
                Answer::Details(answer.map(|answer| details::details(wanted, &parts, &answer)))
            }
            Request::Page(path) => {
                let page = client.get(&path, deadline).await;
                Answer::Page(page.and_then(|page| self.rest(at).page(&page)))
            }
            Request::Project(name) => {
                let path = format!("projects/{}?statistics=true", super::engine::encoded(&name));
                let page = client.get(&path, deadline).await;
                Answer::Project(page.and_then(|page| self.rest(at).project(&page.body)))
            }
            Request::Query(document, variables) => {
                Answer::Query(client.graphql(&document, variables, deadline).await)
            }
            Request::Rows(path) => {
                let page = client.get(&path, deadline).await;
                Answer::Rows(page.and_then(rest::rows))
            }
            Request::Body(path) => {
                let page = client.get(&dated(&path, at), deadline).await;
                Answer::Body(page.and_then(|page| rest::document(page.body)))
            }
            Request::List(path) => {
                let page = client.get(&path, deadline).await;
                Answer::List(page.and_then(rest::list))
            }
            Request::Count(path) => Answer::Count(client.count(&dated(&path, at), deadline).await),
            Request::Group(key) => {
                let key = super::engine::encoded(&key);
                let path = format!("groups/{key}?with_projects=false");
                let page = client.get(&path, deadline).await;
                Answer::Group(page.and_then(|page| rest::group(&page.body)))
            }
            Request::ProjectCount(list) => {
                Answer::ProjectCount(self.project_count(&list, deadline).await)
            }
        }
    }

    fn rest(&self, at: UnixTime) -> rest::Reader<'_> {
        rest::Reader {
            enabled: &self.enabled,
            at,
        }
    }

    /// How many projects a list has, over GraphQL.
    async fn project_count(&self, list: &List, deadline: Instant) -> Result<u64, Error> {
        let (document, variables) = Plan::count_request(list);
        let answer = self.client.graphql(&document, variables, deadline).await?;
        let list = &answer.data["list"];
        let projects = list.get("projects").unwrap_or(list);
        let count: Option<u64> = projects.get("count").and_then(Value::as_u64);
        count.ok_or_else(|| super::engine::not_understood(&"GitLab does not count this list"))
    }
}

/// How long after an error the limits allow another request, for a driver that is no poll.
pub fn wait(error: &Error) -> Option<Duration> {
    match error {
        Error::Budget { wait, .. } | Error::RateLimited { wait, .. } => Some(*wait),
        _ => None,
    }
}
