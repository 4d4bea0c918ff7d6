//! What the model sends back, and the bodies GitLab gives its refusals.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

/// An answer before it becomes bytes on a wire; faults may tamper with it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The bytes before they are compressed.
    pub body: Vec<u8>,
    headers: Vec<(Cow<'static, str>, String)>,
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
    /// A status with a body of JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        // Only maps with strange keys can't be written, and there are none.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Answer::of(status, "application/json", body)
    }

    /// A page as a proxy shows it.
    pub fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html>\n<head><title>{title}</title></head>\n\
             <body><h1>{title}</h1></body>\n</html>\n"
        );
        Answer::of(status, "text/html; charset=utf-8", body)
    }

    /// A status with a body of any kind.
    pub fn of(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Answer {
            status,
            body: body.into(),
            headers: vec![(Cow::Borrowed("Content-Type"), content_type.to_owned())],
            projects: 0,
        }
    }

    /// A header's value. Names are compared as HTTP does.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Puts a header in the place of any of that name.
    pub fn set_header(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let name = name.into();
        self.remove_header(&name);
        self.headers.push((name, value.into()));
    }

    /// Takes a header away, as some proxies do.
    pub fn remove_header(&mut self, name: &str) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (&**name, value.as_str()))
    }

    /// The body as JSON; null where it is none.
    pub fn body_json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Changes the body as JSON; status and headers stay.
    pub fn edit_json(&mut self, change: impl FnOnce(&mut Value)) {
        let mut body = self.body_json();
        change(&mut body);
        self.body = body.to_string().into_bytes();
    }

    /// Changes the value of every member of that name, wherever it stands in the body.
    ///
    /// `answer.edit_each("nodes", |nodes| nodes[0] = json!({}))` reaches every list, whatever its alias.
    pub fn edit_each(&mut self, name: &str, mut change: impl FnMut(&mut Value)) {
        self.edit_json(|body| edit_members(body, name, &mut change));
    }

    /// Fills the body up with spaces, which are packed a thousand to one where gzip is accepted.
    pub fn pad(&mut self, bytes: usize) {
        self.body.resize(bytes.max(self.body.len()), b' ');
    }

    /// REST's plain refusal: `{"message":"404 Project Not Found"}`.
    pub(super) fn message(status: u16, message: &str) -> Self {
        Answer::json(status, &json!({ "message": message }))
    }

    pub(super) fn forbidden() -> Self {
        Answer::message(403, "403 Forbidden")
    }

    /// REST's answer where it has nothing at all.
    pub(super) fn unknown_endpoint() -> Self {
        Answer::json(404, &json!({ "error": "404 Not Found" }))
    }

    /// REST's refusal of a wrong parameter.
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
        let mut answer = Answer::of(429, "text/plain", "Retry later\n");
        answer.set_header("Retry-After", retry_after_seconds.to_string());
        answer
    }

    /// The 503 of a GitLab whose Gitaly is exhausted, and when to come back.
    pub(super) fn unavailable(retry_after_seconds: u64, dialect: Dialect) -> Self {
        let message = "Upstream Gitaly has been exhausted. Try again later";
        let mut answer = match dialect {
            Dialect::GraphQl => Answer::graphql_error(503, message),
            Dialect::Rest => Answer::message(503, message),
        };
        answer.set_header("Retry-After", retry_after_seconds.to_string());
        answer
    }

    /// The 429 of GitLab's own limiter for single endpoints: without a time to come back.
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
            403 => Answer::forbidden(),
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
}

fn edit_members(value: &mut Value, name: &str, change: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if key == name {
                    change(member);
                } else {
                    edit_members(member, name, change);
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| edit_members(item, name, change)),
        _ => {}
    }
}
