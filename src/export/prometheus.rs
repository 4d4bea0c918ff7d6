//! The exposition: what is about GitLab rendered once per view, what is about the bridge at
//! every scrape.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::body::Bytes;
use opentelemetry_sdk::Resource;
use prometheus::{Encoder, Registry, TextEncoder};
use tokio_util::sync::CancellationToken;

use super::gzip::Beginning;
use super::meter::{Instruments, ViewPage};
use super::pages::{Bounds, pages};
use super::{Health, Introspect, Views};
use crate::metrics::{Bridge, Shown, View};

/// Renders the exposition.
pub struct Prometheus {
    gitlab: Collector<ViewPage>,
    bridge: Collector<Bridge>,
    shown: Shown,
    health: Health,
    rendered: Mutex<Rendered>,
}

struct Collector<T> {
    registry: Registry,
    instruments: Instruments<T>,
}

/// The part of the exposition that changes with the view.
#[derive(Clone, Default)]
struct Rendered {
    view: Arc<View>,
    text: Bytes,
    compressed: Beginning,
}

/// An exposition in two pieces, to be sent one after the other.
pub struct Exposition {
    /// Its pieces.
    pub pieces: [Bytes; 2],
    /// Whether they are a gzip stream.
    pub gzip: bool,
}

impl Prometheus {
    /// Builds the exporter.
    ///
    /// # Errors
    /// If the SDK's exporter can't be built.
    pub fn build(resource: &Resource, shown: Shown) -> Result<Prometheus> {
        let (registry, reader) = registry_and_reader()?;
        let instruments = Instruments::about_gitlab(reader, resource.clone(), &shown);
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
        let rendered = Mutex::new(Rendered {
            compressed: Beginning::new(b""),
            ..Rendered::default()
        });
        Ok(Prometheus {
            gitlab,
            bridge,
            shown,
            health: Health::new("prometheus"),
            rendered,
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
        let outcome = self.text(view).map(|text| {
            let compressed = Beginning::new(&text);
            let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
            *rendered = Rendered {
                view: Arc::clone(view),
                text: text.into(),
                compressed,
            };
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
        let pieces = match gzip {
            true => [
                rendered.compressed.bytes(),
                rendered.compressed.end(&fresh).into(),
            ],
            false => [rendered.text, fresh.into()],
        };
        Exposition { pieces, gzip }
    }

    fn rendered(&self) -> Rendered {
        self.rendered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn text(&self, view: &Arc<View>) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let mut shown_last = None;
        for page in pages(&self.shown, view, Bounds::DEFAULT, true) {
            let shows = page.iter().position(Option::is_some);
            let content = ViewPage {
                view: Arc::clone(view),
                page,
            };
            let part = self.gitlab.gather(content)?;
            // The next page of the same metric has its headers already.
            let continued = shown_last == shows && shows.is_some();
            text.extend_from_slice(if continued {
                without_headers(&part)
            } else {
                &part
            });
            shown_last = shows;
        }
        // A gather can't report an error, it returns less.
        let samples = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty() && line[0] != b'#')
            .count();
        match samples as u64 == view.series() {
            true => Ok(text),
            false => Err(format!("{samples} of {} series came out", view.series())),
        }
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

/// The text after its `# HELP` and `# TYPE` lines.
fn without_headers(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while rest.first() == Some(&b'#') {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |end| end + 1);
        rest = &rest[end..];
    }
    rest
}
