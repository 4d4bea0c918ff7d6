//! Sends messages as protobuf over HTTP.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use reqwest::Response;
use secrecy::ExposeSecret;
use url::Url;

use super::config::{Certificates, Compression, OtlpConfig, PRODUCT, Protocol, add_authorities};
use super::hint;
use super::outcome::{Outcome, RpcStatus};
use super::words::{Secrets, causes};

const PROTOBUF: &str = "application/x-protobuf";
/// No more of an answer is read: it is words about an error at the most.
const LONGEST_ANSWER: usize = 64 << 10;

/// Sends messages as protobuf over HTTP.
pub struct Http {
    client: reqwest::Client,
    endpoint: Url,
    headers: HeaderMap,
    compression: Option<Compression>,
    secrets: Secrets,
}

impl Http {
    /// # Errors
    /// If a header is not valid.
    pub fn build(config: &OtlpConfig, certificates: &Certificates) -> Result<Http> {
        // A redirect would carry our headers, and the secrets in them, to another place.
        let redirects = reqwest::redirect::Policy::none();
        let mut client = reqwest::Client::builder()
            .redirect(redirects)
            .user_agent(PRODUCT);
        if let Some(pem) = &certificates.authorities {
            client = add_authorities(client, pem)?;
        }
        if let Some(own) = &certificates.identity {
            client = client.identity(own.identity()?);
        }
        Ok(Http {
            client: client.build().context("building the OTLP client")?,
            endpoint: config.endpoint.clone(),
            headers: headers(config)?,
            compression: config.compression,
            secrets: Secrets::of(config),
        })
    }

    /// Sends a message once; tells what became of it, and what the receiver advises.
    pub async fn send(&self, message: &Bytes, within: Duration) -> (Outcome, Option<String>) {
        let body = match compressed(message, self.compression) {
            Ok(body) => body,
            Err(error) => {
                return (
                    Outcome::Refused(self.secrets.why(&error.to_string(), None)),
                    None,
                );
            }
        };
        let request = self.client.post(self.endpoint.clone());
        let request = request.headers(self.headers.clone()).body(body);
        match request.timeout(within).send().await {
            Ok(response) => self.understood(response).await,
            Err(error) => (self.no_answer(&error), None),
        }
    }

    async fn understood(&self, response: Response) -> (Outcome, Option<String>) {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match body(response).await {
            Ok(body) => body,
            // It is not known whether the message was taken.
            Err(error) if status.is_success() => return (self.no_answer(&error), None),
            Err(_) => Vec::new(),
        };
        if is_page(&headers, &body) {
            let why = self
                .secrets
                .why(&format!("{status}, a web page"), hint::of_page());
            return match status.is_success() {
                true => (Outcome::Refused(why), None),
                false => (Outcome::of_http(status, &headers, why), None),
            };
        }
        if status.is_success() {
            // Not every receiver answers in protobuf.
            let answer = ExportMetricsServiceResponse::decode(&*body).unwrap_or_default();
            let (outcome, advice) = Outcome::of_success(answer);
            return self.secrets.tidied(outcome, advice);
        }
        let why = self.secrets.why(
            &self.told(status, &headers, &body),
            hint::of_http(status, &self.endpoint),
        );
        (Outcome::of_http(status, &headers, why), None)
    }

    /// A status and the receiver's own words.
    fn told(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
        let is = |kind: &str| {
            let told = headers.get(header::CONTENT_TYPE);
            told.is_some_and(|told| told.as_bytes().starts_with(kind.as_bytes()))
        };
        let text = || String::from_utf8_lossy(body).into_owned();
        let words = match RpcStatus::decode(body) {
            Ok(answer) if is(PROTOBUF) => answer.message,
            _ if is("application/json") => in_json(body).unwrap_or_else(text),
            _ => text(),
        };
        match words.trim() {
            "" => status.to_string(),
            words => format!("{status}: {words}"),
        }
    }

    fn no_answer(&self, error: &reqwest::Error) -> Outcome {
        let text = match error.is_timeout() {
            true => "no answer in time".to_owned(),
            false => causes(error),
        };
        let hint = hint::of_no_answer(&text, Protocol::Http, &self.endpoint);
        Outcome::Later {
            after: None,
            why: self.secrets.why(&text, hint),
        }
    }
}

fn headers(config: &OtlpConfig) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let key = HeaderName::from_bytes(name.as_bytes());
        let key = key.with_context(|| format!("the OTLP header name {name:?} is not valid"))?;
        let value = HeaderValue::from_str(value.expose_secret());
        let mut value =
            value.with_context(|| format!("the value of the OTLP header {name:?} is not valid"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    let encoding = config.compression.map(|compression| match compression {
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    });
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(headers)
}

fn compressed(message: &Bytes, compression: Option<Compression>) -> std::io::Result<Bytes> {
    Ok(match compression {
        None => message.clone(),
        Some(Compression::Gzip) => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(message)?;
            encoder.finish()?.into()
        }
        Some(Compression::Zstd) => zstd::encode_all(&**message, 0)?.into(),
    })
}

async fn body(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() >= LONGEST_ANSWER {
            body.truncate(LONGEST_ANSWER);
            break;
        }
    }
    Ok(body)
}

fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let told = headers.get(header::CONTENT_TYPE);
    let told = told.is_some_and(|told| told.as_bytes().starts_with(b"text/html"));
    told || body.trim_ascii_start().starts_with(b"<!DOCTYPE")
        || body.trim_ascii_start().starts_with(b"<html")
}

/// The words in an error that is told as JSON.
fn in_json(body: &[u8]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    let found = ["message", "error", "detail"].map(|key| json.get(key)?.as_str());
    found.into_iter().flatten().next().map(str::to_owned)
}
