//! Reading an answer: is it what was asked for, and if not, why, and does asking again help?

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use super::call::{Call, Outcome, Reply};
use super::class::Class;
use super::error::Error;
use super::graphql::GraphqlError;
use super::token::Credential;

/// How much of GitLab's words is kept.
const LONGEST_DETAIL: usize = 200;

/// An answer that is none, and what to do next.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) next: Next,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The same question would get the same answer.
    GiveUp,
    /// Ask again, after at least this long.
    Again(Duration),
    /// The limiter knows when to ask again; nothing has been tried yet.
    WhenAllowed,
}

impl Failure {
    pub(super) fn lasting(error: Error) -> Failure {
        Failure {
            error,
            next: Next::GiveUp,
        }
    }

    pub(super) fn passing(error: Error) -> Failure {
        Failure {
            error,
            next: Next::Again(Duration::ZERO),
        }
    }
}

/// Tells what an answer is. A 429 is for the limiter and never comes here.
pub(super) fn judge(
    call: &Call,
    reply: Reply,
    credential: &Credential,
) -> Result<Outcome, Failure> {
    let status = reply.status;
    match status {
        200..=299 => json(reply),
        300..=399 => redirect(&call.url, &reply),
        500..=599 => Err(server_failure(call.class, &reply)),
        _ => {
            let detail = credential.redact(&detail(&reply));
            Err(Failure::lasting(match status {
                401 => Error::Unauthorized { detail },
                403 => Error::Forbidden {
                    detail,
                    html: reply.is_html(),
                },
                404 => Error::NotFound { detail },
                _ => Error::Refused { status, detail },
            }))
        }
    }
}

fn json(reply: Reply) -> Result<Outcome, Failure> {
    match serde_json::from_slice(&reply.body) {
        Ok(body) => Ok(Outcome::Json {
            headers: reply.headers,
            body,
            took: reply.took,
        }),
        Err(_) => {
            let html = reply.is_html();
            let error = Error::NotJson {
                status: reply.status,
                html,
            };
            // A page stays a page; a broken document may come whole the next time.
            Err(if html {
                Failure::lasting(error)
            } else {
                Failure::passing(error)
            })
        }
    }
}

fn redirect(asked: &Url, reply: &Reply) -> Result<Outcome, Failure> {
    reply.redirect(asked).map(Outcome::Redirect).ok_or_else(|| {
        Failure::lasting(Error::Refused {
            status: reply.status,
            detail: "a redirect that leads nowhere".to_owned(),
        })
    })
}

fn server_failure(class: Class, reply: &Reply) -> Failure {
    let status = reply.status;
    if class == Class::Graphql && status == 503 {
        let detail = detail(reply);
        // The database gave up on this query: it has to become smaller, not to be asked again.
        if detail.contains("timed out") {
            return Failure::lasting(Error::Timeout { detail });
        }
    }
    Failure::passing(match status {
        504 => Error::Timeout {
            detail: "a gateway before GitLab gave up waiting for it".to_owned(),
        },
        _ => Error::Server { status },
    })
}

/// Whether a 429 is about the endpoint alone: GitLab's throttle of all requests speaks plain text.
pub(super) fn is_of_one_endpoint(reply: &Reply) -> bool {
    detail(reply).starts_with("This endpoint has been requested too many times")
}

/// GitLab's own words about a refusal: short, on one line, never the body as such.
fn detail(reply: &Reply) -> String {
    if reply.is_html() {
        return format!("status {} as a web page", reply.status);
    }
    let words = serde_json::from_slice(&reply.body)
        .ok()
        .and_then(|body| words(&body));
    match words {
        Some(words) => shorten(&words),
        None => format!("status {} without a reason", reply.status),
    }
}

/// The many shapes in which GitLab words an error.
fn words(body: &Value) -> Option<String> {
    match body {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let parts: Vec<String> = parts.iter().filter_map(words).collect();
            (!parts.is_empty()).then(|| parts.join("; "))
        }
        Value::Object(fields) => ["error_description", "message", "errors", "error"]
            .into_iter()
            .find_map(|field| words(fields.get(field)?)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The first words of a failed query.
pub(super) fn summary(errors: &[GraphqlError]) -> String {
    if errors.is_empty() {
        return "it names no reason".to_owned();
    }
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    shorten(&messages.join("; "))
}

fn shorten(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .collect();
    let line = words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(LONGEST_DETAIL) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn gitlabs_words_are_found_in_every_shape_it_uses() {
        for (body, expected) in [
            (
                json!({"message": "404 Project Not Found"}),
                "404 Project Not Found",
            ),
            (
                json!({"message": {"error": "too many times"}}),
                "too many times",
            ),
            (
                json!({"error": "invalid_token", "error_description": "Token was revoked."}),
                "Token was revoked.",
            ),
            (
                json!({"error": "order_by does not have a valid value"}),
                "order_by does not have a valid value",
            ),
            (
                json!({"errors": [{"message": "Query too large"}]}),
                "Query too large",
            ),
            (json!({"errors": ["one", "two"]}), "one; two"),
        ] {
            assert_eq!(words(&body).as_deref(), Some(expected));
        }
        assert_eq!(words(&json!({"id": 1})), None);
    }

    #[test]
    fn long_words_are_cut_and_stay_on_one_line() {
        let text = shorten(&format!("first\n\u{1b}[31m\tsecond {}", "ä".repeat(500)));
        assert!(text.starts_with("first [31m second ä"));
        assert_eq!(text.chars().count(), LONGEST_DETAIL + 1);
    }
}
