//! What a receiver of OTLP was sent for the group, point by point.

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric::Data, number_data_point};

use crate::group::GROUP;
use crate::history::Point;
use crate::support::received::{Received, Request};

/// The points of the group's own series, in the order of their arrival; those that end a series left out.
pub fn points(received: &Received) -> Vec<Point> {
    received.requests.iter().flat_map(of_request).collect()
}

/// Who pushed: the `service.instance.id` of every request.
pub fn senders(received: &Received) -> Vec<String> {
    let requests = received.requests.iter();
    let resources = requests.flat_map(|request| &request.resource_metrics);
    let attributes = resources.filter_map(|metrics| Some(&metrics.resource.as_ref()?.attributes));
    attributes.map(|attributes| instance(attributes)).collect()
}

fn of_request(request: &Request) -> Vec<Point> {
    let mut points = Vec::new();
    for metrics in &request.resource_metrics {
        let attributes = metrics
            .resource
            .as_ref()
            .map(|resource| &resource.attributes[..]);
        if instance(attributes.unwrap_or_default()) != GROUP {
            continue;
        }
        for metric in metrics
            .scope_metrics
            .iter()
            .flat_map(|scope| &scope.metrics)
        {
            let mut add = |attributes: &[KeyValue], time, start, value| {
                points.push(Point {
                    series: format!("{}{}", metric.name, labels(attributes)),
                    arrived: request.arrived,
                    time,
                    start,
                    value,
                });
            };
            let number = |point: &NumberDataPoint| match point.value {
                Some(number_data_point::Value::AsInt(value)) => Some(value as f64),
                Some(number_data_point::Value::AsDouble(value)) => Some(value),
                None => None,
            };
            match &metric.data {
                Some(Data::Gauge(gauge)) => gauge.data_points.iter().for_each(|point| {
                    if let Some(value) = number(point) {
                        add(&point.attributes, point.time_unix_nano, None, value);
                    }
                }),
                Some(Data::Sum(sum)) => sum.data_points.iter().for_each(|point| {
                    if let Some(value) = number(point) {
                        let start = Some(point.start_time_unix_nano);
                        add(&point.attributes, point.time_unix_nano, start, value);
                    }
                }),
                Some(Data::Histogram(all)) => all.data_points.iter().for_each(|point| {
                    let start = Some(point.start_time_unix_nano);
                    add(
                        &point.attributes,
                        point.time_unix_nano,
                        start,
                        point.count as f64,
                    );
                }),
                _ => {}
            }
        }
    }
    points
}

fn instance(attributes: &[KeyValue]) -> String {
    let mut own = attributes.iter();
    let own = own.find(|attribute| attribute.key == "service.instance.id");
    own.map(text).unwrap_or_default()
}

fn labels(attributes: &[KeyValue]) -> String {
    let mut all: Vec<String> = attributes
        .iter()
        .map(|attribute| format!("{}={}", attribute.key, text(attribute)))
        .collect();
    all.sort();
    format!("{{{}}}", all.join(","))
}

fn text(attribute: &KeyValue) -> String {
    match attribute
        .value
        .as_ref()
        .and_then(|value| value.value.as_ref())
    {
        Some(any_value::Value::StringValue(value)) => value.clone(),
        other => format!("{other:?}"),
    }
}
