//! One session with one GitLab, made of its parts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http::header::{AUTHORIZATION, HeaderValue};
use reqwest::Url;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::address::Address;
use super::allowance::Allowance;
use super::backoff::Backoff;
use super::bucket::Bucket;
use super::budget::{Budget, RemainingBudget};
use super::build_error::BuildError;
use super::certificate::Certificate;
use super::clock::Clock;
use super::config::Config;
use super::connections::{Connections, LARGEST_BODY};
use super::error::Error;
use super::json;
use super::limiter::Limiter;
use super::secrets::Secrets;
use super::sender::Sender;
use super::transport::Transport;
use super::usage::{Usage, UsageCount};

/// One session with one GitLab. Clones share its connections, limits and token.
///
/// Every request waits until the limiter lets it pass, is sent again while that can help, and ends by
/// its deadline.
#[derive(Clone)]
pub struct Client {
    pub(super) shared: Arc<Shared>,
    /// Counts what is sent through this clone alone.
    sent: Option<Arc<AtomicU64>>,
}

/// What all clones share.
pub(super) struct Shared {
    pub(super) address: Address,
    pub(super) secrets: Secrets,
    pub(super) sender: Sender,
    pub(super) limiter: Limiter,
    pub(super) backoff: Backoff,
    pub(super) attempts: u32,
    concurrency: usize,
    hourly_budget: Option<u32>,
    pub(super) usage: UsageCount,
    pub(super) clock: Clock,
    /// The most memory that an answer may take once it is read.
    pub(super) heaviest: usize,
}

impl Config {
    /// Reads the token and the certificates and makes ready to ask; nothing is sent yet.
    ///
    /// # Errors
    /// Says which setting or file is at fault and what to do about it.
    pub fn build(self) -> Result<Client, BuildError> {
        /// Of the limit of memory, the part of one answer: several may come at once.
        const PART: u64 = 32;
        let largest = self.memory.part(PART, LARGEST_BODY as u64) as usize;
        let connections = Connections::build(&self, largest)?;
        Client::over(self, Arc::new(connections))
    }

    /// The certificate that GitLab shows; none over plain HTTP. No token is sent for that.
    ///
    /// # Errors
    /// If there can't be a connection.
    pub async fn certificate(&self) -> Result<Option<Certificate>, Error> {
        Connections::certificate(self).await
    }
}

impl Client {
    /// Like [`Config::build`], over a transport of the caller's: certificates and the timeouts of
    /// connections are the transport's business then.
    ///
    /// # Errors
    /// Says which setting or file is at fault and what to do about it.
    pub fn over(config: Config, transport: Arc<dyn Transport>) -> Result<Client, BuildError> {
        Self::with_backoff(config, transport, Backoff::default())
    }

    pub(super) fn with_backoff(
        config: Config,
        transport: Arc<dyn Transport>,
        backoff: Backoff,
    ) -> Result<Client, BuildError> {
        /// Of the limit of memory, the part of the answer that is being read.
        const PART: u64 = 16;
        /// So much of the limit there is for each answer that may come at the same time.
        const ANSWER: u64 = 32 << 20;
        let rate = config.requests_per_second;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(BuildError::RequestsPerSecond(rate));
        }
        let at_once = config.memory.part(ANSWER, config.concurrency as u64) as usize;
        let concurrency = at_once.clamp(1, config.concurrency.max(1));
        let budget = budget(&config)?;
        let hourly = |budget: &Budget| budget.per_hour.min(budget.per_minute.saturating_mul(60));
        let hourly_budget = budget.as_ref().map(|(budget, _)| hourly(budget));
        let shared = Shared {
            address: Address::new(&config.url)?,
            secrets: Secrets::read(config.token()?, &config.headers)?,
            sender: Sender::new(transport, config.request_timeout),
            limiter: Limiter::new(rate, concurrency, budget),
            backoff,
            attempts: config.attempts.max(1),
            concurrency,
            hourly_budget,
            usage: UsageCount::default(),
            clock: config.clock,
            heaviest: config.memory.part(PART, json::HEAVIEST as u64) as usize,
        };
        Ok(Client {
            shared: Arc::new(shared),
            sent: None,
        })
    }

    /// Reads the files of the token and the headers again, after a rotation; the next request
    /// carries what they hold.
    ///
    /// # Errors
    /// When a file can't be read or holds nothing that can be sent: its last secret stays in use.
    pub fn reload_secrets(&self) -> Result<(), BuildError> {
        self.shared.secrets.reload()
    }

    /// What requests have cost since the client was built.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shared.usage.read(&self.shared.limiter)
    }

    /// A clone that counts what is sent through it, repeated tries too.
    #[must_use]
    pub fn counting(&self, sent: &Arc<AtomicU64>) -> Client {
        Client {
            sent: Some(Arc::clone(sent)),
            ..self.clone()
        }
    }

    pub(super) fn note_sent(&self) {
        if let Some(sent) = &self.sent {
            sent.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Goes on with what an earlier session with the same GitLab has left of its limits. Nobody may use that
    /// one any more.
    pub fn take_over_limits(&self, before: &Client) {
        self.shared.limiter.take_over(&before.shared.limiter);
        self.shared
            .usage
            .silence
            .take_over(&before.shared.usage.silence);
    }

    /// Goes on counting where an earlier session did.
    pub fn take_over_counts(&self, before: &Client) {
        self.shared.limiter.take_over_waited(&before.shared.limiter);
        self.shared.usage.take_over(&before.shared.usage);
    }

    /// Asks before every request from now on whoever keeps the budget for several processes; nobody, if there
    /// is none.
    pub fn is_allowed_by(&self, allowance: Option<Arc<dyn Allowance>>) {
        self.shared.limiter.is_allowed_by(allowance);
    }

    /// The digest of the address and the token, by a function of the caller's, who keeps neither.
    pub fn digest<T>(&self, of: impl FnOnce(&[u8]) -> T) -> T {
        let current = self.shared.secrets.current();
        let token = current.headers().get(AUTHORIZATION);
        let token = token.map_or(&[][..], HeaderValue::as_bytes);
        let mut both = Zeroizing::new(self.url().as_str().as_bytes().to_vec());
        both.push(b'\n');
        both.extend_from_slice(token);
        of(&both)
    }

    /// To be kept over a restart.
    #[must_use]
    pub fn remaining_budget(&self) -> RemainingBudget {
        let level = self.shared.limiter.budget();
        // Without a budget nothing was counted.
        RemainingBudget::new(level.unwrap_or_default(), self.now())
    }

    /// Bridge time, by the clock of the configuration.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.shared.clock.now()
    }

    /// What the wall clock shows; it may jump.
    #[must_use]
    pub fn wall_clock(&self) -> SystemTime {
        self.shared.clock.wall()
    }

    /// The budget; none without one.
    #[must_use]
    pub fn budget(&self) -> Option<Budget> {
        self.shared.limiter.whole_budget()
    }

    /// How many requests the budget allows in an hour; none without one.
    #[must_use]
    pub fn hourly_budget(&self) -> Option<u32> {
        self.shared.hourly_budget
    }

    /// How many requests may be under way at once.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.shared.concurrency
    }

    /// Where GitLab is, without credentials, ending in a slash.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.shared.address.base()
    }

    pub(super) fn address(&self) -> &Address {
        &self.shared.address
    }
}

/// What the budget still allows.
fn budget(config: &Config) -> Result<Option<(Budget, Bucket)>, BuildError> {
    let Some(budget) = config.budget() else {
        return Ok(None);
    };
    if budget.per_hour == 0 || budget.per_minute == 0 {
        return Err(BuildError::Budget);
    }
    let now = Instant::now();
    let bucket = match config.remaining_budget {
        Some(remaining_budget) => budget.bucket_after(remaining_budget, now, config.clock.now()),
        None => budget.bucket(now),
    };
    Ok(Some((budget, bucket)))
}
