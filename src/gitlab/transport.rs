//! One HTTP exchange and its time limits. What an answer means is not its business.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use tokio::time::{Instant, timeout_at};

use super::call::{Call, Reply};
use super::error::Error;
use super::network::NetworkFailure;
use super::refusal::Failure;
use super::token::Credential;
use super::wire::{Broken, Wire};

const US: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Sends requests over a wire and does not wait for ever.
pub(super) struct Transport {
    wire: Arc<dyn Wire>,
    request_timeout: Duration,
}

impl Transport {
    pub(super) fn new(wire: Arc<dyn Wire>, request_timeout: Duration) -> Transport {
        Transport {
            wire,
            request_timeout,
        }
    }

    /// Sends one request and reads its whole answer.
    pub(super) async fn exchange(
        &self,
        call: &Call,
        credential: &Credential,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let sent = Instant::now();
        let patience = sent + self.request_timeout;
        let exchange = self.wire.exchange(request(call, credential)?);
        match timeout_at(deadline.min(patience), exchange).await {
            Ok(Ok(response)) => {
                let (head, body) = response.into_parts();
                Ok(Reply {
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

fn request(call: &Call, credential: &Credential) -> Result<Request<Vec<u8>>, Failure> {
    let builder = Request::builder()
        .uri(call.url.as_str())
        .header(USER_AGENT, US)
        .header(ACCEPT, "application/json")
        .header(AUTHORIZATION, credential.header());
    let built = match &call.body {
        None => builder.body(Vec::new()),
        Some(body) => builder
            .method("POST")
            .header(CONTENT_TYPE, "application/json")
            .body(body.clone()),
    };
    // An address too long for a request line stays so.
    built.map_err(|source| {
        Failure::lasting(Error::Network {
            kind: NetworkFailure::Other,
            source: Box::new(source),
        })
    })
}

fn failure(broken: Broken) -> Failure {
    match broken {
        Broken::Silent => Failure::passing(Error::Timeout {
            detail: "GitLab stayed silent for too long".to_owned(),
        }),
        Broken::TooLarge { limit } => Failure::lasting(Error::TooLarge { limit }),
        Broken::Network { kind, source } => {
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
        detail: format!(
            "no whole answer came within {}",
            humantime::format_duration(timeout)
        ),
    })
}
