//! How the receiver answers: the two services, and the faults in front of them.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use prost::Message;
use tokio::sync::watch;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Code, Status};

use crate::support::received::{Received, Refused, Request, Transport};

/// What the Collector takes over HTTP unless it is told otherwise.
const HTTP_BODY_LIMIT: u64 = 20 * 1024 * 1024;

/// A way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// UNAVAILABLE in gRPC, 503 in HTTP: worth another try.
    Unavailable,
    /// UNAUTHENTICATED in gRPC, 401 in HTTP: not worth another try.
    Unauthenticated,
    /// This HTTP status, or the gRPC code that goes with it, with words of the receiver.
    Refused(u16, String),
    /// 503 in HTTP and UNAVAILABLE in gRPC, with so many seconds to wait.
    Throttled(u64),
    /// Answers well, but late.
    Slow(Duration),
    /// Takes the request and never answers.
    Hanging,
    /// Takes the request and says that so many of its points were rejected.
    PartialSuccess(i64),
}

/// What the receiver and its connections share.
pub struct Shared {
    pub received: watch::Sender<Received>,
    fault: Mutex<Faults>,
}

/// Which requests fail.
#[derive(Default)]
struct Faults {
    fault: Option<Fault>,
    /// How many go well before.
    after: usize,
    times: usize,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            received: watch::Sender::new(Received::default()),
            fault: Mutex::default(),
        }
    }
}

impl Shared {
    /// Meets `times` requests with a fault, after some that go well.
    pub fn set(&self, fault: Option<Fault>, after: usize, times: usize) {
        let faults = Faults {
            fault,
            after,
            times,
        };
        *self.fault.lock().expect("no one panics holding it") = faults;
    }

    fn next_fault(&self) -> Option<Fault> {
        let mut faults = self.fault.lock().expect("no one panics holding it");
        if faults.after > 0 {
            faults.after -= 1;
            return None;
        }
        faults.times = faults.times.checked_sub(1)?;
        faults.fault.clone()
    }

    /// Answers with an error, and takes note of it.
    fn refuse(&self, arrival: &Arrival, grpc: Status, http: StatusCode) -> Response {
        let response = match arrival.transport {
            Transport::Grpc => grpc.into_http(),
            Transport::Http => http.into_response(),
        };
        self.refused(arrival, error_of(&response).expect("an error"));
        response
    }

    fn refuse_saying(&self, arrival: &Arrival, status: u16, words: String) -> Response {
        let code = match status {
            400 => Code::InvalidArgument,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            413 => Code::ResourceExhausted,
            _ => Code::Unavailable,
        };
        let status = StatusCode::from_u16(status).expect("a status");
        let response = match arrival.transport {
            Transport::Grpc => Status::new(code, words).into_http(),
            Transport::Http => (status, words).into_response(),
        };
        self.refused(arrival, error_of(&response).expect("an error"));
        response
    }

    fn throttle(&self, arrival: &Arrival, seconds: u64) -> Response {
        let response = match arrival.transport {
            Transport::Http => {
                let wait = [(header::RETRY_AFTER, seconds.to_string())];
                (StatusCode::SERVICE_UNAVAILABLE, wait).into_response()
            }
            Transport::Grpc => {
                let details = retry_info(u8::try_from(seconds).expect("a short wait"));
                Status::with_details(Code::Unavailable, "throttled", details.into()).into_http()
            }
        };
        self.refused(arrival, error_of(&response).expect("an error"));
        response
    }

    fn refused(&self, arrival: &Arrival, answer: String) {
        let refused = Refused {
            transport: arrival.transport,
            headers: arrival.headers.clone(),
            size: arrival.wire.len(),
            answer,
        };
        self.received
            .send_modify(|received| received.refused.push(refused));
    }

    fn accepted(
        &self,
        arrival: Arrival,
        message: ExportMetricsServiceRequest,
    ) -> ExportMetricsServiceResponse {
        let Arrival {
            transport,
            headers,
            wire,
            arrived,
            rejected,
        } = arrival;
        let resource_metrics = message.resource_metrics;
        let request = Request {
            transport,
            headers,
            wire,
            arrived,
            resource_metrics,
        };
        self.received
            .send_modify(|received| received.record(request));
        ExportMetricsServiceResponse {
            partial_success: rejected.map(|rejected_data_points| ExportMetricsPartialSuccess {
                rejected_data_points,
                error_message: "rejected by the test".to_owned(),
            }),
        }
    }
}

/// A request as it stood at the door, before anyone decoded it.
#[derive(Clone)]
struct Arrival {
    transport: Transport,
    headers: HeaderMap,
    wire: Bytes,
    arrived: u64,
    rejected: Option<i64>,
}

/// Both ways of OTLP, behind the faults.
pub fn routes(shared: Arc<Shared>) -> axum::Router {
    // tonic's own limit stands: 4 MiB for a decoded message.
    let grpc = MetricsServiceServer::new(Grpc(shared.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    let http = axum::Router::new()
        .route("/v1/metrics", post(over_http))
        .with_state(shared.clone());
    Routes::new(grpc)
        .into_axum_router()
        .merge(http)
        .layer(from_fn_with_state(shared, at_the_door))
}

async fn at_the_door(
    State(shared): State<Arc<Shared>>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let arrived = now();
    let (parts, body) = request.into_parts();
    let Ok(wire) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response(); // the client went away
    };
    let headers = parts.headers.clone();
    let transport = match headers.get(header::CONTENT_TYPE) {
        Some(kind) if kind.as_bytes().starts_with(b"application/grpc") => Transport::Grpc,
        _ => Transport::Http,
    };
    let mut arrival = Arrival {
        transport,
        headers,
        wire: wire.clone(),
        arrived,
        rejected: None,
    };

    match shared.next_fault() {
        None => {}
        Some(Fault::Unavailable) => {
            return shared.refuse(
                &arrival,
                Status::unavailable("told to"),
                StatusCode::SERVICE_UNAVAILABLE,
            );
        }
        Some(Fault::Unauthenticated) => {
            return shared.refuse(
                &arrival,
                Status::unauthenticated("told to"),
                StatusCode::UNAUTHORIZED,
            );
        }
        Some(Fault::Refused(status, words)) => {
            return shared.refuse_saying(&arrival, status, words);
        }
        Some(Fault::Throttled(seconds)) => return shared.throttle(&arrival, seconds),
        Some(Fault::Slow(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::Hanging) => {
            shared.refused(&arrival, "nothing".to_owned());
            return std::future::pending().await;
        }
        Some(Fault::PartialSuccess(rejected)) => arrival.rejected = Some(rejected),
    }

    let mut request = axum::extract::Request::from_parts(parts, Body::from(wire));
    request.extensions_mut().insert(arrival.clone());
    let response = next.run(request).await;
    if let Some(error) = error_of(&response) {
        shared.refused(&arrival, error);
    }
    response
}

/// A `google.rpc.Status` with a `RetryInfo` of so many seconds, byte by byte.
fn retry_info(seconds: u8) -> Vec<u8> {
    assert!(seconds < 128, "a longer wait takes a second byte");
    let url = b"type.googleapis.com/google.rpc.RetryInfo";
    let info = [0x0a, 2, 0x08, seconds]; // retry_delay: {seconds}
    let mut any = vec![0x0a, url.len() as u8];
    any.extend(url);
    any.extend([0x12, info.len() as u8]);
    any.extend(info);
    let mut status = vec![0x08, 14, 0x1a, any.len() as u8]; // code: UNAVAILABLE, details
    status.extend(any);
    status
}

/// What went wrong, as the client is told: a gRPC error has HTTP status 200 and says the rest in
/// its headers.
fn error_of(response: &Response) -> Option<String> {
    if let Some(status) = Status::from_header_map(response.headers()) {
        return (status.code() != Code::Ok)
            .then(|| format!("{:?}: {}", status.code(), status.message()));
    }
    (!response.status().is_success()).then(|| response.status().to_string())
}

struct Grpc(Arc<Shared>);

#[tonic::async_trait]
impl MetricsService for Grpc {
    async fn export(
        &self,
        mut request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, Status> {
        let arrival = request
            .extensions_mut()
            .remove::<Arrival>()
            .expect("at_the_door put it there");
        Ok(tonic::Response::new(
            self.0.accepted(arrival, request.into_inner()),
        ))
    }
}

async fn over_http(
    State(shared): State<Arc<Shared>>,
    Extension(arrival): Extension<Arrival>,
) -> Response {
    if arrival
        .headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind != "application/x-protobuf")
    {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let body = match arrival
        .headers
        .get(header::CONTENT_ENCODING)
        .map(|encoding| encoding.as_bytes())
    {
        None | Some(b"identity") => read_limited(&arrival.wire[..]),
        Some(b"gzip") => read_limited(GzDecoder::new(&arrival.wire[..])),
        Some(_) => return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
    };
    let body = match body {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    match ExportMetricsServiceRequest::decode(&body[..]) {
        Ok(message) => {
            let answer = shared.accepted(arrival, message).encode_to_vec();
            ([(header::CONTENT_TYPE, "application/x-protobuf")], answer).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

fn read_limited(body: impl Read) -> Result<Vec<u8>, StatusCode> {
    let mut bytes = Vec::new();
    body.take(HTTP_BODY_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| StatusCode::BAD_REQUEST)?;
    if bytes.len() as u64 > HTTP_BODY_LIMIT {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    Ok(bytes)
}

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("the clock is past 1970");
    u64::try_from(since.as_nanos()).expect("64 bits of nanoseconds last until 2554")
}
