//! `/metrics`: a collector of rust-prometheus puts histograms of what has ended into the registry, with
//! the buckets as they were counted. The SDK has no observable histogram, and its data can't be made by
//! others.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::meter::{Frame, ViewBatch};
use crate::metrics::{Choices, EnabledMetrics, EndedSeries, Instrument, Metric};

/// Puts one histogram into a registry of rust-prometheus.
pub struct HistogramCollector {
    frame: Arc<Frame<ViewBatch>>,
    metric: &'static Metric,
    /// Its place among the shown metrics.
    index: usize,
    choices: Arc<Choices>,
    description: Desc,
}

impl HistogramCollector {
    /// A collector for each histogram that is shown of what `frame` holds.
    pub fn all(frame: &Arc<Frame<ViewBatch>>, shown: &EnabledMetrics) -> Vec<Self> {
        let metrics = shown.metrics.iter().copied().enumerate();
        let histograms = metrics.filter(|(_, metric)| metric.instrument == Instrument::Histogram);
        let collectors = histograms.filter_map(|(index, metric)| {
            let (name, help) = (metric.name.to_owned(), metric.help.to_owned());
            Some(HistogramCollector {
                frame: Arc::clone(frame),
                metric,
                index,
                choices: Arc::clone(&shown.choices),
                // The catalogue has checked the name.
                description: Desc::new(name, help, Vec::new(), HashMap::new()).ok()?,
            })
        });
        collectors.collect()
    }
}

impl Collector for HistogramCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let mut series = Vec::new();
        self.frame.guard(self.metric, |content| {
            if let Some(Some(projects)) = content.batch.get(self.index) {
                content.view.observe_ended(
                    self.metric,
                    projects.clone(),
                    &self.choices,
                    &mut |attributes, ended, _| {
                        series.push(exposed(attributes, ended, self.metric.bounds()));
                    },
                );
            }
        });
        if series.is_empty() {
            return Vec::new();
        }
        let mut family = proto::MetricFamily::default();
        family.set_name(self.metric.name.to_owned());
        family.set_help(self.metric.help.to_owned());
        family.set_field_type(proto::MetricType::HISTOGRAM);
        family.set_metric(series);
        vec![family]
    }
}

fn exposed(
    attributes: &[(&'static str, &str)],
    ended: &EndedSeries,
    bounds: &[f64],
) -> proto::Metric {
    let mut attributes = attributes.to_vec();
    attributes.sort_unstable();
    let labels = attributes.into_iter().map(|(name, value)| {
        let mut label = proto::LabelPair::default();
        label.set_name(name.to_owned());
        label.set_value(value.to_owned());
        label
    });
    let mut below = 0;
    let buckets = bounds.iter().zip(&ended.buckets).map(|(bound, count)| {
        below += count;
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut histogram = proto::Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(ended.count);
    histogram.set_sample_sum(ended.sum);
    let mut metric = proto::Metric::from_label(labels.collect());
    metric.set_histogram(histogram);
    metric
}
