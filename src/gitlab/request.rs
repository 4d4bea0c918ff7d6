//! One request on its way out, and the answer as it came back.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, LOCATION};
use serde_json::Value;

use super::endpoint_class::EndpointClass;

/// A question that changes nothing, so that it may be asked again.
pub(super) struct ApiRequest {
    pub(super) class: EndpointClass,
    pub(super) url: Url,
    /// A JSON document to post; without one it is a GET.
    pub(super) body: Option<Vec<u8>>,
}

impl ApiRequest {
    pub(super) fn get(url: Url) -> ApiRequest {
        ApiRequest {
            class: EndpointClass::of(&url),
            url,
            body: None,
        }
    }

    pub(super) fn query(url: Url, body: Vec<u8>) -> ApiRequest {
        ApiRequest {
            class: EndpointClass::Graphql,
            url,
            body: Some(body),
        }
    }
}

impl ApiRequest {
    /// What the answer is judged by.
    pub(super) fn without_body(&self) -> ApiRequest {
        ApiRequest {
            class: self.class,
            url: self.url.clone(),
            body: None,
        }
    }
}

/// An answer as it came back.
pub(super) struct ApiResponse {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// From sending the question to having read all of it.
    pub(super) took: Duration,
}

impl ApiResponse {
    /// The body without the byte order mark that some proxies and caches put before it.
    pub(super) fn json(&self) -> &[u8] {
        self.body
            .strip_prefix(b"\xEF\xBB\xBF")
            .unwrap_or(&self.body)
    }

    /// Whether the body begins with the byte order mark of UTF-16.
    pub(super) fn is_utf16(&self) -> bool {
        self.body.starts_with(b"\xFF\xFE") || self.body.starts_with(b"\xFE\xFF")
    }

    /// Login pages, proxies and edge throttles speak HTML where GitLab speaks JSON.
    pub(super) fn is_html(&self) -> bool {
        let content_type = self.headers.get("content-type");
        content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
            || self.json().trim_ascii_start().starts_with(b"<")
    }

    /// Where a redirect leads, if this is one that names a place.
    pub(super) fn redirect(&self, asked: &Url) -> Option<Url> {
        if !matches!(self.status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        asked.join(location).ok()
    }
}

/// What an answer turned out to be.
pub(super) enum Outcome {
    Json {
        headers: HeaderMap,
        body: Value,
        took: Duration,
    },
    Redirect(Url),
}
