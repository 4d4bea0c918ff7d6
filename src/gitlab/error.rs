//! What can go wrong with GitLab, as far as the caller decides on it, and what to do about it.

use std::time::Duration;

/// An error of a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 401: the token is wrong, expired or revoked.
    #[error("GitLab does not accept the token: {detail}")]
    Unauthorized {
        /// What GitLab says.
        detail: String,
    },
    /// 403: the token may not.
    #[error("GitLab forbids it: {detail}")]
    Forbidden {
        /// What GitLab says.
        detail: String,
        /// Whether the answer was a page, so perhaps not from GitLab.
        html: bool,
    },
    /// 404: there is no such thing, or the token may not see it.
    #[error("not found: {detail}")]
    NotFound {
        /// What GitLab says.
        detail: String,
    },
    /// Another 4xx.
    #[error("GitLab refuses the request with {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What GitLab says.
        detail: String,
    },
    /// 429, and the time to wait is over the deadline.
    #[error(
        "GitLab limits our requests; the next one is allowed in {wait:.0?}, after this poll's deadline"
    )]
    RateLimited {
        /// How long to wait.
        wait: Duration,
    },
    /// 5xx, more often than it was tried.
    #[error("GitLab answers {status}: {detail}")]
    Server {
        /// The HTTP status.
        status: u16,
        /// What GitLab says.
        detail: String,
    },
    /// The request took too long, for us or for GitLab.
    #[error("the request timed out")]
    Timeout,
    /// No answer came.
    #[error("GitLab can't be reached: {0}")]
    Network(String),
    /// An answer came that is not JSON.
    #[error("{} came with status {status} instead of JSON", if *.html { "an HTML page" } else { "something else" })]
    NotJson {
        /// The HTTP status.
        status: u16,
        /// Whether it looks like a page.
        html: bool,
    },
    /// A redirect that is not followed, since the token would go elsewhere or the question be lost.
    #[error("GitLab redirects to {to}")]
    Redirected {
        /// Where to.
        to: String,
    },
    /// GraphQL answered errors and no data.
    #[error("GraphQL refuses: {}", messages(.errors))]
    Graphql {
        /// The errors.
        errors: Vec<GraphqlError>,
    },
}

/// One entry of a GraphQL answer's `errors`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphqlError {
    /// What it says.
    pub message: String,
    /// What it is about: keys and indices from the root of the answer.
    pub path: Vec<serde_json::Value>,
    /// GitLab's code, such as `undefinedField`.
    pub code: Option<String>,
}

impl Error {
    /// The error in one word, from a closed set: fit for an attribute.
    pub fn reason(&self) -> &'static str {
        match self {
            Error::Unauthorized { .. } => "unauthorized",
            Error::Forbidden { .. } => "forbidden",
            Error::NotFound { .. } => "not_found",
            Error::Refused { .. } => "refused",
            Error::RateLimited { .. } => "rate_limited",
            Error::Server { .. } => "server_error",
            Error::Timeout => "timeout",
            Error::Network(_) => "network",
            Error::NotJson { .. } => "not_json",
            Error::Redirected { .. } => "redirected",
            Error::Graphql { .. } => "graphql",
        }
    }

    /// What to do about it, in a sentence.
    pub fn advice(&self) -> Option<String> {
        let advice = match self {
            Error::Unauthorized { detail } if detail.contains("expired") => {
                "Create a new access token with the read_api scope and put it in GITLAB_TOKEN or GITLAB_TOKEN_FILE"
            }
            Error::Unauthorized { .. } => {
                "Check GITLAB_TOKEN or GITLAB_TOKEN_FILE: it must be an access token of this GitLab with the read_api scope"
            }
            Error::Forbidden { html: true, .. } | Error::NotJson { .. } => {
                "Check GITLAB_URL: it must be GitLab's own address, with its sub-path if there is one; a login \
                 page or a proxy may stand before it"
            }
            Error::Forbidden { .. } => {
                "The token needs the read_api scope, and its user access to what is selected"
            }
            Error::NotFound { .. } => {
                "Check the spelling, and that the token's user may see it; if nothing is found at all, check GITLAB_URL"
            }
            Error::RateLimited { .. } => "Poll less often, or select less",
            Error::Network(cause) if cause.contains("certificate") => {
                "Trust the certificate's authority with gitlab.ca_file (GITLAB_CA_FILE) or SSL_CERT_FILE"
            }
            Error::Network(_) => {
                "Check GITLAB_URL, the network and the proxy variables (HTTPS_PROXY, NO_PROXY)"
            }
            Error::Redirected { to } => {
                return Some(format!("If that is your GitLab, set GITLAB_URL to {to}"));
            }
            Error::Timeout | Error::Server { .. } => {
                "GitLab may be overloaded; the bridge tries again at the next poll"
            }
            Error::Refused { .. } | Error::Graphql { .. } => return None,
        };
        Some(advice.to_owned())
    }
}

fn messages(errors: &[GraphqlError]) -> String {
    let messages: Vec<_> = errors
        .iter()
        .map(|error| error.message.as_str())
        .take(3)
        .collect();
    match messages.is_empty() {
        true => "no data and no reason".to_owned(),
        false => messages.join("; "),
    }
}

/// Why a client can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file can't be read.
    #[error("reading {what} {file}: {cause}")]
    File {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        file: String,
        /// Why it can't be read.
        cause: String,
    },
    /// The token can't be one.
    #[error("the token {0}; it must be a GitLab access token")]
    Token(&'static str),
    /// Half of what a client certificate needs.
    #[error(
        "a client certificate needs its key and a key its certificate: set both gitlab.client_certificate and gitlab.client_key"
    )]
    HalfIdentity,
    /// The HTTP client can't be built.
    #[error("building the HTTP client: {0}")]
    Http(String),
}
