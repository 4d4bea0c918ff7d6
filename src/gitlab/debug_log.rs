//! What the log tells of requests at the level `debug`: each exchange with GitLab, each wait before one, and
//! each further attempt. Never a token, never a body.

use std::time::Duration;

use serde_json::Value;
use tracing::{Level, debug, enabled};

use super::endpoint_class::EndpointClass;
use super::error::Error;
use super::refusal::Failure;
use super::request::{ApiRequest, ApiResponse, Outcome};
use super::waiting::HeldBackBy;
use crate::logged::seconds;

/// One attempt at a request, told of once it is known what came of it.
pub(super) struct Exchange<'a> {
    request: &'a ApiRequest,
    attempt: u32,
    was_sent: bool,
    status: Option<u16>,
    bytes: Option<usize>,
    took: Duration,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(request: &'a ApiRequest, attempt: u32) -> Exchange<'a> {
        Exchange {
            request,
            attempt,
            was_sent: false,
            status: None,
            bytes: None,
            took: Duration::ZERO,
        }
    }

    /// It was sent, and answered or broken off.
    pub(super) fn happened(&mut self, exchange: &Result<ApiResponse, Failure>, took: Duration) {
        self.was_sent = true;
        self.took = took;
        if let Ok(response) = exchange {
            self.status = Some(response.status);
            self.bytes = Some(response.body.len());
        }
    }

    /// Logs it, unless nothing was sent.
    pub(super) fn tell(&self, asked: &Result<Outcome, Failure>) {
        match asked {
            _ if !self.was_sent => {}
            Ok(outcome) => self.answered(outcome),
            Err(failure) => self.failed(&failure.error),
        }
    }

    fn answered(&self, outcome: &Outcome) {
        // Rows are counted for the log alone.
        if !enabled!(Level::DEBUG) {
            return;
        }
        let (body, outcome) = match outcome {
            Outcome::Json { body, .. } => (body, "answered"),
            Outcome::Redirect(_) => (&Value::Null, "redirected"),
        };
        let errors = body["errors"].as_array().map(Vec::len);
        debug!(
            endpoint = self.request.class.name(),
            path = self.request.url.path(),
            status = self.status,
            attempt = self.attempt,
            score = body["data"]["queryComplexity"]["score"].as_u64(),
            rows = rows(body),
            errors,
            bytes = self.bytes,
            took_seconds = seconds(self.took),
            outcome,
            "asked GitLab"
        );
    }

    fn failed(&self, error: &Error) {
        debug!(
            endpoint = self.request.class.name(),
            path = self.request.url.path(),
            status = self.status,
            attempt = self.attempt,
            bytes = self.bytes,
            took_seconds = seconds(self.took),
            outcome = error.reason(),
            %error,
            "asked GitLab"
        );
    }
}

/// The request is sent again after a pause.
pub(super) fn again(request: &ApiRequest, attempts: u32, pause: Duration, error: &Error) {
    debug!(
        endpoint = request.class.name(),
        path = request.url.path(),
        attempts,
        pause_seconds = seconds(pause),
        reason = error.reason(),
        "asking GitLab again"
    );
}

/// A request is held back.
pub(super) fn wait(class: EndpointClass, wait: Duration, held_back_by: HeldBackBy) {
    let reason = match held_back_by {
        HeldBackBy::Budget(_) => "budget",
        HeldBackBy::GitLab => "rate_limit",
        HeldBackBy::Pace => "requests_per_second",
    };
    debug!(
        endpoint = class.name(),
        wait_seconds = seconds(wait),
        reason,
        "waiting before a request"
    );
}

/// Of a list, its rows; of GraphQL, the nodes of all lists that were asked for, without what is inside them.
fn rows(body: &Value) -> Option<usize> {
    if let Value::Array(rows) = body {
        return Some(rows.len());
    }
    let mut lists = body["data"]
        .as_object()?
        .values()
        .filter_map(nodes)
        .peekable();
    lists.peek()?;
    Some(lists.sum())
}

fn nodes(list: &Value) -> Option<usize> {
    let nodes = |list: &Value| list["nodes"].as_array().map(Vec::len);
    // A group has its projects one step further in.
    nodes(list).or_else(|| list.as_object()?.values().find_map(nodes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_counted_wherever_the_lists_stand() {
        let list = json!({"nodes": [{"jobs": {"nodes": [1, 2, 3]}}, {}]});
        let graphql = json!({"data": {
            "p0": list, "p1": {"id": "gid://gitlab/Group/1", "projects": list}, "queryComplexity": {"score": 9},
        }});
        assert_eq!(rows(&graphql), Some(4));
        assert_eq!(rows(&json!([1, 2])), Some(2));
        assert_eq!(rows(&json!({"id": 1})), None);
        assert_eq!(
            rows(&json!({"data": {"currentUser": {"username": "me"}}})),
            None
        );
    }
}
