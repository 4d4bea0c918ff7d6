//! Reads over REST what GraphQL can't tell: whole lists where it is blocked, single values where
//! it answers null or fails.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::time::Instant;

use super::plan::Capabilities;
use super::selection::Source;
use super::{Found, Listing, Progress};
use crate::gitlab::{Client, Error};
use crate::metrics::{
    Identity, Question, Reading, Rest, Standing, UnixTime, member, number, questions,
};

/// What one poll asks over REST.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    pub client: &'a Client,
    pub slots: &'a BTreeSet<usize>,
    pub capabilities: &'a Capabilities,
    pub concurrency: usize,
    pub deadline: Instant,
    pub now: UnixTime,
    pub progress: &'a Progress,
}

impl Asker<'_> {
    /// Reads the projects of a source with every value that stands in their bodies; the others
    /// are left to [`Asker::complete`].
    pub async fn list(&self, source: &Source) -> Listing {
        match source {
            Source::Membership => self.walk(&keyset("membership=true&")).await,
            Source::All => self.walk(&keyset("")).await,
            Source::Group(path) => {
                let group = encoded(path);
                self.walk(&format!("groups/{group}/projects?include_subgroups=true&with_shared=false&order_by=id&sort=asc&per_page=100"))
                    .await
            }
            Source::Projects(names) => {
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
        }
    }

    async fn walk(&self, first: &str) -> Listing {
        let mut listing = Listing::default();
        let mut next = Some(first.to_owned());
        while let Some(path) = next {
            match self.client.get(&path, self.deadline).await {
                Ok(page) => {
                    let Some(bodies) = page.body.as_array() else {
                        listing.failure = Some(Error::NotJson {
                            status: 200,
                            html: false,
                        });
                        return listing;
                    };
                    let found = listing.found.len();
                    listing
                        .found
                        .extend(bodies.iter().filter_map(|body| self.found(body)));
                    self.progress.add(listing.found.len() - found);
                    next = page.next.filter(|next| *next != path);
                }
                Err(error) => {
                    listing.failure = Some(error);
                    return listing;
                }
            }
        }
        listing
    }

    /// Reads one project by id or path; none if it does not exist or may not be seen.
    pub async fn project(&self, name: &str) -> Result<Option<Found>, Error> {
        match self
            .client
            .get(
                &format!("projects/{}?statistics=true", encoded(name)),
                self.deadline,
            )
            .await
        {
            Ok(page) => {
                self.progress.add(1);
                Ok(self.found(&page.body))
            }
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a project's body. What does not stand in it is noted as still to be asked.
    fn found(&self, body: &Value) -> Option<Found> {
        let identity = Identity::from_rest(body)?;
        let mut readings = vec![Reading::Unknown(Reading::NOT_ASKED); questions().len()];
        let mut failed = Vec::new();
        // A group's list has no statistics; only the project's own body tells whether they are hidden.
        let complete = body.get("statistics").is_some();
        for &slot in self.slots {
            let question = questions()[slot].0;
            let off = identity.standing(question.feature) == Standing::Off;
            readings[slot] = match question.rest {
                _ if off => Reading::Off,
                Rest::Body(path) if complete || !path.starts_with("statistics.") => {
                    Reading::of(number(member(body, path)), question, &identity, self.now)
                }
                _ => {
                    failed.push(slot);
                    Reading::Unknown(Reading::HIDDEN)
                }
            };
        }
        Some(Found {
            identity,
            readings,
            failed,
        })
    }

    /// Asks one by one for what is still open: values that failed, and values that GitLab hides in
    /// one place but may tell in another. Projects that turn out to be gone are dropped.
    pub async fn complete(
        &self,
        found: Vec<Found>,
        skip: &(dyn Fn(u64, usize) -> bool + Sync),
    ) -> Vec<Found> {
        let completed = found
            .into_iter()
            .map(|found| self.complete_one(found, skip));
        stream::iter(completed)
            .buffered(self.concurrency)
            .filter_map(async |found| found)
            .collect()
            .await
    }

    async fn complete_one(
        &self,
        mut found: Found,
        skip: &(dyn Fn(u64, usize) -> bool + Sync),
    ) -> Option<Found> {
        let mut bodies = Bodies {
            asker: self,
            id: found.identity.id,
            bodies: HashMap::new(),
        };
        if found.identity.standing.contains(&Standing::Unclear) {
            // Without an answer it stays unclear, and hidden.
            let body = bodies
                .body(format!("projects/{}?statistics=true", found.identity.id))
                .await;
            if let Some(settled) = body.ok().and_then(Identity::from_rest) {
                found.settle(&settled.standing, self.slots);
            }
        }
        for slot in std::mem::take(&mut found.failed) {
            let question = questions()[slot].0;
            if skip(found.identity.id, slot) {
                found.readings[slot] = Reading::Unknown(Reading::FORBIDDEN);
                continue;
            }
            found.readings[slot] = match bodies.ask(question.rest, &found.identity).await {
                Ok(answer) => Reading::of(answer, question, &found.identity, self.now),
                Err(error) if is_gone(&error) => return None,
                Err(error) => Reading::Unknown(error.reason()),
            };
        }
        for &slot in self.slots {
            let hidden = found.readings[slot] == Reading::Unknown(Reading::HIDDEN);
            // Who may not read the repository is not told about it in another way.
            if hidden && found.identity.code != Some(false) {
                found.readings[slot] = match skip(found.identity.id, slot) {
                    true => Reading::Unknown(Reading::FORBIDDEN),
                    false => {
                        self.uncover(questions()[slot].0, &found.identity, &mut bodies)
                            .await
                    }
                };
            }
        }
        Some(found)
    }

    /// Asks in other ways for what is hidden.
    async fn uncover(
        &self,
        question: &Question,
        identity: &Identity,
        bodies: &mut Bodies<'_>,
    ) -> Reading {
        for &way in question.hidden {
            if matches!(way, Rest::Number { since, .. } if !self.capabilities.is_at_least(since)) {
                continue;
            }
            match bodies.ask(way, identity).await {
                Ok(Some(value)) => {
                    return Reading::Known {
                        value,
                        at: self.now,
                    };
                }
                Ok(None) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Reading::Unknown(error.reason()),
            }
        }
        Reading::Unknown(Reading::HIDDEN)
    }
}

/// The bodies read for one project, so that two values of one body cost one request.
struct Bodies<'a> {
    asker: &'a Asker<'a>,
    id: u64,
    bodies: HashMap<String, Value>,
}

impl Bodies<'_> {
    /// Asks in one way; none if the answer does not have the value.
    async fn ask(&mut self, way: Rest, identity: &Identity) -> Result<Option<u64>, Error> {
        let path = |below: &str| {
            let branch = encoded(identity.default_branch.as_deref().unwrap_or("HEAD"));
            format!("projects/{}/{}", self.id, below.replace("{ref}", &branch))
        };
        match way {
            Rest::Body(at) => {
                self.number(format!("projects/{}?statistics=true", self.id), at)
                    .await
            }
            Rest::Number {
                path: below,
                member,
                ..
            } => self.number(path(below), member).await,
            Rest::Count(below) => self
                .asker
                .client
                .count(&path(below), self.asker.deadline)
                .await
                .map(Some),
        }
    }

    async fn number(&mut self, path: String, at: &str) -> Result<Option<u64>, Error> {
        Ok(number(member(self.body(path).await?, at)))
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

/// Whether GitLab itself says that a project or group is not there: a proxy's 404 does not count.
pub fn is_gone(error: &Error) -> bool {
    let words = ["Project Not Found", "Group Not Found"];
    matches!(error, Error::NotFound { detail } if words.iter().any(|words| detail.contains(words)))
}

fn keyset(which: &str) -> String {
    format!("projects?{which}statistics=true&pagination=keyset&order_by=id&sort=asc&per_page=100")
}

/// A path or a branch as one segment of a URL.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}
