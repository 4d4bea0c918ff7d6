//! The exposition: what is about GitLab rendered when it changes, what is about the bridge at every
//! scrape.
//!
//! Everything is rendered through a meter provider and its official exporter. That takes a
//! microsecond for each series, so only what changed is rendered: `difference` finds the projects,
//! `fragments` puts their lines in place of the old ones.

mod collector;
mod difference;
mod entries;
mod exposition;
mod fragments;
mod gzip;
mod kept;
mod on_demand;
mod openmetrics;
mod portion;
mod rendering;
mod shards;
mod texts;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use opentelemetry_sdk::Resource;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::negotiation::{Coding, Format};
use super::{Health, Introspect, Views};
use crate::lock::lock;
use crate::memory_limit::MemoryLimit;
use crate::metrics::{BridgeStatus, EnabledMetrics, View};
use collector::Collector;
use difference::Fingerprints;
use fragments::MetricText;
use gzip::Codec;
use rendering::{Rendered, Renderer};
use shards::Shards;

pub use exposition::Exposition;
pub use on_demand::OnDemand;
pub use portion::Portion;
pub use shards::Shard;
pub use texts::{Texts, TextsRenderer};

/// How much longer than keeping the texts the time before that is done again is at least.
const REST: u32 = 20;

/// Renders the exposition.
pub struct Prometheus {
    gitlab: Renderer,
    bridge: Collector<BridgeStatus>,
    shards: Shards,
    health: Arc<Health>,
    rendered: Mutex<Arc<Rendered>>,
    /// Where the texts are kept over a restart, if they are.
    file: Option<PathBuf>,
    /// Cancelled once the first view has been rendered.
    begun: CancellationToken,
}

impl Prometheus {
    /// Builds the exporter.
    ///
    /// # Errors
    /// If the SDK's exporter can't be built.
    pub fn build(resource: &Resource, enabled: EnabledMetrics) -> Result<Prometheus> {
        let enabled = enabled.scraped();
        Ok(Prometheus {
            bridge: Collector::about_bridge(resource, &enabled)?,
            shards: Shards::build(resource, &enabled)?,
            gitlab: Renderer::build(resource, enabled)?,
            health: Arc::new(Health::new("prometheus")),
            rendered: Mutex::default(),
            file: None,
            begun: CancellationToken::new(),
        })
    }

    /// Goes on counting for another one.
    #[must_use]
    pub fn counting(self, health: Arc<Health>) -> Prometheus {
        Prometheus { health, ..self }
    }

    /// Renders with little memory, where that is limited.
    #[must_use]
    pub fn within(self, memory: &MemoryLimit) -> Prometheus {
        Prometheus {
            gitlab: self.gitlab.within(memory),
            shards: self.shards.within(memory),
            ..self
        }
    }

    /// Keeps the texts over a restart, in a file beside a state.
    #[must_use]
    pub fn beside(self, state: Option<&Path>) -> Prometheus {
        let file = state.map(|state| {
            let mut file = state.to_owned().into_os_string();
            file.push(".exposition");
            file.into()
        });
        Prometheus { file, ..self }
    }

    /// Ends once the first view can be shown: what an earlier process knew, if there was one.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// How the rendering goes.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Renders a first view ahead of [`Prometheus::run`], in place of what is kept in the file.
    pub async fn start(self: &Arc<Self>, view: Arc<View>) {
        self.blocking(move |this| this.render(&view)).await;
        self.begun.cancel();
    }

    /// Renders every view as it comes, until no more can come.
    pub async fn run(self: Arc<Self>, views: Views) {
        self.run_until(views, CancellationToken::new()).await;
    }

    /// Like [`Prometheus::run`], until told to stop.
    pub async fn run_until(self: Arc<Self>, mut views: Views, stop: CancellationToken) {
        let view = views.borrow_and_update().clone();
        let has_begun = self.begun.is_cancelled();
        self.blocking(move |this| match has_begun {
            true => this.render(&view),
            false => this.begin(&view),
        })
        .await;
        self.begun.cancel();
        // What is in the file, and when it may be written again.
        let (mut kept, mut due) = (None, Instant::now());
        loop {
            let unkept = self.file.is_some() && Some(self.rendered().sum) != kept;
            tokio::select! {
                changed = views.changed() => if changed.is_err() { break },
                () = stop.cancelled() => match views.has_changed() {
                    Ok(true) => {}
                    _ => break,
                },
                () = sleep_until(due), if unkept => {
                    let began = Instant::now();
                    kept = Some(self.rendered().sum);
                    self.blocking(|this| this.keep()).await;
                    due = Instant::now() + began.elapsed() * REST;
                    continue;
                }
            }
            let view = views.borrow_and_update().clone();
            self.blocking(move |this| this.render(&view)).await;
        }
        if Some(self.rendered().sum) != kept {
            self.blocking(|this| this.keep()).await;
        }
    }

    /// Does what takes longer than the runtime's workers may be held up.
    async fn blocking(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<(), String> + Send + 'static,
    ) {
        let this = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&this)).await;
        let done = done.unwrap_or_else(|panicked| {
            let outcome = Err(panicked.to_string());
            self.health.note(&outcome);
            outcome
        });
        if let Err(error) = done {
            tracing::error!(
                error,
                "rendering the exposition failed; the last good one is still served"
            );
        }
    }

    /// Shows the first view: what was kept of it, if it was, and else what is rendered of it.
    fn begin(&self, view: &Arc<View>) -> Result<(), String> {
        let restored = self
            .file
            .as_ref()
            .and_then(|file| self.restored(file, view));
        match restored {
            Some(rendered) => {
                self.show(rendered);
                self.health.note(&Ok(()));
                Ok(())
            }
            None => self.render(view),
        }
    }

    /// The texts of an earlier process, brought up to a view; none if it is less work to render all.
    fn restored(&self, file: &Path, view: &Arc<View>) -> Option<Rendered> {
        let kept = kept::read(file).inspect_err(|error| {
            tracing::warn!(%error, file = %file.display(), "reading the kept exposition failed");
        });
        let kept = kept.ok().flatten()?;
        let (changed, labelled) = kept.fingerprints.changed(view, self.gitlab.choices());
        if changed.len() > view.projects() / 2 {
            return None; // To render everything is less work.
        }
        let (mut kept, mut codec) = (kept.texts, Codec::new());
        let texts = self.gitlab.metrics().map(|(_, metric)| {
            let mut text = kept.remove(metric.name)?;
            let of_projects = self.gitlab.is_per_project(metric) && !labelled.is_empty();
            let whole = !of_projects || text.remove(|entry| labelled.has(entry), &mut codec);
            whole.then(|| Arc::new(text))
        });
        self.gitlab
            .brought_up_to(view, texts.collect(), &changed)
            .ok()
    }

    /// Keeps what is rendered.
    fn keep(&self) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let rendered = self.rendered();
        let names = self.gitlab.metrics().map(|(_, metric)| metric.name);
        let texts = names.zip(rendered.texts.iter().map(|text| &**text));
        let written = kept::write(
            file,
            texts,
            Fingerprints::of(&rendered.view, self.gitlab.choices()),
        );
        if let Err(error) = written {
            // The state beside it can't be written either, which is said and shown.
            tracing::debug!(%error, file = %file.display(), "keeping the exposition failed");
        }
        Ok(())
    }

    /// Renders a view and shows it from now on. What can't be rendered is left out.
    ///
    /// # Errors
    /// If nothing can be rendered; the last good one stays then.
    pub fn render(&self, view: &Arc<View>) -> Result<(), String> {
        let rendered = self.gitlab.after(&self.rendered(), view);
        let series: u64 = rendered.texts.iter().map(|text| text.series()).sum();
        let outcome = match self.gitlab.series_of(view) {
            expected if expected > 0 && series == 0 => {
                Err(format!("none of {expected} series came out"))
            }
            _ => {
                self.show(rendered);
                Ok(())
            }
        };
        self.health.note(&outcome);
        outcome
    }

    /// Shows the texts of these GitLabs from now on, with what is known of them.
    pub fn show_texts(&self, gitlabs: &[Texts], view: Arc<View>) {
        self.show(Rendered::of_texts(Texts::composed(gitlabs), view));
        self.health.note(&Ok(()));
        self.begun.cancel();
    }

    /// The view that is shown.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.rendered().view)
    }

    /// The exposition now, with what the bridge says of itself at this moment.
    pub fn exposition(&self, introspect: &Introspect, gzip: bool) -> Exposition {
        let rendered = self.rendered();
        Exposition::of(
            rendered.texts.clone(),
            self.fresh(&rendered, introspect),
            gzip,
        )
    }

    /// A portion of the exposition now; none if a text is damaged. The first shard of a number that was not
    /// asked for before may take seconds.
    pub fn portion(
        &self,
        portion: Portion,
        introspect: &Introspect,
        gzip: bool,
    ) -> Option<Exposition> {
        let (texts, fresh) = self.texts(portion, introspect)?;
        Some(Exposition::of(texts, fresh, gzip))
    }

    /// A portion of the exposition now, in a form that is made while it is sent.
    pub fn on_demand(
        &self,
        portion: Portion,
        introspect: &Introspect,
        format: Format,
        coding: Coding,
    ) -> Option<OnDemand> {
        let (texts, fresh) = self.texts(portion, introspect)?;
        Some(OnDemand::of(texts, fresh, format, coding))
    }

    /// Whether it takes memory that is not taken yet to answer with a portion.
    pub fn is_new(&self, portion: Portion) -> bool {
        match portion {
            Portion::Shard { shard, .. } => !self.shards.has(shard.of()),
            _ => false,
        }
    }

    /// The kept texts of a portion, and the text of this moment that belongs behind them.
    fn texts(
        &self,
        portion: Portion,
        introspect: &Introspect,
    ) -> Option<(Vec<Arc<MetricText>>, Vec<u8>)> {
        let rendered = self.rendered();
        let (texts, mut fresh) = match portion {
            Portion::Shard { shard, .. } => {
                let split = self
                    .shards
                    .of(&rendered.texts, shard.of(), Instant::now().into())?;
                (split.texts(shard), self.shards.told(&split, shard))
            }
            _ => (rendered.texts.clone(), Vec::new()),
        };
        if portion.has_own() {
            fresh.extend(self.fresh(&rendered, introspect));
        }
        Some((portion.texts(&texts), fresh))
    }

    /// What the bridge says of itself at this moment.
    fn fresh(&self, rendered: &Rendered, introspect: &Introspect) -> Vec<u8> {
        let bridge = introspect(&rendered.view);
        self.bridge.gather(bridge).unwrap_or_else(|error| {
            tracing::error!(error, "reading the bridge's own metrics failed");
            Vec::new()
        })
    }

    fn show(&self, rendered: Rendered) {
        *lock(&self.rendered) = Arc::new(rendered);
        self.shards.forget(Instant::now().into());
    }

    fn rendered(&self) -> Arc<Rendered> {
        Arc::clone(&lock(&self.rendered))
    }
}
