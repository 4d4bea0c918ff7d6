//! One question on its way out, and the answer as it came back.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, LOCATION};
use serde_json::Value;

use super::class::Class;

/// A question that changes nothing, so that it may be asked again.
pub(super) struct Call {
    pub(super) class: Class,
    pub(super) url: Url,
    /// A JSON document to post; without one it is a GET.
    pub(super) body: Option<Vec<u8>>,
}

impl Call {
    pub(super) fn get(url: Url) -> Call {
        Call {
            class: Class::of(&url),
            url,
            body: None,
        }
    }

    pub(super) fn query(url: Url, body: Vec<u8>) -> Call {
        Call {
            class: Class::Graphql,
            url,
            body: Some(body),
        }
    }
}

/// An answer as it came over the wire.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// From sending the question to having read all of it.
    pub(super) took: Duration,
}

impl Reply {
    /// Login pages, proxies and edge throttles speak HTML where GitLab speaks JSON.
    pub(super) fn is_html(&self) -> bool {
        let content_type = self.headers.get("content-type");
        content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
            || self.body.trim_ascii_start().starts_with(b"<")
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
