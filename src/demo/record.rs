//! What was asked of the model: one record for each request.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use serde_json::Value;

/// A request that the model received.
#[derive(Clone, Debug)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// Path and query as they were sent.
    pub path: String,
    /// The name of the GraphQL operation, if it was a query that has one.
    pub operation: Option<String>,
    /// The text of the GraphQL query.
    pub query: Option<String>,
    /// The variables of the GraphQL query, or null.
    pub variables: Value,
    /// The status it was answered with; `None` until then, and for ever where no answer was sent.
    pub status: Option<u16>,
    /// How the token was sent, if one was.
    pub token: Option<TokenHeader>,
    /// The `User-Agent`.
    pub user_agent: Option<String>,
    /// The `Accept-Encoding`.
    pub accept_encoding: Option<String>,
    /// The sender's port: equal ports are one connection.
    pub peer_port: u16,
}

/// How a token was sent. Not the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenHeader {
    /// `Authorization: Bearer …`
    Bearer,
    /// `PRIVATE-TOKEN: …`
    PrivateToken,
}

impl Request {
    pub(super) fn of(parts: &Parts, graphql: &Value, peer_port: u16) -> Self {
        let text = |name| {
            let value = parts.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let query = graphql["query"].as_str();
        let named = graphql["operationName"].as_str().map(str::to_owned);
        Request {
            method: parts.method.to_string(),
            path: parts
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            operation: named.or_else(|| query.and_then(operation_name)),
            query: query.map(str::to_owned),
            variables: graphql["variables"].clone(),
            status: None,
            token: sent_token(&parts.headers).map(|(header, _)| header),
            user_agent: text(USER_AGENT),
            accept_encoding: text(ACCEPT_ENCODING),
            peer_port,
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

fn operation_name(query: &str) -> Option<String> {
    let rest = query.trim_start().strip_prefix("query")?.trim_start();
    let end = rest.find(|character: char| !character.is_alphanumeric() && character != '_');
    let name = &rest[..end.unwrap_or(rest.len())];
    (!name.is_empty()).then(|| name.to_owned())
}
