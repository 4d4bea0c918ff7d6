//! What was asked of the model: one record for each request.

use std::collections::VecDeque;
use std::time::Duration;

use axum::http::header::{ACCEPT_ENCODING, USER_AGENT};
use axum::http::request::Parts;
use jiff::Timestamp;
use serde_json::Value;

use super::arrival::{Arrival, TokenHeader, sent_token};
use crate::simulator::world::clock::later;

/// A request that the model received.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it arrived, by the model's clock.
    pub at: Timestamp,
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
    /// Whether a fault or chaos hit it.
    pub struck: bool,
    /// How the token was sent, if one was.
    pub token: Option<TokenHeader>,
    pub user_agent: Option<String>,
    pub accept_encoding: Option<String>,
    /// The sender's port: equal ports are one connection, and zero is none.
    pub peer_port: u16,
}

impl Request {
    /// A parameter of the address, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    pub(super) fn of(parts: &Parts, arrival: &Arrival, at: Timestamp, peer_port: u16) -> Self {
        let text = |name| {
            let value = parts.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let path = parts.uri.path_and_query().map(ToString::to_string);
        Request {
            at,
            method: parts.method.to_string(),
            path: path.unwrap_or_default(),
            operation: arrival.operation.clone(),
            query: arrival.graphql["query"].as_str().map(str::to_owned),
            variables: arrival.graphql["variables"].clone(),
            status: None,
            struck: false,
            token: sent_token(&parts.headers).map(|(header, _)| header),
            user_agent: text(USER_AGENT),
            accept_encoding: text(ACCEPT_ENCODING),
            peer_port,
        }
    }
}

/// The most requests that arrived within any `window` of time.
///
/// They are in the order of their arrival, as the model records them.
pub fn most_within(window: Duration, requests: &[Request]) -> usize {
    let until = |first: &Request| {
        let end = later(first.at, window);
        requests.partition_point(|request| request.at < end)
    };
    let counts = requests.iter().enumerate();
    let counts = counts.map(|(index, first)| until(first) - index);
    counts.max().unwrap_or_default()
}

/// The newest requests since they were last taken, and how many came before.
#[derive(Debug)]
pub(super) struct Log {
    forgotten: usize,
    most: usize,
    requests: VecDeque<Request>,
}

impl Default for Log {
    fn default() -> Self {
        Log {
            forgotten: 0,
            most: usize::MAX,
            requests: VecDeque::new(),
        }
    }
}

impl Log {
    /// Keeps the newest `most` from now on.
    pub(super) fn keep(&mut self, most: usize) {
        self.most = most;
        self.trim();
    }

    /// Records a request and returns its number.
    pub(super) fn add(&mut self, request: Request) -> usize {
        let number = self.forgotten + self.requests.len();
        self.requests.push_back(request);
        self.trim();
        number
    }

    /// The request of that number, unless it was forgotten meanwhile.
    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Request> {
        let index = number.checked_sub(self.forgotten)?;
        self.requests.get_mut(index)
    }

    pub(super) fn all(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn take(&mut self) -> Vec<Request> {
        self.forgotten += self.requests.len();
        std::mem::take(&mut self.requests).into()
    }

    fn trim(&mut self) {
        let surplus = self.requests.len().saturating_sub(self.most);
        self.requests.drain(..surplus);
        self.forgotten += surplus;
    }
}
