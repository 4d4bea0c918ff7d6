//! GitLab's limits on the wire. How long waits last is shown on the limiter's paused clock.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::transports::{client_of, far, reply};
use super::*;
use crate::gitlab::Error;

fn in_seconds(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (now.as_secs() + seconds).to_string()
}

fn retry_later(headers: &[(&str, &str)]) -> Response {
    answer(429, headers, "Retry later\n")
}

#[tokio::test]
async fn a_429_holds_back_every_request_until_it_may_ask_again() {
    let server = Server::start(|_, _| retry_later(&[("retry-after", "300")])).await;
    let client = server.client();
    for _ in 0..3 {
        let error = client.get("projects", soon()).await.unwrap_err();
        let Error::RateLimited { wait, .. } = error else {
            panic!("{error}");
        };
        assert!(wait > Duration::from_secs(290) && wait <= Duration::from_secs(300));
        let error = client
            .graphql("{ a }", json!({}), soon())
            .await
            .unwrap_err();
        assert_eq!(error.reason(), "rate_limited");
    }
    assert_eq!(server.requests(), 1);
    assert_eq!(client.usage().retries, 0);
}

#[tokio::test]
async fn being_told_to_wait_is_not_counted_as_a_try() {
    let server = Server::start(|_, before| match before {
        0..10 => retry_later(&[("retry-after", "0")]),
        _ => json(200, &json!([])),
    })
    .await;
    let client = server.client();
    client.get("projects", soon()).await.unwrap();
    assert_eq!(client.usage().requests[&("projects", "429".into())], 10);
}

#[tokio::test]
async fn a_429_of_one_endpoint_without_any_hint_is_retried_after_the_back_off() {
    let body = json!({"message": {"error": "This endpoint has been requested too many times. Try again later."}});
    let server = Server::start(move |_, before| match before {
        0 => json(429, &body),
        _ => json(200, &json!([])),
    })
    .await;
    server.client().get("projects", soon()).await.unwrap();
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_wait_that_makes_no_sense_does_not_stop_the_bridge() {
    for value in ["-5", "soon", "Wed, 19 Aug 1998 10:26:00 GMT"] {
        let server = Server::start(move |_, before| match before {
            0 => retry_later(&[("retry-after", value)]),
            _ => json(200, &json!([])),
        })
        .await;
        server.client().get("projects", soon()).await.unwrap();
    }
}

#[tokio::test]
async fn a_spent_window_stops_requests_before_gitlab_has_to() {
    let reset = in_seconds(300);
    let server = Server::start(move |_, _| {
        let headers = [
            ("ratelimit-limit", "2000"),
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", reset.as_str()),
        ];
        answer(200, &headers, "[]")
    })
    .await;
    let client = server.client();
    client.get("projects", soon()).await.unwrap();
    let error = client.get("projects", soon()).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { .. }));
    assert_eq!(server.requests(), 1);
    let limit = client.usage().rate_limit.unwrap();
    assert_eq!((limit.limit, limit.remaining), (2000, 0));
}

#[tokio::test]
async fn a_failing_server_that_asks_for_too_long_a_pause_ends_the_tries() {
    let server = Server::start(|_, _| answer(503, &[("retry-after", "300")], "")).await;
    let error = server.client().get("projects", soon()).await.unwrap_err();
    assert!(matches!(error, Error::Server { status: 503 }));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn nothing_is_sent_after_the_deadline() {
    let server = Server::start(|_, _| json(200, &json!([]))).await;
    let error = server
        .client()
        .get("projects", Instant::now())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Deadline));
    assert_eq!(server.requests(), 0);
}

const REFUSAL: &str =
    r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#;

#[tokio::test(start_paused = true)]
async fn a_429_of_one_endpoint_holds_back_its_class_alone() {
    let client = client_of(config("http://gitlab.model"), |request, _| {
        match request.uri().path().ends_with("jobs") {
            // The headers are those of GitLab's throttle of all requests.
            true => reply(
                429,
                &[("retry-after", "60"), ("ratelimit-reset", "1")],
                REFUSAL,
            ),
            false => reply(200, &[], r#"{"data": {}}"#),
        }
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    let error = client.get("projects/1/jobs", deadline).await.unwrap_err();
    assert_eq!(error.reason(), "rate_limited");
    let error = client.get("projects/2/jobs", deadline).await.unwrap_err();
    assert_eq!(error.reason(), "rate_limited");
    client.get("projects/1", deadline).await.unwrap();
    client.graphql("{ a }", json!({}), deadline).await.unwrap();
    assert_eq!(client.usage().requests[&("jobs", "429".into())], 1);
}

/// A GitLab that allows so many requests for jobs in each minute of its clock.
fn limited(limit: usize, refused: Arc<Mutex<usize>>) -> Client {
    let start = Instant::now();
    let window = Mutex::new((0, 0));
    client_of(config("http://gitlab.model"), move |_, _| {
        let minute = start.elapsed().as_secs() / 60;
        let mut window = window.lock().unwrap();
        if window.0 != minute {
            *window = (minute, 0);
        }
        window.1 += 1;
        if window.1 <= limit {
            return reply(200, &[], "[]");
        }
        *refused.lock().unwrap() += 1;
        reply(429, &[], REFUSAL)
    })
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_no_header_tells_is_learned() {
    let refused: Arc<Mutex<usize>> = Arc::default();
    let client = limited(300, Arc::clone(&refused));
    let refused = || *refused.lock().unwrap();
    for _ in 0..301 {
        client.get("projects/1/jobs", far()).await.unwrap();
    }
    let learned = client.usage().limits["jobs"];
    assert!((250.0..=270.0).contains(&learned), "{learned}");

    let (start, before) = (Instant::now(), refused());
    for _ in 0..270 {
        client.get("projects/1/jobs", far()).await.unwrap();
    }
    assert_eq!(refused(), before);
    assert!(start.elapsed() > Duration::from_secs(50));
}

#[tokio::test(start_paused = true)]
async fn the_limit_that_gitlab_has_for_jobs_is_never_run_into() {
    let refused: Arc<Mutex<usize>> = Arc::default();
    let client = limited(600, Arc::clone(&refused));
    let start = Instant::now();
    for _ in 0..600 {
        client.get("projects/1/jobs", far()).await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(60));
    for _ in 0..700 {
        client.get("projects/1/jobs", far()).await.unwrap();
    }
    assert_eq!(*refused.lock().unwrap(), 0);
    assert!(start.elapsed() > Duration::from_secs(120));
    // Nothing else is held back by it.
    let before = Instant::now();
    client.get("projects/1/pipelines", far()).await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_last_tenth_of_a_window_is_not_run_through() {
    let start = Instant::now();
    let client = client_of(config("http://gitlab.model"), move |_, before| {
        let remaining = 20_usize.saturating_sub(before).to_string();
        let headers = [
            ("date", "Wed, 19 Aug 2026 10:26:00 GMT"),
            ("ratelimit-limit", "200"),
            ("ratelimit-remaining", remaining.as_str()),
            ("ratelimit-reset", "1787135220"), // A minute later.
        ];
        let first = start.elapsed() < Duration::from_secs(1);
        reply(200, if first { &headers } else { &[] }, "{}")
    });
    client.get("user", far()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    client.get("user", far()).await.unwrap();
    client.get("user", far()).await.unwrap();
    // Nineteen were left for a minute.
    assert_eq!(start.elapsed().as_millis(), 3158);
}
