//! Answers of the pages, with what browsers are held to.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;

use super::layout::POLICY;

/// An answer that is not what was asked for.
#[derive(Serialize)]
struct Refusal {
    error: String,
}

/// Says what is wrong with a request.
pub fn refused(error: String) -> Response {
    private((StatusCode::BAD_REQUEST, format!("{error}\n")).into_response())
}

/// The same for a program.
pub fn refused_as_json(error: String) -> Response {
    json(StatusCode::BAD_REQUEST, &Refusal { error })
}

/// A page of HTML.
pub fn page_of(status: StatusCode, page: String) -> Response {
    private((status, Html(page)).into_response())
}

/// An answer for a program.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    const TYPE: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    match serde_json::to_string(value) {
        Ok(text) => private((status, TYPE, text + "\n").into_response()),
        Err(error) => {
            private((StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response())
        }
    }
}

/// What nobody keeps: it is of this moment, and not for everybody.
pub fn private(mut answer: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, no_store);
    guarded(answer)
}

/// What browsers are held to.
pub fn guarded(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    answer
}
