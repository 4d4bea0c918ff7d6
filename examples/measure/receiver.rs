//! A receiver of OTLP over HTTP that counts.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use tokio::time::{sleep, timeout};

use super::bridge::PATIENCE;

/// A metric that every export of what a poll read holds.
const OF_A_POLL: &[u8] = b"gitlab_project_count";
/// A metric that only the last request of an export holds.
const IN_THE_LAST: &[u8] = b"gitlab_bridge_build_info";

/// The running receiver.
pub struct Receiver {
    /// Its endpoint, without `/v1/metrics`.
    pub endpoint: String,
    bodies: Bodies,
}

type Bodies = Arc<Mutex<Vec<Bytes>>>;

/// What one export was made of.
pub struct Export {
    /// Requests.
    pub requests: usize,
    /// Data points in all of them.
    pub points: usize,
    /// Bytes of all bodies.
    pub bytes: usize,
    /// Bytes of the largest body.
    pub largest: usize,
}

impl Receiver {
    /// Starts on a free loopback port.
    pub async fn start() -> Result<Receiver> {
        let bodies = Bodies::default();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/v1/metrics", post(receive))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&bodies));
        tokio::spawn(async { axum::serve(listener, router).await });
        Ok(Receiver { endpoint, bodies })
    }

    /// Waits for the first export of what a poll read to be whole. Those before it tell of the bridge alone.
    pub async fn first_export(&self) -> Result<Export> {
        let waiting = async {
            loop {
                let export = first_of_a_poll(&lock(&self.bodies));
                match export {
                    Some(export) => return export,
                    None => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let patient = timeout(PATIENCE, waiting).await;
        let export = patient.context("waiting for an OTLP export")?;
        let bodies = lock(&self.bodies);
        let export = &bodies[export];
        let mut points = 0;
        for body in export {
            points += count_points(body)?;
        }
        Ok(Export {
            requests: export.len(),
            points,
            bytes: export.iter().map(Bytes::len).sum(),
            largest: export.iter().map(Bytes::len).max().unwrap_or_default(),
        })
    }
}

/// An empty body is the message that says all was taken.
async fn receive(State(bodies): State<Bodies>, body: Bytes) {
    lock(&bodies).push(body);
}

/// Which bodies are the first whole export that tells what a poll read.
fn first_of_a_poll(bodies: &[Bytes]) -> Option<Range<usize>> {
    let mut begin = 0;
    for (index, body) in bodies.iter().enumerate() {
        if holds(body, IN_THE_LAST) {
            let export = begin..index + 1;
            if bodies[export.clone()]
                .iter()
                .any(|body| holds(body, OF_A_POLL))
            {
                return Some(export);
            }
            begin = index + 1;
        }
    }
    None
}

fn holds(body: &Bytes, name: &[u8]) -> bool {
    body.windows(name.len()).any(|window| window == name)
}

fn count_points(body: &Bytes) -> Result<usize> {
    let request = ExportMetricsServiceRequest::decode(body.clone()).context("decoding OTLP")?;
    let resources = request.resource_metrics.iter();
    let metrics = resources
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics);
    let points = metrics.map(|metric| match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        _ => 0,
    });
    Ok(points.sum())
}

fn lock(bodies: &Mutex<Vec<Bytes>>) -> MutexGuard<'_, Vec<Bytes>> {
    bodies.lock().unwrap_or_else(PoisonError::into_inner)
}
