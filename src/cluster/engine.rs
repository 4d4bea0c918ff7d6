//! The connections of this replica to the engine.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Value};
use tokio::sync::watch;
use tokio::time::Instant;

use super::config::Config;
use super::error::{Error, odd_answer};
use super::health::{EngineHealth, Notes};
use super::keys;
use super::link::{Link, Request};
use super::scripts::Scripts;
use super::server::{self, Server};
use super::stirs::Stirs;

/// The part of a lease that an answer may take: a renewal that is lost leaves time for others.
const PART_OF_LEASE: u32 = 5;
/// The part of a lease after which the engine forgets it: the rest is for whoever notices that.
const KEPT_PART: f64 = 0.95;
/// How long some megabytes may take on their way.
const PATIENCE_WITH_CHUNKS: Duration = Duration::from_secs(10);

/// The connections of this replica to the engine. A clone shares them.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    config: Arc<Config>,
    /// The name of this replica, and what tells it from an earlier process of this name.
    replica: String,
    identity: String,
    scripts: Scripts,
    stirs: Arc<Stirs>,
    notes: Notes,
    /// For all that must be quick.
    quick: Link,
    /// For chunks: no renewal of a lease waits behind them.
    bulk: Link,
}

impl Engine {
    /// Reads what the configuration names. It does not wait for the server, which may come later.
    ///
    /// # Errors
    /// If a file can't be read, or the address can't be used.
    pub fn new(config: &Config, replica: String) -> Result<Engine, Error> {
        Engine::with_scripts(config, replica, Scripts::new())
    }

    pub(super) fn with_scripts(
        config: &Config,
        replica: String,
        scripts: Scripts,
    ) -> Result<Engine, Error> {
        server::client(config, &Server::named(config))?;
        let config = Arc::new(config.clone());
        let stirs = Arc::<Stirs>::default();
        let channel = (keys::channel(&config.name), Arc::clone(&stirs));
        let patience = config.lease / PART_OF_LEASE;
        let shared = Shared {
            identity: format!("{replica}/{:08x}", fastrand::u32(..)),
            replica,
            scripts,
            stirs,
            notes: Notes::new(),
            quick: Link::new(Arc::clone(&config), patience, Some(channel)),
            bulk: Link::new(Arc::clone(&config), PATIENCE_WITH_CHUNKS, None),
            config,
        };
        Ok(Engine {
            shared: Arc::new(shared),
        })
    }

    /// The name of this replica.
    #[must_use]
    pub fn replica(&self) -> &str {
        &self.shared.replica
    }

    /// The name of the group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.shared.config.name
    }

    /// How long a lease lasts that is not renewed.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.shared.config.lease
    }

    /// How long the engine keeps a lease that is not renewed: a little shorter, so that the next replica holds it
    /// within the lease.
    pub(super) fn kept(&self) -> Duration {
        self.lease().mul_f64(KEPT_PART)
    }

    /// How the engine did at the last request.
    #[must_use]
    pub fn health(&self) -> EngineHealth {
        self.shared.notes.health()
    }

    /// Hears of what happens to a GitLab from now on.
    pub(super) fn listen(&self, instance: &str) -> watch::Receiver<()> {
        self.shared.stirs.listen(instance)
    }

    /// What tells this process from all others in the engine.
    pub(super) fn identity(&self) -> &str {
        &self.shared.identity
    }

    pub(super) fn scripts(&self) -> &Scripts {
        &self.shared.scripts
    }

    /// Where the group tells what happened.
    pub(super) fn channel(&self) -> String {
        keys::channel(self.group())
    }

    pub(super) fn note_refusal(&self, kind: &'static str) {
        self.shared.notes.note_refusal(kind);
    }

    /// Asks for something small.
    ///
    /// # Errors
    /// If there is no answer in time, or a refusal.
    pub(super) async fn ask<T: FromRedisValue>(&self, request: Request<'_>) -> Result<T, Error> {
        let asked = Instant::now();
        let answer = self.shared.quick.ask(request).await;
        self.shared.notes.note(&answer, asked.elapsed());
        read(answer?)
    }

    /// Asks for chunks.
    ///
    /// # Errors
    /// If there is no answer in time, or a refusal.
    pub(super) async fn ask_for_chunks<T: FromRedisValue>(
        &self,
        request: Request<'_>,
    ) -> Result<T, Error> {
        read(self.shared.bulk.ask(request).await?)
    }

    /// A connection for whoever looks at the engine, and the name of its server.
    ///
    /// # Errors
    /// If there is none in time.
    pub(super) async fn connected(&self) -> Result<(MultiplexedConnection, String), Error> {
        self.shared.bulk.connected().await
    }

    /// Listens to the channel of the group.
    ///
    /// # Errors
    /// If there is no connection in time, or we may not.
    pub(super) async fn subscribed(&self) -> Result<(), Error> {
        self.shared.quick.connected().await.map(drop)
    }
}

fn read<T: FromRedisValue>(answer: Value) -> Result<T, Error> {
    redis::from_redis_value(answer).map_err(|_| odd_answer())
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("config", &self.shared.config)
            .field("replica", &self.shared.replica)
            .finish_non_exhaustive()
    }
}
