//! What a client needs to know.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::address::{self, Address};
use super::budget::{Budget, RemainingBudget};
use super::build_error::BuildError;
use super::clock::Clock;
use super::credential_source::CredentialSource;
use crate::memory_limit::MemoryLimit;

/// How to reach GitLab and how hard to try.
#[derive(Clone)]
pub struct Config {
    /// Where GitLab is: `https://gitlab.example.com`, or with a sub-path.
    pub url: Url,
    pub token: Option<CredentialSource>,
    /// Further headers of every request, for a front that wants them; the names in lower case.
    pub headers: Vec<(String, CredentialSource)>,
    /// Certificates to trust besides the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate chain in PEM; its key too where `client_key` is not set.
    pub client_certificate: Option<PathBuf>,
    /// The key of the client's certificate, in PEM.
    pub client_key: Option<PathBuf>,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long an answer may stay silent.
    pub read_timeout: Duration,
    /// How long one request may take until its whole answer is read.
    pub request_timeout: Duration,
    /// How many requests a second are sent over time; more than zero.
    pub requests_per_second: f64,
    /// How many requests may be under way at once; at least one.
    pub concurrency: usize,
    /// How often a request is tried in all; at least once.
    pub attempts: u32,
    /// How many requests may be sent in an hour and in a minute.
    pub budget: BudgetChoice,
    /// What an earlier process has left of the budget; none if there was none.
    pub remaining_budget: Option<RemainingBudget>,
    pub clock: Clock,
    /// An answer is read if it takes no more than a part of this.
    pub memory: MemoryLimit,
}

/// Which request budget is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BudgetChoice {
    /// The one that suits the GitLab.
    #[default]
    Auto,
    Limited(Budget),
    Unlimited,
}

impl BudgetChoice {
    /// The budget for the GitLab at this address; none if requests are not limited.
    #[must_use]
    pub fn at(self, url: &Url) -> Option<Budget> {
        match self {
            BudgetChoice::Auto => Some(Budget::for_host(url)),
            BudgetChoice::Limited(budget) => Some(budget),
            BudgetChoice::Unlimited => None,
        }
    }
}

impl From<Option<Budget>> for BudgetChoice {
    fn from(budget: Option<Budget>) -> BudgetChoice {
        budget.map_or(BudgetChoice::Unlimited, BudgetChoice::Limited)
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            // A constant, which every test reads.
            url: Url::parse("https://gitlab.com").expect("a URL"),
            token: None,
            headers: Vec::new(),
            ca_file: None,
            client_certificate: None,
            client_key: None,
            connect_timeout: Duration::from_secs(10),
            // GitLab gives up after 30 s of its own, and says so.
            read_timeout: Duration::from_secs(40),
            request_timeout: Duration::from_secs(60),
            requests_per_second: 10.0,
            concurrency: 4,
            attempts: 5,
            budget: BudgetChoice::default(),
            remaining_budget: None,
            clock: Clock::system(),
            memory: MemoryLimit::default(),
        }
    }
}

impl Config {
    /// Where GitLab is, without credentials, as [`super::Client::url`] tells it.
    ///
    /// # Errors
    /// If that is not the address of a web server.
    pub fn address(&self) -> Result<Url, BuildError> {
        Ok(Address::new(&self.url)?.base().clone())
    }

    /// Where the token stands.
    ///
    /// # Errors
    /// If there is none.
    pub fn token(&self) -> Result<&CredentialSource, BuildError> {
        self.token.as_ref().ok_or(BuildError::NoToken)
    }

    /// The request budget; none if requests are not limited.
    #[must_use]
    pub fn budget(&self) -> Option<Budget> {
        self.budget.at(&self.url)
    }
}

/// Shows neither the credentials that an address may hold, nor a secret.
impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("url", &address::without_credentials(&self.url).as_str())
            .field("token", &self.token)
            .field("headers", &self.headers)
            .field("ca_file", &self.ca_file)
            .field("client_certificate", &self.client_certificate)
            .field("client_key", &self.client_key)
            .field("connect_timeout", &self.connect_timeout)
            .field("read_timeout", &self.read_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("requests_per_second", &self.requests_per_second)
            .field("concurrency", &self.concurrency)
            .field("attempts", &self.attempts)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
