//! What the OpenTelemetry crates know of an export and do not return: that a receiver rejected some
//! points is only in their log, and why a connection failed is nowhere. Here we listen.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The last rejection that was logged. The process has one log and one OTLP exporter.
static REJECTION: Mutex<Option<String>> = Mutex::new(None);

/// A layer of the log that hears what receivers reject.
pub struct Rejections;

impl Rejections {
    /// What was rejected since this was last asked.
    pub(super) fn take() -> Option<String> {
        REJECTION
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl<S: Subscriber> Layer<S> for Rejections {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == "opentelemetry-otlp" && metadata.name().ends_with("PartialSuccess")
        {
            let mut told = PartialSuccess::default();
            event.record(&mut told);
            // Without rejected points it is advice, which stands in the log.
            if told.points > 0 {
                let text = format!(
                    "the receiver rejected {} points: {}",
                    told.points, told.message
                );
                *REJECTION.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            }
        }
    }
}

#[derive(Default)]
struct PartialSuccess {
    points: i64,
    message: String,
}

impl Visit for PartialSuccess {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "rejected_data_points" {
            self.points = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "error_message" {
            self.message = value.to_owned();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// An HTTP client that keeps in mind why it failed.
#[derive(Clone, Debug)]
pub struct ExplainingClient {
    client: reqwest::Client,
    failure: Failure,
}

/// Why a request failed, if it did.
pub type Failure = Arc<Mutex<Option<String>>>;

impl ExplainingClient {
    /// A client, and where it leaves why its last request failed.
    pub fn new(client: reqwest::Client) -> (ExplainingClient, Failure) {
        let failure = Failure::default();
        (
            ExplainingClient {
                client,
                failure: Arc::clone(&failure),
            },
            failure,
        )
    }
}

#[async_trait]
impl HttpClient for ExplainingClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.client.send_bytes(request).await;
        let failure = sent.as_ref().err().map(|error| causes(error.as_ref()));
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        sent
    }
}

/// The causes of an error. Not the error itself: it quotes the URL, which may hold a secret.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.dedup();
    causes.join(": ")
}
