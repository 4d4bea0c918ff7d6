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
mod settings;
#[cfg(test)]
mod tests;
mod token;
mod transport;
mod usage;
mod wire;

pub use budget::{Budget, Spent};
pub use clock::Clock;
pub use error::Error;
pub use graphql::{Answer, GraphqlError};
pub use introduction::Introduction;
pub use network::NetworkFailure;
pub use rate_limit::RateLimit;
pub use rest::Page;
pub use settings::{BuildError, Settings};
pub use token::Token;
pub use usage::Usage;
pub use wire::{Broken, Wire};

use address::Address;
use bucket::Bucket;
use connections::{Connections, LARGEST_BODY};
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
    meter: Meter,
    clock: Clock,
}

impl Client {
    /// Reads the token and the certificates and makes ready to ask; nothing is sent yet.
    ///
    /// # Errors
    /// Says which setting or file is at fault and what to do about it.
    pub fn build(settings: Settings) -> Result<Client, BuildError> {
        let wire = Connections::build(&settings, LARGEST_BODY)?;
        Self::over(settings, Arc::new(wire))
    }

    /// Like [`Client::build`], over a wire of the caller's: certificates and the timeouts of
    /// connections are the wire's business then.
    ///
    /// # Errors
    /// Says which setting or file is at fault and what to do about it.
    pub fn over(settings: Settings, wire: Arc<dyn Wire>) -> Result<Client, BuildError> {
        Self::with_parts(settings, wire, Backoff::default())
    }

    fn with_parts(
        settings: Settings,
        wire: Arc<dyn Wire>,
        backoff: Backoff,
    ) -> Result<Client, BuildError> {
        let rate = settings.requests_per_second;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(BuildError::RequestsPerSecond(rate));
        }
        let budget = budget(&settings)?;
        let parts = Parts {
            address: Address::new(&settings.url)?,
            token: TokenHolder::read(settings.token.clone())?,
            transport: Transport::new(wire, settings.request_timeout),
            limiter: Limiter::new(rate, settings.concurrency, budget),
            backoff,
            attempts: settings.attempts.max(1),
            meter: Meter::default(),
            clock: settings.clock,
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

    /// Bridge time, by the clock of the settings.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.parts.clock.now()
    }

    /// What the wall clock shows; it may jump.
    #[must_use]
    pub fn wall_clock(&self) -> SystemTime {
        self.parts.clock.wall()
    }

    /// Where GitLab is, without credentials, ending in a slash.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.parts.address.base()
    }
}

/// What the budget still allows.
fn budget(settings: &Settings) -> Result<Option<Bucket>, BuildError> {
    let Some(budget) = settings.budget else {
        return Ok(None);
    };
    if budget.per_hour == 0 || budget.per_minute == 0 {
        return Err(BuildError::Budget);
    }
    let now = Instant::now();
    Ok(Some(match settings.spent {
        Some(spent) => budget.bucket_after(spent, now, settings.clock.now()),
        None => budget.bucket(now),
    }))
}
