//! Rendering a view through the meter provider, as far as it is not the one rendered before.
//!
//! A gather can't report an error, it returns less: so what comes out is counted. What one project
//! spoils is left out of that metric alone, and all else is shown.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use anyhow::Result;
use opentelemetry_sdk::Resource;

use super::collector::Collector;
use super::difference::{self, Changed, Side};
use super::entries;
use super::fragments::MetricText;
use super::gzip::{Codec, Sum};
use crate::export::meter::ViewBatch;
use crate::lock::lock;
use crate::memory_limit::MemoryLimit;
use crate::metrics::{Choices, EnabledMetrics, Metric, View};

/// How many series are rendered at once: the SDK's maps for more don't fit the processor's caches.
const SERIES: usize = 10_000;
/// How many metrics are rendered at the same time when everything must be.
const THREADS: usize = 2;

/// Renders what is about GitLab.
pub struct Renderer {
    collectors: Vec<Collector<ViewBatch>>,
    enabled: EnabledMetrics,
    /// How many series are rendered at once.
    series: usize,
    /// The metrics of which something is left out: that is logged once.
    lacking: Mutex<BTreeSet<&'static str>>,
}

/// The part of the exposition that changes with the view.
#[derive(Clone, Default)]
pub struct Rendered {
    /// What is shown.
    pub view: Arc<View>,
    /// One for each enabled metric about GitLab.
    pub texts: Vec<Arc<MetricText>>,
    /// How many series are left out of each of them.
    lost: Vec<u64>,
    /// Of all texts.
    pub sum: Sum,
}

impl Rendered {
    /// Texts that were rendered elsewhere.
    pub fn of_texts(texts: Vec<Arc<MetricText>>, view: Arc<View>) -> Rendered {
        let sums = texts.iter().map(|text| text.whole().sum);
        Rendered {
            sum: sums.fold(Sum::default(), Sum::and),
            texts,
            view,
            lost: Vec::new(),
        }
    }
}

/// The text of a metric; none if it is to be rendered from nothing.
type Known = Option<Arc<MetricText>>;

/// A text of a metric, and how many series are left out of it.
type Text = (Arc<MetricText>, u64);

/// One metric to be rendered, and what there is of it already.
struct Job<'a> {
    /// Its place among all enabled metrics.
    index: usize,
    metric: &'static Metric,
    /// Whether its series are told apart by project.
    per_project: bool,
    choices: &'a Choices,
    /// How many series are rendered at once.
    series: usize,
    text: Known,
    /// How many series are left out of it.
    lost: u64,
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
            series: SERIES,
            lacking: Mutex::default(),
        })
    }

    /// The same where the process may take so much memory: fewer series at once, and one metric after the
    /// other.
    #[must_use]
    pub fn within(mut self, memory: &MemoryLimit) -> Renderer {
        /// Of the limit of memory, the part of a series that is rendered.
        const PART: u64 = 64 << 10;
        if memory.bytes().is_some() {
            self.series = memory.part(PART, SERIES as u64).max(1) as usize;
            self.collectors.truncate(1);
        }
        self
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

    /// How many series a view has of these metrics.
    pub fn series_of(&self, view: &View) -> u64 {
        let names: BTreeSet<_> = self.metrics().map(|(_, metric)| metric.name).collect();
        let all = view.gitlabs.iter().flat_map(|own| &own.snapshot.series);
        let own = all.filter(|(metric, _)| names.contains(metric));
        own.map(|(_, series)| series).sum()
    }

    /// What is rendered for a view: what was rendered before it, with what changed since. If that does
    /// not work out, everything is rendered, as far as it can be.
    pub fn after(&self, before: &Rendered, view: &Arc<View>) -> Rendered {
        if !before.texts.is_empty() && before.view.names().eq(view.names()) {
            let changed = difference::changed(&before.view, view);
            let texts = before.texts.iter().cloned().map(Some);
            let known = texts.zip(before.lost.iter().copied()).collect();
            match self.rendered(view, known, &changed, false) {
                Ok(rendered) => return self.told(rendered),
                Err(error) => {
                    tracing::warn!(error, "rendering what changed failed; rendering everything");
                }
            }
        }
        let none = vec![(None, 0); self.metrics().count()];
        let rendered = self.rendered(view, none, &[], true);
        self.told(rendered.unwrap_or_else(|_| before.clone()))
    }

    /// Renders `changed` into the texts of the metrics, of which nothing is left out, and everything
    /// into those that are missing.
    ///
    /// # Errors
    /// If a series is missing.
    pub fn brought_up_to(
        &self,
        view: &Arc<View>,
        texts: Vec<Known>,
        changed: &[Changed],
    ) -> Result<Rendered, String> {
        let known = texts.into_iter().map(|text| (text, 0)).collect();
        self.rendered(view, known, changed, false)
    }

    /// As [`Renderer::brought_up_to`], with how many series are left out of each text. `whatever_fails`
    /// it gives what there is.
    fn rendered(
        &self,
        view: &Arc<View>,
        known: Vec<(Known, u64)>,
        changed: &[Changed],
        whatever_fails: bool,
    ) -> Result<Rendered, String> {
        let jobs = self.metrics().zip(known);
        let jobs = jobs.map(|((index, metric), (text, lost))| Job {
            index,
            metric,
            per_project: self.is_per_project(metric),
            choices: &self.enabled.choices,
            series: self.series,
            text,
            lost,
        });
        let jobs: Vec<_> = jobs.collect();
        let few = changed.len() * jobs.len() < self.series;
        let threads = match few && jobs.iter().all(|job| job.text.is_some()) {
            true => 1,
            false => self.collectors.len(),
        };
        let mut rendered = Rendered {
            view: Arc::clone(view),
            ..Rendered::default()
        };
        for (job, text) in jobs
            .iter()
            .zip(self.rendered_by(threads, &jobs, view, changed))
        {
            let (text, lost) = match text {
                Err(_) if whatever_fails => (Arc::default(), job.expected(view)),
                text => text?,
            };
            rendered.sum = rendered.sum.and(text.whole().sum);
            rendered.texts.push(text);
            rendered.lost.push(lost);
        }
        let series: u64 = rendered.texts.iter().map(|text| text.series()).sum();
        let expected = self
            .series_of(view)
            .saturating_sub(rendered.lost.iter().sum());
        match series == expected || whatever_fails {
            true => Ok(rendered),
            false => Err(format!("{series} of {expected} series came out")),
        }
    }

    /// Logs of which metrics something is left out, when that begins.
    fn told(&self, rendered: Rendered) -> Rendered {
        let lost = self.metrics().zip(&rendered.lost);
        let lost = lost.filter(|(_, lost)| **lost > 0);
        let lost: Vec<_> = lost
            .map(|((_, metric), lost)| (metric.name, *lost))
            .collect();
        let mut lacking = lock(&self.lacking);
        for (metric, series) in &lost {
            if !lacking.contains(metric) {
                tracing::error!(
                    metric,
                    series,
                    "series can't be rendered and are left out; this is a bug, please report it"
                );
            }
        }
        *lacking = lost.into_iter().map(|(metric, _)| metric).collect();
        drop(lacking);
        rendered
    }

    /// Does the jobs, each thread the next that nobody has begun.
    fn rendered_by(
        &self,
        threads: usize,
        jobs: &[Job<'_>],
        view: &Arc<View>,
        changed: &[Changed],
    ) -> Vec<Result<Text, String>> {
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
                *lock(done) = Some(text);
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

impl Job<'_> {
    /// How many series the metric has in a view.
    fn expected(&self, view: &View) -> u64 {
        view.count(self.metric, 0..view.projects(), self.choices) as u64
    }

    /// The text of the metric for a view.
    fn done(
        &self,
        collector: &Collector<ViewBatch>,
        view: &Arc<View>,
        changed: &[Changed],
        all: &LazyLock<Vec<Changed>, impl FnOnce() -> Vec<Changed>>,
        codec: &mut Codec,
    ) -> Result<Text, String> {
        let Job { metric, .. } = self;
        if !self.per_project {
            let mut text = self.text.clone().unwrap_or_default();
            let (after, lost) = match self.render(collector, Arc::clone(view), 0..0) {
                Some(after) => (after, 0),
                None => (Vec::new(), self.expected(view)),
            };
            let replaced = Arc::make_mut(&mut text);
            if !replaced.replace_all(after, codec) {
                return Err(format!("the text of {} is damaged", metric.name));
            }
            replaced.join();
            return Ok((text, lost));
        }
        let changed = changed.iter().filter(|changed| !changed.shows_same(metric));
        let changed: Vec<_> = changed.collect();
        match &self.text {
            Some(text) if changed.is_empty() => Ok((Arc::clone(text), self.lost)),
            // To find the old lines of most projects takes longer than to render the others again.
            Some(text) if changed.len() <= view.projects() / 2 => {
                let known = (Arc::clone(text), self.lost);
                self.replaced(collector, known, &changed, view, codec)
            }
            _ => {
                let all: Vec<_> = all.iter().collect();
                self.replaced(collector, Text::default(), &all, view, codec)
            }
        }
    }

    /// A text in which the lines of some projects are those of now.
    fn replaced(
        &self,
        collector: &Collector<ViewBatch>,
        (mut text, mut lost): Text,
        changed: &[&Changed],
        view: &View,
        codec: &mut Codec,
    ) -> Result<Text, String> {
        let replaced = Arc::make_mut(&mut text);
        let series = |changed: &Changed| changed.most_series(self.metric, self.choices);
        // Those that are still to be replaced, the next ones last.
        let mut left = chunks(changed, series, self.series);
        while let Some(some) = left.pop() {
            let [before, after] = [Side::Before, Side::After].map(|side| {
                let view = Arc::new(difference::view_of(some, side, view));
                let (all, expected) = (0..view.projects(), self.expected(&view));
                (self.render(collector, view, all), expected)
            });
            if (before.0.is_none() || after.0.is_none()) && some.len() > 1 {
                // One project may be to blame: it is found by halves.
                let (first, second) = some.split_at(some.len() / 2);
                left.extend([second, first]);
                continue;
            }
            let of = |(text, expected): (Option<Vec<u8>>, u64)| match text {
                Some(text) => (text, 0),
                None => (Vec::new(), expected),
            };
            let ((before, lost_before), (after, lost_after)) = (of(before), of(after));
            lost = (lost + lost_after).saturating_sub(lost_before);
            if !replaced.replace(before, after, codec) {
                return Err(format!("a line of {} was not found", self.metric.name));
            }
        }
        replaced.join();
        Ok((text, lost))
    }

    /// Renders the metric for some projects of a view; none if not all series come out.
    fn render(
        &self,
        collector: &Collector<ViewBatch>,
        view: Arc<View>,
        projects: Range<usize>,
    ) -> Option<Vec<u8>> {
        if self.per_project && projects.is_empty() {
            return Some(Vec::new());
        }
        let expected = view.count(self.metric, projects.clone(), self.choices);
        let mut batch = vec![None; self.index + 1];
        batch[self.index] = Some(projects);
        let text = collector.gather(ViewBatch { view, batch }).ok()?;
        (entries::count(&text) == expected).then_some(text)
    }
}

/// Cuts projects into chunks that are rendered at once, the first of them last.
fn chunks<'a, 'b>(
    all: &'a [&'b Changed],
    series: impl Fn(&Changed) -> usize,
    most: usize,
) -> Vec<&'a [&'b Changed]> {
    let (mut chunks, mut start, mut count) = (Vec::new(), 0, 0);
    for (place, changed) in all.iter().enumerate() {
        let own = series(changed);
        if count + own > most && place > start {
            chunks.push(&all[start..place]);
            (start, count) = (place, 0);
        }
        count += own;
    }
    chunks.push(&all[start..]);
    chunks.reverse();
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::fragile::FRAGILE;
    use crate::metrics::{
        Catalogue, Grain, Identity, Owner, Reading, Snapshot, Table, TableReading,
    };
    use crate::tests::exposition::Exposition;
    use crate::tests::fuzz::Target;

    /// The jobs of a project: as many of one name as this.
    fn project(catalogue: &Catalogue, id: u64, activity: u64, of_one_name: u64) -> Arc<Owner> {
        let identity = Identity {
            id,
            last_activity: Some(activity),
            ..Identity::default()
        };
        let values = vec![Reading::known(activity as f64, 1); catalogue.project_columns().len()];
        let mut owner = Owner::new(identity, 1, values);
        let tables = catalogue.tables(Grain::Project);
        let mut named = tables.iter().enumerate();
        let (place, jobs) = named
            .find(|(_, table)| table.subject.name == "jobs")
            .unwrap();
        let keys: Vec<u64> = (1..=of_one_name).collect();
        let table = Table {
            labels: vec!["x".into(); jobs.labels.len() * keys.len()].into(),
            values: vec![Reading::known(activity as f64, 1); jobs.values.len() * keys.len()].into(),
            keys: keys.into(),
            ..Table::default()
        };
        owner.put_table(place, TableReading::Known(Arc::new(table)));
        Arc::new(owner)
    }

    fn view(enabled: &EnabledMetrics, projects: &[(u64, u64, u64)]) -> Arc<View> {
        let own = projects.iter();
        let own = own.map(|(id, activity, jobs)| project(enabled.catalogue, *id, *activity, *jobs));
        let mut snapshot = Snapshot {
            projects: own.collect(),
            ..Snapshot::default()
        };
        snapshot.series = enabled.series(&snapshot);
        Arc::new(Arc::new(snapshot).into())
    }

    /// The projects that a metric shows, each with its value.
    fn shown(renderer: &Renderer, rendered: &Rendered, metric: &str) -> Vec<(String, String)> {
        let mut place = renderer.metrics().map(|(_, metric)| metric.name);
        let place = place.position(|name| name == metric).unwrap();
        let (mut text, mut codec) = (Vec::new(), Codec::new());
        for piece in rendered.texts[place].pieces() {
            assert!(codec.decompress(piece, &mut text));
        }
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let read = |line: &str| {
            let id = entries::label(line.as_bytes(), "project_id").unwrap();
            let value = line.rsplit(' ').next().unwrap();
            (String::from_utf8(id.to_vec()).unwrap(), value.to_owned())
        };
        lines.map(read).collect()
    }

    /// Whatever spoils a series of a project: all others are shown, and stay fresh.
    #[test]
    fn what_cannot_be_rendered_is_left_out_and_nothing_else() {
        let catalogue = Catalogue::standard_with(&[&FRAGILE]).unwrap();
        let enabled = EnabledMetrics::new(catalogue, |_| true, Choices::default());
        let resource = Resource::builder_empty().build();
        let renderer = Renderer::build(&resource, enabled.clone()).unwrap();
        const JOBS: &str = "gitlab_job_last_run_duration_seconds";
        let mut rendered = Rendered::default();
        for (activity, spoilt) in [(5, true), (6, true), (7, false), (8, true)] {
            let (id, jobs) = if spoilt { (13, 2) } else { (14, 1) };
            let projects = [
                (2, activity, 1),
                (3, 1, 1),
                (4, 1, 1),
                (5, 1, 1),
                (id, activity, jobs),
            ];
            rendered = renderer.after(&rendered, &view(&enabled, &projects));
            let value = activity.to_string();
            for metric in [JOBS, "gitlab_fragile", "gitlab_commits_total"] {
                let mut own = shown(&renderer, &rendered, metric);
                own.sort();
                let is_whole = !spoilt || metric == "gitlab_commits_total";
                assert_eq!(own.len(), if is_whole { 5 } else { 4 }, "{metric} {own:?}");
                let of_two = ("2".to_owned(), value.clone());
                assert!(own.contains(&of_two), "{metric} {own:?}");
            }
            let lacking: Vec<_> = renderer.lacking.lock().unwrap().iter().copied().collect();
            assert_eq!(lacking.contains(&JOBS), spoilt);
            assert_eq!(lacking.contains(&"gitlab_fragile"), spoilt);
        }
    }

    /// A project whose names are these texts, parted by `\u{1}`.
    fn named(catalogue: &Catalogue, id: u64, texts: &str) -> Arc<Owner> {
        let mut texts = texts.split('\u{1}').map(Box::<str>::from);
        let mut next = || texts.next().unwrap_or_default();
        let identity = Identity {
            id,
            path: next(),
            name: next(),
            default_branch: Some(next().into_string().into()),
            topics: Some(next()),
            ..Identity::default()
        };
        let values = vec![Reading::known(1.0, 1); catalogue.project_columns().len()];
        Arc::new(Owner::new(identity, 1, values))
    }

    fn text_of(rendered: &Rendered) -> String {
        let (mut text, mut codec) = (Vec::new(), Codec::new());
        for piece in rendered.texts.iter().flat_map(|text| text.pieces()) {
            assert!(codec.decompress(piece, &mut text));
        }
        String::from_utf8(text).unwrap()
    }

    fn view_of_names(catalogue: &Catalogue, input: &str) -> Arc<View> {
        let projects = input.split('\u{2}').take(5).zip(1..);
        let projects = projects.map(|(texts, id)| named(catalogue, id, texts));
        let snapshot = Snapshot {
            projects: projects.collect(),
            ..Snapshot::default()
        };
        Arc::new(Arc::new(snapshot).into())
    }

    /// Whatever projects are called: a reader that shares no code with us reads the names that they have,
    /// and a text that is brought up to date is the one that would be rendered anew.
    #[test]
    fn any_names() {
        let shows = |name: &str| name == "gitlab_project_info" || name == "gitlab_commits_total";
        let enabled = EnabledMetrics::new(Catalogue::standard(), shows, Choices::default());
        let resource = Resource::builder_empty().build();
        let renderer = Renderer::build(&resource, enabled.clone()).unwrap();
        let anew = |view: &Arc<View>| renderer.after(&Rendered::default(), view);
        Target::new("exposition")
            .seeds(["group/a\u{1}A\u{1}main\u{1}x,y\u{2}b\\n\"\u{1}\n\\\u{1}{a=\"b\"} 1"])
            .words([
                "\\", "\"", "\n", "\r", "{", "}", ",", "=", "# TYPE ", " 1\n", "\u{1}", "\u{2}",
                "\u{0}", "\u{2028}", "ä", "\u{fffd}",
            ])
            // What is rendered is compressed in blocks.
            .memory(2_000, 16 << 20)
            .run(|input| {
                let text = String::from_utf8_lossy(input);
                let view = view_of_names(enabled.catalogue, &text);
                let rendered = anew(&view);
                let shown = text_of(&rendered);
                let read = Exposition::parse(&shown).unwrap_or_else(|error| panic!("{error}"));
                let infos = read.series("gitlab_project_info");
                assert_eq!(infos.len(), view.gitlabs[0].snapshot.projects.len());
                for labels in infos.keys() {
                    let id: usize = labels["project_id"].parse().unwrap();
                    let own = &view.gitlabs[0].snapshot.projects[id - 1].identity;
                    let told = |name: &str| labels.get(name).map_or("", String::as_str);
                    assert_eq!(told("project_path"), &*own.path);
                    assert_eq!(told("project_name"), &*own.name);
                    assert_eq!(
                        told("default_branch"),
                        own.default_branch.as_deref().unwrap()
                    );
                }
                let parts: Vec<_> = text.split('\u{2}').rev().collect();
                let other = view_of_names(enabled.catalogue, &parts.join("\u{2}"));
                let updated = renderer.after(&rendered, &other);
                assert_eq!(text_of(&updated), text_of(&anew(&other)));
                format!("{} projects", infos.len())
            });
    }
}
