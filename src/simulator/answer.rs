//! What the model sends back, and the bodies GitLab gives its refusals.

use serde_json::{Value, json};

/// An answer before it becomes bytes on a wire.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content_type: &'static str,
    pub(super) body: String,
    /// How many projects are in it; answers with more of them may take longer.
    pub(super) projects: usize,
}

/// Which of GitLab's two interfaces speaks; their errors look different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    GraphQl,
    Rest,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Answer {
            status,
            headers: Vec::new(),
            content_type: "application/json",
            body: body.to_string(),
            projects: 0,
        }
    }

    pub(super) fn html(status: u16, title: &str) -> Self {
        Answer {
            content_type: "text/html; charset=utf-8",
            body: format!(
                "<!DOCTYPE html>\n<html>\n<head><title>{title}</title></head>\n\
                 <body><h1>{title}</h1></body>\n</html>\n"
            ),
            ..Answer::json(status, &Value::Null)
        }
    }

    /// REST's plain refusal: `{"message":"404 Project Not Found"}`.
    pub(super) fn message(status: u16, message: &str) -> Self {
        Answer::json(status, &json!({ "message": message }))
    }

    /// REST's word on a wrong parameter.
    pub(super) fn bad_parameter(name: &str) -> Self {
        Answer::json(
            400,
            &json!({ "error": format!("{name} does not have a valid value") }),
        )
    }

    /// GraphQL's answer without data.
    pub(super) fn graphql_error(status: u16, message: &str) -> Self {
        Answer::json(status, &json!({ "errors": [{ "message": message }] }))
    }

    /// The 429 that Rack::Attack sends: plain text, and when to come back.
    pub(super) fn retry_later(retry_after_seconds: u64) -> Self {
        let mut answer = Answer::json(429, &Value::Null);
        answer.content_type = "text/plain";
        answer.body = "Retry later\n".to_owned();
        answer.header("Retry-After", retry_after_seconds.to_string());
        answer
    }

    /// The 503 of a GitLab whose Gitaly is exhausted, and when to come back.
    pub(super) fn unavailable(retry_after_seconds: u64, dialect: Dialect) -> Self {
        let message = "Upstream Gitaly has been exhausted. Try again later";
        let mut answer = match dialect {
            Dialect::GraphQl => Answer::graphql_error(503, message),
            Dialect::Rest => Answer::message(503, message),
        };
        answer.header("Retry-After", retry_after_seconds.to_string());
        answer
    }

    /// The 429 of GitLab's own limiter for single endpoints: no word of when.
    pub(super) fn requested_too_often() -> Self {
        let error = "This endpoint has been requested too many times. Try again later.";
        Answer::json(429, &json!({ "message": { "error": error } }))
    }

    /// A sign-in page, as a browser without a session gets it.
    pub(super) fn login_page() -> Self {
        Answer::html(200, "Sign in · GitLab")
    }

    /// What GitLab, or what stands before it, says with a bare status.
    pub(super) fn for_status(status: u16, dialect: Dialect) -> Self {
        let graphql = dialect == Dialect::GraphQl;
        match status {
            401 if graphql => Answer::graphql_error(401, "Invalid token"),
            401 => Answer::message(401, "401 Unauthorized"),
            403 if graphql => Answer::graphql_error(403, "API not accessible for user"),
            403 => Answer::message(403, "403 Forbidden"),
            404 if graphql => Answer::html(
                404,
                "The page could not be found or you don't have permission to view it. (404)",
            ),
            404 => Answer::message(404, "404 Not Found"),
            429 => Answer::retry_later(1),
            500 if graphql => Answer::graphql_error(500, "Internal server error"),
            500 => Answer::message(500, "500 Internal Server Error"),
            502 => Answer::html(502, "GitLab is not responding (502)"),
            503 if graphql => Answer::page_timed_out(),
            503 => Answer::html(503, "GitLab is not available (503)"),
            status => Answer::html(status, &format!("GitLab ({status})")),
        }
    }

    /// GraphQL's answer when the database gave up.
    pub(super) fn page_timed_out() -> Self {
        Answer::graphql_error(
            503,
            "Request timed out. Please try a less complex query or a smaller set of records.",
        )
    }

    pub(super) fn header(&mut self, name: &'static str, value: impl Into<String>) {
        self.headers.push((name, value.into()));
    }
}
