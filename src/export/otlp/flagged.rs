//! Messages of points without a value, which end their series.

use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Gauge, Histogram, HistogramDataPoint,
    Metric as WireMetric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource as WireResource;
use opentelemetry_sdk::Resource;
use prost::Message;

use super::config::Temporality;
use super::job_attribute::JobAttribute;
use super::names::Names;
use crate::export::batches::Bounds;
use crate::export::meter::SCOPE;
use crate::metrics::{Instrument, Metric};

/// The attributes of a series, in order.
pub type SeriesAttributes = Vec<(&'static str, Box<str>)>;

const FLAGS: u32 = DataPointFlags::NoRecordedValueMask as u32;
/// What a point takes besides its attributes, what an attribute takes besides its texts, and a bucket.
const POINT_BYTES: usize = 40;
const ATTRIBUTE_BYTES: usize = 14;
const BUCKET_BYTES: usize = 16;

/// Points without a value, put together to messages that any receiver takes.
pub struct Flagged {
    resource: WireResource,
    temporality: Temporality,
    job_attribute: JobAttribute,
    names: Names,
    /// When the series have ended, in nanoseconds since 1970.
    now: u64,
    metrics: Vec<WireMetric>,
    series: usize,
    bytes: usize,
}

impl Flagged {
    pub fn new(
        resource: &Resource,
        temporality: Temporality,
        job_attribute: JobAttribute,
        names: Names,
        now: u64,
    ) -> Flagged {
        Flagged {
            resource: resource.into(),
            temporality,
            job_attribute,
            names,
            now,
            metrics: Vec::new(),
            series: 0,
            bytes: 0,
        }
    }

    /// Adds a series that has ended; returns the message that became full by it.
    pub fn add(&mut self, metric: &Metric, attributes: SeriesAttributes) -> Option<Bytes> {
        let texts = attributes
            .iter()
            .map(|(name, value)| name.len() + value.len());
        self.bytes += texts.map(|texts| texts + ATTRIBUTE_BYTES).sum::<usize>();
        self.bytes += POINT_BYTES + metric.bounds().len() * BUCKET_BYTES;
        self.bytes += metric.name.len() + metric.help.len() + metric.unit.len();
        self.series += 1;
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| wire(self.job_attribute.name_of(name), value))
            .collect();
        self.metrics.push(self.ended(metric, attributes));
        let is_full =
            self.series >= Bounds::DEFAULT.series || self.bytes >= Bounds::DEFAULT.bytes / 2;
        is_full.then(|| self.message())
    }

    /// The last message, if it is not empty.
    pub fn finish(mut self) -> Option<Bytes> {
        (self.series > 0).then(|| self.message())
    }

    /// What was added last, to be put into another message.
    pub fn into_metrics(self) -> Vec<WireMetric> {
        self.metrics
    }

    fn message(&mut self) -> Bytes {
        (self.series, self.bytes) = (0, 0);
        let scope = InstrumentationScope {
            name: SCOPE.to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_metrics = ScopeMetrics {
            scope: Some(scope),
            metrics: std::mem::take(&mut self.metrics),
            schema_url: self.names.schema_url(),
        };
        let resource_metrics = ResourceMetrics {
            resource: Some(self.resource.clone()),
            scope_metrics: vec![scope_metrics],
            schema_url: self.names.schema_url(),
        };
        let message = ExportMetricsServiceRequest {
            resource_metrics: vec![resource_metrics],
        };
        message.encode_to_vec().into()
    }

    /// The end of one series, of the kind that its points with values are. Each is a metric of its own: the
    /// Prometheus exporter of the Collector reads no further in a metric than to the first flagged point
    /// (`accumulator.go` of its version 0.159).
    fn ended(&self, metric: &Metric, attributes: Vec<KeyValue>) -> WireMetric {
        let deltas = match metric.counts_ended() {
            true => self.temporality != Temporality::Cumulative,
            false => self.temporality == Temporality::Delta,
        };
        let aggregation_temporality = match deltas {
            true => AggregationTemporality::Delta,
            false => AggregationTemporality::Cumulative,
        };
        let aggregation_temporality = aggregation_temporality.into();
        let data = match metric.instrument {
            Instrument::Gauge => Data::Gauge(Gauge {
                data_points: vec![number(attributes, self.now)],
            }),
            Instrument::Counter => Data::Sum(Sum {
                data_points: vec![number(attributes, self.now)],
                aggregation_temporality,
                is_monotonic: true,
            }),
            Instrument::UpDownCounter => Data::Sum(Sum {
                data_points: vec![number(attributes, self.now)],
                // A sum that may fall is so with any preference.
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
                is_monotonic: false,
            }),
            Instrument::Histogram => Data::Histogram(Histogram {
                data_points: vec![buckets(attributes, self.now, metric.bounds())],
                aggregation_temporality,
            }),
        };
        WireMetric {
            name: metric.name.to_owned(),
            description: metric.help.to_owned(),
            unit: metric.unit.to_owned(),
            data: Some(data),
            ..WireMetric::default()
        }
    }
}

fn wire(name: &'static str, value: Box<str>) -> KeyValue {
    let value = AnyValue {
        value: Some(Value::StringValue(value.into())),
    };
    KeyValue {
        key: name.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

fn number(attributes: Vec<KeyValue>, now: u64) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        time_unix_nano: now,
        flags: FLAGS,
        ..NumberDataPoint::default()
    }
}

/// With its buckets, though they are empty: Prometheus ends the series of those that it is told.
fn buckets(attributes: Vec<KeyValue>, now: u64, bounds: &[f64]) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes,
        time_unix_nano: now,
        flags: FLAGS,
        bucket_counts: vec![0; bounds.len() + 1],
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    }
}
