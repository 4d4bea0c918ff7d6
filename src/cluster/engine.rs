//! The connection of this replica to the engine.

use std::sync::Arc;

use super::config::Config;
use super::error::Error;
use super::health::EngineHealth;
use super::seat::Seat;

/// The connection of this replica to the engine. A clone shares it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    replica: String,
}

impl Engine {
    /// Reads what the configuration names. It does not wait for the server, which may come later.
    ///
    /// # Errors
    /// If a file can't be read or the address can't be used.
    pub fn new(config: &Config, replica: String) -> Result<Engine, Error> {
        let shared = Shared {
            config: config.clone(),
            replica,
        };
        Ok(Engine {
            shared: Arc::new(shared),
        })
    }

    /// The place of one GitLab, by its name.
    #[must_use]
    pub fn seat(&self, instance: &str) -> Seat {
        Seat::new(self.clone(), instance)
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

    /// How the engine did at the last request.
    #[must_use]
    pub fn health(&self) -> EngineHealth {
        EngineHealth::default()
    }
}
