//! Rendering a view through the meter provider, as far as it is not the one rendered before.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use anyhow::Result;
use opentelemetry_sdk::Resource;

use super::collector::Collector;
use super::difference::{self, Changed, Side};
use super::fragments::MetricText;
use super::gzip::{Codec, Sum};
use crate::export::meter::ViewBatch;
use crate::metrics::{Choices, EnabledMetrics, Metric, View};

/// How many series are rendered at once: the SDK's maps for more don't fit the processor's caches.
const SERIES: usize = 10_000;
/// How many metrics are rendered at the same time when everything must be.
const THREADS: usize = 2;

/// Renders what is about GitLab.
pub struct Renderer {
    collectors: Vec<Collector<ViewBatch>>,
    enabled: EnabledMetrics,
}

/// The part of the exposition that changes with the view.
#[derive(Clone, Default)]
pub struct Rendered {
    /// What is shown.
    pub view: Arc<View>,
    /// One for each enabled metric about GitLab.
    pub texts: Vec<Arc<MetricText>>,
    /// Of all texts.
    pub sum: Sum,
}

/// One metric to be rendered, and what there is of it already.
struct Job {
    /// Its place among all enabled metrics.
    index: usize,
    metric: &'static Metric,
    /// Whether its series are told apart by project.
    per_project: bool,
    text: Option<Arc<MetricText>>,
}

impl Renderer {
    /// Builds the instruments.
    ///
    /// # Errors
    /// If the SDK's exporter can't be built.
    pub fn build(resource: &Resource, enabled: EnabledMetrics) -> Result<Renderer> {
        let collectors = (0..THREADS).map(|_| Collector::about_gitlab(resource, &enabled));
        Ok(Renderer {
            collectors: collectors.collect::<Result<_>>()?,
            enabled,
        })
    }

    /// How it is shown.
    pub fn choices(&self) -> &Choices {
        &self.enabled.choices
    }

    /// Whether the series of a metric are told apart by project.
    pub fn is_per_project(&self, metric: &Metric) -> bool {
        metric.is_per_project_by(&self.enabled.choices)
    }

    /// The metrics it renders, with their places among all that are enabled.
    pub fn metrics(&self) -> impl Iterator<Item = (usize, &'static Metric)> {
        let metrics = self.enabled.metrics.iter().copied().enumerate();
        metrics.filter(|(_, metric)| metric.is_about_gitlab())
    }

    /// What is rendered for a view: what was rendered before it, with what changed since. If that does
    /// not work out, everything is rendered.
    ///
    /// # Errors
    /// If a series is missing.
    pub fn after(&self, before: &Rendered, view: &Arc<View>) -> Result<Rendered, String> {
        if !before.texts.is_empty() {
            let changed = difference::changed(&before.view, view);
            let texts = before.texts.iter().cloned().map(Some);
            match self.brought_up_to(view, texts.collect(), &changed) {
                Ok(rendered) => return Ok(rendered),
                Err(error) => {
                    tracing::warn!(error, "rendering what changed failed; rendering everything");
                }
            }
        }
        let none = vec![None; self.metrics().count()];
        self.brought_up_to(view, none, &[])
    }

    /// Renders `changed` into the texts of the metrics, and everything into those that are missing.
    ///
    /// # Errors
    /// If a series is missing.
    pub fn brought_up_to(
        &self,
        view: &Arc<View>,
        texts: Vec<Option<Arc<MetricText>>>,
        changed: &[Changed],
    ) -> Result<Rendered, String> {
        let jobs = self.metrics().zip(texts);
        let jobs = jobs.map(|((index, metric), text)| Job {
            index,
            metric,
            per_project: self.is_per_project(metric),
            text,
        });
        let jobs: Vec<_> = jobs.collect();
        let few = changed.len() * jobs.len() < SERIES;
        let threads = match few && jobs.iter().all(|job| job.text.is_some()) {
            true => 1,
            false => THREADS,
        };
        let mut rendered = Rendered {
            view: Arc::clone(view),
            ..Rendered::default()
        };
        for text in self.rendered_by(threads, &jobs, view, changed) {
            let text = text?;
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

    /// Does the jobs, each thread the next that nobody has begun.
    fn rendered_by(
        &self,
        threads: usize,
        jobs: &[Job],
        view: &Arc<View>,
        changed: &[Changed],
    ) -> Vec<Result<Arc<MetricText>, String>> {
        let all = LazyLock::new(|| difference::all(view));
        let next = AtomicUsize::new(0);
        let done: Vec<_> = jobs.iter().map(|_| Mutex::new(None)).collect();
        let work = |collector: &Collector<ViewBatch>| {
            let mut codec = Codec::new();
            while let Some((job, done)) = {
                let next = next.fetch_add(1, Ordering::Relaxed);
                jobs.get(next).zip(done.get(next))
            } {
                let text = job.done(collector, view, changed, &all, &mut codec);
                *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            }
        };
        match threads {
            1 => work(&self.collectors[0]),
            _ => std::thread::scope(|scope| {
                for collector in &self.collectors {
                    scope.spawn(|| work(collector));
                }
            }),
        }
        let texts = done.into_iter();
        let texts = texts.map(|text| text.into_inner().unwrap_or_else(PoisonError::into_inner));
        texts
            .map(|text| text.unwrap_or_else(|| Err("a metric was not rendered".to_owned())))
            .collect()
    }
}

impl Job {
    /// The text of the metric for a view.
    fn done(
        &self,
        collector: &Collector<ViewBatch>,
        view: &Arc<View>,
        changed: &[Changed],
        all: &LazyLock<Vec<Changed>, impl FnOnce() -> Vec<Changed>>,
        codec: &mut Codec,
    ) -> Result<Arc<MetricText>, String> {
        let Job { metric, .. } = self;
        if !self.per_project {
            let mut text = self.text.clone().unwrap_or_default();
            let after = self.render(collector, Arc::clone(view), 0..0)?;
            let replaced = Arc::make_mut(&mut text);
            if !replaced.replace_all(after, codec) {
                return Err(format!("the text of {} is damaged", metric.name));
            }
            replaced.join();
            return Ok(text);
        }
        let changed = changed.iter().filter(|changed| !changed.shows_same(metric));
        let changed: Vec<_> = changed.collect();
        match &self.text {
            Some(text) if changed.is_empty() => Ok(Arc::clone(text)),
            // To find the old lines of most projects takes longer than to render the others again.
            Some(text) if changed.len() <= view.projects() / 2 => {
                self.replaced(collector, Arc::clone(text), &changed, view, codec)
            }
            _ => {
                let all: Vec<_> = all.iter().collect();
                self.replaced(collector, Arc::default(), &all, view, codec)
            }
        }
    }

    /// A text in which the lines of some projects are those of now.
    fn replaced(
        &self,
        collector: &Collector<ViewBatch>,
        mut text: Arc<MetricText>,
        changed: &[&Changed],
        view: &View,
        codec: &mut Codec,
    ) -> Result<Arc<MetricText>, String> {
        let replaced = Arc::make_mut(&mut text);
        for some in changed.chunks((SERIES / self.metric.most_series()).max(1)) {
            let side = |side| {
                let view = Arc::new(difference::view_of(some, side, view));
                let all = 0..view.projects();
                self.render(collector, view, all)
            };
            let (before, after) = (side(Side::Before)?, side(Side::After)?);
            if !replaced.replace(before, after, codec) {
                return Err(format!("a line of {} was not found", self.metric.name));
            }
        }
        replaced.join();
        Ok(text)
    }

    /// Renders the metric for some projects of a view.
    fn render(
        &self,
        collector: &Collector<ViewBatch>,
        view: Arc<View>,
        projects: Range<usize>,
    ) -> Result<Vec<u8>, String> {
        if self.per_project && projects.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = vec![None; self.index + 1];
        batch[self.index] = Some(projects);
        collector.gather(ViewBatch { view, batch })
    }
}
