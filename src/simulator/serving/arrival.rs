//! What arrives: an HTTP request, read as far as the model needs it.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde_json::Value;

use crate::simulator::answer::Dialect;

pub(super) struct Arrival {
    pub(super) path: String,
    pub(super) text: String,
    /// The body as JSON; null where it is none.
    pub(super) graphql: Value,
    /// The name of the GraphQL operation that is asked for.
    pub(super) operation: Option<String>,
}

/// How a token was sent. Not the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenHeader {
    /// `Authorization: Bearer …`
    Bearer,
    /// `PRIVATE-TOKEN: …`
    PrivateToken,
}

impl Arrival {
    pub(super) fn new(parts: &Parts, body: &Bytes) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let graphql: Value = serde_json::from_str(&text).unwrap_or_default();
        // A list of queries goes by the name of its first.
        let first = graphql.get(0).unwrap_or(&graphql);
        let named = first["operationName"].as_str().map(str::to_owned);
        let operation = named.or_else(|| first["query"].as_str().and_then(operation_name));
        Arrival {
            path: parts.uri.path().to_owned(),
            text,
            graphql,
            operation,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.path.ends_with("/api/graphql") {
            true => Dialect::GraphQl,
            false => Dialect::Rest,
        }
    }
}

/// The token of a request and how it was sent.
pub(super) fn sent_token(headers: &HeaderMap) -> Option<(TokenHeader, &str)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    let bearer = bearer.map(|secret| (TokenHeader::Bearer, secret));
    bearer.or_else(|| text("private-token").map(|secret| (TokenHeader::PrivateToken, secret)))
}

/// The name of the first operation of a text.
fn operation_name(query: &str) -> Option<String> {
    let rest = query.trim_start().strip_prefix("query")?.trim_start();
    let end = rest.find(|character: char| !character.is_alphanumeric() && character != '_');
    let name = &rest[..end.unwrap_or(rest.len())];
    (!name.is_empty()).then(|| name.to_owned())
}
