//! Asks GraphQL: several parts in a request, up to 100 projects in each, and reads the answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::capacity::Capacity;
use super::lock;
use super::plan::{Capabilities, Depth, List, Part, Plan, alias};
use super::rest::not_understood;
use crate::gitlab::{Answer, Client, Error, GraphqlError};
use crate::metrics::{
    Answered, EnabledMetrics, Identity, Kind, NotUnderstood, ProjectAnswer, Reason, UnixTime,
    answered,
};

/// How long one request may take with all its tries: a slow page must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is needed to ask over GraphQL, and what is learnt about asking.
#[derive(Clone)]
pub struct Asker {
    pub client: Client,
    pub enabled: Arc<EnabledMetrics>,
    pub capabilities: Arc<Mutex<Capabilities>>,
    pub capacity: Arc<Mutex<Capacity>>,
    pub deadline: Instant,
    pub now: UnixTime,
}

/// What a part of a request was answered.
pub struct Page {
    /// The projects that GitLab showed.
    pub nodes: Vec<Node>,
    /// Where the list goes on.
    pub next: Option<String>,
}

/// A project in an answer, as deep as was asked.
pub enum Node {
    /// Everything, or only who it is.
    Found(Box<ProjectAnswer>),
    /// What its activity moves.
    Moved {
        id: u64,
        activity: Option<UnixTime>,
        readings: Vec<(usize, Answered)>,
    },
    /// Whether anything happened to it.
    Seen {
        id: u64,
        activity: Option<UnixTime>,
        path: Option<String>,
        archived: Option<bool>,
        pipelines: Option<u64>,
    },
}

/// Why a part has no answer.
pub enum Trouble {
    /// GitLab could not manage it; less may do.
    TooMuch,
    /// Asking for less would not help.
    Failed(Error),
}

impl Asker {
    /// The plan for what GitLab is known to have.
    pub fn plan(&self) -> Plan {
        Plan::new(&self.enabled, &lock(&self.capabilities))
    }

    /// Asks for several parts in one request, and for each alone where together they are too much.
    ///
    /// # Errors
    /// If GitLab can't be asked now: what is wrong is none of the parts' fault.
    pub async fn ask(&self, parts: &[Part]) -> Result<Vec<Result<Page, Trouble>>, Error> {
        let error = match self.ask_together(parts).await {
            Ok(pages) => return Ok(pages),
            Err(Trouble::Failed(error)) if is_broken(&error) => Some(error),
            Err(Trouble::Failed(error)) => return Err(error),
            Err(Trouble::TooMuch) => None,
        };
        let [part] = parts else {
            let mut pages = Vec::new();
            for part in parts {
                match Box::pin(self.ask(std::slice::from_ref(part))).await {
                    Ok(page) => pages.extend(page),
                    Err(error) => return Err(error),
                }
            }
            return Ok(pages);
        };
        // A broken page and a broken GitLab look alike; a light question tells them apart.
        let is_heavy = matches!(part.depth, Depth::Whole | Depth::Activity);
        if let Some(error) = error
            && !(is_heavy && self.light(part).await.is_ok())
        {
            return Err(error);
        }
        Ok(vec![Err(Trouble::TooMuch)])
    }

    /// Asks only who the projects of a part are.
    ///
    /// # Errors
    /// See [`Asker::ask`].
    pub async fn light(&self, part: &Part) -> Result<Page, Error> {
        let light = Part {
            depth: Depth::Identity,
            ..part.clone()
        };
        match self.ask_together(&[light]).await {
            Ok(mut pages) => match pages.pop() {
                Some(Ok(page)) => Ok(page),
                Some(Err(Trouble::Failed(error))) => Err(error),
                _ => Err(timed_out()),
            },
            Err(Trouble::Failed(error)) => Err(error),
            Err(Trouble::TooMuch) => Err(timed_out()),
        }
    }

    async fn ask_together(&self, parts: &[Part]) -> Result<Vec<Result<Page, Trouble>>, Trouble> {
        loop {
            let plan = self.plan();
            let weight = parts.iter().map(|part| plan.weight(part)).sum();
            let (document, variables) = plan.request(parts);
            let patience = Instant::now() + PATIENCE;
            let deadline = self.deadline.min(patience);
            let answer = self.client.graphql(&document, variables, deadline).await;
            let error = match answer {
                Ok(answer) => {
                    self.learn(&answer, weight);
                    let pages = parts.iter().enumerate();
                    return Ok(pages
                        .map(|(index, part)| self.read(index, part, &answer, &plan))
                        .collect());
                }
                Err(error) => error,
            };
            match &error {
                Error::Graphql { errors } if self.lose(errors) => continue,
                // A score does not depend on who the projects are: a single one is too much, too.
                Error::Graphql { errors } if errors.iter().any(is_too_complex) => {
                    if parts.len() == 1 && parts[0].first == 1 {
                        return Err(Trouble::Failed(error));
                    }
                    lock(&self.capabilities).lower_score();
                }
                Error::Graphql { errors } if errors.iter().any(is_timeout) => {}
                Error::Timeout { .. } => {}
                // The poll itself has time left.
                Error::Deadline if patience < self.deadline => {}
                _ => return Err(Trouble::Failed(error)),
            }
            tracing::debug!(parts = parts.len(), weight, %error, "the request was too much");
            lock(&self.capacity).failed(weight);
            return Err(Trouble::TooMuch);
        }
    }

    /// Learns from an answer how much GitLab can bear.
    fn learn(&self, answer: &Answer, weight: usize) {
        match answer.errors.iter().any(is_timeout) {
            true => lock(&self.capacity).partial(weight),
            false => lock(&self.capacity).answered(weight, answer.took),
        }
        if let Some(limit) = answer.data["queryComplexity"]["limit"].as_u64() {
            lock(&self.capabilities).note_limit(usize::try_from(limit).unwrap_or(usize::MAX));
        }
    }

    /// Reads the answer to one part.
    fn read(
        &self,
        index: usize,
        part: &Part,
        answer: &Answer,
        plan: &Plan,
    ) -> Result<Page, Trouble> {
        let alias = alias(index);
        let connection = match part.list {
            List::Group(_) => &answer.data[&alias]["projects"],
            _ => &answer.data[&alias],
        };
        let is_ours = |error: &&GraphqlError| {
            error
                .path
                .first()
                .and_then(Value::as_str)
                .is_none_or(|first| first == alias)
        };
        let errors: Vec<&GraphqlError> = answer.errors.iter().filter(is_ours).collect();
        let Some(nodes) = connection["nodes"].as_array() else {
            return Err(match errors.as_slice() {
                // GitLab answers null for what does not exist and for what may not be seen.
                [] => Trouble::Failed(Error::NotFound {
                    detail: "GitLab does not show this list to the token".to_owned(),
                }),
                errors if errors.iter().any(|error| is_timeout(error)) => Trouble::TooMuch,
                errors => Trouble::Failed(Error::Graphql {
                    errors: errors.iter().map(|error| (*error).clone()).collect(),
                }),
            });
        };
        let mut read = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let failures: Vec<_> = errors
                .iter()
                .filter_map(|error| failed_at(error, index))
                .collect();
            match self.node(node, part.depth, plan, &failures) {
                _ if node.is_null() && failures.is_empty() => {} // A redacted project is null.
                Ok(node) => read.push(node),
                Err(error) if failures.is_empty() => {
                    return Err(Trouble::Failed(not_understood(&error)));
                }
                Err(_) => return Err(Trouble::TooMuch), // GitLab lost a whole project of the page.
            }
        }
        let page = &connection["pageInfo"];
        let next = match (page["hasNextPage"].as_bool(), page["endCursor"].as_str()) {
            (Some(false), _) => None,
            (Some(true), Some(cursor)) if part.after.as_deref() != Some(cursor) => {
                Some(cursor.to_owned())
            }
            // Without it the list would end early, and projects would seem to be gone.
            _ => {
                let message = "the page does not say where the next one begins".to_owned();
                return Err(Trouble::Failed(Error::Graphql {
                    errors: vec![GraphqlError {
                        message,
                        ..GraphqlError::default()
                    }],
                }));
            }
        };
        Ok(Page { nodes: read, next })
    }

    fn node(
        &self,
        node: &Value,
        depth: Depth,
        plan: &Plan,
        failures: &[(Vec<&str>, Reason)],
    ) -> Result<Node, NotUnderstood> {
        let catalogue = self.enabled.catalogue;
        let found = match depth {
            Depth::Whole => {
                ProjectAnswer::from_graphql(node, &plan.whole, failures, catalogue, self.now)
            }
            Depth::Identity => ProjectAnswer::identity_from_graphql(node, &plan.whole, catalogue),
            _ => return self.light_node(node, depth, plan, failures),
        };
        Ok(Node::Found(Box::new(found?)))
    }

    fn light_node(
        &self,
        node: &Value,
        depth: Depth,
        plan: &Plan,
        failures: &[(Vec<&str>, Reason)],
    ) -> Result<Node, NotUnderstood> {
        let id = Identity::id_from_graphql(node);
        let id = id.ok_or(NotUnderstood("a project without an id"))?;
        let activity = Identity::activity_from_graphql(node);
        Ok(match depth {
            Depth::Activity => {
                let columns = self.enabled.catalogue.project_columns();
                let readings = plan.activity.columns.iter().map(|(place, keys)| {
                    let column = columns[*place].column;
                    (*place, answered(column, node, keys, failures))
                });
                Node::Moved {
                    id,
                    activity,
                    readings: readings.collect(),
                }
            }
            _ => Node::Seen {
                id,
                activity,
                path: node["fullPath"].as_str().map(str::to_owned),
                archived: node["archived"].as_bool(),
                pipelines: match Kind::Count.read(&node["pipelines"]["count"]) {
                    Answered::Value(count) => Some(count as u64),
                    _ => None,
                },
            },
        })
    }

    /// Notes the fields that GitLab says it does not know. False if none of them is new.
    fn lose(&self, errors: &[GraphqlError]) -> bool {
        let mut capabilities = lock(&self.capabilities);
        let mut lost = false;
        for error in errors.iter().filter(|error| is_unknown(error)) {
            let below = error
                .path
                .iter()
                .skip_while(|segment| *segment != "nodes")
                .skip(1);
            let mut keys: Vec<_> = below.filter_map(Value::as_str).map(str::to_owned).collect();
            // The path of an unknown argument ends with the argument; its field is what can't be asked.
            if is_argument(error) {
                keys.pop();
            }
            tracing::info!(
                field = keys.join("."),
                "this GitLab does not have a field; its metric is left out"
            );
            lost |= capabilities.lose(keys);
        }
        lost
    }
}

/// Whether GitLab fails at answering: REST may do better.
pub fn is_broken(error: &Error) -> bool {
    matches!(error, Error::Server { .. })
}

fn timed_out() -> Error {
    Error::Timeout {
        detail: "GitLab does not even list these projects in time".to_owned(),
    }
}

/// Whether a validation error says that a field or an argument does not exist.
fn is_unknown(error: &GraphqlError) -> bool {
    error.code.as_deref() == Some("undefinedField")
        || error.message.contains("doesn't exist on type")
        || is_argument(error)
}

fn is_argument(error: &GraphqlError) -> bool {
    error.code.as_deref() == Some("argumentNotAccepted")
        || error.message.contains("doesn't accept argument")
}

fn is_too_complex(error: &GraphqlError) -> bool {
    error.message.contains("exceeds max complexity")
}

fn is_timeout(error: &GraphqlError) -> bool {
    error.message.starts_with("Timeout on ") || error.message.contains("timed out")
}

/// What an error of a partial answer is about, if it is about the project at `index`: keys below
/// its node, and why.
fn failed_at(error: &GraphqlError, index: usize) -> Option<(Vec<&str>, Reason)> {
    let mut path = error
        .path
        .iter()
        .skip_while(|segment| *segment != "nodes")
        .skip(1);
    let at = path.next()?.as_u64()?;
    let reason = if is_timeout(error) {
        Reason::Timeout
    } else {
        Reason::Graphql
    };
    (at == index as u64).then(|| (path.filter_map(Value::as_str).collect(), reason))
}
