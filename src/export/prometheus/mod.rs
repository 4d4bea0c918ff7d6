//! The exposition: what is about GitLab rendered when it changes, what is about the bridge at every
//! scrape.
//!
//! Everything is rendered through a meter provider and its official exporter. That takes a
//! microsecond for each series, so only what changed is rendered: `difference` finds the projects,
//! `fragments` puts their lines in place of the old ones.

mod difference;
mod entries;
mod fragments;
mod gzip;

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::body::Bytes;
use opentelemetry_sdk::Resource;
use prometheus::{Encoder, Registry, TextEncoder};
use tokio_util::sync::CancellationToken;

use super::histograms::HistogramCollector;
use super::meter::{Instruments, ViewPage};
use super::pages::Bounds;
use super::{Health, Introspect, Views};
use crate::metrics::{BridgeStatus, EnabledMetrics, Metric, View};
use difference::{Changed, Side};
use fragments::MetricText;
use gzip::{Codec, HEADER, Sum};

/// Renders the exposition.
pub struct Prometheus {
    gitlab: Collector<ViewPage>,
    bridge: Collector<BridgeStatus>,
    shown: EnabledMetrics,
    health: Health,
    rendered: Mutex<Arc<Rendered>>,
}

struct Collector<T> {
    registry: Registry,
    instruments: Instruments<T>,
}

/// The part of the exposition that changes with the view.
#[derive(Clone, Default)]
struct Rendered {
    view: Arc<View>,
    /// One for each shown metric about GitLab.
    texts: Vec<Arc<MetricText>>,
    sum: Sum,
}

/// An exposition in pieces, to be sent one after the other.
pub struct Exposition {
    /// The pieces: made when they are taken, so that a long text is never in memory as a whole.
    pub pieces: Pieces,
    /// Bytes of all pieces.
    pub length: u64,
    /// Whether they are a gzip stream.
    pub gzip: bool,
}

/// What is still to be sent of an exposition.
pub struct Pieces {
    rendered: Arc<Rendered>,
    /// The metric and the piece of it that come next.
    next: (usize, usize),
    gzip: bool,
    codec: Option<Codec>,
    first: Option<Bytes>,
    last: Vec<Bytes>,
}

impl Prometheus {
    /// Builds the exporter.
    ///
    /// # Errors
    /// If the SDK's exporter can't be built.
    pub fn build(resource: &Resource, shown: EnabledMetrics) -> Result<Prometheus> {
        let (registry, reader) = registry_and_reader()?;
        let instruments = Instruments::about_gitlab(reader, resource.clone(), &shown);
        for histogram in HistogramCollector::all(instruments.frame(), &shown) {
            let registered = registry.register(Box::new(histogram));
            registered.context("registering a histogram")?;
        }
        let gitlab = Collector {
            registry,
            instruments,
        };
        let (registry, reader) = registry_and_reader()?;
        let instruments = Instruments::about_bridge(reader, resource.clone(), &shown);
        let bridge = Collector {
            registry,
            instruments,
        };
        Ok(Prometheus {
            gitlab,
            bridge,
            shown,
            health: Health::new("prometheus"),
            rendered: Mutex::default(),
        })
    }

    /// How the rendering goes.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Renders every view as it comes.
    pub async fn run(self: Arc<Self>, mut views: Views, stop: CancellationToken) {
        loop {
            let view = views.borrow_and_update().clone();
            let this = Arc::clone(&self);
            let rendering = tokio::task::spawn_blocking(move || this.render(&view));
            let rendered = rendering.await.unwrap_or_else(|panicked| {
                let outcome = Err(panicked.to_string());
                self.health.note(&outcome);
                outcome
            });
            if let Err(error) = rendered {
                tracing::error!(
                    error,
                    "rendering the exposition failed; the last good one is still served"
                );
            }
            tokio::select! {
                changed = views.changed() => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
    }

    /// Renders a view and shows it from now on.
    ///
    /// # Errors
    /// If a series is missing from the text; the last good one stays then.
    pub fn render(&self, view: &Arc<View>) -> Result<(), String> {
        let outcome = self.after(&self.rendered(), view).map(|rendered| {
            *self.rendered.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rendered);
        });
        self.health.note(&outcome);
        outcome
    }

    /// The view that is shown.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.rendered().view)
    }

    /// The exposition now, with what the bridge says of itself at this moment.
    pub fn exposition(&self, introspect: &Introspect, gzip: bool) -> Exposition {
        let rendered = self.rendered();
        let bridge = introspect(&rendered.view);
        let fresh = self.bridge.gather(bridge).unwrap_or_else(|error| {
            tracing::error!(error, "reading the bridge's own metrics failed");
            Vec::new()
        });
        Exposition::of(rendered, fresh, gzip)
    }

    fn rendered(&self) -> Arc<Rendered> {
        Arc::clone(&self.rendered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is rendered for a view: what was rendered before it, with what changed since. If that does
    /// not work out, everything is rendered.
    fn after(&self, before: &Rendered, view: &Arc<View>) -> Result<Rendered, String> {
        match self.changed(before, view) {
            Err(error) if !before.texts.is_empty() => {
                tracing::warn!(error, "rendering what changed failed; rendering everything");
                self.changed(&Rendered::default(), view)
            }
            rendered => rendered,
        }
    }

    fn changed(&self, before: &Rendered, view: &Arc<View>) -> Result<Rendered, String> {
        let changed = difference::changed(&before.view, view);
        if !before.texts.is_empty() && changed.len() > view.projects() / 2 {
            // To find the old lines of most projects takes longer than to render the others again.
            return self.changed(&Rendered::default(), view);
        }
        let metrics = self.shown.metrics.iter().enumerate();
        let metrics = metrics.filter(|(_, metric)| metric.is_about_gitlab());
        let mut codec = Codec::new();
        let mut rendered = Rendered {
            view: Arc::clone(view),
            ..Rendered::default()
        };
        for (place, (index, metric)) in metrics.enumerate() {
            let mut text = before.texts.get(place).cloned().unwrap_or_default();
            match metric.is_per_project() {
                true => self.update(&mut text, index, &changed, view, &mut codec)?,
                false => self.update_total(&mut text, index, view, &mut codec)?,
            }
            rendered.sum = rendered.sum.and(text.whole().sum);
            rendered.texts.push(text);
        }
        // A gather can't report an error, it returns less.
        let series: u64 = rendered.texts.iter().map(|text| text.series()).sum();
        match series == view.series() {
            true => Ok(rendered),
            false => Err(format!("{series} of {} series came out", view.series())),
        }
    }

    /// Brings the text of a metric with a series for each project up to date.
    fn update(
        &self,
        text: &mut Arc<MetricText>,
        index: usize,
        changed: &[Changed],
        view: &View,
        codec: &mut Codec,
    ) -> Result<(), String> {
        let metric = self.shown.metrics[index];
        let changed = changed.iter().filter(|changed| !changed.shows_same(metric));
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() {
            return Ok(());
        }
        let text = Arc::make_mut(text);
        for some in changed.chunks(projects_in_page(metric)) {
            let side = |side| {
                let view = Arc::new(difference::view_of(some, side, view));
                let all = 0..view.projects();
                self.page(index, view, all)
            };
            let (before, after) = (side(Side::Before)?, side(Side::After)?);
            if !text.replace(before, after, codec) {
                return Err(format!("a line of {} was not found", metric.name));
            }
        }
        text.join();
        Ok(())
    }

    /// Brings the text of a metric over all projects up to date.
    fn update_total(
        &self,
        text: &mut Arc<MetricText>,
        index: usize,
        view: &Arc<View>,
        codec: &mut Codec,
    ) -> Result<(), String> {
        let after = self.page(index, Arc::clone(view), 0..0)?;
        let text = Arc::make_mut(text);
        if !text.replace_all(after, codec) {
            return Err(format!("{} is damaged", self.shown.metrics[index].name));
        }
        text.join();
        Ok(())
    }

    /// Renders one metric for some projects of a view.
    fn page(
        &self,
        index: usize,
        view: Arc<View>,
        projects: std::ops::Range<usize>,
    ) -> Result<Vec<u8>, String> {
        let mut page = vec![None; self.shown.metrics.len()];
        page[index] = Some(projects);
        self.gitlab.gather(ViewPage { view, page })
    }
}

/// How many projects are rendered at once.
fn projects_in_page(metric: &Metric) -> usize {
    (Bounds::DEFAULT.series / metric.most_series()).max(1)
}

impl Exposition {
    fn of(rendered: Arc<Rendered>, fresh: Vec<u8>, gzip: bool) -> Exposition {
        let (first, last) = match gzip {
            true => {
                let fresh = Codec::new().compress(&fresh);
                let trailer = rendered.sum.and(fresh.sum).trailer();
                (
                    Some(Bytes::from_static(&HEADER)),
                    vec![trailer, fresh.compressed],
                )
            }
            false => (None, vec![fresh.into()]),
        };
        let texts = match gzip {
            true => {
                let wholes = rendered
                    .texts
                    .iter()
                    .map(|text| text.whole().compressed.len());
                wholes.sum::<usize>() as u64
            }
            false => rendered.sum.length,
        };
        let around = first.iter().chain(&last).map(Bytes::len).sum::<usize>();
        Exposition {
            length: texts + around as u64,
            pieces: Pieces {
                rendered,
                next: (0, 0),
                gzip,
                codec: None,
                first,
                last,
            },
            gzip,
        }
    }
}

impl Pieces {
    /// How much is decompressed at once.
    const TEXT: usize = 256 << 10;

    /// All that is left, in one.
    pub fn concat(self) -> Vec<u8> {
        self.flatten().collect()
    }

    /// The text of some fragments.
    fn text(&mut self) -> Option<Bytes> {
        let mut text = Vec::new();
        let codec = self.codec.get_or_insert_with(Codec::new);
        let (metric, piece) = &mut self.next;
        while text.len() < Self::TEXT
            && let Some(of_metric) = self.rendered.texts.get(*metric)
        {
            let mut left = of_metric.pieces().skip(*piece);
            match left.next() {
                // What can't be decompressed was compressed by us: a client sees that bytes are missing.
                Some(next) if codec.decompress(next, &mut text) => *piece += 1,
                Some(_) => return None,
                None => (*metric, *piece) = (*metric + 1, 0),
            }
        }
        (!text.is_empty()).then(|| text.into())
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let next = match self.gzip {
            true => {
                let text = self.rendered.texts.get(self.next.0);
                self.next.0 += 1;
                text.map(|text| text.whole().compressed.clone())
            }
            false => self.text(),
        };
        next.or_else(|| self.last.pop())
    }
}

impl<T: Default + Send + 'static> Collector<T> {
    fn gather(&self, content: T) -> Result<Vec<u8>, String> {
        let families = self
            .instruments
            .collect(content, || self.registry.gather())?;
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&families, &mut text)
            .map_err(|error| error.to_string())?;
        Ok(text)
    }
}

/// Names and units are chosen so that nothing must be added to them (see `metrics::reference`);
/// the exporter's own suffixes would double them.
fn registry_and_reader() -> Result<(Registry, opentelemetry_prometheus::PrometheusExporter)> {
    let registry = Registry::new();
    let reader = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .without_units()
        .without_counter_suffixes()
        .without_target_info()
        .scope_info_enabled(false)
        .build()
        .context("building the Prometheus exporter")?;
    Ok((registry, reader))
}
