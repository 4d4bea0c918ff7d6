//! What the bridge knows of itself, told together with a view. It outlives reloads, so that what it counts
//! never goes back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::memory;
use super::process::process;
use super::reloads::Reloads;
use super::replicas::{EngineStatus, StandingStatus};
use super::supervision::Panics;
use crate::export::{self, Health, Introspect, RefusedConnections};
use crate::gitlab::Client;
use crate::lock::lock;
use crate::memory_limit::MemoryLimit;
use crate::metrics::{self, BridgeStatus, GitLabStatus, View};
use crate::poll::Progress;
use crate::webhook::Counts;

/// Where it is read what the bridge knows of itself.
#[derive(Default)]
pub struct OwnStatus {
    pub panics: Arc<Panics>,
    /// How much memory there is for all of the process.
    pub memory: MemoryLimit,
    /// What our listeners could not take.
    pub connections: Arc<RefusedConnections>,
    /// How often answering a request panicked.
    pub broken_requests: Arc<AtomicU64>,
    /// How reloads went, if there are any.
    reloads: Option<Arc<Reloads>>,
    parts: Mutex<Arc<OwnParts>>,
}

/// The parts under the settings in use.
#[derive(Default)]
pub struct OwnParts {
    /// The GitLabs, in the order of the configuration.
    pub gitlabs: Vec<Asked>,
    pub exports: Vec<Arc<Health>>,
    pub webhooks: Option<Arc<Counts>>,
    /// A digest of the settings.
    pub config: String,
    /// The engine that several replicas share, if they do.
    pub engine: Option<Arc<EngineStatus>>,
}

/// A GitLab that is asked.
#[derive(Clone)]
pub struct Asked {
    /// Its name, where there are several to tell apart.
    pub name: Option<Arc<str>>,
    pub client: Client,
    pub interval: Duration,
    pub progress: Arc<Progress>,
    /// How this replica stands for it, where there are several.
    pub standing: Option<Arc<StandingStatus>>,
}

impl OwnStatus {
    /// Tells how reloads go too.
    pub fn with_reloads(reloads: Arc<Reloads>, memory: MemoryLimit) -> OwnStatus {
        OwnStatus {
            memory,
            reloads: Some(reloads),
            ..OwnStatus::default()
        }
    }

    /// Tells of these parts from now on.
    pub fn is_about(&self, parts: OwnParts) {
        *lock(&self.parts) = Arc::new(parts);
    }

    /// Tells it whenever asked.
    pub fn introspect(self: &Arc<Self>) -> Introspect {
        let own = Arc::clone(self);
        Arc::new(move |view| own.now(view))
    }

    /// How many GitLabs there are.
    pub fn gitlabs(&self) -> usize {
        lock(&self.parts).gitlabs.len()
    }

    /// Which poll loop does not take its turns, if one does not.
    pub fn hanging(&self) -> Option<String> {
        let parts = Arc::clone(&lock(&self.parts));
        let mut gitlabs = parts.gitlabs.iter();
        let hanging = gitlabs.find(|own| own.progress.hangs())?;
        Some(format!("polling {} does not go on", hanging.client.url()))
    }

    pub fn now(&self, view: &View) -> BridgeStatus {
        let parts = Arc::clone(&lock(&self.parts));
        let mut panics = self.panics.all();
        let polls: u64 = parts.gitlabs.iter().map(|own| own.progress.panics()).sum();
        *panics.entry("poll").or_default() += polls;
        let requests = self.broken_requests.load(Ordering::Relaxed);
        if requests > 0 {
            panics.insert("request", requests);
        }
        BridgeStatus {
            version: env!("CARGO_PKG_VERSION"),
            wall_clock: export::seconds(SystemTime::now()),
            gitlabs: parts.gitlabs.iter().map(|own| own.status(view)).collect(),
            exports: parts.exports.iter().map(|health| health.export()).collect(),
            webhooks: parts
                .webhooks
                .as_ref()
                .map(|counts| counts.all())
                .unwrap_or_default(),
            process: process(),
            memory: memory::usage(&self.memory),
            connections: self.connections.all(),
            panics,
            config: parts.config.clone(),
            reload: self.reloads.as_ref().map(|reloads| reloads.last()),
            cluster: parts.engine.as_ref().map(|engine| engine.now()),
        }
    }
}

impl Asked {
    /// Its status, to be exported together with a view, in which it may not be yet.
    fn status(&self, view: &View) -> GitLabStatus {
        let shown = view.named(self.name.as_deref());
        let leadership = self.standing.as_ref().map(|own| own.leadership());
        let mut usage = usage(&self.client);
        if leadership.as_ref().is_some_and(|own| !own.is_ours) {
            // Another replica spends it, and this one does not know what is left.
            usage.budget_remaining = None;
        }
        GitLabStatus {
            name: self.name.clone(),
            url: self.client.url().to_string(),
            now: export::seconds(self.client.now()),
            wall_clock: export::seconds(self.client.wall_clock()),
            interval: self.interval,
            snapshot: shown
                .map(|shown| Arc::clone(&shown.snapshot))
                .unwrap_or_default(),
            usage: metrics::Usage {
                by_subject: self.progress.asked(),
                ..usage
            },
            leadership,
            shard: None,
        }
    }
}

fn usage(client: &Client) -> metrics::Usage {
    let usage = client.usage();
    metrics::Usage {
        rate_limit_remaining: usage.rate_limit.map(|limit| limit.remaining),
        budget_remaining: usage.budget_remaining,
        requests: usage.requests,
        retries: usage.retries,
        waited: usage.waited,
        silent_for: usage.silent_for,
        silent_because: usage.silent_because,
        ..metrics::Usage::default()
    }
}
