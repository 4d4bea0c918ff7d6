//! What an OTLP receiver was sent: the requests as they came, and the exports they add up to.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderMap;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Metric as WireMetric, NumberDataPoint, ResourceMetrics, metric::Data, number_data_point,
};

use super::{Labels, Series};

/// The flag of a point that ends its series.
const NO_RECORDED_VALUE: u32 = 1;

/// The metric that is only in the last request of an export, by each of its names.
const LAST: [&str; 2] = ["gitlab_bridge_build_info", "gitlab.bridge.build_info"];

/// Everything a receiver was sent so far, oldest first.
#[derive(Debug, Default)]
pub struct Received {
    /// The requests that were accepted.
    pub requests: Vec<Request>,
    /// The requests that were answered with an error, or never: by a fault, or because they were
    /// too large or wrong.
    pub refused: Vec<Refused>,
    exports: Vec<Arc<Export>>,
    ended: bool,
}

/// One accepted request.
#[derive(Debug, Clone)]
pub struct Request {
    /// How it came.
    pub transport: Transport,
    /// The HTTP headers, which in gRPC are the metadata.
    pub headers: HeaderMap,
    /// The body on the wire: still compressed, and in gRPC with its five bytes of framing.
    pub wire: Bytes,
    /// When its first byte came, in nanoseconds since 1970.
    pub arrived: u64,
    /// What it says.
    pub resource_metrics: Vec<ResourceMetrics>,
}

/// One request that was not accepted.
#[derive(Debug, Clone)]
pub struct Refused {
    /// How it came.
    pub transport: Transport,
    /// The HTTP headers, which in gRPC are the metadata.
    pub headers: HeaderMap,
    /// Bytes on the wire.
    pub size: usize,
    /// What it was told.
    pub answer: String,
}

/// The two ways of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf bodies.
    Http,
}

/// One state of all metrics, put together from the requests that carried it.
#[derive(Debug, Clone, Default)]
pub struct Export {
    /// How many requests it took.
    pub requests: usize,
    /// The attributes of its resource.
    pub resource: Labels,
    /// The names of the instrumentation scopes.
    pub scopes: Vec<String>,
    /// Its metrics by name.
    pub metrics: BTreeMap<String, Metric>,
    /// Points whose series was already in this export: 0 unless a request was retried after its
    /// answer was lost.
    pub repeated: usize,
}

/// One metric of an export.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metric {
    /// `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`.
    pub kind: &'static str,
    /// The unit, as sent.
    pub unit: String,
    /// The description, as sent.
    pub description: String,
    /// The value of every series; of a histogram or a summary, its count.
    pub series: Series,
    /// The series that are told to have ended: by a flag, without a value.
    pub ended: BTreeSet<Labels>,
}

impl Received {
    /// The latest export, empty before the first. It grows while its requests still come in.
    pub fn last_export(&self) -> Arc<Export> {
        self.exports.last().cloned().unwrap_or_default()
    }

    /// How many exports came whole.
    pub fn ended(&self) -> usize {
        self.exports.len() - usize::from(!self.ended && !self.exports.is_empty())
    }

    /// All exports, oldest first.
    pub fn exports(&self) -> &[Arc<Export>] {
        &self.exports
    }

    /// Adds an accepted request, to the current export or as the beginning of the next.
    ///
    /// The bridge sends an export in pages and what it says of itself last, so the request that
    /// has [`LAST`] ends one.
    pub(super) fn record(&mut self, request: Request) {
        if self.exports.is_empty() || self.ended {
            self.exports.push(Arc::default());
        }
        self.ended = request
            .metrics()
            .any(|(_, metric)| LAST.contains(&&*metric.name));
        if let Some(export) = self.exports.last_mut() {
            Arc::make_mut(export).add(&request);
        }
        self.requests.push(request);
    }
}

impl Request {
    /// Every metric it carries, with the name of its scope.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, &WireMetric)> {
        let scopes = self
            .resource_metrics
            .iter()
            .flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| {
            let name = scope.scope.as_ref().map_or("", |scope| scope.name.as_str());
            scope.metrics.iter().map(move |metric| (name, metric))
        })
    }

    /// A header as text; metadata in gRPC.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Export {
    /// The series of a metric: none when it was not sent.
    pub fn series(&self, metric: &str) -> Series {
        self.metrics
            .get(metric)
            .map(|metric| metric.series.clone())
            .unwrap_or_default()
    }

    /// How many series a metric has.
    pub fn count(&self, metric: &str) -> usize {
        self.metrics
            .get(metric)
            .map_or(0, |metric| metric.series.len())
    }

    /// The series of a metric that are told to have ended.
    pub fn ended(&self, metric: &str) -> BTreeSet<Labels> {
        let metric = self.metrics.get(metric);
        metric
            .map(|metric| metric.ended.clone())
            .unwrap_or_default()
    }

    /// The value of one series.
    pub fn value<const N: usize>(&self, metric: &str, labels: [(&str, &str); N]) -> Option<f64> {
        self.metrics
            .get(metric)?
            .series
            .get(&super::labels(labels))
            .copied()
    }

    fn add(&mut self, request: &Request) {
        self.requests += 1;
        for resource in request
            .resource_metrics
            .iter()
            .filter_map(|metrics| metrics.resource.as_ref())
        {
            self.resource.extend(labels(&resource.attributes));
        }
        for (scope, wire) in request.metrics() {
            if !self.scopes.iter().any(|known| known == scope) {
                self.scopes.push(scope.to_owned());
            }
            let (kind, points) = points(wire);
            let metric = self
                .metrics
                .entry(wire.name.clone())
                .or_insert_with(|| Metric {
                    kind,
                    unit: wire.unit.clone(),
                    description: wire.description.clone(),
                    series: Series::new(),
                    ended: BTreeSet::new(),
                });
            for point in points {
                if point.flags & NO_RECORDED_VALUE != 0 {
                    metric.ended.insert(labels(point.attributes));
                    continue;
                }
                match metric.series.entry(labels(point.attributes)) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(point.value);
                    }
                    Entry::Occupied(mut occupied) => {
                        self.repeated += 1;
                        occupied.insert(point.value);
                    }
                }
            }
        }
    }
}

struct Point<'a> {
    attributes: &'a [KeyValue],
    time: u64,
    flags: u32,
    value: f64,
}

fn points(metric: &WireMetric) -> (&'static str, Vec<Point<'_>>) {
    macro_rules! counts {
        ($data:expr) => {
            $data.data_points.iter().map(|point| Point {
                attributes: &point.attributes,
                time: point.time_unix_nano,
                flags: point.flags,
                value: point.count as f64,
            })
        };
    }
    match &metric.data {
        None => ("nothing", Vec::new()),
        Some(Data::Gauge(gauge)) => ("gauge", gauge.data_points.iter().map(number).collect()),
        Some(Data::Sum(sum)) => ("sum", sum.data_points.iter().map(number).collect()),
        Some(Data::Histogram(histogram)) => ("histogram", counts!(histogram).collect()),
        Some(Data::ExponentialHistogram(histogram)) => {
            ("exponential_histogram", counts!(histogram).collect())
        }
        Some(Data::Summary(summary)) => ("summary", counts!(summary).collect()),
    }
}

fn number(point: &NumberDataPoint) -> Point<'_> {
    let value = match point.value {
        Some(number_data_point::Value::AsInt(value)) => value as f64,
        Some(number_data_point::Value::AsDouble(value)) => value,
        None => f64::NAN,
    };
    Point {
        attributes: &point.attributes,
        time: point.time_unix_nano,
        flags: point.flags,
        value,
    }
}

fn labels(attributes: &[KeyValue]) -> Labels {
    attributes
        .iter()
        .map(|attribute| (attribute.key.clone(), text(attribute.value.as_ref())))
        .collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(value)) => value.clone(),
        Some(any_value::Value::BoolValue(value)) => value.to_string(),
        Some(any_value::Value::IntValue(value)) => value.to_string(),
        Some(any_value::Value::DoubleValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}
