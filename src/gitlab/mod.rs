//! The only code that talks to GitLab: GraphQL, REST, authentication, limits, retries, errors.
//! What to ask, and what an answer means, is the caller's.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Url;
use tokio::time::Instant;

mod address;
mod bucket;
mod budget;
mod call;
mod class;
mod clock;
mod config;
mod connections;
mod error;
mod graphql;
mod introduction;
mod lane;
mod limiter;
mod link;
mod network;
mod rate_limit;
mod refusal;
mod rest;
mod retry;
#[cfg(test)]
mod tests;
mod token;
mod transport;
mod usage;
mod wire;

pub use budget::{Budget, Spent};
pub use clock::Clock;
pub use config::{BudgetChoice, BuildError, Config};
pub use error::Error;
pub use graphql::{Answer, GraphqlError};
pub use introduction::Introduction;
pub use network::NetworkFailure;
pub use rate_limit::RateLimit;
pub use rest::Page;
pub use token::TokenSource;
pub use usage::Usage;
pub use wire::{Broken, Wire};

use address::Address;
use bucket::Bucket;
use limiter::Limiter;
use retry::Backoff;
use token::TokenHolder;
use transport::Transport;
use usage::Meter;

/// One session with one GitLab. Clones share its connections, limits and token.
///
/// Every request waits its turn at the limiter, is retried while that can help, and ends by its
/// deadline.
#[derive(Clone)]
pub struct Client {
    parts: Arc<Parts>,
}

struct Parts {
    address: Address,
    token: TokenHolder,
    transport: Transport,
    limiter: Limiter,
    backoff: Backoff,
    attempts: u32,
    concurrency: usize,
    meter: Meter,
    clock: Clock,
}

impl Client {
    /// Like [`Config::build`], over a wire of the caller's: certificates and the timeouts of
    /// connections are the wire's business then.
    ///
    /// # Errors
    /// Says which setting or file is at fault and what to do about it.
    pub fn over(config: Config, wire: Arc<dyn Wire>) -> Result<Client, BuildError> {
        Self::with_parts(config, wire, Backoff::default())
    }

    fn with_parts(
        config: Config,
        wire: Arc<dyn Wire>,
        backoff: Backoff,
    ) -> Result<Client, BuildError> {
        let rate = config.requests_per_second;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(BuildError::RequestsPerSecond(rate));
        }
        let budget = budget(&config)?;
        let parts = Parts {
            address: Address::new(&config.url)?,
            token: TokenHolder::read(config.token()?.clone())?,
            transport: Transport::new(wire, config.request_timeout),
            limiter: Limiter::new(rate, config.concurrency, budget),
            backoff,
            attempts: config.attempts.max(1),
            concurrency: config.concurrency,
            meter: Meter::default(),
            clock: config.clock,
        };
        Ok(Client {
            parts: Arc::new(parts),
        })
    }

    /// Reads a token file again, after a rotation; the next request carries what it holds.
    ///
    /// # Errors
    /// When the file cannot be read or holds no usable token: the token of before stays in use.
    pub fn reload_token(&self) -> Result<(), BuildError> {
        self.parts.token.reload()
    }

    /// What the client has spent since it was built.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.parts.meter.usage(&self.parts.limiter)
    }

    /// What is left of the budget, to be kept over a restart.
    #[must_use]
    pub fn spent(&self) -> Spent {
        let level = self.parts.limiter.budget();
        // Without a budget nothing was counted.
        Spent::new(level.unwrap_or_default(), self.now())
    }

    /// Bridge time, by the clock of the configuration.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.parts.clock.now()
    }

    /// What the wall clock shows; it may jump.
    #[must_use]
    pub fn wall_clock(&self) -> SystemTime {
        self.parts.clock.wall()
    }

    /// How many requests may be under way at once.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.parts.concurrency
    }

    /// Where GitLab is, without credentials, ending in a slash.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.parts.address.base()
    }
}

/// What the budget still allows.
fn budget(config: &Config) -> Result<Option<Bucket>, BuildError> {
    let Some(budget) = config.budget() else {
        return Ok(None);
    };
    if budget.per_hour == 0 || budget.per_minute == 0 {
        return Err(BuildError::Budget);
    }
    let now = Instant::now();
    Ok(Some(match config.spent {
        Some(spent) => budget.bucket_after(spent, now, config.clock.now()),
        None => budget.bucket(now),
    }))
}
