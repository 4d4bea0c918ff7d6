//! OTLP: when counting began. The SDK tells when it was given a first value, and lets nobody say otherwise.
//! So what it has made of what has ended is set right before it is encoded.

use std::collections::HashMap;

use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue as WireKeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

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
    pub fn correct(&self, message: &mut ExportMetricsServiceRequest) {
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
