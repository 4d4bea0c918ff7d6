//! Secrets that nobody reads.

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use gitlab_metrics_bridge::simulator::{AccessToken, Fault, GitLab};
use tokio::net::TcpListener;

use crate::support::process::{Finished, Program, bridge};
use crate::support::receiver::{Fault as Trouble, Receiver};
use crate::support::running::Running;
use crate::world_of_two;

const TOKEN: &str = "glpat-SECRETTOKEN";
const HEADER: &str = "SECRETHEADER";

#[track_caller]
fn assert_kept(text: &str) {
    for secret in [TOKEN, HEADER] {
        assert!(!text.contains(secret), "{secret} is told in {text}");
    }
}

fn silent(finished: &Finished) {
    assert_kept(&finished.stdout());
    assert_kept(&finished.stderr());
}

fn secretive(gitlab: &GitLab, receiver: &Receiver, protocol: &str) -> Program {
    bridge()
        .env("GITLAB_URL", gitlab.url())
        .env("GITLAB_TOKEN", TOKEN)
        .env("GITLAB_BRIDGE_ATTEMPTS", "1")
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            format!("authorization=Bearer%20{HEADER}"),
        )
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500")
        .args(["--log-level", "trace"])
}

async fn secretive_gitlab() -> GitLab {
    let mut world = world_of_two();
    world.token(AccessToken::new(TOKEN));
    GitLab::start(world).await.unwrap()
}

#[tokio::test]
async fn a_secret_is_never_told_while_all_goes_well() {
    for protocol in ["grpc", "http/protobuf"] {
        let (gitlab, receiver) = (secretive_gitlab().await, Receiver::start());
        for command in ["once", "check"] {
            silent(
                &secretive(&gitlab, &receiver, protocol)
                    .arg(command)
                    .finish()
                    .await,
            );
        }
        let bridge = Running::start(secretive(&gitlab, &receiver, protocol)).await;
        bridge.wait_for_readiness(StatusCode::OK).await;
        for path in ["/metrics", "/", "/-/ready"] {
            assert_kept(&bridge.get(path).await.1);
        }
        silent(&bridge.stop().await);
    }
}

#[tokio::test]
async fn a_secret_is_not_told_by_an_error_even_if_the_other_side_tells_it() {
    for protocol in ["grpc", "http/protobuf"] {
        let (gitlab, receiver) = (secretive_gitlab().await, Receiver::start());
        receiver.fail(Trouble::Unauthenticated);
        let echo = format!("{{\"message\": \"Bearer {TOKEN} may not\"}}");
        gitlab.fault(
            Fault::anywhere()
                .always()
                .body(403, "application/json", &echo),
        );
        for command in ["once", "check"] {
            let finished = secretive(&gitlab, &receiver, protocol)
                .arg(command)
                .finish()
                .await;
            assert_eq!(finished.code(), 1, "{finished:#?}");
            silent(&finished);
        }
        let bridge = Running::start(secretive(&gitlab, &receiver, protocol)).await;
        receiver
            .wait_for(|received| !received.refused.is_empty())
            .await;
        for path in ["/metrics", "/", "/-/ready"] {
            assert_kept(&bridge.get(path).await.1);
        }
        silent(&bridge.stop().await);
    }
}

#[tokio::test]
async fn a_secret_is_not_told_by_a_collector_that_repeats_it() {
    // Whatever it is asked, in gRPC's words and in HTTP's.
    let repeat = async |headers: HeaderMap| {
        let said = headers.get(AUTHORIZATION).cloned().unwrap();
        let kind = headers.get(CONTENT_TYPE).cloned().unwrap();
        let status = match kind.as_bytes().starts_with(b"application/grpc") {
            true => StatusCode::OK,
            false => StatusCode::UNAUTHORIZED,
        };
        let body = said.to_str().unwrap().to_owned();
        let mut response = (status, [(CONTENT_TYPE, kind)], body).into_response();
        let headers = response.headers_mut();
        headers.insert("grpc-status", HeaderValue::from_static("16"));
        headers.insert("grpc-message", said);
        response
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(repeat)).await });
    let (gitlab, receiver) = (secretive_gitlab().await, Receiver::start());
    for protocol in ["grpc", "http/protobuf"] {
        for command in ["once", "check"] {
            let finished = secretive(&gitlab, &receiver, protocol)
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
                .arg(command)
                .finish()
                .await;
            assert_eq!(finished.code(), 1, "{protocol}: {finished:#?}");
            silent(&finished);
        }
    }
}

#[tokio::test]
async fn a_secret_is_not_told_by_a_complaint_about_it() {
    for (name, value) in [
        ("GITLAB_TOKEN", format!("{TOKEN} with spaces")),
        ("GITLAB_URL", format!("http://user:{TOKEN}@127.0.0.1:1")),
        (
            "GITLAB_URL",
            format!("http://127.0.0.1:1/?private_token={TOKEN}"),
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", HEADER.to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("a=b,{HEADER}")),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("x-key={HEADER}%0A")),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://user:{HEADER}@127.0.0.1:1"),
        ),
    ] {
        let finished = bridge()
            .arg("once")
            .env("GITLAB_URL", "http://127.0.0.1:1")
            .env("GITLAB_TOKEN", TOKEN)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
            .env("GITLAB_BRIDGE_ATTEMPTS", "1")
            .env(name, value)
            .finish()
            .await;
        assert_ne!(finished.code(), 0, "{name}: {finished:#?}");
        silent(&finished);
    }
}
