//! The bridge as a part of another service, which takes the requests, writes the log and catches the signals.

use std::sync::Arc;

use anyhow::Result;
use futures::FutureExt;

use super::bridge::Bridge;
use super::prepared::Door;
use super::{chosen, logging};
use crate::config::{Changes, Config};
use crate::export::Lifecycle;
use crate::webhook::Routes;

/// A bridge that runs inside another service.
///
/// It polls and pushes as its configuration says. Instead of listening itself it hands out routes, so
/// `prometheus.host`, `prometheus.port`, `webhook.listen` and the web configuration have no meaning: TLS and
/// passwords are the service's business. The log goes to the service's own `tracing` subscriber.
///
/// ```no_run
/// # async fn run() -> anyhow::Result<()> {
/// use gitlab_metrics_bridge::Embedded;
/// use gitlab_metrics_bridge::config::{Config, Environment, Flags};
///
/// let flags = Flags::default().with("config", "bridge.yaml")?;
/// let bridge = Embedded::start(Config::load(&flags, &Environment::of_process())?).await?;
/// let routes = axum::Router::new().nest("/gitlab", bridge.routes().await);
/// # drop(routes);
/// bridge.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct Embedded(Bridge);

impl Embedded {
    /// Starts polling and pushing, on the runtime that calls it.
    ///
    /// # Errors
    /// If there is no token, or a part can't be built; the message says what to do and holds no secret.
    pub async fn start(config: Config) -> Result<Embedded> {
        chosen::require_tokens(&config)?;
        logging::say_what_was_doubtful(&config, true);
        Bridge::start(config, no_lifecycle(), Door::Host)
            .await
            .map(Embedded)
    }

    /// `/metrics`, `/-/ready`, `/-/healthy`, the status page, and `/webhook` if webhooks are taken: what the
    /// program serves, but for what changes a process. To be taken anew after [`Embedded::reload`].
    pub async fn routes(&self) -> Routes {
        self.0.routes().await
    }

    /// Goes on under another configuration: what has not changed goes on untouched, and counters never fall.
    /// Returns the settings that changed.
    ///
    /// # Errors
    /// If it can't be used: then nothing has changed.
    pub async fn reload(&mut self, config: Config) -> Result<Changes> {
        chosen::require_tokens(&config)?;
        self.0.change_to(config).await
    }

    /// Ends only if polling broke for good, which it does not survive: then [`Embedded::stop`] is left to do.
    pub async fn failed(&mut self) {
        self.0.failed().await;
    }

    /// Stops polling, writes the state file, and pushes a last time: some seconds at most.
    pub async fn stop(self) {
        self.0.ended().await;
    }
}

/// The log and the configuration are the service's: no request changes them.
fn no_lifecycle() -> Lifecycle {
    Lifecycle {
        enabled: false,
        reload: Arc::new(|| {
            async { Err("the service that holds the bridge reloads it".to_owned()) }.boxed()
        }),
        level: String::new,
        set_level: |_| Err("the service that holds the bridge writes the log".to_owned()),
    }
}
