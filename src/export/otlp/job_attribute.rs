//! What the attribute `job`, the name of a CI job, is called over OTLP. To Prometheus the label `job` is the service:
//! the Collector's exporter refuses series that bring one of their own, its remote write and Prometheus' receiver
//! write the service over it, and so make one series of several.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

/// The names that it may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobAttribute {
    /// As on our own page, and in the catalogue.
    #[default]
    Job,
    /// As a Prometheus calls it that scrapes our page.
    ExportedJob,
}

impl JobAttribute {
    const CATALOGUED: &'static str = "job";

    /// What an attribute of the catalogue is called.
    pub fn name_of(self, attribute: &'static str) -> &'static str {
        match self {
            JobAttribute::ExportedJob if attribute == Self::CATALOGUED => "exported_job",
            _ => attribute,
        }
    }

    /// Renames it in all points of a message.
    pub fn rename(self, message: &mut ExportMetricsServiceRequest) {
        if self == JobAttribute::Job {
            return;
        }
        let resources = message.resource_metrics.iter_mut();
        let scopes = resources.flat_map(|resource| &mut resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &mut scope.metrics) {
            match &mut metric.data {
                Some(Data::Gauge(gauge)) => self.rename_all(
                    gauge
                        .data_points
                        .iter_mut()
                        .map(|point| &mut point.attributes),
                ),
                Some(Data::Sum(sum)) => self.rename_all(
                    sum.data_points
                        .iter_mut()
                        .map(|point| &mut point.attributes),
                ),
                Some(Data::Histogram(all)) => self.rename_all(
                    all.data_points
                        .iter_mut()
                        .map(|point| &mut point.attributes),
                ),
                // We send nothing else.
                _ => {}
            }
        }
    }

    fn rename_all<'a>(self, points: impl Iterator<Item = &'a mut Vec<KeyValue>>) {
        for attribute in points.flatten() {
            if attribute.key == Self::CATALOGUED {
                self.name_of(Self::CATALOGUED)
                    .clone_into(&mut attribute.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::{
        Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
        ScopeMetrics, Sum,
    };

    use super::*;

    fn attributes() -> Vec<KeyValue> {
        ["job", "job_name", "stage"]
            .map(|key| KeyValue {
                key: key.to_owned(),
                ..KeyValue::default()
            })
            .into()
    }

    /// A message with a point of each kind.
    fn message() -> ExportMetricsServiceRequest {
        let number = NumberDataPoint {
            attributes: attributes(),
            ..NumberDataPoint::default()
        };
        let buckets = HistogramDataPoint {
            attributes: attributes(),
            ..HistogramDataPoint::default()
        };
        let kinds = [
            Data::Gauge(Gauge {
                data_points: vec![number.clone()],
            }),
            Data::Sum(Sum {
                data_points: vec![number],
                ..Sum::default()
            }),
            Data::Histogram(Histogram {
                data_points: vec![buckets],
                ..Histogram::default()
            }),
        ];
        let metrics = kinds.map(|data| Metric {
            data: Some(data),
            ..Metric::default()
        });
        let scope = ScopeMetrics {
            metrics: metrics.into(),
            ..ScopeMetrics::default()
        };
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                scope_metrics: vec![scope],
                ..ResourceMetrics::default()
            }],
        }
    }

    /// How often a message has an attribute of that name.
    fn count(message: &ExportMetricsServiceRequest, name: &str) -> usize {
        format!("{message:?}")
            .matches(&format!("key: {name:?}"))
            .count()
    }

    #[test]
    fn points_of_each_kind_are_renamed_and_nothing_else_in_them() {
        let mut renamed = message();
        JobAttribute::ExportedJob.rename(&mut renamed);
        let counts = ["job", "exported_job", "job_name", "stage"].map(|name| count(&renamed, name));
        assert_eq!(counts, [0, 3, 3, 3]);
        let mut kept = message();
        JobAttribute::Job.rename(&mut kept);
        assert_eq!(kept, message());
    }
}
