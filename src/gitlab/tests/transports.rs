//! Other transports than the network: a GitLab in the same process, on a clock that is paused.

use futures::FutureExt;
use futures::future::BoxFuture;
use http::Request;

use super::*;
use crate::gitlab::{Error, Transport, TransportError};

type Exchanged = Result<http::Response<Vec<u8>>, TransportError>;

/// A transport that answers by a rule, which gets the request and how many came before it.
pub(super) struct Rule<R> {
    rule: R,
    before: Mutex<usize>,
}

impl<R> Transport for Rule<R>
where
    R: Fn(Request<Vec<u8>>, usize) -> Exchanged + Send + Sync,
{
    fn exchange(&self, request: Request<Vec<u8>>) -> BoxFuture<'_, Exchanged> {
        let mut before = self.before.lock().unwrap();
        let answer = (self.rule)(request, *before);
        *before += 1;
        std::future::ready(answer).boxed()
    }
}

/// A client whose GitLab is this rule.
pub(super) fn client_of<R>(config: Config, rule: R) -> Client
where
    R: Fn(Request<Vec<u8>>, usize) -> Exchanged + Send + Sync + 'static,
{
    let before = Mutex::default();
    Client::over(config, Arc::new(Rule { rule, before })).unwrap()
}

pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Exchanged {
    let builder = http::Response::builder().status(status);
    let builder = headers.iter().fold(builder, |builder, (name, value)| {
        builder.header(*name, *value)
    });
    Ok(builder.body(body.into()).unwrap())
}

pub(super) fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_gitlab_asks_for_passes_in_virtual_time() {
    let client = client_of(config("http://gitlab.model/sub"), |request, before| {
        assert_eq!(request.uri(), "http://gitlab.model/sub/api/v4/user");
        assert_eq!(
            request.headers()["authorization"],
            format!("Bearer {TOKEN}")
        );
        match before {
            0 => reply(429, &[("retry-after", "30")], "Retry later\n"),
            _ => reply(200, &[], "{}"),
        }
    });
    let start = Instant::now();
    client.get("user", far()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_over_any_transport() {
    let client = client_of(config("http://gitlab.model"), |request, before| {
        let place = [("location", "/api/v4/projects/2")];
        match before {
            0 => reply(301, &place, ""),
            _ => reply(200, &[], &format!("[{:?}]", request.uri().path())),
        }
    });
    let page = client.get("projects/1", far()).await.unwrap();
    assert_eq!(page.body, serde_json::json!(["/api/v4/projects/2"]));
}

/// A transport on which nothing ever comes back.
struct Silence;

impl Transport for Silence {
    fn exchange(&self, _: Request<Vec<u8>>) -> BoxFuture<'_, Exchanged> {
        std::future::pending().boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_transport_is_given_up_after_the_timeout_of_a_request() {
    let config = Config {
        attempts: 1,
        request_timeout: Duration::from_secs(7),
        ..config("http://gitlab.model")
    };
    let client = Client::over(config, Arc::new(Silence)).unwrap();
    let start = Instant::now();
    let error = client.get("user", far()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert_eq!(start.elapsed(), Duration::from_secs(7));
}

#[tokio::test]
async fn a_question_without_a_body_is_sent_without_one() {
    let server = Server::start(|_, _| json(200, &serde_json::json!([]))).await;
    server.client().get("projects", soon()).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.method, "GET");
    assert_eq!(seen.header("content-length"), "");
    assert_eq!(seen.header("transfer-encoding"), "");
    assert_eq!(seen.header("accept"), "application/json");
    assert!(seen.header("accept-encoding").contains("gzip"));
    assert!(
        seen.header("user-agent")
            .starts_with("gitlab-metrics-bridge/")
    );
}
