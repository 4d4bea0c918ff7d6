//! Whatever comes in place of an answer of GitLab: it is read as it is, or refused in few words that
//! repeat no secret. No list keeps a client busy for ever.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::transports::{client_of, reply};
use super::*;
use crate::gitlab::Error;
use crate::gitlab::link;
use crate::tests::fuzz::{Outcome, Target};

/// Counting 2^24 pages takes so many, and each may be tried three times.
const MOST_REQUESTS: usize = 3 * 64;

const HEADERS: [&str; 12] = [
    "link: ",
    "<https://gitlab.example.com/api/v4/projects?page=2>; rel=\"next\"",
    "x-page: 1",
    "x-next-page: 2",
    "x-per-page: 2",
    "x-total: 3",
    "retry-after: 1",
    "ratelimit-remaining: 0",
    "ratelimit-reset: 1800000000",
    "date: Fri, 27 Nov 2026 04:00:00 GMT",
    "location: /api/v4/projects/2",
    "content-type: text/html",
];

/// An answer as it is written: its status, its headers, an empty line, and the body. `@` is the token.
fn answer(input: &[u8]) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let text = String::from_utf8_lossy(input).replace('@', TOKEN);
    let (head, body) = text.split_once("\n\n").unwrap_or(("200", &text));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.parse().ok());
    let status = status.filter(|status| (100..1_000).contains(status));
    let headers = lines.filter_map(|line| line.split_once(": "));
    let sent = headers.filter(|(name, value)| {
        http::HeaderName::try_from(*name).is_ok() && http::HeaderValue::from_str(value).is_ok()
    });
    let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (
        status.unwrap_or(200),
        sent.collect(),
        body.as_bytes().to_vec(),
    )
}

/// A client who gets this for all that it asks, and how often that is.
fn client_given(input: &[u8]) -> (Client, Arc<AtomicUsize>) {
    let (status, headers, body) = answer(input);
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let client = client_of(config("http://gitlab.model/sub"), move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        reply(status, &headers, std::str::from_utf8(&body).unwrap())
    });
    (client, asked)
}

fn told(error: &Error) -> Outcome {
    let text = format!("{} {error:?}", error.with_advice());
    assert!(!text.contains(TOKEN), "{text}");
    let told = error.with_advice();
    assert!(told.len() < 2_000, "{} bytes", told.len());
    error.to_string()
}

/// Runs on a clock that is paused, so that waits take no time.
fn paused() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap()
}

#[test]
fn any_answer_in_rest() {
    let runtime = paused();
    Target::new("rest")
        .seeds([
            "200\n\n[1,2]",
            "200\nx-total: 2\n\n[{\"id\":1}]",
            "301\nlocation: /sub/api/v4/a\n\n",
        ])
        .seeds(HEADERS.map(|header| format!("200\n{header}\n\n[]")))
        .seeds(
            [401, 403, 404, 429, 500, 502]
                .map(|status| format!("{status}\n\n{{\"message\":\"@\"}}")),
        )
        .words(HEADERS.map(|header| format!("{header}\n")))
        .words([
            "[",
            "]",
            "{\"message\":",
            "{\"error\":",
            "\"\\u0000\"",
            "null",
            ",",
            "<html>",
            "@",
        ])
        .run(|input| runtime.block_on(read_in_rest(input)));
}

async fn read_in_rest(input: &[u8]) -> Outcome {
    let (client, asked) = client_given(input);
    let (status, _, body) = answer(input);
    let outcome = match client.get("projects?per_page=2", soon()).await {
        Ok(document) => {
            assert_eq!(
                document.body,
                serde_json::from_slice::<Value>(&body).unwrap()
            );
            assert!((1..=100).contains(&document.paging.page_size()));
            format!(
                "{:?} {:?}",
                document.paging.next,
                document.paging.following(Some(7))
            )
        }
        Err(error) => format!("{status} {}", told(&error)),
    };
    match client.count("projects", soon()).await {
        Ok(count) => assert!(count <= 1 << 53 || body.len() < 64, "{count}"),
        Err(error) => drop(told(&error)),
    }
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked <= MOST_REQUESTS, "{asked} requests");
    outcome
}

#[test]
fn any_answer_in_graphql() {
    let runtime = paused();
    let recorded = r#"{"data":{"projects":{"nodes":[{"id":"gid://gitlab/Project/7","fullPath":"a/b",
        "issueStatusCounts":{"opened":3},"releases":null}],"pageInfo":{"hasNextPage":true,"endCursor":"e"}}},
        "errors":[{"message":"Timeout on Project.releases","path":["projects","nodes",0,"releases"]}]}"#;
    Target::new("graphql")
        .seeds([recorded.to_owned(), format!("200\n\n{recorded}"), "500\n\n{}".to_owned()])
        .seeds([r#"{"errors":[{"message":"Field 'a' doesn't exist on type 'B'","extensions":
            {"code":"undefinedField","typeName":"B","fieldName":"a"},"locations":[{"line":1,"column":2}]}]}"#])
        .words(["{\"data\":", "\"errors\":[", "{\"message\":\"@\"}", "\"path\":[", "null", "]", "}", ",", "1e400"])
        .words(HEADERS.map(|header| format!("{header}\n")))
        .run(|input| runtime.block_on(read_in_graphql(input)));
}

async fn read_in_graphql(input: &[u8]) -> Outcome {
    let (client, asked) = client_given(input);
    let (_, _, body) = answer(input);
    let read = client.graphql("query { a }", Value::Null, soon()).await;
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked <= MOST_REQUESTS, "{asked} requests");
    match read {
        Ok(answer) => {
            let sent: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(answer.data, sent["data"]);
            let shown = format!("{:?}", answer.errors);
            assert!(!shown.contains(TOKEN), "{shown}");
            format!("{} errors", answer.errors.len())
        }
        Err(error) => told(&error),
    }
}

#[test]
fn any_link() {
    let asked: reqwest::Url = "https://a.example/api/v4/projects?per_page=2"
        .parse()
        .unwrap();
    Target::new("link")
        .seeds([
            r#"<https://a.example/api/v4/projects?page=2&per_page=2>; rel="next", <https://a.example/x>; rel="first""#,
            r#"</x?a,b;c>; title="a;,\"b"; rel=next"#,
            r#"<x>;rel="prev next";rel=first"#,
        ])
        .words(["<", ">", ";", ",", "rel=", "\"next\"", "\"", "\\", "https://", "?page=", "rel*=", "NEXT"])
        .run(|input| {
            let value = http::HeaderValue::from_bytes(input);
            let Ok(value) = value else {
                return Outcome::new();
            };
            let headers: HeaderMap = [("link".parse().unwrap(), value)].into_iter().collect();
            let next = link::next(&headers, &asked);
            // What is written anew as GitLab writes it leads to the same page.
            if let Some(next) = &next {
                let again = format!("<{next}>; rel=\"next\"");
                let again = [("link".parse().unwrap(), again.parse().unwrap())];
                assert_eq!(link::next(&again.into_iter().collect(), &asked).as_ref(), Some(next));
            }
            let ends = link::says_end(&headers);
            format!("{:?} {ends}", next.map(|next| next.scheme().to_owned()))
        });
}
