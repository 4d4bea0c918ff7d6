//! One sweep: every selected project is listed and every question about it asked, by GraphQL where
//! that can be had and by REST where it can't.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::json;
use tokio::time::Instant;

use super::graphql;
use super::plan::{Capabilities, List, PROBE};
use super::selection::Source;
use super::{Found, Listing, Poller, Sweep, now, rest};
use crate::gitlab::Error;
use crate::metrics::{Project, Reading, Snapshot, UnixTime};

impl Poller {
    /// How long GitLab's fields are taken to be the same.
    const PROBE_INTERVAL: Duration = Duration::from_secs(3600);
    /// How soon a GraphQL that could not be used is tried again: REST costs many requests more.
    const BLOCKED_INTERVAL: Duration = Duration::from_secs(300);
    /// A value that was forbidden is asked for again every so many polls: a role that was granted
    /// shows after ten minutes of the default interval.
    const RETRY_FORBIDDEN: u64 = 10;

    /// Reads everything, as far as that can be done before the deadline.
    pub(super) async fn sweep(&mut self, deadline: Instant) -> Sweep {
        let mut sweep = Sweep::default();
        if let Err(error) = self.client.reload_token() {
            tracing::warn!(%error, "reading the token again failed; the last one is used");
        }
        if let Err(error) = self.probe(deadline).await {
            sweep
                .failures
                .push(("asking GitLab what it can do".to_owned(), error));
            return sweep;
        }
        let now = now();
        let this = &*self;
        let listings: Vec<_> = stream::iter(this.settings.selection.sources.clone())
            .map(|source| async move {
                let listing = this.list(&source, deadline, now).await;
                (source, listing)
            })
            .buffered(this.settings.concurrency)
            .collect()
            .await;
        let mut taken = BTreeSet::new();
        let mut refused = false;
        for (source, listing) in listings {
            self.note_absent(&source, &listing, &mut sweep);
            refused |= listing.instead && listing.failure.is_none();
            let filter = &self.settings.selection.filter;
            sweep
                .found
                .extend(listing.found.into_iter().filter(|found| {
                    filter.takes(&found.identity, now) && taken.insert(found.identity.id)
                }));
            let is_absent = matches!(&source, Source::Group(path) if sweep.absent.contains(path));
            if let Some(error) = listing.failure.filter(|_| !is_absent) {
                sweep.failures.push((source.to_string(), error));
            }
        }
        if refused {
            // Asking it first at every poll would be a waste.
            self.graphql = false;
            self.probe_due = Some(Instant::now() + Self::BLOCKED_INTERVAL);
        }
        if !self.graphql && sweep.found.is_empty() {
            // It was more than GraphQL that was missing: nothing is known of it.
            self.probe_due = None;
        }
        sweep.found = self.complete(sweep.found, deadline, now).await;
        sweep
    }

    /// Asks what GitLab can do, once in a while. GraphQL may be blocked or broken; REST is left then.
    async fn probe(&mut self, deadline: Instant) -> Result<(), Error> {
        if self.probe_due.is_some_and(|due| Instant::now() < due) {
            return Ok(());
        }
        let mut interval = Self::PROBE_INTERVAL;
        match self.client.graphql(PROBE, json!({}), deadline).await {
            Ok(answer) => {
                let capabilities = Capabilities::from_probe(&answer.data);
                self.graphql = self.settings.selection.filter.forks || capabilities.has("isForked");
                if !self.graphql {
                    tracing::warn!(
                        "this GitLab does not tell forks over GraphQL; REST is used, at more requests"
                    );
                }
                self.capabilities = Mutex::new(capabilities);
            }
            Err(Error::Graphql { .. }) => {
                // Introspection is refused: what it lacks will show when it is asked.
                self.graphql = self.settings.selection.filter.forks;
                self.capabilities = Mutex::default();
            }
            Err(error) if is_blocked(&error) || is_broken(&error) => {
                tracing::warn!(%error, "GraphQL can't be used; REST is, at more requests");
                self.graphql = false;
                interval = Self::BLOCKED_INTERVAL;
            }
            Err(error) => return Err(error),
        }
        self.probe_due = Some(Instant::now() + interval);
        Ok(())
    }

    async fn list(&self, source: &Source, deadline: Instant, now: UnixTime) -> Listing {
        let capabilities = self.capabilities();
        let rest = self.rest(&capabilities, deadline, now);
        if !self.graphql {
            return rest.list(source).await;
        }
        let asker = self.asker(deadline, now);
        let listing = match source {
            Source::Membership => asker.walk(List::Membership, json!({})).await,
            Source::All => asker.walk(List::All, json!({})).await,
            Source::Group(path) => asker.walk(List::Group, json!({ "path": path })).await,
            Source::Projects(names) => self.named(names, &asker, &rest).await,
        };
        match &listing.failure {
            Some(error)
                if listing.found.is_empty()
                    && (is_blocked(error) || is_refused(error) || is_broken(error)) =>
            {
                tracing::warn!(%error, %source, "GraphQL refuses; REST is used, at more requests");
                let instead = !is_blocked(error);
                Listing {
                    instead,
                    ..rest.list(source).await
                }
            }
            _ => listing,
        }
    }

    /// Reads projects by id or path, 100 or 50 at a time.
    async fn named(
        &self,
        names: &[String],
        asker: &graphql::Asker<'_>,
        rest: &rest::Asker<'_>,
    ) -> Listing {
        let id_of = |name: &String| name.parse().ok().or_else(|| self.ids.get(name).copied());
        let ids: Vec<u64> = names.iter().filter_map(id_of).collect();
        let paths: Vec<String> = names
            .iter()
            .filter(|name| id_of(name).is_none())
            .cloned()
            .collect();
        let mut listing = asker.by_id(&ids).await;
        if listing.failure.is_none() && !paths.is_empty() && self.capabilities().asks_by_paths() {
            let more = asker.by_path(&paths).await;
            listing.found.extend(more.found);
            listing.failure = more.failure;
        }
        // An older GitLab can't be asked by paths, and REST alone knows where a renamed project went.
        for path in paths {
            let is_it = |found: &Found| found.identity.path.eq_ignore_ascii_case(&path);
            if listing.failure.is_some() || listing.found.iter().any(is_it) {
                continue;
            }
            match rest.project(&path).await {
                Ok(Some(found)) => {
                    listing.resolved.push((path, found.identity.id));
                    listing.found.push(found);
                }
                Ok(None) => {}
                Err(error) => listing.failure = Some(error),
            }
        }
        listing
    }

    /// Notes which of the selected things are not there. What has been there before was removed
    /// since, and is gone; what has never been there is a mistake, and nothing is known of it.
    fn note_absent(&mut self, source: &Source, listing: &Listing, sweep: &mut Sweep) {
        let absent = match (source, &listing.failure) {
            (Source::Group(path), Some(error)) if rest::is_gone(error) => vec![path.clone()],
            (Source::Group(path), None) => {
                self.seen.insert(path.clone());
                Vec::new()
            }
            (Source::Projects(names), None) => {
                self.ids.extend(listing.resolved.iter().cloned());
                names
                    .iter()
                    .filter(|name| !self.remember(name, listing))
                    .cloned()
                    .collect()
            }
            _ => Vec::new(),
        };
        for name in absent {
            if self.seen.contains(&name) {
                sweep.absent.push(name);
            } else if matches!(source, Source::Projects(_)) {
                let detail = "404 Project Not Found".to_owned();
                sweep.failures.push((
                    format!("reading the project {name:?}"),
                    Error::NotFound { detail },
                ));
            }
        }
    }

    /// Whether a project selected by name was found; its id is remembered then, so that a rename
    /// does not lose it.
    fn remember(&mut self, name: &str, listing: &Listing) -> bool {
        let id = name.parse().ok().or_else(|| self.ids.get(name).copied());
        let found = listing
            .found
            .iter()
            .map(|found| &found.identity)
            .find(|identity| {
                // GitLab's paths are the same in any case.
                Some(identity.id) == id || identity.path.eq_ignore_ascii_case(name)
            });
        if let Some(identity) = found {
            self.ids.insert(name.to_owned(), identity.id);
            self.seen.insert(name.to_owned());
        }
        found.is_some()
    }

    /// Asks in other ways for what is still open: where GitLab ran out of time for some values of a
    /// page, in smaller pages; then value by value over REST.
    async fn complete(
        &self,
        mut found: Vec<Found>,
        deadline: Instant,
        now: UnixTime,
    ) -> Vec<Found> {
        // Who failed in most of its values broke its page, and would break the next one too.
        let partial =
            |found: &&Found| !found.failed.is_empty() && found.failed.len() < self.slots.len() / 2;
        let again: Vec<u64> = found
            .iter()
            .filter(partial)
            .map(|found| found.identity.id)
            .collect();
        if self.graphql && !again.is_empty() {
            let answers = self.asker(deadline, now).by_id(&again).await.found;
            let mut answers: HashMap<_, _> = answers
                .into_iter()
                .map(|found| (found.identity.id, found))
                .collect();
            for found in &mut found {
                if let Some(answer) = answers.remove(&found.identity.id) {
                    *found = answer;
                }
            }
        }
        let capabilities = self.capabilities();
        let forbidden: BTreeSet<(u64, usize)> =
            match (self.last.generation + 1).is_multiple_of(Self::RETRY_FORBIDDEN) {
                true => BTreeSet::new(),
                false => forbidden(&self.last),
            };
        let skip = |id, slot| forbidden.contains(&(id, slot));
        // If time runs out, it runs out for others than in the last poll.
        let told = told(&self.last);
        found.sort_by_key(|found| told.get(&found.identity.id).copied().unwrap_or_default());
        self.rest(&capabilities, deadline, now)
            .complete(found, &skip)
            .await
    }

    fn asker(&self, deadline: Instant, now: UnixTime) -> graphql::Asker<'_> {
        graphql::Asker {
            client: &self.client,
            slots: &self.slots,
            capabilities: &self.capabilities,
            page: &self.page,
            deadline,
            now,
            progress: &self.progress,
        }
    }

    fn rest<'a>(
        &'a self,
        capabilities: &'a Capabilities,
        deadline: Instant,
        now: UnixTime,
    ) -> rest::Asker<'a> {
        rest::Asker {
            client: &self.client,
            slots: &self.slots,
            capabilities,
            concurrency: self.settings.concurrency,
            deadline,
            now,
            progress: &self.progress,
        }
    }
}

/// Whether something between us and GitLab, or GitLab itself, keeps the API from us.
fn is_blocked(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::Forbidden { .. }
            | Error::Refused { .. }
            | Error::NotJson { .. }
    )
}

/// Whether GitLab fails at answering: REST may do better.
fn is_broken(error: &Error) -> bool {
    matches!(error, Error::Server { .. })
}

/// Whether GraphQL does not take the question, however small the page.
fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Graphql { .. })
}

/// When the oldest value of each project was told; 0 for those that lack one.
fn told(snapshot: &Snapshot) -> HashMap<u64, UnixTime> {
    let projects = snapshot.projects.iter();
    let oldest = |project: &Project| {
        let at = project.readings.iter().map(|reading| match reading {
            Reading::Known { at, .. } => *at,
            Reading::Unknown(reason) if !Reading::QUIET.contains(reason) => 0,
            Reading::Unknown(_) | Reading::Off => UnixTime::MAX,
        });
        at.min().unwrap_or_default()
    };
    projects
        .map(|project| (project.identity.id, oldest(project)))
        .collect()
}

/// The values that were forbidden in a snapshot: asking at every poll would be a waste.
fn forbidden(snapshot: &Snapshot) -> BTreeSet<(u64, usize)> {
    let mut forbidden = BTreeSet::new();
    for project in &snapshot.projects {
        for (slot, reading) in project.readings.iter().enumerate() {
            if *reading == Reading::Unknown(Reading::FORBIDDEN) {
                forbidden.insert((project.identity.id, slot));
            }
        }
    }
    forbidden
}
