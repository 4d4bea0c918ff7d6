//! By which names metrics go over OTLP. Where they are those of the semantic conventions, several of our metrics
//! may be one: each is recorded by an instrument of its own, and they are put together in the message.

use std::collections::HashMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ScopeMetrics};

use crate::metrics::{CONVENTIONS_VERSION, EnabledMetrics};

/// The names of metrics and of their attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// Our own, the same as in the exposition.
    #[default]
    Gitlab,
    /// Those of OpenTelemetry's semantic conventions.
    Semconv,
}

impl Names {
    /// What is shown, by these names.
    pub fn of(self, shown: EnabledMetrics) -> EnabledMetrics {
        match self {
            Names::Gitlab => shown,
            Names::Semconv => shown.by_conventions(),
        }
    }

    /// Where the schema of these names stands; empty without one.
    pub fn schema_url(self) -> String {
        match self {
            Names::Gitlab => String::new(),
            Names::Semconv => format!("https://opentelemetry.io/schemas/{CONVENTIONS_VERSION}"),
        }
    }

    /// Gives the metrics of a message the names that they have for others, and says of which schema these are.
    pub fn finish(self, message: &mut ExportMetricsServiceRequest) {
        if self == Names::Gitlab {
            return;
        }
        for resource in &mut message.resource_metrics {
            resource.schema_url = self.schema_url();
            for scope in &mut resource.scope_metrics {
                scope.schema_url = self.schema_url();
                put_together(scope);
            }
        }
    }
}

/// Puts metrics of one name together. An instrument's name is unique by what follows a slash.
fn put_together(scope: &mut ScopeMetrics) {
    let mut places = HashMap::<String, usize>::new();
    let mut metrics: Vec<Metric> = Vec::with_capacity(scope.metrics.len());
    for mut metric in scope.metrics.drain(..) {
        let Some(end) = metric.name.find('/') else {
            metrics.push(metric); // A series that has ended, which is a metric of its own.
            continue;
        };
        metric.name.truncate(end);
        match places.get(&metric.name) {
            Some(place) => add(&mut metrics[*place], metric),
            None => {
                places.insert(metric.name.clone(), metrics.len());
                metrics.push(metric);
            }
        }
    }
    scope.metrics = metrics;
}

/// Adds the points of a metric to another one of the same name, and so of the same kind.
fn add(to: &mut Metric, more: Metric) {
    match (&mut to.data, more.data) {
        (Some(Data::Gauge(to)), Some(Data::Gauge(more))) => to.data_points.extend(more.data_points),
        (Some(Data::Sum(to)), Some(Data::Sum(more))) => to.data_points.extend(more.data_points),
        (Some(Data::Histogram(to)), Some(Data::Histogram(more))) => {
            to.data_points.extend(more.data_points);
        }
        _ => {}
    }
}
