//! One HTTP exchange: connections, TLS, time and size limits. What an answer means is not its business.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Identity, RequestBuilder};
use tokio::time::{Instant, timeout_at};

use super::call::{Call, Reply};
use super::error::Error;
use super::network::NetworkFailure;
use super::refusal::Failure;
use super::settings::{BuildError, Settings};
use super::token::Credential;

/// The largest answer that is read: a hundred projects with all that is asked of them stay below
/// a hundredth of it.
pub(super) const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// How often a shared HTTP/2 connection is asked for a sign of life while requests wait on it:
/// without it a dead one would swallow every retry.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long that sign of life may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// The connections to GitLab. The proxy variables (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
/// `NO_PROXY`) are honoured.
pub(super) struct Transport {
    http: reqwest::Client,
    request_timeout: Duration,
    largest_body: usize,
}

impl Transport {
    pub(super) fn build(settings: &Settings, largest_body: usize) -> Result<Transport, BuildError> {
        let authorities = authorities(settings)?;
        let identity = identity(settings)?;
        let builder = || {
            let mut builder = builder(settings);
            if let Some(identity) = identity.clone() {
                builder = builder.identity(identity);
            }
            builder
        };
        let built = builder().tls_certs_merge(authorities).build();
        let built = match built {
            // Plain HTTP trusts nobody: it works on a system without any certificates.
            Err(_) if settings.url.scheme() == "http" => builder().tls_certs_only([]).build(),
            built => built,
        };
        Ok(Transport {
            http: built.map_err(BuildError::Transport)?,
            request_timeout: settings.request_timeout,
            largest_body,
        })
    }

    /// Sends one request and reads its whole answer.
    pub(super) async fn exchange(
        &self,
        call: &Call,
        credential: &Credential,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let patience = Instant::now() + self.request_timeout;
        let exchange = self.send_and_read(self.request(call, credential));
        match timeout_at(deadline.min(patience), exchange).await {
            Ok(result) => result,
            Err(_) if deadline <= patience => Err(Failure::lasting(Error::Deadline)),
            Err(_) => Err(no_answer_within(self.request_timeout)),
        }
    }

    fn request(&self, call: &Call, credential: &Credential) -> RequestBuilder {
        let request = match &call.body {
            None => self.http.get(call.url.clone()),
            Some(body) => self
                .http
                .post(call.url.clone())
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
        };
        request.header(AUTHORIZATION, credential.header())
    }

    async fn send_and_read(&self, request: RequestBuilder) -> Result<Reply, Failure> {
        let sent = Instant::now();
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            // Counted as it unpacks: a small compressed answer may be a huge one.
            if body.len() + chunk.len() > self.largest_body {
                let limit = self.largest_body;
                return Err(Failure::lasting(Error::TooLarge { limit }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status,
            headers,
            body,
            took: sent.elapsed(),
        })
    }
}

fn builder(settings: &Settings) -> ClientBuilder {
    let accept = (ACCEPT, HeaderValue::from_static("application/json"));
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter([accept]))
        // Followed by hand, so that the token never leaves for another place.
        .redirect(Policy::none())
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.read_timeout)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .gzip(true)
}

fn broken(error: reqwest::Error) -> Failure {
    // The address says nothing the caller does not know, and may hold what is not for a log.
    let source = error.without_url();
    if source.is_timeout() && !source.is_connect() {
        return Failure::passing(Error::Timeout {
            detail: "GitLab stayed silent for too long".to_owned(),
        });
    }
    let kind = NetworkFailure::of(&source);
    let error = Error::Network { kind, source };
    if kind.may_pass() {
        Failure::passing(error)
    } else {
        Failure::lasting(error)
    }
}

fn no_answer_within(timeout: Duration) -> Failure {
    Failure::passing(Error::Timeout {
        detail: format!(
            "no whole answer came within {}",
            humantime::format_duration(timeout)
        ),
    })
}

fn authorities(settings: &Settings) -> Result<Vec<Certificate>, BuildError> {
    const WHAT: &str = "CA file";
    let Some(path) = &settings.ca_file else {
        return Ok(Vec::new());
    };
    let not_pem = |source| BuildError::NotPem {
        what: WHAT,
        path: path.clone(),
        expected: "one or more certificates",
        source,
    };
    let pem = read(WHAT, path)?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| not_pem(Some(error)))?;
    if certificates.is_empty() {
        return Err(not_pem(None));
    }
    Ok(certificates)
}

fn identity(settings: &Settings) -> Result<Option<Identity>, BuildError> {
    const WHAT: &str = "client certificate";
    let (certificate, key) = match (&settings.client_certificate, &settings.client_key) {
        (None, None) => return Ok(None),
        (None, Some(key)) => return Err(BuildError::KeyWithoutCertificate(key.clone())),
        (Some(certificate), key) => (certificate, key),
    };
    let mut pem = read(WHAT, certificate)?;
    if let Some(key) = key {
        pem.push(b'\n');
        pem.extend(read("client key", key)?);
    }
    let identity = Identity::from_pem(&pem).map_err(|source| BuildError::NotPem {
        what: WHAT,
        path: certificate.clone(),
        expected: "a certificate, and its private key unless gitlab.client_key names it,",
        source: Some(source),
    })?;
    Ok(Some(identity))
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| BuildError::Unreadable {
        what,
        path: PathBuf::from(path),
        source,
    })
}
