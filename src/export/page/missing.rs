//! What is said where there is nothing: what was probably meant, and what there is.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Serialize;
use strsim::osa_distance;

use super::answers::{json, page_of, private};
use super::layout::{Root, foreign, page};
use crate::export::negotiation::{ReadsBest, reads_best};

/// A path that there is, with what it tells.
pub type Known = (&'static str, &'static str);

/// An answer for a program.
#[derive(Serialize)]
struct NotFound<'a> {
    error: String,
    did_you_mean: Option<&'a str>,
    paths: Vec<&'a str>,
}

/// The answer to a request for a path that there is not, in the form that the client reads best.
pub fn not_found(path: &str, request: &HeaderMap, known: &[Known]) -> Response {
    let meant = meant(path, known);
    let is_api = path == "/api" || path.starts_with("/api/");
    let mut answer = match reads_best(request, is_api) {
        ReadsBest::Html => {
            let text = as_page(path, meant, known).into_string();
            page_of(StatusCode::NOT_FOUND, text)
        }
        ReadsBest::Json => {
            let body = NotFound {
                error: as_sentence(path, meant),
                did_you_mean: meant,
                paths: known.iter().map(|(path, _)| *path).collect(),
            };
            json(StatusCode::NOT_FOUND, &body)
        }
        ReadsBest::Text => {
            private((StatusCode::NOT_FOUND, as_text(path, meant, known)).into_response())
        }
    };
    let vary = HeaderValue::from_static("Accept");
    answer.headers_mut().insert(header::VARY, vary);
    answer
}

fn as_sentence(path: &str, meant: Option<&str>) -> String {
    let shown = super::words::visible(&cut(path)).into_owned();
    match meant {
        Some(meant) => format!("There is nothing at {shown}: did you mean {meant}?"),
        None => format!("There is nothing at {shown}."),
    }
}

fn as_text(path: &str, meant: Option<&str>, known: &[Known]) -> String {
    let pages = known
        .iter()
        .map(|(path, what)| format!("  {path:<22}{what}\n"));
    format!(
        "{} There is:\n{}",
        as_sentence(path, meant),
        pages.collect::<String>()
    )
}

fn as_page(path: &str, meant: Option<&str>, known: &[Known]) -> Markup {
    let root = Root::from(path);
    let link = |path: &str| {
        html! {
            // One that stands for many leads nowhere.
            @if path.contains('{') { code { (path) } }
            @else { a href=(root.to(path.trim_start_matches('/'))) { (path) } }
        }
    };
    page(
        &root,
        "Not found",
        env!("CARGO_PKG_VERSION"),
        html! {
            h1 { "There is nothing here" }
            p { "There is nothing at " code { (foreign(&cut(path))) } "." }
            @if let Some(meant) = meant { p { "Did you mean " (link(meant)) "?" } }
            h2 { "There is" }
            ul { @for (path, what) in known { li { (link(path)) ": " (what) } } }
        },
    )
}

/// No more of a path than helps.
fn cut(path: &str) -> String {
    const LONGEST: usize = 120;
    match path.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path.to_owned(),
    }
}

/// The path that was probably meant: nearly the same, or with nearly the same end.
fn meant(path: &str, known: &[Known]) -> Option<&'static str> {
    let path = cut(path).to_lowercase();
    let wrong = path.trim_end_matches('/');
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let distance = |one: &str, other: &str| {
        let far = (one.chars().count() / 3).max(1);
        Some(osa_distance(one, other)).filter(|distance| *distance <= far && !other.is_empty())
    };
    let near = known.iter().filter_map(|(known, _)| {
        let whole = distance(wrong, known);
        let end = distance(&last(wrong), &last(known)).map(|end| end + 1);
        Some((whole.into_iter().chain(end).min()?, *known))
    });
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Known; 5] = [
        ("/", "the status page"),
        ("/metrics", "the metrics"),
        ("/-/healthy", "whether it runs"),
        ("/-/ready", "whether it is ready"),
        ("/api/v1/status", "the status"),
    ];

    #[test]
    fn what_was_probably_meant_is_near_in_all_or_in_the_end() {
        for (path, nearest) in [
            ("/metric", Some("/metrics")),
            ("/Metrics/", Some("/metrics")),
            ("/health", Some("/-/healthy")),
            ("/healthz", Some("/-/healthy")),
            ("/ready", Some("/-/ready")),
            ("/api/v1/stats", Some("/api/v1/status")),
            ("/api/status", Some("/api/v1/status")),
            ("/wp-login.php", None),
        ] {
            assert_eq!(meant(path, &KNOWN), nearest, "{path}");
        }
    }

    #[test]
    fn links_of_the_page_are_relative_and_the_path_is_escaped() {
        let page = as_page("/a/<b>\u{202e}", None, &KNOWN).into_string();
        assert!(page.contains("href=\"../metrics\""), "{page}");
        assert!(page.contains("/a/&lt;b&gt;\\u{202e}"), "{page}");
    }
}
