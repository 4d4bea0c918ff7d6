//! The only code that talks to GitLab: GraphQL, REST, authentication, limits, retries and errors.
//! What to ask is the caller's; how to ask so that GitLab is not harmed is ours.

mod error;
mod graphql;
mod limiter;
mod rest;
mod token;
mod transport;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use url::Url;

pub use error::{BuildError, Error, GraphqlError};
pub use limiter::RateLimit;
pub use token::Token;
use transport::Transport;

/// How to reach a GitLab.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its address, with the sub-path it may be installed under.
    pub url: Url,
    /// The access token.
    pub token: Token,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, where GitLab's front asks for one.
    pub client_certificate: Option<PathBuf>,
    /// The key of our certificate.
    pub client_key: Option<PathBuf>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long GitLab may be silent.
    pub read_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// The most requests in a second, after a short burst.
    pub requests_per_second: f64,
    /// The most requests at a time.
    pub concurrency: usize,
    /// How often a request is tried.
    pub attempts: u32,
}

/// A client of one GitLab. Clones share connections and limits.
#[derive(Clone)]
pub struct Client(Arc<Transport>);

/// An answer to a GraphQL query; partial if it has errors.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The data.
    pub data: Value,
    /// What is missing from it.
    pub errors: Vec<GraphqlError>,
}

/// An answer to a REST request.
#[derive(Clone, Debug)]
pub struct Page {
    /// The body.
    pub body: Value,
    /// The next page, to be passed to [`Client::get`]; none on the last.
    pub next: Option<String>,
    /// How many entries the whole list has, where GitLab says so.
    pub total: Option<u64>,
}

/// What was asked since the client was built.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Requests by endpoint class and outcome: an HTTP status, or the reason of an error.
    pub requests: BTreeMap<(&'static str, String), u64>,
    /// Requests that were repeated.
    pub retries: u64,
    /// Time spent waiting for limits.
    pub waited: Duration,
    /// What GitLab last said of its own limit.
    pub rate_limit: Option<RateLimit>,
}

/// Who answers, and who we are to it. What GitLab does not tell is absent.
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    /// GitLab's version.
    pub version: Option<String>,
    /// The token's user.
    pub username: Option<String>,
    /// The token's name.
    pub token_name: Option<String>,
    /// The token's scopes.
    pub scopes: Option<Vec<String>>,
    /// The day the token expires.
    pub expires_at: Option<String>,
}

impl Client {
    /// Builds a client; it connects when it first asks.
    ///
    /// # Errors
    /// If the token or a certificate can't be read or used.
    pub fn build(settings: Settings) -> Result<Client, BuildError> {
        Transport::build(settings).map(|transport| Client(Arc::new(transport)))
    }

    /// Reads a token file again, since tokens are rotated.
    ///
    /// # Errors
    /// If it can't be read; the last token is used then.
    pub fn reload_token(&self) -> Result<(), BuildError> {
        self.0.authorization.reload()
    }

    /// GitLab's address.
    pub fn url(&self) -> &Url {
        &self.0.base
    }

    /// What was asked so far.
    pub fn usage(&self) -> Usage {
        self.0.usage()
    }

    /// Asks who answers, and who we are.
    ///
    /// # Errors
    /// If GitLab can't be reached or does not accept the token.
    pub async fn introduce(&self, deadline: Instant) -> Result<Introduction, Error> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let token = match self.get("personal_access_tokens/self", deadline).await {
            Ok(page) => page.body,
            // OAuth tokens have no such page; the other questions tell whether GitLab is there.
            Err(
                Error::NotFound { .. }
                | Error::Forbidden { html: false, .. }
                | Error::Refused { .. },
            ) => Value::Null,
            Err(error) => return Err(error),
        };
        let user = match self.get("user", deadline).await {
            Ok(page) => page.body,
            Err(Error::Forbidden { html: false, .. }) => Value::Null,
            Err(error) => return Err(error),
        };
        let version = match self.get("metadata", deadline).await {
            Ok(page) => Some(page.body),
            Err(_) => self
                .get("version", deadline)
                .await
                .ok()
                .map(|page| page.body),
        };
        let scopes = token["scopes"]
            .as_array()
            .map(|scopes| scopes.iter().filter_map(text).collect());
        Ok(Introduction {
            version: version.and_then(|body| text(&body["version"])),
            username: text(&user["username"]),
            token_name: text(&token["name"]),
            scopes,
            expires_at: text(&token["expires_at"]),
        })
    }
}
