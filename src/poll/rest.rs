//! Reads over REST what GraphQL can't tell: whole lists where it is blocked, single values where
//! it answers null or fails.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::time::Instant;

use super::Listing;
use super::plan::Capabilities;
use super::selection::Source;
use crate::gitlab::{Client, Error, NextPage};
use crate::metrics::{
    Access, Answered, Column, EnabledMetrics, Identity, Kind, NotUnderstood, ProjectAnswer,
    Reading, Reason, Rest, UnixTime, member,
};

/// What is needed to ask over REST.
#[derive(Clone)]
pub struct Asker {
    pub client: Client,
    pub enabled: Arc<EnabledMetrics>,
    pub capabilities: Capabilities,
    pub concurrency: usize,
    pub deadline: Instant,
    pub now: UnixTime,
}

/// A page of a list.
pub struct Page {
    /// The projects on it.
    pub found: Vec<ProjectAnswer>,
    /// Where the list goes on.
    pub next: Option<String>,
}

impl Asker {
    /// Reads a page of a list with every value that stands in its bodies; the others are left to
    /// [`Asker::complete`].
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn page(&self, source: &Source, position: Option<&str>) -> Result<Page, Error> {
        let first = first_page(
            source,
            "pagination=keyset&order_by=id&sort=asc",
            "order_by=id&sort=asc",
        );
        let path = position.unwrap_or(&first);
        let (bodies, next) = self.bodies(path).await?;
        let found = bodies.iter().map(|body| self.found(body));
        let found = found.collect::<Result<_, _>>()?;
        Ok(Page { found, next })
    }

    /// Reads who was active last: ids and times, and where the list goes on.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn recent(
        &self,
        source: &Source,
        position: Option<&str>,
    ) -> Result<(Vec<(u64, Option<UnixTime>)>, Option<String>), Error> {
        let order = "order_by=last_activity_at&sort=desc";
        let first = first_page(source, order, order);
        let (bodies, next) = self.bodies(position.unwrap_or(&first)).await?;
        let node = |body: &Value| {
            let id = Identity::id_from_rest(body);
            let id = id.ok_or_else(|| not_understood(&NotUnderstood("a project without an id")))?;
            Ok((id, Identity::activity_from_rest(body)))
        };
        Ok((bodies.iter().map(node).collect::<Result<_, Error>>()?, next))
    }

    /// How many projects a list has.
    ///
    /// # Errors
    /// If that can't be known without reading all of it.
    pub async fn count(&self, source: &Source) -> Result<u64, Error> {
        let order = "order_by=id&sort=asc";
        let path = first_page(source, order, order);
        self.client.count(&path, self.deadline).await
    }

    /// Reads projects by name, one by one.
    pub async fn named(&self, names: &[String]) -> Listing {
        let names = stream::iter(names.to_vec());
        let mut listing = Listing::default();
        let mut reads = names
            .map(|name| async move {
                let read = self.project(&name).await;
                (name, read)
            })
            .buffer_unordered(self.concurrency);
        while let Some((name, read)) = reads.next().await {
            match read {
                Ok(Some(found)) => {
                    listing.resolved.push((name, found.identity.id));
                    listing.found.push(found);
                }
                Ok(None) => {}
                Err(error) => listing.failure = Some(error),
            }
        }
        listing
    }

    async fn bodies(&self, path: &str) -> Result<(Vec<Value>, Option<String>), Error> {
        let page = self.client.get(path, self.deadline).await?;
        let Value::Array(bodies) = page.body else {
            return Err(Error::not_understood("the answer is not a list"));
        };
        // A page that names itself as the next one would be read for ever.
        let next = match page.paging.next {
            NextPage::At(next) if next != path => Some(next),
            _ => None,
        };
        Ok((bodies, next))
    }

    /// Reads one project by id or path; none if it does not exist or may not be seen.
    pub async fn project(&self, name: &str) -> Result<Option<ProjectAnswer>, Error> {
        match self
            .client
            .get(
                &format!("projects/{}?statistics=true", encoded(name)),
                self.deadline,
            )
            .await
        {
            Ok(page) => self.found(&page.body).map(Some),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a project's body. What does not stand in it is noted as still to be asked.
    fn found(&self, body: &Value) -> Result<ProjectAnswer, Error> {
        let (columns, catalogue) = (self.enabled.columns(), self.enabled.catalogue);
        let read = ProjectAnswer::from_rest(body, columns, catalogue, self.now);
        read.map_err(|error| not_understood(&error))
    }

    /// Asks for one project's open values: those that failed, and those that GitLab hides in one
    /// place but may tell in another. None if it turns out to be gone.
    pub async fn complete(&self, mut found: ProjectAnswer) -> Option<ProjectAnswer> {
        let mut bodies = Bodies {
            asker: self,
            id: found.identity.id,
            bodies: HashMap::new(),
        };
        if found.identity.access.contains(&Access::Unclear) {
            // Without an answer it stays unclear, and hidden.
            let body = bodies
                .body(format!("projects/{}?statistics=true", found.identity.id))
                .await;
            if let Some(settled) = body.ok().and_then(Identity::from_rest) {
                found.settle(&settled.access, self.enabled.columns());
            }
        }
        for slot in std::mem::take(&mut found.failed) {
            let column = self.column(slot);
            found.values[slot] = match bodies.ask(column.rest, column.kind, &found.identity).await {
                Ok(told) => Reading::of(told, column, &found.identity, self.now),
                Err(error) if is_gone(&error) => return None,
                Err(error) => failed(&error),
            };
        }
        for &slot in self.enabled.columns() {
            if found.is_hidden(slot) {
                let column = self.column(slot);
                found.values[slot] = self.uncover(column, &found.identity, &mut bodies).await;
            }
        }
        Some(found)
    }

    fn column(&self, place: usize) -> &'static Column {
        self.enabled.catalogue.project_columns()[place].column
    }

    /// Asks in other ways for what is hidden.
    async fn uncover(
        &self,
        column: &Column,
        identity: &Identity,
        bodies: &mut Bodies<'_>,
    ) -> Reading {
        for &way in column.fallbacks {
            if matches!(way, Rest::Member { since, .. } if !self.capabilities.is_at_least(since)) {
                continue;
            }
            match bodies.ask(way, column.kind, identity).await {
                Ok(Answered::Value(value)) => return Reading::known(value, self.now),
                Ok(Answered::Invalid) => return Reading::Unknown(Reason::Invalid),
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return failed(&error),
            }
        }
        Reading::Unknown(Reason::Hidden)
    }
}

/// The bodies read for one project, so that two values of one body cost one request.
struct Bodies<'a> {
    asker: &'a Asker,
    id: u64,
    bodies: HashMap<String, Value>,
}

impl Bodies<'_> {
    /// Asks in one way for a value of this kind.
    async fn ask(&mut self, way: Rest, kind: Kind, identity: &Identity) -> Result<Answered, Error> {
        let path = |below: &str| {
            let branch = encoded(identity.default_branch.as_deref().unwrap_or("HEAD"));
            format!("projects/{}/{}", self.id, below.replace("{ref}", &branch))
        };
        match way {
            Rest::Body(at) => {
                self.member(format!("projects/{}?statistics=true", self.id), at, kind)
                    .await
            }
            Rest::Member {
                path: below,
                member,
                ..
            } => self.member(path(below), member, kind).await,
            Rest::Count(below) => self
                .asker
                .client
                .count(&path(below), self.asker.deadline)
                .await
                .map(|count| Answered::Value(count as f64)),
        }
    }

    async fn member(&mut self, path: String, at: &str, kind: Kind) -> Result<Answered, Error> {
        match self.body(path).await? {
            body @ Value::Object(_) => Ok(kind.read(member(body, at))),
            _ => Err(not_understood(&NotUnderstood(
                "no object where one was asked for",
            ))),
        }
    }

    async fn body(&mut self, path: String) -> Result<&Value, Error> {
        match self.bodies.entry(path) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let page = self
                    .asker
                    .client
                    .get(unknown.key(), self.asker.deadline)
                    .await?;
                Ok(unknown.insert(page.body))
            }
        }
    }
}

/// An answer that is none: what was known stays.
pub(super) fn not_understood(error: &NotUnderstood) -> Error {
    Error::not_understood(error.0)
}

/// What a value is that could not be asked. What a proxy or an edge throttle forbids is no word of
/// GitLab about the project: the last good value stays.
fn failed(error: &Error) -> Reading {
    Reading::Unknown(match error {
        Error::NotGitLab { status: 403, .. } => Reason::Refused,
        error => Reason::from_name(error.reason()).unwrap_or(Reason::Other),
    })
}

/// Whether GitLab itself says that a project or group is not there: a proxy's 404 does not count.
pub fn is_gone(error: &Error) -> bool {
    let words = ["Project Not Found", "Group Not Found"];
    matches!(error, Error::NotFound { detail } if words.iter().any(|words| detail.contains(words)))
}

/// The first page of a list; groups have no keyset.
fn first_page(source: &Source, order: &str, order_of_groups: &str) -> String {
    match source {
        Source::Group(path) => format!(
            "groups/{}/projects?include_subgroups=true&with_shared=false&{order_of_groups}&per_page=100",
            encoded(path)
        ),
        Source::Membership => {
            format!("projects?membership=true&statistics=true&{order}&per_page=100")
        }
        // Single projects are no list and are read by name.
        Source::All | Source::Projects(_) => {
            format!("projects?statistics=true&{order}&per_page=100")
        }
    }
}

/// A path or a branch as one segment of a URL.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}
