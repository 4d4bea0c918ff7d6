//! OTLP: when counting began. The SDK tells when it was given a first value, and lets nobody say otherwise.
//! So what it has made of what has ended is set right on its way out, in the client that its exporter
//! over HTTP sends with. Over gRPC the same exporter is used, and its client calls.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{KeyValue as WireKeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::failures::{ExplainingClient, Failure};

/// Since when the series of a message are counted, in nanoseconds since 1970: by metric, and by their
/// attributes in order.
#[derive(Debug, Default)]
pub struct Beginnings(HashMap<&'static str, HashMap<Attributes, u64>>);

/// The attributes of a series, in order.
type Attributes = Vec<(String, String)>;

impl Beginnings {
    pub fn note(&mut self, metric: &'static str, attributes: &[KeyValue], since: u64) {
        let attributes = attributes.iter();
        let mut key: Vec<_> = attributes
            .map(|own| (own.key.to_string(), own.value.to_string()))
            .collect();
        key.sort_unstable();
        self.0.entry(metric).or_default().insert(key, since);
    }

    /// Sets the start times of a message right.
    fn correct(&self, message: &mut ExportMetricsServiceRequest) {
        let resources = message.resource_metrics.iter_mut();
        let scopes = resources.flat_map(|resource| &mut resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &mut scope.metrics) {
            let Some(own) = self.0.get(&*metric.name) else {
                continue;
            };
            let correct = |start: &mut u64, until: u64, attributes: &[WireKeyValue]| {
                if let Some(since) = own.get(&key(attributes)) {
                    // GitLab's clock may be ahead of ours.
                    *start = until.min(*since);
                }
            };
            match &mut metric.data {
                Some(Data::Sum(sum)) => sum.data_points.iter_mut().for_each(|point| {
                    let until = point.time_unix_nano;
                    correct(&mut point.start_time_unix_nano, until, &point.attributes);
                }),
                Some(Data::Histogram(all)) => all.data_points.iter_mut().for_each(|point| {
                    let until = point.time_unix_nano;
                    correct(&mut point.start_time_unix_nano, until, &point.attributes);
                }),
                _ => {}
            }
        }
    }
}

fn key(attributes: &[WireKeyValue]) -> Attributes {
    let attributes = attributes.iter();
    let mut key: Vec<_> = attributes
        .map(|own| {
            let value = own.value.as_ref().and_then(|value| value.value.as_ref());
            let text = match value {
                Some(Value::StringValue(text)) => text.clone(),
                _ => String::new(), // We send nothing but texts.
            };
            (own.key.clone(), text)
        })
        .collect();
    key.sort_unstable();
    key
}

/// Sends what the SDK's exporter hands over, with the right start times. Compressed as it came.
#[derive(Debug)]
pub struct CorrectingClient {
    pub beginnings: Arc<Mutex<Beginnings>>,
    pub way: Way,
}

/// How a message is sent on.
#[derive(Debug)]
pub enum Way {
    Http(ExplainingClient),
    Grpc(Box<Calls>),
}

/// What calls over gRPC.
#[derive(Debug)]
pub struct Calls {
    pub client: MetricsServiceClient<Channel>,
    pub metadata: MetadataMap,
    pub timeout: Duration,
    pub failure: Failure,
}

#[async_trait]
impl HttpClient for CorrectingClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut parts, body) = request.into_parts();
        let encoding = parts.headers.get(header::CONTENT_ENCODING);
        let encoding = encoding.map_or(&b""[..], HeaderValue::as_bytes).to_vec();
        let mut message = ExportMetricsServiceRequest::decode(decompressed(body, &encoding)?)?;
        self.beginnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .correct(&mut message);
        match &self.way {
            Way::Http(client) => {
                let body = compressed(message.encode_to_vec(), &encoding)?;
                parts.headers.remove(header::CONTENT_LENGTH);
                let request = Request::from_parts(parts, Bytes::from(body));
                client.send_bytes(request).await
            }
            Way::Grpc(calls) => Ok(calls.call(message).await),
        }
    }
}

impl Calls {
    /// The answer, as it would be over HTTP: so the exporter tries again what is worth it.
    async fn call(&self, message: ExportMetricsServiceRequest) -> Response<Bytes> {
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        request.set_timeout(self.timeout);
        let answer = self.client.clone().export(request).await;
        let failure = answer.as_ref().err().map(Status::to_string);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        let (body, status) = match answer {
            Ok(answer) => (answer.into_inner().encode_to_vec(), StatusCode::OK),
            Err(status) if is_worth_another_try(status.code()) => {
                (Vec::new(), StatusCode::SERVICE_UNAVAILABLE)
            }
            Err(_) => (Vec::new(), StatusCode::BAD_REQUEST),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        response
    }
}

/// As OTLP has it. RESOURCE_EXHAUSTED is not, unless the receiver tells when to come back.
fn is_worth_another_try(code: Code) -> bool {
    use Code::{Aborted, Cancelled, DataLoss, DeadlineExceeded, OutOfRange, Unavailable};
    [
        Aborted,
        Cancelled,
        DataLoss,
        DeadlineExceeded,
        OutOfRange,
        Unavailable,
    ]
    .contains(&code)
}

fn decompressed(body: Bytes, encoding: &[u8]) -> std::io::Result<Bytes> {
    let mut plain = Vec::new();
    match encoding {
        b"gzip" => {
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain)?;
        }
        b"zstd" => plain = zstd::decode_all(&*body)?,
        _ => return Ok(body),
    }
    Ok(plain.into())
}

fn compressed(body: Vec<u8>, encoding: &[u8]) -> std::io::Result<Vec<u8>> {
    match encoding {
        b"gzip" => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(&body)?;
            encoder.finish()
        }
        b"zstd" => zstd::encode_all(&*body, 0),
        _ => Ok(body),
    }
}
