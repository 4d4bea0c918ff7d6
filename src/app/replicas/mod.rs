//! Several replicas that are one bridge: for each GitLab one of them holds the lease, reads and publishes, and all
//! show what was published.

mod left;
mod publisher;
mod pushing;
mod shown;
mod spending;
mod standing;
mod status;
mod term;
mod version;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use opentelemetry::Key;
use opentelemetry_sdk::Resource;
use tokio::sync::Mutex;

use self::left::Left;
use super::chosen;
use super::misconfigured::misconfigured;
use crate::cluster::Engine;
use crate::config::{Config, Instance};
use crate::export::{Health, OtlpConfig};
use crate::memory_limit::MemoryLimit;
use crate::metrics::EnabledMetrics;

pub use shown::Shown;
pub use standing::Standing;
pub use status::{EngineStatus, StandingStatus};

/// What all GitLabs of this replica share.
pub struct Replicas {
    lasting: Arc<Lasting>,
    /// Who the group is in OpenTelemetry.
    resource: Resource,
    /// What is shown.
    enabled: EnabledMetrics,
    /// Whether anything is scraped.
    is_scraped: bool,
    pushed: Option<Pushed>,
    memory: MemoryLimit,
    /// How many GitLabs there are.
    gitlabs: usize,
}

/// What outlives a reload.
struct Lasting {
    status: Arc<EngineStatus>,
    /// How many leases this replica holds.
    held: AtomicUsize,
    /// Whose turn it is to stand for a lease.
    turn: Mutex<()>,
    left: Left,
}

/// Where and how GitLab's series are pushed.
struct Pushed {
    config: OtlpConfig,
    health: Arc<Health>,
}

impl Replicas {
    /// What the replicas of a configuration share; none if there is one process alone. Where this process is one
    /// already, the engine is the one of `before`.
    ///
    /// # Errors
    /// If the engine can't be used as it is configured.
    pub fn of(
        config: &Config,
        enabled: &EnabledMetrics,
        otlp_health: &Arc<Health>,
        before: Option<&Arc<Replicas>>,
    ) -> Result<Option<Arc<Replicas>>> {
        let Some(cluster) = &config.cluster else {
            return Ok(None);
        };
        let lasting = match before {
            Some(before) => Arc::clone(&before.lasting),
            None => {
                let engine = Engine::new(cluster, replica(config));
                let engine = engine.context("cluster.url").map_err(misconfigured)?;
                Arc::new(Lasting {
                    status: EngineStatus::of(engine),
                    held: AtomicUsize::new(0),
                    turn: Mutex::default(),
                    left: Left::default(),
                })
            }
        };
        let group = lasting.status.engine().group();
        let otlp = config.export.otlp.clone();
        Ok(Some(Arc::new(Replicas {
            resource: chosen::as_instance(&config.export.resource(), group),
            lasting,
            enabled: enabled.clone(),
            is_scraped: config.export.prometheus,
            pushed: otlp.map(|config| Pushed {
                config,
                health: Arc::clone(otlp_health),
            }),
            memory: config.export.memory.clone(),
            gitlabs: config.instances.len(),
        })))
    }

    fn engine(&self) -> &Engine {
        self.status().engine()
    }

    /// How the engine does.
    pub fn status(&self) -> &Arc<EngineStatus> {
        &self.lasting.status
    }

    /// How many leases this replica holds.
    fn held(&self) -> u32 {
        u32::try_from(self.lasting.held.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
    }

    /// Whether this replica, one of so many, holds more leases than its share and is to leave this one.
    fn leaves_one(&self, replicas: usize, called: &str) -> bool {
        let share = self.gitlabs.div_ceil(replicas.max(1));
        let held = self.lasting.held.load(Ordering::Relaxed);
        held > share && self.lasting.left.may_leave(called)
    }

    /// Counts a lease, as long as what it returns lives.
    fn hold(self: &Arc<Self>) -> Held {
        self.lasting.held.fetch_add(1, Ordering::Relaxed);
        Held(Arc::clone(self))
    }
}

/// A lease that this replica holds.
struct Held(Arc<Replicas>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lasting.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The name of this replica: what tells it apart in OpenTelemetry.
fn replica(config: &Config) -> String {
    let key = Key::from_static_str("service.instance.id");
    let instance = config.export.resource().get(&key);
    instance
        .map(|instance| instance.to_string())
        .unwrap_or_default()
}

/// What a GitLab is called in the engine: by its name, else by its address.
fn called(instance: &Instance, name: Option<&str>) -> String {
    let url = &instance.gitlab.url;
    let port = url.port().map(|port| format!(":{port}"));
    let (host, port) = (url.host_str().unwrap_or_default(), port.unwrap_or_default());
    let address = || format!("{host}{port}{}", url.path());
    name.map_or_else(address, str::to_owned)
}
