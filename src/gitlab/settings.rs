//! What a client needs to know, and what can be wrong with it before anything is sent.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::address::{self, Address};
use super::budget::{Budget, Spent};
use super::clock::Clock;
use super::token::Token;

/// How to reach GitLab and how hard to try.
#[derive(Clone)]
pub struct Settings {
    /// Where GitLab is: `https://gitlab.example.com`, or with a sub-path.
    pub url: Url,
    /// Who asks.
    pub token: Token,
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
    /// How many requests may be sent in an hour and in a minute; none for as many as it takes.
    pub budget: Option<Budget>,
    /// What an earlier process has left of the budget; none if there was none.
    pub spent: Option<Spent>,
    /// What time it is.
    pub clock: Clock,
}

impl Settings {
    /// Where GitLab is, without credentials, as [`super::Client::url`] tells it.
    ///
    /// # Errors
    /// If that is not the address of a web server.
    pub fn address(&self) -> Result<Url, BuildError> {
        Ok(Address::new(&self.url)?.base().clone())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("url", &address::without_credentials(&self.url).as_str())
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Why no client could be built, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The address is not one of a web server.
    #[error("{0} is not the address of a GitLab; write it as https://gitlab.example.com")]
    Url(String),
    /// The rate says nothing useful.
    #[error("{0} requests a second cannot be kept; set a number greater than zero")]
    RequestsPerSecond(f64),
    /// The budget says nothing useful.
    #[error("a budget of no requests allows no question; set both of its numbers to 1 or more")]
    Budget,
    /// A file that was named is not readable.
    #[error("cannot read the {what} {}; check its path and its permissions", path.display())]
    Unreadable {
        /// What the file should have held.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate or key file does not hold what it should.
    #[error("the {what} {} is not usable; it must hold {expected} in PEM", path.display())]
    NotPem {
        /// What the file should have held.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What belongs into it.
        expected: &'static str,
        /// Why, where more is known than that nothing was found.
        source: Option<reqwest::Error>,
    },
    /// A client key stands alone.
    #[error("the client key {} has no certificate; set the client certificate too", .0.display())]
    KeyWithoutCertificate(PathBuf),
    /// A token is empty.
    #[error("the token {place} is empty; put a GitLab access token with scope read_api there")]
    EmptyToken {
        /// Where it was read.
        place: String,
    },
    /// A token holds what no token holds.
    #[error("the token {place} holds line breaks or characters that no GitLab token has")]
    MalformedToken {
        /// Where it was read.
        place: String,
    },
    /// The HTTP client has nothing to trust, or cannot start.
    #[error(
        "cannot prepare secure connections; install the system's CA certificates, \
         or name a file with gitlab.ca_file or SSL_CERT_FILE"
    )]
    Transport(#[source] reqwest::Error),
}
