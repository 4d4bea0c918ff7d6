//! OTLP: counters and histograms of what has ended. They are counted where GitLab is read, and kept over
//! restarts; here they are only shown.
//!
//! The SDK is told what has come since the last collect. So with deltas nothing is sent twice, whatever
//! was restored and in however many messages it travels.
//!
//! A histogram of the SDK wants single values, of which we keep the buckets and the sum: it gets values
//! that fall into the same buckets and add up to the same sum. So buckets, count and sum are the counted
//! ones. What else could be read from single values, the least and the greatest, is not sent.

use std::collections::HashMap;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{Aggregation, SdkMeterProvider, Stream, Temporality};

use super::meter::{SCOPE, key_values};
use super::reader::SharedReader;
use crate::metrics::{Choices, EnabledMetrics, EndedSeries, Instrument, Metric, View};

/// How many series travel in one message: with twenty buckets each they take about a megabyte.
const SERIES_IN_MESSAGE: usize = 2_000;

/// What has ended, as it is pushed over OTLP.
pub struct PushedEnded {
    metrics: Vec<&'static Metric>,
    choices: Arc<Choices>,
    resource: Resource,
    temporality: Temporality,
    messages: Vec<Message>,
    /// Whether nothing was collected yet.
    is_first: bool,
}

/// Some series that are sent together, and the provider that they are recorded with.
struct Message {
    reader: SharedReader,
    _provider: SdkMeterProvider,
    instruments: Vec<Recorder>,
    recorded: HashMap<Series, EndedSeries>,
}

/// What takes what has come since the last collect.
enum Recorder {
    Counter(Counter<u64>),
    Histogram(Histogram<f64>),
}

/// A metric, by its place, and the attributes of one of its series.
type Series = (usize, Vec<KeyValue>);

impl PushedEnded {
    pub fn new(shown: &EnabledMetrics, resource: Resource, temporality: Temporality) -> Self {
        let metrics = shown.metrics.iter().copied();
        let ended = metrics.filter(|metric| metric.counts_ended());
        PushedEnded {
            metrics: ended.collect(),
            choices: Arc::clone(&shown.choices),
            resource,
            temporality,
            messages: Vec::new(),
            is_first: true,
        }
    }

    /// What is to be sent of a view, in messages.
    ///
    /// # Errors
    /// If the SDK can't collect.
    pub fn collect(&mut self, view: &View) -> Result<Vec<ResourceMetrics>, String> {
        let mut now = self.counted(view);
        for at in 0..self.messages.len() {
            let message = &mut self.messages[at];
            let goes_on = message.recorded.iter().all(|(series, before)| {
                now.get(series).is_some_and(|now| now.count >= before.count)
            });
            if !goes_on {
                // The SDK never forgets a series: what is gone is gone with its provider.
                let fresh = self.message();
                let old = std::mem::replace(&mut self.messages[at], fresh);
                for series in old.recorded.into_keys() {
                    if now.contains_key(&series) {
                        let nothing = EndedSeries::default();
                        self.messages[at].recorded.insert(series, nothing);
                    }
                }
            }
        }
        for message in &mut self.messages {
            for (series, recorded) in &mut message.recorded {
                if let Some(ended) = now.remove(series) {
                    let bounds = self.metrics[series.0].bounds();
                    record(
                        &message.instruments[series.0],
                        series,
                        recorded,
                        ended,
                        bounds,
                    );
                }
            }
        }
        self.add(now);
        self.is_first = false;
        let collected = self.messages.iter().map(|message| {
            let mut metrics = ResourceMetrics::default();
            let collected = message.reader.collect(&mut metrics);
            collected.map_err(|error| error.to_string())?;
            Ok(metrics)
        });
        collected.collect()
    }

    /// All series of a view, with what was counted.
    fn counted(&self, view: &View) -> HashMap<Series, EndedSeries> {
        let mut counted = HashMap::new();
        for (place, metric) in self.metrics.iter().enumerate() {
            let all = 0..view.projects();
            view.observe_ended(metric, all, &self.choices, &mut |attributes, ended| {
                counted.insert((place, key_values(attributes)), ended.clone());
            });
        }
        counted
    }

    /// Records series that are new.
    fn add(&mut self, new: HashMap<Series, EndedSeries>) {
        // With deltas, what an earlier process counted has been sent by it.
        let was_sent = self.is_first && self.temporality == Temporality::Delta;
        for (series, ended) in new {
            let has_room = |message: &Message| message.recorded.len() < SERIES_IN_MESSAGE;
            if !self.messages.last().is_some_and(has_room) {
                let message = self.message();
                self.messages.push(message);
            }
            let bounds = self.metrics[series.0].bounds();
            let Some(message) = self.messages.last_mut() else {
                continue;
            };
            let mut recorded = EndedSeries::default();
            match was_sent {
                true => recorded = ended,
                false => {
                    let instrument = &message.instruments[series.0];
                    record(instrument, &series, &mut recorded, ended, bounds);
                }
            }
            message.recorded.insert(series, recorded);
        }
    }

    fn message(&self) -> Message {
        let reader = SharedReader::new(self.temporality);
        let bounds: HashMap<_, _> = self
            .metrics
            .iter()
            .map(|metric| (metric.name, metric.bounds().to_vec()))
            .collect();
        let provider = SdkMeterProvider::builder()
            .with_resource(self.resource.clone())
            .with_reader(reader.clone())
            .with_view(move |instrument: &opentelemetry_sdk::metrics::Instrument| {
                let boundaries = bounds.get(instrument.name())?.clone();
                let aggregation = match boundaries.is_empty() {
                    true => Aggregation::Sum,
                    false => Aggregation::ExplicitBucketHistogram {
                        boundaries,
                        record_min_max: false,
                    },
                };
                // The bounds are sorted and the limit is a constant, so building can't fail.
                Stream::builder()
                    .with_aggregation(aggregation)
                    .with_cardinality_limit(SERIES_IN_MESSAGE + 1)
                    .build()
                    .ok()
            })
            .build();
        let meter = provider.meter(SCOPE);
        let instruments = self.metrics.iter().map(|metric| match metric.instrument {
            Instrument::Histogram => {
                let builder = meter.f64_histogram(metric.name).with_unit(metric.unit);
                Recorder::Histogram(builder.with_description(metric.help).build())
            }
            Instrument::Counter | Instrument::Gauge => {
                let builder = meter.u64_counter(metric.name).with_unit(metric.unit);
                Recorder::Counter(builder.with_description(metric.help).build())
            }
        });
        Message {
            reader,
            instruments: instruments.collect(),
            _provider: provider,
            recorded: HashMap::new(),
        }
    }
}

/// Records what has come since.
fn record(
    recorder: &Recorder,
    (_, attributes): &Series,
    recorded: &mut EndedSeries,
    ended: EndedSeries,
    bounds: &[f64],
) {
    let instrument = match recorder {
        Recorder::Histogram(instrument) => instrument,
        Recorder::Counter(counter) => {
            counter.add(ended.count.saturating_sub(recorded.count), attributes);
            *recorded = ended;
            return;
        }
    };
    let before = recorded.buckets.iter().chain(std::iter::repeat(&0));
    let new = ended.buckets.iter().zip(before);
    let new: Vec<u64> = new
        .map(|(now, before)| now.saturating_sub(*before))
        .collect();
    let mut sum = recorded.sum;
    values(&new, recorded.sum, ended.sum, bounds, &mut |value| {
        instrument.record(value, attributes);
        sum += value;
    });
    *recorded = EndedSeries { sum, ..ended };
}

/// Values that fall into these buckets and bring a sum from `before` to `after`.
fn values(new: &[u64], before: f64, after: f64, bounds: &[f64], take: &mut impl FnMut(f64)) {
    let least = |bucket: usize| match bucket.checked_sub(1) {
        Some(below) => bounds[below].next_up(),
        None => 0.0_f64.min(bounds[0]),
    };
    let most = |bucket: usize| bounds.get(bucket).copied().unwrap_or(f64::INFINITY);
    let counts = new.iter().enumerate();
    let lows: f64 = counts
        .clone()
        .map(|(bucket, count)| least(bucket) * *count as f64)
        .sum();
    let mut left = (after - before - lows).max(0.0);
    let (mut sum, mut todo) = (before, new.iter().sum::<u64>());
    // The last bucket has no upper bound and takes what is left, if it has any values.
    for (bucket, count) in counts.rev() {
        let (low, high) = (least(bucket), most(bucket));
        for _ in 0..*count {
            let more = left.min(high - low);
            left -= more;
            todo -= 1;
            // The last one makes up for what was rounded.
            let value = match todo {
                0 => (after - sum).clamp(low, high),
                _ => (low + more).clamp(low, high),
            };
            sum += value;
            take(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_values_have_the_same_buckets_and_the_same_sum() {
        let bounds = [1.0, 10.0, 60.0];
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..500 {
            let most = [0.5, 9.0, 50.0, 5_000.0][random.usize(..4)];
            let told: Vec<f64> = (0..random.usize(1..40))
                .map(|_| random.f64() * most)
                .collect();
            let bucket = |value: f64| bounds.partition_point(|bound| *bound < value);
            let mut buckets = vec![0; 4];
            told.iter().for_each(|value| buckets[bucket(*value)] += 1);
            let (before, sum) = (7.5, told.iter().sum::<f64>());
            let (mut made_up, mut total) = (vec![0; 4], before);
            values(&buckets, before, before + sum, &bounds, &mut |value| {
                made_up[bucket(value)] += 1;
                total += value;
            });
            assert_eq!(made_up, buckets);
            assert!(
                (total - before - sum).abs() <= 1e-9 * (before + sum),
                "{total} {sum}"
            );
        }
    }
}
