//! Reads lists of projects over GraphQL, a page of up to 100 projects and all their values at a time.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::page::PageSize;
use super::plan::{Capabilities, List, Plan};
use super::{Found, Listing, Progress, lock};
use crate::gitlab::{Answer, Client, Error, GraphqlError};
use crate::metrics::{Identity, Reading, Reason, Standing, UnixTime, number, questions};

/// What one poll asks over GraphQL, and what it learns about asking.
pub struct Asker<'a> {
    pub client: &'a Client,
    pub slots: &'a BTreeSet<usize>,
    pub capabilities: &'a Mutex<Capabilities>,
    pub page: &'a Mutex<PageSize>,
    pub deadline: Instant,
    pub now: UnixTime,
    pub progress: &'a Progress,
}

/// A page as it came.
struct Page {
    found: Vec<Found>,
    next: Option<String>,
    /// Whether GitLab ran out of time for some of it.
    timed_out: bool,
    /// How long GitLab took for it.
    took: Duration,
}

/// Which part of a list to ask for.
struct Part<'a> {
    list: List,
    /// The variables that name the list.
    variables: Value,
    first: usize,
    after: Option<&'a str>,
}

impl Asker<'_> {
    /// Walks a list to its end by its cursors. What was read before a failure is kept.
    pub async fn walk(&self, list: List, variables: Value) -> Listing {
        let mut listing = Listing::default();
        let mut after: Option<String> = None;
        loop {
            let first = lock(self.page).size();
            let part = Part {
                list,
                variables: variables.clone(),
                first,
                after: after.as_deref(),
            };
            match self.page(&part).await {
                Ok(Some(page)) => {
                    listing.found.extend(page.found);
                    match page.next {
                        Some(next) => after = Some(next),
                        None => return listing,
                    }
                }
                Ok(None) => {} // It was too much: once more with less.
                Err(error) => {
                    listing.failure = Some(error);
                    return listing;
                }
            }
        }
    }

    /// Asks for projects by id. Ids that GitLab does not return are gone, or were never visible.
    pub async fn by_id(&self, ids: &[u64]) -> Listing {
        let gids = ids.iter().map(|id| format!("gid://gitlab/Project/{id}"));
        self.named(List::Ids, "ids", &gids.collect::<Vec<_>>(), PageSize::MAX)
            .await
    }

    /// Asks for projects by full path, where this GitLab can.
    pub async fn by_path(&self, paths: &[String]) -> Listing {
        /// GitLab takes no more paths at once.
        const MOST: usize = 50;
        self.named(List::Paths, "paths", paths, MOST).await
    }

    async fn named(&self, list: List, variable: &str, names: &[String], most: usize) -> Listing {
        let mut listing = Listing::default();
        let mut rest = names;
        while !rest.is_empty() {
            let first = lock(self.page).size().min(most).min(rest.len());
            let variables = json!({ variable: rest[..first] });
            let part = Part {
                list,
                variables,
                first,
                after: None,
            };
            match self.page(&part).await {
                Ok(Some(page)) => {
                    listing.found.extend(page.found);
                    rest = &rest[first..];
                }
                Ok(None) => {}
                Err(error) => {
                    listing.failure = Some(error);
                    return listing;
                }
            }
        }
        listing
    }

    /// Asks for one page; none if it was too much and a smaller one must be tried.
    async fn page(&self, part: &Part<'_>) -> Result<Option<Page>, Error> {
        let plan = Plan::new(self.slots, &lock(self.capabilities));
        let answer = self.ask(part, &plan.document(part.list)).await;
        let error = match answer.and_then(|answer| self.read(part, &answer, &plan)) {
            Ok(page) => {
                match page.timed_out {
                    true => lock(self.page).partial(part.first),
                    false => lock(self.page).answered(part.first, page.took),
                }
                self.progress.add(page.found.len());
                return Ok(Some(page));
            }
            Err(error) => error,
        };
        match &error {
            Error::Graphql { errors } if self.lose(errors) => return Ok(None),
            // A score does not depend on who the projects are: a single one is too much, too.
            Error::Graphql { errors } if errors.iter().any(is_too_complex) && part.first > 1 => {}
            Error::Graphql { errors } if errors.iter().any(is_timeout) => {}
            Error::Timeout { .. } => {}
            // Broken pages and a broken GitLab look alike; a light question tells them apart.
            Error::Server { .. } => {
                let page = self.lightly(part, &plan).await?;
                if part.first == 1 {
                    return Ok(Some(page));
                }
            }
            _ => return Err(error),
        }
        if part.first > 1 {
            tracing::debug!(projects = part.first, %error, "the page was too much; asking for half of it");
            lock(self.page).failed(part.first);
            return Ok(None);
        }
        // One project breaks its page: its values are asked for one by one instead.
        self.lightly(part, &plan).await.map(Some)
    }

    /// Asks who the projects of a page are and leaves all their values to be asked in another way.
    async fn lightly(&self, part: &Part<'_>, plan: &Plan) -> Result<Page, Error> {
        let answer = self.ask(part, &plan.light_document(part.list)).await?;
        let mut page = self.read(part, &answer, plan)?;
        for found in &mut page.found {
            for (slot, _) in &plan.asked {
                found.readings[*slot] = Reading::Unknown("timeout");
            }
            found.failed = plan.asked.iter().map(|(slot, _)| *slot).collect();
        }
        Ok(page)
    }

    async fn ask(&self, part: &Part<'_>, document: &str) -> Result<Answer, Error> {
        let mut variables = part.variables.clone();
        variables["first"] = part.first.into();
        if let Some(after) = part.after {
            variables["after"] = after.into();
        }
        self.client
            .graphql(document, variables, self.deadline)
            .await
    }

    /// Reads the projects of an answer.
    fn read(&self, part: &Part<'_>, answer: &Answer, plan: &Plan) -> Result<Page, Error> {
        let connection = match part.list {
            List::Group => &answer.data["group"]["projects"],
            _ => &answer.data["projects"],
        };
        let Some(nodes) = connection["nodes"].as_array() else {
            return Err(match answer.errors.is_empty() {
                // GitLab answers null for what does not exist and for what may not be seen.
                true => Error::NotFound {
                    detail: "GitLab does not show this list to the token".to_owned(),
                },
                false => Error::Graphql {
                    errors: answer.errors.clone(),
                },
            });
        };
        let mut found = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let failures: Vec<_> = answer
                .errors
                .iter()
                .filter_map(|error| failed_at(error, index))
                .collect();
            match Identity::from_graphql(node) {
                Some(identity) => found.push(self.project(identity, node, plan, &failures)),
                None if failures.is_empty() => {} // A redacted project is null.
                None => {
                    let detail = "GitLab lost a whole project of the page".to_owned();
                    return Err(Error::Timeout { detail });
                }
            }
        }
        let page = &connection["pageInfo"];
        let next = match (page["hasNextPage"].as_bool(), page["endCursor"].as_str()) {
            (Some(false), _) => None,
            (Some(true), Some(cursor)) if part.after != Some(cursor) => Some(cursor.to_owned()),
            // Without it the list would end early, and projects would seem to be gone.
            _ => {
                let message = "the page does not say where the next one begins".to_owned();
                return Err(Error::Graphql {
                    errors: vec![GraphqlError {
                        message,
                        ..GraphqlError::default()
                    }],
                });
            }
        };
        let timed_out = answer.errors.iter().any(is_timeout);
        Ok(Page {
            found,
            next,
            timed_out,
            took: answer.took,
        })
    }

    fn project(
        &self,
        identity: Identity,
        node: &Value,
        plan: &Plan,
        failures: &[(Vec<&str>, Reason)],
    ) -> Found {
        let mut readings = vec![Reading::Unknown(Reading::NOT_ASKED); questions().len()];
        let mut failed = Vec::new();
        for slot in &plan.unsupported {
            readings[*slot] = Reading::Unknown(Reading::UNSUPPORTED);
        }
        for (slot, keys) in &plan.asked {
            let question = questions()[*slot].0;
            let value = keys.iter().fold(node, |value, key| &value[key.as_str()]);
            let failure = failures
                .iter()
                .find(|(at, _)| keys.iter().zip(at).all(|(key, at)| key == at));
            readings[*slot] = match (number(value), failure) {
                (None, Some((_, reason)))
                    if identity.standing(question.feature) == Standing::On =>
                {
                    failed.push(*slot);
                    Reading::Unknown(reason)
                }
                (answer, _) => Reading::of(answer, question, &identity, self.now),
            };
        }
        Found {
            identity,
            readings,
            failed,
        }
    }

    /// Notes the fields that GitLab says it does not know. False if none of them is new.
    fn lose(&self, errors: &[GraphqlError]) -> bool {
        let mut capabilities = lock(self.capabilities);
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
        "timeout"
    } else {
        "graphql"
    };
    (at == index as u64).then(|| (path.filter_map(Value::as_str).collect(), reason))
}
