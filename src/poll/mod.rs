//! When and how GitLab is asked. Every poll publishes a new immutable snapshot and keeps the last
//! good value of what failed.

mod graphql;
mod log;
mod merge;
mod page;
mod plan;
mod rest;
mod selection;
mod sweep;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::gitlab::{Client, Error};
use crate::metrics::{
    Feature, Identity, Reading, Reason, Shown, Snapshot, Standing, UnixTime, questions,
};
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
    /// Whether GraphQL is used until the next probe: it answers, and tells what the filter needs.
    graphql: bool,
    page: Mutex<PageSize>,
    /// Ids of the projects that are selected by path: a rename does not lose them.
    ids: HashMap<String, u64>,
    /// Names of groups and projects that have been there.
    seen: HashSet<String>,
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

impl Found {
    /// Takes over what is known of features, where it was unclear.
    fn settle(&mut self, standing: &[Standing; Feature::ALL.len()], slots: &BTreeSet<usize>) {
        for (ours, settled) in self.identity.standing.iter_mut().zip(standing) {
            if *ours == Standing::Unclear {
                // On for the project, and not for us.
                *ours = if *settled == Standing::Off {
                    Standing::Off
                } else {
                    Standing::Denied
                };
            }
        }
        for &slot in slots {
            if self.identity.standing(questions()[slot].0.feature) == Standing::Off {
                self.readings[slot] = Reading::Off;
            }
        }
    }
}

/// What was read of a list, and why not all of it.
#[derive(Default)]
struct Listing {
    found: Vec<Found>,
    /// The ids behind names; an old path leads to a project that is called otherwise by now.
    resolved: Vec<(String, u64)>,
    /// Whether REST read it because GraphQL refused.
    instead: bool,
    failure: Option<Error>,
}

/// All that one poll read.
#[derive(Default)]
struct Sweep {
    found: Vec<Found>,
    failures: Vec<(String, Error)>,
    /// Selected groups and projects that have been there and are not any more.
    absent: Vec<String>,
}

impl Poller {
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
            seen: HashSet::new(),
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
        log::log(&self.last, &snapshot);
        self.last = Arc::clone(&snapshot);
        snapshot
    }

    /// What this GitLab can do, as far as is known.
    pub fn capabilities(&self) -> Capabilities {
        lock(&self.capabilities).clone()
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

/// The time of day.
fn now() -> UnixTime {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
