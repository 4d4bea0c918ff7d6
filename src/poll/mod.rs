//! When and how GitLab is asked. Every poll publishes a new immutable snapshot and keeps the last
//! good value of what failed.

mod graphql;
mod page;
mod plan;
mod rest;
mod selection;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::{StreamExt, stream};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::gitlab::{Client, Error};
use crate::metrics::{
    Identity, Project, Reading, Reason, Report, Shown, Snapshot, UnixTime, questions,
};
use graphql::lock;
use page::PageSize;

pub use plan::{Capabilities, List, PROBE, Plan};
pub use selection::{Filter, Selection, Source};

/// When to poll, and what.
#[derive(Clone)]
pub struct Settings {
    /// The projects.
    pub selection: Selection,
    /// From the start of one poll to the start of the next.
    pub interval: Duration,
    /// How long one poll may take.
    pub timeout: Duration,
    /// Requests at a time.
    pub concurrency: usize,
}

/// Polls one GitLab.
pub struct Poller {
    client: Client,
    settings: Settings,
    shown: Shown,
    slots: BTreeSet<usize>,
    progress: Arc<Progress>,
    capabilities: Mutex<Capabilities>,
    /// When GitLab is asked again what it can do.
    probe_due: Option<Instant>,
    /// Whether GraphQL answered the last probe.
    graphql: bool,
    page: Mutex<PageSize>,
    /// Ids of the projects that are selected by path: a rename does not lose them.
    ids: HashMap<String, u64>,
    last: Arc<Snapshot>,
    errors: BTreeMap<(&'static str, Reason), u64>,
}

/// How many projects the poll under way has read.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicUsize,
}

/// A project as one poll found it.
struct Found {
    identity: Identity,
    readings: Vec<Reading>,
    /// Slots that failed and may be asked in another way.
    failed: Vec<usize>,
}

/// What was read of a list, and why not all of it.
#[derive(Default)]
struct Listing {
    found: Vec<Found>,
    failure: Option<Error>,
}

/// All that one poll read.
#[derive(Default)]
struct Sweep {
    found: Vec<Found>,
    failures: Vec<(String, Error)>,
    /// Projects selected by name that are not there.
    absent: Vec<String>,
}

impl Poller {
    /// How long GitLab's fields are taken to be the same.
    const PROBE_INTERVAL: Duration = Duration::from_secs(3600);
    /// A value that was forbidden is asked for again every so many polls.
    const RETRY_FORBIDDEN: u64 = 10;

    /// A poller that has not asked anything yet.
    pub fn new(client: Client, settings: Settings, shown: Shown) -> Poller {
        let slots = shown.slots();
        Poller {
            client,
            settings,
            shown,
            slots,
            progress: Arc::default(),
            capabilities: Mutex::default(),
            probe_due: None,
            graphql: true,
            page: Mutex::new(PageSize::new()),
            ids: HashMap::new(),
            last: Arc::default(),
            errors: BTreeMap::new(),
        }
    }

    /// How far the poll under way is.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Polls on the interval and publishes every snapshot, until told to stop.
    pub async fn run(mut self, publish: watch::Sender<Arc<Snapshot>>, stop: CancellationToken) {
        loop {
            let started = Instant::now();
            tokio::select! {
                snapshot = self.poll() => { publish.send_replace(snapshot); }
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = sleep_until(started + self.settings.interval) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Polls once and tells what is known then.
    pub async fn poll(&mut self) -> Arc<Snapshot> {
        let started = Instant::now();
        let requests = self.client.usage().requests.values().sum::<u64>();
        self.progress.read.store(0, Ordering::Relaxed);
        let sweep = self.sweep(started + self.settings.timeout).await;
        let requests = self.client.usage().requests.values().sum::<u64>() - requests;
        let snapshot = Arc::new(self.merge(sweep, started.elapsed(), requests));
        log(&self.last, &snapshot);
        self.last = Arc::clone(&snapshot);
        snapshot
    }

    /// What this GitLab can do, as far as is known.
    pub fn capabilities(&self) -> Capabilities {
        lock(&self.capabilities).clone()
    }

    async fn sweep(&mut self, deadline: Instant) -> Sweep {
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
        let mut seen = BTreeSet::new();
        for (source, listing) in listings {
            if let Source::Projects(names) = &source {
                sweep.absent.extend(self.absent(names, &listing));
            }
            let filter = &self.settings.selection.filter;
            sweep
                .found
                .extend(listing.found.into_iter().filter(|found| {
                    filter.takes(&found.identity, now) && seen.insert(found.identity.id)
                }));
            if let Some(error) = listing.failure {
                sweep.failures.push((source.to_string(), error));
            }
        }
        sweep.found = self.complete(sweep.found, deadline, now).await;
        sweep
    }

    /// Asks what GitLab can do, once in a while. GraphQL may be blocked by a proxy; REST is left then.
    async fn probe(&mut self, deadline: Instant) -> Result<(), Error> {
        if self.probe_due.is_some_and(|due| Instant::now() < due) {
            return Ok(());
        }
        match self.client.graphql(PROBE, json!({}), deadline).await {
            Ok(answer) => {
                let capabilities = Capabilities::from_probe(&answer.data);
                let forks = self.settings.selection.filter.forks || capabilities.has("isForked");
                if !forks {
                    tracing::warn!(
                        "this GitLab does not tell forks over GraphQL; REST is used, at more requests"
                    );
                }
                self.graphql = forks;
                self.capabilities = Mutex::new(capabilities);
            }
            Err(Error::Graphql { .. }) => {
                // Introspection is refused: what it lacks will show when it is asked.
                self.graphql = self.settings.selection.filter.forks;
                self.capabilities = Mutex::default();
            }
            Err(error) if is_blocked(&error) => {
                // Perhaps it is the address that is wrong: REST must answer, or this is the error.
                self.client.get("version", deadline).await.map_err(|rest| {
                    match is_blocked(&rest) {
                        true => error,
                        false => rest,
                    }
                })?;
                tracing::warn!("GraphQL is blocked; REST is used, at more requests");
                self.graphql = false;
            }
            Err(error) => return Err(error),
        }
        self.probe_due = Some(Instant::now() + Self::PROBE_INTERVAL);
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
            Some(error) if listing.found.is_empty() && (is_blocked(error) || is_refused(error)) => {
                tracing::warn!(%error, %source, "GraphQL refuses; REST is used, at more requests");
                rest.list(source).await
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
        if paths.is_empty() || listing.failure.is_some() {
            // Nothing more to ask, or no use in asking.
        } else if self.capabilities().asks_by_paths() {
            let more = asker.by_path(&paths).await;
            listing.found.extend(more.found);
            listing.failure = more.failure;
        } else {
            let more = rest.list(&Source::Projects(paths)).await;
            listing.found.extend(more.found);
            listing.failure = more.failure;
        }
        listing
    }

    /// Which projects selected by name are not there. The ids of the others are remembered: a
    /// rename does not lose them.
    fn absent(&mut self, names: &[String], listing: &Listing) -> Vec<String> {
        let found = || listing.found.iter().map(|found| &found.identity);
        for name in names {
            // GitLab's paths are the same in any case.
            if let Some(identity) =
                found().find(|identity| identity.path.eq_ignore_ascii_case(name))
            {
                self.ids.insert(name.clone(), identity.id);
            }
        }
        if listing.failure.is_some() {
            return Vec::new(); // Perhaps they were only not read.
        }
        let id_of = |name: &String| name.parse().ok().or_else(|| self.ids.get(name).copied());
        let ids: BTreeSet<u64> = found().map(|identity| identity.id).collect();
        let absent = names
            .iter()
            .filter(|name| id_of(name).is_none_or(|id| !ids.contains(&id)));
        absent.cloned().collect()
    }

    /// Asks in other ways for what is still open: where GitLab ran out of time for some values of a
    /// page, in smaller pages; then value by value over REST.
    async fn complete(
        &self,
        mut found: Vec<Found>,
        deadline: Instant,
        now: UnixTime,
    ) -> Vec<Found> {
        let partial = |found: &&mut Found| {
            !found.failed.is_empty() && found.failed.len() < self.slots.len() / 2
        };
        let again: Vec<u64> = found
            .iter_mut()
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

    /// The next snapshot: what was found, with the last good value of what failed.
    fn merge(&mut self, sweep: Sweep, took: Duration, requests: u64) -> Snapshot {
        let now = now();
        let last: HashMap<u64, &Arc<Project>> = self
            .last
            .projects
            .iter()
            .map(|project| (project.identity.id, project))
            .collect();
        let mut failed = 0;
        let mut projects = BTreeMap::new();
        for found in sweep.found {
            for ((_, subject), reading) in questions().iter().zip(&found.readings) {
                if let Reading::Unknown(reason) = reading
                    && !Reading::QUIET.contains(reason)
                {
                    *self.errors.entry((subject, reason)).or_default() += 1;
                    failed += 1;
                }
            }
            let id = found.identity.id;
            let before = last
                .get(&id)
                .map(|project| project.readings.as_slice())
                .unwrap_or_default();
            let readings = found.readings.into_iter().enumerate();
            let readings = readings
                .map(|(slot, reading)| reading.or_last_good(before.get(slot)))
                .collect();
            projects.insert(
                id,
                Arc::new(Project {
                    identity: found.identity,
                    listed: now,
                    readings,
                }),
            );
        }
        // A list that could not be read leaves its projects as they were. What GitLab says does
        // not exist is gone.
        if sweep
            .failures
            .iter()
            .any(|(_, error)| !rest::is_gone(error))
        {
            for project in &self.last.projects {
                projects
                    .entry(project.identity.id)
                    .or_insert_with(|| Arc::clone(project));
            }
        }
        if !sweep.absent.is_empty() {
            *self.errors.entry((PROJECTS, "not_found")).or_default() += sweep.absent.len() as u64;
        }
        for (_, error) in &sweep.failures {
            *self.errors.entry((PROJECTS, error.reason())).or_default() += 1;
        }
        let complete = sweep.failures.is_empty();
        let report = Report {
            ended: now,
            took,
            requests,
            reached: complete || sweep.failures.iter().any(|(_, error)| answered(error)),
            failure: failure(&sweep.failures),
            failed,
            absent: sweep.absent,
            last_complete: match &self.last.report {
                _ if complete => Some(now),
                Some(report) => report.last_complete,
                None => None,
            },
            errors: self.errors.clone(),
        };
        let projects: Vec<_> = projects.into_values().collect();
        let project_count = if complete {
            Some(projects.len() as u64)
        } else {
            self.last.project_count
        };
        Snapshot::new(
            self.last.generation + 1,
            projects,
            project_count,
            report,
            &self.shown,
        )
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

/// The name of what lists of projects belong to, in errors.
const PROJECTS: &str = "projects";

impl Progress {
    fn add(&self, projects: usize) {
        self.read.fetch_add(projects, Ordering::Relaxed);
    }

    /// How many projects have been read.
    pub fn projects(&self) -> usize {
        self.read.load(Ordering::Relaxed)
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

/// Whether GraphQL does not take the question, however small the page.
fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Graphql { .. })
}

/// Whether GitLab answered, if only with an error.
fn answered(error: &Error) -> bool {
    !matches!(
        error,
        Error::Network { .. } | Error::Timeout { .. } | Error::Deadline | Error::NotJson { .. }
    )
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
            if *reading == Reading::Unknown("forbidden") {
                forbidden.insert((project.identity.id, slot));
            }
        }
    }
    forbidden
}

fn failure(failures: &[(String, Error)]) -> Option<String> {
    let texts = failures.iter().map(|(what, error)| {
        let advice = error
            .advice()
            .map(|advice| format!(". {advice}"))
            .unwrap_or_default();
        format!("{what}: {error}{advice}")
    });
    Some(texts.collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty())
}

/// One line a poll: what changed, what it cost and how long it took.
fn log(last: &Snapshot, snapshot: &Snapshot) {
    let Some(report) = &snapshot.report else {
        return;
    };
    let before: HashMap<u64, &Project> = last
        .projects
        .iter()
        .map(|project| (project.identity.id, project.as_ref()))
        .collect();
    let (mut appeared, mut changed, mut kept) = (0, 0, 0);
    for project in &snapshot.projects {
        match before.get(&project.identity.id) {
            None => appeared += 1,
            Some(before) => {
                kept += 1;
                changed += project
                    .readings
                    .iter()
                    .zip(&before.readings)
                    .filter(|(a, b)| a.value() != b.value())
                    .count();
            }
        }
    }
    let vanished = before.len() - kept;
    let projects = snapshot.projects.len();
    let (requests, took) = (report.requests, format!("{:.2?}", report.took));
    let absent_before = last
        .report
        .as_ref()
        .map(|report| report.absent.as_slice())
        .unwrap_or_default();
    if report.absent != absent_before && !report.absent.is_empty() {
        let absent = report.absent.join(", ");
        tracing::warn!(
            absent,
            "selected projects do not exist or may not be seen by the token"
        );
    }
    match &report.failure {
        None => tracing::info!(
            projects,
            appeared,
            vanished,
            changed,
            failed = report.failed,
            requests,
            took,
            "poll done"
        ),
        Some(failure) => tracing::warn!(
            projects,
            appeared,
            vanished,
            changed,
            failed = report.failed,
            requests,
            took,
            failure,
            "poll incomplete; the last good values are kept"
        ),
    }
}

/// The time of day.
fn now() -> UnixTime {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
