//! One session with GitLab: it carries the token on every request, keeps connections open, obeys
//! limits and tries again where that helps.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Certificate, Identity, Response, redirect};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::Url;

use super::limiter::Limiter;
use super::token::Authorization;
use super::{BuildError, Error, Settings, Usage};

/// No answer we ask for comes near it; what does is not GitLab.
const LARGEST_BODY: usize = 64 << 20;
/// The pause before a second try; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Redirects that are followed for one request.
const REDIRECTS: usize = 5;
/// How much of GitLab's own words is kept.
const DETAIL: usize = 200;

/// The session.
pub struct Transport {
    http: reqwest::Client,
    /// The address, ending in a slash.
    pub base: Url,
    pub authorization: Authorization,
    limiter: Limiter,
    attempts: u32,
    request_timeout: Duration,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    requests: BTreeMap<(&'static str, String), u64>,
    retries: u64,
}

/// What to send.
#[derive(Clone, Copy)]
pub enum Method<'a> {
    Get,
    Post(&'a Value),
}

/// Whether a timeout is worth another try.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    Always,
    UnlessTimeout,
}

/// What came back, if it is JSON.
pub struct Json {
    pub headers: HeaderMap,
    pub body: Value,
}

/// A failed try: whether another may help.
struct Failure {
    error: Error,
    again: Again,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    /// After a pause, and not for ever.
    Soon,
    /// When the limiter lets it, as often as it takes.
    WhenAllowed,
}

impl Transport {
    pub fn build(settings: Settings) -> Result<Transport, BuildError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("gitlab-metrics-bridge/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .redirect(redirect::Policy::none());
        if let Some(file) = &settings.ca_file {
            let certificates = Certificate::from_pem_bundle(&read("the CA certificates", file)?);
            let certificates =
                certificates.map_err(|cause| unusable("the CA certificates", file, cause))?;
            builder = builder.tls_certs_merge(certificates);
        }
        match (&settings.client_certificate, &settings.client_key) {
            (Some(certificate), Some(key)) => {
                let mut pem = read("the client certificate", certificate)?;
                pem.push(b'\n');
                pem.extend(read("the client key", key)?);
                let identity = Identity::from_pem(&pem);
                builder = builder.identity(
                    identity
                        .map_err(|cause| unusable("the client certificate", certificate, cause))?,
                );
            }
            (None, None) => {}
            _ => return Err(BuildError::HalfIdentity),
        }
        let mut base = settings.url;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Transport {
            http: builder
                .build()
                .map_err(|error| BuildError::Http(chain(&error)))?,
            base,
            authorization: Authorization::new(settings.token)?,
            limiter: Limiter::new(settings.requests_per_second, settings.concurrency),
            attempts: settings.attempts.max(1),
            request_timeout: settings.request_timeout,
            asked: Mutex::default(),
        })
    }

    /// A URL below the base, from a path and query that are encoded already.
    pub fn url(&self, below: &str) -> Url {
        let (path, query) = below
            .split_once('?')
            .map_or((below, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url.set_query(query);
        url
    }

    /// Asks, and again where that helps, until there is an answer or the deadline is near.
    pub async fn ask(
        &self,
        endpoint: &'static str,
        method: Method<'_>,
        url: Url,
        retry: Retry,
        deadline: Instant,
    ) -> Result<Json, Error> {
        let mut tries = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            let Failure { error, again } =
                match self.try_once(endpoint, method, url.clone(), deadline).await {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure,
                };
            let timeout = matches!(error, Error::Timeout) && retry == Retry::UnlessTimeout;
            match again {
                Again::No => return Err(error),
                Again::Soon if timeout => return Err(error),
                Again::Soon => {
                    tries += 1;
                    // Jitter, so that many bridges do not come back at once.
                    let jittered = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
                    if tries >= self.attempts || Instant::now() + jittered >= deadline {
                        return Err(error);
                    }
                    tracing::debug!(%error, %url, pause = ?jittered, "will try again");
                    sleep(jittered).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Again::WhenAllowed => {}
            }
            self.asked().retries += 1;
        }
    }

    /// What was asked so far.
    pub fn usage(&self) -> Usage {
        let (rate_limit, waited) = self.limiter.usage();
        let asked = self.asked();
        Usage {
            requests: asked.requests.clone(),
            retries: asked.retries,
            waited,
            rate_limit,
        }
    }

    async fn try_once(
        &self,
        endpoint: &'static str,
        method: Method<'_>,
        mut url: Url,
        deadline: Instant,
    ) -> Result<Json, Failure> {
        for _ in 0..=REDIRECTS {
            let place = self
                .limiter
                .acquire(deadline)
                .await
                .map_err(|error| fail(error, Again::No))?;
            let received = self.send(method, &url, deadline).await;
            drop(place);
            let code = match &received {
                Ok((status, _, _)) => status.to_string(),
                Err(failure) => failure.error.reason().to_owned(),
            };
            *self.asked().requests.entry((endpoint, code)).or_default() += 1;
            let (status, headers, body) = received?;
            self.limiter.learn(status, &headers);
            let target = headers
                .get(LOCATION)
                .and_then(|target| url.join(target.to_str().ok()?).ok());
            match target {
                Some(target) if (300..400).contains(&status) => {
                    let same = target.origin() == url.origin() && matches!(method, Method::Get);
                    if !same {
                        let to = address(&target);
                        return Err(fail(Error::Redirected { to }, Again::No));
                    }
                    url = target; // A project that was renamed or moved.
                }
                _ => return interpret(status, headers, &body),
            }
        }
        Err(fail(Error::Redirected { to: address(&url) }, Again::No))
    }

    async fn send(
        &self,
        method: Method<'_>,
        url: &Url,
        deadline: Instant,
    ) -> Result<(u16, HeaderMap, Vec<u8>), Failure> {
        let request = match method {
            Method::Get => self.http.get(url.clone()),
            Method::Post(body) => self.http.post(url.clone()).json(body),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let request = request
            .header(AUTHORIZATION, self.authorization.header())
            .header(ACCEPT, "application/json")
            .timeout(self.request_timeout.min(left));
        let response = request.send().await.map_err(network)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read_body(response).await?;
        Ok((status, headers, body))
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(network)? {
        if body.len() + chunk.len() > LARGEST_BODY {
            let status = response.status().as_u16();
            return Err(fail(
                Error::NotJson {
                    status,
                    html: false,
                },
                Again::No,
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What an answer means.
fn interpret(status: u16, headers: HeaderMap, body: &[u8]) -> Result<Json, Failure> {
    let json = serde_json::from_slice::<Value>(body);
    let html = is_html(&headers, body);
    let detail = || {
        json.as_ref()
            .ok()
            .and_then(detail)
            .unwrap_or_else(|| format!("status {status}"))
    };
    let error = match status {
        200..=299 => {
            return match json {
                Ok(body) => Ok(Json { headers, body }),
                Err(_) if html => Err(fail(Error::NotJson { status, html }, Again::No)),
                // Cut short on its way, perhaps.
                Err(_) => Err(fail(Error::NotJson { status, html }, Again::Soon)),
            };
        }
        // A login page, which a proxy put before GitLab.
        300..=399 => Error::NotJson { status, html },
        401 => Error::Unauthorized { detail: detail() },
        403 => Error::Forbidden {
            detail: detail(),
            html: json.is_err(),
        },
        404 => Error::NotFound { detail: detail() },
        429 => {
            let wait = Duration::ZERO;
            return Err(fail(Error::RateLimited { wait }, Again::WhenAllowed));
        }
        // GitLab's database gave up: the same question would end the same way.
        500.. if json.as_ref().is_ok_and(says_timeout) => {
            return Err(fail(Error::Timeout, Again::No));
        }
        500.. => {
            return Err(fail(
                Error::Server {
                    status,
                    detail: detail(),
                },
                Again::Soon,
            ));
        }
        _ => Error::Refused {
            status,
            detail: detail(),
        },
    };
    Err(fail(error, Again::No))
}

/// GitLab's own words about an error: it has five ways to say them.
fn detail(body: &Value) -> Option<String> {
    let texts = [
        &body["error_description"],
        &body["message"],
        &body["message"]["error"],
        &body["error"],
        &body["errors"][0]["message"],
    ];
    let text = texts.into_iter().find_map(Value::as_str)?;
    Some(text.chars().take(DETAIL).collect())
}

fn says_timeout(body: &Value) -> bool {
    detail(body).is_some_and(|detail| detail.contains("timed out"))
}

fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let declared = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    declared.is_some_and(|declared| declared.contains("html"))
        || body.trim_ascii_start().starts_with(b"<")
}

/// The address of the GitLab that a redirect leads to: what comes before its API.
fn address(target: &Url) -> String {
    let mut address = target.clone();
    let path = target.path();
    address.set_path(path.split("/api/").next().unwrap_or(path));
    address.set_query(None);
    address.set_fragment(None);
    // Neither can fail on an http URL.
    let _ = address.set_username("");
    let _ = address.set_password(None);
    address.to_string()
}

fn network(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let error = if error.is_timeout() {
        Error::Timeout
    } else {
        Error::Network(chain(&error))
    };
    fail(error, Again::Soon)
}

fn fail(error: Error, again: Again) -> Failure {
    Failure { error, again }
}

/// An error with its causes: the first one alone says only that a request failed.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(file).map_err(|cause| unusable(what, file, cause))
}

fn unusable(what: &'static str, file: &Path, cause: impl ToString) -> BuildError {
    BuildError::File {
        what,
        file: file.display().to_string(),
        cause: cause.to_string(),
    }
}
