//! OpenTelemetry instruments over what is known: the callbacks read, nothing else does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Stream};

use super::pages::{Bounds, Page};
use crate::metrics::{Bridge, Instrument, Metric, Shown, View};

/// The instrumentation scope of every series.
const SCOPE: &str = "gitlab-metrics-bridge";

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
struct Frame<T> {
    content: Mutex<T>,
    panicked: AtomicBool,
}

/// A page of a view.
#[derive(Default)]
pub struct ViewPage {
    pub view: Arc<View>,
    pub page: Page,
}

impl Instruments<ViewPage> {
    /// Instruments for every shown metric about GitLab.
    pub fn about_gitlab(reader: impl MetricReader, resource: Resource, shown: &Shown) -> Self {
        let (instruments, meter) = Self::new(reader, resource);
        let project_path = shown.project_path;
        for (index, metric) in shown.metrics.iter().enumerate() {
            if !metric.is_about_gitlab() {
                continue;
            }
            let frame = Arc::clone(&instruments.frame);
            let metric: &'static Metric = metric;
            meter
                .u64_observable_gauge(metric.name)
                .with_unit(metric.unit)
                .with_description(metric.help)
                .with_callback(move |observer| {
                    frame.guard(metric, |content| {
                        let Some(Some(projects)) = content.page.get(index) else {
                            return;
                        };
                        content.view.observe(
                            metric,
                            projects.clone(),
                            project_path,
                            &mut |attributes, value| {
                                observer.observe(value as u64, &key_values(attributes));
                            },
                        );
                    });
                })
                .build();
        }
        instruments
    }
}

impl Instruments<Bridge> {
    /// Instruments for every shown metric about the bridge itself.
    pub fn about_bridge(reader: impl MetricReader, resource: Resource, shown: &Shown) -> Self {
        let (instruments, meter) = Self::new(reader, resource);
        for metric in &shown.metrics {
            if metric.is_about_gitlab() {
                continue;
            }
            let frame = Arc::clone(&instruments.frame);
            let metric: &'static Metric = metric;
            let callback = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
                frame.guard(metric, |bridge| {
                    metric.observe_bridge(bridge, &mut |attributes, value| {
                        observer.observe(value, &key_values(attributes));
                    });
                });
            };
            match metric.instrument {
                Instrument::Gauge => {
                    let builder = meter
                        .f64_observable_gauge(metric.name)
                        .with_unit(metric.unit);
                    builder
                        .with_description(metric.help)
                        .with_callback(callback)
                        .build();
                }
                Instrument::Counter => {
                    let builder = meter
                        .f64_observable_counter(metric.name)
                        .with_unit(metric.unit);
                    builder
                        .with_description(metric.help)
                        .with_callback(callback)
                        .build();
                }
            }
        }
        instruments
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

    /// Runs `collect` while the callbacks see `content`. Fails if one of them panicked: what it
    /// would have shown is missing, and an incomplete page must not pass for a whole one.
    pub fn collect<R>(&self, content: T, collect: impl FnOnce() -> R) -> Result<R, String> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic that left a callback would poison the SDK's pipeline for ever: scrapes would be
    /// empty and exports would stop.
    fn guard(&self, metric: &Metric, read: impl FnOnce(&T)) {
        let content = self.lock();
        if catch_unwind(AssertUnwindSafe(|| read(&content))).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
            tracing::error!(metric = metric.name, "reading a metric panicked");
        }
    }
}

/// Sorted by key, as the SDK wants them: it would keep a second entry for each series otherwise.
fn key_values(attributes: &[(&'static str, &str)]) -> Vec<KeyValue> {
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
    use crate::metrics::{
        Attribute, Instance, Project, Reading, Report, Snapshot, Source, questions,
    };

    static FRAGILE: Metric = Metric {
        name: "gitlab_fragile",
        unit: "{thing}",
        help: "Panics for project 13",
        instrument: Instrument::Gauge,
        attributes: &[] as &[Attribute],
        source: Source::Known {
            value: |identity| {
                Some(if identity.id == 13 {
                    panic!("unlucky")
                } else {
                    identity.id
                })
            },
            attributes: |_| Vec::new(),
        },
    };

    fn page(id: u64) -> ViewPage {
        let identity = crate::metrics::Identity {
            id,
            id_text: id.to_string(),
            ..Default::default()
        };
        let readings = vec![Reading::Unknown("timeout"); questions().len()];
        let project = Project {
            identity,
            listed: 0,
            readings,
        };
        let snapshot = Snapshot {
            projects: vec![Arc::new(project)],
            ..Snapshot::default()
        };
        ViewPage {
            view: Arc::new(Arc::new(snapshot).into()),
            page: vec![Some(0..1)],
        }
    }

    #[test]
    fn a_panic_in_a_callback_fails_that_collect_and_no_other() {
        let shown = Shown {
            metrics: vec![&FRAGILE],
            project_path: false,
        };
        let registry = prometheus::Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .unwrap();
        let instruments =
            Instruments::about_gitlab(reader, Resource::builder_empty().build(), &shown);
        for (id, good) in [(1, true), (13, false), (14, true)] {
            let collected = instruments.collect(page(id), || registry.gather());
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
        let shown = Shown {
            metrics: crate::metrics::catalogue().to_vec(),
            project_path: false,
        };
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
                        let instance = Instance {
                            snapshot: Arc::new(snapshot),
                            now: number,
                            wall_clock: number,
                            ..Instance::default()
                        };
                        let bridge = Bridge {
                            instances: vec![instance],
                            ..Bridge::default()
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
