//! The form of answers: headers, methods, wrong paths and queries.

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::support::running::Running;
use crate::{gitlab, polled};

async fn ask(bridge: &Running, path: &str, accept: &str) -> Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(bridge.url(path)).header(ACCEPT, accept);
    request.send().await.unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_answer_holds_browsers_to_what_it_is() {
    let gitlab = gitlab().await;
    let bridge = polled(&gitlab).await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/projects/27", "text/html; charset=utf-8"),
        ("/projects/1", "text/html; charset=utf-8"),
        ("/api/v1/status", "application/json"),
        ("/api/v1/projects?q=a", "application/json"),
        ("/api/v1/projects/27", "application/json"),
        ("/api/v1/projects/1", "application/json"),
        ("/docs/metrics", "text/plain; charset=utf-8"),
    ] {
        let answer = ask(&bridge, path, "*/*").await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let policy = header(&headers, "content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'sha256-",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("content-type", kind),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(header(&headers, name), value, "{path} {name}");
        }
        let head = bridge.ask(Method::HEAD, path).await;
        assert_eq!(head.status(), status, "{path}");
        assert_eq!(head.text().await.unwrap(), "");
        let post = bridge.ask(Method::POST, path).await;
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn links_are_relative_so_that_a_prefix_of_a_proxy_stays_before_them() {
    let gitlab = gitlab().await;
    let bridge = polled(&gitlab).await;
    for path in [
        "/",
        "/?q=acme",
        "/?q=nothing-like-it",
        "/projects/27",
        "/projects/1",
        "/not/there/at/all",
    ] {
        let page = ask(&bridge, path, "text/html").await.text().await.unwrap();
        let base = url::Url::parse("http://proxy/bridge/").unwrap();
        let here = base.join(path.trim_start_matches('/')).unwrap();
        let parts = ["href=\"", "src=\"", "action=\""];
        let links = parts.iter().flat_map(|part| page.split(part).skip(1));
        let links: Vec<&str> = links.map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(links.len() > 6, "{path}: {links:?}");
        for link in links.iter().filter(|link| !link.starts_with(['#'])) {
            let there = here.join(&link.replace("&amp;", "&")).unwrap();
            let is_ours = there.as_str().starts_with("http://proxy/bridge/");
            assert!(
                is_ours || there.as_str().starts_with(gitlab.url()),
                "{path}: {link}"
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_path_is_answered_in_the_form_that_the_client_reads_with_what_was_meant() {
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let gitlab = gitlab().await;
    let bridge = polled(&gitlab).await;
    for (path, accept, kind, meant) in [
        (
            "/metric",
            "*/*",
            "text/plain; charset=utf-8",
            "did you mean /metrics?",
        ),
        (
            "/metric",
            BROWSER,
            "text/html; charset=utf-8",
            "href=\"metrics\"",
        ),
        (
            "/metric",
            "application/json",
            "application/json",
            "\"did_you_mean\":\"/metrics\"",
        ),
        (
            "/api/v1/stats",
            "*/*",
            "application/json",
            "\"did_you_mean\":\"/api/v1/status\"",
        ),
        (
            "/api/v1/stats",
            BROWSER,
            "text/html; charset=utf-8",
            "href=\"../../api/v1/status\"",
        ),
        (
            "/api/v1/stats",
            "text/plain",
            "text/plain; charset=utf-8",
            "did you mean /api/v1/status?",
        ),
    ] {
        let answer = ask(&bridge, path, accept).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path} {accept}");
        assert_eq!(answer.headers()[CONTENT_TYPE], kind, "{path} {accept}");
        let body = answer.text().await.unwrap();
        assert!(body.contains(meant), "{path} {accept}: {body}");
    }
    let missing = ask(&bridge, "/api/v1/projects/1", "*/*").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let missing: Value = missing.json().await.unwrap();
    assert!(missing["error"].is_string(), "{missing}");
}

#[tokio::test]
async fn what_is_too_long_is_refused_in_a_sentence_and_what_is_unknown_is_ignored() {
    let gitlab = gitlab().await;
    let bridge = polled(&gitlab).await;
    let (long, longer) = ("a".repeat(200), "a".repeat(5_000));
    for path in [
        "/",
        "/projects/27",
        "/api/v1/status",
        "/api/v1/projects",
        "/api/v1/projects/27",
    ] {
        for (query, status) in [
            (format!("q={long}"), StatusCode::OK),
            (format!("q={long}a"), StatusCode::BAD_REQUEST),
            (format!("other={longer}"), StatusCode::BAD_REQUEST),
            ("other=1&q=%ff%00&&==".to_owned(), StatusCode::OK),
        ] {
            let (told, body) = bridge.get(&format!("{path}?{query}")).await;
            assert_eq!(told, status, "{path}?{query}: {body}");
            if status == StatusCode::BAD_REQUEST {
                assert!(body.contains("shorten it"), "{path}: {body}");
            }
        }
    }
}
