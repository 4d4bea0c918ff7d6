//! What can be wrong with a configuration before anything is sent.

use std::io;
use std::path::PathBuf;

/// Why no client could be built, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(
        "no token: set GITLAB_TOKEN, or GITLAB_TOKEN_FILE, to an access token with the read_api scope \
         (in GitLab: Preferences > Access tokens)"
    )]
    NoToken,
    #[error("{0} is not the address of a GitLab; write it as https://gitlab.example.com")]
    Url(String),
    #[error("{0} requests a second cannot be kept; set a number greater than zero")]
    RequestsPerSecond(f64),
    #[error("a budget of no requests allows no question; set both of its numbers to 1 or more")]
    Budget,
    #[error("cannot read the {what} {}; check its path and its permissions", path.display())]
    Unreadable {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the {what} {} is not usable; it must hold {expected} in PEM", path.display())]
    NotPem {
        what: &'static str,
        path: PathBuf,
        expected: &'static str,
        /// Why, where more is known than that nothing was found.
        source: Option<reqwest::Error>,
    },
    #[error("the client key {} has no certificate; set the client certificate too", .0.display())]
    KeyWithoutCertificate(PathBuf),
    #[error("the {what} {} is written in UTF-16; save it as UTF-8 or ASCII", path.display())]
    Utf16 { what: &'static str, path: PathBuf },
    #[error("the {what} {place} is empty{}", hint(what))]
    EmptySecret { what: &'static str, place: String },
    #[error(
        "the {what} {place} holds line breaks or characters that do not belong there{}",
        hint(what)
    )]
    MalformedSecret { what: &'static str, place: String },
    #[error("gitlab.headers can't send the header {name:?}: {why}")]
    Header { name: String, why: &'static str },
    /// The HTTP client has nothing to trust, or cannot start.
    #[error(
        "cannot prepare secure connections; install the system's CA certificates, \
         or name a file with gitlab.ca_file or SSL_CERT_FILE"
    )]
    Tls(#[source] reqwest::Error),
}

fn hint(what: &str) -> &'static str {
    match what {
        "token" => "; put a GitLab access token with the scope read_api there",
        _ => "",
    }
}
