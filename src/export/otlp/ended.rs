//! OTLP: counters and histograms of what has ended. They are counted where GitLab is read, and kept over
//! restarts; here they are only shown.
//!
//! The SDK is told what has come since the last collect. So with deltas nothing is sent twice, whatever
//! was restored and in however many messages it travels. What is in a message counts as sent once it is
//! delivered; until then the next one carries it.
//!
//! A histogram of the SDK wants single values, of which we keep the buckets and the sum: it gets values
//! that fall into the same buckets and add up to the same sum. So buckets, count and sum are the counted
//! ones. What else could be read from single values, the least and the greatest, is not sent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{Aggregation, SdkMeterProvider, Stream, Temporality};

use super::beginnings::Beginnings;
use super::reader::SharedReader;
use crate::export::meter::{SCOPE, key_values};
use crate::metrics::{Choices, EnabledMetrics, EndedSeries, Instrument, Metric, View};

/// How many series travel in one message: with twenty buckets each they take about a megabyte.
const SERIES_IN_MESSAGE: usize = 2_000;

const NANOSECONDS: u64 = 1_000_000_000;

/// What has ended, as it is pushed over OTLP.
pub struct PushedEnded {
    metrics: Vec<&'static Metric>,
    choices: Arc<Choices>,
    resource: Resource,
    temporality: Temporality,
    messages: Vec<Message>,
    /// The names of the GitLabs of which something was known already.
    known: HashSet<Option<Arc<str>>>,
    /// Whether it goes on for another exporter of this process, which has sent what was counted so far.
    is_successor: bool,
}

/// Some series that are sent together, and the provider that they are recorded with.
struct Message {
    reader: SharedReader,
    _provider: SdkMeterProvider,
    instruments: Vec<Recorder>,
    recorded: HashMap<Series, Counted>,
    /// With deltas: the series that were recorded since the message was last delivered, as they were
    /// then.
    undelivered: HashMap<Series, EndedSeries>,
    /// When it was last collected and when it was last delivered, in nanoseconds since 1970.
    collected: u64,
    delivered: u64,
}

/// What takes what has come since the last collect.
enum Recorder {
    Counter(Counter<u64>),
    Histogram(Histogram<f64>),
}

/// What was counted of a series, and since when.
#[derive(Clone, Default)]
struct Counted {
    ended: EndedSeries,
    since: u32,
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
            known: HashSet::new(),
            is_successor: false,
        }
    }

    /// Goes on for another exporter. With deltas what that one has sent is not sent again, and what was not
    /// delivered is.
    pub fn take_over(&mut self, before: &mut PushedEnded) {
        self.is_successor = true;
        self.known.clone_from(&before.known);
        if !self.sends_deltas() {
            return;
        }
        let places: Vec<Option<usize>> = before.metrics.iter().map(|own| self.place(own)).collect();
        for old in std::mem::take(&mut before.messages) {
            let mut message = self.message();
            (message.collected, message.delivered) = (old.collected, old.delivered);
            for (series, mut counted) in old.recorded {
                if let Some(undelivered) = old.undelivered.get(&series) {
                    counted.ended = undelivered.clone();
                }
                if let Some(place) = places[series.0] {
                    message.recorded.insert((place, series.1), counted);
                }
            }
            self.messages.push(message);
        }
    }

    /// The place of a metric of another exporter, if it is counted in the same buckets.
    fn place(&self, metric: &Metric) -> Option<usize> {
        let mut metrics = self.metrics.iter();
        metrics.position(|own| {
            own.unique_name() == metric.unique_name() && own.bounds() == metric.bounds()
        })
    }

    /// Takes note of what was counted before the start. With deltas an earlier process has sent it; so
    /// this comes before anything that may fail.
    pub fn begin(&mut self, view: &View) {
        for gitlab in &view.gitlabs {
            let Some(report) = &gitlab.snapshot.report else {
                continue;
            };
            let is_new = self.known.insert(gitlab.name.clone());
            let was_sent = report.restored || self.is_successor;
            if is_new && was_sent && self.sends_deltas() {
                let only = View {
                    gitlabs: vec![gitlab.clone()],
                };
                for (series, counted) in self.counted(&only) {
                    let message = self.with_room();
                    message.recorded.insert(series, counted);
                    message.delivered = message.delivered.max(report.ended * NANOSECONDS);
                }
            }
        }
    }

    /// What is to be sent of a view, in messages. What was recorded for a message that was not
    /// delivered is in it once more.
    ///
    /// # Errors
    /// If the SDK can't collect.
    pub fn collect(&mut self, view: &View) -> Result<Vec<(ResourceMetrics, Beginnings)>, String> {
        let mut now = self.counted(view);
        for at in 0..self.messages.len() {
            match self.sends_deltas() {
                true => {
                    self.carry_over(at);
                    self.messages[at].begin_again(&now);
                }
                false => self.replace_if_gone(at, &now),
            }
        }
        let deltas = self.sends_deltas();
        for message in &mut self.messages {
            let known: Vec<_> = message.recorded.keys().cloned().collect();
            for series in known {
                if let Some(counted) = now.remove(&series) {
                    let bounds = self.metrics[series.0].bounds();
                    message.record(series, counted, bounds, deltas);
                }
            }
        }
        for (series, counted) in now {
            let bounds = self.metrics[series.0].bounds();
            self.with_room().record(series, counted, bounds, deltas);
        }
        let metrics = &self.metrics;
        let collected = self.messages.iter_mut().map(|message| {
            let mut collected = ResourceMetrics::default();
            message
                .reader
                .collect(&mut collected)
                .map_err(|error| error.to_string())?;
            message.collected = time_of(&collected).unwrap_or(message.collected);
            Ok((collected, message.beginnings(metrics, deltas)))
        });
        collected.collect()
    }

    /// The message at this place of those that were collected last has been delivered.
    pub fn delivered(&mut self, at: usize) {
        if let Some(message) = self.messages.get_mut(at) {
            message.undelivered.clear();
            message.delivered = message.collected;
        }
    }

    fn sends_deltas(&self) -> bool {
        self.temporality != Temporality::Cumulative
    }

    /// Takes back what was recorded for a message that was not delivered: the SDK has forgotten it, and
    /// a new provider records it once more.
    fn carry_over(&mut self, at: usize) {
        if self.messages[at].undelivered.is_empty() {
            return;
        }
        let fresh = self.message();
        let mut old = std::mem::replace(&mut self.messages[at], fresh);
        for (series, before) in old.undelivered {
            old.recorded.entry(series).or_default().ended = before;
        }
        self.messages[at].recorded = old.recorded;
        self.messages[at].delivered = old.delivered;
    }

    /// The SDK never forgets a cumulative series: what is gone is gone with its provider.
    fn replace_if_gone(&mut self, at: usize, now: &HashMap<Series, Counted>) {
        let goes_on = self.messages[at].recorded.iter().all(|(series, before)| {
            now.get(series)
                .is_some_and(|now| now.ended.count >= before.ended.count)
        });
        if !goes_on {
            let fresh = self.message();
            let old = std::mem::replace(&mut self.messages[at], fresh);
            let series = old.recorded.into_keys();
            let series = series.filter(|series| now.contains_key(series));
            self.messages[at].recorded =
                series.map(|series| (series, Counted::default())).collect();
        }
    }

    /// All series of a view, with what was counted.
    fn counted(&self, view: &View) -> HashMap<Series, Counted> {
        let mut counted = HashMap::new();
        for (place, metric) in self.metrics.iter().enumerate() {
            let all = 0..view.projects();
            view.observe_ended(
                metric,
                all,
                &self.choices,
                &mut |attributes, ended, since| {
                    let ended = ended.clone();
                    counted.insert((place, key_values(attributes)), Counted { ended, since });
                },
            );
        }
        counted
    }

    /// The message that takes the next new series.
    fn with_room(&mut self) -> &mut Message {
        let has_room = |message: &Message| message.recorded.len() < SERIES_IN_MESSAGE;
        if !self.messages.last().is_some_and(has_room) {
            let message = self.message();
            self.messages.push(message);
        }
        let last = self.messages.len() - 1;
        &mut self.messages[last]
    }

    fn message(&self) -> Message {
        let reader = SharedReader::new(self.temporality);
        let bounds: HashMap<_, _> = self
            .metrics
            .iter()
            .map(|metric| (metric.unique_name(), metric.bounds().to_vec()))
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
                let builder = meter.f64_histogram(metric.unique_name());
                let builder = builder.with_unit(metric.unit);
                Recorder::Histogram(builder.with_description(metric.help).build())
            }
            Instrument::Counter | Instrument::Gauge | Instrument::UpDownCounter => {
                let builder = meter.u64_counter(metric.unique_name());
                let builder = builder.with_unit(metric.unit);
                Recorder::Counter(builder.with_description(metric.help).build())
            }
        });
        Message {
            reader,
            instruments: instruments.collect(),
            _provider: provider,
            recorded: HashMap::new(),
            undelivered: HashMap::new(),
            collected: 0,
            delivered: 0,
        }
    }
}

impl Message {
    /// With deltas: what is gone is forgotten, and what counts anew begins at nothing.
    fn begin_again(&mut self, now: &HashMap<Series, Counted>) {
        self.recorded.retain(|series, before| {
            let now = now.get(series);
            let counts_anew =
                |now: &Counted| now.ended.count < before.ended.count || now.since > before.since;
            if now.is_some_and(counts_anew) {
                *before = Counted::default();
            }
            now.is_some()
        });
    }

    /// Records what has come of a series since.
    fn record(&mut self, series: Series, now: Counted, bounds: &[f64], deltas: bool) {
        let Counted { ended, since } = now;
        let known = self.recorded.get(&series).map(|known| &known.ended);
        if deltas && known.is_some_and(|known| known.count == ended.count) {
            return;
        }
        let mut recorded = known.cloned().unwrap_or_default();
        if deltas {
            self.undelivered.insert(series.clone(), recorded.clone());
        }
        let instrument = &self.instruments[series.0];
        record(instrument, &series, &mut recorded, ended, bounds);
        let ended = recorded;
        self.recorded.insert(series, Counted { ended, since });
    }

    /// When that began which the message tells of: cumulative when counting began, with deltas when the
    /// message was last delivered, if that is later.
    fn beginnings(&self, metrics: &[&'static Metric], deltas: bool) -> Beginnings {
        let mut beginnings = Beginnings::default();
        for (series, counted) in &self.recorded {
            let since = u64::from(counted.since) * NANOSECONDS;
            let since = match deltas {
                true if !self.undelivered.contains_key(series) => continue,
                true => since.max(self.delivered),
                false => since,
            };
            if since > 0 {
                beginnings.note(metrics[series.0].unique_name(), &series.1, since);
            }
        }
        beginnings
    }
}

/// When it was collected, in nanoseconds since 1970; none if nothing is in it.
fn time_of(collected: &ResourceMetrics) -> Option<u64> {
    let mut scopes = collected.scope_metrics();
    let time = match scopes.next()?.metrics().next()?.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => sum.time(),
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram.time(),
        _ => return None,
    };
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
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
