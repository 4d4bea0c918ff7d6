//! Tells whether an answer is the document that was asked for; if not, why, and whether sending the request
//! again helps.

use std::time::Duration;

use reqwest::Url;

use super::endpoint_class::EndpointClass;
use super::error::Error;
use super::json::{self, Unread};
use super::request::{ApiRequest, ApiResponse, Outcome};
use super::secrets::Credentials;
use super::words::{self, Words};

/// Why a request has no answer, and what to do next.
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
    /// Ask again when the limiter lets it pass; this uses up no attempt.
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
    request: &ApiRequest,
    response: ApiResponse,
    credentials: &Credentials,
    heaviest: usize,
) -> Result<Outcome, Failure> {
    let status = response.status;
    match status {
        200..=299 => document(request.class, response, credentials, heaviest),
        300..=399 => redirect(&request.url, &response),
        500..=599 => Err(server_failure(request.class, &response)),
        _ => Err(Failure::lasting(
            match Words::of(&response, request.class) {
                Words::GitLabs(detail) => {
                    refusal(meant(status, &request.url), credentials.redact(&detail))
                }
                Words::Foreign(detail) => Error::NotGitLab {
                    status,
                    detail: credentials.redact(&detail),
                },
            },
        )),
    }
}

/// GitLab says 401 to a good token that may not list the tokens of a project or group, where it says 403 of
/// all else.
fn meant(status: u16, url: &Url) -> u16 {
    match status {
        401 if url.path().ends_with("/access_tokens") => 403,
        status => status,
    }
}

fn refusal(status: u16, detail: String) -> Error {
    match status {
        401 => Error::Unauthorized { detail },
        403 => Error::Forbidden { detail },
        404 => Error::NotFound { detail },
        _ => Error::Refused { status, detail },
    }
}

/// The document that was asked for. GitLab's are objects and lists; a 200 that has nothing but the
/// words of an error is somebody else's.
fn document(
    class: EndpointClass,
    response: ApiResponse,
    credentials: &Credentials,
    heaviest: usize,
) -> Result<Outcome, Failure> {
    let status = response.status;
    let foreign = |detail: String| {
        let detail = credentials.redact(&detail);
        Failure::lasting(Error::NotGitLab { status, detail })
    };
    let body = match json::read(response.json(), heaviest) {
        Ok(body) => body,
        Err(Unread::TooHeavy) => {
            let limit = heaviest;
            return Err(Failure::lasting(Error::TooLarge { limit }));
        }
        Err(Unread::NotJson) if response.is_html() => {
            return Err(foreign("a web page".to_owned()));
        }
        Err(Unread::NotJson) => return Err(not_json(&response)),
    };
    let is_document = match class {
        EndpointClass::Graphql => body.get("data").or_else(|| body.get("errors")).is_some(),
        _ => (body.is_object() || body.is_array()) && !words::is_refusal(&body),
    };
    if !is_document {
        let text = words::said(&response);
        return Err(foreign(match text.is_empty() {
            true => "JSON that is not GitLab's".to_owned(),
            false => format!("JSON that is not GitLab's: {text}"),
        }));
    }
    Ok(Outcome::Json {
        headers: response.headers,
        body,
        took: response.took,
    })
}

/// A broken document may come whole the next time; another encoding stays what it is.
fn not_json(response: &ApiResponse) -> Failure {
    let status = response.status;
    match response.is_utf16() {
        true => Failure::lasting(Error::NotJson {
            status,
            detail: "UTF-16 text, and not the UTF-8 that JSON is written in",
        }),
        false => Failure::passing(Error::NotJson {
            status,
            detail: "no valid JSON",
        }),
    }
}

fn redirect(asked: &Url, response: &ApiResponse) -> Result<Outcome, Failure> {
    let to = response.redirect(asked).map(Outcome::Redirect);
    to.ok_or_else(|| {
        Failure::lasting(Error::NotGitLab {
            status: response.status,
            detail: "a redirect that leads nowhere".to_owned(),
        })
    })
}

fn server_failure(class: EndpointClass, response: &ApiResponse) -> Failure {
    let status = response.status;
    if class == EndpointClass::Graphql && status == 503 {
        let detail = words::said(response);
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
pub(super) fn is_of_one_endpoint(response: &ApiResponse) -> bool {
    words::said(response).starts_with("This endpoint has been requested too many times")
}
