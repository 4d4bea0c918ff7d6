//! Sends one request, with the token and within its time. What the answer means is read elsewhere.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use tokio::time::{Instant, timeout_at};

use super::error::Error;
use super::network::NetworkFailure;
use super::refusal::Failure;
use super::request::{ApiRequest, ApiResponse};
use super::secrets::Credentials;
use super::transport::{Transport, TransportError};
use crate::prose::duration;

const US: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Sends requests over a transport and does not wait for ever.
pub(super) struct Sender {
    transport: Arc<dyn Transport>,
    request_timeout: Duration,
}

impl Sender {
    pub(super) fn new(transport: Arc<dyn Transport>, request_timeout: Duration) -> Sender {
        Sender {
            transport,
            request_timeout,
        }
    }

    /// Sends one request and reads its whole answer.
    pub(super) async fn send(
        &self,
        api_request: &ApiRequest,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<ApiResponse, Failure> {
        let sent = Instant::now();
        let patience = sent + self.request_timeout;
        let exchange = self.transport.exchange(request(api_request, credentials)?);
        match timeout_at(deadline.min(patience), exchange).await {
            Ok(Ok(response)) => {
                let (head, body) = response.into_parts();
                Ok(ApiResponse {
                    status: head.status.as_u16(),
                    headers: head.headers,
                    body,
                    took: sent.elapsed(),
                })
            }
            Ok(Err(broken)) => Err(failure(broken)),
            Err(_) if deadline <= patience => Err(Failure::lasting(Error::Deadline)),
            Err(_) => Err(no_answer_within(self.request_timeout)),
        }
    }
}

fn request(
    api_request: &ApiRequest,
    credentials: &Credentials,
) -> Result<Request<Vec<u8>>, Failure> {
    let builder = Request::builder()
        .uri(api_request.url.as_str())
        .header(USER_AGENT, US)
        .header(ACCEPT, "application/json");
    let built = match &api_request.body {
        None => builder.body(Vec::new()),
        Some(body) => builder
            .method("POST")
            .header(CONTENT_TYPE, "application/json")
            .body(body.clone()),
    };
    // An address too long for a request line stays so.
    let mut request = built.map_err(|source| {
        Failure::lasting(Error::Network {
            kind: NetworkFailure::Other,
            source: Box::new(source),
        })
    })?;
    // A front may want another `User-Agent`: what is configured replaces ours.
    let configured = credentials.headers().clone();
    request.headers_mut().extend(configured);
    Ok(request)
}

fn failure(broken: TransportError) -> Failure {
    match broken {
        TransportError::Silent => Failure::passing(Error::Timeout {
            detail: "GitLab stayed silent for too long".to_owned(),
        }),
        TransportError::TooLarge { limit } => Failure::lasting(Error::TooLarge { limit }),
        TransportError::Network { kind, source } => {
            let error = Error::Network { kind, source };
            match kind.may_pass() {
                true => Failure::passing(error),
                false => Failure::lasting(error),
            }
        }
    }
}

fn no_answer_within(timeout: Duration) -> Failure {
    Failure::passing(Error::Timeout {
        detail: format!("no whole answer came within {}", duration(timeout)),
    })
}
