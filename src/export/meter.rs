//! OpenTelemetry instruments over what is known: the callbacks read, nothing else does.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Stream};

use super::batches::{Batch, Bounds};
use crate::lock::lock;
use crate::metrics::{BridgeStatus, Emit, EnabledMetrics, Instrument, Metric, View};

/// The instrumentation scope of every series.
pub(super) const SCOPE: &str = "gitlab-metrics-bridge";

/// The SDK counts the series of the last collect and of this one against its limit, and puts what
/// is over it into one series without a word. The default of 2,000 is far too low.
const CARDINALITY_LIMIT: usize = 2 * Bounds::DEFAULT.series + 1;

/// The instruments of one meter provider with one reader, showing what is put before them.
///
/// One provider per reader: a callback that one reader runs would also write into another's.
pub struct Instruments<T> {
    /// Dropping the provider would shut the reader down.
    _provider: SdkMeterProvider,
    frame: Arc<Frame<T>>,
    /// Held by one collect at a time: two would see each other's content.
    turn: Mutex<()>,
}

/// What the callbacks see during a collect.
pub struct Frame<T> {
    content: Mutex<T>,
    panicked: AtomicBool,
    /// The metrics that panicked, which is logged once.
    told: Mutex<BTreeSet<&'static str>>,
}

/// A batch of a view's series.
#[derive(Default)]
pub struct ViewBatch {
    pub view: Arc<View>,
    pub batch: Batch,
}

impl Instruments<ViewBatch> {
    /// Instruments for every shown metric about GitLab.
    pub fn about_gitlab(
        reader: impl MetricReader,
        resource: Resource,
        shown: &EnabledMetrics,
    ) -> Self {
        let (instruments, meter) = Self::new(reader, resource);
        let choices = &shown.choices;
        for (index, &metric) in shown.metrics.iter().enumerate() {
            if !metric.is_about_gitlab() {
                continue;
            }
            let (frame, choices) = (Arc::clone(&instruments.frame), Arc::clone(choices));
            instrument(&meter, metric, move |emit| {
                frame.guard(metric, |content| {
                    if let Some(Some(projects)) = content.batch.get(index) {
                        content
                            .view
                            .observe(metric, projects.clone(), &choices, emit);
                    }
                });
            });
        }
        instruments
    }
}

impl Instruments<BridgeStatus> {
    /// Instruments for every shown metric about the bridge itself.
    pub fn about_bridge(
        reader: impl MetricReader,
        resource: Resource,
        shown: &EnabledMetrics,
    ) -> Self {
        let (instruments, meter) = Self::new(reader, resource);
        for &metric in &shown.metrics {
            if metric.is_about_gitlab() {
                continue;
            }
            let frame = Arc::clone(&instruments.frame);
            instrument(&meter, metric, move |emit| {
                frame.guard(metric, |bridge| metric.observe_bridge(bridge, emit));
            });
        }
        instruments
    }
}

/// Builds the instrument of a metric, which shows what `show` emits. Whole numbers are integers in
/// OTLP.
fn instrument(
    meter: &Meter,
    metric: &'static Metric,
    show: impl Fn(&mut Emit<'_>) + Send + Sync + 'static,
) {
    let whole = |show: &dyn Fn(&mut Emit<'_>), observer: &dyn AsyncInstrument<u64>| {
        show(&mut |attributes, value| observer.observe(value as u64, &key_values(attributes)));
    };
    let fraction = |show: &dyn Fn(&mut Emit<'_>), observer: &dyn AsyncInstrument<f64>| {
        show(&mut |attributes, value| observer.observe(value, &key_values(attributes)));
    };
    let (name, unit, help) = (metric.unique_name(), metric.unit, metric.help);
    match (metric.instrument, metric.is_whole()) {
        (Instrument::Gauge, true) => drop(
            (meter.u64_observable_gauge(name).with_unit(unit))
                .with_description(help)
                .with_callback(move |observer| whole(&show, observer))
                .build(),
        ),
        (Instrument::Gauge, false) => drop(
            (meter.f64_observable_gauge(name).with_unit(unit))
                .with_description(help)
                .with_callback(move |observer| fraction(&show, observer))
                .build(),
        ),
        (Instrument::Counter, true) => drop(
            (meter.u64_observable_counter(name).with_unit(unit))
                .with_description(help)
                .with_callback(move |observer| whole(&show, observer))
                .build(),
        ),
        (Instrument::Counter, false) => drop(
            (meter.f64_observable_counter(name).with_unit(unit))
                .with_description(help)
                .with_callback(move |observer| fraction(&show, observer))
                .build(),
        ),
        (Instrument::UpDownCounter, true) => drop(
            (meter.i64_observable_up_down_counter(name).with_unit(unit))
                .with_description(help)
                .with_callback(move |observer| {
                    show(&mut |attributes, value| {
                        observer.observe(value as i64, &key_values(attributes));
                    });
                })
                .build(),
        ),
        (Instrument::UpDownCounter, false) => drop(
            (meter.f64_observable_up_down_counter(name).with_unit(unit))
                .with_description(help)
                .with_callback(move |observer| fraction(&show, observer))
                .build(),
        ),
        // There is no observable one: see `histograms` and `ended`.
        (Instrument::Histogram, _) => {}
    }
}

impl<T: Default + Send + 'static> Instruments<T> {
    fn new(reader: impl MetricReader, resource: Resource) -> (Self, Meter) {
        let provider = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(reader)
            .with_view(|_: &opentelemetry_sdk::metrics::Instrument| {
                // The limit is a constant within the SDK's bounds, so building can't fail.
                Stream::builder()
                    .with_cardinality_limit(CARDINALITY_LIMIT)
                    .build()
                    .ok()
            })
            .build();
        let meter = provider.meter(SCOPE);
        let frame = Frame {
            content: Mutex::new(T::default()),
            panicked: AtomicBool::new(false),
            told: Mutex::default(),
        };
        (
            Instruments {
                _provider: provider,
                frame: Arc::new(frame),
                turn: Mutex::new(()),
            },
            meter,
        )
    }

    /// What the callbacks see during a collect.
    pub fn frame(&self) -> &Arc<Frame<T>> {
        &self.frame
    }

    /// Runs `collect` while the callbacks see `content`. Fails if one of them panicked: what it
    /// would have shown is missing, and an incomplete batch must not pass for a whole one.
    pub fn collect<R>(&self, content: T, collect: impl FnOnce() -> R) -> Result<R, String> {
        let _turn = lock(&self.turn);
        *self.frame.lock() = content;
        self.frame.panicked.store(false, Ordering::Relaxed);
        let collected = collect();
        *self.frame.lock() = T::default();
        match self.frame.panicked.load(Ordering::Relaxed) {
            true => Err(
                "reading a metric panicked; this is a bug, please report it with the log"
                    .to_owned(),
            ),
            false => Ok(collected),
        }
    }
}

impl<T> Frame<T> {
    fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.content)
    }

    /// A panic that left a callback would poison the SDK's pipeline for ever: scrapes would be
    /// empty and exports would stop.
    pub fn guard(&self, metric: &Metric, read: impl FnOnce(&T)) {
        let content = self.lock();
        if catch_unwind(AssertUnwindSafe(|| read(&content))).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
            let mut told = lock(&self.told);
            if told.insert(metric.name) {
                tracing::error!(metric = metric.name, "reading a metric panicked");
            }
        }
    }
}

/// Sorted by key, as the SDK wants them: it would keep a second entry for each series otherwise.
pub(super) fn key_values(attributes: &[(&'static str, &str)]) -> Vec<KeyValue> {
    let mut key_values: Vec<_> = attributes
        .iter()
        .map(|(key, value)| KeyValue::new(*key, (*value).to_owned()))
        .collect();
    key_values.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    key_values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::fragile::FRAGILE;
    use crate::metrics::{Catalogue, Choices, GitLabStatus, Identity, Owner, Report, Snapshot};

    fn batch(id: u64) -> ViewBatch {
        let identity = Identity {
            id,
            last_activity: Some(id),
            ..Identity::default()
        };
        let snapshot = Snapshot {
            projects: vec![Arc::new(Owner::new(identity, 0, Vec::new()))],
            ..Snapshot::default()
        };
        ViewBatch {
            view: Arc::new(Arc::new(snapshot).into()),
            batch: vec![Some(0..1)],
        }
    }

    #[test]
    fn a_panic_in_a_callback_fails_that_collect_and_no_other() {
        let catalogue = Box::leak(Box::new(Catalogue::new(&[&FRAGILE]).unwrap()));
        let shown = EnabledMetrics::new(catalogue, |_| true, Choices::default());
        let registry = prometheus::Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .unwrap();
        let instruments =
            Instruments::about_gitlab(reader, Resource::builder_empty().build(), &shown);
        for (id, good) in [(1, true), (13, false), (14, true)] {
            let collected = instruments.collect(batch(id), || registry.gather());
            assert_eq!(collected.is_ok(), good, "project {id}");
            let values: Vec<_> = collected
                .iter()
                .flatten()
                .filter(|family| {
                    family.name() == "gitlab_fragile_thing" || family.name() == "gitlab_fragile"
                })
                .collect();
            assert_eq!(values.len(), usize::from(good));
        }
    }

    #[test]
    fn collects_at_the_same_time_do_not_see_each_other() {
        let shown = EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default());
        let registry = prometheus::Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .unwrap();
        let instruments =
            Instruments::about_bridge(reader, Resource::builder_empty().build(), &shown);
        let report = |requests| Report {
            ended: requests,
            requests,
            reached: true,
            last_complete: Some(requests),
            ..Report::default()
        };
        std::thread::scope(|scope| {
            for number in 0..8_u64 {
                let (instruments, registry, report) = (&instruments, &registry, &report);
                scope.spawn(move || {
                    for _ in 0..20 {
                        let snapshot = Snapshot {
                            report: Some(report(number)),
                            ..Snapshot::default()
                        };
                        let gitlab = GitLabStatus {
                            snapshot: Arc::new(snapshot),
                            now: number,
                            wall_clock: number,
                            ..GitLabStatus::default()
                        };
                        let bridge = BridgeStatus {
                            gitlabs: vec![gitlab],
                            ..BridgeStatus::default()
                        };
                        let families = instruments.collect(bridge, || registry.gather()).unwrap();
                        let seen = families
                            .iter()
                            .find(|family| family.name().contains("last_successful_poll"));
                        assert_eq!(
                            seen.unwrap().get_metric()[0].get_gauge().get_value(),
                            number as f64
                        );
                    }
                });
            }
        });
    }
}
