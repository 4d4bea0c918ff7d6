//! The points that a receiver got, one by one, with what their metric is.

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};

use crate::support::Labels;
use crate::support::received::Received;
use crate::table::Kind;

const NO_VALUE: u32 = 1;
const CUMULATIVE: i32 = 2;

/// A point with its metric.
#[derive(Debug)]
pub struct Point {
    pub metric: String,
    pub kind: Kind,
    pub unit: String,
    pub attributes: Labels,
}

impl Point {
    pub fn is_by_convention(&self) -> bool {
        self.metric.starts_with("vcs.") || self.metric.starts_with("cicd.")
    }
}

/// All points of all requests, also those that end a series.
pub fn points(received: &Received) -> Vec<Point> {
    let requests = received.requests.iter();
    let metrics = requests.flat_map(|request| request.metrics());
    metrics.flat_map(|(_, metric)| of_metric(metric)).collect()
}

/// Whether a metric is there for more than to end a series.
pub fn has_values(metric: &Metric) -> bool {
    let has = |flags: &u32| flags & NO_VALUE == 0;
    match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => gauge.data_points.iter().any(|own| has(&own.flags)),
        Data::Sum(sum) => sum.data_points.iter().any(|own| has(&own.flags)),
        Data::Histogram(all) => all.data_points.iter().any(|own| has(&own.flags)),
        other => panic!("{other:?}"),
    }
}

fn of_metric(metric: &Metric) -> Vec<Point> {
    let point = |kind: Kind, attributes: &[KeyValue]| Point {
        metric: metric.name.clone(),
        kind,
        unit: metric.unit.clone(),
        attributes: attributes.iter().map(text).collect(),
    };
    match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => {
            let points = gauge.data_points.iter();
            points
                .map(|own| point(Kind::Gauge, &own.attributes))
                .collect()
        }
        Data::Sum(sum) => {
            assert_eq!(sum.aggregation_temporality, CUMULATIVE, "{}", metric.name);
            let kind = match sum.is_monotonic {
                true => Kind::Counter,
                false => Kind::UpDownCounter,
            };
            let points = sum.data_points.iter();
            points
                .map(|own| {
                    let is_over = own.flags & NO_VALUE != 0;
                    assert!(is_over || own.start_time_unix_nano > 0, "{}", metric.name);
                    point(kind, &own.attributes)
                })
                .collect()
        }
        Data::Histogram(all) => {
            let points = all.data_points.iter();
            points
                .map(|own| point(Kind::Histogram, &own.attributes))
                .collect()
        }
        other => panic!("{other:?}"),
    }
}

fn text(attribute: &KeyValue) -> (String, String) {
    let value = attribute
        .value
        .as_ref()
        .and_then(|value| value.value.clone());
    let Some(Value::StringValue(value)) = value else {
        panic!("{attribute:?} is no text");
    };
    (attribute.key.clone(), value)
}
