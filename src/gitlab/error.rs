//! What asking GitLab can end in, told apart as far as a caller decides on it.

use std::error::Error as StdError;
use std::time::Duration;

use tokio::time::Instant;

use super::graphql_error::{self, GraphqlError};
use super::network::NetworkFailure;
use crate::prose::{advised, duration};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is wrong, expired or revoked.
    #[error("GitLab does not accept the token: {detail}")]
    Unauthorized { detail: String },
    /// The token is known and may not do this.
    #[error("GitLab does not allow this: {detail}")]
    Forbidden { detail: String },
    /// It is not there, or the token may not know that it is.
    #[error("GitLab does not find it: {detail}")]
    NotFound { detail: String },
    /// GitLab refuses the question itself.
    #[error("GitLab refuses the request with status {status}: {detail}")]
    Refused {
        status: u16,
        /// GitLab's words, or what is wrong with its answer.
        detail: String,
    },
    #[error("the answer is too large: to read it takes more than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    #[error("the rate limit allows no request for another {}", whole_seconds(*wait))]
    RateLimited {
        /// When the next request may be sent.
        until: Instant,
        /// How long that was away.
        wait: Duration,
    },
    #[error("the request budget allows no request for another {}", whole_seconds(*wait))]
    Budget {
        /// When the next request may be sent.
        until: Instant,
        /// How long that was away.
        wait: Duration,
    },
    #[error("GitLab, or what stands before it, fails with status {status}")]
    Server { status: u16 },
    /// The request took longer than one side would wait: asking for less may help.
    #[error("the request timed out: {detail}")]
    Timeout { detail: String },
    #[error("{}", kind.summary())]
    Network {
        kind: NetworkFailure,
        /// What the network said; its address is left out.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A proxy, a login page or an edge throttle answers in GitLab's place.
    #[error("what answers is not GitLab's API: status {status} with {detail}")]
    NotGitLab { status: u16, detail: String },
    #[error("the answer with status {status} is {detail}")]
    NotJson { status: u16, detail: &'static str },
    /// The answer is a document, and not the one that was asked for.
    #[error("the answer is not understood: {detail}")]
    NotUnderstood { detail: String },
    /// The answer is to be found elsewhere, where the token is not sent.
    #[error("GitLab redirects to {to}")]
    Redirected {
        /// Where it leads, without query.
        to: String,
        /// The address of the GitLab that has moved there, if it is one of its APIs.
        gitlab_url: Option<String>,
    },
    /// GraphQL answered without data: it does not run this query.
    #[error("GraphQL gives no data: {}", graphql_error::summary(errors))]
    Graphql { errors: Vec<GraphqlError> },
    #[error("no time is left to ask")]
    Deadline,
}

impl Error {
    /// A document that can't be what was asked for.
    pub fn not_understood(detail: impl Into<String>) -> Error {
        Error::NotUnderstood {
            detail: detail.into(),
        }
    }

    /// Whether GitLab itself said it, in a form that is recognised: only then may a refusal remove
    /// anything. A proxy's 404 is no word of GitLab about a project.
    #[must_use]
    pub fn is_gitlabs_word(&self) -> bool {
        matches!(
            self,
            Error::Unauthorized { .. }
                | Error::Forbidden { .. }
                | Error::NotFound { .. }
                | Error::Refused { .. }
                | Error::Graphql { .. }
        )
    }

    /// The kind of failure as a metric's attribute: one of a closed set.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Error::Unauthorized { .. } => "unauthorized",
            Error::Forbidden { .. } => "forbidden",
            Error::NotFound { .. } => "not_found",
            Error::Refused { .. } | Error::TooLarge { .. } => "refused",
            Error::RateLimited { .. } => "rate_limited",
            Error::Budget { .. } => "budget",
            Error::Server { .. } => "server_error",
            Error::Timeout { .. } | Error::Deadline => "timeout",
            Error::Network { .. } => "network",
            Error::NotGitLab { .. } => "not_gitlab",
            Error::NotJson { .. } => "not_json",
            Error::NotUnderstood { .. } => "not_understood",
            Error::Redirected { .. } => "redirected",
            Error::Graphql { .. } => "graphql",
        }
    }

    /// One sentence on what to do about it, where something can be done.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let advice = match self {
            Error::Unauthorized { .. } => {
                "Check GITLAB_TOKEN: it must be a valid, unexpired access token with the scope \
                 read_api."
            }
            Error::Forbidden { .. } => {
                "Give the token the scope read_api and its user a role that may see this."
            }
            Error::NotFound { .. } => {
                "Check the path, that the token's user may see it, and that GITLAB_URL is the \
                 address of GitLab itself, with its sub-path if it has one."
            }
            Error::RateLimited { .. } => {
                "Lower gitlab.requests_per_second or poll less often, or ask for a higher limit."
            }
            Error::Budget { .. } => {
                "Raise poll.budget if GitLab allows more, or set poll.interval higher."
            }
            Error::NotGitLab { status, .. } => match status {
                401 => {
                    "A proxy or a login page before GitLab wants credentials of its own: let the \
                     bridge through to the API, or send what it wants with gitlab.headers."
                }
                404 => {
                    "Check GITLAB_URL, with its sub-path if GitLab has one, and what stands before \
                     GitLab: the bridge must be let through to the API."
                }
                407 => NetworkFailure::Proxy.advice(),
                200..=399 => {
                    "Check GITLAB_URL: a login page or a proxy answers there, not GitLab's API."
                }
                _ => {
                    "A proxy, a firewall or an edge throttle answers in place of GitLab: let the \
                     bridge through to the API."
                }
            },
            Error::NotJson { .. } | Error::NotUnderstood { .. } => {
                "Check GITLAB_URL, and proxies on the way: what answers there is not GitLab's API."
            }
            Error::Redirected {
                gitlab_url: Some(url),
                ..
            } => {
                return Some(format!("Set GITLAB_URL to {url}."));
            }
            Error::Redirected { .. } => {
                "Set GITLAB_URL to the address where GitLab's API itself answers; if this is a \
                 login page, let the bridge pass it."
            }
            Error::Network { kind, .. } => kind.advice(),
            Error::Refused { .. }
            | Error::TooLarge { .. }
            | Error::Server { .. }
            | Error::Timeout { .. }
            | Error::Graphql { .. }
            | Error::Deadline => return None,
        };
        Some(advice.to_owned())
    }

    /// What it says, and what to do about it.
    #[must_use]
    pub fn with_advice(&self) -> String {
        match self.advice() {
            Some(advice) => advised(self, advice),
            None => self.to_string(),
        }
    }
}

/// Rounded up: an error that says "0s" would invite to try at once.
pub(super) fn whole_seconds(wait: Duration) -> String {
    duration(Duration::from_secs(wait.as_secs_f64().ceil() as u64))
}
