//! A web configuration of Prometheus: TLS, client certificates, passwords, headers and a limit of
//! requests for our endpoint, in the format of its exporter-toolkit.
//!
//! It is read again when a file of it changes. One that can't be used is not: the last good one goes on,
//! so that a mistake neither locks everybody out nor opens the door.

mod certificate_names;
mod client_certificates;
mod file;
mod go;
mod passwords;
mod rate;
mod stamps;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;
use tokio_rustls::rustls::ServerConfig;

use crate::export::Config;
use crate::lock::lock;
use file::File;
use passwords::{Judgement, Passwords, Users};
use rate::{Bucket, Rate};
use stamps::Stamps;

/// Answers to anybody if that is switched on.
const HEALTH: &str = "/-/healthy";
/// Webhooks carry a secret of their own, and GitLab has no password for us.
const WEBHOOK: &str = "/webhook";

/// A web configuration file that is in force.
pub struct Web {
    path: PathBuf,
    /// Whether health is answered without a password.
    open_health: bool,
    now: Mutex<Now>,
    passwords: Passwords,
    bucket: Bucket,
}

struct Now {
    rules: Arc<Rules>,
    stamps: Stamps,
}

/// What a web configuration says.
pub struct Rules {
    /// How TLS is spoken, if it is.
    pub tls: Option<Arc<ServerConfig>>,
    pub http2: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    users: Users,
    rate: Option<Rate>,
}

impl Web {
    /// Reads the web configuration file, if one is configured.
    ///
    /// # Errors
    /// If it can't be read or is not valid; the message names the line and what would be right, and no
    /// secret.
    pub fn build(config: &Config) -> Result<Option<Web>> {
        let file = config.web_config.as_deref();
        let web = file.map(|file| Web::open(file, config.open_health));
        web.transpose().context("prometheus.web_config_file")
    }

    fn open(path: &Path, open_health: bool) -> Result<Web> {
        let (rules, stamps) = read(path);
        Ok(Web {
            path: path.to_owned(),
            open_health,
            now: Mutex::new(Now {
                rules: Arc::new(rules?),
                stamps,
            }),
            passwords: Passwords::new()?,
            bucket: Bucket::default(),
        })
    }

    /// The files that hold keys or hashes of passwords, of a web configuration that can be read.
    pub fn secret_files(config: &Config) -> Vec<PathBuf> {
        let path = config.web_config.as_deref();
        let read = path.and_then(|path| Some((path, File::read(path).ok()?)));
        read.map(|(path, file)| file.secret_files(path))
            .unwrap_or_default()
    }

    /// What holds now: read again if a file has changed.
    pub fn rules(&self) -> Arc<Rules> {
        let mut now = self.now();
        if now.stamps.are_current() {
            return Arc::clone(&now.rules);
        }
        let (rules, stamps) = read(&self.path);
        now.stamps = stamps; // What can't be used now is not tried before it changes again.
        match rules {
            Ok(rules) => {
                tracing::info!(file = %self.path.display(), "the web configuration has changed and holds from now on");
                now.rules = Arc::new(rules);
            }
            Err(error) => tracing::error!(
                error = %format!("{error:#}"),
                "the changed web configuration can't be used; the last good one still holds"
            ),
        }
        Arc::clone(&now.rules)
    }

    /// Lets a request in, or says why not.
    pub async fn admit(&self, rules: &Rules, path: &str, headers: &HeaderMap) -> Option<Response> {
        if path == HEALTH && self.open_health {
            return None;
        }
        if let Some(rate) = &rules.rate
            && !self.bucket.take(rate, Instant::now())
        {
            return Some(refusal(StatusCode::TOO_MANY_REQUESTS));
        }
        let webhook = path.strip_prefix(WEBHOOK);
        let is_webhook = webhook.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_webhook || rules.users.is_empty() {
            return None;
        }
        match self.passwords.judge(&rules.users, headers).await {
            Judgement::Known => None,
            Judgement::Busy => Some(refusal(StatusCode::SERVICE_UNAVAILABLE)),
            Judgement::Unknown => {
                let mut refusal = refusal(StatusCode::UNAUTHORIZED);
                let realm = HeaderValue::from_static("Basic realm=\"gitlab-metrics-bridge\"");
                refusal
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, realm);
                Some(refusal)
            }
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        lock(&self.now)
    }
}

impl Rules {
    /// Adds the headers that every answer has.
    pub fn dress(&self, answer: &mut Response<Body>) {
        for (name, value) in &self.headers {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
    }
}

fn refusal(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or_default();
    (status, format!("{reason}.\n")).into_response()
}

/// What a file says, and what it and the files it names looked like before it was read.
fn read(path: &Path) -> (Result<Rules>, Stamps) {
    let mut stamps = Stamps::default();
    stamps.add(path);
    let file = match File::read(path) {
        Ok(file) => file,
        Err(error) => return (Err(error), stamps),
    };
    for named in file.names() {
        stamps.add(&named);
    }
    let rules = rules(&file).with_context(|| path.display().to_string());
    (rules, stamps)
}

fn rules(file: &File) -> Result<Rules> {
    Ok(Rules {
        tls: tls::build(file)?,
        http2: file.http2(),
        headers: file.headers()?,
        users: Users::build(file.users())?,
        rate: file.rate()?,
    })
}

#[cfg(test)]
mod tests;
