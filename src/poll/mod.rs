//! When and how GitLab is asked. Every poll publishes a new immutable snapshot and keeps the last
//! good value of what failed.
//!
//! `schedule` decides what is due, `request` packs it, `turn` asks it and learns from the answers,
//! `merge` makes the next snapshot of what is known, `checkpoint` keeps it over a restart. What is
//! seen within which time is argued in [`schedule`].

mod answers;
mod capacity;
mod checkpoint;
mod forecast;
mod found;
mod graphql;
mod inbox;
mod lists;
mod log;
mod memory;
mod merge;
mod named;
mod plan;
mod request;
mod rest;
mod schedule;
mod selection;
mod survey;
mod turn;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::gitlab::{Client, Error};
use crate::metrics::{EnabledMetrics, Owner, ProjectAnswer, Snapshot, UnixTime};
use capacity::Capacity;
use found::Listing;
use schedule::{Moment, Schedule};

pub use checkpoint::{Checkpoint, InUse, Polled};
pub use forecast::{ANNOUNCED, Advice, Assumption, Forecast, Forecasts, Kind, Population};
pub use inbox::Inbox;
pub use plan::{Capabilities, Depth, List, PROBE, Part, Plan};
pub use schedule::Rhythm;
pub use selection::{Filter, Patterns, Scope, Selection, Source};

/// When to poll, and what.
#[derive(Clone, Debug)]
pub struct Config {
    pub selection: Selection,
    pub rhythm: Rhythm,
    /// How long one poll may take, not counting what it waits for its budget.
    pub timeout: Duration,
    /// The file that keeps what is known over a restart.
    pub state: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            selection: Selection::default(),
            rhythm: Rhythm::default(),
            timeout: Duration::from_secs(10 * 60),
            state: None,
        }
    }
}

impl Config {
    /// A poller that has not asked anything yet.
    pub fn build(self, client: Client, shown: EnabledMetrics) -> Poller {
        Poller::new(client, self, shown)
    }
}

/// Polls one GitLab.
pub struct Poller {
    client: Client,
    config: Config,
    enabled: Arc<EnabledMetrics>,
    progress: Arc<Progress>,
    capabilities: Arc<Mutex<Capabilities>>,
    capacity: Arc<Mutex<Capacity>>,
    /// When GitLab is asked again what it can do.
    probe_due: Option<Instant>,
    /// Whether GraphQL is used until the next probe: it answers, and tells what the filter needs.
    graphql: bool,
    schedule: Schedule,
    inbox: Arc<Inbox>,
    /// All that is known, selected or not.
    projects: BTreeMap<u64, Arc<Owner>>,
    /// Projects with values that are still to be asked in another way.
    open: BTreeMap<u64, ProjectAnswer>,
    /// Ids of the projects that are selected by path: a rename does not lose them.
    ids: HashMap<String, u64>,
    /// Names of groups and projects that have been there, and of those that are not any more.
    seen: HashSet<String>,
    absent: BTreeSet<String>,
    /// Names that have never been there, and what is to be said about each.
    mistaken: BTreeMap<String, String>,
    /// When the clock was read, and what it showed: our own goes on evenly from there.
    clock: (Instant, Moment),
    polls: u64,
    /// How many polls in a row took longer than their interval.
    late: u64,
    last: Arc<Snapshot>,
    errors: BTreeMap<(&'static str, &'static str), u64>,
    /// Keeps what is known over a restart, if that is wanted.
    checkpoint: Option<Checkpoint>,
}

/// How many projects the poll under way has read.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicUsize,
}

/// What one poll met with.
#[derive(Default)]
struct Tally {
    /// What could not be read of lists, and why.
    failures: Vec<(String, Error)>,
    /// Single values that could not be read, by subject and reason.
    values: BTreeMap<(&'static str, &'static str), u64>,
}

/// Where snapshots go.
type Publish = watch::Sender<Arc<Snapshot>>;

impl Poller {
    fn new(client: Client, config: Config, enabled: EnabledMetrics) -> Poller {
        let schedule = Schedule::new(config.rhythm, &config.selection.sources());
        let clock = (
            Instant::now(),
            client.now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        );
        Poller {
            client,
            config,
            enabled: Arc::new(enabled),
            progress: Arc::default(),
            capabilities: Arc::default(),
            capacity: Arc::new(Mutex::new(Capacity::new())),
            probe_due: None,
            graphql: true,
            schedule,
            inbox: Arc::default(),
            projects: BTreeMap::new(),
            open: BTreeMap::new(),
            ids: HashMap::new(),
            seen: HashSet::new(),
            absent: BTreeSet::new(),
            mistaken: BTreeMap::new(),
            clock,
            polls: 0,
            late: 0,
            last: Arc::default(),
            errors: BTreeMap::new(),
            checkpoint: None,
        }
    }

    /// How far the poll under way is.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Where hints are taken.
    pub fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Polls on the interval and publishes every snapshot, until told to stop.
    pub async fn run(mut self, publish: Publish, stop: CancellationToken) {
        self.begin(&publish).await;
        tokio::select! {
            () = self.poll_for_ever(&publish) => {}
            () = stop.cancelled() => {}
        }
        self.end().await;
    }

    async fn poll_for_ever(&mut self, publish: &Publish) {
        loop {
            let next = Instant::now() + self.config.rhythm.interval;
            self.poll_and_publish(Some(publish)).await;
            self.heed_hints(publish, next).await;
        }
    }

    /// Follows hints until the next poll. A burst of them is waited for and asked together.
    async fn heed_hints(&mut self, publish: &Publish, next: Instant) {
        /// What is told at once is asked at once.
        const SETTLE: Duration = Duration::from_secs(2);
        /// From one answer to hints to the next, however many there are.
        const SPACING: Duration = Duration::from_secs(10);
        let mut earliest = Instant::now();
        let inbox = Arc::clone(&self.inbox);
        loop {
            tokio::select! {
                () = sleep_until(next) => return,
                () = inbox.arrival() => {}
            }
            let at = (Instant::now() + SETTLE).max(earliest);
            sleep_until(at.min(next)).await;
            if at >= next {
                return; // The poll takes them along.
            }
            self.ask_hints().await;
            self.show(publish);
            earliest = Instant::now() + SPACING;
        }
    }

    /// Shows what is known between the ends of two polls.
    fn show(&mut self, publish: &Publish) {
        self.last = Arc::new(self.snapshot(self.last.report.clone()));
        publish.send_replace(Arc::clone(&self.last));
    }

    /// Polls once and tells what is known then.
    pub async fn poll(&mut self) -> Arc<Snapshot> {
        self.poll_and_publish(None).await
    }

    async fn poll_and_publish(&mut self, publish: Option<&Publish>) -> Arc<Snapshot> {
        let (started, before) = (Instant::now(), Arc::clone(&self.last));
        let requests = self.requests();
        let waited = self.client.usage().waited_for_budget;
        self.progress.read.store(0, Ordering::Relaxed);
        self.polls += 1;
        let tally = self.ask(publish).await;
        let requests = self.requests() - requests;
        let snapshot = Arc::new(self.merge(tally, started.elapsed(), requests));
        log::log(&before, &snapshot);
        self.say_if_late(&snapshot, waited);
        self.last = Arc::clone(&snapshot);
        if let Some(publish) = publish {
            publish.send_replace(Arc::clone(&snapshot));
        }
        self.keep();
        snapshot
    }

    /// Says that polls take longer than their interval: at first, and ever more rarely while they do.
    /// The first one reads everything, and may.
    fn say_if_late(&mut self, snapshot: &Snapshot, waited_before: Duration) {
        let late = snapshot
            .report
            .as_ref()
            .map(|report| report.late)
            .unwrap_or_default();
        if late.is_zero() || self.polls == 1 {
            self.late = 0;
            return;
        }
        self.late += 1;
        if !self.late.is_power_of_two() {
            return;
        }
        let interval = self.config.rhythm.interval;
        let needed =
            humantime::format_duration(Duration::from_secs((interval + late).as_secs() + 1));
        match self.client.usage().waited_for_budget > waited_before {
            true => tracing::warn!(
                ?late,
                "the request budget does not carry the interval, so everything gets older evenly: raise \
                 poll.budget, or set poll.interval to {needed}"
            ),
            false => tracing::warn!(
                ?late,
                "GitLab takes longer than the interval, so everything gets older evenly: set \
                 poll.interval to {needed}, or poll fewer projects"
            ),
        }
    }

    /// What this GitLab can do, as far as is known.
    pub fn capabilities(&self) -> Capabilities {
        lock(&self.capabilities).clone()
    }

    fn requests(&self) -> u64 {
        self.client.usage().requests.values().sum()
    }

    /// The time of day.
    fn now(&self) -> UnixTime {
        let now = self.client.now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default().as_secs()
    }

    /// The time by our own clock.
    fn moment(&self) -> Moment {
        let (read, showed) = self.clock;
        showed + read.elapsed()
    }
}

impl Progress {
    fn add(&self, projects: usize) {
        self.read.fetch_add(projects, Ordering::Relaxed);
    }

    /// How many projects have been read.
    pub fn projects(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }
}

/// A lock whose holder panicked is taken all the same: what it guards is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
